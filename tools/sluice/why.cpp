// SPDX-License-Identifier: Apache-2.0
//
// sluice why: what became of recent connections, pings and associations, from sluiced's records; and what would become
// of one that left no record, from the kernel, because a connection that an ACL denies wakes nobody.
#include <netinet/in.h>

#include <algorithm>
#include <cstdio>

#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"
#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/decision.hpp"
#include "sluice/explain.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string client;
  std::string destination;
  std::string protocol;
  std::uint32_t last = 10;
};

struct Question {
  std::optional<Address> client;
  std::optional<Address> destination;
  std::uint16_t port = 0;
  std::optional<std::uint8_t> protocol;
};

// "ADDRESS:PORT", "[ADDRESS]:PORT" or "ADDRESS"; IPv6 without brackets is an address alone.
Result<void> parse_destination(const std::string& text, Question& question) {
  if (auto address = Address::parse(text)) {
    question.destination = *address;
    return {};
  }
  auto endpoint = Endpoint::parse(text);
  if (!endpoint) return endpoint.error();
  question.destination = endpoint->address;
  question.port = endpoint->port;
  return {};
}

Result<Question> parse_question(const Arguments& arguments) {
  Question question;
  if (!arguments.protocol.empty()) {
    auto protocol = netlink::parse_protocol(arguments.protocol);
    if (!protocol) return protocol.error();
    question.protocol = *protocol;
  }
  // A port can't be a client's: one argument with a port is a destination.
  auto client = Address::parse(arguments.client);
  if (!arguments.client.empty()) {
    if (client)
      question.client = *client;
    else if (arguments.destination.empty())
      return [&]() -> Result<Question> {
        if (auto parsed = parse_destination(arguments.client, question); !parsed) return parsed.error();
        return question;
      }();
    else
      return client.error();
  }
  if (!arguments.destination.empty())
    if (auto parsed = parse_destination(arguments.destination, question); !parsed) return parsed.error();
  return question;
}

nlohmann::json request_of(const Question& question, const Arguments& arguments) {
  nlohmann::json request = {{"get", "why"}, {"last", arguments.last}};
  if (question.client) request["source"] = question.client->to_string();
  if (question.destination) request["destination"] = question.destination->to_string();
  if (question.port != 0) request["port"] = question.port;
  if (question.protocol) request["protocol"] = netlink::protocol_name(*question.protocol);
  return request;
}

// Those that the question may be about: an address alone may have been pinged.
std::vector<std::uint8_t> protocols_of(const Question& question) {
  const std::uint8_t echo = question.destination->is_v4() ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
  // "icmp" is said of both families, and no access rule meets the other one.
  if (question.protocol) return {netlink::is_echo(*question.protocol) ? echo : *question.protocol};
  std::vector<std::uint8_t> protocols{IPPROTO_TCP, IPPROTO_UDP};
  if (question.port == 0) protocols.push_back(echo);
  return protocols;
}

struct Asked {
  std::uint8_t protocol;
  Decision decision;
};

// What the kernel would do with each protocol now.
Result<std::vector<Asked>> ask_kernel(const Question& question) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  std::vector<Asked> all;
  for (const std::uint8_t protocol : protocols_of(question)) {
    auto decision = decide(*kernel, {*question.client, *question.destination, protocol, question.port});
    if (!decision) return decision.error();
    all.push_back({protocol, *std::move(decision)});
  }
  return all;
}

void print_decisions(const std::vector<Asked>& all) {
  auto is_same = [&](const Asked& asked) { return asked.decision.text() == all.front().decision.text(); };
  if (std::ranges::all_of(all, is_same)) {
    std::printf("Now it would be %s.\n", all.front().decision.text().c_str());
    return;
  }
  for (const Asked& asked : all)
    std::printf("Now %s would be %s.\n", netlink::protocol_name(asked.protocol).c_str(), asked.decision.text().c_str());
}

Result<void> why(const Context& context, const Arguments& arguments) {
  auto question = parse_question(arguments);
  if (!question) return question.error();
  auto answer = ask(context.socket, request_of(*question, arguments));
  const bool has_records = answer && !(*answer)["connections"].empty();
  nlohmann::json result = {{"connections", has_records ? (*answer)["connections"] : nlohmann::json::array()}};

  // The kernel can be asked even when sluiced is not there.
  std::optional<Result<std::vector<Asked>>> decisions;
  if (question->client && question->destination) decisions = ask_kernel(*question);
  const bool is_decided = decisions && *decisions;
  if (is_decided)
    for (const Asked& asked : **decisions)
      result["kernel"][netlink::protocol_name(asked.protocol)] = asked.decision.json();
  if (!answer && !is_decided) return answer.error();

  if (context.json) {
    print_json(result);
    return {};
  }
  // The newest last, next to the prompt.
  const auto& connections = result["connections"];
  for (auto connection = connections.rbegin(); connection != connections.rend(); ++connection)
    std::printf("%s\n", explain_connection(*connection).c_str());
  // What was offered before may be denied now, and a denied connection leaves no record.
  const bool is_denied = is_decided && std::ranges::any_of(**decisions, [](const Asked& asked) {
                           return asked.decision.kernel.action != netlink::Action::offer;
                         });
  if (has_records && !is_denied) return {};
  if (!answer) std::printf("%s\n", answer.error().message.c_str());
  if (answer && !has_records) std::printf("No recent connection of this kind was offered.\n");
  if (!decisions) return {};
  if (!*decisions) return decisions->error();
  print_decisions(**decisions);
  return {};
}

}  // namespace

void add_why(CLI::App& app, Context& context, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("why", "Tell why recent connections went as they did");
  command->add_option("CLIENT", arguments->client, "The client's address");
  command->add_option("DESTINATION", arguments->destination, "ADDRESS or ADDRESS:PORT");
  command->add_option("--protocol", arguments->protocol, "tcp, udp, icmp or a number; default any");
  command->add_option("--last", arguments->last, "How many")->capture_default_str()->check(CLI::Range(1, 4096));
  command->callback([&, arguments] { action = [&context, arguments] { return why(context, *arguments); }; });
}

}  // namespace sluice::cli
