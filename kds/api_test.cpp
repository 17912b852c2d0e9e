// SPDX-License-Identifier: Apache-2.0
//
// The whole key server in one process: real TLS, real store, a device, a gateway and an operator that ask.
#include "kds/api.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <cstdio>
#include <fstream>

#include "derivation/derive.hpp"
#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "evidence/jws.hpp"
#include "evidence/testing.hpp"
#include "http/client.hpp"
#include "http/testing.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using http::Client;
using http::Response;
using http::testing::LoopTest;
using http::testing::Role;
using nlohmann::json;
using testing_support::Folder;
using testing_support::test_kek;

constexpr const char* configuration = R"(
name = "kds1"
realm = "corp"
listen = ["127.0.0.1:8443"]
certificate = "/c"
key = "/k"
authority = "/a"
key_encryption_key = "/kek"
[limits]
keys = 1000
challenges = 1000
requests = 10000
[[gateway]]
name = "gw1"
addresses = ["192.0.2.1", "2001:db8::1"]
udp_port = 4500
  [[gateway.network]]
  name = "corp"
  first = 17
  last = 18
  ipv4 = "100.80.0.0"
  ipv6 = "fd80::"
  routes = ["10.20.0.0/16", "fd20::/48"]
  roles = ["staff"]
  posture = "standard"
  [[gateway.network]]
  name = "vault"
  first = 19
  last = 20
  ipv4 = "100.81.0.0"
  routes = ["10.21.0.0/16"]
  roles = ["vault"]
  posture = "quoted"
[[posture]]
name = "quoted"
quote = true
[[posture]]
name = "standard"
interval = "10m"
packages = ["openssh-server"]
  [[posture.requirement]]
  claim = "os.version"
  operator = "at-least"
  value = "12"
  remedy = "Update to Debian 12 or later."
)";

const std::vector<std::string> ways{"outbound", "inbound"};
const std::vector<std::string> paths_of_others{"/v1/devices", "/v1/audit", "/v1/gateway/updates?after=0"};

struct Other {
  std::string method, path, allowed;
};
const std::vector<Other> others{{"POST", "/v1/health", "GET"},
                                {"PUT", "/v1/devices", "GET, POST"},
                                {"GET", "/v1/devices/laptop/ban", "POST"},
                                {"DELETE", "/v1/audit", "GET"}};
const std::vector<std::string> wrong_queries{
    "/v1/audit?after=x",         "/v1/audit?after=",  "/v1/audit?before=1", "/v1/audit?after=9223372036854775808",
    "/v1/audit?after=1&after=2", "/v1/devices?name=a"};

json unbooted(const char* name) { return {{"name", name}, {"booted", false}}; }

// (g++ 12 does not compile initializer lists in coroutines: whatever needs one is made out here)
json pair_of(const char* one, const char* other) { return {one, other}; }
std::string device_body(const std::string& name) { return json{{"name", name}, {"roles", {"staff"}}}.dump(); }
std::string attested_body(const std::string& name, const EVP_PKEY* key) {
  json body{{"name", name}, {"roles", {"vault"}}};
  if (key != nullptr) body["attestation_key"] = evidence::to_base64url(evidence::testing_support::der_of(key));
  return body.dump();
}
std::string key_body(const EVP_PKEY* key) {
  json body{{"attestation_key", nullptr}};
  if (key != nullptr) body["attestation_key"] = evidence::to_base64url(evidence::testing_support::der_of(key));
  return body.dump();
}
json quote_body(const evidence::Quote& quote) {
  return {{"attest", evidence::to_base64url(quote.attest)}, {"signature", evidence::to_base64url(quote.signature)}};
}
std::string held_body(const json& spi) {
  json held{{"gateway", "gw1"}, {"network", "corp"}, {"spi", spi}};
  json body;
  body["held"].push_back(held);
  return body.dump();
}
std::string clone_body(const json& generation, int incarnation) {
  json clone{{"kind", "clone"}, {"generation", generation}, {"id", 17}, {"incarnation", incarnation}};
  json body;
  body["anomalies"].push_back(clone);
  return body.dump();
}

json healthy() { return {{"os", {{"id", "debian"}, {"version", "12"}}}}; }
json ill() { return {{"os", {{"id", "debian"}, {"version", "11"}}}}; }

template <class T, auto Read>
T read_pem(const std::filesystem::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  auto* made = Read(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  return T(made);
}

// Somebody with a certificate, and a connection that is kept.
struct Caller {
  Caller(asio::io_context& io, const tls::Identity& identity, Endpoint server)
      : certificate(read_pem<tls::UniqueX509, PEM_read_X509>(identity.certificate)),
        key(read_pem<tls::UniqueKey, PEM_read_PrivateKey>(identity.key)),
        client(io.get_executor(), http::testing::context(tls::Role::client, identity),
               std::vector<http::ServerName>(1, http::ServerName{"localhost", server.port}), of_realm()) {}
  static http::ClientOptions of_realm() {
    http::ClientOptions options;
    options.realm = "corp";
    return options;
  }

  Task<std::pair<unsigned, json>> ask(std::string method, std::string target, std::string body = {}) {
    Result<Response> response = co_await client.request(method, target, std::move(body));
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    if (!response) co_return std::pair(0U, json());
    co_return std::pair(response->status, json::parse(response->text(), nullptr, false));
  }
  /// Evidence by a new challenge.
  Task<json> evidence(json posture) {
    auto [status, challenge] = co_await ask("GET", "/v1/challenge");
    EXPECT_EQ(status, 200U);
    co_return evidence_for(challenge["nonce"].get<std::string>(), std::move(posture));
  }
  /// With a quote by *tpm*.
  Task<json> quoted(const EVP_PKEY* tpm) {
    auto [status, challenge] = co_await ask("GET", "/v1/challenge");
    EXPECT_EQ(status, 200U);
    EXPECT_EQ(challenge["wanted"]["quote"], true);
    const std::string nonce = challenge["nonce"].get<std::string>();
    json body = evidence_for(nonce, healthy());
    body["quote"] = quote_body(evidence::testing_support::quote_by(tpm, qualifying_of(nonce, body), {}));
    co_return body;
  }
  evidence::Sha256 qualifying_of(const std::string& nonce, const json& body) {
    return *evidence::qualifying_data(*evidence::array_from_base64url<32>(nonce), *client.channel_binding(),
                                      body["evidence"].get<std::string>());
  }
  json evidence_for(const std::string& nonce, json posture) {
    const evidence::Binding binding{
        *evidence::array_from_base64url<32>(nonce), *client.channel_binding(), certificate.get(),
        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
    auto made = evidence::make_evidence(key.get(), binding, std::move(posture));
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return {{"evidence", *made}};
  }
  Task<std::pair<unsigned, json>> keys(json posture) {
    json body = co_await evidence(std::move(posture));
    co_return co_await ask("POST", "/v1/keys", body.dump());
  }

  tls::UniqueX509 certificate;
  tls::UniqueKey key;
  Client client;
};

class ApiTest : public LoopTest {
 public:
  ApiTest() {
    auto settings = parse_settings(std::string(configuration) + "", "test.toml");
    EXPECT_TRUE(settings) << (settings ? "" : settings.error().message);
    auto store = sqlite::SqliteStore::open(folder_ / "kds.sqlite");
    service_ = std::make_unique<Service>(io_.get_executor(), *std::move(settings), *std::move(store), test_kek());
    log_ = std::make_unique<AuditLog>(*AuditLog::open(folder_ / "audit.log"));
    api_ = std::make_unique<Api>(*service_, *log_);
    http::ServerOptions options;
    options.realm = "corp";
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), http::testing::context(tls::Role::server, pki_.kds()),
        [this](const http::Request& request, http::Connection& connection) {
          return api_->handle(request, connection);
        },
        options);
    at_ = *server_->listen({*Address::parse("127.0.0.1"), 0});
    service_->start();
  }
  ~ApiTest() override {
    server_->stop();
    service_->stop();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
  }

  /// Lives as long as the test: a question of its may still be under way when the story ends.
  Caller& caller(Role role, const std::string& name) {
    callers_.push_back(std::make_unique<Caller>(io_, pki_.holder(role, name), at_));
    return *callers_.back();
  }
  /// Boots gw1 and takes what there is; the master key of the generation it brought.
  Task<derivation::Secret> gateway_up(Caller& gateway) {
    auto [status, boot] = co_await gateway.ask("POST", "/v1/gateway/boot", boot_body(1));
    EXPECT_EQ(status, 200U) << boot.dump();
    EXPECT_EQ(boot["fresh"], true);
    auto [got, updates] = co_await gateway.ask("GET", "/v1/gateway/updates?after=" + boot["acknowledged"].dump());
    EXPECT_EQ(got, 200U);
    derivation::Secret master;
    for (const json& update : updates["updates"])
      if (update["kind"] == "generation")
        master = derivation::Secret::copy_of(*evidence::from_base64url(update["master_key"].get<std::string>()));
    acknowledged_ = updates["updates"].back()["sequence"].get<std::uint64_t>();
    co_return master;
  }
  static std::string boot_body(std::uint8_t value) {
    return json{{"boot_nonce", evidence::to_base64url(Bytes(32, value))}, {"newest", 0}}.dump();
  }
  /// What the gateway gets by acknowledging what it has.
  Task<json> next_updates(Caller& gateway) {
    auto [status, updates] = co_await gateway.ask("GET", "/v1/gateway/updates?after=" + std::to_string(acknowledged_));
    EXPECT_EQ(status, 200U);
    if (!updates["updates"].empty()) acknowledged_ = updates["updates"].back()["sequence"].get<std::uint64_t>();
    co_return updates["updates"];
  }
  /// The same where nothing will come before the test is over.
  Task<void> wait_for_nothing(Caller& gateway) {
    (void)co_await gateway.client.request("GET", "/v1/gateway/updates?after=" + std::to_string(acknowledged_));
  }
  Task<void> enrol(const std::string& name) {
    Caller& alice = caller(Role::operator_, "alice");
    auto [status, body] = co_await alice.ask("POST", "/v1/devices", device_body(name));
    EXPECT_EQ(status, 204U) << body.dump();
  }
  std::string audit_log() {
    std::ifstream file(folder_ / "audit.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Folder folder_;
  tls::testing::Pki pki_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<http::Server> server_;
  Endpoint at_;
  std::uint64_t acknowledged_ = 0;
  std::vector<std::unique_ptr<Caller>> callers_;
};

// K3, K4: what the device gets is what the gateway's kernel will derive.
TEST_F(ApiTest, AHealthyDeviceGetsTheKeysThatTheGatewayDerives) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& gateway = self->caller(Role::realm_gateway, "gw1");
    derivation::Secret master = co_await self->gateway_up(gateway);
    co_await self->enrol("laptop");
    Caller& laptop = self->caller(Role::device, "laptop");
    // The gateway has not acknowledged its generation.
    auto [early, later] = co_await laptop.keys(healthy());
    EXPECT_EQ(early, 503U) << later.dump();
    // Waits with nothing to tell; what is told is acknowledged by asking.
    asio::co_spawn(self->io_, self->wait_for_nothing(gateway), asio::detached);
    json body;
    unsigned status = 0;
    for (int i = 0; i < 100 && status != 200; ++i) std::tie(status, body) = co_await laptop.keys(healthy());
    EXPECT_EQ(status, 200U) << body.dump();
    EXPECT_EQ(body["keys"].size(), 1U);
    const json key = body["keys"][0];
    EXPECT_EQ(key["inner"], pair_of("100.80.0.17", "fd80::11"));
    EXPECT_EQ(key["addresses"], pair_of("192.0.2.1", "2001:db8::1"));
    EXPECT_EQ(key["udp_port"], 4500);
    EXPECT_EQ(key["id"], 17);
    EXPECT_LE(key["lease_in"].get<int>(), 600);
    for (const std::string& way : ways) {
      auto derived =
          derivation::derive(master, key[way]["spi"].get<std::uint32_t>(), derivation::Algorithm::aes_256_gcm);
      EXPECT_EQ(key[way]["key"], evidence::to_base64url(derived->bytes())) << way;
    }
    EXPECT_EQ(key["inbound"]["spi"].get<std::uint32_t>() ^ key["outbound"]["spi"].get<std::uint32_t>(), 1U << 29);

    // Health that was shown still counts; a key that is held is renewed, and not issued again.
    auto [again, second] = co_await laptop.ask("POST", "/v1/keys");
    EXPECT_EQ(again, 200U) << second.dump();
    EXPECT_EQ(second["keys"][0]["incarnation"], key["incarnation"].get<int>() + 1);
    auto [kept, renewed] = co_await laptop.ask("POST", "/v1/keys", held_body(second["keys"][0]["outbound"]["spi"]));
    EXPECT_EQ(kept, 200U) << renewed.dump();
    EXPECT_TRUE(renewed["keys"].empty());
    EXPECT_EQ(renewed["renewed"][0]["spi"], second["keys"][0]["outbound"]["spi"]);
    EXPECT_NE(self->audit_log().find("\"issue\""), std::string::npos);
    EXPECT_EQ(self->audit_log().find(key["outbound"]["key"].get<std::string>()), std::string::npos);
  };
  run(story(this));
}

TEST_F(ApiTest, WhoIsNotHealthyIsToldWhatToMend) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& gateway = self->caller(Role::realm_gateway, "gw1");
    co_await self->gateway_up(gateway);
    co_await self->enrol("laptop");
    Caller& laptop = self->caller(Role::device, "laptop");
    auto [status, body] = co_await laptop.keys(ill());
    EXPECT_EQ(status, 403U) << body.dump();
    EXPECT_EQ(body["failures"][0]["name"], "os.version");
    EXPECT_EQ(body["failures"][0]["remedy"], "Update to Debian 12 or later.");
    auto [none, nothing] = co_await laptop.ask("POST", "/v1/keys");
    EXPECT_EQ(none, 403U) << "no earlier health";
    EXPECT_EQ(nothing["title"], "health not shown");
  };
  run(story(this));
}

// The nonce: once, of this connection; the signature of this device.
TEST_F(ApiTest, EvidenceCountsOnceAndHere) {
  auto story = [](ApiTest* self) -> Task<void> {
    co_await self->enrol("laptop");
    Caller& laptop = self->caller(Role::device, "laptop");
    const json evidence = co_await laptop.evidence(healthy());
    auto [first, one] = co_await laptop.ask("POST", "/v1/keys", evidence.dump());
    EXPECT_EQ(first, 503U) << one.dump();  // no gateway has booted
    auto [replayed, two] = co_await laptop.ask("POST", "/v1/keys", evidence.dump());
    EXPECT_EQ(replayed, 409U) << two.dump();
    EXPECT_EQ(two["title"], "challenge");

    // Relayed: evidence that was made for another connection, with this one's nonce.
    Caller& other = self->caller(Role::device, "laptop");
    auto [ok, challenge] = co_await other.ask("GET", "/v1/challenge");
    EXPECT_EQ(ok, 200U);
    const json relayed = laptop.evidence_for(challenge["nonce"].get<std::string>(), healthy());
    auto [status, three] = co_await other.ask("POST", "/v1/keys", relayed.dump());
    EXPECT_EQ(status, 400U) << three.dump();

    // Another device's evidence.
    co_await self->enrol("phone");
    Caller& phone = self->caller(Role::device, "phone");
    auto [fine, fresh] = co_await phone.ask("GET", "/v1/challenge");
    EXPECT_EQ(fine, 200U);
    json forged = phone.evidence_for(fresh["nonce"].get<std::string>(), healthy());
    auto claims = evidence::verify(forged["evidence"].get<std::string>(), phone.key.get(), evidence::kMostEvidence);
    forged["evidence"] = *evidence::sign(laptop.key.get(), *claims);
    auto [bad, four] = co_await phone.ask("POST", "/v1/keys", forged.dump());
    EXPECT_EQ(bad, 400U) << four.dump();
    EXPECT_EQ(four["title"], "evidence: bad-signature");
  };
  run(story(this));
}

// Granted is a 503 here: no gateway has booted.
TEST_F(ApiTest, AQuoteByTheEnrolledTpmAndNoOther) {
  auto story = [](ApiTest* self) -> Task<void> {
    const tls::UniqueKey tpm(EVP_EC_gen("P-256")), other(EVP_EC_gen("P-256"));
    Caller& alice = self->caller(Role::operator_, "alice");
    auto [bare, nothing] = co_await alice.ask("POST", "/v1/devices", attested_body("laptop", nullptr));
    EXPECT_EQ(bare, 204U) << nothing.dump();
    Caller& laptop = self->caller(Role::device, "laptop");
    auto [missing, one] = co_await laptop.keys(healthy());
    EXPECT_EQ(missing, 403U) << one.dump();
    EXPECT_EQ(one["failures"][0]["name"], "quote");
    EXPECT_NE(one.dump().find("quote is missing"), std::string::npos) << one.dump();
    json body = co_await laptop.quoted(tpm.get());
    auto [unknown, two] = co_await laptop.ask("POST", "/v1/keys", body.dump());
    EXPECT_EQ(unknown, 403U) << two.dump();
    EXPECT_NE(two.dump().find("sluice-client tpm enrol"), std::string::npos) << two.dump();

    auto [enrolled, also] = co_await alice.ask("PATCH", "/v1/devices/laptop", key_body(tpm.get()));
    EXPECT_EQ(enrolled, 204U) << also.dump();
    const json first = co_await laptop.quoted(tpm.get());
    auto [good, three] = co_await laptop.ask("POST", "/v1/keys", first.dump());
    EXPECT_EQ(good, 503U) << three.dump();

    // The quote of before, beside evidence of now.
    body = co_await laptop.evidence(healthy());
    body["quote"] = first["quote"];
    auto [replayed, four] = co_await laptop.ask("POST", "/v1/keys", body.dump());
    EXPECT_EQ(replayed, 400U) << four.dump();
    EXPECT_EQ(four["title"], "evidence: quote");
    body = co_await laptop.quoted(other.get());
    auto [anothers, five] = co_await laptop.ask("POST", "/v1/keys", body.dump());
    EXPECT_EQ(anothers, 400U) << five.dump();
    EXPECT_EQ(five["title"], "evidence: bad-signature");
    EXPECT_NE(self->audit_log().find("not by the attestation key that is enrolled"), std::string::npos);
    EXPECT_NE(self->audit_log().find("made for other evidence"), std::string::npos);

    // Another TPM, by the operator's word: what the old one has shown is over.
    body = co_await laptop.quoted(tpm.get());
    auto [again, six] = co_await laptop.ask("POST", "/v1/keys", body.dump());
    EXPECT_EQ(again, 503U) << six.dump();
    auto [kept, seven] = co_await laptop.ask("POST", "/v1/keys");
    EXPECT_EQ(kept, 503U) << "it still counts: " << seven.dump();
    auto [changed, empty] = co_await alice.ask("PATCH", "/v1/devices/laptop", key_body(other.get()));
    EXPECT_EQ(changed, 204U);
    auto [over, eight] = co_await laptop.ask("POST", "/v1/keys");
    EXPECT_EQ(over, 403U) << eight.dump();
    auto [shown, device] = co_await alice.ask("GET", "/v1/devices/laptop");
    EXPECT_EQ(device["attestation_key"], evidence::to_base64url(evidence::testing_support::der_of(other.get())));
    auto [gone, none] = co_await alice.ask("PATCH", "/v1/devices/laptop", key_body(nullptr));
    EXPECT_EQ(gone, 204U);
    auto [bad, nine] = co_await alice.ask("PATCH", "/v1/devices/laptop", R"({"attestation_key": "AAAA"})");
    EXPECT_EQ(bad, 400U);
    EXPECT_NE(nine.dump().find("sluice-client tpm enrol"), std::string::npos) << nine.dump();
  };
  run(story(this));
}

TEST_F(ApiTest, WhoIsNotEnrolledGetsNothing) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& stranger = self->caller(Role::device, "stranger");
    auto [status, body] = co_await stranger.keys(healthy());
    EXPECT_EQ(status, 403U);
    EXPECT_NE(body["detail"].get<std::string>().find("not enrolled"), std::string::npos) << body.dump();
    // And each kind of peer has its own paths.
    for (const std::string& path : paths_of_others) {
      auto [code, text] = co_await stranger.ask("GET", path);
      EXPECT_EQ(code, 404U) << path;
    }
    Caller& unknown = self->caller(Role::realm_gateway, "gw9");
    auto [denied, words] = co_await unknown.ask("POST", "/v1/gateway/boot", boot_body(1));
    EXPECT_EQ(denied, 403U) << words.dump();
  };
  run(story(this));
}

// K6, K7: an operator's word is at the gateway as soon as it asks, which it always does.
TEST_F(ApiTest, ARevocationReachesAGatewayThatWaits) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& gateway = self->caller(Role::realm_gateway, "gw1");
    co_await self->gateway_up(gateway);
    co_await self->enrol("laptop");
    Caller& laptop = self->caller(Role::device, "laptop");
    json told;
    bool done = false;
    auto wait = [](ApiTest* test, Caller& by, json& into, bool& flag) -> Task<void> {
      into = co_await test->next_updates(by);
      flag = true;
    };
    asio::co_spawn(self->io_, wait(self, gateway, told, done), asio::detached);
    unsigned status = 0;
    json body;
    for (int i = 0; i < 100 && status != 200; ++i) std::tie(status, body) = co_await laptop.keys(healthy());
    EXPECT_EQ(status, 200U) << body.dump();
    EXPECT_FALSE(done) << "there was nothing to tell";

    Caller& alice = self->caller(Role::operator_, "alice");
    auto [revoked, nothing] = co_await alice.ask("POST", "/v1/devices/laptop/revoke");
    EXPECT_EQ(revoked, 204U);
    EXPECT_TRUE(co_await self->until([&] { return done; }));
    EXPECT_EQ(told[0]["kind"], "revoke") << told.dump();
    EXPECT_EQ(told[0]["id"], 17);
    EXPECT_EQ(told[0]["incarnation_min"], 1);

    auto [again, next] = co_await laptop.keys(healthy());
    EXPECT_EQ(again, 200U) << "it may earn another: " << next.dump();
    EXPECT_EQ(next["keys"][0]["incarnation"], 1);

    // A clone, seen once: revoked; of the next key again: banned.
    for (int incarnation = 1; incarnation <= 2; ++incarnation) {
      auto [noted, empty] =
          co_await gateway.ask("POST", "/v1/gateway/anomalies", clone_body(next["keys"][0]["generation"], incarnation));
      EXPECT_EQ(noted, 204U);
      std::tie(status, body) = co_await laptop.keys(healthy());
      EXPECT_EQ(status, incarnation == 1 ? 200U : 403U) << body.dump();
    }
    EXPECT_NE(body["detail"].get<std::string>().find("banned"), std::string::npos);
    auto [unbanned, also] = co_await alice.ask("POST", "/v1/devices/laptop/unban");
    EXPECT_EQ(unbanned, 204U);
    std::tie(status, body) = co_await laptop.keys(healthy());
    EXPECT_EQ(status, 200U) << body.dump();
    auto [listed, audit] = co_await alice.ask("GET", "/v1/audit");
    EXPECT_EQ(listed, 200U);
    EXPECT_NE(audit.dump().find("operator/alice"), std::string::npos);
  };
  run(story(this));
}

// What an operator sees and changes; what he does not.
TEST_F(ApiTest, AnOperatorSeesDevicesAndGateways) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& alice = self->caller(Role::operator_, "alice");
    auto [before, none] = co_await alice.ask("GET", "/v1/gateways");
    EXPECT_EQ(before, 200U);
    EXPECT_EQ(none["gateways"][0], unbooted("gw1"));
    Caller& gateway = self->caller(Role::realm_gateway, "gw1");
    co_await self->gateway_up(gateway);
    auto [after, gateways] = co_await alice.ask("GET", "/v1/gateways");
    EXPECT_EQ(after, 200U);
    const json& one = gateways["gateways"][0];
    EXPECT_EQ(one["booted"], true) << one.dump();
    EXPECT_EQ(one["generations"][0]["state"], "current");
    EXPECT_EQ(one["generations"][0]["algorithm"], "aes-256-gcm");
    EXPECT_GT(one["generations"][0]["ends_in"].get<int>(), 3500);
    EXPECT_EQ(one["sequence"], self->acknowledged_) << "what it was given";
    EXPECT_EQ(one["acknowledged"], 0) << "nobody has asked for what is behind 1";
    EXPECT_LT(one["seen_ago"].get<int>(), 60);
    EXPECT_EQ(one.dump().find("master_key"), std::string::npos);

    co_await self->enrol("laptop");
    co_await self->enrol("phone");
    auto [listed, devices] = co_await alice.ask("GET", "/v1/devices?after=laptop");
    EXPECT_EQ(listed, 200U);
    EXPECT_EQ(devices["devices"].size(), 1U);
    EXPECT_EQ(devices["devices"][0]["name"], "phone");
    auto [changed, nothing] = co_await alice.ask("PATCH", "/v1/devices/phone", R"({"roles":[],"enabled":false})");
    EXPECT_EQ(changed, 204U);
    auto [shown, phone] = co_await alice.ask("GET", "/v1/devices/phone");
    EXPECT_EQ(shown, 200U);
    EXPECT_EQ(phone["enabled"], false);
    EXPECT_TRUE(phone["roles"].empty());
    auto [renamed, why] = co_await alice.ask("PATCH", "/v1/devices/phone", R"({"name":"other"})");
    EXPECT_EQ(renamed, 400U) << "a name that would be passed over: " << why.dump();
    auto [removed, gone] = co_await alice.ask("DELETE", "/v1/devices/phone");
    EXPECT_EQ(removed, 204U);
    auto [missing, words] = co_await alice.ask("GET", "/v1/devices/phone");
    EXPECT_EQ(missing, 404U) << words.dump();
  };
  run(story(this));
}

TEST_F(ApiTest, AnotherMethodIsToldWhichThereAre) {
  auto story = [](ApiTest* self) -> Task<void> {
    Caller& alice = self->caller(Role::operator_, "alice");
    for (const auto& [method, path, allowed] : others) {
      Result<Response> response = co_await alice.client.request(method, path);
      EXPECT_TRUE(response);
      EXPECT_EQ(response->status, 405U) << method << ' ' << path;
      EXPECT_EQ(response->fields.get("Allow"), allowed);
    }
    for (const std::string& query : wrong_queries) {
      auto [status, body] = co_await alice.ask("GET", query);
      EXPECT_EQ(status, 400U) << query << ": " << body.dump();
    }
  };
  run(story(this));
}

}  // namespace
}  // namespace sluice::kds
