// SPDX-License-Identifier: Apache-2.0
//
// What the responder's blob says (Documentation/policy.rst, "The blob"): claims that a key server of the realm has
// signed, with its certificate behind them.  Made by the KDS, verified by who asked; knows no sockets.
//
// Errors of verify() carry an evidence::Reason.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "tls/context.hpp"
#include "tls/handle.hpp"
#include "tls/peer.hpp"

namespace sluice::policy {

inline constexpr std::size_t blob_most = 1200;  ///< bytes; what the responder takes
inline constexpr std::size_t servers_most = 16;
inline constexpr std::size_t routes_most = 64;
inline constexpr std::size_t certificates_most = 4;

struct Statement {
  std::string realm;
  std::string gateway;                ///< whose responder answers with it; for people
  std::vector<http::ServerName> kds;  ///< in the order in which to try them; empty: by *domain*
  std::string domain;                 ///< where to look for SRV records; empty: nothing is said of that
  std::vector<Prefix> routes;         ///< what a key is needed for
  std::chrono::seconds interval{0};   ///< health is shown again within this time
  std::chrono::sys_seconds issued_at{};

  /// But for the time: is it worth another signature?
  [[nodiscard]] bool says_the_same(const Statement& other) const;
  bool operator==(const Statement&) const = default;
};

/// A domain in lower case, without the dot at its end.
Result<std::string> parse_domain(std::string_view text);

/// Who signs.
struct Signer {
  tls::UniqueKey key;                         ///< of P-256
  std::vector<tls::UniqueX509> certificates;  ///< its own, and what is between it and the authority

  /// The files' certificates, all of them, and key.  Errors name the file.
  static Result<Signer> load(const tls::Identity& identity);
};

/// The blob.  EMSGSIZE: it has more than blob_most bytes.
Result<std::vector<std::uint8_t>> sign(const Statement& statement, const Signer& signer);

struct Verified {
  Statement statement;
  tls::Peer signer;
};

/// *blob* is a stranger's.  *context* is a client's: whom it would believe to be a key server of *realm* in TLS, now,
/// may have signed it: chain, validity and list of revoked certificates are looked at, and the role.  Claims that are
/// not known are passed over (RFC 7519, 4), so that a newer key server's blob is good for an older client.
Result<Verified> verify(std::span<const std::uint8_t> blob, const tls::Context& context, std::string_view realm);

}  // namespace sluice::policy
