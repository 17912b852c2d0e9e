// SPDX-License-Identifier: Apache-2.0
#include "agent/pool.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace sluice::agent {
namespace {

constexpr unsigned kDialsAtOnce = 32;  // more would only queue in the gateway's accept queue
constexpr Duration kRetry{1000};

/// Nothing may come on a STREAM session before it is named; anything that did, ended it.
bool is_alive(tls::Stream& stream) {
  std::array<std::byte, 1> byte;
  return stream.try_read(byte).status == tls::Stream::Status::would_block;
}

}  // namespace

Pool::Pool(Dialer& dialer, Target target, session::v1::Hello hello, asio::any_io_executor executor, unsigned size)
    : dialer_(dialer),
      target_(std::move(target)),
      hello_(std::move(hello)),
      executor_(std::move(executor)),
      size_(size),
      retry_(executor_) {
  hello_.set_kind(session::v1::STREAM);
}

void Pool::start() { dial_more(); }

Task<Result<Pool::Session>> Pool::take() {
  while (!stopped_ && !idle_.empty()) {
    Session session = std::move(idle_.front());
    idle_.pop_front();
    if (!is_alive(session.stream)) continue;
    dial_more();
    co_return session;
  }
  if (stopped_) co_return Error{"the control session has ended"};
  auto waiter = std::make_shared<Waiter>(executor_);
  waiting_.push_back(waiter);
  dial_more();
  (void)co_await waiter->signal.async_wait(use_tuple);
  co_return std::move(waiter->result);
}

void Pool::put_back(Session session) {
  if (!stopped_) serve(std::move(session));
}

void Pool::stop() {
  stopped_ = true;
  retry_.cancel();
  idle_.clear();
  for (const std::shared_ptr<Waiter>& waiter : waiting_) {
    waiter->result = Error{"the control session has ended"};
    waiter->signal.cancel();
  }
  waiting_.clear();
}

void Pool::keep_if(const std::function<bool(const Session&)>& keep) {
  std::erase_if(idle_, [&keep](const Session& session) { return !keep(session); });
  dial_more();
}

void Pool::dial_more() {
  if (stopped_) return;
  // Who waits is served even while the pool's own refill pauses.
  const std::size_t wanted = waiting_.size() + (pausing_ ? 0 : size_);
  while (dialing_ < kDialsAtOnce && idle_.size() + dialing_ < wanted) {
    ++dialing_;
    asio::co_spawn(
        executor_, [self = shared_from_this()]() -> Task<void> { co_await self->dial_one(); }, asio::detached);
  }
}

Task<void> Pool::dial_one() {
  session::v1::Hello hello = hello_;
  const std::uint64_t number = dialer_.new_number();
  hello.set_session(number);
  Target target = target_;
  Result<Link> link = co_await dialer_.dial(target, std::move(hello));
  --dialing_;
  if (stopped_) co_return;
  if (link) {
    serve({number, std::move(link->stream), link->not_after});
    dial_more();
    co_return;
  }
  spdlog::warn("STREAM session: {}", link.error().message);
  if (!waiting_.empty()) {
    std::shared_ptr<Waiter> waiter = std::move(waiting_.front());
    waiting_.pop_front();
    waiter->result = link.error().in("no STREAM session");
    waiter->signal.cancel();
  }
  dial_more();
  if (pausing_) co_return;
  pausing_ = true;
  retry_.expires_after(kRetry);
  (void)co_await retry_.async_wait(use_tuple);
  pausing_ = false;
  dial_more();
}

void Pool::serve(Session session) {
  if (waiting_.empty()) {
    idle_.push_back(std::move(session));
    return;
  }
  std::shared_ptr<Waiter> waiter = std::move(waiting_.front());
  waiting_.pop_front();
  waiter->result = std::move(session);
  waiter->signal.cancel();
}

}  // namespace sluice::agent
