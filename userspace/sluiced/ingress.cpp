// SPDX-License-Identifier: Apache-2.0
#include "sluiced/ingress.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cstring>

#include "base/unique_fd.hpp"

namespace sluice::gateway {
namespace {

// All associations share it.  A small datagram costs the kernel some 768 bytes, so this is a burst of some ten
// thousand.
constexpr int receive_buffer = 8 << 20;

// linux/socket.h, 5.19; glibc's headers do not have it yet.
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif

// One number a packet: the kernel's mark.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> bytes;
};

// The contract's mark: an IPv6 packet that came in fragments may be fragmented again, as no bit of it says.
bool came_in_fragments(msghdr& header) {
  const cmsghdr* control = CMSG_FIRSTHDR(&header);
  std::uint32_t mark = 0;
  if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_MARK)
    std::memcpy(&mark, CMSG_DATA(control), sizeof mark);
  return mark != 0;
}

}  // namespace

Result<std::unique_ptr<Ingress>> Ingress::open(asio::io_context& context) {
  UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) return system_error("datagram socket (needs CAP_NET_RAW)", errno);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
    return system_error("datagram socket: SO_RCVBUFFORCE", errno);
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVMARK, &on, sizeof on) != 0)
    return system_error("datagram socket: SO_RCVMARK", errno);
  // What others send the host of protocol 255 is not for us, before the module has the socket either.
  sockaddr_storage storage;
  const Endpoint loopback{*Address::parse("127.0.0.1"), 0};
  const socklen_t length = loopback.to_sockaddr(storage);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
    return system_error("datagram socket: bind", errno);
  return std::unique_ptr<Ingress>(new Ingress(context, fd.release()));
}

void Ingress::close() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

std::optional<std::size_t> Ingress::receive(const OnPacket& on_packet) {
  std::array<mmsghdr, batch> headers{};
  std::array<iovec, batch> parts;
  std::array<Control, batch> controls;
  for (std::size_t i = 0; i < batch; ++i) {
    parts[i] = {buffer_.get() + i * ip_packet_max, ip_packet_max};
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
    headers[i].msg_hdr.msg_control = controls[i].bytes.data();
    headers[i].msg_hdr.msg_controllen = controls[i].bytes.size();
  }
  const int count = ::recvmmsg(fd(), headers.data(), batch, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS) return 0;
    spdlog::error("datagram socket: {}", std::generic_category().message(errno));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    auto packet = parse_ip_packet({buffer_.get() + i * ip_packet_max, headers[i].msg_len});
    if (!packet) continue;
    if (came_in_fragments(headers[i].msg_hdr)) packet->dont_fragment = false;
    on_packet(*packet);
  }
  return static_cast<std::size_t>(count);
}

Task<void> Ingress::run(OnPacket on_packet) {
  const asio::any_io_executor executor = descriptor_.get_executor();
  while (descriptor_.is_open()) {
    std::size_t size = batch;
    for (int i = 0; i < batches_a_turn && size == batch; ++i) {
      const auto received = receive(on_packet);
      if (!received) co_return;
      size = *received;
    }
    if (size == batch) {
      (void)co_await asio::post(executor, use_tuple);
      continue;
    }
    auto [failure] = co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read, use_tuple);
    if (failure) co_return;
  }
}

}  // namespace sluice::gateway
