// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "netlink/rule_text.hpp"
#include "sluice/command.hpp"
#include "sluice/decision.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string owner;
  std::vector<std::string> rules;
  std::string source;
  std::string destination;
  std::string protocol = "tcp";
};

// A number is a client's id; anything else a network's name.
Result<netlink::AclOwner> find_owner(Kernel& kernel, const std::string& text) {
  std::uint32_t id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failure == std::errc{} && end == text.data() + text.size()) return netlink::AclOwner{{}, id};
  auto network = kernel.network(text);
  if (!network) return network.error();
  return netlink::AclOwner{network->ifindex, {}};
}

Result<void> show(const Context& context, const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto owner = find_owner(*kernel, arguments.owner);
  if (!owner) return owner.error();
  auto acl = kernel->sluice.acl(*owner);
  if (!acl) return explain(acl.error());
  nlohmann::json all = nlohmann::json::array();
  Table table({"INDEX", "RULE"});
  for (std::size_t i = 0; i < acl->rules.size(); ++i) {
    const std::string text = netlink::to_string(acl->rules[i]);
    all.push_back(text);
    table.add({std::to_string(i), text});
  }
  if (context.json)
    print_json({{"rules", all}});
  else
    table.print();
  return {};
}

Result<void> set(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto owner = find_owner(*kernel, arguments.owner);
  if (!owner) return owner.error();
  netlink::Acl acl{*owner, {}};
  for (const std::string& text : arguments.rules) {
    auto rule = netlink::parse_rule(text);
    if (!rule) return rule.error();
    acl.rules.push_back(*rule);
  }
  auto done = kernel->sluice.set_acl(acl);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> test(const Context& context, const Arguments& arguments) {
  netlink::AclQuestion question;
  auto source = Address::parse(arguments.source);
  if (!source) return source.error();
  question.source = *source;
  auto protocol = netlink::parse_protocol(arguments.protocol);
  if (!protocol) return protocol.error();
  question.protocol = *protocol;
  if (auto destination = Endpoint::parse(arguments.destination)) {
    question.destination = destination->address;
    question.port = destination->port;
  } else if (auto address = Address::parse(arguments.destination)) {
    question.destination = *address;
  } else {
    return destination.error();
  }
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto decision = decide(*kernel, question);
  if (!decision) return decision.error();
  if (context.json)
    print_json(decision->json());
  else
    std::printf("%s\n", decision->text().c_str());
  return {};
}

}  // namespace

void add_acl(CLI::App& app, Context& context, Action& action) {
  CLI::App* acl = app.add_subcommand("acl", "Access rules of networks and clients");
  acl->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* shown = acl->add_subcommand("show", "Show the rules of a network or of a client");
  shown->add_option("OWNER", arguments->owner, "A network's name or a client's number")->required();
  shown->callback([&, arguments] { action = [&context, arguments] { return show(context, *arguments); }; });
  CLI::App* change =
      acl->add_subcommand("set", "Replace the rules, all at once; they stay until sluiced reads its own");
  change->add_option("OWNER", arguments->owner, "A network's name or a client's number")->required();
  change->add_option("RULE", arguments->rules, "\"ACTION PROTOCOL|any [PREFIX|any [PORT[-PORT]]]\", one argument each");
  change->callback([&, arguments] { action = [arguments] { return set(*arguments); }; });
  CLI::App* asked = acl->add_subcommand("test", "Ask the kernel what it would do with a connection");
  asked->add_option("CLIENT", arguments->source, "The client's address")->required();
  asked->add_option("DESTINATION", arguments->destination, "ADDRESS:PORT, or ADDRESS")->required();
  asked->add_option("--protocol", arguments->protocol, "Protocol")->capture_default_str();
  asked->callback([&, arguments] { action = [&context, arguments] { return test(context, *arguments); }; });
}

}  // namespace sluice::cli
