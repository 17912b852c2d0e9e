// SPDX-License-Identifier: Apache-2.0
//
// Whether what comes in is filtered: by nftables' ruleset; or, where that cannot be had or has nothing, by what ufw and
// firewalld say of themselves (their rules may be iptables' old ones, which nft does not show).

#include "client/measure/measurements.hpp"
#include "client/measure/nftables.hpp"

namespace sluice::client::measure {
namespace {

struct Program {
  const char* name;
  std::vector<std::string> arguments;
  std::size_t output;  // bytes at most
};

// Of what was asked; null: it is not here.
struct Answers {
  const Result<Output>*nft = nullptr, *ufw = nullptr, *firewalld = nullptr;
};

bool says(const Result<Output>* output, std::string_view line) {
  return output != nullptr && *output && (*output)->code == 0 && (*output)->text.starts_with(line);
}

Result<bool> ask_nftables(const Result<Output>* nft) {
  if (nft == nullptr) return Error{"nft is not here, and neither ufw nor firewalld says that it is active"};
  if (!*nft) return nft->error().in("nft");
  if ((*nft)->code != 0) return Error{"nft exits with " + std::to_string((*nft)->code)};
  return filters_input((*nft)->text);
}

Result<Json> conclude(const Host& host, const Answers& answers) {
  const Result<bool> filters = ask_nftables(answers.nft);
  if (filters && *filters) return Json{{"active", true}, {"by", "nftables"}};
  if (says(answers.firewalld, "running")) return Json{{"active", true}, {"by", "firewalld"}};
  if (says(answers.ufw, "Status: active")) return Json{{"active", true}, {"by", "ufw"}};
  if (!filters) return filters.error();
  // The old iptables has its tables beside those of nftables.
  for (const char* tables : {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"})
    if (auto names = host.read(tables, 4096); names && names->find("filter\n") != std::string::npos)
      return Error{"there are rules of the old iptables, which are not looked at"};
  return Json{{"active", false}};
}

}  // namespace

Plan plan_firewall(const Host& host) {
  using Answer = const Result<Output>* Answers::*;
  // -t: sets without their elements, which may be very many.
  const std::pair<Program, Answer> programs[] = {
      {{"nft", {"-t", "-j", "list", "ruleset"}, std::size_t{4} << 20}, &Answers::nft},
      {{"ufw", {"status"}, 65536}, &Answers::ufw},
      {{"firewall-cmd", {"--state"}, 4096}, &Answers::firewalld}};
  std::vector<Command> commands;
  std::vector<Answer> asked;
  for (const auto& [program, answer] : programs) {
    const auto path = host.program(program.name);
    if (!path) continue;
    Command command{{*path}, {}};
    command.argv.insert(command.argv.end(), program.arguments.begin(), program.arguments.end());
    command.limits.output = program.output;
    commands.push_back(std::move(command));
    asked.push_back(answer);
  }
  return {std::move(commands), [&host, asked](Outputs outputs, Unmeasured&) {
            Answers answers;
            for (std::size_t i = 0; i < asked.size(); ++i) answers.*asked[i] = &outputs[i];
            return conclude(host, answers);
          }};
}

}  // namespace sluice::client::measure
