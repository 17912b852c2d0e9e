// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kernel_metrics.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "netlink/socket.hpp"

namespace sluice::gateway {
namespace {

using metrics::Families;
using metrics::Labels;

constexpr std::string_view drop = "drop_";
constexpr std::string_view drop_of[] = {"esp_", "policy_"};

const netlink::CounterName* find_name(const netlink::Counters& counters, std::uint16_t attribute) {
  auto find = [attribute](const auto& names) -> const netlink::CounterName* {
    const auto found = std::ranges::find(names, attribute, &netlink::CounterName::attribute);
    return found == std::end(names) ? nullptr : found;
  };
  return counters.network ? find(netlink::network_counters) : find(netlink::namespace_counters);
}

void add_counter(Families& families, const netlink::CounterName& counter, std::uint64_t value, Labels labels) {
  std::string name(counter.name);
  std::ranges::replace(name, '-', '_');
  // "esp_drop_short" is of the reason esp_short, "policy_drop_limited" of policy_limited.
  for (const std::string_view part : drop_of)
    if (name.starts_with(part) && std::string_view(name).substr(part.size()).starts_with(drop))
      name = std::string(drop) + std::string(part) + name.substr(part.size() + drop.size());
  if (name.starts_with(drop)) {
    labels.push_back({"reason", name.substr(drop.size())});
    families.counter("sluice_kernel_dropped_total",
                     "Packets that the kernel module dropped, by the one reason of each.", value, std::move(labels));
    return;
  }
  families.counter("sluice_kernel_" + name + "_total", std::string(counter.doc), value, std::move(labels));
}

Result<void> read_kernel(Families& families) {
  auto socket = netlink::Socket::open();
  if (!socket) return socket.error();
  const auto counters = socket->counters();
  if (!counters) return counters.error();
  const auto networks = socket->networks();
  if (!networks) return networks.error();
  add_kernel(families, *counters, *networks);
  return {};
}

}  // namespace

void add_kernel(Families& families, const std::vector<netlink::Counters>& counters,
                const std::vector<netlink::Network>& networks) {
  for (const netlink::Counters& of : counters) {
    for (const auto& [attribute, value] : of.values)
      if (const netlink::CounterName* counter = find_name(of, attribute))
        add_counter(families, *counter, value, of.network ? Labels{{"network", of.name}} : Labels{});
  }
  for (const netlink::Network& network : networks) {
    auto gauge = [&](const char* name, const char* help, std::uint32_t value) {
      families.gauge(name, help, value, {{"network", network.name}});
    };
    gauge("sluice_kernel_park_used", "What waits for a verdict; a long packet counts more than once.", network.parked);
    gauge("sluice_kernel_park_limit", "Most that may, counted alike (park_max).", network.park_max);
    gauge("sluice_kernel_association_used", "Associations that wait, are bound or in discard.", network.associations);
    gauge("sluice_kernel_association_limit", "Most that may (association_max).", network.association_max);
    gauge("sluice_kernel_clients", "Clients of the network.", network.clients);
  }
}

void measure_kernel(Families& families) {
  const auto done = read_kernel(families);
  families.gauge("sluice_kernel_up", "1 when the kernel module could be asked.", done ? 1 : 0);
  if (!done) spdlog::debug("metrics of the kernel: {}", done.error().message);
}

}  // namespace sluice::gateway
