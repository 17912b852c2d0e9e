// SPDX-License-Identifier: Apache-2.0
//
// Associations: a DGRAM session and all that hangs on it, on the session's thread: which number is which association,
// how many there may be, and when they have been idle for too long.  When the session ends, all of it does.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "agent/association.hpp"
#include "agent/outcome.hpp"
#include "agent/quota.hpp"
#include "session/datagrams.hpp"

namespace sluice::agent {

class Associations final : public session::Datagrams::Handler, public std::enable_shared_from_this<Associations> {
 public:
  struct Opened {
    Outcome outcome;
    std::uint32_t association = 0;  ///< ACCEPT
  };

  /// Counters since the session began, and what there is now.
  struct Numbers {
    session::Datagrams::Counters counters;
    std::size_t waiting = 0;
    std::size_t outstanding = 0;
    std::size_t associations = 0;
    std::uint64_t not_taken = 0;  ///< by a server's socket
    std::uint64_t unknown = 0;    ///< of no association

    Numbers& operator+=(const Numbers& more);
  };

  /// *batch* is shared by all of the thread; *most* associations at once.
  Associations(std::shared_ptr<session::Datagrams> session, std::shared_ptr<os::DatagramBatch> batch, std::size_t most);

  /// Until the session ends; returns why.
  Task<Error> run();
  /// Nothing: the session has ended.
  std::optional<Opened> open(const Association::Terms& terms);
  /// One that the gateway was not told of.
  void release(std::uint32_t association);
  void close(std::string reason) { session_->close(std::move(reason)); }

  [[nodiscard]] std::size_t size() const { return associations_.size(); }
  [[nodiscard]] Numbers numbers() const;
  /// For people: what came of the datagrams so far.
  [[nodiscard]] std::string account() const;

 private:
  using Raw = std::pair<std::uint8_t, Address>;

  void on_datagram(const session::Datagram& datagram) override;
  void on_error(std::uint32_t association, const session::DatagramError& error) override;
  void on_unbind(std::uint32_t association) override;
  Task<void> sweep();
  std::uint32_t new_number();
  bool make_room(const Association::Terms& terms, std::string& why);
  /// The gateway is told.
  void unbind(std::uint32_t association);
  void erase(std::uint32_t association);

  std::shared_ptr<session::Datagrams> session_;
  std::shared_ptr<os::DatagramBatch> batch_;
  asio::any_io_executor executor_;
  asio::steady_timer sweep_timer_;
  Quota quota_;
  std::unordered_map<std::uint32_t, std::shared_ptr<Association>> associations_;
  /// By protocol and server.  Nothing in what a raw socket hears says which of two associations it is for.
  std::map<Raw, std::uint32_t> raw_;
  std::uint32_t last_number_ = 0;
  std::uint64_t dropped_ = 0;  ///< that a server's socket did not take
  std::uint64_t unknown_ = 0;  ///< of no association
};

}  // namespace sluice::agent
