// SPDX-License-Identifier: Apache-2.0
#include "sluice/command.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::uint32_t id = 0;
  std::string network;
  std::string access;
  std::vector<std::string> addresses;
};

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto clients = kernel->sluice.clients();
  if (!clients) return explain(clients.error());
  nlohmann::json all = nlohmann::json::array();
  Table table({"CLIENT", "NETWORK", "ACCESS", "ADDRESSES"});
  for (const netlink::Client& client : *clients) {
    const std::string network = kernel->device(client.network);
    const std::string access = kernel->device(client.access);
    nlohmann::json addresses = nlohmann::json::array();
    for (const Prefix& prefix : client.prefixes) addresses.push_back(prefix.to_string());
    all.push_back({{"id", client.id}, {"network", network}, {"access", access}, {"addresses", addresses}});
    table.add({std::to_string(client.id), network, access, join(client.prefixes)});
  }
  if (context.json)
    print_json(all);
  else
    table.print();
  return {};
}

Result<void> add(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto network = kernel->network(arguments.network);
  if (!network) return network.error();
  auto access = kernel->host.device_index(arguments.access);
  if (!access) return access.error();
  netlink::Client client{arguments.id, network->ifindex, *access, {}};
  for (const std::string& text : arguments.addresses) {
    auto prefix = Prefix::parse(text);
    if (!prefix) return prefix.error();
    client.prefixes.push_back(*prefix);
  }
  auto done = kernel->sluice.new_client(client);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> remove(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.delete_client(arguments.id);
  if (!done && done.error().number == ENOENT)
    return Error{"there is no client " + std::to_string(arguments.id) + "; `sluice client list` shows them"};
  return done ? done : Result<void>(explain(done.error()));
}

}  // namespace

void add_client(CLI::App& app, Context& context, Action& action) {
  CLI::App* client = app.add_subcommand("client", "Clients");
  client->require_subcommand(1);
  client->footer("Clients that come in by ESP: sluice esp-client");
  auto arguments = std::make_shared<Arguments>();
  client->add_subcommand("list", "List clients")->callback([&] { action = [&] { return list(context); }; });
  CLI::App* make = client->add_subcommand("add", "Register a client; it stays until sluiced reads its configuration");
  make->add_option("ID", arguments->id, "Number, unique on this gateway")->required()->check(CLI::PositiveNumber);
  make->add_option("NETWORK", arguments->network, "Its network")->required();
  make->add_option("ACCESS", arguments->access, "Device that its packets come in on")->required();
  make->add_option("ADDRESS", arguments->addresses, "Addresses or prefixes, 1 to 16")->required()->expected(1, 16);
  make->callback([&, arguments] { action = [arguments] { return add(*arguments); }; });
  CLI::App* del = client->add_subcommand("delete", "Remove a client and its parked SYNs");
  del->add_option("ID", arguments->id, "Its number")->required()->check(CLI::PositiveNumber);
  del->callback([&, arguments] { action = [arguments] { return remove(*arguments); }; });
}

}  // namespace sluice::cli
