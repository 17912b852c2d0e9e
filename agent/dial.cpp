// SPDX-License-Identifier: Apache-2.0
#include "agent/dial.hpp"

#include <vector>

#include "agent/proxy.hpp"
#include "base/deadline.hpp"
#include "base/socket.hpp"
#include "session/framing.hpp"

namespace sluice::agent {
namespace {

constexpr Duration kStepTime{10000};  // for each of: name, TCP, proxy, TLS, Hello
constexpr int kProxyTries = 4;        // first, answer to the challenge, stale nonce, one more race for a nonce

Error late(const std::string& what) { return Error{what + ": no answer within " + to_string(kStepTime)}; }

}  // namespace

Dialer::Dialer(asio::any_io_executor executor, const Settings& settings, const tls::Context& context)
    : executor_(std::move(executor)), settings_(settings), context_(context) {
  if (settings_.proxy) authenticator_.emplace(settings_.proxy->user, settings_.proxy->password);
}

Task<Result<tcp::socket>> Dialer::connect(const HostPort& server, std::optional<tcp::endpoint>& address) {
  const std::string name = server.to_string();
  std::vector<tcp::endpoint> candidates;
  if (address) {
    candidates.push_back(*address);
  } else {
    tcp::resolver resolver(executor_);
    Deadline deadline(executor_, kStepTime, [&resolver] { resolver.cancel(); });
    auto [code, results] = co_await resolver.async_resolve(server.host, server.port, use_tuple);
    if (deadline.late()) co_return late(name + ": name");
    if (code) co_return Error{name + ": " + code.message()};
    for (const auto& entry : results) candidates.push_back(entry.endpoint());
  }
  Error last{name + ": no address"};
  for (const tcp::endpoint& candidate : candidates) {
    tcp::socket socket(executor_);
    Deadline deadline(executor_, kStepTime, [&socket] {
      boost::system::error_code ignored;
      socket.close(ignored);
    });
    auto [code] = co_await socket.async_connect(candidate, use_tuple);
    if (!code && !deadline.late()) {
      address = candidate;
      (void)keep_alive(socket.native_handle());
      co_return socket;
    }
    std::string where = name + " (" + from_asio(candidate).to_string() + ")";
    last = deadline.late() ? late(where) : Error{where + ": " + code.message()};
  }
  co_return last;
}

Task<Result<tcp::socket>> Dialer::connect_by_proxy(const HostPort& gateway) {
  const std::string target = gateway.to_string();
  for (int attempt = 0; attempt < kProxyTries; ++attempt) {
    std::optional<tcp::endpoint> any;
    Result<tcp::socket> socket = co_await connect(settings_.proxy->server, any);
    if (!socket) co_return socket.error().in("proxy");
    Result<std::optional<std::string>> authorization = authenticator_->authorization(target);
    if (!authorization) co_return authorization.error().in("proxy");
    Deadline deadline(executor_, kStepTime, [&socket] {
      boost::system::error_code ignored;
      socket->close(ignored);
    });
    Result<ProxyReply> reply = co_await http_connect(*socket, target, authorization->value_or(""));
    if (deadline.late()) co_return late("proxy");
    if (!reply) co_return reply.error();
    if (reply->status / 100 == 2) co_return *std::move(socket);
    if (reply->status != 407) {
      co_return Error{"proxy: " + std::to_string(reply->status) + " " + reply->reason + " for " + target};
    }
    // A new connection for the next try, since many proxies close this one after their error page.
    Result<bool> again = authenticator_->challenged(reply->challenges, authorization->has_value());
    if (!again) co_return again.error();
  }
  co_return Error{"proxy: asks for authentication again and again"};
}

Task<Result<Link>> Dialer::dial(Target& target, session::v1::Hello hello) {
  Result<Link> link = co_await open(target, std::move(hello));
  // A ticket that the gateway does not take must not stand in the way of the next try.
  if (!link) context_.forget_ticket();
  co_return link;
}

Task<Result<Link>> Dialer::open(Target& target, session::v1::Hello hello) {
  // Not "a ? co_await b : co_await c": g++ 12 destroys the outcome of that twice.
  Result<tcp::socket> socket = Error{"not connected"};
  if (settings_.proxy)
    socket = co_await connect_by_proxy(target.gateway);
  else
    socket = co_await connect(target.gateway, target.address);
  if (!socket) co_return socket.error();
  const std::string name = target.gateway.to_string();
  Result<tls::UniqueSsl> ssl = context_.new_session(socket->native_handle(), target.gateway.host);
  if (!ssl) co_return ssl.error();
  tls::Stream stream(*std::move(socket), *std::move(ssl));
  if (auto done = co_await stream.handshake(kStepTime); !done) co_return done.error().in(name);
  Result<tls::Peer> peer = stream.peer();
  if (!peer) co_return peer.error().in(name);
  if (!peer->is_gateway(settings_.network)) {
    co_return Error{name + ": certificate of '" + peer->subject + "': not a gateway of network '" + settings_.network +
                    "'"};
  }

  Deadline deadline(executor_, kStepTime, [&stream] { stream.close(); });
  session::Envelope envelope;
  *envelope.mutable_hello() = std::move(hello);
  if (auto done = co_await session::write_frame(stream, envelope); !done) co_return done.error().in(name);
  Result<session::Envelope> answer = co_await session::read_frame(stream);
  if (deadline.late()) co_return late(name + ": Hello");
  if (!answer) co_return answer.error().in(name);
  if (!answer->has_hello_reply()) co_return Error{name + ": answered Hello with something else"};
  session::v1::HelloReply* reply = answer->mutable_hello_reply();
  if (reply->status() != session::v1::OK) co_return Error{name + ": refused us: " + reply->detail()};
  std::string gateway = reply->gateway() + " (" + name + ")";
  co_return Link{std::move(stream), std::move(*reply), std::move(gateway), peer->not_after};
}

}  // namespace sluice::agent
