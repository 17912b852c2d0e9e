// SPDX-License-Identifier: Apache-2.0
//
// sluice pool: which ids of ESP clients belong to a network, and what addresses they have inside.
#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string network;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string base4;
  std::string base6;
  bool host = false;
};

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto pools = kernel->sluice.pools();
  if (!pools) return explain(pools.error());
  nlohmann::json all = nlohmann::json::array();
  Table table({"NETWORK", "FIRST", "LAST", "IPV4", "IPV6", "HOST"});
  auto text = [](const std::optional<Address>& address) { return address ? address->to_string() : std::string("-"); };
  for (const netlink::Pool& pool : *pools) {
    const std::string network = kernel->device(pool.network);
    all.push_back(to_json(pool, network));
    table.add({network, std::to_string(pool.first), std::to_string(pool.last), text(pool.ipv4), text(pool.ipv6),
               pool.host ? "yes" : "no"});
  }
  if (context.json)
    print_json(all);
  else
    table.print();
  return {};
}

Result<std::optional<Address>> parse_base(const std::string& text, const char* option, bool v4) {
  if (text.empty()) return std::optional<Address>();
  auto address = Address::parse(text);
  if (!address) return address.error().in(option);
  if (address->is_v4() != v4) return Error{std::string(option) + ": " + text + " is of the other family"};
  return std::optional<Address>(*address);
}

Result<void> make(const Arguments& arguments) {
  auto ipv4 = parse_base(arguments.base4, "--base4", true);
  if (!ipv4) return ipv4.error();
  auto ipv6 = parse_base(arguments.base6, "--base6", false);
  if (!ipv6) return ipv6.error();
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto network = kernel->network(arguments.network);
  if (!network) return network.error();
  auto done =
      kernel->sluice.new_pool({network->ifindex, arguments.first, arguments.last, *ipv4, *ipv6, arguments.host});
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> remove(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.delete_pool(arguments.first);
  if (!done && done.error().number == ENOENT)
    return Error{"no pool begins with id " + std::to_string(arguments.first) + "; `sluice pool list` shows them"};
  return done ? done : Result<void>(explain(done.error()));
}

}  // namespace

void add_pool(CLI::App& app, Context& context, Action& action) {
  CLI::App* pool = app.add_subcommand("pool", "Pools: the ids and inner addresses of a network's ESP clients");
  pool->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  const CLI::Range ids(1U, netlink::esp_id_max);
  pool->add_subcommand("list", "List pools")->callback([&] { action = [&] { return list(context); }; });
  CLI::App* create =
      pool->add_subcommand("new", "Give a range of ids to a network; stays until sluiced reads its configuration");
  create->add_option("--network", arguments->network, "Name of the network's device")->required();
  create->add_option("--first", arguments->first, "First id")->required()->check(ids);
  create->add_option("--last", arguments->last, "Last id")->required()->check(ids);
  create->add_option("--base4", arguments->base4, "IPv4 address to which the id is added; default: no IPv4 inside");
  create->add_option("--base6", arguments->base6, "IPv6 address to which the id is added; default: no IPv6 inside");
  create->add_flag("--host", arguments->host, "Let the clients reach the gateway host itself");
  create->callback([&, arguments] { action = [arguments] { return make(*arguments); }; });
  CLI::App* del = pool->add_subcommand("del", "Take a range of ids away again");
  del->add_option("--first", arguments->first, "Its first id")->required()->check(ids);
  del->callback([&, arguments] { action = [arguments] { return remove(*arguments); }; });
}

}  // namespace sluice::cli
