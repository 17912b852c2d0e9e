// SPDX-License-Identifier: Apache-2.0
#include "agent/datagrams.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace sluice::agent {
namespace {

constexpr Duration kRetry{1000};

/// Each holds a descriptor, and connections and pings need them too.
std::size_t associations_max() {
  constexpr rlim_t most = 65536;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
  return static_cast<std::size_t>(std::min(most, limit.rlim_cur / 2));
}

session::Datagrams::Settings session_settings(const Settings& settings, const session::v1::HelloReply& reply) {
  session::Datagrams::Settings datagrams;
  datagrams.age = settings.datagram_age;
  // The stricter of the two sides decides, as of the control session.
  datagrams.dead_after = settings.dead_after;
  if (reply.dead_after_ms() != 0) {
    datagrams.dead_after = std::min(datagrams.dead_after, Duration(reply.dead_after_ms()));
  }
  return datagrams;
}

}  // namespace

Datagrams::Datagrams(const Settings& settings, const tls::Context& context, Dialer& dialer, Target target,
                     session::v1::Hello hello, asio::any_io_executor control, DatagramThread& thread, Counts& counts)
    : settings_(settings),
      context_(context),
      dialer_(dialer),
      target_(std::move(target)),
      hello_(std::move(hello)),
      control_(std::move(control)),
      thread_(thread),
      counts_(counts),
      retry_(control_),
      ended_(control_, asio::steady_timer::time_point::max()) {
  hello_.set_kind(session::v1::DGRAM);
}

Task<void> Datagrams::wait_until_open(asio::steady_timer& signal) {
  if (is_open() || stopped_) co_return;
  waiting_.insert(&signal);
  dial(false);
  (void)co_await signal.async_wait(use_tuple);
  waiting_.erase(&signal);
}

void Datagrams::dial(bool pause_first) {
  if (stopped_ || dialing_ || is_open()) return;
  dialing_ = true;
  asio::co_spawn(
      control_,
      [self = shared_from_this(), pause_first]() -> Task<void> { co_await self->dial_until_open(pause_first); },
      asio::detached);
}

/// One try, and more while somebody waits.
Task<void> Datagrams::dial_until_open(bool pause_first) {
  if (pause_first) co_await pause();
  while (!stopped_) {
    const std::uint64_t number = dialer_.new_number();
    session::v1::Hello hello = hello_;
    hello.set_session(number);
    Target target = target_;
    Result<Link> link = co_await dialer_.dial(target, std::move(hello));
    if (stopped_) break;
    Result<void> done;
    if (link) {
      done = hand_over(number, *std::move(link));
    } else {
      done = link.error();
    }
    if (done) break;
    spdlog::warn("DGRAM session: {}", done.error().message);
    co_await pause();
    if (waiting_.empty()) break;
  }
  dialing_ = false;
  // Whoever came during the last step.
  if (!waiting_.empty()) dial(false);
}

/// Jittered: agents that lost one gateway together must not come back together.
Task<void> Datagrams::pause() {
  std::uniform_int_distribution<Duration::rep> jitter(kRetry.count() / 2, kRetry.count());
  retry_.expires_after(Duration(jitter(random_)));
  (void)co_await retry_.async_wait(use_tuple);
}

/// To the other thread: what checks need is taken out before.
Result<void> Datagrams::hand_over(std::uint64_t number, Link link) {
  Result<tls::PeerCertificates> gateway = tls::PeerCertificates::of(link.stream.ssl());
  if (!gateway) return gateway.error();
  // The list may have changed while this one was on its way, where no check saw it.
  if (auto checked = context_.recheck(*gateway); !checked) return checked.error();
  const asio::any_io_executor executor = thread_.get_executor();
  if (auto moved = link.stream.move_to(executor); !moved) return moved;
  auto session = session::Datagrams::create(std::move(link.stream), session_settings(settings_, link.reply));
  auto associations = std::make_shared<Associations>(std::move(session), thread_.batch(), associations_max());
  carried_ = std::make_unique<Carried>(
      Carried{number, associations, *std::move(gateway), link.not_after, std::chrono::steady_clock::now()});
  ++counts_.dgram_sessions;
  asio::co_spawn(
      executor,
      [self = shared_from_this(), associations]() -> Task<void> {
        Error reason = co_await associations->run();
        asio::post(self->control_, [self, text = reason.message + "; " + associations->account(),
                                    numbers = associations->numbers()] { self->ended(text, numbers); });
      },
      asio::detached);
  for (asio::steady_timer* signal : waiting_) signal->cancel();
  return {};
}

void Datagrams::ended(const std::string& reason, const Associations::Numbers& numbers) {
  counts_.ended += numbers;
  const std::string text = "DGRAM session " + std::to_string(carried_->number) + " ended: " + reason;
  // One that ends at once is not dialled at once.
  const bool was_short = std::chrono::steady_clock::now() - carried_->since < kRetry;
  // Its timers are the other thread's.
  asio::post(thread_.get_executor(), [associations = std::move(carried_->associations)] {});
  carried_.reset();
  ended_.cancel();
  if (stopped_) return spdlog::debug("{}", text);
  spdlog::warn("{}", text);
  dial(was_short);
}

void Datagrams::open(const Association::Terms& terms, Done done) {
  asio::post(thread_.get_executor(), [self = shared_from_this(), associations = carried_->associations,
                                      number = carried_->number, terms, done = std::move(done)]() mutable {
    std::optional<Bound> bound;
    if (std::optional<Associations::Opened> opened = associations->open(terms)) {
      bound = Bound{std::move(opened->outcome), number, opened->association};
    }
    asio::post(self->control_,
               [done = std::move(done), bound = std::move(bound)]() mutable { done(std::move(bound)); });
  });
}

void Datagrams::numbers(std::function<void(const Associations::Numbers&)> done) {
  if (!is_open()) return done({});
  asio::post(thread_.get_executor(),
             [control = control_, associations = carried_->associations, done = std::move(done)]() mutable {
               asio::post(control, [done = std::move(done), numbers = associations->numbers()] { done(numbers); });
             });
}

void Datagrams::release(const Bound& bound) {
  if (!is_open() || carried_->number != bound.session) return;
  asio::post(thread_.get_executor(), [associations = carried_->associations, association = bound.association] {
    associations->release(association);
  });
}

void Datagrams::check(const Fault& fault) {
  if (!is_open()) return;
  if (std::string text = fault(carried_->gateway, carried_->not_after); !text.empty()) close(std::move(text));
}

void Datagrams::close(std::string reason) {
  asio::post(thread_.get_executor(), [associations = carried_->associations, reason = std::move(reason)]() mutable {
    associations->close(std::move(reason));
  });
}

void Datagrams::stop() {
  stopped_ = true;
  retry_.cancel();
  for (asio::steady_timer* signal : waiting_) signal->cancel();
  if (is_open()) close("the control session has ended");
}

Task<void> Datagrams::wait_until_ended() {
  while (is_open()) (void)co_await ended_.async_wait(use_tuple);
}

}  // namespace sluice::agent
