// SPDX-License-Identifier: Apache-2.0
//
// DatagramSocket: one association's socket, connected to its server; UDP, or raw for another protocol.  It sends with
// the TTL, TOS and don't-fragment bit that each datagram came with, tells those of what it receives, and reads the ICMP
// errors about what it sent exactly.  Nothing blocks.
//
// Part of os.hpp: what differs between systems.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/outcome.hpp"
#include "base/address.hpp"
#include "base/unique_fd.hpp"
#include "session/datagram_frame.hpp"

namespace sluice::agent::os {

/// For people: "udp", or "udp raw" where this process may open raw sockets.
std::string datagram_ability();

/// What a socket received at once.  One serves all sockets of a thread, for it is large.
class DatagramBatch {
 public:
  struct Received {
    std::uint8_t ttl = 0;  ///< 0: unknown
    std::uint8_t tos = 0;
    std::span<const std::byte> payload;
  };
  struct Room;  ///< the system's

  DatagramBatch();
  ~DatagramBatch();

  /// Good until the next receive().
  [[nodiscard]] std::span<const Received> received() const { return received_; }

 private:
  friend class DatagramSocket;
  std::unique_ptr<Room> room_;
  std::vector<Received> received_;
};

class DatagramSocket {
 public:
  using Errors = std::vector<session::DatagramError>;
  struct Opened;
  struct Outgoing {
    std::uint8_t hops = 0;  ///< TTL, 0: the usual one
    std::uint8_t tos = 0;
    bool dont_fragment = false;
    std::span<const std::byte> payload;
  };

  /// From a port of the system's choice.  Fails with the outcome for the Answer.
  static Opened open(std::uint8_t protocol, const Endpoint& server);

  /// False: dropped here.  Errors about this and earlier datagrams are appended to *errors*.
  bool send(const Outgoing& datagram, Errors& errors);
  /// As much as *batch* holds; true: there may be more.
  bool receive(DatagramBatch& batch, Errors& errors);

  void close() { fd_.reset(); }
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// This host's address towards the server.
  [[nodiscard]] const std::optional<Address>& source() const { return source_; }

 private:
  DatagramSocket(UniqueFd fd, const Endpoint& server, bool raw);
  bool take_errors(Errors& errors);
  void remember(std::span<const std::byte> payload);
  [[nodiscard]] bool is_about_ours(const std::array<std::uint8_t, 8>& quoted) const;

  UniqueFd fd_;
  Address server_;
  std::optional<Address> source_;
  bool raw_;
  bool dont_fragment_ = false;  // as the socket is set
  /// Beginnings of what was sent last: a raw socket hears of everybody's errors.
  std::array<std::array<std::uint8_t, 8>, 16> sent_{};
  std::size_t sent_count_ = 0;
};

struct DatagramSocket::Opened {
  std::optional<DatagramSocket> socket;
  Outcome outcome;
};

}  // namespace sluice::agent::os
