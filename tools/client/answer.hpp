// SPDX-License-Identifier: Apache-2.0
//
// What a key server answers (Documentation/kds.rst, "Bodies"), read into values.  Pure.  The server has shown its
// certificate, and is believed no more than that: everything is bounded, checked for its shape and against the rest,
// and its words are made fit for a terminal.  Members that are unknown are passed over, so that /v1 can grow.
//
// Errors name the member ("keys[0].inbound.key") and never hold a key.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "client/key_file.hpp"
#include "evidence/claims.hpp"
#include "evidence/limits.hpp"
#include "http/message.hpp"
#include "realm/problem.hpp"

namespace sluice::client {

inline constexpr std::size_t answer_most = evidence::kMostAnswer;  ///< bytes of a body

/// What the policy asks to be measured.
struct Wanted {
  std::vector<std::string> packages, plugins;
  std::map<std::string, std::string> osquery;           ///< SQL by name
  bool quote = false;                                   ///< by a TPM …
  std::set<unsigned> pcrs = {};                         ///< … of these as well
  std::optional<std::vector<std::string>> claims = {};  ///< by their first name, plug-ins aside; nothing: all

  bool operator==(const Wanted&) const = default;
};

struct Challenge {
  evidence::Nonce nonce{};
  std::chrono::seconds expires_in{};
  Wanted wanted;
};

/// From when the answer came.
struct Times {
  std::chrono::seconds refresh{};  ///< to fetch the next key
  std::chrono::seconds expires{};  ///< the gateway takes nothing under this one any more
  std::chrono::seconds lease{};    ///< health has to be shown again

  bool operator==(const Times&) const = default;
};

struct Granted {
  std::string gateway, network;
  std::vector<Address> addresses;         ///< of the gateway, the one to try first first; at least one
  std::optional<std::uint16_t> udp_port;  ///< this or *native*, or both
  bool native = false;
  std::uint32_t generation = 0;  ///< its number
  KeyFile keys;                  ///< whole but for the outer address and UDP: choose_path()
  Times times;
};

struct Renewed {
  std::string gateway, network;
  derivation::Spi outbound;
  Times times;
};

struct Refused {
  std::string gateway, network;
  std::string reason;  ///< "role", "posture", "quote"
  std::vector<http::Failure> failures;
};

struct Later {
  std::string gateway, network, detail;
};

struct Answer {
  std::chrono::seconds health_in{};
  std::vector<Granted> keys;  ///< each network of a gateway is in one of the four, once
  std::vector<Renewed> renewed;
  std::vector<Refused> refused;
  std::vector<Later> later;
};

Result<Challenge> parse_challenge(std::string_view text);
Result<Answer> parse_answer(std::string_view text);

/// What a server answers that grants nothing.
struct Problem : realm::Problem {
  /// The challenge is used, too old or another connection's: one begins again.
  [[nodiscard]] bool stale_challenge() const;
  /// It is the policy that refuses: health, roles, a ban.
  [[nodiscard]] bool refused_by_policy() const { return status == 403; }
  /// As realm::Problem's, with what a person at a device can do.
  [[nodiscard]] std::string to_words() const;
};

/// Of a response that is no 200.
Problem parse_problem(const http::Response& response);

using realm::to_words;

/// Fills in *granted.keys* by which address of the gateway it is reached: the first that *reachable* says has a route,
/// and that lies in none of the key's own routes (its packets would go into the tunnel that they are).  UDP where the
/// gateway takes it, unless *prefer_native* and it takes that.
Result<void> choose_path(Granted& granted, bool prefer_native, const std::function<bool(const Address&)>& reachable);

}  // namespace sluice::client
