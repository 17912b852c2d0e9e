// SPDX-License-Identifier: Apache-2.0
//
// The domains that this host is in, as far as its network told it: where to look for a key distribution server.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::client::discover {

/// Host names as in DNS, in lower case and without the dot at the end: labels of letters, digits, '-' and '_', each 1
/// to 63 bytes, 253 in all.  Nothing else goes to a resolver or into a TLS session.
bool is_host_name(std::string_view name);

/// What a `search` or `domain` line of resolv.conf(5) names; the last of such lines counts.  Other things are passed
/// over.  Pure.
std::vector<std::string> parse_search(std::string_view resolv_conf);

/// Of /etc/resolv.conf, which DHCP clients write, and of systemd-resolved's /run/systemd/resolve/resolv.conf, below
/// *root*: each once, in this order, 8 at most.  Whoever runs the network chose them: they say whom to ask, not whom to
/// trust.
std::vector<std::string> search_domains(const std::filesystem::path& root = "/");

}  // namespace sluice::client::discover
