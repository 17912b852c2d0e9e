// SPDX-License-Identifier: Apache-2.0
//
// The host's side of a network, over rtnetlink: devices of kind "sluice", their addresses and routes, and the ip rule
// and local route that bring marked packets to the proxy.  Every call may be repeated: what is there already is left
// alone, and what is not there is removed without complaint.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/handle.hpp"

namespace sluice::netlink {

// "ip rule add fwmark MARK/MASK lookup TABLE" and "ip route add local default dev lo table TABLE", both families.
// The rule's preference is the table's number, so that ours can be told from others'.
struct Steering {
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;

  bool operator==(const Steering&) const = default;
};

// Protocol number of our routes, "proto 92" to ip(8): what tells them from others'.
inline constexpr std::uint8_t route_protocol = 92;

// "ip route add PREFIX dev DEVICE proto 92", in the main table.
struct DeviceRoute {
  std::uint32_t ifindex = 0;
  Prefix prefix;

  auto operator<=>(const DeviceRoute&) const = default;
};

class Host {
 public:
  static Result<Host> open();

  // Index of a device; ENODEV if there is none.
  Result<std::uint32_t> device_index(const std::string& name);
  Result<std::string> device_name(std::uint32_t ifindex);

  // Makes a device of kind "sluice" unless it is there; EEXIST if a device of another kind has the name.
  // Returns its index.
  Result<std::uint32_t> ensure_network_device(const std::string& name);
  Result<void> delete_network_device(const std::string& name);

  // Gives the device exactly these addresses (link-local ones aside).
  Result<void> set_addresses(std::uint32_t ifindex, const std::vector<Prefix>& addresses);
  // The device's addresses, link-local ones aside.
  Result<std::vector<Prefix>> addresses(std::uint32_t ifindex);
  Result<void> set_up(const std::string& name);

  // Those that are ours, of every device.
  Result<std::vector<DeviceRoute>> routes();
  // A route to the prefix that is another's stays.  If it leads to the device, that will do; else EEXIST.
  Result<void> add_route(const DeviceRoute& route);
  // Only if it is ours.
  Result<void> remove_route(const DeviceRoute& route);

  // A host without IPv6 is no error.
  Result<void> add_steering(const Steering& steering);
  Result<void> remove_steering(const Steering& steering);

 private:
  // The device that packets to the address leave by; 0: there is none.
  std::uint32_t device_towards(const Address& address);

  explicit Host(UniqueNlSock socket) : socket_(std::move(socket)) {}

  UniqueNlSock socket_;
};

}  // namespace sluice::netlink
