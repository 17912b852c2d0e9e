// SPDX-License-Identifier: Apache-2.0
//
// For tests: the gateway's side of the session protocol, in the test's own io_context.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "session/control.hpp"
#include "tls/testing.hpp"

namespace sluice::agent::testing {

class FakeGateway {
 public:
  FakeGateway(asio::io_context& io, const tls::Identity& identity)
      : io_(io),
        context_(*tls::Context::create(tls::Role::server, identity)),
        acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(io_, accept(), asio::detached);
  }
  ~FakeGateway() { stop(); }

  [[nodiscard]] std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

  void offer(std::uint64_t id, const Endpoint& destination) {
    session::Envelope envelope;
    session::v1::Offer* offer = envelope.mutable_offer();
    offer->set_id(id);
    offer->set_protocol(6);
    offer->set_destination_address(destination.address.bytes());
    offer->set_destination_port(destination.port);
    control->send(envelope);
  }
  void withdraw(std::uint64_t id) {
    session::Envelope envelope;
    envelope.mutable_withdraw()->add_id(id);
    control->send(envelope);
  }
  /// Sessions from here on show this certificate.
  void show(const tls::Identity& identity) { context_ = *tls::Context::create(tls::Role::server, identity); }
  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    if (control) control->close("test over");
    streams.clear();
  }

  std::shared_ptr<session::Control> control;
  std::map<std::uint64_t, std::unique_ptr<tls::Stream>> streams;
  std::map<std::uint64_t, session::v1::Answer> answers;
  std::uint64_t progress = 0;
  unsigned controls = 0;  ///< control sessions seen
  unsigned dead_after_ms = 1000;
  std::string refuse;  ///< refuse Hello with this detail
  std::function<void()> on_ready = [] {};
  std::function<void(const session::v1::Answer&)> on_answer = [](const auto&) {};

 private:
  Task<void> accept() {
    for (;;) {
      auto [code, socket] = co_await acceptor_.async_accept(use_tuple);
      if (code) co_return;
      asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
  }
  Task<void> serve(tcp::socket socket) {
    tls::UniqueSsl ssl = *context_.new_session(socket.native_handle());
    auto stream = std::make_unique<tls::Stream>(std::move(socket), std::move(ssl));
    if (!co_await stream->handshake(Duration(5000))) co_return;
    Result<session::Envelope> hello = co_await session::read_frame(*stream);
    if (!hello || !hello->has_hello()) co_return;
    session::Envelope reply;
    reply.mutable_hello_reply()->set_status(refuse.empty() ? session::v1::OK : session::v1::REFUSED);
    reply.mutable_hello_reply()->set_detail(refuse);
    reply.mutable_hello_reply()->set_gateway("fake");
    reply.mutable_hello_reply()->set_ping_interval_ms(100);
    reply.mutable_hello_reply()->set_dead_after_ms(dead_after_ms);
    if (!co_await session::write_frame(*stream, reply) || !refuse.empty()) co_return;
    if (hello->hello().kind() == session::v1::STREAM) {
      streams[hello->hello().session()] = std::move(stream);
      co_return;
    }
    ++controls;
    control = session::Control::create(std::move(*stream), {});
    std::shared_ptr<session::Control> running = control;
    on_ready();
    (void)co_await running->run([this](std::span<session::Envelope> frames) -> Result<void> {
      for (session::Envelope& frame : frames) {
        if (frame.has_progress()) progress += frame.progress().offers();
        if (!frame.has_answer()) continue;
        answers[frame.answer().id()] = frame.answer();
        on_answer(frame.answer());
      }
      return {};
    });
  }

  asio::io_context& io_;
  tls::Context context_;
  tcp::acceptor acceptor_;
};

}  // namespace sluice::agent::testing
