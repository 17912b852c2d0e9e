// SPDX-License-Identifier: Apache-2.0
#include "kds/service.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/detached.hpp>
#include <random>

#include "kds/decision.hpp"

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;

constexpr auto tick_every = 1s;
constexpr auto watch_every = 100ms;             // for what another key server wrote
constexpr auto announce_every = 60s;            // whether the policies' signers are still believed
constexpr std::size_t questions_at_once = 256;  // in one commit
// Lines of the audit log that go in one commit, and how many of these a tick does.
constexpr std::size_t pruned_at_once = 128, pruned_bytes_at_once = std::size_t{1} << 20, prune_rounds = 16;

Time now() { return std::chrono::system_clock::now(); }

// From the system's generator, once: jitter needs no secrets.
Issuer::Random jitter() {
  auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

GenerationOptions options_of(const Settings& settings, const std::string& name) {
  GenerationOptions options;
  if (const GatewaySettings* gateway = settings.gateway(name)) {
    options.lifetime = std::chrono::duration_cast<std::chrono::seconds>(gateway->lifetime);
    options.algorithm = gateway->algorithm;
  }
  return options;
}

}  // namespace

// A place among those who wait for a gateway's updates; it ends with the coroutine that waits.  That may be destroyed
// with the executor, when the Service is gone: so the list is not the Service's alone.
struct Service::Waiting {
  Waiting(std::shared_ptr<Waiters> in, const std::string& gateway, const asio::any_io_executor& executor)
      : timer(executor), all(std::move(in)), place(all->emplace(gateway, this)) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { all->erase(place); }

  asio::steady_timer timer;
  bool told = false;

 private:
  std::shared_ptr<Waiters> all;
  Waiters::iterator place;
};

struct Service::Question {
  Question(KeyQuestion what, const asio::any_io_executor& executor)
      : question(std::move(what)), answered(executor, asio::steady_timer::time_point::max()) {}
  KeyQuestion question;
  std::optional<Result<KeyAnswer>> answer;
  asio::steady_timer answered;
};

Service::Service(const asio::any_io_executor& executor, Settings settings, std::unique_ptr<Store> store, Kek kek,
                 std::optional<Announcer> announcer)
    : executor_(executor),
      settings_(std::move(settings)),
      store_(std::move(store)),
      kek_(std::move(kek)),
      generations_(*store_, kek_, [this](const std::string& name) { return options_of(settings_, name); }),
      issuer_(*store_, kek_, jitter()),
      devices_(*store_),
      anomalies_(*store_),
      keys_(settings_, *store_, issuer_),
      announcer_(std::move(announcer)),
      tick_(executor),
      watch_(executor),
      announce_(executor) {
  store_->on_lines([this](const std::vector<Audit>& lines) {
    for (const Audit& line : lines)
      if (auto decision = decision_of(line)) decisions_.push_back(*std::move(decision));
  });
}

Service::~Service() {
  stop();
  pool_.join();
}

void Service::start() {
  asio::co_spawn(executor_, tick_loop(), asio::detached);
  asio::co_spawn(executor_, watch_loop(), asio::detached);
  if (announcer_) asio::co_spawn(executor_, announce_loop(), asio::detached);
}

void Service::stop() {
  stopped_ = true;
  tick_.cancel();
  watch_.cancel();
  announce_.cancel();
}

void Service::tell(const Touched& gateways) {
  for (const std::string& gateway : gateways) {
    const auto [first, last] = waiting_->equal_range(gateway);
    for (auto one = first; one != last; ++one) {
      one->second->told = true;
      one->second->timer.cancel();
    }
  }
}

void Service::tell_all() {
  for (const auto& [gateway, one] : *waiting_) {
    one->told = true;
    one->timer.cancel();
  }
}

Task<void> Service::tick_loop() {
  while (!stopped_) {
    Result<Touched> touched = co_await on_store([this] { return generations_.tick(now()); });
    if (touched)
      tell(*touched);
    else
      spdlog::error("generations: {}", touched.error().message);
    co_await prune_audit();
    if (stopped_) co_return;
    tick_.expires_after(tick_every);
    co_await tick_.async_wait(use_tuple);
  }
}

// In portions, each a turn of its own on the store's thread: questions for keys come in between.
Task<void> Service::prune_audit() {
  const Time before = now() - settings_.audit_keep;
  bool more = true;
  for (std::size_t round = 0; round < prune_rounds && more && !stopped_; ++round) {
    Store::Work portion = [before, &more](Transaction& transaction) -> Result<void> {
      more = transaction.prune_audit(before, pruned_at_once, pruned_bytes_at_once);
      return {};
    };
    auto work = [this, portion] { return store_->transact(portion); };
    const Result<void> done = co_await on_store(std::move(work));
    if (done) continue;
    spdlog::error("audit log: {}", done.error().message);
    co_return;
  }
}

Task<void> Service::watch_loop() {
  while (!stopped_) {
    Result<bool> changed = co_await on_store([this] { return store_->changed(); });
    if (!changed)
      spdlog::error("store: {}", changed.error().message);
    else if (*changed)
      tell_all();
    if (stopped_) co_return;
    watch_.expires_after(watch_every);
    co_await watch_.async_wait(use_tuple);
  }
}

Task<void> Service::announce(Announcer::How how, std::optional<std::string> only) {
  auto work = [this, how, only] { return announcer_->announce(*store_, generations_, how, now(), only); };
  Result<Touched> touched = co_await on_store(std::move(work));
  if (touched)
    tell(*touched);
  else
    spdlog::error("policy: {}", touched.error().message);
}

Task<void> Service::announce_loop() {
  const std::optional<std::string> all;
  co_await announce(Announcer::How::changed, all);
  while (!stopped_) {
    announce_.expires_after(announce_every);
    co_await announce_.async_wait(use_tuple);
    if (stopped_) co_return;
    co_await announce(Announcer::How::believed, all);
  }
}

Task<Result<KeyAnswer>> Service::keys(KeyQuestion question) {
  auto mine = std::make_shared<Question>(std::move(question), executor_);
  questions_.push_back(mine);
  if (!answering_) {
    answering_ = true;
    // Not part of whoever asked first, who may be gone before the others have their answers.
    asio::co_spawn(executor_, answer_all(), asio::detached);
  }
  while (!mine->answer) {
    const auto [failure] = co_await mine->answered.async_wait(use_tuple);
    if (failure && !mine->answer && mine->answered.expiry() == asio::steady_timer::time_point::max()) break;
  }
  if (!mine->answer) co_return Error{"the question was given up", ECANCELED};
  co_return *std::move(mine->answer);
}

Task<void> Service::answer_all() {
  while (!questions_.empty()) {
    const std::size_t count = std::min(questions_.size(), questions_at_once);
    std::vector<std::shared_ptr<Question>> batch(questions_.begin(),
                                                 questions_.begin() + static_cast<std::ptrdiff_t>(count));
    questions_.erase(questions_.begin(), questions_.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<KeyQuestion> asked;
    for (const auto& one : batch) asked.push_back(std::move(one->question));
    auto work = [this, asked = std::move(asked)] { return keys_.answer(asked, now()); };
    std::vector<Result<KeyAnswer>> answers = co_await on_store(std::move(work));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i]->answer = std::move(answers[i]);
      batch[i]->answered.expires_at(asio::steady_timer::time_point::min());
    }
  }
  answering_ = false;
}

Task<Result<Generations::Boot>> Service::boot(std::string gateway, Bytes nonce, std::uint32_t newest) {
  auto work = [this, gateway, nonce, newest] { return generations_.boot(gateway, nonce, now(), newest); };
  Result<Generations::Boot> booted = co_await on_store(std::move(work));
  if (booted) tell({gateway});
  const std::optional<std::string> only = gateway;
  if (booted && announcer_) co_await announce(Announcer::How::changed, only);
  co_return booted;
}

Task<Result<std::vector<Generations::Outgoing>>> Service::updates(std::string gateway, std::uint64_t after) {
  using Updates = std::vector<Generations::Outgoing>;
  const auto until = asio::steady_timer::clock_type::now() + long_poll;
  auto acknowledge = [this, gateway, after] { return generations_.acknowledge(gateway, after, now()); };
  Result<bool> more = co_await on_store(std::move(acknowledge));
  if (!more) co_return more.error();
  while (true) {
    // In its place before the store is asked: what is written after the answer tells it.
    Waiting waiting(waiting_, gateway, executor_);
    auto look = [this, gateway, after] { return generations_.updates_after(gateway, after, now()); };
    Result<Updates> found = co_await on_store(std::move(look));
    if (!found || !found->empty() || stopped_) co_return found;
    if (waiting.told) continue;
    waiting.timer.expires_at(until);
    co_await waiting.timer.async_wait(use_tuple);
    if (!waiting.told) co_return Updates{};
  }
}

Task<Result<void>> Service::anomalies(std::string gateway, std::vector<AnomalyReport> reports) {
  auto work = [this, gateway, reports] { return anomalies_.report(gateway, reports, now()); };
  Result<std::vector<Consequence>> followed = co_await on_store(std::move(work));
  if (!followed) co_return followed.error();
  for (const Consequence& one : *followed) {
    tell(one.touched);
    if (one.verdict == Consequence::Verdict::revoked || one.verdict == Consequence::Verdict::banned)
      spdlog::warn("device {}: {}, by what gateway {} saw of its key", one.device,
                   one.verdict == Consequence::Verdict::banned ? "banned" : "its keys are revoked", gateway);
  }
  co_return Result<void>();
}

Task<Result<void>> Service::with_devices(DeviceWork work) {
  auto run = [this, work = std::move(work)] { return work(devices_, now()); };
  Result<Touched> touched = co_await on_store(std::move(run));
  if (!touched) co_return touched.error();
  tell(*touched);
  co_return Result<void>();
}

Task<Result<void>> Service::read(Store::Work work) {
  auto run = [this, work = std::move(work)] { return store_->read(work); };
  co_return co_await on_store(std::move(run));
}

}  // namespace sluice::kds
