// SPDX-License-Identifier: Apache-2.0
//
// From an agent's Answer to a verdict for the kernel.  An agent is trusted to speak for its network, not to choose
// packets for the gateway to send: only ICMP errors that mean "unreachable", "too big" or "time exceeded" in the
// client's family pass.  Pure.
#pragma once

#include <string>

#include "netlink/types.hpp"
#include "session.pb.h"
#include "session/datagram_frame.hpp"
#include "sluiced/settings.hpp"

namespace sluice::gateway {

struct Judgement {
  netlink::Verdict verdict = netlink::Verdict::timeout;
  std::optional<netlink::IcmpError> icmp;  // as the kernel is to send it
  std::optional<Address> reporter;         // as the agent told it
  std::optional<std::uint8_t> ttl;         // of the echo reply
  std::string warning;                     // not empty: what the agent said wrongly
};

// *parked* is what the answer is about.  Errors about an echo request or a datagram, and time exceeded, come from who
// reported them (I1, I3, U6); *source* is for the others.
Judgement judge(const session::v1::Answer& answer, const netlink::Parked& parked, UnreachableSource source);

// Does it say that there is no way to the host from where the agent is?  What a host or a firewall says of itself
// (port, protocol, prohibited, too big) does not: another agent would be told the same, and asking twice would be
// probing.  Nor does what is about the TOS that the client chose.
bool is_out_of_reach(const Judgement& judgement, bool client_is_v4);

// An error about a bound association.  With a warning it is none to send.
Judgement judge(const session::DatagramError& error, bool client_is_v4);

}  // namespace sluice::gateway
