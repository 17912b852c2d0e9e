// SPDX-License-Identifier: Apache-2.0
#include "sluiced/listener.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/listen.hpp"
#include "session/framing.hpp"
#include "sluiced/record.hpp"
#include "sluiced/spawn.hpp"

namespace sluice::gateway {
namespace {

constexpr int listen_backlog = 4096;
constexpr std::size_t instance_size = 16;
// Accepting fails for good reasons only when descriptors or memory are short; then it pays to wait.
constexpr std::chrono::milliseconds accept_pause{100};

// Asio makes an empty one before it has the value.
using Opened = std::optional<Result<LinkId>>;
using OpenedDatagrams = std::optional<Result<std::shared_ptr<DatagramSession>>>;

Result<void> check_hello(const session::v1::Hello& hello, const tls::Peer& peer) {
  if (hello.version() != session::kVersion)
    return Error{"version " + std::to_string(hello.version()) + " of the session protocol is not spoken here"};
  if (!peer.is_agent(hello.network(), hello.agent()))
    return Error{"the certificate does not name agent '" + hello.agent() + "' of network '" + hello.network() + "'"};
  if (hello.instance().size() != instance_size) return Error{"the instance must have 16 bytes"};
  switch (hello.kind()) {
    case session::v1::CONTROL:
    case session::v1::STREAM:
    case session::v1::DGRAM:
      return {};
    default:
      return Error{"this kind of session is not known here"};
  }
}

// Closes the stream when it is not disarmed in time.
class Deadline {
 public:
  Deadline(tls::Stream& stream, Duration limit) : timer_(stream.get_executor(), limit), stream_(&stream) {
    timer_.async_wait([target = std::weak_ptr<tls::Stream*>(stream_handle_)](boost::system::error_code failure) {
      if (const auto stream = target.lock(); stream && !failure) (*stream)->close();
    });
  }

 private:
  asio::steady_timer timer_;
  tls::Stream* stream_;
  std::shared_ptr<tls::Stream*> stream_handle_ = std::make_shared<tls::Stream*>(stream_);
};

}  // namespace

Result<void> Listener::listen(const Endpoint& endpoint) {
  auto acceptor = std::make_shared<tcp::acceptor>(control_);
  if (auto bound = listen_on(*acceptor, endpoint, listen_backlog); !bound) return bound.error();
  acceptors_.push_back(acceptor);
  asio::co_spawn(control_, accept_loop(acceptor), no_exceptions);
  return {};
}

void Listener::close() {
  boost::system::error_code ignored;
  for (const auto& acceptor : acceptors_) acceptor->close(ignored);
}

Task<void> Listener::accept_loop(std::shared_ptr<tcp::acceptor> acceptor) {
  asio::steady_timer pause(control_);
  while (acceptor->is_open()) {
    Worker& worker = *workers_[next_worker_++ % workers_.size()];
    tcp::endpoint from;
    auto [failure, socket] = co_await acceptor->async_accept(worker.context(), from, use_tuple);
    if (failure == asio::error::operation_aborted || !acceptor->is_open()) co_return;
    if (failure) {
      spdlog::debug("accept: {}", failure.message());
      pause.expires_after(accept_pause);
      (void)co_await pause.async_wait(use_tuple);
      continue;
    }
    if (*opening_ >= limits_.opening_max) continue;  // the socket closes
    ++*opening_;
    asio::co_spawn(worker.context(), serve(worker, std::move(socket), from_asio(from)), no_exceptions);
  }
}

session::Envelope Listener::reply(const std::string& refusal) const {
  session::Envelope envelope;
  auto& hello = *envelope.mutable_hello_reply();
  hello.set_status(refusal.empty() ? session::v1::OK : session::v1::REFUSED);
  hello.set_detail(refusal);
  hello.set_gateway(gateway_name_);
  hello.set_ping_interval_ms(static_cast<std::uint32_t>(limits_.ping_interval.count()));
  hello.set_dead_after_ms(static_cast<std::uint32_t>(limits_.dead_after.count()));
  return envelope;
}

Task<Result<session::v1::Hello>> Listener::receive_hello(tls::Stream& stream) {
  if (auto done = co_await stream.handshake(limits_.dead_after); !done) co_return done.error();
  auto peer = stream.peer();
  if (!peer) co_return peer.error();
  Deadline deadline(stream, limits_.dead_after);
  auto frame = co_await session::read_frame(stream);
  if (!frame) co_return frame.error();
  if (!frame->has_hello()) co_return Error{"the first frame is no Hello"};
  if (auto checked = check_hello(frame->hello(), *peer); !checked) {
    const session::Envelope refusal = reply(checked.error().message);
    (void)co_await session::write_frame(stream, refusal);
    (void)co_await stream.shutdown_write();
    co_return checked.error();
  }
  stream.send_ticket();  // leaves with the reply
  co_return frame->hello();
}

Task<void> Listener::serve(Worker& worker, tcp::socket socket, Endpoint from) {
  struct Opening {
    std::shared_ptr<std::atomic<std::size_t>> count;
    bool done = false;
    void end() {
      if (!std::exchange(done, true)) --*count;
    }
    ~Opening() { end(); }
  } opening{opening_};

  auto ssl = worker.tls().new_session(socket.native_handle());
  if (!ssl) {
    spdlog::error("session from {}: {}", from.to_string(), ssl.error().message);
    co_return;
  }
  tls::Stream stream(std::move(socket), *std::move(ssl));
  auto hello = co_await receive_hello(stream);
  opening.end();
  if (!hello) {
    spdlog::info("session from {} refused: {}", from.to_string(), hello.error().message);
    co_return;
  }
  Greeting greeting{hello->network(),           hello->agent(),
                    hello->instance(),          plain_words(hello->software()),
                    plain_words(hello->ping()), plain_words(hello->datagrams()),
                    hello->session(),           from};
  Task<void> serving = serve_kind(hello->kind(), worker, std::move(stream), std::move(greeting));
  co_await std::move(serving);
}

Task<void> Listener::serve_kind(session::v1::Kind kind, Worker& worker, tls::Stream stream, Greeting greeting) {
  switch (kind) {
    case session::v1::CONTROL:
      return serve_control(worker, std::move(stream), std::move(greeting));
    case session::v1::DGRAM:
      return serve_datagrams(std::move(stream), std::move(greeting));
    default:
      return serve_stream(worker, std::move(stream), std::move(greeting));
  }
}

Result<void> Listener::on_frames(const std::shared_ptr<ControlSession>& session, LinkId id,
                                 std::span<session::Envelope> batch) {
  session->round_trip_us = session->control->round_trip().count();
  if (session->pending.fetch_add(batch.size()) > ControlSession::pending_max)
    return Error{"the agent sends more than it was asked"};
  std::vector<session::Envelope> frames(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
  asio::post(control_, [this, session, id, frames = std::move(frames)]() mutable {
    session->pending.fetch_sub(frames.size());
    reception_.frames(id, std::move(frames));
  });
  return {};
}

Task<void> Listener::serve_control(Worker& worker, tls::Stream stream, Greeting greeting) {
  auto control = session::Control::create(std::move(stream), {limits_.ping_interval, limits_.dead_after});
  auto session = std::make_shared<ControlSession>(control);
  auto open = [&]() -> Task<Opened> { co_return reception_.open_control(greeting, session, worker); };
  const Result<LinkId> link = *co_await asio::co_spawn(control_, open, asio::use_awaitable);
  // Offers may be queued in the session by now; they leave when it runs, after the reply.
  const session::Envelope answer = reply_to(link);
  auto replied = co_await session::write_frame(control->stream(), answer);
  if (!link) {
    spdlog::info("agent {} of network {} refused: {}", greeting.agent, greeting.network, link.error().message);
    (void)co_await control->stream().shutdown_write();
    co_return;
  }
  Error reason = replied ? Error{} : replied.error();
  if (replied) {
    worker.enrol(session);
    session::Control::Handler handler = [this, session, id = *link](std::span<session::Envelope> batch) {
      return on_frames(session, id, batch);
    };
    Task<Error> running = control->run(std::move(handler));
    reason = co_await std::move(running);
  }
  asio::post(control_, [this, id = *link, reason] { reception_.control_ended(id, reason); });
}

Task<void> Listener::serve_stream(Worker& worker, tls::Stream stream, Greeting greeting) {
  auto session = std::make_shared<StreamSession>(std::move(stream));
  auto open = [&]() -> Task<Opened> { co_return reception_.open_stream(greeting, session); };
  // In the pool first, told second: once the agent has its reply it may name the session in an Answer.
  const Result<LinkId> link = *co_await asio::co_spawn(control_, open, asio::use_awaitable);
  auto ended = [this, id = link ? *link : 0, number = greeting.session] {
    asio::post(control_, [this, id, number] { reception_.stream_ended(id, number); });
  };
  const session::Envelope answer = reply_to(link);
  auto replied = co_await session->greet(answer);
  if (!link) {
    spdlog::info("STREAM session of agent {} of network {} refused: {}", greeting.agent, greeting.network,
                 link.error().message);
    session->reset("refused");
    co_return;
  }
  if (!replied) {
    ended();
    co_return;
  }
  worker.enrol(session);
  session->watch(ended);
}

Task<void> Listener::serve_datagrams(tls::Stream stream, Greeting greeting) {
  auto open = [&]() -> Task<OpenedDatagrams> { co_return reception_.open_datagrams(greeting); };
  const Result<std::shared_ptr<DatagramSession>> session =
      *co_await asio::co_spawn(control_, open, asio::use_awaitable);
  const session::Envelope answer = reply_to(session);
  if (session) {
    (*session)->start(std::move(stream), answer);
    co_return;
  }
  spdlog::info("DGRAM session of agent {} of network {} refused: {}", greeting.agent, greeting.network,
               session.error().message);
  (void)co_await session::write_frame(stream, answer);
  (void)co_await stream.shutdown_write();
}

}  // namespace sluice::gateway
