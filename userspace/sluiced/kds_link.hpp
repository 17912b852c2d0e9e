// SPDX-License-Identifier: Apache-2.0
//
// KdsLink: the gateway's side of a key distribution server (Documentation/kds.rst).  Says when the module has begun
// anew, carries out the updates of the KDS in the kernel, in their order, and tells it the anomalies.  What it does is
// idempotent, so whatever fails is asked for and done again.  While no KDS answers, the kernel serves on until its
// generations end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "netlink/master_key.hpp"
#include "netlink/types.hpp"
#include "sluiced/kds_update.hpp"

namespace sluice::gateway {

struct PolicySources;

/// What the link asks of the module; errors carry its errno.
class KdsKernel {
 public:
  virtual ~KdsKernel() = default;
  /// Another nonce than before: every generation has ended.
  virtual Result<KernelBoot> boot() = 0;
  virtual Result<std::vector<netlink::Generation>> generations() = 0;
  virtual Result<void> new_generation(const netlink::NewGeneration& generation) = 0;
  virtual Result<void> delete_generation(std::uint32_t number) = 0;
  virtual Result<void> promote_generation(std::uint32_t number, std::chrono::seconds overlap) = 0;
  virtual Result<void> set_esp_client(const netlink::EspClientChange& change) = 0;
  /// As far as the gateway's settings leave it to the KDS (policy.hpp).  Empty: there is to be none.
  virtual Result<void> set_policy(const std::vector<std::uint8_t>& blob) = 0;
};

/// The module itself, by a socket that is opened when it is first needed.  *policy*: what the KDS says goes there, and
/// from there to the responder.
std::unique_ptr<KdsKernel> make_kds_kernel(std::shared_ptr<PolicySources> policy);

struct Applied {
  bool changed = false;  ///< false: the kernel had it already, or it is about what is over
  std::string note;      ///< not empty: what a person should know of it
};

/// Carries out one update, whether or not that was done before.  A generation that is live, a promotion of the current
/// one and a revocation of what has ended are done already.  So is a generation whose number the kernel has left
/// behind (ESTALE) or a promotion of one that has ended: it never can be again, and what is behind it, revocations
/// among them, must not wait for it.  Nor do they for a policy that cannot be answered (its port is somebody else's):
/// that is noted, and tried again when the configuration is read again.  An error: the kernel refused,
/// which may pass (EBUSY: the previous generation still lives).
Result<Applied> apply(const Update& update, KdsKernel& kernel);

struct KdsLinkOptions {
  std::vector<http::ServerName> servers;  ///< in the order in which to try them
  std::string realm;
  Duration first_pause{500};       ///< after a failure; it doubles, and is jittered
  Duration longest_pause{30000};   ///< ... up to this when the KDS is away,
  Duration longest_refusal{5000};  ///< ... and to this when the kernel refuses: others may have to be revoked
  Duration response{35000};        ///< longer than the long poll of the KDS
};

/// On one executor that runs one handler at a time.
class KdsLink {
 public:
  static constexpr std::size_t anomalies_max = 1024;  ///< that wait; the oldest is dropped, those that roam first
  static constexpr std::size_t anomalies_batch = 128;

  struct State {
    bool connected = false;          ///< the last request was answered
    std::string server;              ///< who answered last; empty: nobody yet
    std::uint64_t acknowledged = 0;  ///< the updates up to here are carried out, and told so with the next request
    std::string last_error;          ///< empty when all is well
    std::uint64_t boots = 0;
    std::array<std::uint64_t, update_kinds.size()> updates{};  ///< carried out, by kind
    std::size_t anomalies_waiting = 0;
    std::uint64_t anomalies_sent = 0;
    std::uint64_t anomalies_dropped = 0;
  };

  /// What speaks to the KDS: one for the updates, one for the anomalies, which a long poll must not hold up.  Both
  /// contexts of clients, with tls13_only and wipe.
  struct Contexts {
    tls::Context updates;
    tls::Context anomalies;
  };
  static Result<Contexts> make_contexts(const tls::Identity& identity);

  KdsLink(asio::any_io_executor executor, Contexts contexts, KdsLinkOptions options, std::unique_ptr<KdsKernel> kernel);
  /// As stop().
  ~KdsLink();
  KdsLink(const KdsLink&) = delete;
  KdsLink& operator=(const KdsLink&) = delete;

  void start();
  /// Says nothing more.  What is under way ends by itself and touches nothing of ours.
  void stop();
  /// Certificates that were read again, from each client's next request on.
  void replace_tls(Contexts contexts);
  void report(const netlink::Anomaly& anomaly);

  [[nodiscard]] State state() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

nlohmann::json to_json(const KdsLink::State& state);

}  // namespace sluice::gateway
