// SPDX-License-Identifier: Apache-2.0
//
// sluice: shows and changes everything of a gateway, over generic netlink and sluiced's status socket; asks key servers
// as their operator.
#include <cstdio>

#include "sluice/command.hpp"
#include "sluice/kds.hpp"

namespace sluice::cli {
namespace {

using Add = void (*)(CLI::App&, Context&, Action&);

constexpr Add commands[] = {add_network, add_client,     add_acl,    add_parked, add_counters,
                            add_agent,   add_route,      add_stream, add_key,    add_association,
                            add_monitor, add_why,        add_status, add_pool,   add_generation,
                            add_esp,     add_esp_client, add_policy, add_kds};

}  // namespace

}  // namespace sluice::cli

int main(int argc, char** argv) {
  using namespace sluice::cli;
  CLI::App app{"Shows and changes a Sluice gateway."};
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // --json and --socket may stand anywhere
  Context context;
  Action action;
  app.add_flag("--json", context.json, "Print JSON");
  app.add_option("--socket", context.socket, "Status socket of sluiced")->capture_default_str();
  for (const Add add : commands) add(app, context, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  const auto done = action();
  if (done) return context.exit_code;
  std::fprintf(stderr, "sluice: %s\n", done.error().message.c_str());
  return context.exit_code != 0 ? context.exit_code : exit_failed;
}
