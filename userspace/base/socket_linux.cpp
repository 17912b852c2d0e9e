// SPDX-License-Identifier: Apache-2.0
//
// base/socket.hpp on Linux.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/socket.hpp"

namespace sluice {
namespace {

constexpr int kKeepaliveIdle = 120;     // seconds
constexpr int kKeepaliveInterval = 15;  // seconds
constexpr int kKeepaliveCount = 8;

Result<void> set_option(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) return system_error(name, errno);
  return {};
}

Result<void> set_linger(int fd, bool on) {
  linger value{.l_onoff = on, .l_linger = 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)) != 0) return system_error("SO_LINGER", errno);
  return {};
}

}  // namespace

Result<void> reset_on_close(int fd) { return set_linger(fd, true); }

Result<void> finish_on_close(int fd) { return set_linger(fd, false); }

Result<void> no_delay(int fd) { return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); }

Result<void> limit_unsent(int fd, int bytes) {
  return set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes, "TCP_NOTSENT_LOWAT");
}

Result<void> keep_alive(int fd) {
  if (auto done = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdle, "TCP_KEEPIDLE"); !done) return done;
  if (auto done = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveInterval, "TCP_KEEPINTVL"); !done) return done;
  if (auto done = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveCount, "TCP_KEEPCNT"); !done) return done;
  return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
}

Result<void> prepare_relayed_socket(int fd) {
  if (auto done = reset_on_close(fd); !done) return done;
  if (auto done = no_delay(fd); !done) return done;
  if (auto done = set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"); !done) return done;
  return keep_alive(fd);
}

std::optional<unsigned> unacknowledged(int fd) {
  int bytes = 0;
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (is_broken(fd) || ioctl(fd, TIOCOUTQ, &bytes) != 0) return std::nullopt;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  // After a reset whose error was read already, the count stays as it was.
  if (bytes != 0 && info.tcpi_state == TCP_CLOSE) return std::nullopt;
  return static_cast<unsigned>(bytes);
}

bool is_broken(int fd) {
  pollfd poll_fd{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLERR | POLLNVAL)) != 0;
}

Result<unsigned long> raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("RLIMIT_NOFILE", errno);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("RLIMIT_NOFILE", errno);
  return static_cast<unsigned long>(limit.rlim_cur);
}

}  // namespace sluice
