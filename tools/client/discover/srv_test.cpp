// SPDX-License-Identifier: Apache-2.0
#include "client/discover/srv.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

namespace sluice::client::discover {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& bytes, std::size_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

// "a.example" as labels, ended by the root; "" is the root alone.
Bytes name_of(const std::string& text) {
  Bytes bytes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t dot = std::min(text.find('.', at), text.size());
    bytes.push_back(static_cast<std::uint8_t>(dot - at));
    bytes.insert(bytes.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                 text.begin() + static_cast<std::ptrdiff_t>(dot));
    at = dot + 1;
  }
  bytes.push_back(0);
  return bytes;
}

// A response with the question _sluice-kds._tcp.example, whose name is at 12.
class Message {
 public:
  explicit Message(std::size_t flags = 0x8180) {
    put16(bytes_, 0x1234);
    put16(bytes_, flags);
    for (const std::size_t count : {1, 0, 0, 0}) put16(bytes_, count);
    add(name_of("_sluice-kds._tcp.example"));
    put16(bytes_, 33);
    put16(bytes_, 1);
  }
  Message& srv(std::size_t priority, std::size_t weight, std::size_t port, const Bytes& target, std::size_t type = 33,
               std::size_t cls = 1) {
    Bytes data;
    for (const std::size_t value : {priority, weight, port}) put16(data, value);
    data.insert(data.end(), target.begin(), target.end());
    return record(data, type, cls);
  }
  Message& record(const Bytes& data, std::size_t type, std::size_t cls = 1) {
    add({0xc0, 12});
    put16(bytes_, type);
    put16(bytes_, cls);
    add({0, 0, 0, 60});
    put16(bytes_, data.size());
    add(data);
    bytes_[7] = static_cast<std::uint8_t>(bytes_[7] + 1);  // 255 at most
    return *this;
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  Bytes& bytes() { return bytes_; }
  [[nodiscard]] Result<SrvAnswer> parse() const { return parse_srv(bytes_); }

 private:
  void add(const Bytes& more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  Bytes bytes_;
};

TEST(ParseSrv, ReadsRecords) {
  const auto answer = Message()
                          .record(name_of("alias.example"), 5)  // CNAME
                          .srv(10, 60, 8443, name_of("KDS1.example"))
                          .srv(20, 0, 443, name_of("kds-2.b.example"))
                          .parse();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->unavailable);
  EXPECT_EQ(answer->records, (std::vector<SrvRecord>{{10, 60, 8443, "kds1.example"}, {20, 0, 443, "kds-2.b.example"}}));
}

TEST(ParseSrv, NoRecordsAreNoError) {
  EXPECT_TRUE(Message().parse()->records.empty());
  EXPECT_TRUE(Message(0x8183).parse()->records.empty());  // NXDOMAIN
  EXPECT_TRUE(Message().srv(1, 1, 1, name_of("a.example"), 33, 3).parse()->records.empty()) << "another class";
  EXPECT_FALSE(Message().parse()->unavailable);
}

TEST(ParseSrv, TheRootAloneMeansUnavailable) {
  auto answer = Message().srv(0, 0, 0, name_of("")).parse();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->unavailable);
  EXPECT_TRUE(answer->records.empty());
  // Beside others it means nothing (RFC 2782: "precisely one").
  answer = Message().srv(0, 0, 0, name_of("")).srv(1, 1, 443, name_of("a.example")).parse();
  EXPECT_FALSE(answer->unavailable);
  EXPECT_EQ(answer->records.size(), 1U);
}

TEST(ParseSrv, TargetsThatAreNoHostAreLeftOut) {
  const auto answer = Message()
                          .srv(1, 1, 0, name_of("port-zero.example"))
                          .srv(1, 1, 443, Bytes{3, 'a', 0, 'b', 0})
                          .srv(1, 1, 443, Bytes{3, 'a', '.', 'b', 0})
                          .srv(1, 1, 443, Bytes{3, 'a', '/', 'b', 0})
                          .srv(1, 1, 443, Bytes{2, 'a', 0xe9, 0})
                          .srv(1, 1, 443, name_of("good.example"))
                          .parse();
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->records.size(), 1U);
  EXPECT_EQ(answer->records[0].target, "good.example");
}

TEST(ParseSrv, PointersAreFollowedAndLoopsAreNot) {
  // "kds" and a pointer to "example" of the question: 12, and 1 + 11 + 1 + 4 behind it.
  auto answer = Message().srv(1, 1, 443, Bytes{3, 'k', 'd', 's', 0xc0, 12 + 17}).parse();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->records[0].target, "kds.example");
  Message base;
  const std::size_t target = base.size() + 12 + 6;
  const std::uint8_t here = static_cast<std::uint8_t>(target);
  for (const Bytes& loop :
       {Bytes{0xc0, here}, Bytes{1, 'a', 0xc0, here}, Bytes{0xc0, static_cast<std::uint8_t>(here + 2), 0xc0, here},
        Bytes{0xff, 0xff}, Bytes{0xc0, static_cast<std::uint8_t>(here + 40)}, Bytes{0x40, 1}, Bytes{0x80, 1}}) {
    answer = Message().srv(1, 1, 443, loop).parse();
    EXPECT_FALSE(answer && !answer->records.empty());
  }
}

TEST(ParseSrv, ATargetFillsItsRecord) {
  Bytes longer = name_of("a.example");
  longer.push_back(0);
  EXPECT_FALSE(Message().srv(1, 1, 443, longer).parse());
  // The name goes on beyond the record's end, into what follows.
  EXPECT_FALSE(Message().srv(1, 1, 443, Bytes{3, 'a'}).srv(1, 1, 443, name_of("b.example")).parse());
  for (std::size_t size = 0; size <= 6; ++size) EXPECT_FALSE(Message().record(Bytes(size), 33).parse()) << size;
}

TEST(ParseSrv, AnythingShorterIsMalformed) {
  Message message;
  message.srv(1, 2, 443, name_of("a.example")).srv(3, 4, 443, name_of("b.example"));
  ASSERT_TRUE(message.parse());
  const Bytes whole = message.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of exactly this size, so that a sanitizer sees what reads beyond it.
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(parse_srv(part)) << size;
  }
}

TEST(ParseSrv, ChangedBytesDoNoHarm) {
  Message message;
  message.srv(1, 2, 443, name_of("a.example")).srv(3, 4, 443, Bytes{1, 'b', 0xc0, 12 + 17});
  std::mt19937 generator(1);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = message.bytes();
    for (int change = 0; change < 3; ++change)
      bytes[generator() % bytes.size()] = static_cast<std::uint8_t>(generator());
    auto answer = parse_srv(bytes);
    if (answer) {
      EXPECT_LE(answer->records.size(), records_most);
    }
  }
}

TEST(ParseSrv, RefusalsAndCutAnswersAreErrors) {
  Message cut(0x8380);
  EXPECT_EQ(cut.srv(1, 1, 443, name_of("a.example")).parse().error().message, "the DNS server's answer is cut");
  EXPECT_EQ(Message(0x8182).parse().error().message, "the DNS server refuses, with response code 2");
  EXPECT_FALSE(Message(0x0100).parse()) << "a question";
}

TEST(ParseSrv, TakesSoManyRecordsAndNoMore) {
  Message message;
  for (std::size_t i = 0; i < 200; ++i) message.srv(1, 1, 1 + i, name_of("a.example"));
  auto answer = message.parse();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->records.size(), 32U);
  EXPECT_EQ(answer->records[31].port, 32);
}

std::vector<std::string> targets(const std::vector<SrvRecord>& records) {
  std::vector<std::string> names;
  for (const SrvRecord& one : records) names.push_back(one.target);
  return names;
}

using Names = std::vector<std::string>;

TEST(SrvOrder, PrioritiesComeFirst) {
  const Random none = [](std::uint32_t) { return 0U; };
  EXPECT_EQ(targets(in_order({{20, 9, 1, "c"}, {10, 1, 1, "a"}, {65535, 0, 1, "d"}, {10, 0, 1, "b"}}, none)),
            (Names{"b", "a", "c", "d"}));
  EXPECT_TRUE(in_order({}, none).empty());
}

// The running sums of RFC 2782, each drawn number by hand.
TEST(SrvOrder, IsDrawnAsTheStandardSays) {
  const std::vector<SrvRecord> records = {{1, 10, 1, "ten"}, {1, 0, 1, "zero"}, {1, 30, 1, "thirty"}};
  const auto drawn = [&records](std::vector<std::uint32_t> numbers) {
    std::vector<std::uint32_t> sums;
    std::size_t next = 0;
    auto names = targets(in_order(records, [&](std::uint32_t most) {
      sums.push_back(most);
      return numbers[next++];
    }));
    EXPECT_EQ(sums[0], 40U);
    return names;
  };
  // The list is zero (running sum 0), ten (10), thirty (40).
  EXPECT_EQ(drawn({0, 0}), (Names{"zero", "ten", "thirty"}));
  EXPECT_EQ(drawn({1, 0}), (Names{"ten", "zero", "thirty"}));
  EXPECT_EQ(drawn({10, 1}), (Names{"ten", "thirty", "zero"}));
  EXPECT_EQ(drawn({11, 0}), (Names{"thirty", "zero", "ten"}));
  EXPECT_EQ(drawn({40, 10}), (Names{"thirty", "ten", "zero"}));
  EXPECT_EQ(drawn({0, 11}), (Names{"zero", "thirty", "ten"}));
}

TEST(SrvOrder, AllOfWeightZeroKeepTheirOrder) {
  std::vector<std::uint32_t> sums;
  const auto names = targets(in_order({{1, 0, 1, "a"}, {1, 0, 1, "b"}, {1, 0, 1, "c"}}, [&](std::uint32_t most) {
    sums.push_back(most);
    return 0U;
  }));
  EXPECT_EQ(names, (Names{"a", "b", "c"}));
  EXPECT_EQ(sums, (std::vector<std::uint32_t>{0, 0}));
}

TEST(SrvOrder, TheLargestWeightsDoNotOverflow) {
  std::vector<SrvRecord> records(records_most, SrvRecord{1, 65535, 1, "a"});
  std::uint32_t first = 0;
  const auto ordered = in_order(records, [&](std::uint32_t most) {
    if (first == 0) first = most;
    return most;
  });
  EXPECT_EQ(first, 32U * 65535U);
  EXPECT_EQ(ordered.size(), records_most);
}

// Numbers are 0 to the sum, so that of 101 values 10 choose "ten" if "zero" has taken 0: 1/101, 10/101, 30/101, 60/101.
TEST(SrvOrder, FirstsAreAsOftenAsTheirWeights) {
  std::mt19937 generator(7);
  const Random random = [&generator](std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(0, most)(generator);
  };
  const std::vector<SrvRecord> records = {
      {1, 30, 1, "thirty"}, {1, 0, 1, "zero"}, {1, 60, 1, "sixty"}, {1, 10, 1, "ten"}};
  constexpr int rounds = 101'000;
  std::map<std::string, int> firsts;
  for (int i = 0; i < rounds; ++i) ++firsts[in_order(records, random).front().target];
  // Seeded, so that this passes always or never; five standard deviations.
  EXPECT_NEAR(firsts["zero"], 1000, 160);
  EXPECT_NEAR(firsts["ten"], 10'000, 475);
  EXPECT_NEAR(firsts["thirty"], 30'000, 730);
  EXPECT_NEAR(firsts["sixty"], 60'000, 780);
}

TEST(SrvOrder, SystemRandomStaysWithinItsBounds) {
  std::array<int, 3> seen{};
  for (int i = 0; i < 300; ++i) {
    const std::uint32_t drawn = system_random(2);
    ASSERT_LE(drawn, 2U);
    ++seen[drawn];
  }
  for (const int count : seen) EXPECT_GT(count, 0);  // each is missed with a chance of (2/3)^300
  EXPECT_EQ(system_random(0), 0U);
  static_cast<void>(system_random(0xffffffff));
}

}  // namespace
}  // namespace sluice::client::discover
