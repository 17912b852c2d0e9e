// SPDX-License-Identifier: Apache-2.0
//
// Reconcile: makes the kernel's networks, clients and ACLs what the settings say, and changes nothing that is so
// already, because a client that is removed and made anew loses its parked SYNs (S6).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "netlink/host.hpp"
#include "netlink/socket.hpp"
#include "sluiced/settings.hpp"

namespace sluice::gateway {

// What differs between the clients that are there and those that are wanted.  Deletions come first, as an address
// may move from one client to another.
struct ClientChanges {
  std::vector<std::uint32_t> remove;
  std::vector<netlink::Client> add;
};

// *networks*: the devices whose clients are ours to decide about; clients of other networks stay, unless one has an
// id that is wanted here.  Pure.
ClientChanges plan_clients(const std::vector<netlink::Client>& present, const std::vector<netlink::Client>& wanted,
                           const std::vector<std::uint32_t>& networks);

// Names of networks by the index of their device.
using NetworkNames = std::map<std::uint32_t, std::string>;

// Networks of *before* that are gone from *settings* keep their device and lose their clients.
Result<NetworkNames> reconcile(const Settings& settings, const NetworkNames& before);

}  // namespace sluice::gateway
