// SPDX-License-Identifier: Apache-2.0
#include "sluice/command.hpp"

#include <iostream>

namespace sluice::cli {

void print_json(const nlohmann::json& json) {
  std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

}  // namespace sluice::cli
