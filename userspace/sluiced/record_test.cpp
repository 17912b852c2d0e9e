// SPDX-License-Identifier: Apache-2.0
#include "sluiced/record.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sluiced/status.hpp"

namespace sluice::gateway {
namespace {

using std::chrono::milliseconds;

Record refused() {
  Record record;
  record.network = "corp";
  record.client = 1;
  record.protocol = 6;
  record.source = *Endpoint::parse("100.64.1.11:40000");
  record.destination = *Endpoint::parse("10.20.0.10:81");
  record.route = "10.20.0.0/16";
  record.agent = "berlin";
  record.verdict = netlink::Verdict::refuse;
  record.detail = "connection refused";
  record.offered = record.parked + milliseconds(1);
  record.answered = record.parked + milliseconds(5);
  record.outcome = "refused";
  return record;
}

TEST(RecordTest, JsonTellsWhoWhereAndHowLong) {
  const nlohmann::json json = to_json(refused());
  EXPECT_EQ(json["source"], "100.64.1.11:40000");
  EXPECT_EQ(json["verdict"], "refuse");
  EXPECT_EQ(json["agent"], "berlin");
  EXPECT_EQ(json["steps_ms"]["answered"], 5.0);
  EXPECT_FALSE(json["steps_ms"].contains("released"));
  EXPECT_FALSE(json.contains("to_server"));
}

TEST(RecordTest, TheLogLineIsStructured) {
  EXPECT_EQ(to_log_line(refused()),
            "verdict=refuse network=corp client=1 source=100.64.1.11:40000 destination=10.20.0.10:81 agent=berlin "
            "waited_us=5000 detail=\"connection refused\"");
}

// The words come from the agent: they must not forge a line of the log or break a line of the socket.
TEST(RecordTest, HostileWordsAreEscaped) {
  Record record = refused();
  record.detail = "x\"\nverdict=accept \xff\x1b[2J";
  const std::string line = to_log_line(record);
  EXPECT_EQ(line.find('\n'), line.npos);
  EXPECT_EQ(line.find('\x1b'), line.npos);
  const std::string json = to_line(to_json(record));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(RecordTest, WordsOfAgentsAreCutAndTamed) {
  EXPECT_EQ(plain_words("no route\n\x1b[1m"), "no route??[1m");
  EXPECT_EQ(plain_words(std::string(70000, 'x')).size(), 200u);
}

TEST(RecordTest, AnAssociationTellsItsDatagrams) {
  Record record = refused();
  record.protocol = 17;
  record.traffic = std::make_shared<Traffic>();
  EXPECT_FALSE(to_json(record).contains("traffic"));
  record.bound = record.parked + milliseconds(6);
  record.traffic->to_server.datagrams.add(2);
  record.traffic->to_server.bytes.add(100);
  record.traffic->to_client.dropped.add(1);
  record.errors = 3;
  const nlohmann::json json = to_json(record);
  EXPECT_EQ(json["traffic"]["to_server"], (nlohmann::json{{"datagrams", 2}, {"bytes", 100}, {"dropped", 0}}));
  EXPECT_EQ(json["traffic"]["to_client"]["dropped"], 1);
  EXPECT_EQ(json["errors"], 3);
  EXPECT_EQ(json["steps_ms"]["bound"], 6.0);
  EXPECT_FALSE(json.contains("echo"));
}

TEST(RecordTest, OnlyAPingHasAnEcho) {
  Record record = refused();
  record.protocol = 132;
  record.source.port = record.destination.port = 0;
  EXPECT_FALSE(to_json(record).contains("echo"));
  EXPECT_EQ(to_json(record)["destination"], "10.20.0.10");
  record.protocol = 58;
  EXPECT_TRUE(to_json(record).contains("echo"));
}

TEST(RecordsTest, FindsByProtocolAndPingsOfBothFamilies) {
  Records records;
  for (const std::uint8_t protocol : {6, 17, 1, 58}) {
    Record record = refused();
    record.protocol = protocol;
    records.add(record);
  }
  Records::Filter filter;
  for (const auto& [protocol, count] : {std::pair{6, 1u}, {17, 1u}, {1, 2u}, {58, 2u}, {47, 0u}}) {
    filter.protocol = static_cast<std::uint8_t>(protocol);
    EXPECT_EQ(records.find(filter).size(), count) << protocol;
  }
}

TEST(RecordsTest, TheRingForgetsTheOldest) {
  Records records;
  for (std::size_t i = 0; i < Records::capacity + 10; ++i) records.add(refused());
  EXPECT_EQ(records.find({.source = {}, .destination = {}, .port = {}, .protocol = {}, .last = 100000}).size(),
            Records::capacity);
}

TEST(RecordsTest, AStreamThatOutlivedItsPlaceComesBackWhenItEnds) {
  Records records;
  auto old = records.add(refused());
  for (std::size_t i = 0; i < Records::capacity + 1; ++i) records.add(refused());
  records.changed(old);
  EXPECT_NE(records.find({.source = {}, .destination = {}, .port = {}, .protocol = {}, .last = 1})[0]->serial,
            old->serial);
  old->ended = Record::Clock::now();
  records.changed(old);
  EXPECT_EQ(records.find({.source = {}, .destination = {}, .port = {}, .protocol = {}, .last = 1})[0]->serial,
            old->serial);
}

TEST(RecordsTest, FindsByAddressAndPortTheNewestFirst) {
  Records records;
  records.add(refused());
  Record other = refused();
  other.destination = *Endpoint::parse("10.20.0.11:81");
  records.add(other);
  records.add(refused());
  const auto found = records.find(
      {.source = {}, .destination = *Address::parse("10.20.0.10"), .port = 81, .protocol = {}, .last = 20});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->serial, 3u);
  EXPECT_EQ(found[1]->serial, 1u);
  EXPECT_TRUE(records.find({.source = {}, .destination = {}, .port = 82, .protocol = {}, .last = 20}).empty());
}

}  // namespace
}  // namespace sluice::gateway
