// SPDX-License-Identifier: Apache-2.0
#include "sluiced/reconcile.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "netlink/esp_text.hpp"
#include "sluiced/policy.hpp"
#include "sluiced/pools.hpp"

namespace sluice::gateway {
namespace {

bool same_client(const netlink::Client& one, const netlink::Client& other) {
  auto sorted = [](std::vector<Prefix> prefixes) {
    std::ranges::sort(prefixes);
    return prefixes;
  };
  return one.id == other.id && one.network == other.network && one.access == other.access &&
         sorted(one.prefixes) == sorted(other.prefixes);
}

Result<std::uint32_t> ensure_network(const NetworkSettings& network, netlink::Host& host, netlink::Socket& socket) {
  auto index = host.ensure_network_device(network.name);
  if (!index) return index;
  std::vector<Prefix> addresses;
  for (const Address& address : network.addresses) addresses.push_back({address, 128});
  if (auto done = host.set_addresses(*index, addresses); !done) return done.error();
  if (auto done = host.set_up(network.name); !done) return done.error();
  if (auto done = socket.set_network(*index, network.limits); !done) return done.error();
  if (auto done = socket.set_acl({{*index, {}}, network.acl}); !done) return done.error().in("acl");
  return index;
}

// Settings without [esp] mean its defaults, as with everything else.
Result<void> set_esp(const Settings& settings, netlink::Socket& socket) {
  const EspSettings wanted = settings.esp.value_or(EspSettings{});
  netlink::EspChange change = all_of(wanted);
  // The question has the module get its ciphers ready, which a gateway without ESP does not need.
  if (settings.asks_for_esp()) {
    auto present = socket.esp();
    if (!present) return refused_esp(settings, present.error());
    change = plan_esp(*present, wanted);
    if (change == netlink::EspChange{}) return {};
  }
  auto done = socket.set_esp(change);
  return done ? done : refused_esp(settings, done.error());
}

Result<void> set_pools(const Settings& settings, const std::vector<netlink::Pool>& wanted,
                       const std::vector<std::uint32_t>& ours, netlink::Socket& socket) {
  auto pools = socket.pools();
  if (!pools) return refused_esp(settings, pools.error());
  const PoolChanges changes = plan_pools(*pools, wanted, ours);
  for (const std::uint32_t first : changes.remove)
    if (auto done = socket.delete_pool(first); !done && done.error().number != ENOENT)
      return done.error().in("pool " + std::to_string(first));
  for (const netlink::Pool& pool : changes.add)
    if (auto done = socket.new_pool(pool); !done) return done.error().in("pool " + ids_text(pool));
  return {};
}

Result<void> set_routes(const std::vector<netlink::Pool>& pools, const std::vector<std::uint32_t>& ours,
                        netlink::Host& host) {
  auto routes = host.routes();
  if (!routes) return routes.error();
  const RouteChanges changes = plan_routes(*routes, pools, ours);
  for (const netlink::DeviceRoute& route : changes.remove)
    if (auto done = host.remove_route(route); !done) return done;
  for (const netlink::DeviceRoute& route : changes.add)
    if (auto done = host.add_route(route); !done) return done;
  return {};
}

}  // namespace

RouteChanges plan_routes(const std::vector<netlink::DeviceRoute>& present, const std::vector<netlink::Pool>& pools,
                         const std::vector<std::uint32_t>& networks) {
  std::set<netlink::DeviceRoute> wanted;
  for (const netlink::Pool& pool : pools)
    for (const Prefix& prefix : prefixes_of(pool)) wanted.insert({pool.network, prefix});
  RouteChanges changes;
  for (const netlink::DeviceRoute& route : present) {
    if (wanted.contains(route)) continue;
    const bool is_ours = std::ranges::find(networks, route.ifindex) != networks.end();
    const bool is_in_the_way = std::ranges::any_of(pools, [&](const auto& pool) { return covers(pool, route.prefix); });
    if (is_ours || is_in_the_way) changes.remove.push_back(route);
  }
  const std::set<netlink::DeviceRoute> there(present.begin(), present.end());
  std::ranges::set_difference(wanted, there, std::back_inserter(changes.add));
  return changes;
}

netlink::EspChange all_of(const EspSettings& wanted) {
  return {wanted.udp_port, wanted.source_ipv4.value_or(Address{}), wanted.source_ipv6.value_or(Address{}),
          wanted.unknown_rate};
}

netlink::EspChange plan_esp(const netlink::Esp& present, const EspSettings& wanted) {
  netlink::EspChange change = all_of(wanted);
  auto drop_if_same = [](auto& is_to_be, const auto& is) {
    if (*is_to_be == is) is_to_be.reset();
  };
  auto source = [](const Address& address) { return netlink::is_unspecified(address) ? Address{} : address; };
  drop_if_same(change.udp_port, present.udp_port);
  drop_if_same(change.source_ipv4, source(present.source_ipv4));
  drop_if_same(change.source_ipv6, source(present.source_ipv6));
  drop_if_same(change.unknown_rate, present.unknown_rate);
  return change;
}

Result<void> refused_esp(const Settings& settings, const Error& error) {
  if (error.number != EOPNOTSUPP) return error.in("esp");
  if (!settings.asks_for_esp()) return {};
  return Error{
      "the sluice.ko that is loaded knows no ESP, and the configuration asks for it ([esp] or [[network.pool]]): " +
          error.message,
      error.number};
}

ClientChanges plan_clients(const std::vector<netlink::Client>& present, const std::vector<netlink::Client>& wanted,
                           const std::vector<std::uint32_t>& networks) {
  ClientChanges changes;
  for (const netlink::Client& client : present) {
    const auto same_id = std::ranges::find(wanted, client.id, &netlink::Client::id);
    const bool is_ours = std::ranges::find(networks, client.network) != networks.end();
    if (same_id == wanted.end() ? is_ours : !same_client(client, *same_id)) changes.remove.push_back(client.id);
  }
  for (const netlink::Client& client : wanted) {
    const bool kept = std::ranges::any_of(present, [&](const auto& other) { return same_client(client, other); });
    if (!kept) changes.add.push_back(client);
  }
  return changes;
}

Result<NetworkNames> reconcile(const Settings& settings, const NetworkNames& before,
                               const std::optional<PolicyBlob>& policy_of_kds) {
  auto host = netlink::Host::open();
  if (!host) return host.error();
  auto socket = netlink::Socket::open();
  if (!socket) return socket.error();

  NetworkNames names;
  std::vector<std::uint32_t> ours;
  std::vector<netlink::Client> wanted;
  std::vector<netlink::Pool> pools;
  for (const NetworkSettings& network : settings.networks) {
    auto index = ensure_network(network, *host, *socket);
    if (!index) return index.error().in("network " + network.name);
    names.emplace(*index, network.name);
    ours.push_back(*index);
    for (netlink::Pool pool : network.pools) {
      pool.network = *index;
      pools.push_back(pool);
    }
    for (const ClientSettings& client : network.clients) {
      auto access = host->device_index(client.access);
      if (!access) return access.error().in("client " + std::to_string(client.id) + ": access");
      wanted.push_back({client.id, *index, *access, client.prefixes});
    }
  }
  for (const auto& [index, name] : before) {
    if (settings.network(name)) continue;
    ours.push_back(index);
    spdlog::info("network {} is not configured any more; its device stays until `sluice network delete {}`", name,
                 name);
  }

  if (auto done = set_esp(settings, *socket); !done) return done.error();
  if (auto done = set_policy({settings.policy, policy_of_kds}, *socket); !done) return done.error();
  if (auto done = set_pools(settings, pools, ours, *socket); !done) return done.error();

  if (auto done = set_routes(pools, ours, *host); !done) return done.error().in("route of a pool");

  auto present = socket->clients();
  if (!present) return present.error().in("clients");
  const ClientChanges changes = plan_clients(*present, wanted, ours);
  for (const std::uint32_t id : changes.remove)
    if (auto done = socket->delete_client(id); !done && done.error().number != ENOENT)
      return done.error().in("client " + std::to_string(id));
  for (const netlink::Client& client : changes.add)
    if (auto done = socket->new_client(client); !done) return done.error().in("client " + std::to_string(client.id));

  for (const NetworkSettings& network : settings.networks)
    for (const ClientSettings& client : network.clients)
      if (auto done = socket->set_acl({{{}, client.id}, client.acl}); !done)
        return done.error().in("acl of client " + std::to_string(client.id));
  return names;
}

}  // namespace sluice::gateway
