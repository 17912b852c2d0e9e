// SPDX-License-Identifier: Apache-2.0
#include "sluiced/policy.hpp"

#include <cerrno>
#include <fstream>

namespace sluice::gateway {

Result<PolicyBlob> read_policy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return system_error(path.string(), errno);
  PolicyBlob blob(netlink::policy_blob_max + 1);
  file.read(reinterpret_cast<char*>(blob.data()), static_cast<std::streamsize>(blob.size()));
  if (file.bad()) return Error{path.string() + ": it cannot be read"};
  blob.resize(static_cast<std::size_t>(file.gcount()));
  if (blob.empty() || blob.size() > netlink::policy_blob_max)
    return Error{path.string() + ": a policy has 1 to " + std::to_string(netlink::policy_blob_max) + " bytes"};
  return blob;
}

netlink::PolicyChange plan_policy(const netlink::Policy& present, const std::optional<PolicySettings>& wanted,
                                  const std::optional<PolicyBlob>& blob) {
  netlink::PolicyChange change;
  if (!wanted || (blob && blob->empty())) {
    if (present.port != 0) change.port = std::uint16_t{0};
    return change;
  }
  // Port and blob are both there or neither (uapi/sluice.yaml).
  const bool on = blob || present.port != 0;
  if (on && present.port != wanted->port) change.port = wanted->port;
  if (blob && present.blob != *blob) change.blob = *blob;
  if (present.rate != wanted->rate) change.rate = wanted->rate;
  if (present.source_rate != wanted->source_rate) change.source_rate = wanted->source_rate;
  return change;
}

Result<void> set_policy(const PolicySources& sources, netlink::Socket& socket) {
  const auto& wanted = sources.settings;
  std::optional<PolicyBlob> blob = sources.of_kds;
  if (wanted && wanted->file) {
    auto read = read_policy(*wanted->file);
    if (!read) return read.error().in("policy");
    blob = *std::move(read);
  }
  auto present = socket.policy();
  // A module that does not know the question cannot have a responder that is on.
  if (!present) return present.error().number == EOPNOTSUPP && !wanted ? Result<void>() : present.error().in("policy");
  const netlink::PolicyChange change = plan_policy(*present, wanted, blob);
  if (change == netlink::PolicyChange{}) return {};
  auto done = socket.set_policy(change);
  return done ? done : done.error().in("policy");
}

}  // namespace sluice::gateway
