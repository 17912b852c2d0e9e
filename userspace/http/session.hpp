// SPDX-License-Identifier: Apache-2.0
//
// Inside of Server: what its connections share (Core), and one of them (Session).
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "http/admission.hpp"
#include "http/reader.hpp"
#include "http/server.hpp"
#include "http/wire.hpp"
#include "tls/stream.hpp"

namespace sluice::http {

class Session;

struct Core {
  Core(const asio::any_io_executor& on, tls::Context tls, Handler answers, ServerOptions given)
      : executor(on), context(std::move(tls)), handler(std::move(answers)), options(std::move(given)) {}

  asio::any_io_executor executor;
  tls::Context context;
  Handler handler;
  ServerOptions options;
  ServerCounters counters;
  std::uint64_t revision = 0;  ///< of the revocation list
  std::uint64_t next_id = 1;
  std::set<Session*> sessions;  ///< each takes itself out
  std::shared_ptr<Admission> admission = std::make_shared<Admission>(options.limits);
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  asio::steady_timer tick{executor};
  asio::steady_timer emptied{executor, asio::steady_timer::time_point::max()};
  bool stopping = false;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Core> core, tcp::socket socket, tls::UniqueSsl ssl, const Endpoint& remote);
  ~Session();

  /// The whole life of the connection; the caller keeps the Session until then.
  Task<void> run(std::unique_ptr<Opening> opening);
  /// Closes the connection now and cancels the handler.
  void end(const char* why);
  /// Ends it if its peer's certificate has expired, and, if *revocation*, if it no longer passes the context's checks.
  void recheck(bool revocation);
  /// The peer has said nothing that the server has not looked at.
  [[nodiscard]] bool awaits_peer();
  /// Ends it for another.
  void crowd_out();

 private:
  /// How the running handler stands.
  struct Work {
    bool done = false;
    std::exception_ptr failure;
    Response response;
  };

  Task<Result<void>> shake_hands();
  Result<void> greet(std::uint64_t revision);
  std::optional<Refusal> admit();
  Task<bool> serve_one();
  Task<bool> read_head(std::optional<RequestHead>& head);
  Task<bool> read_body(RequestHead& head);
  Task<std::optional<Response>> answer();
  Task<bool> watch(const Work& work);
  Task<bool> send(const Response& response, bool keep_alive, bool head = false);
  Task<bool> refuse(unsigned status, std::string detail);
  Task<void> linger();
  void wake();

  std::shared_ptr<Core> core_;
  tls::Stream stream_;
  Reader reader_;
  Connection connection_;
  Request request_;
  asio::cancellation_signal cancel_;
  asio::steady_timer wake_;
  std::optional<Place> place_;
  std::optional<Refusal> refusal_;  // the answer to whatever it asks
  bool greeted_ = false;
  bool handling_ = false;
  bool sending_ = false;
  bool ended_ = false;  // close_notify has come
};

}  // namespace sluice::http
