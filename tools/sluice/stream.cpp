// SPDX-License-Identifier: Apache-2.0
#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

Result<void> list(const Context& context) {
  auto answer = ask(context.socket, {{"get", "streams"}});
  if (!answer) return answer.error();
  if (context.json) {
    print_json((*answer)["streams"]);
    return {};
  }
  Table table({"NETWORK", "CLIENT", "SOURCE", "DESTINATION", "AGENT", "OPEN"});
  for (const auto& stream : (*answer)["streams"])
    table.add({stream["network"], std::to_string(stream["client"].get<std::uint64_t>()), stream["source"],
               stream["destination"], stream["agent"], human_duration(stream["open_ms"].get<double>())});
  table.print();
  return {};
}

}  // namespace

void add_stream(CLI::App& app, Context& context, Action& action) {
  CLI::App* stream = app.add_subcommand("stream", "Streams");
  stream->require_subcommand(1);
  stream->add_subcommand("list", "List connections that are open")->callback([&] {
    action = [&] { return list(context); };
  });
}

}  // namespace sluice::cli
