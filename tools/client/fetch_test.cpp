// SPDX-License-Identifier: Apache-2.0
//
// Fetching from a key server that checks evidence as the real one does, and from some that misbehave.
#include "client/fetch.hpp"

#include <functional>

#include "client/grant.hpp"
#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "evidence/json.hpp"
#include "evidence/testing.hpp"
#include "http/server.hpp"
#include "http/testing.hpp"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using http::Connection;
using http::Request;
using http::Response;
using Json = nlohmann::json;

std::string bytes(std::size_t size, std::uint8_t value) {
  return evidence::to_base64url(std::vector<std::uint8_t>(size, value));
}

const Json kPcrs = Json::array({0, 7});

std::string granted() {
  const Json out{{"spi", 0x40002200}, {"key", bytes(36, 1)}}, in{{"spi", 0x60002200}, {"key", bytes(36, 2)}};
  const Json key{{"gateway", "gw1"},
                 {"addresses", Json::array({"192.0.2.1"})},
                 {"udp_port", 4500},
                 {"native", true},
                 {"network", "corp"},
                 {"generation", 7},
                 {"id", 17},
                 {"incarnation", 0},
                 {"algorithm", "aes-256-gcm"},
                 {"outbound", out},
                 {"inbound", in},
                 {"inner", Json::array({"100.80.0.17"})},
                 {"routes", Json::array({"10.20.0.0/16"})},
                 {"refresh_in", 2700},
                 {"expires_in", 3500},
                 {"lease_in", 600}};
  return Json{{"health_in", 600}, {"keys", Json::array({key})}}.dump();
}

class FetchTest : public http::testing::LoopTest {
 public:
  struct Slot {
    std::optional<evidence::Nonce> nonce;  ///< that has not been used
  };

  http::ServerName serve(const tls::Identity& identity) {
    auto handler = [this](const Request& request, Connection& connection) -> Task<Response> {
      return answer(request, connection);
    };
    servers_.push_back(std::make_unique<http::Server>(io_.get_executor(),
                                                      http::testing::context(tls::Role::server, identity), handler));
    const auto bound = servers_.back()->listen({*Address::parse("127.0.0.1"), 0});
    EXPECT_TRUE(bound);
    return {"127.0.0.1", bound->port};
  }
  Task<Response> answer(const Request& request, Connection& connection) {
    auto& slot = connection.slot<Slot>();
    if (request.method == "GET" && request.path() == "/v1/challenge") {
      slot.nonce.emplace();
      slot.nonce->fill(static_cast<std::uint8_t>(++challenges_));
      if (silent_ && challenges_ == 1) {
        asio::steady_timer pause(io_, 3s);
        (void)co_await pause.async_wait(use_tuple);
      }
      Json wanted{{"packages", Json::array({"bash"})}, {"plugins", Json::array()}};
      if (wants_quote_) wanted["quote"] = true, wanted["pcrs"] = kPcrs;
      co_return Response::json(
          200, challenge_.empty()
                   ? Json{{"nonce", evidence::to_base64url(*slot.nonce)}, {"expires_in", 60}, {"wanted", wanted}}.dump()
                   : challenge_);
    }
    EXPECT_EQ(request.method + " " + std::string(request.path()), "POST /v1/keys");
    ++asked_;
    const auto body = evidence::parse_json(request.body, 65536);
    EXPECT_TRUE(body && body->size() == (quote_ ? 2 : 1) && slot.nonce);
    if (!body || !slot.nonce) co_return http::Problem{400, "Bad", "", {}}.to_response();
    evidence::Binding binding;
    binding.nonce = *std::exchange(slot.nonce, std::nullopt);
    binding.exporter = connection.channel_binding();
    binding.certificate = connection.certificate();
    binding.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto claims = evidence::verify_evidence(body->at("evidence").get<std::string>(), binding);
    EXPECT_TRUE(claims) << (claims ? "" : claims.error().message);
    if (!claims) co_return http::Problem{400, "Evidence is wrong", "", {}}.to_response();
    posture_ = claims->posture;
    if (quote_) check_quote(*body, binding);
    if (asked_ <= nonsense_) co_return Response::json(200, R"({"keys": [)");
    if (problem_ && asked_ <= problems_) co_return problem_->to_response();
    co_return Response::json(200, std::string(keys_));
  }

  void check_quote(const Json& body, const evidence::Binding& binding) {
    const auto bytes = [](const Json& text) { return *evidence::from_base64url(text.get<std::string>()); };
    const Json& told = body.at("quote");
    evidence::Quote quote{bytes(told.at("attest")), bytes(told.at("signature")), {}};
    for (const auto& [number, value] : told.at("pcrs").items())
      quote.pcrs[static_cast<unsigned>(std::stoul(number))] =
          *evidence::array_from_base64url<32>(value.get<std::string>());
    const auto qualifying =
        evidence::qualifying_data(binding.nonce, binding.exporter, body.at("evidence").get<std::string>());
    const auto good =
        evidence::verify_quote(quote, *qualifying, evidence::testing_support::der_of(attestation_key_.get()));
    EXPECT_TRUE(good) << good.error().message;
    EXPECT_EQ(quote.pcrs.size(), 2u);
  }

  Result<Fetched> fetch_from(std::vector<http::ServerName> servers) {
    std::optional<Result<Fetched>> outcome;
    run([](FetchTest& test, std::vector<http::ServerName> from, std::optional<Result<Fetched>>& out) -> Task<void> {
      http::ClientOptions limits;
      limits.realm = "corp";
      limits.body = answer_most;
      FetchOptions options;
      options.several_servers = from.size() > 1;
      options.quote = test.quote_;
      if (test.silent_) options.challenge = Duration(200);
      http::Client client(test.io_.get_executor(), http::testing::context(tls::Role::client, test.device_),
                          std::move(from), std::move(limits));
      auto device = Device::load(test.device_);
      EXPECT_TRUE(device) << (device ? "" : device.error().message);
      if (!device) co_return;
      const Measure measure = [&](const Wanted& wanted) {
        ++test.measured_;
        test.wanted_ = wanted;
        if (test.measured_ <= test.drops_) client.close();
        return Json{{"os", {{"id", "debian"}}}};
      };
      out.emplace(co_await fetch(client, *device, measure, options));
    }(*this, std::move(servers), outcome));
    return outcome ? *std::move(outcome) : Result<Fetched>(Error{"no outcome"});
  }

  tls::testing::Pki pki_;
  tls::Identity device_ = pki_.holder(tls::PeerName::Role::device, "laptop1");
  std::vector<std::unique_ptr<http::Server>> servers_;
  std::string challenge_, keys_ = granted();
  std::optional<http::Problem> problem_;
  int problems_ = 100;   ///< so many are answered with it
  int nonsense_ = 0;     ///< so many get half an answer
  bool silent_ = false;  ///< the first challenge is not answered in time
  int drops_ = 0;        ///< so often the connection is gone when it was measured
  int challenges_ = 0, asked_ = 0, measured_ = 0;
  bool wants_quote_ = false;
  TakeQuote quote_;
  tls::UniqueKey attestation_key_{EVP_EC_gen("P-256")};
  Wanted wanted_;
  Json posture_;
};

TEST_F(FetchTest, Granted) {
  const auto at = serve(pki_.kds());
  const auto fetched = fetch_from({at});
  ASSERT_TRUE(fetched) << fetched.error().message;
  ASSERT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(std::get<Answer>(fetched->said).keys.at(0).keys.outbound.spi.value(), 0x40002200u);
  EXPECT_EQ(fetched->server, at.to_string());
  EXPECT_EQ(wanted_.packages, std::vector<std::string>{"bash"});
  EXPECT_EQ(posture_, (Json{{"os", {{"id", "debian"}}}}));
  std::string steps;
  for (const Timing& timing : fetched->timings) steps += std::string(timing.step) + " ";
  EXPECT_EQ(steps, "connect challenge measure evidence keys ");
}

TEST_F(FetchTest, RefusedWithFailures) {
  problem_ = http::Problem{403, "Not healthy", "", {{"os.version", "os.version is \"11\".", "Update."}}};
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_TRUE(fetched) << fetched.error().message;
  const auto* problem = std::get_if<Problem>(&fetched->said);
  ASSERT_NE(problem, nullptr);
  EXPECT_TRUE(problem->refused_by_policy());
  EXPECT_EQ(problem->to_words(), "Not healthy\n  os.version: os.version is \"11\".\n    remedy: Update.");
  EXPECT_EQ(asked_, 1);
}

TEST_F(FetchTest, AQuoteIsOfThisEvidenceAndTheWantedPcrs) {
  wants_quote_ = true;
  quote_ = [this](const evidence::Sha256& qualifying, const std::set<unsigned>& pcrs) -> Result<evidence::Quote> {
    evidence::Pcrs values;
    for (const unsigned number : pcrs) values[number].fill(static_cast<std::uint8_t>(number));
    return evidence::testing_support::quote_by(attestation_key_.get(), qualifying, values);
  };
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(asked_, 1);
}

// What needs none may be granted all the same.
TEST_F(FetchTest, WithoutAQuoteTheRefusalSaysWhy) {
  wants_quote_ = true;
  problem_ =
      http::Problem{403, "Not healthy", "", {{"quote", "quote is missing.", ""}, {"os.id", "os.id is wrong.", ""}}};
  const auto at = serve(pki_.kds());
  const auto words = [&] {
    const auto fetched = fetch_from({at});
    const auto* problem = fetched ? std::get_if<Problem>(&fetched->said) : nullptr;
    return problem != nullptr ? problem->to_words() : "";
  };
  EXPECT_EQ(words(),
            "Not healthy\n  quote: quote is missing. None was given: this host gives none.\n  os.id: os.id is "
            "wrong.");
  keys_ = R"({"health_in": 600, "refused": [{"gateway": "gw1", "network": "vault", "reason": "quote",
              "failures": [{"name": "quote", "detail": "quote is missing."}]}]})";
  problem_.reset();
  const auto fetched = fetch_from({at});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(std::get<Answer>(fetched->said).refused.at(0).failures.at(0).detail,
            "quote is missing. None was given: this host gives none.");
}

TEST_F(FetchTest, ConnectionLostBetweenChallengeAndKeysBeginsAgain) {
  drops_ = 1;
  const auto at = serve(pki_.kds());
  const auto fetched = fetch_from({at});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(challenges_, 2);
  EXPECT_EQ(asked_, 1);
}

TEST_F(FetchTest, GivesUpWhereTheConnectionNeverLasts) {
  drops_ = 100;
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().number, ENOTCONN);
  EXPECT_EQ(measured_, 3);
  EXPECT_EQ(asked_, 0);
}

TEST_F(FetchTest, StaleChallengeBeginsAgain) {
  problem_ = http::Problem{409, "The challenge is too old", "", {}};
  problems_ = 1;
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(challenges_, 2);
  EXPECT_EQ(asked_, 2);
}

TEST_F(FetchTest, AServerThatIsUnwellIsLeftForTheNext) {
  problem_ = http::Problem{503, "", "", {}};
  problems_ = 1;
  const auto first = serve(pki_.kds()), second = serve(pki_.kds());
  const auto fetched = fetch_from({first, second});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(fetched->server, second.to_string());
}

TEST_F(FetchTest, AServerThatSpeaksNonsenseIsLeftForTheNext) {
  nonsense_ = 1;
  const auto first = serve(pki_.kds()), second = serve(pki_.kds());
  const auto fetched = fetch_from({first, second});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(std::holds_alternative<Answer>(fetched->said));
  EXPECT_EQ(fetched->server, second.to_string());
  nonsense_ = 100;
  const auto all = fetch_from({first, second});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().number, EBADMSG);
}

TEST_F(FetchTest, AServerThatSaysNothingIsLeftForTheNext) {
  silent_ = true;
  const auto first = serve(pki_.kds()), second = serve(pki_.kds());
  const auto began = std::chrono::steady_clock::now();
  const auto fetched = fetch_from({first, second});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->server, second.to_string());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST_F(FetchTest, OneServerThatIsUnwellIsNotAskedAgain) {
  problem_ = http::Problem{503, "", "", {}};
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_TRUE(fetched) << fetched.error().message;
  const auto* problem = std::get_if<Problem>(&fetched->said);
  ASSERT_NE(problem, nullptr);
  EXPECT_FALSE(problem->refused_by_policy());
  EXPECT_EQ(asked_, 1);
}

TEST_F(FetchTest, AnswerThatIsTooLong) {
  keys_ = "{\"health_in\": 600" + std::string(answer_most, ' ') + "}";
  const auto fetched = fetch_from({serve(pki_.kds())});
  ASSERT_FALSE(fetched);
  EXPECT_NE(fetched.error().message.find("longer than " + std::to_string(answer_most) + " bytes"), std::string::npos)
      << fetched.error().message;
}

TEST_F(FetchTest, AnswersThatAreNone) {
  const auto at = serve(pki_.kds());
  keys_ = R"({"health_in": "600"})";
  const auto keys = fetch_from({at});
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().number, EBADMSG);
  EXPECT_NE(keys.error().message.find("'health_in'"), std::string::npos) << keys.error().message;
  EXPECT_EQ(asked_, 1);
  challenge_ = R"({"nonce": "AAAA", "expires_in": 60, "wanted": {}})";
  const auto challenge = fetch_from({at});
  ASSERT_FALSE(challenge);
  EXPECT_EQ(challenge.error().number, EBADMSG);
  EXPECT_NE(challenge.error().message.find("'nonce'"), std::string::npos) << challenge.error().message;
  EXPECT_EQ(asked_, 1);
}

TEST_F(FetchTest, AnotherRealmsServerIsToldNothing) {
  const auto fetched = fetch_from({serve(pki_.kds("lab"))});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().number, ENOTCONN);
  EXPECT_NE(fetched.error().message.find("is for no KDS of realm 'corp'"), std::string::npos)
      << fetched.error().message;
  EXPECT_EQ(challenges_ + measured_, 0);
}

TEST(Device, WhatDoesNotRead) {
  const auto device = Device::load({"/nowhere.crt", "/nowhere.key", "/nowhere.ca", {}});
  ASSERT_FALSE(device);
  EXPECT_NE(device.error().message.find("/nowhere.crt"), std::string::npos) << device.error().message;
}

TEST(Grant, WhatPeopleAndProgramsSeeHoldsNoKey) {
  auto answer = parse_answer(granted());
  ASSERT_TRUE(answer) << answer.error().message;
  const std::string told = to_json(*answer).dump() + granted_words(*answer) + refused_words(*answer);
  EXPECT_NE(told.find("gw1"), std::string::npos);
  EXPECT_EQ(told.find(bytes(36, 1)), std::string::npos);
  EXPECT_EQ(told.find("\"key\""), std::string::npos);
}

TEST(Grant, ChoosesWhatWasAskedFor) {
  const auto all = [](const Address&) { return true; };
  auto answer = parse_answer(granted());
  ASSERT_TRUE(answer) << answer.error().message;
  answer->refused.push_back({"gw2", "lab", "role", {}});
  answer->later.push_back({"gw3", "corp", "not yet"});
  const auto any = choose(*answer, {}, false, all);
  ASSERT_TRUE(any);
  EXPECT_EQ((*any)->keys.gateway.to_string(), "192.0.2.1");
  EXPECT_TRUE(choose(*answer, {"gw1", "corp"}, false, all));
  const auto number = [&](const Choice& choice) {
    const auto chosen = choose(*answer, choice, false, all);
    return chosen ? 0 : chosen.error().number;
  };
  EXPECT_EQ(number({"gw2", {}}), EACCES);
  EXPECT_EQ(number({{}, "lab"}), EACCES);
  EXPECT_EQ(number({"gw3", {}}), EAGAIN);
  EXPECT_EQ(number({"gw1", "lab"}), ENOENT);
  const auto none = choose(*answer, {}, false, [](const Address&) { return false; });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().number, EHOSTUNREACH);
}

}  // namespace
}  // namespace sluice::client
