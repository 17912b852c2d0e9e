// SPDX-License-Identifier: Apache-2.0
//
// sluice esp-client: who comes in by ESP, and who may not.  (`sluice client` is about clients of access networks, and
// about the pools' addresses as clients with rules.)
#include <map>

#include "netlink/esp_text.hpp"
#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::uint32_t id = 0;
  std::uint32_t generation = 0;
  std::uint16_t below = 0;
};

std::string inner_text(const netlink::EspClient& client) {
  std::string text;
  for (const auto& address : {client.inner_ipv4, client.inner_ipv6})
    if (address) text += (text.empty() ? "" : ", ") + address->to_string();
  return text;
}

std::vector<std::string> row_of(const netlink::EspClient& client, const std::string& network) {
  const std::string outer = netlink::outer_text(client.address, client.port);
  return {std::to_string(client.id),
          client.generation ? std::to_string(*client.generation) : "-",
          network,
          inner_text(client),
          outer.empty() ? "-" : outer,
          outer.empty() ? "-" : std::string(netlink::to_string(client.encapsulation)),
          client.incarnation ? std::to_string(*client.incarnation) : "-",
          std::to_string(client.received),
          std::to_string(client.sent),
          client.idle ? human_duration(static_cast<double>(client.idle->count())) : "-",
          std::to_string(client.moves),
          std::to_string(client.failures),
          standing(client)};
}

Result<void> list(const Context& context, const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  const bool has_id = arguments.id != 0;
  auto clients = kernel->sluice.esp_clients(has_id ? std::optional(arguments.id) : std::nullopt);
  if (!clients) return explain(clients.error());
  nlohmann::json all = nlohmann::json::array();
  Table table({"ID", "GENERATION", "NETWORK", "INNER", "OUTER", "BY", "INCARNATION", "RECEIVED", "SENT", "IDLE",
               "MOVES", "FAILURES", "MAY NOT"});
  // A million clients share a few networks: each name is asked once.
  std::map<std::uint32_t, std::string> names;
  for (const netlink::EspClient& client : *clients) {
    const auto [name, is_new] = names.try_emplace(client.network);
    if (is_new && client.network != 0) name->second = kernel->device(client.network);
    if (context.json)
      all.push_back(to_json(client, name->second));
    else
      table.add(row_of(client, name->second));
  }
  if (context.json)
    print_json(all);
  else
    table.print();
  return {};
}

Result<void> change(const netlink::EspClientChange& change) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.set_esp_client(change);
  return done ? done : Result<void>(explain(done.error()));
}

}  // namespace

void add_esp_client(CLI::App& app, Context& context, Action& action) {
  CLI::App* client = app.add_subcommand("esp-client", "Clients that come in by ESP");
  client->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  auto add_id = [&](CLI::App* command) {
    return command->add_option("--id", arguments->id, "Its id")->check(CLI::Range(1U, netlink::esp_id_max));
  };
  CLI::App* show = client->add_subcommand("list", "List those heard, revoked or banned");
  add_id(show);
  show->callback([&, arguments] { action = [&context, arguments] { return list(context, *arguments); }; });

  CLI::App* ban = client->add_subcommand("ban", "Take nothing from an id and send it nothing, in every generation");
  add_id(ban)->required();
  ban->callback([&, arguments] { action = [arguments] { return change({arguments->id, {}, {}, true}); }; });
  CLI::App* unban = client->add_subcommand("unban", "Lift the ban");
  add_id(unban)->required();
  unban->callback([&, arguments] { action = [arguments] { return change({arguments->id, {}, {}, false}); }; });

  CLI::App* revoke = client->add_subcommand("revoke", "Revoke the incarnations of an id below one");
  add_id(revoke)->required();
  revoke->add_option("--below", arguments->below, "Those below this; 512: all")
      ->required()
      ->check(CLI::Range(0, static_cast<int>(netlink::esp_incarnation_end)));
  revoke->add_option("--generation", arguments->generation, "Only in this generation; default: in every live one")
      ->check(CLI::PositiveNumber);
  revoke->callback([&, arguments] {
    action = [arguments] {
      netlink::EspClientChange revoked{arguments->id, {}, arguments->below, {}};
      if (arguments->generation != 0) revoked.generation = arguments->generation;
      return change(revoked);
    };
  });
}

}  // namespace sluice::cli
