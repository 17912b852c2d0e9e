// SPDX-License-Identifier: Apache-2.0
#include "http/reader.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace {

// Thousands of connections wait at a time: most need no more than this.
constexpr std::size_t kFirst = 1024;

Reader::Got got(const tls::Stream::Attempt& attempt) {
  using Status = tls::Stream::Status;
  if (attempt.status == Status::ok) return Reader::Got::bytes;
  return attempt.status == Status::closed ? Reader::Got::end : Reader::Got::gone;
}

}  // namespace

void Reader::take(std::size_t size) {
  taken_ += size;
  if (taken_ != filled_) return;
  taken_ = filled_ = 0;
}

std::optional<Reader::Got> Reader::more_now() {
  const std::size_t held = filled_ - taken_;
  if (held >= most_) return Got::full;
  if (filled_ == buffer_.size()) {
    // Room at the front is used before the buffer grows.  The old one is wiped as it goes.
    derivation::Secret next(taken_ != 0 ? buffer_.size() : std::min(most_, std::max(kFirst, 2 * buffer_.size())));
    if (held != 0) std::memcpy(next.data(), buffer_.data() + taken_, held);
    buffer_ = std::move(next);
    taken_ = 0;
    filled_ = held;
  }
  const auto attempt =
      stream_.try_read(std::as_writable_bytes(std::span(buffer_.data() + filled_, buffer_.size() - filled_)));
  wait_ = attempt.wait;
  if (attempt.status == tls::Stream::Status::would_block) return std::nullopt;
  filled_ += attempt.size;
  return got(attempt);
}

Task<Reader::Got> Reader::more(const Deadline& deadline) {
  for (;;) {
    if (deadline.late()) co_return Got::late;
    if (const std::optional<Got> got = more_now()) co_return *got;
    const bool ready = co_await stream_.wait(wait_);
    if (deadline.late()) co_return Got::late;
    if (!ready) co_return Got::gone;
  }
}

Task<Reader::Got> Reader::fill(std::span<std::byte> target, const Deadline& deadline) {
  const std::string_view there = bytes().substr(0, target.size());
  if (!there.empty()) std::memcpy(target.data(), there.data(), there.size());
  target = target.subspan(there.size());
  take(there.size());
  while (!target.empty()) {
    if (deadline.late()) co_return Got::late;
    const auto attempt = stream_.try_read(target);
    if (attempt.status == tls::Stream::Status::would_block) {
      const bool ready = co_await stream_.wait(attempt.wait);
      if (!ready && !deadline.late()) co_return Got::gone;
      continue;
    }
    if (attempt.status != tls::Stream::Status::ok) co_return got(attempt);
    target = target.subspan(attempt.size);
  }
  co_return Got::bytes;
}

}  // namespace sluice::http
