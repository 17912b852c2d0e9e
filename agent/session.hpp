// SPDX-License-Identifier: Apache-2.0
//
// Session: all that hangs on one control session: the connects and pings under way, the pool, the relays, the DGRAM
// session with its associations.  When the control session ends, all of it is reset.  Control thread only; the relays
// run on the workers of a Relays, the datagrams on a DatagramThread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "agent/attempt.hpp"
#include "agent/bind.hpp"
#include "agent/connect.hpp"
#include "agent/counts.hpp"
#include "agent/datagrams.hpp"
#include "agent/dial.hpp"
#include "agent/ping.hpp"
#include "agent/pool.hpp"
#include "agent/relays.hpp"
#include "agent/settings.hpp"
#include "base/async.hpp"
#include "session/control.hpp"
#include "tls/context.hpp"

namespace sluice::agent {

class Session : public std::enable_shared_from_this<Session> {
 public:
  /// What is under way.
  struct Numbers {
    std::size_t offers = 0, pings = 0, streams = 0;
    Pool::Numbers pool;
  };

  /// *link* is the open control session and *hello* what opened it.
  static std::shared_ptr<Session> create(const Settings& settings, tls::Context& context, Dialer& dialer,
                                         Relays& relays, DatagramThread& datagram_thread, Counts& counts, Target target,
                                         session::v1::Hello hello, Link link);

  /// Until the control session ends; returns why.  Everything has been reset by then.
  Task<Error> run();
  void close(std::string reason) { control_->close(std::move(reason)); }
  [[nodiscard]] bool is_open() const { return control_->is_open(); }
  [[nodiscard]] Numbers numbers() const { return {offers_.size(), pings_, streams_.size(), pool_->numbers()}; }
  /// *done* is called on the control thread.
  void datagram_numbers(std::function<void(const Associations::Numbers&)> done) {
    datagrams_->numbers(std::move(done));
  }

 private:
  struct Stream {
    std::shared_ptr<CarriedStream> carried;
    tls::PeerCertificates gateway;
    std::chrono::system_clock::time_point not_after;
  };

  Session(const Settings& settings, tls::Context& context, Dialer& dialer, Relays& relays,
          DatagramThread& datagram_thread, Counts& counts, Target target, session::v1::Hello hello, Link link);
  Result<void> handle(std::span<session::Envelope> frames);
  Task<void> answer_offer(session::v1::Offer offer);
  Task<void> accept(std::uint64_t id, std::shared_ptr<Connect> connect);
  void send_answer(std::uint64_t id, const Attempt& attempt, const Outcome& outcome, std::uint64_t number = 0,
                   std::uint32_t association = 0);
  Result<Stream> hand_over(Pool::Session session, tcp::socket socket);
  void carry(std::uint64_t number, Stream stream);
  Task<void> check_certificates();
  Task<void> reset_everything();

  const Settings& settings_;
  tls::Context& context_;
  Relays& relays_;
  Counts& counts_;
  std::string gateway_;
  std::chrono::system_clock::time_point not_after_;
  std::shared_ptr<session::Control> control_;
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Datagrams> datagrams_;
  asio::steady_timer check_timer_;
  asio::steady_timer stream_ended_;
  /// Offers that are owed an Answer, by id.
  std::unordered_map<std::uint64_t, std::shared_ptr<Attempt>> offers_;
  /// What is carried, by the number of their STREAM session.
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::string list_trouble_;  ///< why the revocation list could not be read last time
  std::size_t pings_ = 0;     ///< under way
  bool over_ = false;
};

}  // namespace sluice::agent
