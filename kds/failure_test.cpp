// SPDX-License-Identifier: Apache-2.0
//
// What everybody is told when it is the key server that has failed, and when it is their own request.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <sstream>

#include "http/client.hpp"
#include "http/testing.hpp"
#include "kds/api.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using http::Response;
using http::testing::LoopTest;
using http::testing::Role;
using testing_support::Folder;
using testing_support::test_kek;

// A store whose every access ends in an error.
class BrokenStore final : public Store {
 public:
  explicit BrokenStore(int number) : error_{"/secret/kds.sqlite: it broke (SELECT name FROM device)", number} {}
  Result<void> transact(const Work&) override { return error_; }
  Result<void> read(const Work&) override { return error_; }
  Result<bool> changed() override { return error_; }
  Result<bool> scrub() override { return error_; }

 private:
  Error error_;
};

// What is written to the log while it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  [[nodiscard]] std::size_t count(const std::string& words) const {
    const std::string text = text_.str();
    std::size_t found = 0;
    for (std::size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++found;
    return found;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

struct Asked {
  Role role;
  std::string name, method, path, body;
};

const std::string boot_body = R"({"boot_nonce":")" + std::string(43, 'A') + R"(","newest":0})";
const std::vector<Asked> questions{{Role::device, "laptop", "GET", "/v1/status", ""},
                                   {Role::device, "laptop", "POST", "/v1/keys", "{}"},
                                   {Role::realm_gateway, "gw1", "POST", "/v1/gateway/boot", boot_body},
                                   {Role::realm_gateway, "gw1", "GET", "/v1/gateway/updates?after=0", ""},
                                   {Role::operator_, "ada", "GET", "/v1/devices", ""},
                                   {Role::operator_, "ada", "GET", "/v1/audit", ""},
                                   {Role::operator_, "ada", "POST", "/v1/devices", R"({"name":"tv"})"},
                                   {Role::operator_, "ada", "POST", "/v1/devices/tv/ban", ""}};
const std::vector<Asked> with_bodies{{Role::device, "laptop", "POST", "/v1/keys", ""},
                                     {Role::realm_gateway, "gw1", "POST", "/v1/gateway/boot", ""},
                                     {Role::realm_gateway, "gw1", "POST", "/v1/gateway/anomalies", ""},
                                     {Role::operator_, "ada", "POST", "/v1/devices", ""},
                                     {Role::operator_, "ada", "PATCH", "/v1/devices/tv", ""}};
const std::vector<std::string> no_bodies{"{",
                                         R"({"name":"a","name":"b"})",
                                         "\xff",
                                         "[]",
                                         "null",
                                         "{\"a\":1e999}",
                                         std::string("{}\0", 3),
                                         std::string(1000, '[')};

class FailureTest : public LoopTest {
 public:
  void serve(std::unique_ptr<Store> store) {
    Settings settings;
    settings.realm = "corp";
    settings.gateways.emplace_back().name = "gw1";
    settings.limits.keys = settings.limits.requests = 1000;
    service_ = std::make_unique<Service>(io_.get_executor(), std::move(settings), std::move(store), test_kek());
    api_ = std::make_unique<Api>(*service_, log_);
    http::ServerOptions options;
    options.realm = "corp";
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), http::testing::context(tls::Role::server, pki_.kds()),
        [this](const http::Request& request, http::Connection& connection) {
          return api_->handle(request, connection);
        },
        options);
    at_ = *server_->listen({*Address::parse("127.0.0.1"), 0});
  }
  ~FailureTest() override {
    server_->stop();
    service_->stop();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
  }
  Task<Response> ask(Asked asked, std::string body) {
    http::ClientOptions options;
    options.realm = "corp";
    std::vector<http::ServerName> servers(1);
    servers[0].host = "localhost";
    servers[0].port = at_.port;
    http::Client client(io_.get_executor(),
                        http::testing::context(tls::Role::client, pki_.holder(asked.role, asked.name)), servers,
                        std::move(options));
    Result<Response> response = co_await client.request(asked.method, asked.path, std::move(body));
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    co_return response ? *std::move(response) : Response{};
  }
  Task<void> all_fail(unsigned status) {
    for (const Asked& asked : questions) {
      const Response response = co_await ask(asked, asked.body);
      EXPECT_EQ(response.status, status) << asked.method << ' ' << asked.path << ": " << response.text();
      for (const char* word : {"sqlite", "SELECT", "broke"})
        EXPECT_EQ(response.text().find(word), std::string::npos) << response.text();
    }
  }

  Folder folder_;
  tls::testing::Pki pki_;
  AuditLog log_ = *AuditLog::open(folder_ / "audit.log");
  std::unique_ptr<Service> service_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<http::Server> server_;
  Endpoint at_;
};

// Whatever SQLite may say: nobody reads it but who reads the log, once.
TEST_F(FailureTest, AStoreThatFailsIsNobodysBusiness) {
  Log log;
  serve(std::make_unique<BrokenStore>(EROFS));
  run(all_fail(500));
  EXPECT_EQ(log.count("/secret/kds.sqlite: it broke"), 1U);
  EXPECT_EQ(log_.counts().at(AuditAction::issue, AuditOutcome::failed), 1U);
  EXPECT_EQ(log_.counts().at(AuditAction::ban, AuditOutcome::failed), 1U);
  EXPECT_EQ(log_.counts().at(AuditAction::ban, AuditOutcome::refused), 0U);
}

TEST_F(FailureTest, AStoreThatIsTakenMayBeAskedAgain) {
  Log log;
  serve(std::make_unique<BrokenStore>(EBUSY));
  run(all_fail(503));
  EXPECT_EQ(log.count("/secret/kds.sqlite: it broke"), 1U);
}

// And fills no log.
TEST_F(FailureTest, ABodyThatIsNoneIsTheClientsFault) {
  Log log;
  serve(*sqlite::SqliteStore::open(folder_ / "kds.sqlite"));
  auto story = [](FailureTest* self) -> Task<void> {
    for (const Asked& asked : with_bodies)
      for (const std::string& body : no_bodies) {
        const Response response = co_await self->ask(asked, body);
        EXPECT_EQ(response.status, 400U) << asked.path << ' ' << body << ": " << response.text();
        EXPECT_NE(response.text().find("body: "), std::string::npos) << response.text();
        EXPECT_EQ(response.text().find("body:  "), std::string::npos) << response.text();
      }
  };
  run(story(this));
  EXPECT_EQ(log.count("[error]"), 0U);
}

}  // namespace
}  // namespace sluice::kds
