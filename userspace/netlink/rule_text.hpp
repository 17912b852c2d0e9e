// SPDX-License-Identifier: Apache-2.0
//
// ACL rules as people write them:
//   ACTION PROTOCOL|any [PREFIX|any [PORT[-PORT]]]
// for example "refuse tcp 10.20.0.10 22", "drop tcp any 135-139", "offer any".
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "netlink/types.hpp"

namespace sluice::netlink {

Result<Rule> parse_rule(std::string_view text);
// The shortest text that parse_rule() reads as the same rule.
std::string to_string(const Rule& rule);

// "tcp", "udp", "sctp", "icmp", "icmpv6" or a number from 1 to 255.
Result<std::uint8_t> parse_protocol(std::string_view text);
std::string protocol_name(std::uint8_t protocol);
// Does it have ports, that a rule may name?
bool has_ports(std::uint8_t protocol);
// One party of a connection: "192.0.2.1:80"; where the port is none (protocol.hpp), "192.0.2.1".
std::string party(std::uint8_t protocol, const Endpoint& endpoint);

// 1 to 65535.
Result<std::uint16_t> parse_port(std::string_view text);
// "53" or "5000-5999".
Result<Rule::Ports> parse_ports(std::string_view text);

}  // namespace sluice::netlink
