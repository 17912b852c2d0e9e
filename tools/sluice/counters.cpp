// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sluice/command.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string network;
  bool nonzero = false;
};

const netlink::CounterName* find_name(std::uint16_t attribute) {
  for (const auto& counter : netlink::network_counters)
    if (counter.attribute == attribute) return &counter;
  for (const auto& counter : netlink::namespace_counters)
    if (counter.attribute == attribute) return &counter;
  return nullptr;
}

Result<void> show(const Context& context, const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  if (!arguments.network.empty())
    if (auto network = kernel->network(arguments.network); !network) return network.error();
  auto all = kernel->sluice.counters();
  if (!all) return explain(all.error());
  nlohmann::json json = nlohmann::json::array();
  Table table({"NETWORK", "COUNTER", "VALUE", "MEANING"});
  for (const netlink::Counters& counters : *all) {
    if (!arguments.network.empty() && counters.name != arguments.network) continue;
    nlohmann::json values = nlohmann::json::object();
    for (const auto& [attribute, value] : counters.values) {
      const netlink::CounterName* counter = find_name(attribute);
      if (!counter || (arguments.nonzero && value == 0)) continue;
      values[std::string(counter->name)] = value;
      table.add({counters.network ? counters.name : "(all)", std::string(counter->name), std::to_string(value),
                 std::string(counter->doc)});
    }
    nlohmann::json entry = {{"counters", values}};
    if (counters.network) entry["network"] = counters.name;
    json.push_back(entry);
  }
  if (context.json)
    print_json(json);
  else
    table.print();
  return {};
}

}  // namespace

void add_counters(CLI::App& app, Context& context, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* counters = app.add_subcommand("counters", "Counters of the kernel module");
  counters->add_option("NETWORK", arguments->network, "Only this network's");
  counters->add_flag("--nonzero", arguments->nonzero, "Only those that are not zero");
  counters->callback([&, arguments] { action = [&context, arguments] { return show(context, *arguments); }; });
}

}  // namespace sluice::cli
