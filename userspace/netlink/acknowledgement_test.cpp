// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says to a request: NLMSG_ERROR and NLMSG_DONE with their extended acknowledgement.
#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"
#include "netlink/rule_text.hpp"

namespace sluice::netlink {
namespace {

// Laid out as netlink_ack() and netlink_dump_done() of Linux 6.1 do it.
class Acknowledgement {
 public:
  Acknowledgement(std::uint16_t type, int error, std::uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    append(&header, sizeof header);
    append(&error, sizeof error);
    if (type == NLMSG_ERROR) append(&header, sizeof header);  // the request's header: NETLINK_CAP_ACK
  }
  Acknowledgement& text(std::string_view message) {
    return attribute(NLMSGERR_ATTR_MSG, std::string(message).c_str(), message.size() + 1);
  }
  Acknowledgement& number(std::uint16_t type, std::uint32_t value) { return attribute(type, &value, sizeof value); }
  Bytes bytes() {
    const auto length = static_cast<std::uint32_t>(data_.size());
    std::memcpy(data_.data(), &length, sizeof length);
    return data_;
  }

 private:
  void append(const void* data, std::size_t size) {
    const auto* start = static_cast<const std::byte*>(data);
    data_.insert(data_.end(), start, start + size);
    data_.resize(NLMSG_ALIGN(data_.size()));
  }
  Acknowledgement& attribute(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
    append(&header, sizeof header);
    append(data, size);
    return *this;
  }
  std::vector<std::byte> data_;
};

constexpr std::uint16_t capped = NLM_F_CAPPED | NLM_F_ACK_TLVS;

// Offset of the nth top-level attribute, counted as the kernel does, from the start of the message.
std::uint32_t offset_of(const Message& request, int nth) {
  std::uint32_t offset = 0;
  for_each_attribute(request.attributes(), [&](std::uint16_t, Bytes payload) {
    offset = static_cast<std::uint32_t>(payload.data() - request.bytes().data() - NLA_HDRLEN);
    return nth-- > 0;
  });
  return offset;
}

TEST(AcknowledgementTest, ZeroIsSuccess) {
  EXPECT_TRUE(parse_acknowledgement(Acknowledgement(NLMSG_ERROR, 0, NLM_F_CAPPED).bytes(), {}));
  EXPECT_TRUE(parse_acknowledgement(Acknowledgement(NLMSG_DONE, 0, NLM_F_MULTI).bytes(), {}));
}

// The kernel's numbers are negative; a program that takes those for success loses every failure.
TEST(AcknowledgementTest, ANegativeNumberIsAnErrno) {
  auto result = parse_acknowledgement(Acknowledgement(NLMSG_ERROR, -EBUSY, NLM_F_CAPPED).bytes(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().number, EBUSY);
  EXPECT_EQ(result.error().message, "Device or resource busy");
}

TEST(AcknowledgementTest, NamesTheAttributeAndTheKernelsWords) {
  NetworkLimits limits;
  limits.park_timeout_ms = 1;
  const Message request = set_network(5, limits);
  Acknowledgement answer(NLMSG_ERROR, -ERANGE, capped);
  answer.text("integer out of range").number(NLMSGERR_ATTR_OFFS, offset_of(request, 1));
  auto result = parse_acknowledgement(answer.bytes(), request.bytes());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "park-timeout: integer out of range (Numerical result out of range)");
}

TEST(AcknowledgementTest, CountsRepeatedAttributesAndFindsNestedOnes) {
  const Message request = set_acl({{3, {}}, std::vector<Rule>(3, *parse_rule("drop tcp any 1-2"))});
  Acknowledgement answer(NLMSG_ERROR, -EINVAL, capped);
  answer.text("bad").number(NLMSGERR_ATTR_OFFS, offset_of(request, 3) + 12);
  auto result = parse_acknowledgement(answer.bytes(), request.bytes());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "rule[2]: bad (Invalid argument)");
}

TEST(AcknowledgementTest, NamesAMissingAttribute) {
  const Message request = delete_client(1);
  Acknowledgement answer(NLMSG_ERROR, -EINVAL, capped);
  answer.number(NLMSGERR_ATTR_MISS_TYPE, SLUICE_A_CLIENT_NETWORK);
  auto result = parse_acknowledgement(answer.bytes(), request.bytes());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "network: it is missing (Invalid argument)");
}

TEST(AcknowledgementTest, ReadsTheErrorOfADump) {
  Acknowledgement answer(NLMSG_DONE, -EPERM, NLM_F_MULTI | NLM_F_ACK_TLVS);
  answer.text("not yours");
  auto result = parse_acknowledgement(answer.bytes(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().number, EPERM);
  EXPECT_EQ(result.error().message, "not yours (Operation not permitted)");
}

TEST(AcknowledgementTest, AShortMessageIsAnError) {
  Acknowledgement answer(NLMSG_ERROR, 0, 0);
  EXPECT_FALSE(parse_acknowledgement(answer.bytes().first(NLMSG_HDRLEN), {}));
}

TEST(AcknowledgementTest, ANumberThatIsNoErrnoIsMalformed) {
  for (const int number : {1, -4096, std::numeric_limits<int>::min()}) {
    auto done = parse_acknowledgement(Acknowledgement(NLMSG_ERROR, number, NLM_F_CAPPED).bytes(), {});
    ASSERT_FALSE(done.ok());
    EXPECT_NE(done.error().message.find("acknowledgement"), std::string::npos) << done.error().message;
  }
}

}  // namespace
}  // namespace sluice::netlink
