// SPDX-License-Identifier: Apache-2.0
//
// Listener: the TLS door for agents.  Accepts on the control thread, then hands the socket to a worker, where the
// handshake and the Hello are done; the checks of who may be whom are made there, and what the session becomes is
// decided by the Reception on the control thread.
//
// A rule for its coroutines: an expression with co_await holds no ?: and no temporary that has a destructor, a lambda
// with captures for one.  g++ 12 evaluates both sides of the first and destroys the second twice.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "session/control.hpp"
#include "sluiced/datagram_session.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/stream_session.hpp"
#include "sluiced/worker.hpp"

namespace sluice::gateway {

// A control session, on its worker.
class ControlSession final : public Session {
 public:
  // Frames that were read and that the control thread has not seen yet; an agent owes one Answer an Offer, so more
  // than the kernel can park is no agent of ours.
  static constexpr std::size_t pending_max = 65536;

  explicit ControlSession(std::shared_ptr<session::Control> established) : control(std::move(established)) {}
  const SSL* ssl() override { return control->is_open() ? control->stream().ssl() : nullptr; }
  void revoke(const std::string& reason) override { control->close(reason); }

  std::shared_ptr<session::Control> control;
  std::atomic<std::size_t> pending{0};
  std::atomic<std::int64_t> round_trip_us{0};
};

// What a session said about itself, checked against its certificate.
struct Greeting {
  std::string network;
  std::string agent;
  std::string instance;
  std::string software;
  std::string ping;       // how it pings, empty: it may not
  std::string datagrams;  // which protocols' datagrams it carries
  std::uint64_t session = 0;
  Endpoint from;
};

class Reception {
 public:
  virtual ~Reception() = default;
  // All on the control thread.  An error refuses the session, in the words that the agent gets.
  virtual Result<LinkId> open_control(const Greeting& greeting, std::shared_ptr<ControlSession> session,
                                      Worker& worker) = 0;
  virtual Result<LinkId> open_stream(const Greeting& greeting, std::shared_ptr<StreamSession> session) = 0;
  virtual void stream_ended(LinkId link, std::uint64_t session) = 0;
  // Of its end it tells itself.
  virtual Result<std::shared_ptr<DatagramSession>> open_datagrams(const Greeting& greeting) = 0;
  virtual void frames(LinkId link, std::vector<session::Envelope> frames) = 0;
  virtual void control_ended(LinkId link, const Error& reason) = 0;
};

class Listener {
 public:
  struct Limits {
    Duration ping_interval;
    Duration dead_after;
    // Sessions whose Hello is not done: the only ones that strangers can make.
    std::size_t opening_max = 1024;
  };

  Listener(asio::io_context& control, std::vector<std::unique_ptr<Worker>>& workers, Reception& reception,
           std::string gateway_name, Limits limits)
      : control_(control),
        workers_(workers),
        reception_(reception),
        gateway_name_(std::move(gateway_name)),
        limits_(limits) {}

  Result<void> listen(const Endpoint& endpoint);
  void close();

 private:
  Task<void> accept_loop(std::shared_ptr<tcp::acceptor> acceptor);
  Task<void> serve(Worker& worker, tcp::socket socket, Endpoint from);
  // Handshake and Hello; the greeting, once it agrees with the certificate.
  Task<Result<session::v1::Hello>> receive_hello(tls::Stream& stream);
  // Its Hello was checked.
  Task<void> serve_kind(session::v1::Kind kind, Worker& worker, tls::Stream stream, Greeting greeting);
  Task<void> serve_control(Worker& worker, tls::Stream stream, Greeting greeting);
  Task<void> serve_stream(Worker& worker, tls::Stream stream, Greeting greeting);
  Task<void> serve_datagrams(tls::Stream stream, Greeting greeting);
  // On the worker: hands what came to the control thread.
  Result<void> on_frames(const std::shared_ptr<ControlSession>& session, LinkId id, std::span<session::Envelope> batch);
  template <class T>
  session::Envelope reply_to(const Result<T>& opened) const {
    return reply(opened ? std::string() : opened.error().message);
  }
  session::Envelope reply(const std::string& refusal) const;

  asio::io_context& control_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  Reception& reception_;
  const std::string gateway_name_;
  const Limits limits_;
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors_;
  std::size_t next_worker_ = 0;
  // Shared with the sessions that are opening, which may be destroyed after us.
  std::shared_ptr<std::atomic<std::size_t>> opening_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace sluice::gateway
