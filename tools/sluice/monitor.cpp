// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/explain.hpp"

namespace sluice::cli {
namespace {

Result<void> monitor(const Context& context) {
  return follow(context.socket, {{"get", "monitor"}}, [&](const nlohmann::json& event) {
    const std::string line =
        context.json ? event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) : summarize_event(event);
    // Each line at once, also into a pipe; a reader that has gone ends us.
    return std::puts(line.c_str()) >= 0 && std::fflush(stdout) == 0;
  });
}

}  // namespace

void add_monitor(CLI::App& app, Context& context, Action& action) {
  app.add_subcommand("monitor", "Show what happens, a line an event")->callback([&] {
    action = [&] { return monitor(context); };
  });
}

}  // namespace sluice::cli
