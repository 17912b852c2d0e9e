// SPDX-License-Identifier: Apache-2.0
//
// Looks at its own heap, so that it is built without sanitizers: theirs is another one, and nothing is wiped there.
#include <gtest/gtest.h>

#include "derivation/heap_testing.hpp"
#include "sluiced/kds_update.hpp"

namespace sluice::gateway {
namespace {

// Made without the heap, in which nothing but the parse then puts them.
struct KeyOutside {
  KeyOutside() {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (unsigned i = 0; i < 43; ++i)
      text += std::string_view(&digits[(i * i * 11 + 5 * i + 4) % 64 & (i == 42 ? 60 : 63)], 1);
  }
  derivation::testing::Pages text;
};

TEST(KdsUpdateHeap, NothingOfAKeyIsLeftInTheHeap) {
  const KeyOutside secret;
  derivation::testing::Pages raw;
  for (const char* end : {"\"}]}", "\", \"more\": 1}]}", "\", \"number\": 8}]}", "\"]", "\\q\"}]}"}) {
    derivation::testing::Pages body;
    body += R"({"updates": [{"sequence": 13, "kind": "generation", "number": 7, "algorithm": "aes-256-gcm", )";
    body += R"("lifetime": 3600, "master_key": ")";
    body += secret.text.text();
    body += end;
    {
      const auto updates = parse_updates(body.text(), 12);
      EXPECT_EQ(updates.ok(), end == std::string_view("\"}]}")) << end;
      if (updates) {
        const auto& key_of = std::get<netlink::NewGeneration>((*updates)[0].change).master_key;
        raw += {reinterpret_cast<const char*>(key_of.bytes().data()), key_of.bytes().size()};
      }
    }
    EXPECT_FALSE(derivation::testing::is_in_heap(secret.text.text())) << end;
    EXPECT_FALSE(derivation::testing::is_in_heap(raw.text())) << end;
  }
  const std::string copy(secret.text.text());
  EXPECT_TRUE(derivation::testing::is_in_heap(secret.text.text())) << "what this test looks for can be found";
}

}  // namespace
}  // namespace sluice::gateway
