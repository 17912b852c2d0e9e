// SPDX-License-Identifier: Apache-2.0
//
// The kernel as the subcommands see it: both netlink sockets, and the names behind the numbers.
#pragma once

#include <string>
#include <vector>

#include "netlink/host.hpp"
#include "netlink/socket.hpp"

namespace sluice::cli {

struct Kernel {
  netlink::Socket sluice;
  netlink::Host host;

  static Result<Kernel> open();

  // The device's name, or its number where there is none.
  std::string device(std::uint32_t ifindex);
  // An error that says what to look at: the name, or the module.
  Result<netlink::Network> network(const std::string& name);
};

// "100.64.1.11, fd64:1::/64"; addresses alone without their length.
std::string join(const std::vector<Prefix>& prefixes);

// EPERM is told as what to do about it, and what the module does not know as such.
Error explain(Error error);

}  // namespace sluice::cli
