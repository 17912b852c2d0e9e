// SPDX-License-Identifier: Apache-2.0
//
// The IPsec steps of a tunnel: SAs and policies, over NETLINK_XFRM.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "client/netlink.hpp"
#include "client/step.hpp"

namespace sluice::client {

class Xfrm {
 public:
  static Result<Xfrm> open();

  /// *keying* is needed for a state alone.
  Result<void> make(const Tunnel& tunnel, const Step& step, const derivation::Secret& keying);
  /// What is not there any more is no error.  With a state goes that of the key before it.
  Result<void> undo(const Tunnel& tunnel, const Step& step);
  /// One SA alone, likewise.
  Result<void> remove(const Tunnel& tunnel, derivation::Spi spi, bool out);

  /// The kernel removes this SA of the tunnel when that time is over, whether or not anybody of us lives; nothing: it
  /// has no end.
  Result<void> limit(const Tunnel& tunnel, bool out, std::optional<std::chrono::seconds> time);

  struct Counters {
    std::uint64_t packets = 0, bytes = 0;
    std::uint32_t replayed = 0, forged = 0;  ///< dropped; inbound
    std::uint64_t added = 0;                 ///< seconds of the epoch, by the clock at that time
  };
  /// Nothing: there is no such SA, because it was deleted or has reached its hard limit.
  Result<std::optional<Counters>> counters(const Tunnel& tunnel, bool out);

 private:
  explicit Xfrm(Netlink netlink) : netlink_(std::move(netlink)) {}
  Netlink netlink_;
};

}  // namespace sluice::client
