// SPDX-License-Identifier: Apache-2.0
#include "sluiced/reconcile.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

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

}  // namespace

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

Result<NetworkNames> reconcile(const Settings& settings, const NetworkNames& before) {
  auto host = netlink::Host::open();
  if (!host) return host.error();
  auto socket = netlink::Socket::open();
  if (!socket) return socket.error();

  NetworkNames names;
  std::vector<std::uint32_t> ours;
  std::vector<netlink::Client> wanted;
  for (const NetworkSettings& network : settings.networks) {
    auto index = ensure_network(network, *host, *socket);
    if (!index) return index.error().in("network " + network.name);
    names.emplace(*index, network.name);
    ours.push_back(*index);
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
