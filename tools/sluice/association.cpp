// SPDX-License-Identifier: Apache-2.0
//
// sluice association: the associations of datagrams, as the kernel lists them; of bound ones sluiced knows the agent
// and what was carried, where it answers.
#include <map>

#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"
#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

// By the kernel's id.
std::map<std::uint32_t, nlohmann::json> carried(const Context& context) {
  std::map<std::uint32_t, nlohmann::json> all;
  const auto answer = ask(context.socket, {{"get", "associations"}});
  if (!answer) return all;  // told apart by empty columns: the kernel's part is right all the same
  for (const auto& association : (*answer)["associations"])
    all.emplace(association["id"].get<std::uint32_t>(), association);
  return all;
}

nlohmann::json to_json(const netlink::Parked& parked, const std::string& network) {
  nlohmann::json json = {{"id", parked.id},
                         {"network", network},
                         {"client", parked.client},
                         {"protocol", netlink::protocol_name(parked.protocol)},
                         {"source", netlink::party(parked.protocol, parked.source)},
                         {"destination", netlink::party(parked.protocol, parked.destination)},
                         {"state", netlink::to_string(parked.state)},
                         {"age_ms", parked.age.count()},
                         {"held", parked.held}};
  if (parked.idle) json["idle_ms"] = parked.idle->count();
  return json;
}

std::string direction_text(const nlohmann::json& direction) {
  std::string text = std::to_string(direction["datagrams"].get<std::uint64_t>()) + ", " +
                     human_bytes(direction["bytes"].get<std::uint64_t>());
  if (const auto dropped = direction["dropped"].get<std::uint64_t>(); dropped > 0)
    text += ", " + std::to_string(dropped) + " dropped";
  return text;
}

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto all = kernel->sluice.parked();
  if (!all) return explain(all.error());
  const auto carried_by_id = carried(context);
  nlohmann::json json = nlohmann::json::array();
  Table table({"ID", "NETWORK", "CLIENT", "PROTOCOL", "SOURCE", "DESTINATION", "STATE", "AGE", "IDLE", "AGENT",
               "TO SERVER", "TO CLIENT"});
  for (const netlink::Parked& parked : *all) {
    if (!netlink::is_datagram(parked.protocol)) continue;
    const std::string network = kernel->device(parked.network);
    json.push_back(to_json(parked, network));
    std::vector<std::string> row{std::to_string(parked.id),
                                 network,
                                 std::to_string(parked.client),
                                 netlink::protocol_name(parked.protocol),
                                 netlink::party(parked.protocol, parked.source),
                                 netlink::party(parked.protocol, parked.destination),
                                 std::string(netlink::to_string(parked.state)),
                                 human_duration(static_cast<double>(parked.age.count())),
                                 parked.idle ? human_duration(static_cast<double>(parked.idle->count())) : ""};
    if (const auto found = carried_by_id.find(parked.id); found != carried_by_id.end()) {
      for (const char* key : {"agent", "to_server", "to_client"}) json.back()[key] = found->second[key];
      row.insert(row.end(), {printable(found->second["agent"].get<std::string>()),
                             direction_text(found->second["to_server"]), direction_text(found->second["to_client"])});
    }
    table.add(std::move(row));
  }
  if (context.json)
    print_json(json);
  else
    table.print();
  return {};
}

}  // namespace

void add_association(CLI::App& app, Context& context, Action& action) {
  CLI::App* association = app.add_subcommand("association", "Associations of UDP and other datagrams");
  association->require_subcommand(1);
  association->add_subcommand("list", "List associations")->callback([&] { action = [&] { return list(context); }; });
}

}  // namespace sluice::cli
