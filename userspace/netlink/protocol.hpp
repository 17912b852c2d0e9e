// SPDX-License-Identifier: Apache-2.0
//
// The three kinds of what is parked, by IP protocol: a TCP connection, a ping, or the datagrams of an association.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace sluice::netlink {

/// ICMP and ICMPv6: nothing else of them is offered but echo requests.
constexpr bool is_echo(std::uint8_t protocol) { return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6; }

constexpr bool is_datagram(std::uint8_t protocol) { return protocol != IPPROTO_TCP && !is_echo(protocol); }

/// Are connections or associations told apart by ports?  Access rules know ports of more protocols.
constexpr bool is_told_by_ports(std::uint8_t protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP; }

}  // namespace sluice::netlink
