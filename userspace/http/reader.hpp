// SPDX-License-Identifier: Apache-2.0
//
// Reader: what has come over a tls::Stream and was not yet taken.  Bounded, and wiped when it goes: it may hold keys.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/async.hpp"
#include "base/deadline.hpp"
#include "derivation/secret.hpp"
#include "tls/stream.hpp"

namespace sluice::http {

class Reader {
 public:
  enum class Got {
    bytes,  ///< there are more than before
    full,   ///< *most* bytes wait to be taken
    end,    ///< close_notify: there will be no more
    gone,   ///< the connection is dead, or was closed here
    late,   ///< the deadline has passed
  };

  Reader(tls::Stream& stream, std::size_t most) : stream_(stream), most_(most) {}

  /// Waits for more bytes, until *deadline*, whose action must cancel the stream's socket.
  Task<Got> more(const Deadline& deadline);
  /// The same without waiting; nothing if there are none at this moment.
  std::optional<Got> more_now();

  /// Until more_now() may find something; false when the socket was closed, or its waits cancelled.
  Task<bool> ready() { return stream_.wait(wait_); }

  /// Waits until all of *target* is filled, first with what is there.
  Task<Got> fill(std::span<std::byte> target, const Deadline& deadline);

  [[nodiscard]] std::string_view bytes() const { return buffer_.text().substr(taken_, filled_ - taken_); }
  void take(std::size_t size);

 private:
  tls::Stream& stream_;
  const std::size_t most_;
  derivation::Secret buffer_;
  std::size_t taken_ = 0, filled_ = 0;
  tcp::socket::wait_type wait_ = tcp::socket::wait_read;
};

}  // namespace sluice::http
