// SPDX-License-Identifier: Apache-2.0
//
// For tests: an answer to a device, with the same key everywhere.
#pragma once

#include "kds/bodies.hpp"

namespace sluice::kds::testing_support {

inline KeyAnswer answer_with(const Bytes& key, std::size_t keys, std::size_t refusals) {
  KeyAnswer answer;
  for (std::size_t i = 0; i < keys; ++i) {
    Issued issued;
    issued.gateway = "gw1";
    issued.network = "corp";
    issued.id = 17;
    issued.spi_to_gateway = issued.spi_to_client = 4294967295;
    issued.key_to_gateway = derivation::Secret::copy_of(key);
    issued.key_to_client = derivation::Secret::copy_of(key);
    answer.issued.push_back(std::move(issued));
  }
  const std::string words(150, 'w');
  for (std::size_t i = 0; i < refusals; ++i)
    answer.refused.push_back({"gw1", "net" + std::to_string(i), Refusal::Reason::posture,
                              std::vector<Failure>(5, {"os.version", words, words, words, words})});
  return answer;
}

}  // namespace sluice::kds::testing_support
