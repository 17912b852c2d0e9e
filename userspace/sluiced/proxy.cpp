// SPDX-License-Identifier: Apache-2.0
#include "sluiced/proxy.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/socket.hpp"
#include "sluiced/spawn.hpp"

namespace sluice::gateway {
namespace {

constexpr int backlog = 4096;
constexpr int port_attempts = 20;
constexpr std::chrono::milliseconds accept_pause{50};

// Never TCP_DEFER_ACCEPT here: a server that speaks first would wait for a client that says nothing.
Result<UniqueFd> open_listener(int family, std::uint16_t port) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("proxy", errno);
  const int on = 1;
  const bool v6 = family == AF_INET6;
  auto set = [&](int level, int option) { return ::setsockopt(fd.get(), level, option, &on, sizeof on) == 0; };
  // A restarted sluiced finds connections of the old one on this port.
  if (!set(SOL_SOCKET, SO_REUSEADDR)) return system_error("proxy: SO_REUSEADDR", errno);
  if (!(v6 ? set(SOL_IPV6, IPV6_TRANSPARENT) : set(SOL_IP, IP_TRANSPARENT)))
    return system_error("proxy: transparent listener (needs CAP_NET_ADMIN)", errno);
  if (v6 && !set(SOL_IPV6, IPV6_V6ONLY)) return system_error("proxy: IPV6_V6ONLY", errno);
  // Inherited by what is accepted: a connection that nobody takes, or a crash, is a reset and never a clean end.
  if (auto lingers = reset_on_close(fd.get()); !lingers) return lingers.error();

  sockaddr_storage storage;
  const Endpoint any{v6 ? Address{} : *Address::parse("0.0.0.0"), port};
  const socklen_t length = any.to_sockaddr(storage);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
    return system_error("proxy: port " + std::to_string(port), errno);
  if (::listen(fd.get(), backlog) != 0) return system_error("proxy: port " + std::to_string(port), errno);
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
  const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
  return endpoint ? endpoint->port : 0;
}

}  // namespace

Result<void> Proxy::listen(std::uint16_t port) {
  // The port that IPv4 was given may be taken in IPv6: then another is tried.
  for (int attempt = 1;; ++attempt) {
    auto v4 = open_listener(AF_INET, port);
    if (!v4) return v4.error();
    port_ = port_of(v4->get());
    auto v6 = open_listener(AF_INET6, port_);
    if (!v6 && v6.error().number == EADDRINUSE && port == 0 && attempt < port_attempts) continue;
    if (!v6 && v6.error().number != EAFNOSUPPORT && v6.error().number != EADDRNOTAVAIL) return v6.error();
    listeners_.emplace_back(control_, tcp::v4(), v4->release());
    if (v6) listeners_.emplace_back(control_, tcp::v6(), v6->release());
    return {};
  }
}

void Proxy::start() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) asio::co_spawn(control_, accept_loop(i), no_exceptions);
}

void Proxy::close() {
  boost::system::error_code ignored;
  for (tcp::acceptor& listener : listeners_) listener.close(ignored);
}

Task<void> Proxy::accept_loop(std::size_t index) {
  tcp::acceptor& listener = listeners_[index];
  asio::steady_timer pause(control_);
  for (;;) {
    // accept4() and not Asio's: the socket goes to a worker's loop, and must not be registered in this one first.
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    UniqueFd socket(
        ::accept4(listener.native_handle(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      sockaddr_storage local{};
      length = sizeof local;
      if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0) continue;
      const auto client = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&peer));
      const auto destination = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&local));
      if (client && destination) on_connection_(*client, *destination, std::move(socket));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      spdlog::warn("proxy: accept: {}", std::generic_category().message(errno));
      pause.expires_after(accept_pause);
      (void)co_await pause.async_wait(use_tuple);
      if (!listener.is_open()) co_return;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
      spdlog::error("proxy: accept: {}", std::generic_category().message(errno));
      co_return;
    }
    if (errno != EAGAIN) continue;
    auto [failure] = co_await listener.async_wait(tcp::acceptor::wait_read, use_tuple);
    if (failure || !listener.is_open()) co_return;
  }
}

}  // namespace sluice::gateway
