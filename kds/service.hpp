// SPDX-License-Identifier: Apache-2.0
//
// Service: the key server behind its API: the store on a thread of its own, what waits for gateways' updates, and the
// clock that moves generations and ends leases.  All but the store's work runs on one executor.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "kds/announce.hpp"
#include "kds/anomaly.hpp"
#include "kds/audit_log.hpp"
#include "kds/device.hpp"
#include "kds/generations.hpp"
#include "kds/keys.hpp"
#include "kds/settings.hpp"
#include "kds/store.hpp"

namespace sluice::kds {

class Service {
 public:
  /// How long a gateway's question for updates waits for some.
  static constexpr std::chrono::seconds long_poll{25};

  /// Without an announcer, gateways keep the policies that they have.
  Service(const asio::any_io_executor& executor, Settings settings, std::unique_ptr<Store> store, Kek kek,
          std::optional<Announcer> announcer = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] const Settings& settings() const { return settings_; }

  /// Who is to note what the key server decides by itself: it gets them before whoever caused it has an answer.
  using Decided = std::function<void(const std::vector<AuditEvent>&)>;
  void on_decisions(Decided decided) { decided_ = std::move(decided); }

  /// Begins to move generations, leases, policies and what other key servers of the same store have written.
  void start();
  void stop();

  /// As Keys::answer(), with whatever else asks at the same time.
  Task<Result<KeyAnswer>> keys(KeyQuestion question);

  Task<Result<Generations::Boot>> boot(std::string gateway, Bytes nonce, std::uint32_t newest);
  /// Acknowledges all up to *after*, and waits for more.  Empty: there were none for so long.
  Task<Result<std::vector<Generations::Outgoing>>> updates(std::string gateway, std::uint64_t after);
  Task<Result<void>> anomalies(std::string gateway, std::vector<AnomalyReport> reports);

  /// Something with the devices, on the store's thread; gateways that it touched are told at once.
  using DeviceWork = std::function<Result<Touched>(Devices&, Time)>;
  Task<Result<void>> with_devices(DeviceWork work);
  /// One consistent state to read.
  Task<Result<void>> read(Store::Work work);

 private:
  struct Waiting;
  using Waiters = std::multimap<std::string, Waiting*>;
  struct Question;

  /// *work* on the store's thread; its result here.
  template <class Work>
  auto on_store(Work work) -> Task<std::invoke_result_t<Work&>> {
    using Outcome = std::pair<std::optional<std::invoke_result_t<Work&>>, std::vector<AuditEvent>>;
    auto run = [this, work = std::move(work)]() mutable -> Task<Outcome> {
      Outcome outcome;
      outcome.first.emplace(work());
      outcome.second.swap(decisions_);
      co_return outcome;
    };
    Outcome outcome = co_await asio::co_spawn(pool_, std::move(run), asio::use_awaitable);
    if (decided_ && !outcome.second.empty()) decided_(outcome.second);
    co_return *std::move(outcome.first);
  }
  Task<void> answer_all();
  Task<void> tick_loop();
  Task<void> prune_audit();
  Task<void> announce_loop();
  /// One gateway's policy, or everybody's.
  Task<void> announce(Announcer::How how, std::optional<std::string> only);
  Task<void> watch_loop();
  void tell(const Touched& gateways);
  void tell_all();

  asio::any_io_executor executor_;
  Settings settings_;
  std::unique_ptr<Store> store_;
  Kek kek_;
  Generations generations_;
  Issuer issuer_;
  Devices devices_;
  Anomalies anomalies_;
  Keys keys_;
  std::optional<Announcer> announcer_;  // the store's thread has it
  std::vector<AuditEvent> decisions_;   // the store's thread has them: of the work that it does
  Decided decided_;
  asio::thread_pool pool_{1};
  std::vector<std::shared_ptr<Question>> questions_;  // bounded by the server's connections
  bool answering_ = false;
  bool stopped_ = false;
  std::shared_ptr<Waiters> waiting_ = std::make_shared<Waiters>();
  asio::steady_timer tick_, watch_, announce_;
};

}  // namespace sluice::kds
