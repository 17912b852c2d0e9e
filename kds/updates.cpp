// SPDX-License-Identifier: Apache-2.0
#include "kds/updates.hpp"

namespace sluice::kds {

std::uint64_t append(Transaction& transaction, Gateway& gateway, Update update) {
  update.gateway = gateway.name;
  update.sequence = ++gateway.sequence;
  transaction.remove_superseded(update);
  transaction.insert(update);
  transaction.put(gateway);
  return update.sequence;
}

void revoke_below(Transaction& transaction, const std::string& gateway, std::uint32_t number, std::uint32_t id,
                  std::uint32_t incarnation_min, Touched& touched) {
  std::optional<Gateway> about = transaction.gateway(gateway);
  if (!about) return;
  transaction.revoke_issues(gateway, number, id, incarnation_min);
  Update update;
  update.kind = Update::Kind::revoke;
  update.number = number;
  update.id = id;
  update.incarnation_min = incarnation_min;
  append(transaction, *about, update);
  touched.insert(gateway);
}

std::size_t revoke_id(Transaction& transaction, const std::string& gateway, std::uint32_t id, Touched& touched) {
  std::size_t count = 0;
  for (const Generation& generation : transaction.live_generations(gateway)) {
    const std::optional<Issue> newest = transaction.newest_issue(gateway, generation.number, id);
    // If the newest is revoked, so is every one before it.
    if (!newest || newest->revoked) continue;
    revoke_below(transaction, gateway, generation.number, id, newest->incarnation + 1, touched);
    ++count;
  }
  return count;
}

}  // namespace sluice::kds
