// SPDX-License-Identifier: Apache-2.0
//
// A KdsLink between a KDS that says what the test says, over loopback, and a kernel that notes what it is asked.
#include "sluiced/kds_link.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>

#include "http/server.hpp"
#include "http/testing.hpp"

namespace sluice::gateway {
namespace {

using namespace std::chrono_literals;
using http::testing::Role;
using Json = nlohmann::json;
using State = netlink::GenerationState;

const std::string key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// What the link did to it, in words; it keeps generations as the module does.
struct FakeKernel : KdsKernel {
  Result<KernelBoot> boot() override {
    if (absent) return Error{"no module", ENOENT};
    return KernelBoot{nonce, newest};
  }
  Result<std::vector<netlink::Generation>> generations() override { return live; }
  Result<void> new_generation(const netlink::NewGeneration& generation) override {
    if (auto refused = refuse("generation")) return *refused;
    if (generation.number <= newest) return Error{"not newer", ESTALE};
    newest = generation.number;
    live.push_back({.number = generation.number, .state = State::next});
    last_key.assign(generation.master_key.bytes().begin(), generation.master_key.bytes().end());
    did.push_back("generation " + std::to_string(generation.number));
    return {};
  }
  Result<void> delete_generation(std::uint32_t number) override {
    if (auto refused = refuse("end")) return *refused;
    std::erase_if(live, [&](const netlink::Generation& one) { return one.number == number; });
    did.push_back("end " + std::to_string(number));
    return {};
  }
  Result<void> promote_generation(std::uint32_t number, std::chrono::seconds overlap) override {
    if (auto refused = refuse("promote")) return *refused;
    for (netlink::Generation& one : live) {
      if (one.state == State::current) one.state = State::previous;
      if (one.number == number) one.state = State::current;
    }
    did.push_back("promote " + std::to_string(number) + " overlap " + std::to_string(overlap.count()));
    return {};
  }
  Result<void> set_esp_client(const netlink::EspClientChange& change) override {
    if (auto refused = refuse(change.banned ? "ban" : "revoke")) return *refused;
    if (change.generation && std::ranges::find(live, *change.generation, &netlink::Generation::number) == live.end())
      return Error{"no live generation", ENOENT};
    did.push_back(change.banned ? (*change.banned ? "ban " : "unban ") + std::to_string(change.id)
                                : "revoke " + std::to_string(*change.generation) + "/" + std::to_string(change.id) +
                                      " below " + std::to_string(*change.incarnation_min));
    return {};
  }
  Result<void> set_policy(const std::vector<std::uint8_t>& blob) override {
    if (auto refused = refuse("policy")) return *refused;
    did.push_back("policy of " + std::to_string(blob.size()));
    return {};
  }

  std::optional<Error> refuse(const std::string& what) {
    const auto found = refusals.find(what);
    if (found == refusals.end()) return std::nullopt;
    ++refused;
    return Error{"refused " + what, found->second};
  }

  BootNonce nonce{1};
  bool absent = false;
  std::uint32_t newest = 0;
  std::vector<netlink::Generation> live;
  std::vector<std::byte> last_key;
  std::vector<std::string> did;
  std::map<std::string, int> refusals;  // errno by what is refused
  int refused = 0;
};

Json generation_update(std::uint64_t sequence, std::uint32_t number) {
  return {{"sequence", sequence}, {"kind", "generation"}, {"number", number},
          {"lifetime", 3600},     {"master_key", key},    {"algorithm", "aes-256-gcm"}};
}
Json promote_update(std::uint64_t sequence, std::uint32_t number) {
  return {{"sequence", sequence}, {"kind", "promote"}, {"number", number}, {"overlap", 600}};
}
Json revoke_update(std::uint64_t sequence, std::uint32_t number, std::uint32_t id) {
  return {{"sequence", sequence}, {"kind", "revoke"}, {"number", number}, {"id", id}, {"incarnation_min", 2}};
}
Json ban_update(std::uint64_t sequence, std::uint32_t id, bool banned = true) {
  return {{"sequence", sequence}, {"kind", banned ? "ban" : "unban"}, {"id", id}};
}

/// Its log is the test's; an answer without updates waits until there are some, or until *poll* is over.
struct FakeKds {
  Task<http::Response> answer(const http::Request& request, http::Connection& connection) {
    if (const auto found = statuses.find(std::string(request.path())); found != statuses.end()) {
      const unsigned status = found->second.front();
      found->second.erase(found->second.begin());
      if (found->second.empty()) statuses.erase(found);
      co_return http::Response::json(status, "{\"title\":\"as the test wants\"}");
    }
    if (request.path() == "/v1/gateway/boot") {
      boots.push_back(Json::parse(request.body));
      const Json answer{{"fresh", boots.size() == 1}, {"acknowledged", acknowledged}, {"live", live}};
      co_return http::Response::json(200, answer.dump());
    }
    if (request.path() == "/v1/gateway/anomalies") {
      const Json told = Json::parse(request.body);
      for (const Json& one : told["anomalies"]) anomalies.push_back(one);
      co_return http::Response::with_body(204, "", "");
    }
    const std::uint64_t after = std::stoull(std::string(request.query().substr(6)));
    asked.push_back(after);
    acknowledged = std::max(acknowledged, after);
    asio::steady_timer timer(connection.executor());
    for (int i = 0; i < 20000; ++i) {
      Json list = Json::array();
      for (const Json& update : log)
        if (update["sequence"] > after) list.push_back(update);
      if (!list.empty()) co_return http::Response::json(200, Json{{"updates", list}}.dump());
      timer.expires_after(2ms);
      (void)co_await timer.async_wait(use_tuple);
    }
    co_return http::Response::json(200, "{\"updates\":[]}");
  }

  std::vector<Json> log;
  std::uint64_t acknowledged = 0;
  std::vector<std::uint64_t> asked;
  std::vector<Json> boots, anomalies;
  std::vector<std::uint32_t> live{6, 7, 8};
  std::map<std::string, std::vector<unsigned>> statuses;  // answers to come, by path
};

class KdsLinkTest : public http::testing::LoopTest {
 public:
  http::ServerName serve(std::optional<http::Server>& server, FakeKds& kds) {
    server.emplace(
        io_.get_executor(), http::testing::context(tls::Role::server, kds_),
        [&kds](const http::Request& request, http::Connection& connection) { return kds.answer(request, connection); },
        http::ServerOptions{.realm = "corp", .limits = {}});
    const Result<Endpoint> bound = server->listen({*Address::parse("127.0.0.1"), 0});
    EXPECT_TRUE(bound);
    return {"127.0.0.1", bound->port};
  }
  KdsLink& link(std::vector<http::ServerName> servers, Duration first_pause = 2ms, Duration longest_pause = 20ms) {
    auto contexts = KdsLink::make_contexts(gateway_);
    EXPECT_TRUE(contexts);
    auto kernel = std::make_unique<FakeKernel>();
    kernel_ = kernel.get();
    KdsLinkOptions options;
    options.servers = std::move(servers);
    options.realm = "corp";
    options.first_pause = first_pause;
    options.longest_pause = longest_pause;
    options.longest_refusal = 20ms;
    link_ = std::make_unique<KdsLink>(io_.get_executor(), *std::move(contexts), options, std::move(kernel));
    return *link_;
  }
  void wait(std::function<bool()> holds, const char* what) {
    run([](KdsLinkTest& test, std::function<bool()> condition, const char* words) -> Task<void> {
      const bool came = co_await test.until(std::move(condition));
      EXPECT_TRUE(came) << words
                        << "; the link's last error: " << (test.link_ ? test.link_->state().last_error : "none");
    }(*this, std::move(holds), what));
  }
  void wait_for_acknowledgement(const FakeKds& kds, std::uint64_t sequence) {
    wait([&] { return kds.acknowledged >= sequence; }, "no acknowledgement");
  }

  http::testing::Pki pki_;
  tls::Identity kds_ = pki_.kds(), gateway_ = pki_.holder(Role::realm_gateway, "gw1");
  FakeKds one_, two_;
  std::optional<http::Server> server_, other_;
  std::unique_ptr<KdsLink> link_;
  FakeKernel* kernel_ = nullptr;
};

using Words = std::vector<std::string>;

TEST_F(KdsLinkTest, BootsAndCarriesOutInOrder) {
  KdsLink& link = this->link({serve(server_, one_)});
  one_.acknowledged = 12;
  Json policy = {{"sequence", 18}, {"kind", "policy"}, {"blob", "AQI"}};
  one_.log = {generation_update(13, 7), promote_update(14, 7),     revoke_update(15, 7, 17),
              ban_update(16, 18),       ban_update(17, 18, false), policy};
  EXPECT_FALSE(link.state().connected);
  link.start();
  wait_for_acknowledgement(one_, 18);
  EXPECT_EQ(kernel_->did, (Words{"generation 7", "promote 7 overlap 600", "revoke 7/17 below 2", "ban 18", "unban 18",
                                 "policy of 2"}));
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(kernel_->last_key.at(i), std::byte(i));
  ASSERT_EQ(one_.boots.size(), 1u);
  EXPECT_EQ(one_.boots[0], (Json{{"boot_nonce", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, {"newest", 0}}));
  EXPECT_EQ(one_.asked, (std::vector<std::uint64_t>{12, 18})) << "begins where the KDS says, and then acknowledges";
  const KdsLink::State state = link.state();
  EXPECT_TRUE(state.connected);
  EXPECT_TRUE(state.server.starts_with("127.0.0.1:"));
  EXPECT_EQ(state.acknowledged, 18u);
  EXPECT_EQ(state.last_error, "");
  EXPECT_EQ(state.updates, (std::array<std::uint64_t, 6>{1, 1, 1, 1, 1, 1}));
  // What comes later comes by the poll that waits.
  one_.log.push_back(ban_update(19, 20));
  wait_for_acknowledgement(one_, 19);
  EXPECT_EQ(kernel_->did.back(), "ban 20");
}

TEST_F(KdsLinkTest, WhatIsThereAlreadyIsFine) {
  KdsLink& link = this->link({serve(server_, one_)});
  kernel_->newest = 8;
  kernel_->live = {{.number = 7, .state = State::previous}, {.number = 8, .state = State::current}};
  one_.log = {generation_update(1, 6), promote_update(2, 6),    revoke_update(3, 6, 17), generation_update(4, 7),
              promote_update(5, 7),    generation_update(6, 8), promote_update(7, 8),    revoke_update(8, 8, 17)};
  link.start();
  wait_for_acknowledgement(one_, 8);
  EXPECT_EQ(kernel_->did, (Words{"revoke 8/17 below 2"}));
  EXPECT_EQ(kernel_->live[1].state, State::current);
  EXPECT_EQ(link.state().last_error, "");
}

TEST_F(KdsLinkTest, WhatTheKdsHasNoMoreIsEnded) {
  KdsLink& link = this->link({serve(server_, one_)});
  kernel_->newest = 8;
  kernel_->live = {{.number = 7, .state = State::previous}, {.number = 8, .state = State::current}};
  one_.live = {8, 9};
  one_.log = {generation_update(1, 9)};
  link.start();
  wait_for_acknowledgement(one_, 1);
  EXPECT_EQ(kernel_->did, (Words{"end 7", "generation 9"}));
}

TEST_F(KdsLinkTest, WhatTheKernelRefusesIsNotAcknowledgedAndHoldsUpNoRevocation) {
  KdsLink& link = this->link({serve(server_, one_)});
  kernel_->newest = 6;
  kernel_->live = {{.number = 6, .state = State::current}};
  kernel_->refusals["generation"] = EBUSY;
  one_.log = {ban_update(1, 16), generation_update(2, 7), revoke_update(3, 6, 17), ban_update(4, 18),
              ban_update(5, 18, false)};
  link.start();
  wait([&] { return kernel_->refused >= 3; }, "it is tried again");
  EXPECT_EQ(one_.acknowledged, 1u);
  EXPECT_EQ(link.state().acknowledged, 1u);
  EXPECT_EQ(link.state().last_error, "update 2 (generation): refused generation");
  EXPECT_TRUE(link.state().connected);
  EXPECT_EQ(Words(kernel_->did.begin(), kernel_->did.begin() + 3), (Words{"ban 16", "revoke 6/17 below 2", "ban 18"}));
  EXPECT_EQ(std::ranges::count(kernel_->did, "unban 18"), 0) << "out of its order";
  kernel_->refusals.clear();
  wait_for_acknowledgement(one_, 5);
  EXPECT_EQ(Words(kernel_->did.end() - 4, kernel_->did.end()),
            (Words{"generation 7", "revoke 6/17 below 2", "ban 18", "unban 18"}));
  EXPECT_EQ(link.state().last_error, "");
}

TEST_F(KdsLinkTest, APolicyThatCannotBeAnsweredHoldsUpNothing) {
  KdsLink& link = this->link({serve(server_, one_)});
  kernel_->refusals["policy"] = EADDRINUSE;
  one_.log = {Json{{"sequence", 1}, {"kind", "policy"}, {"blob", "AQI"}}, generation_update(2, 7)};
  link.start();
  wait_for_acknowledgement(one_, 2);
  EXPECT_EQ(kernel_->refused, 1);
  EXPECT_EQ(kernel_->did, (Words{"generation 7"}));
  kernel_->refusals.clear();
  one_.log.push_back(Json{{"sequence", 3}, {"kind", "policy"}, {"blob", ""}});
  wait_for_acknowledgement(one_, 3);
  EXPECT_EQ(kernel_->did.back(), "policy of 0") << "it is withdrawn";
}

TEST_F(KdsLinkTest, BootsAgainWhenTheKdsKnowsNothingOfIt) {
  KdsLink& link = this->link({serve(server_, one_)});
  one_.log = {ban_update(1, 16)};
  link.start();
  wait_for_acknowledgement(one_, 1);
  EXPECT_EQ(one_.boots.size(), 1u);
  one_.statuses["/v1/gateway/updates"] = {404};
  one_.log.push_back(ban_update(2, 17));  // ends the poll
  wait([&] { return one_.boots.size() == 2; }, "it boots again");
  EXPECT_EQ(one_.boots[1]["boot_nonce"], one_.boots[0]["boot_nonce"]) << "the same boot";
  one_.log.push_back(ban_update(3, 18));
  wait_for_acknowledgement(one_, 3);
  EXPECT_EQ(kernel_->did, (Words{"ban 16", "ban 17", "ban 17", "ban 18"})) << "what the KDS had not heard of";
}

// What a revocation of the meantime waits for is the boot: so the first time there is no pause before it.
TEST_F(KdsLinkTest, BootsAtOnceTheFirstTimeAndThenWithAPause) {
  KdsLink& link = this->link({serve(server_, one_)}, 1h, 1h);
  one_.statuses["/v1/gateway/updates"] = {404, 404};
  link.start();
  wait([&] { return one_.boots.size() == 2 && one_.statuses.empty(); }, "it boots again at once");
  wait([&] { return link.state().last_error.find("told of the boot") != std::string::npos; }, "it says why");
  run([](KdsLinkTest& test) -> Task<void> {
    asio::steady_timer some(test.io_, 100ms);
    (void)co_await some.async_wait(use_tuple);
  }(*this));
  EXPECT_EQ(one_.boots.size(), 2u) << "a KDS that says so after each boot is not asked without end";
  EXPECT_TRUE(one_.asked.empty());
}

TEST_F(KdsLinkTest, AnotherBootNonceIsToldAndNothingOfBeforeIsCarriedOut) {
  KdsLink& link = this->link({serve(server_, one_)});
  one_.log = {ban_update(1, 16)};
  link.start();
  wait_for_acknowledgement(one_, 1);
  // The module is loaded again during the poll.
  kernel_->nonce = BootNonce{2};
  one_.acknowledged = 2;  // as a KDS that begins anew would say
  one_.log.push_back(generation_update(2, 7));
  wait([&] { return one_.boots.size() == 2; }, "it boots again");
  EXPECT_EQ(one_.boots[1], (Json{{"boot_nonce", "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, {"newest", 0}}));
  one_.log.push_back(generation_update(3, 8));
  wait_for_acknowledgement(one_, 3);
  EXPECT_EQ(kernel_->did, (Words{"ban 16", "generation 8"}));
}

TEST_F(KdsLinkTest, WaitsForAModuleThatIsNotThere) {
  KdsLink& link = this->link({serve(server_, one_)});
  kernel_->absent = true;
  link.start();
  wait([&] { return !link.state().last_error.empty(); }, "it says so");
  EXPECT_EQ(link.state().last_error, "the module: no module");
  EXPECT_TRUE(one_.boots.empty());
  kernel_->absent = false;
  wait([&] { return one_.asked.size() == 1; }, "it goes on");
}

TEST_F(KdsLinkTest, GoesToTheNextServer) {
  const http::ServerName first = serve(server_, one_), second = serve(other_, two_);
  KdsLink& link = this->link({first, second});
  one_.log = two_.log = {ban_update(1, 16), ban_update(2, 17)};
  two_.acknowledged = 2;
  one_.log.pop_back();
  link.start();
  wait_for_acknowledgement(one_, 1);
  EXPECT_EQ(link.state().server, first.to_string());
  server_->stop();
  two_.acknowledged = 1;
  wait_for_acknowledgement(two_, 2);
  EXPECT_EQ(link.state().server, second.to_string());
  EXPECT_TRUE(two_.boots.empty()) << "the KDSs share their store";
  EXPECT_EQ(two_.asked, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(kernel_->did, (Words{"ban 16", "ban 17"}));
}

TEST_F(KdsLinkTest, LeavesAServerThatCannotServe) {
  const http::ServerName first = serve(server_, one_), second = serve(other_, two_);
  KdsLink& link = this->link({first, second});
  one_.statuses["/v1/gateway/boot"] = {503};
  link.start();
  wait([&] { return two_.asked.size() == 1; }, "the second is asked");
  EXPECT_TRUE(one_.boots.empty());
  EXPECT_EQ(link.state().server, second.to_string());
  EXPECT_TRUE(link.state().connected);
}

TEST_F(KdsLinkTest, AnAnswerThatIsWrongChangesNothing) {
  KdsLink& link = this->link({serve(server_, one_)});
  one_.log = {ban_update(1, 16), {{"sequence", 2}, {"kind", "ban"}, {"id", 0}}};
  link.start();
  wait([&] { return one_.asked.size() >= 3; }, "it is asked again");
  EXPECT_EQ(kernel_->did, Words{});
  EXPECT_EQ(one_.acknowledged, 0u);
  EXPECT_EQ(link.state().last_error, "updates: updates[1].id: should be a whole number from 1 to 1048575");
}

netlink::Anomaly anomaly(std::uint32_t id, netlink::AnomalyKind kind = netlink::AnomalyKind::alternates) {
  netlink::Anomaly one;
  one.id = id;
  one.generation = 7;
  one.kind = kind;
  return one;
}

TEST_F(KdsLinkTest, AnomaliesArriveBesideAPollThatWaits) {
  KdsLink& link = this->link({serve(server_, one_)});
  link.start();
  wait([&] { return one_.asked.size() == 1; }, "it polls");
  for (std::uint32_t id = 1; id <= 200; ++id) link.report(anomaly(id));
  wait([&] { return one_.anomalies.size() == 200; }, "they arrive");
  EXPECT_EQ(one_.anomalies[0], (Json{{"kind", "clone"}, {"generation", 7}, {"id", 1}, {"incarnation", 0}}));
  EXPECT_EQ(one_.anomalies[199]["id"], 200);
  wait([&] { return link.state().anomalies_sent == 200; }, "and are counted");
  EXPECT_EQ(one_.asked.size(), 1u);
  // A KDS that does not take them for now gets them again, in their order.
  one_.statuses["/v1/gateway/anomalies"] = {503, 404};
  link.report(anomaly(201));
  link.report(anomaly(202));
  wait([&] { return one_.anomalies.size() == 202; }, "they arrive in the end");
  EXPECT_EQ(one_.anomalies[200]["id"], 201);
  // What it cannot read is not sent for ever.
  one_.statuses["/v1/gateway/anomalies"] = {400};
  link.report(anomaly(203));
  wait([&] { return link.state().anomalies_dropped == 1; }, "it is given up");
  link.report(anomaly(204));
  wait([&] { return one_.anomalies.size() == 203; }, "and the next one arrives");
  EXPECT_EQ(one_.anomalies[202]["id"], 204);
}

TEST_F(KdsLinkTest, AnomaliesThatWaitAreBounded) {
  KdsLink& link = this->link({serve(server_, one_)});
  link.report(anomaly(1));
  link.report(anomaly(2, netlink::AnomalyKind::moved));
  for (std::uint32_t id = 3; id <= KdsLink::anomalies_max; ++id) link.report(anomaly(id));
  EXPECT_EQ(link.state().anomalies_dropped, 0u);
  link.report(anomaly(2000));
  link.report(anomaly(2001));
  EXPECT_EQ(link.state().anomalies_waiting, KdsLink::anomalies_max);
  EXPECT_EQ(link.state().anomalies_dropped, 2u);
  link.start();
  wait([&] { return one_.anomalies.size() == KdsLink::anomalies_max; }, "the others arrive");
  EXPECT_EQ(one_.anomalies.front()["id"], 3) << "first the one that roams went, then the oldest";
  EXPECT_EQ(one_.anomalies.back()["id"], 2001);
}

TEST_F(KdsLinkTest, StopsInTheMiddleOfAPoll) {
  KdsLink& link = this->link({serve(server_, one_)});
  link.start();
  wait([&] { return one_.asked.size() == 1; }, "it polls");
  link.stop();
  EXPECT_FALSE(link.state().connected);
  link_.reset();
  wait([&] { return server_->counters().connections == 0; }, "the connections end");
  EXPECT_EQ(one_.asked.size(), 1u);
}

}  // namespace
}  // namespace sluice::gateway
