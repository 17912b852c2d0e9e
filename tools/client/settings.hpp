// SPDX-License-Identifier: Apache-2.0
//
// What client.toml says, checked.  Values only; nothing here touches the system but to read that file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.hpp"
#include "base/result.hpp"
#include "client/tpm.hpp"
#include "policy/ask.hpp"
#include "realm/settings.hpp"

namespace sluice::client {

inline constexpr const char* settings_path = "/etc/sluice/client.toml";

struct MeasureSettings {
  std::filesystem::path plugins = "/etc/sluice/posture.d";
  bool osquery = true;         ///< the key server's questions are put to osquery
  Duration plugin_time{2000};  ///< for each plug-in and each question
  Duration time{5000};         ///< for all of it

  bool operator==(const MeasureSettings&) const = default;
};

/// Whom to ask whether there is a policy here, and what it means when there is none (Documentation/policy.rst).
struct PolicySettings {
  enum class Mode {
    optional,  ///< without one that verifies, traffic is left alone
    required,  ///< ... that is a failure
    ignore,    ///< nobody is asked
  };
  Mode mode = Mode::optional;
  std::vector<Address> gateways;  ///< in the order in which to ask them; empty: those of the default routes
  std::uint16_t port = policy::default_port;

  bool operator==(const PolicySettings&) const = default;
};

struct Settings : realm::Settings {
  std::optional<std::string> interface;  ///< one that is there; nothing: one of our own
  bool native = false;                   ///< ESP as IP protocol 50 rather than in UDP, where the gateway takes both
  MeasureSettings measure;
  TpmSettings tpm;
  PolicySettings policy;
};

/// Every error of the file at once, each with file, line and key.
Result<Settings> load_settings(const std::filesystem::path& path);
/// From memory; *name* stands for the file in errors.
Result<Settings> parse_settings(std::string_view text, std::string name);

}  // namespace sluice::client
