// SPDX-License-Identifier: Apache-2.0
//
// Strict JSON: what it takes is JSON to nlohmann, too, keeps its promises, and is the same when written and read again.
#include "evidence/json.hpp"

#include <cmath>

#include "require.hpp"

using sluice::fuzz::require;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kMost = 65536;

void keeps_promises(const Json& value, std::size_t depth) {
  if (value.is_structured()) {
    require(depth < sluice::evidence::kMostDepth, "no more levels than are allowed");
    for (const Json& element : value) keeps_promises(element, depth + 1);
  } else if (value.is_number()) {
    require(std::fabs(value.get<double>()) <= sluice::evidence::kMostNumber, "no number beyond 2^53");
  } else {
    require(!value.is_binary() && !value.is_discarded(), "nothing that JSON has not");
  }
}

void same_again(const Json& json, bool ascii) {
  const sluice::Result<Json> again = sluice::evidence::parse_json(json.dump(-1, ' ', ascii), 8 * kMost);
  require(again.ok() && *again == json, "what was written is read as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const sluice::Result<Json> json = sluice::evidence::parse_json(text, kMost);
  if (!json) {
    sluice::fuzz::require_printable(json.error().message);
    return 0;
  }
  require(Json::accept(text), "a lax reader takes it, too");
  keeps_promises(*json, 0);
  same_again(*json, false);
  same_again(*json, true);
  require(size == 0 || !sluice::evidence::parse_json(text, size - 1), "the limit of bytes holds");
  require(!sluice::evidence::parse_json(std::string(text) + "x", kMost), "nothing may be behind the value");
  return 0;
}
