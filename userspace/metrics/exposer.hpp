// SPDX-License-Identifier: Apache-2.0
//
// Exposer: the HTTP server that Prometheus asks, http://ENDPOINT/metrics, on a thread of its own.  Nothing is counted
// here: every scrape asks the daemon for what it knows at that moment, so that there is no second copy to go wrong.
//
// Not prometheus-cpp's own Exposer: Debian's civetweb knows no IPv6, does not say why it could not listen, and takes
// two seconds to stop.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/address.hpp"
#include "base/async.hpp"
#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "metrics/hand_over.hpp"

namespace sluice::metrics {

/// Where a daemon's metrics come from.
struct Sources {
  std::string program;                  // for sluice_build_info
  asio::any_io_executor owner;          // of the daemon's state
  std::function<void(Reply)> measure;   // called there
  std::function<void(Families&)> here;  // called on the exposer's thread; may be empty
};

class Exposer {
 public:
  /// Who does not answer by then is not up.
  static constexpr std::chrono::milliseconds patience{2000};
  /// Of those who ask; for one more the oldest ends.
  static constexpr std::size_t connections_max = 16;

  /// Port 0: any free one.
  static Result<std::unique_ptr<Exposer>> open(const Endpoint& endpoint, Sources sources);
  /// On the owner's thread, or when that no longer runs.  Does not wait for the owner, nor for who asks.
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  explicit Exposer(Sources sources);
  Result<void> listen(const Endpoint& endpoint);
  Task<void> accept_loop();
  Task<void> serve(tcp::socket socket);
  void end_oldest();
  std::string scrape();

  std::string program_;
  HandOver hand_over_;
  std::function<void(Families&)> here_;
  std::list<tcp::socket*> connections_;  // the oldest first; those that are left go with the loop
  EventLoop loop_;
  tcp::acceptor acceptor_{loop_.context()};
  std::uint16_t port_ = 0;
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
};

}  // namespace sluice::metrics
