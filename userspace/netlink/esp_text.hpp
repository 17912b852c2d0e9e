// SPDX-License-Identifier: Apache-2.0
//
// Where an ESP client is, as people read it.
#pragma once

#include <optional>
#include <string>

#include "base/address.hpp"

namespace sluice::netlink {

inline constexpr Address::Bytes none_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

// :: and 0.0.0.0, which say that there is none.
inline bool is_unspecified(const Address& address) { return address == Address{} || address == Address(none_v4); }

// "192.0.2.1:4500"; with native ESP, which has no port, "192.0.2.1"; empty for a client that was not heard.
inline std::string outer_text(const std::optional<Address>& address, std::uint16_t port) {
  if (!address || is_unspecified(*address)) return {};
  return port == 0 ? address->to_string() : Endpoint{*address, port}.to_string();
}

}  // namespace sluice::netlink
