// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/listen.hpp"
#include "base/socket.hpp"
#include "http/session.hpp"

namespace sluice::http {
namespace {

// When descriptors are short.
constexpr std::chrono::milliseconds kAcceptPause{100};
// Sessions that are checked before others get a turn; each takes two signatures' time.
constexpr std::size_t kBatch = 16;

constexpr auto no_exceptions = [](std::exception_ptr exception) {
  if (exception) std::rethrow_exception(exception);
};

std::vector<std::weak_ptr<Session>> sessions_of(const Core& core) {
  std::vector<std::weak_ptr<Session>> sessions;
  sessions.reserve(core.sessions.size());
  for (Session* session : core.sessions) sessions.push_back(session->weak_from_this());
  return sessions;
}

Task<void> recheck_all(std::shared_ptr<Core> core) {
  Result<bool> changed = core->context.reload_revoked();
  // The old list stays in force.
  if (!changed) spdlog::warn("http: revocation list: {}", changed.error().message);
  const bool revocation = changed && *changed;
  if (revocation) ++core->revision;
  std::size_t number = 0;
  for (const std::weak_ptr<Session>& weak : sessions_of(*core)) {
    if (const std::shared_ptr<Session> session = weak.lock()) session->recheck(revocation);
    if (revocation && ++number % kBatch == 0) (void)co_await asio::post(core->executor, use_tuple);
  }
}

Task<void> tick(std::shared_ptr<Core> core) {
  while (!core->stopping) {
    core->tick.expires_after(core->options.recheck);
    (void)co_await core->tick.async_wait(use_tuple);
    if (core->stopping) co_return;
    co_await recheck_all(core);
  }
}

void welcome(const std::shared_ptr<Core>& core, tcp::socket socket, const Endpoint& from) {
  if (!core->admission->make_room(from.address)) {
    ++core->counters.crowded_out;
    return;  // the socket closes
  }
  (void)keep_alive(socket.native_handle());
  Result<tls::UniqueSsl> ssl = core->context.new_session(socket.native_handle());
  if (!ssl) {
    spdlog::error("http: {}: {}", from.to_string(), ssl.error().message);
    return;
  }
  auto session = std::make_shared<Session>(core, std::move(socket), *std::move(ssl), from);
  auto opening = std::make_unique<Opening>(core->admission, from.address, *session);
  Task<void> running = session->run(std::move(opening));
  asio::co_spawn(core->executor, std::move(running),
                 [session](std::exception_ptr exception) { no_exceptions(exception); });
}

Task<void> accept_loop(std::shared_ptr<Core> core, std::shared_ptr<tcp::acceptor> acceptor) {
  asio::steady_timer pause(core->executor);
  while (acceptor->is_open()) {
    tcp::endpoint from;
    auto [failure, socket] = co_await acceptor->async_accept(from, use_tuple);
    if (failure == asio::error::operation_aborted || !acceptor->is_open()) co_return;
    if (failure) {
      spdlog::debug("http: accept: {}", failure.message());
      pause.expires_after(kAcceptPause);
      (void)co_await pause.async_wait(use_tuple);
      continue;
    }
    ++core->counters.accepted;
    welcome(core, std::move(socket), from_asio(from));
  }
}

}  // namespace

Server::Server(const asio::any_io_executor& executor, tls::Context context, Handler handler, ServerOptions options)
    : core_(std::make_shared<Core>(executor, std::move(context), std::move(handler), std::move(options))) {
  asio::co_spawn(executor, tick(core_), no_exceptions);
}

Server::~Server() { stop(); }

Result<Endpoint> Server::listen(const Endpoint& endpoint) {
  auto acceptor = std::make_shared<tcp::acceptor>(core_->executor);
  Result<Endpoint> bound = listen_on(*acceptor, endpoint);
  if (!bound) return bound;
  core_->acceptors.push_back(acceptor);
  asio::co_spawn(core_->executor, accept_loop(core_, acceptor), no_exceptions);
  return bound;
}

Task<void> Server::recheck() { return recheck_all(core_); }

void Server::stop() {
  core_->stopping = true;
  boost::system::error_code ignored;
  for (const auto& acceptor : core_->acceptors) acceptor->close(ignored);
  core_->acceptors.clear();
  core_->tick.cancel();
  for (const std::weak_ptr<Session>& weak : sessions_of(*core_)) {
    if (const std::shared_ptr<Session> session = weak.lock()) session->end("the server stops");
  }
}

Task<void> Server::stopped() {
  const std::shared_ptr<Core> core = core_;
  while (!core->sessions.empty()) (void)co_await core->emptied.async_wait(use_tuple);
}

ServerCounters Server::counters() const { return core_->counters; }

}  // namespace sluice::http
