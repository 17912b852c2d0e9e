// SPDX-License-Identifier: Apache-2.0
#include "netlink/rule_text.hpp"

#include <netinet/in.h>

#include <charconv>
#include <iterator>
#include <vector>

#include "netlink/protocol.hpp"

namespace sluice::netlink {
namespace {

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};

// A table of our own: getprotobyname() would make the meaning of a rule depend on a file of the host.
constexpr ProtocolName protocols[] = {
    {"tcp", IPPROTO_TCP},   {"udp", IPPROTO_UDP},       {"sctp", IPPROTO_SCTP},
    {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view blanks = " \t";
  for (std::size_t start = text.find_first_not_of(blanks); start != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(blanks, start), text.size());
    words.push_back(text.substr(start, end - start));
    start = text.find_first_not_of(blanks, end);
  }
  return words;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The whole text as a number from low to high.
std::optional<unsigned> parse_number(std::string_view text, unsigned low, unsigned high) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || number < low || number > high) return std::nullopt;
  return number;
}

Result<Action> parse_action(std::string_view text) {
  for (std::size_t i = 0; i < std::size(action_names); ++i)
    if (text == action_names[i]) return static_cast<Action>(i);
  return Error{"the action must be offer, refuse, prohibit or drop, not " + quoted(text)};
}

}  // namespace

Result<std::uint8_t> parse_protocol(std::string_view text) {
  for (const ProtocolName& protocol : protocols)
    if (text == protocol.name) return protocol.number;
  if (auto number = parse_number(text, 1, 255)) return static_cast<std::uint8_t>(*number);
  return Error{"the protocol must be tcp, udp, sctp, icmp, icmpv6 or a number from 1 to 255, not " + quoted(text)};
}

std::string protocol_name(std::uint8_t protocol) {
  for (const ProtocolName& known : protocols)
    if (protocol == known.number) return std::string(known.name);
  return std::to_string(protocol);
}

bool has_ports(std::uint8_t protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP; }

std::string party(std::uint8_t protocol, const Endpoint& endpoint) {
  return is_told_by_ports(protocol) ? endpoint.to_string() : endpoint.address.to_string();
}

Result<std::uint16_t> parse_port(std::string_view text) {
  if (auto number = parse_number(text, 1, 65535)) return static_cast<std::uint16_t>(*number);
  return Error{"a port must be a number from 1 to 65535, not " + quoted(text)};
}

Result<Rule::Ports> parse_ports(std::string_view text) {
  const std::size_t dash = text.find('-');
  auto first = parse_port(text.substr(0, dash));
  if (!first) return first.error();
  if (dash == text.npos) return Rule::Ports{*first, *first};
  auto last = parse_port(text.substr(dash + 1));
  if (!last) return last.error();
  if (*last < *first) return Error{"the range of ports " + quoted(text) + " ends before it starts"};
  return Rule::Ports{*first, *last};
}

Result<Rule> parse_rule(std::string_view text) {
  const std::vector<std::string_view> words = split(text);
  if (words.size() < 2 || words.size() > 4)
    return Error{"a rule is ACTION PROTOCOL|any [PREFIX|any [PORT[-PORT]]], not " + quoted(text)};
  Rule rule;
  auto action = parse_action(words[0]);
  if (!action) return action.error();
  rule.action = *action;
  if (words[1] != "any") {
    auto protocol = parse_protocol(words[1]);
    if (!protocol) return protocol.error();
    rule.protocol = *protocol;
  }
  if (words.size() > 2 && words[2] != "any") {
    auto prefix = Prefix::parse(words[2]);
    if (!prefix) return prefix.error();
    rule.prefix = *prefix;
  }
  if (words.size() > 3) {
    if (!rule.protocol) return Error{"ports need a protocol, in " + quoted(text)};
    if (!has_ports(*rule.protocol)) return Error{protocol_name(*rule.protocol) + " has no ports, in " + quoted(text)};
    auto ports = parse_ports(words[3]);
    if (!ports) return ports.error();
    rule.ports = *ports;
  }
  return rule;
}

std::string to_string(const Rule& rule) {
  std::string text(to_string(rule.action));
  text += " " + (rule.protocol ? protocol_name(*rule.protocol) : "any");
  if (rule.prefix)
    text += " " + (rule.prefix->length == 128 ? rule.prefix->address.to_string() : rule.prefix->to_string());
  else if (rule.ports)
    text += " any";
  if (rule.ports) {
    text += " " + std::to_string(rule.ports->first);
    if (rule.ports->last != rule.ports->first) text += "-" + std::to_string(rule.ports->last);
  }
  return text;
}

}  // namespace sluice::netlink
