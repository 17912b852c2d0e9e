// SPDX-License-Identifier: Apache-2.0
#include "session/datagram_frame.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::session {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

DatagramFrame only_frame(const std::string& wire) {
  std::span<const std::byte> data = bytes(wire);
  Result<std::optional<DatagramFrame>> frame = take_datagram_frame(data);
  EXPECT_TRUE(frame) << (frame ? "" : frame.error().message);
  EXPECT_TRUE(frame && *frame);
  EXPECT_TRUE(data.empty());
  return frame && *frame ? **frame : DatagramFrame{};
}

TEST(DatagramFrame, BytesOnTheWire) {
  std::string wire;
  const std::string payload = "abc";
  append_datagram(wire, {0x01020304, 63, 0xb9, true, bytes(payload)});
  EXPECT_EQ(wire, "\1\2\3\4\0\3\1\x3f\xb9\1\0\0abc"s);
  wire.clear();
  append_error(wire, 5, {3, 4, 1400, *Address::parse("10.0.0.1")});
  EXPECT_EQ(wire, "\0\0\0\5\0\x18\2\0\0\0\0\0\3\4\0\0\0\0\5\x78\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1"s);
  wire.clear();
  append_unbind(wire, 6);
  EXPECT_EQ(wire, "\0\0\0\6\0\0\3\0\0\0\0\0"s);
  wire.clear();
  append_acknowledge(wire, 0x0102030405060708);
  EXPECT_EQ(wire, "\0\0\0\0\0\x08\4\0\0\0\0\0\1\2\3\4\5\6\7\x08"s);
}

TEST(DatagramFrame, WhatIsAppendedIsTaken) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, kDatagramMax}) {
    const std::string payload(length, 'p');
    std::string wire;
    append_datagram(wire, {0xffffffff, 255, 3, false, bytes(payload)});
    EXPECT_EQ(wire.size(), kDatagramHeader + length);
    const DatagramFrame frame = only_frame(wire);
    EXPECT_EQ(frame.kind, DatagramKind::datagram);
    EXPECT_EQ(frame.datagram.association, 0xffffffffU);
    EXPECT_EQ(frame.datagram.ttl, 255);
    EXPECT_EQ(frame.datagram.tos, 3);
    EXPECT_FALSE(frame.datagram.dont_fragment);
    EXPECT_EQ(frame.datagram.payload.size(), length);
  }
  for (const char* reporter : {"", "10.0.0.1", "fd00::1"}) {
    DatagramError error{11, 1, 0xfffffffe, {}};
    if (*reporter != 0) error.reporter = *Address::parse(reporter);
    std::string wire;
    append_error(wire, 9, error);
    const DatagramFrame frame = only_frame(wire);
    EXPECT_EQ(frame.kind, DatagramKind::error);
    EXPECT_EQ(frame.datagram.association, 9U);
    EXPECT_EQ(frame.error.type, 11);
    EXPECT_EQ(frame.error.code, 1);
    EXPECT_EQ(frame.error.mtu, 0xfffffffeU);
    EXPECT_EQ(frame.error.reporter, error.reporter);
  }
  std::string wire;
  append_unbind(wire, 10);
  EXPECT_EQ(only_frame(wire).kind, DatagramKind::unbind);
  EXPECT_EQ(only_frame(wire).datagram.association, 10U);
  wire.clear();
  append_acknowledge(wire, ~std::uint64_t{0});
  EXPECT_EQ(only_frame(wire).kind, DatagramKind::acknowledge);
  EXPECT_EQ(only_frame(wire).taken, ~std::uint64_t{0});
}

TEST(DatagramFrame, TakesWholeFramesOnly) {
  std::string wire;
  const std::string payload = "hello";
  append_datagram(wire, {1, 0, 0, false, bytes(payload)});
  const std::size_t first = wire.size();
  append_acknowledge(wire, 7);
  for (std::size_t size = 0; size < first; ++size) {
    std::span<const std::byte> data = bytes(wire).first(size);
    Result<std::optional<DatagramFrame>> frame = take_datagram_frame(data);
    ASSERT_TRUE(frame);
    EXPECT_FALSE(*frame);
    EXPECT_EQ(data.size(), size);
  }
  std::span<const std::byte> data = bytes(wire);
  EXPECT_EQ((*take_datagram_frame(data))->kind, DatagramKind::datagram);
  EXPECT_EQ((*take_datagram_frame(data))->kind, DatagramKind::acknowledge);
  EXPECT_TRUE(data.empty());
}

TEST(DatagramFrame, BrokenHeadersAreErrorsBeforeTheRestCame) {
  struct Case {
    const char* what;
    std::string header;
  };
  const std::vector<Case> cases{
      {"kind 0", "\0\0\0\1\0\0\0\0\0\0\0\0"s},
      {"kind 5", "\0\0\0\1\0\0\5\0\0\0\0\0"s},
      {"kind 255", "\0\0\0\1\0\0\xff\0\0\0\0\0"s},
      {"datagram of association 0", "\0\0\0\0\0\4\1\0\0\0\0\0"s},
      {"datagram with flag 2", "\0\0\0\1\0\0\1\0\0\2\0\0"s},
      {"datagram with flag 128", "\0\0\0\1\0\0\1\0\0\x80\0\0"s},
      {"datagram with byte 10", "\0\0\0\1\0\0\1\0\0\0\1\0"s},
      {"datagram with byte 11", "\0\0\0\1\0\0\1\0\0\0\0\1"s},
      {"error of association 0", "\0\0\0\0\0\x18\2\0\0\0\0\0"s},
      {"error of 23 bytes", "\0\0\0\1\0\x17\2\0\0\0\0\0"s},
      {"error of 25 bytes", "\0\0\0\1\0\x19\2\0\0\0\0\0"s},
      {"error with a TTL", "\0\0\0\1\0\x18\2\1\0\0\0\0"s},
      {"error with a TOS", "\0\0\0\1\0\x18\2\0\1\0\0\0"s},
      {"error with a flag", "\0\0\0\1\0\x18\2\0\0\1\0\0"s},
      {"unbind of association 0", "\0\0\0\0\0\0\3\0\0\0\0\0"s},
      {"unbind of 1 byte", "\0\0\0\1\0\1\3\0\0\0\0\0"s},
      {"acknowledge of association 1", "\0\0\0\1\0\x08\4\0\0\0\0\0"s},
      {"acknowledge of 7 bytes", "\0\0\0\0\0\7\4\0\0\0\0\0"s},
      {"acknowledge of 9 bytes", "\0\0\0\0\0\x09\4\0\0\0\0\0"s},
      {"acknowledge of 264 bytes", "\0\0\0\0\1\x08\4\0\0\0\0\0"s},
  };
  for (const Case& broken : cases) {
    ASSERT_EQ(broken.header.size(), kDatagramHeader) << broken.what;
    std::span<const std::byte> data = bytes(broken.header);
    EXPECT_FALSE(take_datagram_frame(data)) << broken.what;
  }
}

TEST(DatagramFrame, AnErrorsZeroBytesAreZero) {
  std::string wire;
  append_error(wire, 5, {3, 4, 1400, {}});
  wire[kDatagramHeader + 3] = 1;
  std::span<const std::byte> data = bytes(wire);
  EXPECT_FALSE(take_datagram_frame(data));
}

TEST(DatagramFrame, RandomBytesNeverHurt) {
  std::mt19937 random(7);
  for (int round = 0; round < 50000; ++round) {
    std::string wire(random() % 64, '\0');
    for (char& c : wire) c = static_cast<char>(random());
    // A plausible header makes the rest be looked at.
    if (wire.size() > kDatagramHeader && round % 2 == 0) {
      const char kind = static_cast<char>(random() % 6);
      wire.replace(4, 8, std::string{'\0', char(wire.size() - kDatagramHeader), kind, '\0', '\0', '\0', '\0', '\0'});
    }
    std::span<const std::byte> data = bytes(wire);
    (void)take_datagram_frame(data);
    EXPECT_LE(data.size(), wire.size());
  }
}

}  // namespace
}  // namespace sluice::session
