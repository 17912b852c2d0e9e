// SPDX-License-Identifier: Apache-2.0
// linux/errqueue.h needs struct timespec and does not include it.
// clang-format off
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include "agent/os/linux_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace sluice::agent::os {

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

Taken take_icmp_error(int fd, Outcome& outcome, Quoted& quoted) {
  std::array<char, 256> payload;
  alignas(cmsghdr) std::array<char, 512> control;
  iovec io{.iov_base = payload.data(), .iov_len = payload.size()};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (got < 0) return Taken::nothing;
  quoted.fill(0);
  std::memcpy(quoted.data(), payload.data(), std::min(quoted.size(), static_cast<std::size_t>(got)));
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
    const bool icmp = report.error.ee_origin == SO_EE_ORIGIN_ICMP || report.error.ee_origin == SO_EE_ORIGIN_ICMP6;
    const bool too_long = report.error.ee_origin == SO_EE_ORIGIN_LOCAL && report.error.ee_errno == EMSGSIZE;
    if (!icmp && !too_long) continue;
    outcome = {};
    outcome.verdict = session::v1::UNREACHABLE;
    if (too_long) {
      outcome.icmp_mtu = report.error.ee_info;
      return Taken::too_long;
    }
    outcome.icmp_type = report.error.ee_type;
    outcome.icmp_code = report.error.ee_code;
    if (report.error.ee_errno == EMSGSIZE) outcome.icmp_mtu = report.error.ee_info;
    outcome.reporter = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&report.offender));
    outcome.detail = std::generic_category().message(static_cast<int>(report.error.ee_errno));
    return Taken::icmp;
  }
  return Taken::another;
}

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
    case ENETUNREACH:
      return Outcome::net_unreachable(destination, std::move(detail));
    case EACCES:  // by our own host: a firewall's message is taken for what it is
    case EPERM:
      return Outcome::by_us(Outcome::prohibited(destination, std::move(detail)));
    default:
      return Outcome::failed(destination, std::move(detail));
  }
}

void set_option(int fd, int level, int name, int value) {
  // Failure leaves the system's default, which is worse than asked and better than no answer.
  (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void set_hops(int fd, bool v4, int hops) {
  set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, hops);
}

bool connect_to(int fd, const Endpoint& destination) {
  sockaddr_storage storage;
  const socklen_t length = destination.to_sockaddr(storage);
  return connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
}

}  // namespace sluice::agent::os
