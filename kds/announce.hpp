// SPDX-License-Identifier: Apache-2.0
//
// Announcer: the policies that the gateways' responders answer, made of the settings and signed with this key server's
// key (Documentation/policy.rst).  A signature is never the same twice, and key servers of one store sign with keys of
// their own: so a gateway's policy is left as it is while it says what it should and its signer is believed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kds/generations.hpp"
#include "kds/settings.hpp"
#include "kds/store.hpp"
#include "policy/statement.hpp"
#include "tls/context.hpp"

namespace sluice::kds {

class Announcer {
 public:
  /// Reads the certificates and signs once for each gateway, so that a policy that cannot be made is told now, with
  /// file and line.  Settings without [policy]: no gateway is to have one, and no file is read.
  static Result<Announcer> create(const Settings& settings, Time now);

  enum class How {
    changed,   ///< what the settings say now; of key servers with other settings, the last one to look prevails
    believed,  ///< whoever made it: only that it can still be verified
  };
  /// Sees to it that each gateway that has booted has its policy.  Gateways whose logs grew.  One at which it fails
  /// does not stop the others; the first error is returned then.  *only*: this gateway.  Where `changed` has failed
  /// it is still to be done, and the next call does it whatever is asked for.
  Result<Touched> announce(Store& store, Generations& generations, How how, Time now,
                           const std::optional<std::string>& only = {});

 private:
  struct Ours {
    policy::Signer signer;
    tls::Context context;  ///< a client's: whom devices would believe
    std::chrono::system_clock::time_point until;
    std::vector<policy::Statement> statements;  ///< one a gateway
  };

  Announcer() = default;
  [[nodiscard]] bool still_good(const Bytes& blob, const policy::Statement& wanted, How how) const;
  Result<Touched> announce_one(Store& store, Generations& generations, const std::string& gateway,
                               const policy::Statement* wanted, How how, Time now);

  std::string realm_;
  std::vector<std::string> gateways_;
  std::set<std::string> unsaid_;  // of these: what the settings say could not be said yet
  std::optional<Ours> ours_;
};

}  // namespace sluice::kds
