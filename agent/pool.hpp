// SPDX-License-Identifier: Apache-2.0
//
// Pool: the STREAM sessions of one control session that wait for a connection.  Keeps a number of them
// pre-connected and dials more when connections come faster.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "agent/dial.hpp"
#include "base/async.hpp"
#include "base/result.hpp"
#include "tls/stream.hpp"

namespace sluice::agent {

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  /// A STREAM session whose HelloReply was OK.
  struct Session {
    std::uint64_t number;
    tls::Stream stream;
    std::chrono::system_clock::time_point not_after;
  };

  /// *hello* is that of the control session; kind and number are set here.
  Pool(Dialer& dialer, Target target, session::v1::Hello hello, asio::any_io_executor executor, unsigned size);

  struct Numbers {
    std::size_t idle = 0, dialing = 0, waiting = 0;
  };

  /// Begins to fill the pool.
  void start();
  /// A session for one connection; those who wait are served in order.
  Task<Result<Session>> take();
  /// Gives back one that was not named in an Answer.
  void put_back(Session session);
  /// Closes all that is pooled; takers get an error, and no more is dialled.
  void stop();
  /// Drops pooled sessions that *keep* is false for.
  void keep_if(const std::function<bool(const Session&)>& keep);
  [[nodiscard]] Numbers numbers() const { return {idle_.size(), dialing_, waiting_.size()}; }

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor)
        : signal(executor, asio::steady_timer::time_point::max()), result(Error{"no STREAM session"}) {}
    asio::steady_timer signal;
    Result<Session> result;
  };

  void dial_more();
  Task<void> dial_one();
  void serve(Session session);

  Dialer& dialer_;
  Target target_;
  session::v1::Hello hello_;
  asio::any_io_executor executor_;
  unsigned size_;
  asio::steady_timer retry_;
  std::deque<Session> idle_;
  std::deque<std::shared_ptr<Waiter>> waiting_;
  unsigned dialing_ = 0;
  bool pausing_ = false;  ///< the last dial failed; refill when retry_ says so
  bool stopped_ = false;
};

}  // namespace sluice::agent
