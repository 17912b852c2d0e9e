// SPDX-License-Identifier: Apache-2.0
//
// Devices: who is enrolled, and taking keys away.  An actor is who asked for it, for the audit log: "operator/alice".
//
// Revoking an id under a generation raises its incarnation_min to one more than was issued last.  After incarnation 511
// that is 512, by which the kernel refuses everything of the id in this generation.  That is complete and needs no ban:
// the id gets no key before the next generation, which was made due when 511 was issued, and there it begins at 0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kds/store.hpp"
#include "kds/updates.hpp"

namespace sluice::kds {

/// What stays as it is, is nothing.
struct DeviceChange {
  std::optional<std::vector<std::string>> roles{};
  std::optional<bool> enabled{};
  std::optional<Bytes> attestation_key{};  ///< empty: none any more
  std::optional<Pcrs> pcrs{};              ///< all of them; what is not among them is that of its next quote
};

class Devices {
 public:
  /// Outlives it.
  explicit Devices(Store& store) : store_(store) {}

  /// EEXIST; EINVAL: a name or role that cannot be one, a fingerprint that has not 32 bytes.
  Result<void> enrol(const Device& device, const std::string& actor, Time now);
  /// What is given is changed.  A device that is disabled loses its keys; one that gets another attestation key (and
  /// with it no PCRs yet), none any more, or other PCRs, has to show its health anew.  ENOENT; EINVAL as enrol().
  Result<Touched> change(const std::string& name, const DeviceChange& change, const std::string& actor, Time now);
  /// Its keys end; it may earn new ones.  ENOENT.
  Result<Touched> revoke(const std::string& name, const std::string& actor, Time now);
  /// Its keys end, and it gets none until unban().  ENOENT.
  Result<Touched> ban(const std::string& name, const std::string& actor, Time now);
  /// What was revoked stays so; the next offence is a first one again.  ENOENT.
  Result<Touched> unban(const std::string& name, const std::string& actor, Time now);
  /// Its keys end, and its ids may be another's, who goes on with their incarnations.  ENOENT.
  Result<Touched> forget(const std::string& name, const std::string& actor, Time now);

 private:
  using Change = std::function<Result<void>(Transaction&, Device&, Touched&)>;
  Result<Touched> with(const std::string& name, const Change& change);

  Store& store_;
};

/// Within a transaction: every live key of the device; how many.
std::size_t revoke_keys(Transaction& transaction, const std::string& device, Touched& touched);
/// Within a transaction: keys, and each of its ids at its gateway.  *device* is changed and kept.
void ban_device(Transaction& transaction, Device& device, Touched& touched);

}  // namespace sluice::kds
