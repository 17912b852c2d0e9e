// SPDX-License-Identifier: Apache-2.0
//
// SRV records (RFC 2782): what a DNS server's answer holds, and the order in which to try what it names.  Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace sluice::client::discover {

inline constexpr std::size_t records_most = 32;

struct SrvRecord {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string target;  ///< a host name (is_host_name()), in lower case

  bool operator==(const SrvRecord&) const = default;
};

struct SrvAnswer {
  /// The only record has the target ".": the service is decidedly not available at this domain (RFC 2782).
  bool unavailable = false;
  /// In the order of the answer; the first 32, and none whose target is no host name or whose port is 0.
  std::vector<SrvRecord> records;
};

/// A whole DNS message (RFC 1035, 4.1).  An error: it is cut, malformed, or its response code is neither 0 nor
/// NXDOMAIN, which means no records.
Result<SrvAnswer> parse_srv(std::span<const std::uint8_t> message);

/// Gives a number from 0 to *most*, both included, each as likely.
using Random = std::function<std::uint32_t(std::uint32_t most)>;

/// From the system's generator (getrandom(2)).
std::uint32_t system_random(std::uint32_t most);

/// The order in which a client tries them: by priority, the smallest first, and within one priority drawn by weight
/// as RFC 2782 says, so that records of weight 0 have a very small chance to come before others.
std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, const Random& random = system_random);

}  // namespace sluice::client::discover
