// SPDX-License-Identifier: Apache-2.0
#include "policy/message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sluice::policy {
namespace {

const Nonce nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

std::vector<std::uint8_t> answer(const std::string& blob) {
  std::vector<std::uint8_t> bytes{'S', 'L', 'P', 'A', 1, 0};
  bytes.push_back(static_cast<std::uint8_t>(blob.size() >> 8));
  bytes.push_back(static_cast<std::uint8_t>(blob.size()));
  bytes.insert(bytes.end(), nonce.begin(), nonce.end());
  bytes.insert(bytes.end(), blob.begin(), blob.end());
  return bytes;
}

TEST(PolicyMessage, AQuestionHasRoomForEveryAnswer) {
  const auto bytes = question(nonce);
  EXPECT_EQ(bytes.size(), 1224U);
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 8), std::string("SLPQ\1\0\0\0", 8));
  EXPECT_TRUE(std::equal(nonce.begin(), nonce.end(), bytes.begin() + 8));
  EXPECT_TRUE(std::all_of(bytes.begin() + 24, bytes.end(), [](auto byte) { return byte == 0; }));
}

TEST(PolicyMessage, TheBlobOfAnAnswerIsRead) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{255}, std::size_t{256}, std::size_t{1200}}) {
    const auto blob = parse_answer(answer(std::string(size, 'x')), nonce);
    ASSERT_TRUE(blob) << size;
    EXPECT_EQ(blob->size(), size);
  }
}

TEST(PolicyMessage, WhatIsNoAnswerToThisQuestionIsNone) {
  const auto good = answer("a policy");
  ASSERT_TRUE(parse_answer(good, nonce));
  // Every byte of the header matters, but those flags that are not known.
  for (std::size_t at = 0; at < header_size; ++at) {
    auto bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(parse_answer(bad, nonce)) << at;
  }
  auto flagged = good;
  flagged[5] = 0x80;
  EXPECT_TRUE(parse_answer(flagged, nonce));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_answer(std::span(good).first(size), nonce)) << size;
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(parse_answer(longer, nonce));
  EXPECT_FALSE(parse_answer(answer(""), nonce));
}

}  // namespace
}  // namespace sluice::policy
