// SPDX-License-Identifier: Apache-2.0
//
// The same for ESP: pools, generations, clients, anomalies; and that a master key leaves nothing behind.
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include <algorithm>
#include <new>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"

namespace sluice::netlink {
namespace {

using std::chrono::seconds;

Address address(std::string_view text) { return *Address::parse(text); }

MasterKey key_of_ones() {
  MasterKey key;
  std::ranges::fill(key.bytes(), std::byte{1});
  return key;
}

// Every attribute's number and length, in order.
std::vector<std::pair<std::uint16_t, std::size_t>> shape(const Message& message) {
  std::vector<std::pair<std::uint16_t, std::size_t>> all;
  for_each_attribute(message.attributes(), [&](std::uint16_t type, Bytes payload) {
    all.emplace_back(type, payload.size());
    return true;
  });
  return all;
}

using Shape = std::vector<std::pair<std::uint16_t, std::size_t>>;

TEST(EspCodec, APoolSurvivesTheRoundTrip) {
  const Pool pool{5, 1, 1000, address("100.64.0.0"), address("fd64::"), true};
  const Message message = new_pool(pool);
  EXPECT_EQ(message.command(), SLUICE_CMD_POOL_NEW);
  auto parsed = parse_pool(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, pool);
}

TEST(EspCodec, AnAbsentBaseStaysAbsent) {
  const Pool pool{5, 7, 7, std::nullopt, address("fd64::"), false};
  auto parsed = parse_pool(new_pool(pool).attributes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, pool);
  EXPECT_EQ(shape(delete_pool(7)), (Shape{{SLUICE_A_POOL_FIRST, 4}}));
}

TEST(EspCodec, ANewGenerationHasItsKeyAndNoDefaults) {
  NewGeneration generation;
  generation.number = 9;
  generation.master_key = key_of_ones();
  const Message bare = new_generation(generation);
  EXPECT_EQ(bare.command(), SLUICE_CMD_GENERATION_NEW);
  EXPECT_EQ(shape(bare), (Shape{{SLUICE_A_GENERATION_NUMBER, 4}, {SLUICE_A_GENERATION_MASTER_KEY, 32}}));
  generation.algorithm = Algorithm::aes_128_gcm;
  generation.lifetime = seconds(300);
  EXPECT_EQ(shape(new_generation(generation)), (Shape{{SLUICE_A_GENERATION_NUMBER, 4},
                                                      {SLUICE_A_GENERATION_ALGORITHM, 1},
                                                      {SLUICE_A_GENERATION_MASTER_KEY, 32},
                                                      {SLUICE_A_GENERATION_LIFETIME, 4}}));
}

TEST(EspCodec, PromotionHasItsOverlapOnlyWhenGiven) {
  EXPECT_EQ(shape(promote_generation(9, {})), (Shape{{SLUICE_A_GENERATION_NUMBER, 4}}));
  const Message message = promote_generation(9, seconds(60));
  EXPECT_EQ(message.command(), SLUICE_CMD_GENERATION_PROMOTE);
  EXPECT_EQ(shape(message), (Shape{{SLUICE_A_GENERATION_NUMBER, 4}, {SLUICE_A_GENERATION_OVERLAP, 4}}));
  EXPECT_EQ(delete_generation(9).command(), SLUICE_CMD_GENERATION_DEL);
}

TEST(EspCodec, AGenerationIsRead) {
  const Generation generation{9, Algorithm::aes_256_gcm, GenerationState::previous, seconds(599), 12, 1 << 20};
  Message message(SLUICE_CMD_GENERATION_GET);
  put_generation(message, generation);
  auto parsed = parse_generation(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, generation);
  EXPECT_EQ(to_string(parsed->state), "previous");
  EXPECT_EQ(to_string(parsed->algorithm), "aes-256-gcm");
}

TEST(EspCodec, EspIsReadAndOnlyWhatIsGivenIsSet) {
  Esp esp;
  esp.udp_port = 4500;
  esp.source_ipv4 = address("192.0.2.1");
  esp.unknown_rate = 5000;
  esp.boot_nonce.fill(0xab);
  esp.driver = "rfc4106-gcm-aesni";
  esp.fallback = "rfc4106(gcm_base(ctr(aes-generic),ghash-generic))";
  esp.key_cache = 1024;
  esp.newest = 7;
  Message message(SLUICE_CMD_ESP_GET);
  put_esp(message, esp);
  auto parsed = parse_esp(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, esp);
  EspChange change;
  change.udp_port = std::uint16_t{0};
  EXPECT_EQ(shape(set_esp(change)), (Shape{{SLUICE_A_ESP_UDP_PORT, 2}}));
  change = {{}, address("0.0.0.0"), address("::"), 1};
  EXPECT_EQ(shape(set_esp(change)),
            (Shape{{SLUICE_A_ESP_SOURCE_IPV4, 16}, {SLUICE_A_ESP_SOURCE_IPV6, 16}, {SLUICE_A_ESP_UNKNOWN_RATE, 4}}));
  // 0.0.0.0 is not IPv4-mapped on the way: the module takes :: alone for none.
  auto none = parse_esp(set_esp(change).attributes());
  ASSERT_TRUE(none);
  EXPECT_EQ(none->source_ipv4, Address{});
}

TEST(EspCodec, AShortNonceIsAnError) {
  Message message(SLUICE_CMD_ESP_GET);
  message.put(SLUICE_A_ESP_BOOT_NONCE, std::uint64_t{1});
  EXPECT_FALSE(parse_esp(message.attributes()));
}

TEST(EspCodec, AClientThatWasHeardIsReadWhole) {
  EspClient client;
  client.id = 77;
  client.generation = 9;
  client.incarnation = std::uint16_t{3};
  client.incarnation_min = 2;
  client.address = address("198.51.100.7");
  client.port = 40000;
  client.encapsulation = Encapsulation::udp;
  client.received = 0xffff0000;
  client.sent = 12;
  client.idle = std::chrono::milliseconds(250);
  client.moves = 1;
  client.failures = 65535;
  client.network = 5;
  client.inner_ipv4 = address("100.64.0.77");
  client.inner_ipv6 = address("fd64::4d");
  Message message(SLUICE_CMD_ESP_CLIENT_GET);
  put_esp_client(message, client);
  auto parsed = parse_esp_client(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, client);
}

TEST(EspCodec, AClientThatIsOnlyBannedHasNoAddress) {
  EspClient client;
  client.id = 77;
  client.banned = true;
  Message message(SLUICE_CMD_ESP_CLIENT_GET);
  put_esp_client(message, client);
  auto parsed = parse_esp_client(message.attributes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, client);
}

TEST(EspCodec, ClientsAreChangedByWhatIsGiven) {
  EXPECT_EQ(shape(set_esp_client({77, {}, {}, false})),
            (Shape{{SLUICE_A_ESP_CLIENT_ID, 4}, {SLUICE_A_ESP_CLIENT_BANNED, 1}}));
  EXPECT_EQ(shape(set_esp_client({77, 9, std::uint16_t{512}, {}})), (Shape{{SLUICE_A_ESP_CLIENT_ID, 4},
                                                                           {SLUICE_A_ESP_CLIENT_GENERATION, 4},
                                                                           {SLUICE_A_ESP_CLIENT_INCARNATION_MIN, 2}}));
  EXPECT_EQ(shape(dump_esp_clients({})), Shape{});
  EXPECT_EQ(shape(dump_esp_clients(77)), (Shape{{SLUICE_A_ESP_CLIENT_ID, 4}}));
}

Anomaly moved() { return {77, 9, 3, AnomalyKind::moved, address("198.51.100.7"), 40000, address("2001:db8::1"), 0}; }

TEST(EspCodec, AnAnomalyIsAnEventOfItsOwnAttributes) {
  Message message(SLUICE_CMD_ANOMALY_NTF);
  put_anomaly(message, moved());
  Events events;
  ASSERT_TRUE(parse_events(message.command(), message.attributes(), events));
  EXPECT_EQ(events.anomalies, std::vector<Anomaly>{moved()});
  EXPECT_TRUE(events.parked.empty());
  EXPECT_FALSE(events.empty());
}

TEST(EspCodec, AnAnomalyOfAnUnknownKindIsAnErrorAndNoEvent) {
  Message message(SLUICE_CMD_ANOMALY_NTF);
  message.put(SLUICE_A_ESP_CLIENT_ANOMALY, std::uint8_t{__SLUICE_ANOMALY_COUNT});
  Events events;
  EXPECT_FALSE(parse_events(message.command(), message.attributes(), events));
  EXPECT_TRUE(events.empty());
}

TEST(EspCodec, AnEventOfANewerModuleIsLeftOut) {
  Message message(200);
  message.put(SLUICE_A_CONTROLLER_PARKED, std::uint8_t{1});
  Events events;
  EXPECT_TRUE(parse_events(message.command(), message.attributes(), events));
  EXPECT_TRUE(events.empty());
}

TEST(EspCodec, TruncatedBytesNeverCrash) {
  Message message(SLUICE_CMD_ANOMALY_NTF);
  put_anomaly(message, moved());
  for (std::size_t length = 0; length < message.attributes().size(); ++length) {
    const std::vector<std::byte> cut(message.attributes().begin(),
                                     message.attributes().begin() + static_cast<std::ptrdiff_t>(length));
    Events events;
    (void)parse_events(SLUICE_CMD_ANOMALY_NTF, cut, events).ok();
    (void)parse_esp_client(cut).ok();
    (void)parse_esp(cut).ok();
    (void)parse_generation(cut).ok();
    (void)parse_pool(cut).ok();
  }
}

bool is_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{}; });
}

TEST(MasterKeyTest, IsWipedAtItsEndAndWhenMoved) {
  alignas(MasterKey) std::array<std::byte, sizeof(MasterKey)> place;
  auto* key = new (place.data()) MasterKey(key_of_ones());
  EXPECT_FALSE(is_zero(key->bytes()));
  MasterKey other(std::move(*key));
  EXPECT_TRUE(is_zero(key->bytes()));
  *key = std::move(other);
  EXPECT_TRUE(is_zero(other.bytes()));
  EXPECT_EQ(key->bytes()[31], std::byte{1});
  key->~MasterKey();
  EXPECT_TRUE(is_zero(place));
}

TEST(MasterKeyTest, TheMessageThatHeldItIsWipedBeforeItIsFreed) {
  NewGeneration generation;
  generation.master_key = key_of_ones();
  nl_msg* watched = nullptr;
  {
    Message first = new_generation(generation);
    Message message = std::move(first);  // as into Socket::request()
    watched = message.get();
    nlmsg_get(watched);  // keeps the memory, so that it can be looked at
    EXPECT_FALSE(is_zero(message.bytes()));
  }
  EXPECT_TRUE(is_zero({reinterpret_cast<const std::byte*>(nlmsg_hdr(watched)), nlmsg_get_max_size(watched)}));
  nlmsg_free(watched);
}

}  // namespace
}  // namespace sluice::netlink
