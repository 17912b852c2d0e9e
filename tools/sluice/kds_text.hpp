// SPDX-License-Identifier: Apache-2.0
//
// What the key servers answer an operator (Documentation/openapi.yaml), as tables and sentences.  Pure.  They have
// shown their certificates, and are believed no more than that: what is not as the API has it is an error (EBADMSG)
// that names the member, and words are made fit for a terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sluice::cli {

using Rows = std::vector<std::vector<std::string>>;

inline const std::vector<std::string> device_head{"DEVICE", "ROLES", "STATE", "HEALTH", "POSTURES"};
inline const std::vector<std::string> key_head{"GATEWAY", "NETWORK", "GENERATION", "SPI", "STATE", "LEASE"};
inline const std::vector<std::string> gateway_head{"GATEWAY", "SEEN", "GENERATIONS", "UPDATES"};
inline const std::vector<std::string> audit_head{"SEQUENCE", "TIME", "ACTOR", "ACTION", "SUBJECT", "OUTCOME", "DETAIL"};

/// Of GET /v1/devices, a row each; *last*: the name to go on behind, if there was any.
Result<Rows> device_rows(const nlohmann::json& answer, std::optional<std::string>& last);
/// Of GET /v1/devices/NAME: the device's row, and one for each key.
struct DeviceShown {
  std::vector<std::string> device;
  Rows keys;
  std::string tpm;  ///< in words; empty where no attestation key is enrolled
};
Result<DeviceShown> read_device(const nlohmann::json& answer);
/// Of GET /v1/gateways.
Result<Rows> gateway_rows(const nlohmann::json& answer);
/// Of GET /v1/audit; *after* becomes the last line's sequence.  Each is greater than the one before and than *after*.
Result<Rows> audit_rows(const nlohmann::json& answer, std::uint64_t& after);

/// SHA-256 of a certificate in hexadecimal, as `openssl x509 -fingerprint -sha256` prints it, colons or not: base64url.
Result<std::string> parse_fingerprint(std::string_view text);
/// Of the certificate in that file (PEM), likewise.
Result<std::string> fingerprint_of(const std::string& path);

}  // namespace sluice::cli
