// SPDX-License-Identifier: Apache-2.0
//
// Requests and the values that come back, without a kernel: what build makes, parse reads.
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"
#include "netlink/rule_text.hpp"

namespace sluice::netlink {
namespace {

Prefix prefix(std::string_view text) { return *Prefix::parse(text); }
Endpoint endpoint(std::string_view text) { return *Endpoint::parse(text); }

Parked parked_v4() {
  Parked parked;
  parked.id = 7;
  parked.network = 3;
  parked.client = 11;
  parked.protocol = 6;
  parked.source = endpoint("100.64.1.11:40000");
  parked.destination = endpoint("10.20.0.10:80");
  parked.ttl = 63;
  parked.state = State::announced;
  parked.age = std::chrono::milliseconds(1500);
  parked.retransmits = 2;
  parked.scope = Scope::network;
  parked.index = 4;
  parked.length = 56;
  parked.tos = 0xb8;
  parked.dont_fragment = true;
  return parked;
}

TEST(Codec, NetworkIsReadFromItsAttributes) {
  Message message(SLUICE_CMD_NETWORK_GET);
  message.put(SLUICE_A_NETWORK_IFINDEX, std::uint32_t{5});
  message.put_string(SLUICE_A_NETWORK_NAME, "corp");
  message.put(SLUICE_A_NETWORK_PARK_TIMEOUT, std::uint32_t{20000});
  message.put(SLUICE_A_NETWORK_PARK_MAX, std::uint32_t{65536});
  message.put(SLUICE_A_NETWORK_PARK_CLIENT_MAX, std::uint32_t{16384});
  message.put(SLUICE_A_NETWORK_PARK_SOURCE_MAX, std::uint32_t{8192});
  message.put(SLUICE_A_NETWORK_PARKED, std::uint32_t{1});
  message.put(SLUICE_A_NETWORK_CLIENTS, std::uint32_t{2});
  auto network = parse_network(message.attributes());
  ASSERT_TRUE(network);
  EXPECT_EQ(*network, (Network{5, "corp", 20000, 65536, 16384, 8192, 1, 2}));
}

TEST(Codec, ClientSurvivesTheRoundTrip) {
  const Client client{1, 5, 6, {prefix("100.64.1.11"), prefix("fd64:1::/64")}};
  const Message message = new_client(client);
  EXPECT_EQ(message.command(), SLUICE_CMD_CLIENT_NEW);
  auto parsed = parse_client(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, client);
}

TEST(Codec, AnIpv4PrefixTravelsMapped) {
  const Message message = new_client({1, 5, 6, {prefix("10.0.0.0/8")}});
  auto parsed = parse_client(message.attributes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->prefixes[0].length, 104);
  EXPECT_EQ(parsed->prefixes[0].address.raw()[11], 0xff);
}

TEST(Codec, AclOf1024RulesFitsAndSurvives) {
  Acl acl{{3, std::nullopt}, {}};
  const Rule rule = *parse_rule("prohibit tcp 10.20.0.0/16 25-26");
  acl.rules.assign(1024, rule);
  const Message message = set_acl(acl);
  EXPECT_TRUE(message.fits());
  auto parsed = parse_acl(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, acl);
}

TEST(Codec, AnEmptyAclIsAnOwnerAlone) {
  auto parsed = parse_acl(set_acl({{std::nullopt, 9}, {}}).attributes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, (Acl{{std::nullopt, 9}, {}}));
}

TEST(Codec, TooLongARequestIsNoticed) {
  Message message(SLUICE_CMD_ACL_SET);
  for (int i = 0; i < 5000; ++i) message.put(SLUICE_A_ACL_NETWORK, std::uint32_t{1});
  EXPECT_FALSE(message.fits());
}

TEST(Codec, EventsCarryManyOfBothKinds) {
  Parked v6 = parked_v4();
  v6.id = 8;
  v6.source = endpoint("[fd64:1::5]:40000");
  v6.destination = endpoint("[fd20::10]:443");
  v6.index.reset();
  v6.scope = Scope::none;
  Message message(SLUICE_CMD_PARKED_NTF, 0, Message::large);
  put_parked(message, SLUICE_A_CONTROLLER_PARKED, parked_v4());
  put_parked(message, SLUICE_A_CONTROLLER_PARKED, v6);
  put_withdrawn(message, SLUICE_A_CONTROLLER_WITHDRAWN, {9, Reason::expired});
  Events events;
  auto parsed = parse_events(message.command(), message.attributes(), events);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(events.parked, (std::vector<Parked>{parked_v4(), v6}));
  EXPECT_EQ(events.withdrawn, (std::vector<Withdrawn>{{9, Reason::expired}}));
}

TEST(Codec, AllVerdictsOfABatchFit) {
  const IcmpError icmp{3, 4, *Address::parse("192.0.2.1"), 1400};
  const std::vector<Answer> answers(max_verdicts, Answer{1, Verdict::unreachable, icmp, {}});
  EXPECT_TRUE(send_verdicts(answers).fits());
}

TEST(Codec, SmallBatchesFitTheirSmallMessage) {
  const IcmpError icmp{3, 4, *Address::parse("192.0.2.1"), 1400};
  const std::vector<Answer> answers(32, Answer{1, Verdict::unreachable, icmp, {}});
  EXPECT_TRUE(send_verdicts(answers).fits());
}

TEST(Codec, CountersKeepTheirAttributes) {
  Message message(SLUICE_CMD_COUNTER_GET);
  message.put(SLUICE_A_COUNTER_NETWORK, std::uint32_t{5});
  message.put_string(SLUICE_A_COUNTER_NAME, "corp");
  message.put(SLUICE_A_COUNTER_PARKED, std::uint64_t{1} << 40);
  auto counters = parse_counters(message.attributes());
  ASSERT_TRUE(counters);
  EXPECT_EQ(*counters, (Counters{5, "corp", {{SLUICE_A_COUNTER_PARKED, std::uint64_t{1} << 40}}}));
}

TEST(Codec, AWrongLengthIsAnError) {
  Message message(SLUICE_CMD_NETWORK_GET);
  message.put(SLUICE_A_NETWORK_IFINDEX, std::uint16_t{5});
  EXPECT_FALSE(parse_network(message.attributes()));
}

TEST(Codec, AValueBeyondItsEnumerationIsAnError) {
  Message message(SLUICE_CMD_ACL_TEST);
  message.put(SLUICE_A_ACL_ACTION, std::uint8_t{__SLUICE_ACTION_COUNT});
  EXPECT_FALSE(parse_acl_decision(message.attributes()));
}

TEST(Codec, AnUnknownAttributeIsSkipped) {
  Message message(SLUICE_CMD_CLIENT_GET);
  message.put(SLUICE_A_CLIENT_MAX + 7, std::uint32_t{1});
  message.put(SLUICE_A_CLIENT_ID, std::uint32_t{4});
  auto client = parse_client(message.attributes());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id, 4u);
}

TEST(Codec, TruncatedBytesAreAnError) {
  const Message message = new_client({1, 5, 6, {prefix("10.0.0.0/8")}});
  for (std::size_t length = 1; length < message.attributes().size(); ++length) {
    // The row may end after id, network or access, 8 bytes each; everywhere else it is cut.
    const bool whole = length <= 24 && length % 8 == 0;
    EXPECT_EQ(parse_client(message.attributes().first(length)).ok(), whole) << length;
  }
}

}  // namespace
}  // namespace sluice::netlink
