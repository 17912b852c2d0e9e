// SPDX-License-Identifier: Apache-2.0
#include "kds/access.hpp"

#include <gtest/gtest.h>

namespace sluice::kds {
namespace {

using Json = nlohmann::json;
using Reason = Refusal::Reason;

Settings settings() {
  Settings settings;
  Posture basic{.name = "basic", .interval = std::chrono::minutes(30)};
  basic.requirements = {{*ClaimPath::parse("os.id"), Operator::equals, {std::string("debian")}, "Use Debian."}};
  Posture strong = basic;
  strong.name = "strong";
  strong.interval = std::chrono::minutes(5);
  strong.quote = true;
  settings.postures = {basic, strong};
  const auto network = [](const char* name, std::vector<std::string> roles, const char* posture) {
    NetworkSettings made;
    made.name = name;
    made.roles = std::move(roles);
    made.posture = posture;
    return made;
  };
  GatewaySettings one, two;
  one.name = "gw1";
  one.networks = {network("corp", {"staff", "admin"}, "basic"), network("vault", {"admin"}, "strong")};
  two.name = "gw2";
  two.networks = {network("corp", {"staff"}, "strong")};
  settings.gateways = {one, two};
  return settings;
}

const Context quoted{QuoteState::verified};
const Json kHealthy = {{"os", {{"id", "debian"}}}};
const Json kIll = {{"os", {{"id", "arch"}}}};
const Failure kFailure{"os.id", "\"arch\"", "\"debian\"", "os.id is \"arch\", but must be \"debian\".", "Use Debian."};

TEST(Access, HealthRolesAndQuoteGrant) {
  const Decision decision = decide(settings(), {"admin", "staff"}, kHealthy, quoted);
  EXPECT_EQ(decision.granted, (std::vector<Grant>{{"gw1", "corp", std::chrono::minutes(30)},
                                                  {"gw1", "vault", std::chrono::minutes(5)},
                                                  {"gw2", "corp", std::chrono::minutes(5)}}));
  EXPECT_TRUE(decision.refused.empty());
}

TEST(Access, WithoutARoleNothingIsJudged) {
  const Decision decision = decide(settings(), {"staff"}, kHealthy, quoted);
  ASSERT_EQ(decision.granted.size(), 2u);
  EXPECT_EQ(decision.refused, (std::vector<Refusal>{{"gw1", "vault", Reason::role, {}}}));
  const Decision none = decide(settings(), {}, kHealthy, quoted);
  EXPECT_TRUE(none.granted.empty());
  EXPECT_EQ(none.refused.size(), 3u);
  // Names are compared whole, and the device's own word is none.
  EXPECT_TRUE(decide(settings(), {"", "Admin", "admin ", "adm"}, {{"roles", {"admin"}}}, quoted).granted.empty());
}

TEST(Access, FailuresAreTold) {
  const Decision decision = decide(settings(), {"admin"}, kIll, quoted);
  EXPECT_TRUE(decision.granted.empty());
  EXPECT_EQ(decision.refused, (std::vector<Refusal>{{"gw1", "corp", Reason::posture, {kFailure}},
                                                    {"gw1", "vault", Reason::posture, {kFailure}},
                                                    {"gw2", "corp", Reason::role, {}}}));
}

TEST(Access, AMissingQuoteIsToldFirst) {
  const Decision healthy = decide(settings(), {"admin"}, kHealthy, {});
  ASSERT_EQ(healthy.granted.size(), 1u);
  EXPECT_EQ(healthy.granted[0].network, "corp");
  ASSERT_EQ(healthy.refused.size(), 2u);
  EXPECT_EQ(healthy.refused[0].reason, Reason::quote);
  ASSERT_EQ(healthy.refused[0].failures.size(), 1u);
  EXPECT_EQ(healthy.refused[0].failures[0].claim, quote_claim);
  const Decision ill = decide(settings(), {"admin"}, kIll, {});
  EXPECT_EQ(ill.refused[0].reason, Reason::posture);  // basic asks for no quote
  EXPECT_EQ(ill.refused[1].reason, Reason::quote);
  ASSERT_EQ(ill.refused[1].failures.size(), 2u);
  EXPECT_EQ(ill.refused[1].failures[1], kFailure);
}

TEST(Access, APostureThatIsNotThereGrantsNothing) {
  Settings broken = settings();
  broken.postures.clear();
  const Decision decision = decide(broken, {"admin", "staff"}, kHealthy, quoted);
  EXPECT_TRUE(decision.granted.empty());
  ASSERT_EQ(decision.refused.size(), 3u);
  EXPECT_EQ(decision.refused[0].reason, Reason::posture);
  EXPECT_EQ(decision.refused[0].failures.at(0).message, "The posture basic is not in the key server's settings.");
}

TEST(Access, EvidenceOfAnyShapeIsRefusedWithoutAWordTooMany) {
  for (const Json& posture : {Json(), Json::array(), Json(1), Json("x"), Json::object(), Json{{"os", Json::array()}}})
    EXPECT_TRUE(decide(settings(), {"admin", "staff"}, posture, quoted).granted.empty());
}

TEST(Access, ReasonsHaveNames) {
  EXPECT_EQ(to_string(Reason::role), "role");
  EXPECT_EQ(to_string(Reason::posture), "posture");
  EXPECT_EQ(to_string(Reason::quote), "quote");
}

}  // namespace
}  // namespace sluice::kds
