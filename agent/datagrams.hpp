// SPDX-License-Identifier: Apache-2.0
//
// Datagrams: the DGRAM session of one control session, as the control thread sees it.  Dialled here, it then lives with
// its associations on the datagrams' thread; it is dialled again when it has ended.  What is decided there comes back
// by message; nothing is shared.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

#include "agent/associations.hpp"
#include "agent/counts.hpp"
#include "agent/dial.hpp"
#include "agent/settings.hpp"
#include "base/async.hpp"
#include "base/event_loop.hpp"
#include "tls/context.hpp"

namespace sluice::agent {

/// The thread that carries datagrams, of one session after another.
class DatagramThread {
 public:
  DatagramThread() { loop_.start("agent-datagram"); }

  [[nodiscard]] asio::any_io_executor get_executor() { return loop_.context().get_executor(); }
  [[nodiscard]] const std::shared_ptr<os::DatagramBatch>& batch() const { return batch_; }

 private:
  std::shared_ptr<os::DatagramBatch> batch_ = std::make_shared<os::DatagramBatch>();
  EventLoop loop_;
};

class Datagrams : public std::enable_shared_from_this<Datagrams> {
 public:
  /// What is wrong with a gateway's certificate that was good until *not_after*; empty: nothing.
  using Fault =
      std::function<std::string(const tls::PeerCertificates&, std::chrono::system_clock::time_point not_after)>;
  struct Bound {
    Outcome outcome;
    std::uint64_t session = 0;  ///< ACCEPT
    std::uint32_t association = 0;
  };
  /// Nothing: the session has just ended.
  using Done = std::function<void(std::optional<Bound>)>;

  /// *hello* is that of the control session; kind and number are set here.
  Datagrams(const Settings& settings, const tls::Context& context, Dialer& dialer, Target target,
            session::v1::Hello hello, asio::any_io_executor control, DatagramThread& thread, Counts& counts);

  /// Begins to dial.
  void start() { dial(false); }
  [[nodiscard]] bool is_open() const { return carried_ != nullptr; }
  [[nodiscard]] bool is_stopped() const { return stopped_; }
  /// Until there is a session or *signal* is cancelled by somebody else.
  Task<void> wait_until_open(asio::steady_timer& signal);
  /// While open: *done* is called on the control thread, soon.
  void open(const Association::Terms& terms, Done done);
  /// An association that the gateway was not told of.
  void release(const Bound& bound);
  /// Of the session that there is; *done* is called on the control thread, at once where there is none.
  void numbers(std::function<void(const Associations::Numbers&)> done);
  /// Ends the session if its gateway's certificate is no longer good.
  void check(const Fault& fault);
  /// Ends the session, and no more is dialled.
  void stop();
  /// Until it has ended, after stop().
  Task<void> wait_until_ended();

 private:
  struct Carried {
    std::uint64_t number;
    std::shared_ptr<Associations> associations;  // the other thread's
    tls::PeerCertificates gateway;
    std::chrono::system_clock::time_point not_after;
    std::chrono::steady_clock::time_point since;
  };

  void dial(bool pause_first);
  Task<void> dial_until_open(bool pause_first);
  Task<void> pause();
  Result<void> hand_over(std::uint64_t number, Link link);
  void ended(const std::string& reason, const Associations::Numbers& numbers);
  void close(std::string reason);

  const Settings& settings_;
  const tls::Context& context_;
  Dialer& dialer_;
  Target target_;
  session::v1::Hello hello_;
  asio::any_io_executor control_;
  DatagramThread& thread_;
  Counts& counts_;
  asio::steady_timer retry_;
  asio::steady_timer ended_;
  std::unordered_set<asio::steady_timer*> waiting_;
  std::unique_ptr<Carried> carried_;
  std::minstd_rand random_{std::random_device{}()};
  bool dialing_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::agent
