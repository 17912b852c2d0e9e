// SPDX-License-Identifier: Apache-2.0
//
// Replies and events: the bytes behind a generic netlink header in, values out.  Pure.  Attributes that this version
// does not know are skipped, as a newer module may send more; a known one of the wrong shape is an error.
#pragma once

#include "base/result.hpp"
#include "netlink/message.hpp"
#include "netlink/types.hpp"

namespace sluice::netlink {

Result<Network> parse_network(Bytes attributes);
Result<Client> parse_client(Bytes attributes);
Result<Acl> parse_acl(Bytes attributes);
Result<AclDecision> parse_acl_decision(Bytes attributes);
Result<Parked> parse_parked(Bytes attributes);
Result<Withdrawn> parse_withdrawn(Bytes attributes);
Result<Counters> parse_counters(Bytes attributes);
Result<Controller> parse_controller(Bytes attributes);
Result<Pool> parse_pool(Bytes attributes);
Result<Generation> parse_generation(Bytes attributes);
Result<Esp> parse_esp(Bytes attributes);
Result<EspClient> parse_esp_client(Bytes attributes);
Result<Policy> parse_policy(Bytes attributes);
// PARKED_NTF, WITHDRAWN_NTF or ANOMALY_NTF, added to what *events* holds; other commands are a newer module's.
Result<void> parse_events(std::uint8_t command, Bytes attributes, Events& events);

// What the kernel said to a request: NLMSG_ERROR or NLMSG_DONE, the whole message with its header.  *request* is
// the message as it was sent; NETLINK_CAP_ACK leaves it out of the answer.  A success gives an ok result.
Result<void> parse_acknowledgement(Bytes message, Bytes request);

}  // namespace sluice::netlink
