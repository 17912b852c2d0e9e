// SPDX-License-Identifier: Apache-2.0
//
// Worker: one thread with an event loop of its own, a TLS context of its own, and the sessions that live there.  What
// belongs to a worker is touched by its thread alone, so the path of the bytes takes no lock.
//
// It also looks again at the certificates of live sessions (S1): when the revocation list has changed, and from
// time to time for those that expire.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "tls/context.hpp"

namespace sluice::gateway {

namespace asio = boost::asio;

// A session as the recheck sees it; on its worker.
class Session {
 public:
  virtual ~Session() = default;
  // Null when it has ended.
  virtual const SSL* ssl() = 0;
  virtual void revoke(const std::string& reason) = 0;
};

class Worker {
 public:
  explicit Worker(tls::Context tls);
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // *name*: the thread's, 15 characters at most.
  void start(const char* name);
  void stop();

  [[nodiscard]] asio::io_context& context() { return loop_.context(); }

  // On the worker.
  [[nodiscard]] const tls::Context& tls() const { return tls_; }
  void enrol(std::weak_ptr<Session> session) { sessions_.push_back(std::move(session)); }
  // From any thread: new certificates; live sessions are checked against them.
  void replace_tls(tls::Context tls);

 private:
  void schedule();
  void look();
  void recheck();

  EventLoop loop_;
  asio::steady_timer timer_{loop_.context()};
  tls::Context tls_;
  std::vector<std::weak_ptr<Session>> sessions_;
  std::chrono::steady_clock::time_point next_recheck_;
  std::string last_error_;  // of the revocation list, to be told once
};

}  // namespace sluice::gateway
