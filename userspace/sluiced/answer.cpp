// SPDX-License-Identifier: Apache-2.0
#include "sluiced/answer.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

#include "netlink/protocol.hpp"
#include "sluiced/router.hpp"

namespace sluice::gateway {
namespace {

// RFC 1122, 3.2.2.1 and RFC 1812, 5.2.7.1: codes 0 to 15 of ICMP destination unreachable.
constexpr unsigned v4_code_max = 15;
// RFC 4443, 3.1 and RFC 7115: codes 0 to 7 of ICMPv6 destination unreachable.
constexpr unsigned v6_code_max = 7;
// Time exceeded ends a SYN as well, and a loop behind the agent must look like one: codes 0 and 1 (RFC 792; RFC
// 4443, 3.3).
constexpr unsigned exceeded_code_max = 1;
// The contract's range for a next-hop MTU.
constexpr unsigned mtu_min = 68;
constexpr unsigned mtu_max = 65535;

// What an agent says of an ICMP error; the numbers are not yet known to be any.
struct Told {
  unsigned type = 0;
  unsigned code = 0;
  unsigned mtu = 0;
  std::optional<Address> reporter;
};

bool is_allowed(const Told& told, bool v4) {
  const bool has_mtu = told.mtu >= mtu_min && told.mtu <= mtu_max;
  if (told.type == (v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED))
    return told.code <= exceeded_code_max && told.mtu == 0;
  if (v4) {
    if (told.type != ICMP_DEST_UNREACH || told.code > v4_code_max) return false;
    return told.mtu == 0 || has_mtu;
  }
  if (told.type == ICMP6_PACKET_TOO_BIG) return told.code == 0 && has_mtu;
  // ICMPv6's protocol unreachable (RFC 8200, 4).
  if (told.type == ICMP6_PARAM_PROB) return told.code == ICMP6_PARAMPROB_NEXTHEADER;
  return told.type == ICMP6_DST_UNREACH && told.code <= v6_code_max;
}

// The agent and we are routers on the reply's way, too.
constexpr unsigned hops_of_ours = 2;

void judge_unreachable(const Told& told, bool v4, UnreachableSource source, Judgement& judgement) {
  judgement.verdict = netlink::Verdict::unreachable;
  judgement.icmp = net_unreachable(v4);
  if (!is_allowed(told, v4)) {
    judgement.warning = "ICMP type " + std::to_string(told.type) + " code " + std::to_string(told.code) + " mtu " +
                        std::to_string(told.mtu) + " is no unreachable of the client's family";
    return;
  }
  judgement.icmp->type = static_cast<std::uint8_t>(told.type);
  judgement.icmp->code = static_cast<std::uint8_t>(told.code);
  const bool carries_mtu = v4 ? told.code == ICMP_FRAG_NEEDED : told.type == ICMP6_PACKET_TOO_BIG;
  if (carries_mtu && told.mtu != 0) judgement.icmp->mtu = told.mtu;
  judgement.reporter = told.reporter;
  // A packet has one family: a reporter of the other can be told to people, but not be a source.
  if (source == UnreachableSource::reporter && told.reporter && told.reporter->is_v4() == v4)
    judgement.icmp->source = told.reporter;
}

void judge_unreachable(const session::v1::Answer& answer, bool v4, UnreachableSource source, Judgement& judgement) {
  Told told{answer.icmp_type(), answer.icmp_code(), answer.icmp_mtu(), {}};
  const auto reporter = Address::from_bytes(answer.icmp_source());
  if (reporter) told.reporter = *reporter;
  judge_unreachable(told, v4, source, judgement);
  if (judgement.warning.empty() && !reporter && !answer.icmp_source().empty())
    judgement.warning = "the reporter's address has " + std::to_string(answer.icmp_source().size()) + " bytes";
}

}  // namespace

Judgement judge(const session::v1::Answer& answer, const netlink::Parked& parked, UnreachableSource source) {
  const bool client_is_v4 = parked.source.address.is_v4();
  Judgement judgement;
  const bool exceeded = answer.icmp_type() == (client_is_v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
  const bool is_echo = netlink::is_echo(parked.protocol);
  if (is_echo || netlink::is_datagram(parked.protocol) || exceeded) source = UnreachableSource::reporter;
  switch (answer.verdict()) {
    case session::v1::ACCEPT:
      judgement.verdict = is_echo ? netlink::Verdict::reply : netlink::Verdict::accept;
      if (is_echo && answer.ttl() != 0)
        judgement.ttl = static_cast<std::uint8_t>(std::clamp(answer.ttl(), hops_of_ours + 1, 255U) - hops_of_ours);
      return judgement;
    case session::v1::REFUSE:
      judgement.verdict = netlink::Verdict::refuse;
      return judgement;
    case session::v1::TIMEOUT:
      judgement.verdict = netlink::Verdict::timeout;
      return judgement;
    case session::v1::UNREACHABLE:
      judge_unreachable(answer, client_is_v4, source, judgement);
      return judgement;
    default:
      judgement.verdict = netlink::Verdict::unreachable;
      judgement.icmp = net_unreachable(client_is_v4);
      judgement.warning = "verdict " + std::to_string(answer.verdict()) + " is unknown";
      return judgement;
  }
}

bool is_out_of_reach(const Judgement& judgement, bool client_is_v4) {
  if (judgement.verdict != netlink::Verdict::unreachable || !judgement.icmp || !judgement.warning.empty()) return false;
  const auto [type, code] = std::pair(judgement.icmp->type, judgement.icmp->code);
  if (!client_is_v4)
    return type == ICMP6_DST_UNREACH && (code == ICMP6_DST_UNREACH_NOROUTE || code == ICMP6_DST_UNREACH_ADDR);
  if (type != ICMP_DEST_UNREACH) return false;
  switch (code) {
    case ICMP_NET_UNREACH:
    case ICMP_HOST_UNREACH:
    case ICMP_NET_UNKNOWN:
    case ICMP_HOST_UNKNOWN:
      return true;
    default:
      return false;
  }
}

Judgement judge(const session::DatagramError& error, bool client_is_v4) {
  Judgement judgement;
  judge_unreachable({error.type, error.code, error.mtu, error.reporter}, client_is_v4, UnreachableSource::reporter,
                    judgement);
  return judgement;
}

}  // namespace sluice::gateway
