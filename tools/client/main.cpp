// SPDX-License-Identifier: Apache-2.0
//
// sluice-client: puts a stock Linux host behind a gateway, by IPsec alone.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <optional>

#include "client/daemon.hpp"
#include "client/online.hpp"
#include "client/runtime.hpp"
#include "client/tunnel.hpp"

namespace {

using namespace sluice;

using client::exit_down;
using client::exit_failed;
using client::exit_usage;
using client::fail;

int run_up(const client::UpOptions& options) {
  auto done = client::up(options);
  if (!done) return client::fail_up(done.error());
  std::printf("%s\n", done->c_str());
  return 0;
}

// Whoever takes its tunnel away, or puts one up in its place, would have it undone within a second.
std::optional<int> left_to_daemon() {
  const auto daemon = client::daemon_status();
  if (!daemon) return {};
  return fail({"`sluice-client run` (process " + daemon->at("process").dump() + ") has it: end that", EBUSY});
}

int run_down() {
  auto done = client::down();
  client::runtime::forget_ticket();
  if (!done) return fail(done.error());
  std::printf("%s\n", *done ? "down" : "it was not up");
  return 0;
}

std::string joined(const nlohmann::json& list) {
  std::string text;
  for (const auto& one : list) text += (text.empty() ? "" : ", ") + one.get<std::string>();
  return text;
}

std::string association(const nlohmann::json& json) {
  std::string text = json.at("spi").get<std::string>();
  if (!json.at("installed").get<bool>()) return text + ", gone: deleted, or its packets are used up";
  text += ", " + json.at("packets").dump() + " packets, " + json.at("bytes").dump() + " bytes";
  if (json.contains("replayed"))
    text += ", dropped: " + json.at("replayed").dump() + " replayed, " + json.at("forged").dump() + " forged";
  return text;
}

void print(const nlohmann::json& json) {
  const auto line = [](const char* name, const std::string& text) { std::printf("%-10s %s\n", name, text.c_str()); };
  line("state", json.at("state").get<std::string>());
  if (const auto daemon = json.find("daemon"); daemon != json.end()) {
    std::string text = daemon->at("outcome").get<std::string>();
    if (const auto& server = daemon->at("server").get_ref<const std::string&>(); !server.empty())
      text += " by " + server;
    if (const auto& words = daemon->at("words").get_ref<const std::string&>(); !words.empty()) text += ": " + words;
    line("keys", text + "; asked again in " + daemon->at("next_in").dump() + " s");
  }
  if (json.at("state") == "down") return;
  std::string gateway = json.at("gateway").get<std::string>() + " from " + json.at("local").get<std::string>();
  if (json.contains("udp_port"))
    gateway += ", in UDP to port " + json.at("udp_port").dump() + " from " + json.at("local_port").dump();
  line("gateway", gateway);
  if (json.contains("network"))
    line("network", json.at("network").get<std::string>() + " of " + json.at("gateway_name").get<std::string>() +
                        ", for " + json.at("ends_in").dump() + " s");
  line("algorithm", json.at("algorithm").get<std::string>());
  line("inner", joined(json.at("inner")) + " on " + json.at("interface").get<std::string>());
  line("routes", joined(json.at("routes")));
  line("outbound", association(json.at("outbound")));
  line("inbound", association(json.at("inbound")));
  line("process", json.at("process").is_null() ? "none" : json.at("process").dump());
  char text[64] = "";
  const std::time_t since = json.at("since").get<std::time_t>();
  std::tm parts{};
  if (::localtime_r(&since, &parts) != nullptr) std::strftime(text, sizeof text, "%F %T", &parts);
  line("since", text);
}

int run_status(bool as_json) {
  auto found = client::status();
  if (!found) return fail(found.error());
  const auto daemon = client::daemon_status();
  if (daemon) (*found)["daemon"] = *daemon;
  if (as_json)
    std::cout << found->dump(2) << std::endl;
  else
    print(*found);
  if (found->at("state") == "down") return exit_down;
  return found->at("state") == "up" ? 0 : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Puts this host behind a Sluice gateway, by the kernel's own IPsec.", "sluice-client"};
  app.set_version_flag("--version", "sluice-client " SLUICE_VERSION);
  app.require_subcommand(1);
  sluice::client::UpOptions options;
  sluice::client::OnlineOptions online;
  bool as_json = false;
  sluice::client::keeper::Descriptors descriptors;

  CLI::App* up_app = app.add_subcommand("up", "Bring the tunnel up");
  const auto add_config = [&online](CLI::App* app) {
    return app->add_option("--config", online.config,
                           "Settings, without it " + std::string(sluice::client::settings_path));
  };
  CLI::Option* file = up_app->add_option(
      "--static", options.key_file, "Key file, as `sluice key derive` prints it; without it a key server is asked");
  add_config(up_app)->excludes(file);
  up_app->add_option("--gateway", online.choice.gateway, "Of this gateway; without it the first that is granted")
      ->excludes(file);
  up_app->add_option("--network", online.choice.network, "Of this network; without it the first that is granted")
      ->excludes(file);
  up_app->add_flag("--timing", online.timing, "Say on stderr how long each step took")->excludes(file);
  up_app->add_option("--interface", options.interface,
                     "Interface for the inner addresses, as lo; without it one is made, " +
                         std::string(sluice::client::own_interface_name));
  up_app->add_flag("--foreground", options.foreground, "Stay here; SIGTERM or SIGINT takes the tunnel down");
  const auto add_choice = [&online](CLI::App* app) {
    app->add_option("--gateway", online.choice.gateway, "Of this gateway; without it the first that is granted");
    app->add_option("--network", online.choice.network, "Of this network; without it the first that is granted");
  };
  CLI::App* run_app = app.add_subcommand("run", "Stay, and have the tunnel up while a key server grants it");
  add_config(run_app);
  add_choice(run_app);
  // What run executes, and nobody else: the process that has keys in its memory ends.
  CLI::App* turn_app = app.add_subcommand("turn", "")->group("");
  add_config(turn_app);
  add_choice(turn_app);
  CLI::App* down_app = app.add_subcommand("down", "Take it down: remove all that up made");
  CLI::App* status_app = app.add_subcommand("status", "Show whether it is up, and what went through");
  status_app->add_flag("--json", as_json, "Print JSON");
  CLI::App* fetch_app = app.add_subcommand("fetch", "Ask the key server, and show what it grants and refuses");
  add_config(fetch_app);
  fetch_app->add_flag("--json", online.as_json, "Print JSON; no key is in it");
  fetch_app->add_flag("--timing", online.timing, "Say on stderr how long each step took");
  CLI::App* policy_app =
      app.add_subcommand("policy", "Ask the gateway for its policy, and show whether it is believed");
  add_config(policy_app);
  policy_app->add_flag("--json", online.as_json, "Print JSON");
  CLI::App* evidence_app = app.add_subcommand("evidence", "Show what would be told of this host's health");
  add_config(evidence_app);
  evidence_app->add_option("--package", online.packages, "Tell its version, as a policy may ask");
  CLI::App* tpm_app = app.add_subcommand("tpm", "This host's TPM 2.0, whose quotes a key server may ask for");
  tpm_app->require_subcommand(1);
  add_config(tpm_app->add_subcommand(
      "enrol", "Make an attestation key where there is none, and print its public half for who runs the key server"));
  // What up executes, and nobody else: exec() is how the process that stays gets rid of memory that held keys.
  CLI::App* keep_app = app.add_subcommand("keep", "")->group("");
  keep_app->add_option("PIDFILE", descriptors.pid_file)->required();
  keep_app->add_option("SOCKET", descriptors.socket)->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (*up_app || *down_app)
    if (const auto left = left_to_daemon()) return *left;
  if (*up_app) return *file ? run_up(options) : sluice::client::run_online_up(online, options);
  if (*run_app) return sluice::client::run_daemon(online);
  if (*turn_app) return sluice::client::run_turn(online);
  if (*fetch_app) return sluice::client::run_fetch(online);
  if (*policy_app) return sluice::client::run_policy(online);
  if (*evidence_app) return sluice::client::run_evidence(online);
  if (*tpm_app) return sluice::client::run_tpm_enrol(online);
  if (*down_app) return run_down();
  if (*status_app) return run_status(as_json);
  auto kept = sluice::client::keep(descriptors);
  return kept ? 0 : fail(kept.error());
}
