// SPDX-License-Identifier: Apache-2.0
#include "session/datagrams.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <limits>
#include <vector>

#include "base/socket.hpp"

namespace sluice::session {
namespace {

constexpr std::size_t kRecord = 16384;  // of TLS: RFC 8446, 5.1
constexpr std::size_t kReadBuffer = 2 * (kDatagramHeader + kDatagramMax);
constexpr std::size_t kWriteTurn = 65536;  // others of the executor have theirs after that, as in the relay
constexpr int kUnsentMax = 128 << 10;      // enough for a round trip of the kernel's to us, little to wait behind
constexpr std::uint64_t kAcknowledgeBytes = 65536;
constexpr std::chrono::milliseconds kAcknowledgeTime{10};
/// Errors are dropped beyond that, as routers limit them (RFC 1812, 4.3.2.8).
constexpr std::size_t kErrorsMax = 64 << 10;
constexpr std::size_t kUrgentMax = 8 << 20;

}  // namespace

Datagrams::Counters& Datagrams::Counters::operator+=(const Counters& more) {
  sent += more.sent;
  received += more.received;
  bytes_sent += more.bytes_sent;
  bytes_received += more.bytes_received;
  dropped_full += more.dropped_full;
  dropped_late += more.dropped_late;
  dropped_gone += more.dropped_gone;
  lost += more.lost;
  dropped_errors += more.dropped_errors;
  return *this;
}

std::shared_ptr<Datagrams> Datagrams::create(tls::Stream stream, Settings settings) {
  return std::shared_ptr<Datagrams>(new Datagrams(std::move(stream), settings));
}

Datagrams::Datagrams(tls::Stream stream, Settings settings)
    : stream_(std::move(stream)),
      settings_(settings),
      queue_({.one = settings.queue_max, .all = settings.total_max, .age = settings.age}),
      write_signal_(stream_.get_executor(), asio::steady_timer::time_point::max()),
      acknowledge_timer_(stream_.get_executor()),
      dead_timer_(stream_.get_executor()) {
  // Without it more waits in the kernel, where nothing grows old and nobody is overtaken.
  (void)limit_unsent(stream_.socket().native_handle(), kUnsentMax);
}

Task<Error> Datagrams::run(Handler& handler) {
  std::shared_ptr<Datagrams> self = shared_from_this();
  asio::co_spawn(
      stream_.get_executor(), [self]() -> Task<void> { co_await self->write_loop(); }, asio::detached);
  asio::co_spawn(
      stream_.get_executor(), [self]() -> Task<void> { co_await self->watch(); }, asio::detached);
  Result<void> end = co_await read_loop(handler);
  close(end ? "ended" : end.error().message);
  co_return Error{reason_};
}

bool Datagrams::send(const Datagram& datagram) {
  if (closed_) {
    ++counters_.dropped_gone;
    return false;
  }
  const bool queued = queue_.push(datagram, Clock::now());
  counters_.dropped_late = queue_.late();
  if (!queued) {
    ++counters_.dropped_full;
    return false;
  }
  write_signal_.cancel();
  return true;
}

void Datagrams::send_error(std::uint32_t association, const DatagramError& error) {
  if (closed_) return;
  if (urgent_.size() >= kErrorsMax) {
    ++counters_.dropped_errors;
    return;
  }
  append_error(urgent_, association, error);
  write_signal_.cancel();
}

void Datagrams::send_unbind(std::uint32_t association) {
  forget(association);
  if (closed_) return;
  // What was taken out of the queue is in the outbox, and that leaves first.
  append_unbind(urgent_, association);
  if (urgent_.size() > kUrgentMax) return close("the peer reads too slowly");
  write_signal_.cancel();
}

void Datagrams::forget(std::uint32_t association) { counters_.dropped_gone += queue_.drop(association); }

void Datagrams::close(std::string reason) {
  if (closed_) return;
  closed_ = true;
  reason_ = std::move(reason);
  counters_.lost = unacknowledged_.size();
  counters_.dropped_gone += queue_.drop_all();
  // A courtesy that tells the peer this was meant; if it does not leave at once, the end of TCP does.
  (void)stream_.try_shutdown_write();
  stream_.close();
  write_signal_.cancel();
  acknowledge_timer_.cancel();
  dead_timer_.cancel();
}

/// What the next TLS record holds: everything urgent, and datagrams as far as it and the window go.
void Datagrams::fill() {
  outbox_.clear();
  outbox_.swap(urgent_);
  const Clock::time_point now = Clock::now();
  for (;;) {
    // A datagram alone may take several records, and more than the window.
    std::size_t room = std::numeric_limits<std::size_t>::max();
    if (outstanding() != 0) room = settings_.window - std::min(settings_.window, outstanding());
    if (!outbox_.empty()) room = std::min(room, kRecord - std::min(kRecord, outbox_.size()));
    std::optional<std::string> frame = queue_.pop(room, now);
    counters_.dropped_late = queue_.late();
    if (!frame) return;
    if (outstanding() == 0) progress_ = now;
    ++counters_.sent;
    counters_.bytes_sent += frame->size();
    unacknowledged_.push_back(static_cast<std::uint32_t>(frame->size()));
    outbox_ += *frame;
  }
}

Task<void> Datagrams::write_loop() {
  std::size_t turn = 0;
  while (!closed_) {
    fill();
    if (outbox_.empty()) {
      (void)co_await write_signal_.async_wait(use_tuple);
      turn = 0;
      continue;
    }
    std::span<const std::byte> rest = std::as_bytes(std::span(outbox_));
    while (!rest.empty()) {
      const tls::Stream::Attempt attempt = stream_.try_write(rest);
      if (attempt.status == tls::Stream::Status::ok) {
        rest = rest.subspan(attempt.size);
        turn += attempt.size;
      } else if (attempt.status == tls::Stream::Status::would_block) {
        if (!co_await stream_.wait(attempt.wait)) co_return close("the session was closed here");
        turn = 0;
      } else {
        co_return close(stream_.last_error());
      }
      if (turn < kWriteTurn) continue;
      turn = 0;
      (void)co_await asio::post(stream_.get_executor(), use_tuple);
      if (closed_) co_return;
    }
  }
}

Task<void> Datagrams::watch() {
  const auto is_dead = [this] { return outstanding() != 0 && Clock::now() >= progress_ + settings_.dead_after; };
  while (!closed_) {
    const Clock::time_point since = outstanding() != 0 ? progress_ : Clock::now();
    dead_timer_.expires_at(since + settings_.dead_after);
    (void)co_await dead_timer_.async_wait(use_tuple);
    if (closed_) co_return;
    if (!is_dead()) continue;
    // If this process itself was held up, acknowledgements may be waiting: let the reader look first.
    (void)co_await asio::post(stream_.get_executor(), use_tuple);
    if (is_dead()) close("nothing was acknowledged for " + to_string(settings_.dead_after));
  }
}

Task<Result<void>> Datagrams::read_loop(Handler& handler) {
  std::vector<std::byte> buffer(kReadBuffer);
  std::size_t filled = 0;
  while (!closed_) {
    tls::Stream::Attempt attempt;
    do {
      attempt = stream_.try_read(std::span(buffer).subspan(filled));
      if (attempt.status == tls::Stream::Status::ok) filled += attempt.size;
    } while (attempt.status == tls::Stream::Status::ok && filled < buffer.size());
    std::span<const std::byte> rest(buffer.data(), filled);
    if (auto done = hand_over(rest, handler); !done) co_return done.error();
    if (closed_) break;
    std::memmove(buffer.data(), rest.data(), rest.size());
    filled = rest.size();
    if (attempt.status == tls::Stream::Status::ok) {
      // A peer that never pauses must not keep everything else waiting.
      (void)co_await asio::post(stream_.get_executor(), use_tuple);
      continue;
    }
    if (attempt.status == tls::Stream::Status::closed) co_return Error{"the peer ended the session"};
    if (attempt.status == tls::Stream::Status::broken) co_return Error{stream_.last_error()};
    if (!co_await stream_.wait(attempt.wait)) co_return Error{"the session was closed here"};
  }
  co_return Error{reason_};
}

/// Takes the whole frames from the front of *data*.
Result<void> Datagrams::hand_over(std::span<const std::byte>& data, Handler& handler) {
  Result<void> done;
  bool any = false;
  while (done && !closed_) {
    Result<std::optional<DatagramFrame>> frame = take_datagram_frame(data);
    if (!frame) {
      done = frame.error();
      break;
    }
    if (!*frame) break;
    any = true;
    done = hand_over(**frame, handler);
  }
  if (closed_) return done;
  if (any) handler.on_batch_end();
  if (counters_.bytes_received - acknowledged_to_peer_ >= kAcknowledgeBytes) {
    acknowledge();
  } else if (counters_.bytes_received != acknowledged_to_peer_) {
    acknowledge_soon();
  }
  return done;
}

Result<void> Datagrams::hand_over(const DatagramFrame& frame, Handler& handler) {
  switch (frame.kind) {
    case DatagramKind::datagram:
      handler.on_datagram(frame.datagram);
      ++counters_.received;
      counters_.bytes_received += kDatagramHeader + frame.datagram.payload.size();
      return {};
    case DatagramKind::error:
      handler.on_error(frame.datagram.association, frame.error);
      return {};
    case DatagramKind::unbind:
      handler.on_unbind(frame.datagram.association);
      return {};
    case DatagramKind::acknowledge:
      break;
  }
  return take_acknowledgement(frame.taken);
}

Result<void> Datagrams::take_acknowledgement(std::uint64_t taken) {
  if (taken > counters_.bytes_sent) return Error{"the peer acknowledged what was not sent"};
  if (taken < acknowledged_) return Error{"the peer took an acknowledgement back"};
  if (taken == acknowledged_) return {};
  acknowledged_ = taken;
  while (!unacknowledged_.empty() && oldest_ + unacknowledged_.front() <= taken) {
    oldest_ += unacknowledged_.front();
    unacknowledged_.pop_front();
  }
  progress_ = Clock::now();
  write_signal_.cancel();
  return {};
}

void Datagrams::acknowledge() {
  if (closed_ || acknowledged_to_peer_ == counters_.bytes_received) return;
  acknowledged_to_peer_ = counters_.bytes_received;
  append_acknowledge(urgent_, acknowledged_to_peer_);
  write_signal_.cancel();
}

void Datagrams::acknowledge_soon() {
  if (acknowledging_soon_ || closed_) return;
  acknowledging_soon_ = true;
  acknowledge_timer_.expires_after(kAcknowledgeTime);
  acknowledge_timer_.async_wait([self = shared_from_this()](boost::system::error_code) {
    self->acknowledging_soon_ = false;
    self->acknowledge();
  });
}

}  // namespace sluice::session
