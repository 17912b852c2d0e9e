// SPDX-License-Identifier: Apache-2.0
//
// Reconcile: makes the kernel's networks, pools, routes, clients and ACLs what the settings say, and changes nothing
// that is so already, because a client that is removed and made anew loses its parked SYNs (S6).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "netlink/host.hpp"
#include "netlink/socket.hpp"
#include "sluiced/policy.hpp"
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

// Routes to the addresses of ESP clients.  Deletions come first, as a prefix may move from one device to another.
struct RouteChanges {
  std::vector<netlink::DeviceRoute> remove;
  std::vector<netlink::DeviceRoute> add;
};

// *pools*: those that are wanted, of *networks*.  *present*: routes of ours; one to another device stays, unless all
// its addresses are wanted here.  Pure.
RouteChanges plan_routes(const std::vector<netlink::DeviceRoute>& present, const std::vector<netlink::Pool>& pools,
                         const std::vector<std::uint32_t>& networks);

// Everything of ESP, and what of it differs.  Pure.
netlink::EspChange all_of(const EspSettings& wanted);
netlink::EspChange plan_esp(const netlink::Esp& present, const EspSettings& wanted);

// The module has refused a question about ESP.  A module that does not know it is an error only to who asks for it.
// Pure.
Result<void> refused_esp(const Settings& settings, const Error& error);

// Names of networks by the index of their device.
using NetworkNames = std::map<std::uint32_t, std::string>;

// Networks of *before* that are gone from *settings* keep their device and lose their clients.  *policy_of_kds* as in
// PolicySources.
Result<NetworkNames> reconcile(const Settings& settings, const NetworkNames& before,
                               const std::optional<PolicyBlob>& policy_of_kds);

}  // namespace sluice::gateway
