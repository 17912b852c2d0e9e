// SPDX-License-Identifier: Apache-2.0
//
// The bodies of the API (Documentation/kds.rst, "Bodies"): JSON in, values out, and back.  What comes in is a
// stranger's: strict, bounded, unknown members refused.  Texts with keys in them are wiped by who gets them
// (http::Response does).  Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "evidence/quote.hpp"
#include "kds/anomaly.hpp"
#include "kds/generations.hpp"
#include "kds/keys.hpp"

namespace sluice::kds {

struct KeysBody {
  std::optional<std::string> evidence;   ///< JWS
  std::optional<evidence::Quote> quote;  ///< of that
  std::vector<HeldKey> held;
};
Result<KeysBody> parse_keys(std::string_view text);
/// Of *settings*: what a device has to know of the gateways and networks that it got keys for.  *now*: times are told
/// from here.
std::string keys_body(const KeyAnswer& answer, const Settings& settings, Time now);

struct BootBody {
  Bytes nonce;
  std::uint32_t newest = 0;
};
Result<BootBody> parse_boot(std::string_view text);
std::string updates_body(const std::vector<Generations::Outgoing>& updates);
Result<std::vector<AnomalyReport>> parse_anomalies(std::string_view text);

struct DeviceBody {
  std::optional<std::string> name;
  std::optional<std::vector<std::string>> roles;
  std::optional<bool> enabled;
  std::optional<Bytes> fingerprint;
  std::optional<Bytes> attestation_key;  ///< SubjectPublicKeyInfo; empty: null, which takes it away
  std::optional<Pcrs> pcrs;              ///< likewise: those of the next quote count then
};
Result<DeviceBody> parse_device(std::string_view text);
nlohmann::json to_json(const Device& device, const std::optional<Attestation>& attestation, Time now);
nlohmann::json to_json(const Gateway& gateway, const std::vector<Generation>& live, Time now);

}  // namespace sluice::kds
