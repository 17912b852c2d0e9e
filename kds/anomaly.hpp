// SPDX-License-Identifier: Apache-2.0
//
// Anomalies: what a gateway saw in authenticated packets, and what follows (Documentation/kds.rst, "Anomalies").
//
// An offence (clone, fingerprint, inner-source) takes every key of the device, at all gateways: who copied one has
// copied all.  Whatever else is told of the same incident, by whichever gateway, is then about a key that is revoked,
// and counts no more.  Only a key that was earned afterwards can be a second offence.
#pragma once

#include <string>

#include "base/result.hpp"
#include "kds/store.hpp"
#include "kds/updates.hpp"

namespace sluice::kds {

struct AnomalyReport {
  Anomaly::Kind kind = Anomaly::Kind::moved;
  std::uint32_t number = 0;  ///< of the generation
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
};

struct Consequence {
  enum class Verdict {
    unknown,    ///< no such key was issued, or its generation is over
    noted,      ///< roaming
    duplicate,  ///< about a key that is revoked: nothing follows
    replace,    ///< the key is worn out: the device is told at its next renewal
    revoked,
    banned,
  };
  Verdict verdict = Verdict::unknown;
  std::string device;
  Touched touched;
};

class Anomalies {
 public:
  /// Outlives it.
  explicit Anomalies(Store& store) : store_(store) {}

  /// *gateway* told them, and only of its own keys; in one transaction: each costs an fsync, for which others wait.
  Result<std::vector<Consequence>> report(const std::string& gateway, const std::vector<AnomalyReport>& reports,
                                          Time now);

 private:
  static Consequence follow(Transaction& transaction, const std::string& gateway, const AnomalyReport& report,
                            Time now);

  Store& store_;
};

/// "inner-source".
std::string to_string(Anomaly::Kind kind);

}  // namespace sluice::kds
