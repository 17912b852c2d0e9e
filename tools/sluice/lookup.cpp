// SPDX-License-Identifier: Apache-2.0
#include "sluice/lookup.hpp"

#include <cerrno>

namespace sluice::cli {

Error explain(Error error) {
  // Without words of the kernel's: it does not know the request at all.
  if (error.number == EOPNOTSUPP && error.message == std::generic_category().message(EOPNOTSUPP))
    error.message += "; the sluice.ko that is loaded is older than this program";
  if (error.number == EPERM || error.number == EACCES) error.message += "; this needs root (CAP_NET_ADMIN)";
  return error;
}

Result<Kernel> Kernel::open() {
  auto sluice = netlink::Socket::open();
  if (!sluice) return sluice.error();
  auto host = netlink::Host::open();
  if (!host) return host.error();
  return Kernel{*std::move(sluice), *std::move(host)};
}

std::string Kernel::device(std::uint32_t ifindex) {
  auto name = host.device_name(ifindex);
  return name ? *name : std::to_string(ifindex);
}

Result<netlink::Network> Kernel::network(const std::string& name) {
  auto found = sluice.network(name);
  if (found) return found;
  if (found.error().number == ENODEV || found.error().number == ENOENT)
    return Error{"there is no network \"" + name + "\"; `sluice network list` shows them", found.error().number};
  return explain(found.error());
}

std::string join(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) {
    if (!text.empty()) text += ", ";
    text += prefix.length == 128 ? prefix.address.to_string() : prefix.to_string();
  }
  return text;
}

}  // namespace sluice::cli
