// SPDX-License-Identifier: Apache-2.0
//
// The host's side of a network, over rtnetlink: devices of kind "sluice", their addresses, and the ip rule and
// local route that bring marked packets to the proxy.  Every call may be repeated: what is there already is left
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

  // A host without IPv6 is no error.
  Result<void> add_steering(const Steering& steering);
  Result<void> remove_steering(const Steering& steering);

 private:
  explicit Host(UniqueNlSock socket) : socket_(std::move(socket)) {}

  UniqueNlSock socket_;
};

}  // namespace sluice::netlink
