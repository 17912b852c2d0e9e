// SPDX-License-Identifier: Apache-2.0
#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"
#include "sluice/command.hpp"
#include "sluice/decision.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

nlohmann::json to_json(const netlink::Parked& parked, const std::string& network) {
  nlohmann::json json = {{"id", parked.id},
                         {"network", network},
                         {"client", parked.client},
                         {"protocol", netlink::protocol_name(parked.protocol)},
                         {"source", netlink::party(parked.protocol, parked.source)},
                         {"destination", netlink::party(parked.protocol, parked.destination)},
                         {"ttl", parked.ttl},
                         {"tos", parked.tos},
                         {"state", netlink::to_string(parked.state)},
                         {"age_ms", parked.age.count()},
                         {"retransmits", parked.retransmits},
                         {"scope", netlink::to_string(parked.scope)}};
  if (parked.index) json["index"] = *parked.index;
  if (netlink::is_echo(parked.protocol))
    json["echo"] = {
        {"id", parked.source.port}, {"sequence", parked.destination.port}, {"payload_bytes", parked.length}};
  if (netlink::is_datagram(parked.protocol)) json.update({{"payload_bytes", parked.length}, {"held", parked.held}});
  return json;
}

// An association that an agent carries, or that was refused, waits for nobody: `sluice association` has those.
bool is_parked(const netlink::Parked& parked) {
  return parked.state != netlink::State::bound && parked.state != netlink::State::discard;
}

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto all = kernel->sluice.parked();
  if (!all) return explain(all.error());
  nlohmann::json json = nlohmann::json::array();
  Table table(
      {"ID", "NETWORK", "CLIENT", "PROTOCOL", "SOURCE", "DESTINATION", "STATE", "AGE", "RETRANSMITS", "LET IN BY"});
  for (const netlink::Parked& parked : *all) {
    if (!is_parked(parked)) continue;
    const std::string network = kernel->device(parked.network);
    json.push_back(to_json(parked, network));
    table.add({std::to_string(parked.id), network, std::to_string(parked.client),
               netlink::protocol_name(parked.protocol), netlink::party(parked.protocol, parked.source),
               netlink::party(parked.protocol, parked.destination), std::string(netlink::to_string(parked.state)),
               human_duration(static_cast<double>(parked.age.count())), std::to_string(parked.retransmits),
               rule_place(parked.scope, parked.index.value_or(0), parked.client, network)});
  }
  if (context.json)
    print_json(json);
  else
    table.print();
  return {};
}

}  // namespace

void add_parked(CLI::App& app, Context& context, Action& action) {
  CLI::App* parked = app.add_subcommand("parked", "What waits for an agent: SYNs, pings and first datagrams");
  parked->require_subcommand(1);
  parked->add_subcommand("list", "List what is parked")->callback([&] { action = [&] { return list(context); }; });
}

}  // namespace sluice::cli
