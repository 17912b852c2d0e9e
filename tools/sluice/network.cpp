// SPDX-License-Identifier: Apache-2.0
#include "base/duration.hpp"
#include "sluice/command.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string name;
  std::vector<std::string> addresses;
  std::string park_timeout;
  std::uint32_t park_max = 0;
  std::uint32_t park_client_max = 0;
  std::uint32_t park_source_max = 0;
  std::uint32_t association_max = 0;
  std::uint32_t association_client_max = 0;
  std::uint32_t association_source_max = 0;
  std::string discard_time;
};

nlohmann::json to_json(Kernel& kernel, const netlink::Network& network) {
  nlohmann::json addresses = nlohmann::json::array();
  if (auto found = kernel.host.addresses(network.ifindex))
    for (const Prefix& prefix : *found) addresses.push_back(prefix.to_string());
  return {{"name", network.name},
          {"ifindex", network.ifindex},
          {"addresses", addresses},
          {"park_timeout_ms", network.park_timeout_ms},
          {"park_max", network.park_max},
          {"park_client_max", network.park_client_max},
          {"park_source_max", network.park_source_max},
          {"association_max", network.association_max},
          {"association_client_max", network.association_client_max},
          {"association_source_max", network.association_source_max},
          {"discard_time_ms", network.discard_time_ms},
          {"parked", network.parked},
          {"associations", network.associations},
          {"clients", network.clients}};
}

std::string addresses_of(Kernel& kernel, const netlink::Network& network) {
  auto found = kernel.host.addresses(network.ifindex);
  return found ? join(*found) : std::string();
}

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto networks = kernel->sluice.networks();
  if (!networks) return explain(networks.error());
  if (context.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& network : *networks) all.push_back(to_json(*kernel, network));
    print_json(all);
    return {};
  }
  Table table({"NETWORK", "ADDRESSES", "CLIENTS", "PARKED", "PARK-MAX", "PARK-TIMEOUT", "ASSOCIATIONS"});
  for (const auto& network : *networks)
    table.add({network.name, addresses_of(*kernel, network), std::to_string(network.clients),
               std::to_string(network.parked), std::to_string(network.park_max),
               to_string(Duration(network.park_timeout_ms)), std::to_string(network.associations)});
  table.print();
  return {};
}

Result<void> show(const Context& context, const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto network = kernel->network(arguments.name);
  if (!network) return network.error();
  if (context.json) {
    print_json(to_json(*kernel, *network));
    return {};
  }
  std::printf("network          %s (device %u)\n", network->name.c_str(), network->ifindex);
  std::printf("addresses        %s\n", addresses_of(*kernel, *network).c_str());
  std::printf("clients          %u\n", network->clients);
  std::printf("parked           %u of %u\n", network->parked, network->park_max);
  std::printf("per client       at most %u\n", network->park_client_max);
  std::printf("per source       at most %u\n", network->park_source_max);
  std::printf("park time        %s after the client's last SYN\n",
              to_string(Duration(network->park_timeout_ms)).c_str());
  std::printf("associations     %u of %u\n", network->associations, network->association_max);
  std::printf("per client       at most %u\n", network->association_client_max);
  std::printf("per source       at most %u\n", network->association_source_max);
  std::printf("discard time     %s after a refusal\n", to_string(Duration(network->discard_time_ms)).c_str());
  return {};
}

Result<netlink::NetworkLimits> limits_of(const Arguments& arguments) {
  netlink::NetworkLimits limits;
  if (!arguments.park_timeout.empty()) {
    auto timeout = parse_duration(arguments.park_timeout);
    if (!timeout) return timeout.error().in("--park-timeout");
    limits.park_timeout_ms = static_cast<std::uint32_t>(timeout->count());
  }
  if (!arguments.discard_time.empty()) {
    auto time = parse_duration(arguments.discard_time);
    if (!time) return time.error().in("--discard-time");
    limits.discard_time_ms = static_cast<std::uint32_t>(time->count());
  }
  if (arguments.park_max != 0) limits.park_max = arguments.park_max;
  if (arguments.park_client_max != 0) limits.park_client_max = arguments.park_client_max;
  if (arguments.park_source_max != 0) limits.park_source_max = arguments.park_source_max;
  if (arguments.association_max != 0) limits.association_max = arguments.association_max;
  if (arguments.association_client_max != 0) limits.association_client_max = arguments.association_client_max;
  if (arguments.association_source_max != 0) limits.association_source_max = arguments.association_source_max;
  return limits;
}

Result<void> apply(Kernel& kernel, std::uint32_t ifindex, const Arguments& arguments) {
  auto limits = limits_of(arguments);
  if (!limits) return limits.error();
  if (*limits == netlink::NetworkLimits{}) return {};
  auto done = kernel.sluice.set_network(ifindex, *limits);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> add(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  std::vector<Prefix> addresses;
  for (const std::string& text : arguments.addresses) {
    auto address = Address::parse(text);
    if (!address) return address.error();
    addresses.push_back({*address, 128});
  }
  if (auto there = kernel->sluice.network(arguments.name))
    return Error{"network \"" + arguments.name + "\" is there already; `sluice network set` changes it"};
  auto index = kernel->host.ensure_network_device(arguments.name);
  if (!index) return explain(index.error());
  if (auto done = kernel->host.set_addresses(*index, addresses); !done) return explain(done.error());
  if (auto done = kernel->host.set_up(arguments.name); !done) return explain(done.error());
  return apply(*kernel, *index, arguments);
}

Result<void> set(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto network = kernel->network(arguments.name);
  if (!network) return network.error();
  return apply(*kernel, network->ifindex, arguments);
}

Result<void> remove(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->host.delete_network_device(arguments.name);
  return done ? done : Result<void>(explain(done.error()));
}

void add_limits(CLI::App& command, Arguments& arguments) {
  command.add_option("--park-timeout", arguments.park_timeout, "Time a SYN stays parked, such as 20s");
  command.add_option("--park-max", arguments.park_max, "Most SYNs parked at once");
  command.add_option("--park-client-max", arguments.park_client_max, "Most SYNs parked at once for one client");
  command.add_option("--park-source-max", arguments.park_source_max, "Most SYNs parked at once for one source");
  command.add_option("--association-max", arguments.association_max, "Most associations at once");
  command.add_option("--association-client-max", arguments.association_client_max,
                     "Most associations at once for one client");
  command.add_option("--association-source-max", arguments.association_source_max,
                     "Most associations at once for one source");
  command.add_option("--discard-time", arguments.discard_time,
                     "Time that an association is answered or dropped in the kernel after a refusal, such as 10s");
}

}  // namespace

void add_network(CLI::App& app, Context& context, Action& action) {
  CLI::App* network = app.add_subcommand("network", "Networks");
  network->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  auto named = [&](const char* name, const char* description) {
    CLI::App* command = network->add_subcommand(name, description);
    command->add_option("NETWORK", arguments->name, "Name of the network's device")->required();
    return command;
  };
  network->add_subcommand("list", "List networks")->callback([&] { action = [&] { return list(context); }; });
  named("show", "Show one network")->callback([&, arguments] {
    action = [&context, arguments] { return show(context, *arguments); };
  });
  CLI::App* make = named("add", "Make a network: its device, addresses and limits");
  make->add_option("ADDRESS", arguments->addresses, "Gateway address, one a family");
  add_limits(*make, *arguments);
  make->callback([&, arguments] { action = [arguments] { return add(*arguments); }; });
  CLI::App* change = named("set", "Change a network's limits");
  add_limits(*change, *arguments);
  change->callback([&, arguments] { action = [arguments] { return set(*arguments); }; });
  named("delete", "Remove a network with its clients and parked SYNs")->callback([&, arguments] {
    action = [arguments] { return remove(*arguments); };
  });
}

}  // namespace sluice::cli
