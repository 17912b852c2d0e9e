// SPDX-License-Identifier: Apache-2.0
#include "http/problem.hpp"

#include <nlohmann/json.hpp>

namespace sluice::http {

std::string Problem::to_json() const {
  // No "type": it is then "about:blank", whose title is the status' (RFC 9457, 4.2.1).
  nlohmann::ordered_json problem{{"title", title.empty() ? std::string(reason_phrase(status)) : title},
                                 {"status", status}};
  if (!detail.empty()) problem["detail"] = detail;
  for (const Failure& failure : failures) {
    problem["failures"].push_back({{"name", failure.name}, {"detail", failure.detail}, {"remedy", failure.remedy}});
  }
  return problem.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Response Problem::to_response() const { return Response::with_body(status, "application/problem+json", to_json()); }

}  // namespace sluice::http
