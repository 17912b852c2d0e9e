// SPDX-License-Identifier: Apache-2.0
//
// The commands that ask a key server, or show what it would be told; their output and exit codes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "client/grant.hpp"
#include "client/settings.hpp"
#include "client/tunnel.hpp"

namespace sluice::client {

// Exit codes; sluice-client(8) has them.
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_down = 3;  // as of init scripts (LSB 5.0, 22.2)
inline constexpr int exit_already = 4;
inline constexpr int exit_refused = 5;
inline constexpr int exit_no_server = 6;
inline constexpr int exit_no_policy = 7;
inline constexpr int exit_bad_policy = 8;

struct OnlineOptions {
  std::optional<std::filesystem::path> config;  ///< nothing: settings_path
  std::vector<std::string> packages;            ///< evidence: whose versions to tell
  Choice choice;                                ///< up
  bool as_json = false;                         ///< fetch, policy
  bool timing = false;                          ///< fetch, up
};

/// Those that *options* name.  EINVAL: there are none, and none are named.
Result<Settings> read_settings(const OnlineOptions& options);

/// To stderr; returns *code*.
int fail(const Error& error, int code = exit_failed);
/// Of an error of read_settings().
int fail_settings(const Error& error);
/// Of an error of tunnel::up().
int fail_up(const Error& error);

int run_evidence(const OnlineOptions& options);
/// Prints the public half of the TPM's attestation key, which is made where there is none.
int run_tpm_enrol(const OnlineOptions& options);
int run_fetch(const OnlineOptions& options);
int run_policy(const OnlineOptions& options);
int run_online_up(const OnlineOptions& options, UpOptions up_options);

}  // namespace sluice::client
