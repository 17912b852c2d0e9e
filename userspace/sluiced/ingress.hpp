// SPDX-License-Identifier: Apache-2.0
//
// Ingress: the socket into whose queue the module puts the datagrams of bound associations, as whole IP packets of
// either family.  On the relay's thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/async.hpp"
#include "base/result.hpp"
#include "sluiced/ip_packet.hpp"

namespace sluice::gateway {

class Ingress {
 public:
  using OnPacket = std::function<void(const IpPacket& packet)>;

  static Result<std::unique_ptr<Ingress>> open(asio::io_context& context);

  [[nodiscard]] int fd() { return descriptor_.native_handle(); }
  // Reads until close(); the payload of a packet is good until *on_packet* returns.
  Task<void> run(OnPacket on_packet);
  void close();

 private:
  // Packets read with one system call, and calls before others on this thread have their turn.
  static constexpr std::size_t batch = 64;
  static constexpr int batches_a_turn = 4;

  Ingress(asio::io_context& context, int fd) : descriptor_(context, fd) {}
  // How many came; nothing: the socket is of no more use.
  std::optional<std::size_t> receive(const OnPacket& on_packet);

  asio::posix::stream_descriptor descriptor_;
  // Not initialized: memory that no packet has reached is none.
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(batch * ip_packet_max);
};

}  // namespace sluice::gateway
