// SPDX-License-Identifier: Apache-2.0
#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

Result<void> show(const Context& context) {
  auto answer = ask(context.socket, {{"get", "status"}});
  if (!answer) return answer.error();
  if (context.json) {
    print_json(*answer);
    return {};
  }
  auto count = [&](const char* key) { return (*answer)[key].get<unsigned long long>(); };
  std::string networks;
  for (const auto& name : (*answer)["networks"]) networks += (networks.empty() ? "" : ", ") + name.get<std::string>();
  std::printf("gateway    %s, sluiced %s\n", (*answer)["name"].get<std::string>().c_str(),
              (*answer)["version"].get<std::string>().c_str());
  std::printf("networks   %s\n", networks.c_str());
  std::printf("agents     %llu connected\n", count("agents"));
  std::printf("offers     %llu waiting for an answer\n", count("offers"));
  std::printf("streams    %llu open\n", count("streams"));
  std::printf("datagrams  %llu associations\n", count("associations"));
  std::printf("proxy      port %llu, %llu threads\n", count("proxy_port"), count("workers"));
  if (const auto kds = answer->find("kds"); kds != answer->end()) {
    const auto server = kds->value("server", ""), error = kds->value("last_error", "");
    std::printf("kds        %s%s%s, %llu acknowledged%s%s\n", kds->value("connected", false) ? "connected" : "away",
                server.empty() ? "" : ", ", server.c_str(), kds->value("acknowledged", 0ULL), error.empty() ? "" : "; ",
                error.c_str());
  }
  return {};
}

}  // namespace

void add_status(CLI::App& app, Context& context, Action& action) {
  app.add_subcommand("status", "Show how sluiced is")->callback([&] { action = [&] { return show(context); }; });
}

}  // namespace sluice::cli
