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
#include "session/datagrams.hpp"
#include "tls/testing.hpp"

namespace sluice::agent::testing {

class FakeGateway {
 public:
  /// A DGRAM session; what was received is kept as text.
  struct Dgram final : session::Datagrams::Handler {
    void on_datagram(const session::Datagram& datagram) override {
      received[datagram.association].emplace_back(reinterpret_cast<const char*>(datagram.payload.data()),
                                                  datagram.payload.size());
    }
    void on_error(std::uint32_t association, const session::DatagramError& error) override {
      errors[association].push_back(std::to_string(error.type) + "/" + std::to_string(error.code));
    }
    void on_unbind(std::uint32_t association) override { unbound.push_back(association); }
    void send(std::uint32_t association, const std::string& payload) {
      session->send({association, 64, 0, false, std::as_bytes(std::span(payload))});
    }

    std::shared_ptr<session::Datagrams> session;
    std::map<std::uint32_t, std::vector<std::string>> received, errors;
    std::vector<std::uint32_t> unbound;
  };

  FakeGateway(asio::io_context& io, const tls::Identity& identity)
      : io_(io),
        context_(*tls::Context::create(tls::Role::server, identity)),
        acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(io_, accept(), asio::detached);
  }
  ~FakeGateway() { stop(); }

  [[nodiscard]] std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

  void offer(std::uint64_t id, const Endpoint& destination, unsigned protocol = 6, unsigned ttl = 0) {
    session::Envelope envelope;
    session::v1::Offer* offer = envelope.mutable_offer();
    offer->set_id(id);
    offer->set_protocol(protocol);
    offer->set_ttl(ttl);
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
    for (auto& [number, dgram] : dgrams) dgram->session->close("test over");
  }

  std::shared_ptr<session::Control> control;
  std::map<std::uint64_t, std::unique_ptr<tls::Stream>> streams;
  std::map<std::uint64_t, std::shared_ptr<Dgram>> dgrams;  ///< that were ever opened
  std::map<std::uint64_t, session::v1::Answer> answers;
  std::uint64_t progress = 0;
  unsigned controls = 0;  ///< control sessions seen
  unsigned dead_after_ms = 1000;
  std::string refuse;  ///< refuse Hello with this detail
  bool refuse_dgrams = false;
  session::v1::Hello hello;  ///< of the last control session
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
    Result<session::Envelope> first = co_await session::read_frame(*stream);
    if (!first || !first->has_hello()) co_return;
    const session::v1::Hello opened = first->hello();
    const bool refused = !refuse.empty() || (refuse_dgrams && opened.kind() == session::v1::DGRAM);
    session::Envelope reply;
    reply.mutable_hello_reply()->set_status(refused ? session::v1::REFUSED : session::v1::OK);
    reply.mutable_hello_reply()->set_detail(refuse);
    reply.mutable_hello_reply()->set_gateway("fake");
    reply.mutable_hello_reply()->set_ping_interval_ms(100);
    reply.mutable_hello_reply()->set_dead_after_ms(dead_after_ms);
    if (!co_await session::write_frame(*stream, reply) || refused) co_return;
    if (opened.kind() == session::v1::STREAM) {
      streams[opened.session()] = std::move(stream);
      co_return;
    }
    if (opened.kind() == session::v1::DGRAM) {
      auto dgram = std::make_shared<Dgram>();
      dgrams[opened.session()] = dgram;
      dgram->session = session::Datagrams::create(std::move(*stream), {});
      (void)co_await dgram->session->run(*dgram);
      co_return;
    }
    hello = opened;
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
