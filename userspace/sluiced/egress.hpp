// SPDX-License-Identifier: Apache-2.0
//
// Egress: datagrams to clients, from whatever server's address and port they come.  One raw socket for a family and
// protocol sends for all associations: a UDP socket for each would take the server's port on this host, where some
// program may have it.  The kernel routes, makes the IP header and fragments.
//
// Datagrams are gathered, copied, until flush().  On the relay's thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sluiced/ip_packet.hpp"
#include "sluiced/traffic.hpp"

namespace sluice::gateway {

// One datagram on its way to a client.
struct Outgoing {
  Endpoint source;  // the server's
  Endpoint destination;
  std::uint8_t ttl = 0;  // 0: the host's default
  std::uint8_t tos = 0;
  std::span<const std::byte> payload;
};

// The socket of one family and protocol.
class EgressSocket {
 public:
  static Result<std::unique_ptr<EgressSocket>> open(bool v4, std::uint8_t protocol);

  // What the kernel does not take is counted as dropped in *traffic*.
  void send(const Outgoing& datagram, const std::shared_ptr<Traffic>& traffic);
  void flush();

 private:
  struct Waiting {
    Outgoing datagram;  // its payload is in bytes_, from *start*
    UdpHeader header;
    std::size_t start;
    std::shared_ptr<Traffic> traffic;
  };

  EgressSocket(UniqueFd fd, std::uint8_t protocol) : fd_(std::move(fd)), protocol_(protocol) {}
  void count(const Waiting& waiting, int error);

  UniqueFd fd_;
  std::uint8_t protocol_;
  std::vector<Waiting> waiting_;
  std::vector<std::byte> bytes_;
};

class Egress {
 public:
  // Makes the socket where there is none yet.
  Result<EgressSocket*> socket(bool v4, std::uint8_t protocol);
  void flush();

 private:
  std::map<std::pair<bool, std::uint8_t>, std::unique_ptr<EgressSocket>> sockets_;
};

}  // namespace sluice::gateway
