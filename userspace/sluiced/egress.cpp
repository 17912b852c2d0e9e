// SPDX-License-Identifier: Apache-2.0
#include "sluiced/egress.hpp"

#include <linux/filter.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::gateway {
namespace {

// Datagrams, and bytes of them, that one system call takes.
constexpr std::size_t batch_max = 64;
constexpr std::size_t batch_bytes_max = 1 << 20;
// A burst of a session's window fits, with what the kernel counts beside the payload.
constexpr int send_buffer = 4 << 20;

// Nothing that comes in is for these sockets, and a copy of everything of their protocol would be put into their
// queues. Bound to loopback, only that is looked at; the filter drops the rest.
Result<void> receive_nothing(int fd, bool v4) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return system_error("SO_ATTACH_FILTER", errno);
  sockaddr_storage storage;
  const Endpoint loopback{*Address::parse(v4 ? "127.0.0.1" : "::1"), 0};
  const socklen_t length = loopback.to_sockaddr(storage);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) != 0) return system_error("bind", errno);
  return {};
}

Result<void> prepare(int fd, bool v4) {
  struct Option {
    int level, name, value;
    const char* text;
  };
  // The path MTU is no reason to refuse: the kernel shall fragment, whatever the server's packet forbade, for only the
  // gateway knows the client's link.  HDRINCL is on by itself for protocol 255.
  constexpr std::array v4_options = {Option{SOL_IP, IP_TRANSPARENT, 1, "IP_TRANSPARENT"},
                                     Option{SOL_IP, IP_HDRINCL, 0, "IP_HDRINCL"},
                                     Option{SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER"}};
  constexpr std::array v6_options = {Option{SOL_IPV6, IPV6_TRANSPARENT, 1, "IPV6_TRANSPARENT"},
                                     Option{SOL_IPV6, IPV6_HDRINCL, 0, "IPV6_HDRINCL"},
                                     Option{SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER"}};
  for (const Option& option : v4 ? v4_options : v6_options)
    if (::setsockopt(fd, option.level, option.name, &option.value, sizeof option.value) != 0)
      return system_error(option.text, errno);
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) != 0)
    return system_error("SO_SNDBUFFORCE", errno);
  return receive_nothing(fd, v4);
}

// The control messages of one datagram: source address, TTL, TOS.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))> bytes{};
  std::size_t used = 0;

  template <class T>
  void put(int level, int type, const T& value) {
    // CMSG_NXTHDR() looks into the next header, which is not there yet.
    auto* header = reinterpret_cast<cmsghdr*>(bytes.data() + used);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
    used += CMSG_SPACE(sizeof value);
  }
};

Control control_of(const Outgoing& datagram) {
  Control control;
  const int ttl = datagram.ttl, tos = datagram.tos;
  if (datagram.source.address.is_v4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, datagram.source.address.raw().data() + 12, sizeof info.ipi_spec_dst);
    control.put(SOL_IP, IP_PKTINFO, info);
    if (ttl != 0) control.put(SOL_IP, IP_TTL, ttl);
    control.put(SOL_IP, IP_TOS, tos);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, datagram.source.address.raw().data(), sizeof info.ipi6_addr);
    control.put(SOL_IPV6, IPV6_PKTINFO, info);
    if (ttl != 0) control.put(SOL_IPV6, IPV6_HOPLIMIT, ttl);
    control.put(SOL_IPV6, IPV6_TCLASS, tos);
  }
  return control;
}

// What points from an mmsghdr must stay where it is until the call.
struct Message {
  sockaddr_storage destination;
  socklen_t length;
  Control control;
  std::array<iovec, 2> parts;
};

}  // namespace

Result<std::unique_ptr<EgressSocket>> EgressSocket::open(bool v4, std::uint8_t protocol) {
  const std::string what = "raw socket of protocol " + std::to_string(protocol);
  UniqueFd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd) return system_error(what, errno);
  if (auto prepared = prepare(fd.get(), v4); !prepared) return prepared.error().in(what);
  return std::unique_ptr<EgressSocket>(new EgressSocket(std::move(fd), protocol));
}

void EgressSocket::send(const Outgoing& datagram, const std::shared_ptr<Traffic>& traffic) {
  if (waiting_.size() == batch_max || bytes_.size() + datagram.payload.size() > batch_bytes_max) flush();
  const std::size_t start = bytes_.size();
  bytes_.insert(bytes_.end(), datagram.payload.begin(), datagram.payload.end());
  UdpHeader header{};
  if (protocol_ == IPPROTO_UDP) header = udp_header(datagram.source, datagram.destination, datagram.payload);
  waiting_.push_back({datagram, header, start, traffic});
}

void EgressSocket::flush() {
  std::array<Message, batch_max> messages;
  std::array<mmsghdr, batch_max> headers{};
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    Waiting& waiting = waiting_[i];
    Message& message = messages[i];
    // Raw sockets have no ports, and IPv6's would take one for a protocol.
    message.length = Endpoint{waiting.datagram.destination.address, 0}.to_sockaddr(message.destination);
    message.control = control_of(waiting.datagram);
    message.parts[0] = {waiting.header.data(), protocol_ == IPPROTO_UDP ? waiting.header.size() : 0};
    message.parts[1] = {bytes_.data() + waiting.start, waiting.datagram.payload.size()};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = &message.destination;
    header.msg_namelen = message.length;
    header.msg_control = message.control.bytes.data();
    header.msg_controllen = message.control.used;
    header.msg_iov = message.parts.data();
    header.msg_iovlen = message.parts.size();
  }
  for (std::size_t done = 0; done < waiting_.size();) {
    const int sent = ::sendmmsg(fd_.get(), &headers[done], static_cast<unsigned>(waiting_.size() - done), 0);
    if (sent < 0 && errno == EINTR) continue;
    // An error is told only of the first; those behind it are tried anew.
    if (sent <= 0) {
      count(waiting_[done++], errno);
      continue;
    }
    for (int i = 0; i < sent; ++i) count(waiting_[done++], 0);
  }
  waiting_.clear();
  bytes_.clear();
}

// A full queue, no route, a datagram too long for its family: a link that loses it, and the next one goes on.
void EgressSocket::count(const Waiting& waiting, int error) {
  Traffic::Direction& direction = waiting.traffic->to_client;
  if (error == 0) {
    direction.datagrams.add(1);
    direction.bytes.add(waiting.datagram.payload.size());
    return;
  }
  direction.dropped.add(1);
  spdlog::debug("datagram from {} to {}: {}", waiting.datagram.source.to_string(),
                waiting.datagram.destination.to_string(), std::generic_category().message(error));
}

Result<EgressSocket*> Egress::socket(bool v4, std::uint8_t protocol) {
  auto& socket = sockets_[{v4, protocol}];
  if (!socket) {
    auto opened = EgressSocket::open(v4, protocol);
    if (!opened) return opened.error();
    socket = *std::move(opened);
  }
  return socket.get();
}

void Egress::flush() {
  for (const auto& [key, socket] : sockets_)
    if (socket) socket->flush();
}

}  // namespace sluice::gateway
