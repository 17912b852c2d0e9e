// SPDX-License-Identifier: Apache-2.0
//
// Keys: a device's question for keys, from who it is and what it has shown to what it gets.  Many questions at a time,
// since each commit costs an fsync.  No HTTP; on the store's thread.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kds/access.hpp"
#include "kds/issue.hpp"
#include "kds/settings.hpp"
#include "kds/store.hpp"

namespace sluice::kds {

/// A key that the device says it has.
struct HeldKey {
  std::string gateway, network;
  std::uint32_t spi = 0;  ///< towards the gateway
};

struct KeyQuestion {
  std::string device;                     ///< by its certificate
  Bytes fingerprint;                      ///< SHA-256 of that
  std::optional<nlohmann::json> posture;  ///< of evidence that was verified; nothing: the health that was shown last
  /// The attestation key by which a quote was verified; empty: there is a quote, and no such key was enrolled.
  std::optional<Bytes> quoted_by;
  Pcrs pcrs;  ///< that it is of
  std::vector<HeldKey> held;
};

struct KeyAnswer {
  struct RenewedKey {
    std::string gateway, network;
    Renewed renewed;
  };
  struct Later {
    std::string gateway, network, detail;
    std::string fault = {};  ///< what failed here, which is for the log; empty: nothing did
  };

  std::chrono::seconds health{0};  ///< for which what was shown counts
  std::vector<Issued> issued;
  std::vector<RenewedKey> renewed;
  std::vector<Refusal> refused;
  std::vector<Later> later;  ///< granted, and not to be had at this moment
};

class Keys {
 public:
  /// All outlive it.
  Keys(const Settings& settings, Store& store, Issuer& issuer);

  /// In the order of the questions.  A key that is held is renewed, or replaced if it is outdated; as long as one of
  /// those that are held is granted, no others are issued.  Judged and issued in one transaction.  EACCES: not
  /// enrolled, disabled, banned, another certificate than the enrolled one. ENODATA: no evidence, and none before that
  /// still counts.  Nothing granted is an answer, too.
  std::vector<Result<KeyAnswer>> answer(const std::vector<KeyQuestion>& questions, Time now);

 private:
  struct Judged {
    std::optional<Error> error;
    Context context;
    Decision decision;
    std::chrono::seconds health{0};
  };
  /// What one question is answered with; the keys of *taken* are derived after the commit.
  struct Served {
    Judged judged;
    std::vector<Taken> taken;
    std::vector<KeyAnswer::RenewedKey> renewed;
    std::vector<KeyAnswer::Later> later;
  };
  Served serve(Transaction& transaction, const KeyQuestion& question, Time now);
  void serve(Transaction& transaction, const KeyQuestion& question, const Grant& grant, Served& served, Time now);
  Judged judge(Transaction& transaction, const KeyQuestion& question, Time now) const;
  void remember_pcrs(Transaction& transaction, Device& device, const Pcrs& quoted, Time now) const;
  void shown(Transaction& transaction, const KeyQuestion& question, Judged& judged, Time now) const;
  [[nodiscard]] Decision from_before(const std::vector<std::string>& roles, const Attestation& attestation) const;

  const Settings& settings_;
  Store& store_;
  Issuer& issuer_;
  std::chrono::seconds longest_{0};           ///< interval of all postures
  std::map<std::string, std::string> marks_;  ///< of postures by name: what an attestation says was satisfied
};

}  // namespace sluice::kds
