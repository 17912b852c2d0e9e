// SPDX-License-Identifier: Apache-2.0
#include "session/control.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <vector>

namespace sluice::session {
namespace {

constexpr std::size_t kReadBuffer = 2 * (kMaxFrame + kFrameHeader);
constexpr std::size_t kBatch = 1024;

}  // namespace

std::shared_ptr<Control> Control::create(tls::Stream stream, Settings settings) {
  return std::shared_ptr<Control>(new Control(std::move(stream), settings));
}

Control::Control(tls::Stream stream, Settings settings)
    : stream_(std::move(stream)),
      settings_(settings),
      write_signal_(stream_.get_executor(), asio::steady_timer::time_point::max()),
      ping_timer_(stream_.get_executor()),
      last_heard_(Clock::now()) {}

Task<Error> Control::run(Handler handler) {
  std::shared_ptr<Control> self = shared_from_this();
  last_heard_ = Clock::now();
  writing_ = false;
  asio::co_spawn(
      stream_.get_executor(), [self]() -> Task<void> { co_await self->write_loop(); }, asio::detached);
  asio::co_spawn(
      stream_.get_executor(), [self]() -> Task<void> { co_await self->keep_alive(); }, asio::detached);
  Result<void> end = co_await read_loop(handler);
  close(end ? "ended" : end.error().message);
  co_return Error{reason_};
}

void Control::send(const Envelope& envelope) {
  if (closed_) return;
  if (auto done = append_frame(outbox_, envelope); !done) return close(done.error().message);
  if (outbox_.size() > settings_.queue_max) return close("the peer reads too slowly");
  write_signal_.cancel();
}

void Control::close(std::string reason) {
  if (closed_) return;
  closed_ = true;
  reason_ = std::move(reason);
  write_rest();
  // A courtesy that tells the peer this was meant; if it does not leave at once, the end of TCP does.
  (void)stream_.try_shutdown_write();
  stream_.close();
  write_signal_.cancel();
  ping_timer_.cancel();
}

/// Frames that were sent just before close(), an Answer for one, and that write_loop() has not seen.
void Control::write_rest() {
  // They cannot overtake what write_loop() is writing; it waits because the peer does not read.
  if (writing_) return;
  std::span<const std::byte> rest = std::as_bytes(std::span(outbox_));
  while (!rest.empty()) {
    tls::Stream::Attempt attempt = stream_.try_write(rest);
    if (attempt.status != tls::Stream::Status::ok) break;
    rest = rest.subspan(attempt.size);
  }
}

Task<void> Control::write_loop() {
  while (!closed_) {
    if (outbox_.empty()) {
      (void)co_await write_signal_.async_wait(use_tuple);
      continue;
    }
    std::string sending = std::exchange(outbox_, {});
    writing_ = true;
    Result<std::size_t> done = co_await stream_.write_all(std::as_bytes(std::span(sending)));
    if (!done) co_return close(done.error().message);
    writing_ = false;
  }
}

Task<void> Control::keep_alive() {
  while (!closed_) {
    ping_timer_.expires_at(std::min(Clock::now() + settings_.ping_interval, last_heard_ + settings_.dead_after));
    (void)co_await ping_timer_.async_wait(use_tuple);
    if (closed_) co_return;
    if (Clock::now() >= last_heard_ + settings_.dead_after) {
      // If this process itself was held up, the peer's bytes may be waiting: let the reader look first.
      (void)co_await asio::post(stream_.get_executor(), use_tuple);
      if (Clock::now() >= last_heard_ + settings_.dead_after) {
        close("nothing was heard for " + to_string(settings_.dead_after));
        co_return;
      }
    }
    ping_sent_ = Clock::now();
    Envelope ping;
    ping.mutable_ping()->set_token(++ping_token_);
    send(ping);
  }
}

Task<Result<void>> Control::read_loop(const Handler& handler) {
  std::vector<std::byte> buffer(kReadBuffer);
  std::size_t filled = 0;
  std::vector<Envelope> batch;
  auto deliver = [&]() -> Result<void> {
    Result<void> done;
    for (std::size_t first = 0; first < batch.size() && done; first += kBatch) {
      done = handler(std::span(batch).subspan(first, std::min(kBatch, batch.size() - first)));
    }
    batch.clear();
    return done;
  };
  for (;;) {
    if (closed_) co_return Error{reason_};
    tls::Stream::Attempt attempt = stream_.try_read(std::span(buffer).subspan(filled));
    if (attempt.status == tls::Stream::Status::ok) {
      last_heard_ = Clock::now();
      filled += attempt.size;
      std::span<const std::byte> rest(buffer.data(), filled);
      for (;;) {
        Result<std::optional<Envelope>> frame = take_frame(rest);
        if (!frame) co_return frame.error();
        if (!*frame) break;
        Envelope& envelope = **frame;
        if (envelope.has_ping()) {
          Envelope pong;
          pong.mutable_pong()->set_token(envelope.ping().token());
          send(pong);
        } else if (envelope.has_pong()) {
          if (envelope.pong().token() == ping_token_) {
            round_trip_ = std::chrono::duration_cast<std::chrono::microseconds>(last_heard_ - ping_sent_);
          }
        } else {
          batch.push_back(std::move(envelope));
        }
      }
      std::memmove(buffer.data(), rest.data(), rest.size());
      filled = rest.size();
      if (batch.size() < kBatch) continue;
    }
    const bool more = attempt.status == tls::Stream::Status::ok;
    if (auto done = deliver(); !done) co_return done.error();
    if (more) {
      // A peer that never pauses must not keep everything else waiting.
      (void)co_await asio::post(stream_.get_executor(), use_tuple);
      continue;
    }
    if (attempt.status == tls::Stream::Status::closed) co_return Error{"the peer ended the session"};
    if (attempt.status == tls::Stream::Status::broken) co_return Error{stream_.last_error()};
    if (!co_await stream_.wait(attempt.wait)) co_return Error{"the session was closed here"};
  }
}

}  // namespace sluice::session
