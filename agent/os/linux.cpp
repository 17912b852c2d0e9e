// SPDX-License-Identifier: Apache-2.0
//
// Linux: with IP_RECVERR set before connect(), the kernel (5.9 and later) queues the ICMP error that ends
// a SYN or answers an echo request, and recvmsg(MSG_ERRQUEUE) tells its type, code and sender (ip(7)).
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "agent/os/linux_socket.hpp"
#include "agent/os/os.hpp"

namespace sluice::agent::os {
namespace {

/// Of a connect(): errors of this host's own have no reporter.
std::optional<Outcome> take_connect_error(int fd) {
  Outcome outcome;
  Quoted quoted;
  if (take_icmp_error(fd, outcome, quoted) != Taken::icmp) return std::nullopt;
  if (outcome.reporter == local_address(fd)) outcome.reporter.reset();
  return outcome;
}

UniqueFd icmp_socket(bool v4, int kind) {
  return UniqueFd(socket(v4 ? AF_INET : AF_INET6, kind | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
}

/// A ping socket where net.ipv4.ping_group_range allows one (icmp(7)), else a raw one.
UniqueFd ping_socket(bool v4) {
  UniqueFd fd = icmp_socket(v4, SOCK_DGRAM);
  if (fd || (errno != EACCES && errno != EPERM)) return fd;
  return icmp_socket(v4, SOCK_RAW);
}

bool is_raw(int fd) {
  int kind = 0;
  socklen_t length = sizeof(kind);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 && kind == SOCK_RAW;
}

/// Random, so that nobody can answer a ping that he has not seen.  The kernel puts its own identifier into a ping
/// socket's requests.
std::uint16_t identifier_of(const Echo& echo) { return static_cast<std::uint16_t>(echo.token); }
std::uint16_t sequence_of(const Echo& echo) { return static_cast<std::uint16_t>(echo.token >> 16); }

/// RFC 1071.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

constexpr std::size_t kEchoHeader = 8;  // type, code, checksum, identifier, sequence number (RFC 792, RFC 4443)

void put_word(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

std::vector<std::uint8_t> echo_message(const Echo& echo, bool raw, std::uint8_t type) {
  std::vector<std::uint8_t> bytes(kEchoHeader + echo.length);
  for (std::size_t i = 0; i < echo.length; ++i) bytes[kEchoHeader + i] = static_cast<std::uint8_t>(i);
  std::memcpy(bytes.data() + kEchoHeader, &echo.token, std::min(sizeof(echo.token), std::size_t{echo.length}));
  bytes[0] = type;
  put_word(bytes, 4, raw ? identifier_of(echo) : 0);
  put_word(bytes, 6, sequence_of(echo));
  // ICMPv6's covers the addresses, and ping sockets' their identifier: there it is the kernel's to compute.
  if (raw && echo.destination.is_v4()) put_word(bytes, 2, checksum(bytes));
  return bytes;
}

/// Ours but for the checksum, which the kernel has verified, and the identifier of a ping socket.
bool is_reply(std::span<const std::uint8_t> got, const Echo& echo, bool raw) {
  const bool v4 = echo.destination.is_v4();
  if (raw && v4) {
    if (got.empty()) return false;
    const std::size_t header = (got[0] & 0x0fU) * 4U;  // IPv4's raw sockets show it
    if (got.size() < header) return false;
    got = got.subspan(header);
  }
  const std::vector<std::uint8_t> want = echo_message(echo, raw, v4 ? 0 : 129);
  if (got.size() != want.size() || got[0] != want[0] || got[1] != 0) return false;
  if (raw && !std::equal(got.begin() + 4, got.begin() + 6, want.begin() + 4)) return false;
  return std::equal(got.begin() + 6, got.end(), want.begin() + 6);
}

/// What did not fit: told as the router tells it that would have had to fragment it (RFC 1191, 4; RFC 4443, 3.2).
Outcome too_big(int fd, const Echo& echo) {
  const bool v4 = echo.destination.is_v4();
  int mtu = 0;
  socklen_t length = sizeof(mtu);
  (void)getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &length);
  return {session::v1::UNREACHABLE,
          v4 ? 3U : 2U,
          v4 ? 4U : 0U,
          static_cast<std::uint32_t>(mtu),
          local_address(fd),
          "message too long",
          0};
}

/// Others are hints, on which a ping goes on waiting.
bool ends_ping(const Outcome& outcome, bool v4) {
  const std::uint32_t type = outcome.icmp_type;
  return v4 ? type == 3 || type == 11 : type >= 1 && type <= 3;
}

/// Raw sockets hear of everybody's pings to the same host.
bool is_about(const Quoted& quoted, const Echo& echo, bool raw) {
  if (quoted[0] != (echo.destination.is_v4() ? 8 : 128)) return false;
  const auto word = [&](std::size_t at) { return static_cast<std::uint16_t>(quoted[at] << 8 | quoted[at + 1]); };
  return word(6) == sequence_of(echo) && (!raw || word(4) == identifier_of(echo));
}

/// A raw socket would get the reply to every ping of its host, and so many of them could push out its own.
void filter_replies(int fd, const Echo& echo) {
  const bool v4 = echo.destination.is_v4();
  const auto load_x = v4 ? sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)  // IPv4's raw sockets show the IP header
                         : sock_filter BPF_STMT(BPF_LDX | BPF_IMM, 0);
  std::array<sock_filter, 9> program{{
      load_x,
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v4 ? 0U : 129U, 0, 5),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, identifier_of(echo), 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sequence_of(echo), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  // Without it is_reply() decides as well, only later.
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

std::uint32_t ttl_of(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    const bool v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TTL;
    const bool v6 = header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT;
    int ttl = 0;
    if ((!v4 && !v6) || header->cmsg_len < CMSG_LEN(sizeof(ttl))) continue;
    std::memcpy(&ttl, CMSG_DATA(header), sizeof(ttl));
    return static_cast<std::uint32_t>(ttl);
  }
  return 0;
}

}  // namespace

std::optional<Address> source_towards(const Address& destination) {
  // A connected UDP socket has sent nothing.
  UniqueFd fd(socket(destination.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || !connect_to(fd.get(), Endpoint{destination, 9})) return std::nullopt;
  return local_address(fd.get());
}

namespace {

bool is_connecting(int socket) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_SYN_SENT;
}

}  // namespace

Begun begin_connect(const Endpoint& destination, std::uint8_t hops) {
  const bool v4 = destination.address.is_v4();
  Begun begun{UniqueFd(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), {}};
  if (!begun.socket) {
    begun.outcome = from_errno(errno, destination.address);
    return begun;
  }
  receive_errors(begun.socket.get(), v4, true);
  if (hops != 0) set_hops(begun.socket.get(), v4, hops);
  if (!connect_to(begun.socket.get(), destination) && errno != EINPROGRESS) {
    const int number = errno;
    std::optional<Outcome> icmp = take_connect_error(begun.socket.get());
    begun.outcome = icmp ? *icmp : from_errno(number, destination.address);
  }
  return begun;
}

std::optional<Outcome> finish_connect(int socket, const Endpoint& destination) {
  int number = 0;
  socklen_t length = sizeof(number);
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &length) != 0) number = errno;
  if (number == 0) {
    // No error, yet not connected: the wake-up came of something else, or the error was taken before us.
    if (is_connecting(socket)) return std::nullopt;
    sockaddr_storage peer;
    socklen_t peer_length = sizeof(peer);
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) number = errno;
  }
  if (number == 0) {
    receive_errors(socket, destination.address.is_v4(), false);
    set_hops(socket, destination.address.is_v4(), -1);
    return Outcome::accepted();
  }
  std::optional<Outcome> icmp = take_connect_error(socket);
  return icmp ? *icmp : from_errno(number, destination.address);
}

std::string ping_ability() {
  UniqueFd fd = ping_socket(true);
  if (!fd) return "";
  return is_raw(fd.get()) ? "raw" : "socket";
}

Begun begin_ping(const Echo& echo) {
  const bool v4 = echo.destination.is_v4();
  Begun begun{ping_socket(v4), {}};
  if (!begun.socket) {
    const bool denied = errno == EPERM || errno == EACCES;
    begun.outcome =
        denied ? Outcome::prohibited(echo.destination, "the agent may not ping") : from_errno(errno, echo.destination);
    return begun;
  }
  const int fd = begun.socket.get();
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  receive_errors(fd, v4, true);
  set_option(fd, level, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
  set_option(fd, level, v4 ? IP_TOS : IPV6_TCLASS, echo.tos);
  // Without the bit every router may fragment, and we may, too.
  const int discover = echo.dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
  set_option(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, discover);
  if (echo.hops != 0) set_hops(fd, v4, echo.hops);
  const bool raw = is_raw(fd);
  if (raw) filter_replies(fd, echo);
  if (!connect_to(fd, Endpoint{echo.destination, 0})) {
    begun.outcome = from_errno(errno, echo.destination);
    return begun;
  }
  const std::vector<std::uint8_t> message = echo_message(echo, raw, v4 ? 8 : 128);
  if (send(fd, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    // Lost in a queue of our own, as any router may lose it: silence.
    if (errno == ENOBUFS || errno == EAGAIN || errno == ENOMEM) return begun;
    begun.outcome = errno == EMSGSIZE ? too_big(fd, echo) : from_errno(errno, echo.destination);
  }
  return begun;
}

std::optional<Outcome> finish_ping(int socket, const Echo& echo) {
  // The error number is cleared and not looked at: the queue says more.
  int number = 0;
  socklen_t length = sizeof(number);
  (void)getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &length);
  const bool raw = is_raw(socket);
  Outcome icmp;
  Quoted quoted;
  for (Taken taken; (taken = take_icmp_error(socket, icmp, quoted)) != Taken::nothing;) {
    if (taken == Taken::icmp && ends_ping(icmp, echo.destination.is_v4()) && is_about(quoted, echo, raw)) return icmp;
  }
  std::vector<std::uint8_t> bytes(kEchoHeader + echo.length + 60 + 1);  // an IPv4 header; a byte too many is no reply
  for (;;) {
    alignas(cmsghdr) std::array<char, 128> control;
    iovec io{.iov_base = bytes.data(), .iov_len = bytes.size()};
    sockaddr_storage from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT);
    if (got < 0) return std::nullopt;
    // A ping socket takes replies from anybody, connected or not (ping_lookup() in the kernel).
    if (Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&from)) != echo.destination) continue;
    if (!is_reply({bytes.data(), static_cast<std::size_t>(got)}, echo, raw)) continue;
    Outcome outcome = Outcome::accepted();
    outcome.ttl = ttl_of(message);
    return outcome;
  }
}

}  // namespace sluice::agent::os
