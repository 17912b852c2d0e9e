// SPDX-License-Identifier: Apache-2.0
//
// The key file of one client, as `sluice key derive` writes it: read strictly, with errors that name file, line and
// key.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "derivation/spi.hpp"

namespace sluice::client {

/// A prefix of IPv4 is one that lies within ::ffff:0:0/96.
bool is_v4(const Prefix& prefix);
/// The address alone, as a prefix.
Prefix host_prefix(const Address& address);

struct KeyFile {
  struct Association {
    derivation::Spi spi;
    derivation::Secret keying;  ///< the key, and behind it the salt (RFC 4106, 8.1)
  };

  Address gateway;
  std::optional<std::uint16_t> udp_port;  ///< ESP in UDP to this port of the gateway; nothing: ESP as it is
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  std::vector<Address> inner;  ///< at most one a family
  std::vector<Prefix> routes;  ///< each of a family that *inner* has
  Association outbound, inbound;

  [[nodiscard]] const Address* inner_of(bool v4) const;

  /// Refuses a file that others may read.
  static Result<KeyFile> load(const std::filesystem::path& path);
  /// From memory; *name* stands for the file in errors.
  static Result<KeyFile> parse(std::string_view text, const std::string& name);
};

}  // namespace sluice::client
