// SPDX-License-Identifier: Apache-2.0
//
// Linux: with IP_RECVERR set before connect(), the kernel (5.9 and later) queues the ICMP error that ends
// a SYN, and recvmsg(MSG_ERRQUEUE) tells its type, code and sender (ip(7)).
// linux/errqueue.h needs struct timespec and does not include it.
// clang-format off
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "agent/os/os.hpp"

namespace sluice::agent::os {
namespace {

void receive_errors(int fd, bool v4, bool on) {
  const int value = on ? 1 : 0;
  // Failure leaves us with the error number alone, which is then told as such.
  (void)setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &value, sizeof(value));
}

std::optional<Address> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
}

/// The ICMP error at the head of the socket's error queue.
std::optional<Outcome> take_icmp_error(int fd) {
  std::array<char, 256> payload;
  alignas(cmsghdr) std::array<char, 512> control;
  iovec io{.iov_base = payload.data(), .iov_len = payload.size()};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    const bool v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR;
    const bool v6 = header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    // The extended error, and behind it the address of who reported it (SO_EE_OFFENDER).
    struct {
      sock_extended_err error;
      sockaddr_in6 offender;
    } report{};
    const std::size_t length = header->cmsg_len - CMSG_LEN(0);
    if (length < sizeof(report.error)) continue;
    std::memcpy(&report, CMSG_DATA(header), std::min(length, sizeof(report)));
    if (report.error.ee_origin != SO_EE_ORIGIN_ICMP && report.error.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
    Outcome outcome;
    outcome.verdict = session::v1::UNREACHABLE;
    outcome.icmp_type = report.error.ee_type;
    outcome.icmp_code = report.error.ee_code;
    if (report.error.ee_errno == EMSGSIZE) outcome.icmp_mtu = report.error.ee_info;
    outcome.reporter = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&report.offender));
    if (outcome.reporter == local_address(fd)) outcome.reporter.reset();
    outcome.detail = std::generic_category().message(static_cast<int>(report.error.ee_errno));
    return outcome;
  }
  return std::nullopt;
}

/// An error number that no ICMP message came with.
Outcome from_errno(int number, const Address& destination) {
  std::string detail = std::generic_category().message(number);
  switch (number) {
    case 0:
      return Outcome::accepted();
    case ECONNREFUSED:  // RST
    case ECONNRESET:
      return Outcome::refused();
    case ETIMEDOUT:
      return Outcome::timed_out(std::move(detail));
    case EHOSTUNREACH:
      return Outcome::host_unreachable(destination, std::move(detail));
    case EACCES:
    case EPERM:
      return Outcome::prohibited(destination, std::move(detail));
    default:
      return Outcome::net_unreachable(destination, std::move(detail));
  }
}

}  // namespace

Begun begin_connect(const Endpoint& destination) {
  const bool v4 = destination.address.is_v4();
  Begun begun{UniqueFd(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), {}};
  if (!begun.socket) {
    begun.outcome = from_errno(errno, destination.address);
    return begun;
  }
  receive_errors(begun.socket.get(), v4, true);
  sockaddr_storage storage;
  const socklen_t length = destination.to_sockaddr(storage);
  if (connect(begun.socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 && errno != EINPROGRESS) {
    const int number = errno;
    std::optional<Outcome> icmp = take_icmp_error(begun.socket.get());
    begun.outcome = icmp ? *icmp : from_errno(number, destination.address);
  }
  return begun;
}

Outcome finish_connect(int socket, const Endpoint& destination) {
  int number = 0;
  socklen_t length = sizeof(number);
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &length) != 0) number = errno;
  if (number == 0) {
    // Writable and no error, yet not connected: the error was taken before us, or nothing has happened.
    sockaddr_storage peer;
    socklen_t peer_length = sizeof(peer);
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) number = errno;
  }
  if (number == 0) {
    receive_errors(socket, destination.address.is_v4(), false);
    return Outcome::accepted();
  }
  std::optional<Outcome> icmp = take_icmp_error(socket);
  return icmp ? *icmp : from_errno(number, destination.address);
}

}  // namespace sluice::agent::os
