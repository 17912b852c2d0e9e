// SPDX-License-Identifier: Apache-2.0
#include "sluice/decision.hpp"

#include <cerrno>

#include "netlink/rule_text.hpp"

namespace sluice::cli {

std::string rule_place(netlink::Scope scope, std::uint64_t index, std::uint32_t client, const std::string& network) {
  switch (scope) {
    case netlink::Scope::client:
      return "rule " + std::to_string(index) + " of client " + std::to_string(client);
    case netlink::Scope::network:
      return "rule " + std::to_string(index) + " of network " + network;
    case netlink::Scope::none:
      break;
  }
  return "no rule";
}

Result<Decision> decide(Kernel& kernel, const netlink::AclQuestion& question) {
  auto answer = kernel.sluice.test_acl(question);
  if (!answer) {
    if (answer.error().number == ENOENT)
      return Error{question.source.to_string() + " is no client's address; `sluice client list` shows them", ENOENT};
    return explain(answer.error());
  }
  Decision decision{*answer, kernel.device(answer->network), {}};
  netlink::AclOwner owner;
  if (answer->scope == netlink::Scope::client) owner.client = answer->client;
  if (answer->scope == netlink::Scope::network) owner.network = answer->network;
  if (answer->index && (owner.client || owner.network))
    if (auto acl = kernel.sluice.acl(owner); acl && *answer->index < acl->rules.size())
      decision.rule = netlink::to_string(acl->rules[*answer->index]);
  return decision;
}

std::string Decision::text() const {
  static constexpr const char* words[] = {"offered to the agents", "refused in the kernel", "prohibited in the kernel",
                                          "dropped in the kernel"};
  std::string text = words[static_cast<std::uint8_t>(kernel.action)];
  text += " by " + rule_place(kernel.scope, kernel.index.value_or(0), kernel.client, network);
  if (kernel.scope == netlink::Scope::none) text = "offered to the agents: no rule matches";
  if (!rule.empty()) text += ": " + rule;
  return text;
}

nlohmann::json Decision::json() const {
  nlohmann::json json = {{"network", network},
                         {"client", kernel.client},
                         {"action", netlink::to_string(kernel.action)},
                         {"scope", netlink::to_string(kernel.scope)}};
  if (kernel.index) json["index"] = *kernel.index;
  if (!rule.empty()) json["rule"] = rule;
  return json;
}

}  // namespace sluice::cli
