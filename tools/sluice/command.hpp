// SPDX-License-Identifier: Apache-2.0
//
// What the subcommands share: how one is registered, where its answer goes, and how it fails.  One file each; main
// has the table.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.hpp"

namespace sluice::cli {

// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 there is none (policy ask, kds device).  Those of kds: kds_api.hpp.
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_none = 3;

struct Context {
  bool json = false;
  std::filesystem::path socket = "/run/sluice/sluiced.sock";
  int exit_code = 0;  // of an action; of one that failed 0 is exit_failed
};

// The chosen subcommand leaves what it will do here; main runs it.
using Action = std::function<Result<void>()>;

// Adds a subcommand to *app*; its callback stores into *action*.
void add_network(CLI::App& app, Context& context, Action& action);
void add_client(CLI::App& app, Context& context, Action& action);
void add_acl(CLI::App& app, Context& context, Action& action);
void add_parked(CLI::App& app, Context& context, Action& action);
void add_counters(CLI::App& app, Context& context, Action& action);
void add_agent(CLI::App& app, Context& context, Action& action);
void add_route(CLI::App& app, Context& context, Action& action);
void add_stream(CLI::App& app, Context& context, Action& action);
void add_association(CLI::App& app, Context& context, Action& action);
void add_key(CLI::App& app, Context& context, Action& action);
void add_monitor(CLI::App& app, Context& context, Action& action);
void add_why(CLI::App& app, Context& context, Action& action);
void add_status(CLI::App& app, Context& context, Action& action);
void add_pool(CLI::App& app, Context& context, Action& action);
void add_generation(CLI::App& app, Context& context, Action& action);
void add_esp(CLI::App& app, Context& context, Action& action);
void add_esp_client(CLI::App& app, Context& context, Action& action);
void add_policy(CLI::App& app, Context& context, Action& action);

// A pretty JSON document on stdout; bytes that are no UTF-8 are replaced.
void print_json(const nlohmann::json& json);

}  // namespace sluice::cli
