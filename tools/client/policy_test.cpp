// SPDX-License-Identifier: Apache-2.0
//
// The rows of Documentation/policy.rst, "What a client does"; and gateways that answer on 127.0.0.1.
#include "client/policy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/unique_fd.hpp"
#include "policy/message.hpp"
#include "tls/testing.hpp"

namespace sluice::client {
namespace {

using Mode = PolicySettings::Mode;

Asked silent() { return {*Endpoint::parse("192.0.2.1:4510"), {}, {}, {}}; }
Asked bad() { return {*Endpoint::parse("192.0.2.2:4510"), {}, "forged", {}}; }
Asked good() {
  policy::Verified verified;
  verified.statement.realm = "corp";
  verified.statement.gateway = "gw1";
  verified.statement.kds = {{"kds1.example.net", 8443}};
  verified.statement.domain = "example.net";
  return {*Endpoint::parse("192.0.2.3:4510"), verified, {}, {}};
}

TEST(Policy, WhatFollowsFromTheAnswers) {
  struct Row {
    Mode mode;
    std::vector<Asked> asked;
    Stance stance;
    const char* words;
  };
  const std::vector<Row> rows{{Mode::optional, {good()}, Stance::go_on, ""},
                              {Mode::optional, {silent(), bad(), good()}, Stance::go_on, ""},
                              {Mode::optional, {}, Stance::leave_alone, "no default route; traffic is left alone"},
                              {Mode::optional,
                               {silent()},
                               Stance::leave_alone,
                               "no policy here: no answer from 192.0.2.1:4510; traffic is left"},
                              {Mode::optional,
                               {silent(), bad()},
                               Stance::leave_alone,
                               "192.0.2.2:4510 answers as its policy is not believed: forged;"},
                              {Mode::required, {good()}, Stance::go_on, ""},
                              {Mode::required, {}, Stance::try_again, "the settings require one"},
                              {Mode::required, {silent()}, Stance::try_again, "the settings require one"},
                              {Mode::required, {bad(), silent()}, Stance::refuse, "forged; the settings require one"},
                              {Mode::ignore, {}, Stance::go_on, ""}};
  for (const Row& row : rows) {
    const Bearings bearings = bearings_of(row.mode, row.asked);
    EXPECT_EQ(bearings.stance, row.stance) << row.words;
    EXPECT_NE(bearings.words.find(row.words), std::string::npos) << bearings.words;
    EXPECT_EQ(bearings.words.empty(), row.stance == Stance::go_on);
    EXPECT_EQ(bearings.believed.has_value(), row.mode != Mode::ignore && row.stance == Stance::go_on);
  }
}

TEST(Policy, ItsServersAreTakenWhereTheSettingsNameNone) {
  const Bearings bearings = bearings_of(Mode::optional, {good()});
  Settings settings;
  EXPECT_EQ(with_policy(settings, bearings).kds, (std::vector<http::ServerName>{{"kds1.example.net", 8443}}));
  EXPECT_TRUE(with_policy(settings, bearings).domains.empty());
  EXPECT_TRUE(with_policy(settings, {}).kds.empty());
  settings.domains = {"own.example"};
  EXPECT_TRUE(with_policy(settings, bearings).kds.empty());
  settings = {};
  settings.kds = {{"own.example", 1}};
  EXPECT_EQ(with_policy(settings, bearings).kds, settings.kds);
  Bearings by_domain = bearings;
  by_domain.believed->kds.clear();
  EXPECT_EQ(with_policy({}, by_domain).domains, (std::vector<std::string>{"example.net"}));
}

TEST(Policy, IsShown) {
  const std::vector<Asked> asked{silent(), bad(), good()};
  const std::string words = to_words(asked);
  for (const char* part : {"policy      none: no answer\n", "policy      not believed: forged\n",
                           "policy      of gw1, realm corp\n", "key servers kds1.example.net:8443\n"})
    EXPECT_NE(words.find(part), std::string::npos) << words;
  const auto json = to_json(asked)["asked"];
  EXPECT_EQ(json[0]["answered"], false);
  EXPECT_EQ(json[1]["why_not"], "forged");
  EXPECT_EQ(json[2]["believed"], true);
  EXPECT_EQ(json[2]["policy"]["kds"][0], "kds1.example.net:8443");
}

// Answers each question with this blob.
class Responder {
 public:
  Responder(const char* address, std::uint16_t port, std::vector<std::uint8_t> blob) : blob_(std::move(blob)) {
    fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &at.sin_addr);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    socklen_t size = sizeof at;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Responder() {
    ::shutdown(fd_.get(), SHUT_RD);
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void run() {
    for (;;) {
      std::array<std::uint8_t, policy::question_size> question{};
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got =
          ::recvfrom(fd_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0) return;
      std::vector<std::uint8_t> answer(question.begin(), question.begin() + policy::header_size);
      answer[3] = 'A';
      answer[6] = static_cast<std::uint8_t>(blob_.size() >> 8);
      answer[7] = static_cast<std::uint8_t>(blob_.size());
      answer.insert(answer.end(), blob_.begin(), blob_.end());
      ::sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  UniqueFd fd_;
  std::uint16_t port_ = 0;
  std::vector<std::uint8_t> blob_;
  std::thread thread_;
};

TEST(Policy, GatewaysAreAskedInTheirOrderUntilOneIsBelieved) {
  tls::testing::Pki pki;
  const auto blob = [&](const tls::Identity& identity) {
    return *policy::sign(good().believed->statement, *policy::Signer::load(identity));
  };
  const Responder trusted("127.0.0.3", 0, blob(pki.kds()));
  std::vector<std::uint8_t> tampered = blob(pki.kds());
  tampered[40] ^= 1;
  const Responder other("127.0.0.2", trusted.port(), tampered);
  Settings settings;
  settings.realm = "corp";
  settings.identity = pki.holder(tls::PeerName::Role::device, "laptop");
  settings.policy.port = trusted.port();
  for (const char* address : {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"})
    settings.policy.gateways.push_back(*Address::parse(address));
  const auto asked = ask_for_policy(settings);
  ASSERT_TRUE(asked) << asked.error().message;
  ASSERT_EQ(asked->size(), 3U) << "the fourth one need not be asked";
  EXPECT_FALSE((*asked)[0].answered());
  EXPECT_TRUE((*asked)[1].refusal);
  ASSERT_TRUE((*asked)[2].believed);
  EXPECT_EQ((*asked)[2].believed->statement, good().believed->statement);
  settings.policy.gateways.resize(2);
  const auto bearings = take_bearings(settings);
  ASSERT_TRUE(bearings);
  EXPECT_EQ(bearings->stance, Stance::leave_alone);
}

}  // namespace
}  // namespace sluice::client
