// SPDX-License-Identifier: Apache-2.0
#include "kds/audit.hpp"

#include <nlohmann/json.hpp>

namespace sluice::kds {

void audit(Transaction& transaction, Time now, const std::string& actor, const std::string& action,
           const std::string& subject, const std::string& outcome, const nlohmann::json& detail) {
  transaction.append(
      {0, now, actor, action, subject, outcome, detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
}

}  // namespace sluice::kds
