// SPDX-License-Identifier: Apache-2.0
//
// What a tunnel is made of: steps, each of which makes one thing in the kernel and can undo it.  Values only; they are
// what the record of a tunnel keeps, so that exactly what was made is removed.  There is no secret in them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "client/key_file.hpp"
#include "derivation/spi.hpp"

namespace sluice::client {

/// The tunnel as it is up.
struct Tunnel {
  Address gateway, local;                 ///< outer addresses
  std::optional<std::uint16_t> udp_port;  ///< the gateway's
  std::uint16_t local_port = 0;           ///< with *udp_port*: ours
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  std::vector<Address> inner;
  std::vector<Prefix> routes;
  derivation::Spi outbound, inbound;
  std::optional<derivation::Spi> before;  ///< outbound SPI of the key that this one has replaced, if it was
  std::uint32_t tie = 0;                  ///< of SAs, policies and interface; it stays when the key is replaced
  std::string interface;
  bool own_interface = false;  ///< we make it: an XFRM interface
  std::string route_device;    ///< where the routes point: the interface, or, if that is a loopback, the outer device

  [[nodiscard]] derivation::Spi spi(bool out) const { return out ? outbound : inbound; }
  /// What ties SAs and policies to an interface of our own; 0: they are the host's, whatever the interface.
  [[nodiscard]] std::uint32_t interface_id() const { return own_interface ? tie : 0; }
};

struct Step {
  /// block: a policy against what comes to the inner address without having been in the tunnel.  barrier: a route that
  /// rejects, for when the route into the tunnel is gone.
  enum class Kind { device, address, state, policy, block, route, barrier };
  enum class Way { in, out, forward };

  Kind kind = Kind::device;
  std::string device;             ///< device, address, route
  std::uint32_t ifindex = 0;      ///< of it, known once the step was made
  Way way = Way::in;              ///< state, policy, block
  Prefix source, destination;     ///< policy, block; address, route and barrier: destination
  std::optional<Address> prefer;  ///< route: the source of what goes there

  /// "route 10.20.0.0/16", for errors.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Step&) const = default;
};

/// In the order in which they are made; undone in the reverse one.  Inbound comes before outbound, so that the answer
/// to the first packet finds its SA; routes come last and go first, so that no packet takes one without a policy.
std::vector<Step> plan(const Tunnel& tunnel);

nlohmann::json to_json(const Tunnel& tunnel);
nlohmann::json to_json(const Step& step);
Result<Tunnel> tunnel_from_json(const nlohmann::json& json);
Result<Step> step_from_json(const nlohmann::json& json);

}  // namespace sluice::client
