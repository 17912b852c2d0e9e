// SPDX-License-Identifier: Apache-2.0
#include "session/framing.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::session {
namespace {

Envelope ping(std::uint64_t token) {
  Envelope envelope;
  envelope.mutable_ping()->set_token(token);
  return envelope;
}

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(Framing, TakesWholeFramesOnly) {
  std::string wire;
  ASSERT_TRUE(append_frame(wire, ping(1)));
  const std::size_t first = wire.size();
  ASSERT_TRUE(append_frame(wire, ping(2)));
  for (std::size_t size = 0; size < first; ++size) {
    std::span<const std::byte> data = bytes(wire).first(size);
    Result<std::optional<Envelope>> frame = take_frame(data);
    ASSERT_TRUE(frame);
    EXPECT_FALSE(*frame);
    EXPECT_EQ(data.size(), size);
  }
  std::span<const std::byte> data = bytes(wire);
  EXPECT_EQ((*take_frame(data))->ping().token(), 1u);
  EXPECT_EQ((*take_frame(data))->ping().token(), 2u);
  EXPECT_TRUE(data.empty());
}

TEST(Framing, LimitIsExact) {
  Envelope envelope;
  envelope.mutable_hello()->set_software(std::string(kMaxFrame - 8, 'x'));
  ASSERT_EQ(envelope.ByteSizeLong(), kMaxFrame);
  std::string wire;
  ASSERT_TRUE(append_frame(wire, envelope));
  std::span<const std::byte> data = bytes(wire);
  EXPECT_TRUE(*take_frame(data));
  envelope.mutable_hello()->mutable_software()->push_back('x');
  std::string unchanged = "before";
  EXPECT_FALSE(append_frame(unchanged, envelope));
  EXPECT_EQ(unchanged, "before");
}

TEST(Framing, WrongLengthIsAnErrorBeforeTheBodyCame) {
  for (const std::string& header :
       {std::string("\0\1\0\1", 4), std::string("\0\0\0\0", 4), std::string("\xff\xff\xff\xff", 4)}) {
    std::span<const std::byte> data = bytes(header);
    EXPECT_FALSE(take_frame(data));
  }
  // 65,536 is allowed: the frame is only not here yet.
  std::string largest("\0\1\0\0", 4);
  std::span<const std::byte> data = bytes(largest);
  EXPECT_TRUE(take_frame(data));
}

TEST(Framing, BodyMustBeAMessage) {
  for (const std::string& wire : {std::string("\0\0\0\1\xff", 5), std::string("\0\0\0\2\x78\x01", 6)}) {
    std::span<const std::byte> data = bytes(wire);
    EXPECT_FALSE(take_frame(data));
  }
}

TEST(Framing, RandomBytesNeverHurt) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string wire(random() % 64, '\0');
    for (char& c : wire) c = static_cast<char>(random());
    // A plausible length makes the parser see the rest.
    if (wire.size() > 4 && round % 2 == 0) wire.replace(0, 4, std::string{'\0', '\0', '\0', char(wire.size() - 4)});
    std::span<const std::byte> data = bytes(wire);
    (void)take_frame(data);
    EXPECT_LE(data.size(), wire.size());
  }
}

}  // namespace
}  // namespace sluice::session
