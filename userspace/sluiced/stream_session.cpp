// SPDX-License-Identifier: Apache-2.0
#include "sluiced/stream_session.hpp"

#include <sys/socket.h>

#include <boost/asio/post.hpp>

#include "base/event_loop.hpp"

namespace sluice::gateway {
namespace {

relay::Report never_relayed(std::string why) {
  relay::Report report;
  report.end = relay::End::aborted;
  report.detail = std::move(why);
  return report;
}

}  // namespace

Task<Result<void>> StreamSession::greet(const session::Envelope& reply) {
  const auto self = shared_from_this();
  auto written = co_await session::write_frame(stream_, reply);
  if (state_ == State::greeting) state_ = written ? State::waiting : State::ended;
  co_return written;
}

void StreamSession::watch(std::function<void()> ended) {
  if (state_ == State::ended) return ended();
  if (state_ != State::waiting) return;
  stream_.socket().async_wait(
      tcp::socket::wait_read, [self = shared_from_this(), ended = std::move(ended)](boost::system::error_code failure) {
        if (failure || self->state_ != State::waiting || SSL_has_pending(self->stream_.ssl())) return;
        // Bytes may come before the Answer that names the session, for that travels on another connection; they stay
        // in the socket, and so does an end behind them.
        char byte;
        if (::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) return;
        self->state_ = State::ended;
        self->stream_.close(true);
        ended();
      });
}

void StreamSession::claim(UniqueFd client, Done done) {
  auto fd = std::make_shared<UniqueFd>(std::move(client));
  asio::post(executor_, [self = shared_from_this(), fd, done = std::move(done)]() mutable {
    self->relay(std::move(*fd), std::move(done));
  });
}

void StreamSession::relay(UniqueFd client, Done done) {
  // Ended on the way here, or named before it had its reply: the client's socket closes with RST.
  if (state_ != State::waiting) {
    if (state_ == State::greeting) stream_.close(true);
    state_ = State::ended;
    return done(never_relayed("the STREAM session had ended"));
  }
  Result<tcp::socket> socket = adopt(executor_, std::move(client));
  if (!socket) {
    state_ = State::ended;
    stream_.close(true);
    return done(never_relayed(socket.error().message));
  }
  state_ = State::relaying;
  boost::system::error_code ignored;
  stream_.socket().cancel(ignored);  // what watch() waits for
  relay_ = relay::Relay::create(*std::move(socket), std::move(stream_));
  relay_->start([self = shared_from_this(), done = std::move(done)](const relay::Report& report) {
    self->state_ = State::ended;
    self->relay_.reset();
    done(report);
  });
}

void StreamSession::reset(std::string reason) {
  asio::post(executor_, [self = shared_from_this(), reason = std::move(reason)] {
    switch (self->state_) {
      case State::greeting:
      case State::waiting:
        self->state_ = State::ended;
        self->stream_.close(true);
        break;
      case State::relaying:
        self->relay_->abort(reason);
        break;
      case State::ended:
        break;
    }
  });
}

const SSL* StreamSession::ssl() {
  if (state_ == State::waiting) return stream_.ssl();
  return state_ == State::relaying ? relay_->stream().ssl() : nullptr;
}

}  // namespace sluice::gateway
