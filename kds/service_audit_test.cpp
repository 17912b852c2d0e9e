// SPDX-License-Identifier: Apache-2.0
//
// What the key server does by itself, and what an operator is told of it.
#include <gtest/gtest.h>

#include <fstream>

#include "http/client.hpp"
#include "http/testing.hpp"
#include "kds/api.hpp"
#include "kds/metrics.hpp"
#include "kds/service.hpp"
#include "kds/testing.hpp"
#include "kds/testing_settings.hpp"

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;
using http::testing::LoopTest;
using nlohmann::json;
using testing_support::Folder;
using testing_support::test_kek;

constexpr std::size_t client_reads = std::size_t{1} << 24;  // as tools/sluice/kds_api.cpp

Time now() { return std::chrono::system_clock::now(); }

class ServiceAuditTest : public LoopTest {
 public:
  ServiceAuditTest() {
    auto store = sqlite::SqliteStore::open(folder_ / "kds.sqlite");
    store_ = store->get();
    service_ = std::make_unique<Service>(
        io_.get_executor(),
        *parse_settings("audit_keep = \"2d\"\n" + std::string(testing_support::one_network), "kds.toml"),
        *std::move(store), test_kek());
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
    const Endpoint at = *server_->listen({*Address::parse("127.0.0.1"), 0});
    http::ClientOptions of_operator;
    of_operator.realm = "corp";
    of_operator.body = client_reads;
    alice_ = std::make_unique<http::Client>(
        io_.get_executor(),
        http::testing::context(tls::Role::client, pki_.holder(http::testing::Role::operator_, "alice")),
        std::vector<http::ServerName>(1, http::ServerName{"localhost", at.port}), of_operator);
  }
  ~ServiceAuditTest() override {
    server_->stop();
    service_->stop();
    io_.restart();
    io_.run_for(5s);
  }

  /// Before the service starts, whose store it is.
  void append(std::size_t count, Time time, std::size_t bytes) {
    const std::string detail = json{{"x", std::string(bytes, 'x')}}.dump();
    ASSERT_TRUE(store_->transact([&](Transaction& transaction) -> Result<void> {
      for (std::size_t i = 0; i < count; ++i) transaction.append({0, time, "kds", "x", "y", "z", detail});
      return {};
    }));
  }
  Task<std::vector<Audit>> table() {
    std::vector<Audit> lines;
    Store::Work work = [&lines](Transaction& transaction) -> Result<void> {
      lines = transaction.audit(0, 100000);
      return {};
    };
    Result<void> done = co_await service_->read(std::move(work));
    EXPECT_TRUE(done);
    co_return lines;
  }
  std::string file() {
    std::ifstream file(folder_ / "audit.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Folder folder_;
  tls::testing::Pki pki_;
  Store* store_ = nullptr;
  std::unique_ptr<Service> service_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Client> alice_;
};

TEST_F(ServiceAuditTest, LinesThatWereKeptLongEnoughGo) {
  append(1000, now() - 49h, 10);
  append(3, now() - 49h, std::size_t{3} << 20);
  append(5, now() - 47h, 10);
  auto story = [](ServiceAuditTest* self) -> Task<void> {
    self->service_->start();
    std::vector<Audit> lines;
    asio::steady_timer pause(self->io_);
    for (int i = 0; i < 200 && lines.size() != 5; ++i) {
      pause.expires_after(50ms);
      (void)co_await pause.async_wait(use_tuple);
      lines = co_await self->table();
    }
    EXPECT_EQ(lines.size(), 5U);
  };
  run(story(this));
}

// What was written before a line was bounded is read as well.
TEST_F(ServiceAuditTest, LongLinesComeInShortPages) {
  append(30, now(), std::size_t{1} << 20);
  append(1, now(), client_reads + 1);
  append(1500, now(), 10);
  auto story = [](ServiceAuditTest* self) -> Task<void> {
    std::uint64_t after = 0;
    std::size_t lines = 0, pages = 0, left_out = 0;
    while (true) {
      auto answer = co_await self->alice_->request("GET", "/v1/audit?after=" + std::to_string(after));
      EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->text() : answer.error().message);
      if (!answer || answer->status != 200) co_return;
      const json page = json::parse(answer->text());
      if (page["audit"].empty()) break;
      EXPECT_EQ(page["audit"][0]["sequence"], after + 1);
      after = page["audit"].back()["sequence"].get<std::uint64_t>();
      lines += page["audit"].size();
      for (const json& line : page["audit"]) left_out += line["detail"].contains("left_out") ? 1 : 0;
      ++pages;
    }
    EXPECT_EQ(lines, 1531U);
    EXPECT_EQ(left_out, 1U);
    EXPECT_LT(pages, 14U);
  };
  run(story(this));
}

// What a gateway's daemon would do, at any time, as if another key server of the store had been asked.
struct Elsewhere {
  explicit Elsewhere(const Folder& folder) : store(*sqlite::SqliteStore::open(folder / "kds.sqlite")) {}
  bool boot(Time at) { return generations.boot("gw1", testing_support::nonce(1), at).ok(); }
  bool acknowledge(Time at) {
    std::uint64_t last = 0;
    const auto read = store->read([&](Transaction& transaction) -> Result<void> {
      last = transaction.gateway("gw1")->sequence;
      return {};
    });
    return read && generations.acknowledge("gw1", last, at);
  }

  Kek kek = test_kek();
  std::unique_ptr<sqlite::SqliteStore> store;
  Generations generations{*store, kek, GenerationOptions{}};
};

Bytes boot_nonce() { return testing_support::nonce(1); }
Service::DeviceWork enrol_laptop() {
  return [](Devices& devices, Time at) -> Result<Touched> {
    Device device;
    device.name = "laptop";
    device.roles = {"staff"};
    if (auto done = devices.enrol(device, "operator/test", at); !done) return done.error();
    return Touched{};
  };
}
KeyQuestion healthy_laptop() {
  KeyQuestion question;
  question.device = "laptop";
  question.fingerprint = Bytes(32, 1);
  question.posture = json::object();
  return question;
}
std::vector<AnomalyReport> report(Anomaly::Kind kind, const Issued& key) {
  return {{kind, key.number, key.id, key.incarnation}};
}

TEST_F(ServiceAuditTest, WhatFollowsFromAnomaliesIsInTheFileAndTheMetrics) {
  auto story = [](ServiceAuditTest* self) -> Task<void> {
    Service& service = *self->service_;
    Elsewhere elsewhere(self->folder_);
    auto booted = co_await service.boot("gw1", boot_nonce(), 0);
    EXPECT_TRUE(booted && elsewhere.acknowledge(now()));
    Result<void> enrolled = co_await service.with_devices(enrol_laptop());
    EXPECT_TRUE(enrolled);
    for (int offence = 0; offence < 2; ++offence) {
      Result<KeyAnswer> answer = co_await service.keys(healthy_laptop());
      EXPECT_TRUE(answer && answer->issued.size() == 1) << (answer ? "" : answer.error().message);
      if (!answer || answer->issued.empty()) co_return;
      for (const auto kind : {Anomaly::Kind::moved, Anomaly::Kind::moved, Anomaly::Kind::clone}) {
        Result<void> done = co_await service.anomalies("gw1", report(kind, answer->issued.front()));
        EXPECT_TRUE(done);
      }
    }
  };
  run(story(this));
  const std::string text = file();
  for (
      const char* words :
      {R"("actor":"gateway/gw1","action":"anomaly","subject":"device/laptop","outcome":"done","detail":{"gateway":"gw1")",
       R"("actor":"gateway/gw1","action":"revoke","subject":"device/laptop","outcome":"done")",
       R"("actor":"gateway/gw1","action":"ban","subject":"device/laptop","outcome":"done")", R"("anomaly":"clone")",
       R"("actor":"kds","action":"generation","subject":"gateway/gw1","outcome":"done","detail":{"generation":1)"})
    EXPECT_NE(text.find(words), std::string::npos) << words << '\n' << text;
  EXPECT_EQ(text.find("\"promote\""), std::string::npos) << "another key server did that: " << text;
  EXPECT_EQ(text.find("\"enrol\""), std::string::npos) << "a request, which its answer notes: " << text;
  const std::string metrics = measure({}, log_->counts()).to_text();
  for (const char* line : {"{action=\"ban\",outcome=\"done\"} 1\n", "{action=\"revoke\",outcome=\"done\"} 1\n",
                           "{action=\"anomaly\",outcome=\"done\"} 2\n"})
    EXPECT_NE(metrics.find(line), std::string::npos) << line << metrics;
}

TEST_F(ServiceAuditTest, WhatTimeBringsIsInTheFile) {
  {
    Elsewhere elsewhere(folder_);
    ASSERT_TRUE(elsewhere.boot(now() - 61min));
  }
  auto story = [](ServiceAuditTest* self) -> Task<void> {
    self->service_->start();
    const bool noted = co_await self->until([&] { return self->file().find("ended: lifetime") != std::string::npos; });
    EXPECT_TRUE(noted) << self->file();
  };
  run(story(this));
  EXPECT_NE(
      file().find(R"("actor":"kds","action":"end","subject":"gateway/gw1","outcome":"done","detail":{"generation":1)"),
      std::string::npos)
      << file();
}

}  // namespace
}  // namespace sluice::kds
