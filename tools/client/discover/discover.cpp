// SPDX-License-Identifier: Apache-2.0
#include "client/discover/discover.hpp"

#include <algorithm>
#include <cerrno>

#include "client/discover/domains.hpp"

namespace sluice::client::discover {
namespace {

std::vector<Server> servers_of(std::vector<SrvRecord> records, const Random& random) {
  std::vector<Server> servers;
  for (SrvRecord& record : in_order(std::move(records), random)) {
    const bool known = std::ranges::any_of(
        servers, [&](const Server& one) { return one.host == record.target && one.port == record.port; });
    if (!known && servers.size() < servers_most) servers.push_back({std::move(record.target), record.port});
  }
  return servers;
}

}  // namespace

Result<Found> discover(const Options& options) {
  const auto domains = options.domains.empty() ? search_domains(options.root) : options.domains;
  if (domains.empty())
    return Error{"no domain to look for a key distribution server in; the network named none", ENOENT};
  std::string reasons;
  for (const std::string& domain : domains) {
    auto answer = options.resolver.srv(service + domain);
    if (answer && !answer->unavailable && !answer->records.empty())
      return Found{domain, servers_of(std::move(answer->records), options.random)};
    if (!reasons.empty()) reasons += "; ";
    if (!answer)
      reasons += answer.error().message;
    else
      reasons += domain + (answer->unavailable ? ": says that it has no key distribution server"
                                               : ": names no key distribution server");
  }
  return Error{reasons, ENOENT};
}

}  // namespace sluice::client::discover
