// SPDX-License-Identifier: Apache-2.0
//
// agent/os/datagram.hpp on Linux.
//
// The don't-fragment bit.  With the usual IP_PMTUDISC_DO the kernel would answer for the routers from what it remembers
// of their path MTU, for ten minutes.  So datagrams with the bit leave with IP_PMTUDISC_PROBE, which sets the bit and
// ignores that memory: every router answers every time, as on a wire, and we answer for our own device alone.  Those
// without it leave with IP_PMTUDISC_OMIT, which ignores the memory, too, fragments for our own device, and, other than
// IP_PMTUDISC_DONT, lets errors through about the ones before.  IPv6 has no such bit, and only DONT lets errors
// through.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/os/datagram.hpp"
#include "agent/os/linux_socket.hpp"

namespace sluice::agent::os {
namespace {

constexpr std::size_t kBatch = 16;
constexpr std::size_t kRoom = 65536;       // of a datagram, of IPv4's raw sockets with its header
constexpr int kReceiveBuffer = 1 << 20;    // where net.core.rmem_max allows it
constexpr int kTries = 4;                  // pending errors that one call steps over
constexpr std::uint8_t kUnassigned = 253;  // for experiments (RFC 3692)
constexpr std::size_t kControl = CMSG_SPACE(sizeof(int)) * 2;

bool is_denied(int number) { return number == EPERM || number == EACCES; }

/// Errors about packets that routers and hosts send; others are hints for the sender's stack.
bool is_for_clients(const Outcome& outcome, bool v4) {
  const std::uint32_t type = outcome.icmp_type;
  return v4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
}

session::DatagramError error_of(const Outcome& outcome) {
  return {static_cast<std::uint8_t>(outcome.icmp_type), static_cast<std::uint8_t>(outcome.icmp_code), outcome.icmp_mtu,
          outcome.reporter};
}

void add_control(msghdr& message, cmsghdr*& header, int level, int type, int value) {
  header = header == nullptr ? CMSG_FIRSTHDR(&message) : CMSG_NXTHDR(&message, header);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof(value));
  std::memcpy(CMSG_DATA(header), &value, sizeof(value));
}

/// IP_TOS comes as one byte, the others as an int.
std::uint8_t control_value(const cmsghdr* header) {
  if (header->cmsg_len < CMSG_LEN(sizeof(int))) return *CMSG_DATA(header);
  int value = 0;
  std::memcpy(&value, CMSG_DATA(header), sizeof(value));
  return static_cast<std::uint8_t>(value);
}

}  // namespace

struct DatagramBatch::Room {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_storage, kBatch> sources{};
  struct Control {
    alignas(cmsghdr) std::array<char, 128> bytes;
  };
  std::array<Control, kBatch> controls;
  std::vector<std::byte> bytes = std::vector<std::byte>(kBatch * kRoom);
};

DatagramBatch::DatagramBatch() : room_(std::make_unique<Room>()) { received_.reserve(kBatch); }
DatagramBatch::~DatagramBatch() = default;

std::string datagram_ability() {
  const UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, kUnassigned));
  return raw ? "udp raw" : "udp";
}

DatagramSocket::DatagramSocket(UniqueFd fd, const Endpoint& server, bool raw)
    : fd_(std::move(fd)), server_(server.address), source_(local_address(fd_.get())), raw_(raw) {}

DatagramSocket::Opened DatagramSocket::open(std::uint8_t protocol, const Endpoint& server) {
  const bool v4 = server.address.is_v4();
  const bool raw = protocol != IPPROTO_UDP;
  const int kind = (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, kind, protocol));
  if (!fd && raw && is_denied(errno)) {
    Outcome refused = Outcome::by_us(Outcome::refused());
    refused.detail = "the agent may not open raw sockets";
    return {{}, std::move(refused)};
  }
  if (!fd) return {{}, from_errno(errno, server.address)};
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  receive_errors(fd.get(), v4, true);
  set_option(fd.get(), level, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
  set_option(fd.get(), level, v4 ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
  set_option(fd.get(), level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, v4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_DONT);
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  // Checksums are the client's and the server's; of some protocols the kernel would write them (raw(7)).
  if (raw && !v4) set_option(fd.get(), IPPROTO_IPV6, IPV6_CHECKSUM, -1);
  // A raw socket's port would be taken for a protocol.
  if (!connect_to(fd.get(), Endpoint{server.address, raw ? std::uint16_t{0} : server.port})) {
    return {{}, from_errno(errno, server.address)};
  }
  return {DatagramSocket(std::move(fd), server, raw), {}};
}

bool DatagramSocket::send(const Outgoing& datagram, Errors& errors) {
  const bool v4 = server_.is_v4();
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (datagram.dont_fragment != dont_fragment_) {
    const int without = v4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_DONT;
    set_option(fd_.get(), level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
               datagram.dont_fragment ? IP_PMTUDISC_PROBE : without);
    dont_fragment_ = datagram.dont_fragment;
  }
  alignas(cmsghdr) std::array<char, kControl> control{};
  iovec io{.iov_base = const_cast<std::byte*>(datagram.payload.data()), .iov_len = datagram.payload.size()};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = nullptr;
  add_control(message, header, level, v4 ? IP_TOS : IPV6_TCLASS, datagram.tos);
  if (datagram.hops != 0) add_control(message, header, level, v4 ? IP_TTL : IPV6_HOPLIMIT, datagram.hops);
  message.msg_controllen = CMSG_SPACE(sizeof(int)) * (datagram.hops != 0 ? 2 : 1);
  if (raw_) remember(datagram.payload);
  int number = 0;
  for (int i = 0; i < kTries; ++i) {
    if (sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
    number = errno;
    // Lost in a queue of our own, as any router may lose it.
    if (number == EAGAIN || number == ENOBUFS || number == ENOMEM) return false;
    // The number may be that of an earlier one's error, which the call has taken off the socket: again, then.
    if (take_errors(errors)) return false;
  }
  // No route, or none that is allowed: ours to tell, as a router does.
  if (number == ENETUNREACH || number == EHOSTUNREACH || is_denied(number)) {
    session::DatagramError error = error_of(from_errno(number, server_));
    error.reporter = source_;
    errors.push_back(error);
  }
  return false;
}

bool DatagramSocket::receive(DatagramBatch& batch, Errors& errors) {
  DatagramBatch::Room& room = *batch.room_;
  batch.received_.clear();
  for (std::size_t i = 0; i < kBatch; ++i) {
    room.vectors[i] = {.iov_base = room.bytes.data() + i * kRoom, .iov_len = kRoom};
    msghdr& message = room.messages[i].msg_hdr;
    message = {};
    message.msg_name = &room.sources[i];
    message.msg_namelen = sizeof(room.sources[i]);
    message.msg_iov = &room.vectors[i];
    message.msg_iovlen = 1;
    message.msg_control = room.controls[i].bytes.data();
    message.msg_controllen = room.controls[i].bytes.size();
  }
  int count = 0;
  for (int i = 0; i < kTries; ++i) {
    count = recvmmsg(fd_.get(), room.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    // A pending error is told first, and has nothing to do with what waits behind it.
    if (count >= 0 || errno == EAGAIN) break;
  }
  if (count <= 0) (void)take_errors(errors);
  for (int i = 0; i < count; ++i) {
    msghdr& message = room.messages[static_cast<std::size_t>(i)].msg_hdr;
    std::span<const std::byte> payload(static_cast<const std::byte*>(message.msg_iov->iov_base),
                                       room.messages[static_cast<std::size_t>(i)].msg_len);
    // A raw socket hears from everybody until it is connected.
    if (raw_ && Address::from_sockaddr(static_cast<const sockaddr*>(message.msg_name)) != server_) continue;
    if (raw_ && server_.is_v4()) {
      if (payload.empty()) continue;
      const std::size_t header = (std::to_integer<std::size_t>(payload[0]) & 0x0f) * 4;
      if (payload.size() < header) continue;
      payload = payload.subspan(header);
    }
    DatagramBatch::Received received{0, 0, payload};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
      const bool v4 = header->cmsg_level == IPPROTO_IP;
      if (!v4 && header->cmsg_level != IPPROTO_IPV6) continue;
      if (header->cmsg_type == (v4 ? IP_TTL : IPV6_HOPLIMIT)) received.ttl = control_value(header);
      if (header->cmsg_type == (v4 ? IP_TOS : IPV6_TCLASS)) received.tos = control_value(header);
    }
    batch.received_.push_back(received);
  }
  return count == static_cast<int>(kBatch);
}

/// True: what was sent just now did not fit.
bool DatagramSocket::take_errors(Errors& errors) {
  const bool v4 = server_.is_v4();
  bool too_long = false;
  Outcome outcome;
  Quoted quoted;
  for (Taken taken; (taken = take_icmp_error(fd_.get(), outcome, quoted)) != Taken::nothing;) {
    if (taken == Taken::too_long) {
      too_long = true;
      // As the router tells it whose next link is too narrow (RFC 1191, 4; RFC 4443, 3.2).
      errors.push_back(
          {v4 ? std::uint8_t{3} : std::uint8_t{2}, v4 ? std::uint8_t{4} : std::uint8_t{0}, outcome.icmp_mtu, source_});
    } else if (taken == Taken::icmp && is_for_clients(outcome, v4) && (!raw_ || is_about_ours(quoted))) {
      errors.push_back(error_of(outcome));
    }
  }
  return too_long;
}

void DatagramSocket::remember(std::span<const std::byte> payload) {
  std::array<std::uint8_t, 8>& beginning = sent_[sent_count_++ % sent_.size()];
  beginning.fill(0);
  std::memcpy(beginning.data(), payload.data(), std::min(beginning.size(), payload.size()));
}

bool DatagramSocket::is_about_ours(const std::array<std::uint8_t, 8>& quoted) const {
  const std::size_t count = std::min(sent_count_, sent_.size());
  return std::find(sent_.begin(), sent_.begin() + count, quoted) != sent_.begin() + count;
}

}  // namespace sluice::agent::os
