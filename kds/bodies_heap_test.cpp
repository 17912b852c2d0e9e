// SPDX-License-Identifier: Apache-2.0
//
// Looks at its own heap, so that it is built without sanitizers: theirs is another one, and nothing is wiped there.
#include <gtest/gtest.h>

#include "derivation/heap_testing.hpp"
#include "evidence/base64url.hpp"
#include "http/message.hpp"
#include "kds/bodies.hpp"
#include "kds/testing_bodies.hpp"
#include "kds/testing_settings.hpp"

namespace sluice::kds {
namespace {

// A text that had grown since the first was written would have left some.
TEST(BodiesHeap, NothingOfAKeyIsLeftInTheHeap) {
  const auto settings = parse_settings(testing_support::one_network, "kds.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  Bytes key(36);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i * i * 31 + i * 101 + 77);
  derivation::testing::Pages encoded;
  std::string copy = evidence::to_base64url(key);
  encoded += copy;
  http::wipe(copy);
  for (const std::size_t refusals : {0, 1, 40}) {
    for (const std::size_t keys : {1, 2, 8}) {
      std::string body = keys_body(testing_support::answer_with(key, keys, refusals), *settings, Time());
      EXPECT_TRUE(derivation::testing::is_in_heap(encoded.text())) << "what is looked for can be found";
      http::wipe(body);
      EXPECT_FALSE(derivation::testing::is_in_heap(encoded.text())) << keys << " keys, " << refusals << " refusals";
    }
  }
}

}  // namespace
}  // namespace sluice::kds
