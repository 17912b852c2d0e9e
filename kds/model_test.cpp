// SPDX-License-Identifier: Apache-2.0
//
// A long random life of gateways and devices, held against a plain model of what must never happen.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <random>
#include <tuple>

#include "kds/anomaly.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;

constexpr int steps = 3000;

/// A key as the model remembers it.
struct Key {
  std::string device;
  std::string gateway;
  std::uint32_t number;
  std::uint32_t id;
  std::uint32_t incarnation;
  Time lease_until;
  bool revoked = false;
};

struct GatewayModel {
  std::uint8_t boot = 0;
  Kernel kernel;
  std::uint64_t done = 0;          // carried out by the kernel
  std::uint64_t acknowledged = 0;  // and said so
  std::uint32_t newest = 0;
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    for (const char* name : {"a", "b", "c", "d"}) world_.enrol(name);
  }

  void run() {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      now_ += std::chrono::seconds(pick(90));
      const int what = pick(100);
      if (what < 35)
        poll(gateway());
      else if (what < 65)
        issue(gateway(), device());
      else if (what < 75)
        renew(gateway(), device());
      else if (what < 79)
        revoke(device());
      else if (what < 82)
        ban(device());
      else if (what < 88)
        unban(device());
      else if (what < 93)
        anomaly();
      else if (what < 94)
        boot(gateway());
      else if (what < 95)
        forget(device());
      else if (what < 96)
        now_ += std::chrono::minutes(pick(120));
      else if (what < 98)
        hurry(gateway());
      tick();
      check();
    }
    EXPECT_GT(issued_, 250U);
    EXPECT_GT(promotions_, 10U);
    EXPECT_GT(revoked_by_anomaly_, 0U);
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string gateway() { return pick(3) == 0 ? "gw2" : "gw1"; }
  std::string device() { return std::string(1, static_cast<char>('a' + pick(4))); }

  void boot(const std::string& name) {
    GatewayModel& gateway = gateways_[name];
    if (pick(2) == 0 || gateway.boot == 0) {
      gateway.boot = static_cast<std::uint8_t>(gateway.boot % 250 + 1);
      gateway.kernel = Kernel();
    }
    const auto booted = world_.generations.boot(name, nonce(gateway.boot), now_);
    ASSERT_TRUE(booted) << booted.error().message;
    gateway.acknowledged = std::max(gateway.acknowledged, booted->acknowledged);
    gateway.done = booted->acknowledged;
  }

  /// Sometimes what was done is not told, or told late, or half of it.
  void poll(const std::string& name) {
    GatewayModel& gateway = gateways_[name];
    if (gateway.boot == 0) return boot(name);
    if (pick(4) != 0) {
      ASSERT_TRUE(world_.generations.acknowledge(name, gateway.done, now_));
      gateway.acknowledged = gateway.done;
    }
    const auto updates =
        world_.generations.updates_after(name, gateway.done, now_, static_cast<std::size_t>(1 + pick(8)));
    ASSERT_TRUE(updates) << updates.error().message;
    for (const auto& outgoing : *updates) {
      ASSERT_EQ(gateway.kernel.apply(outgoing, now_), 0)
          << name << " kind " << static_cast<int>(outgoing.update.kind) << " generation " << outgoing.update.number;
      ASSERT_GT(outgoing.update.sequence, gateway.done);
      gateway.done = outgoing.update.sequence;
      if (outgoing.update.kind == Update::Kind::promote) ++promotions_;
    }
  }

  void issue(const std::string& name, const std::string& device) {
    const auto answer = world_.issuer.issue(request(device, name), now_);
    if (!answer) {
      ASSERT_TRUE(answer.error().number != EACCES || banned_.contains(device) || forgotten_.contains(device));
      ASSERT_TRUE(answer.error().number == EACCES || answer.error().number == EAGAIN || answer.error().number == ENOENT)
          << answer.error().message;
      return;
    }
    ++issued_;
    ASSERT_FALSE(banned_.contains(device));
    // No SPI twice, no key twice, and only of what the gateway has promoted and said so.
    ASSERT_TRUE(spis_.insert({name, answer->number, answer->spi_to_gateway}).second);
    ASSERT_TRUE(spis_.insert({name, answer->number, answer->spi_to_client}).second);
    ASSERT_TRUE(material_.insert(std::string(answer->key_to_gateway.hex().text())).second);
    ASSERT_TRUE(material_.insert(std::string(answer->key_to_client.hex().text())).second);
    GatewayModel& gateway = gateways_[name];
    ASSERT_TRUE(gateway.kernel.promoted(answer->number)) << "issued of a generation that the gateway never had";
    ASSERT_GE(gateway.acknowledged, promotion(name, answer->number));
    // A gateway that has done what it has not told yet may be further: it promoted the next one, and this one's overlap
    // is over there.  Nobody can know that here.
    ASSERT_TRUE(gateway.kernel.takes(answer->number, answer->id, answer->incarnation, now_) ||
                gateway.done < world_.gateway(name).sequence || gateway.acknowledged < gateway.done);
    ASSERT_GE(answer->refresh_after, now_);
    ASSERT_LE(answer->refresh_after, answer->expires_after);
    keys_.push_back({device, name, answer->number, answer->id, answer->incarnation, answer->lease_until});
  }

  std::uint64_t promotion(const std::string& name, std::uint32_t number) {
    return world_.look([&](Transaction& t) { return t.generation(name, number); })->promote_sequence;
  }

  void renew(const std::string& name, const std::string& device) {
    const auto renewed = world_.issuer.renew(request(device, name), now_);
    if (!renewed) {
      ASSERT_TRUE(banned_.contains(device) || forgotten_.contains(device));
      return;
    }
    for (const Renewed& one : *renewed) {
      Key* key = nullptr;
      for (Key& known : keys_) {
        if (known.gateway == name && known.number == one.number && known.id == one.id &&
            known.incarnation == one.incarnation)
          key = &known;
      }
      ASSERT_NE(key, nullptr);
      ASSERT_EQ(key->device, device);
      ASSERT_FALSE(key->revoked) << "a revoked incarnation was leased again";
      ASSERT_GT(key->lease_until, now_);
      key->lease_until = one.lease_until;
    }
  }

  void lose(const std::string& device) {
    for (Key& key : keys_) {
      if (key.device == device) key.revoked = true;
    }
  }
  void revoke(const std::string& device) {
    if (world_.devices.revoke(device, "operator/test", now_)) lose(device);
  }
  void ban(const std::string& device) {
    if (!world_.devices.ban(device, "operator/test", now_)) return;
    lose(device);
    banned_.insert(device);
  }
  void unban(const std::string& device) {
    if (forgotten_.erase(device) != 0) world_.enrol(device, now_);
    if (world_.devices.unban(device, "operator/test", now_)) banned_.erase(device);
    offences_.erase(device);
  }
  void forget(const std::string& device) {
    if (!world_.devices.forget(device, "operator/test", now_)) return;
    lose(device);
    banned_.erase(device);
    offences_.erase(device);
    forgotten_.insert(device);
  }

  /// As after an id's last incarnation: the next generation is due, whatever state the others are in.
  void hurry(const std::string& name) {
    ASSERT_TRUE(world_.store->transact([&](Transaction& t) -> Result<void> {
      std::optional<Gateway> gateway = t.gateway(name);
      if (!gateway) return {};
      gateway->early = true;
      t.put(*gateway);
      return {};
    }));
  }

  void anomaly() {
    if (keys_.empty()) return;
    // Of late ones, as older generations are dead.
    const std::size_t back = std::min<std::size_t>(keys_.size(), 12);
    Key key = keys_[keys_.size() - 1 - static_cast<std::size_t>(pick(static_cast<int>(back)))];
    const auto decisions =
        anomalies_.report(key.gateway, {{Anomaly::Kind::clone, key.number, key.id, key.incarnation}}, now_);
    ASSERT_TRUE(decisions);
    const Consequence* decision = &decisions->front();
    if (decision->verdict == Consequence::Verdict::unknown) return;
    if (key.revoked) {
      ASSERT_EQ(decision->verdict, Consequence::Verdict::duplicate);
      return;
    }
    const auto before = offences_.find(key.device);
    const bool again = before != offences_.end() && now_ - before->second < 1h;
    ASSERT_EQ(decision->verdict, again ? Consequence::Verdict::banned : Consequence::Verdict::revoked);
    offences_[key.device] = now_;
    ++revoked_by_anomaly_;
    lose(key.device);
    if (again) banned_.insert(key.device);
  }

  void tick() {
    const auto ticked = world_.generations.tick(now_);
    ASSERT_TRUE(ticked) << ticked.error().message;
    // A lease that ran out takes its key, and those before it, and not those after it.
    for (const Key& over : std::vector<Key>(keys_)) {
      if (over.revoked || over.lease_until > now_) continue;
      for (Key& key : keys_) {
        if (key.gateway == over.gateway && key.number == over.number && key.id == over.id &&
            key.incarnation <= over.incarnation)
          key.revoked = true;
      }
    }
    // What nobody asks about again.
    if (keys_.size() > 400) keys_.erase(keys_.begin(), keys_.begin() + 200);
  }

  void check() {
    for (auto& [name, gateway] : gateways_) {
      const auto live = world_.live(name);
      ASSERT_LE(live.size(), 2U);
      ASSERT_LE(gateway.kernel.live(now_), 2U);
      for (const Generation& generation : live) ASSERT_LT(now_, generation.hard_end());
      // One is over only where the gateway said that it has the next one's promotion.
      if (live.size() == 2 && live[0].state == GenerationState::previous) {
        ASSERT_EQ(live[1].state, GenerationState::current);
        ASSERT_LE(live[1].promote_sequence, gateway.acknowledged);
      }
      const std::uint32_t newest = world_.gateway(name).newest;
      ASSERT_GE(newest, gateway.newest);
      for (const Generation& generation : live) ASSERT_LE(generation.number, newest);
      gateway.newest = newest;
      // Who has carried everything out takes exactly what is not revoked.
      if (gateway.done != world_.gateway(name).sequence) continue;
      for (const Key& key : keys_) {
        if (key.gateway != name) continue;
        const bool takes = gateway.kernel.takes(key.number, key.id, key.incarnation, now_);
        ASSERT_FALSE(key.revoked && takes)
            << "revoked, and taken: " << key.number << '/' << key.id << '/' << key.incarnation;
        const bool is_live = std::any_of(live.begin(), live.end(), [&](const Generation& generation) {
          return generation.number == key.number && generation.state == GenerationState::current;
        });
        const bool good = !key.revoked && is_live && may_issue(world_.gateway(name), live.back(), now_);
        ASSERT_TRUE(takes || !good) << "good, and refused: " << key.number << '/' << key.id << '/' << key.incarnation;
      }
    }
  }

  std::mt19937 random_;
  World world_;
  Anomalies anomalies_{*world_.store};
  Time now_ = start();
  std::map<std::string, GatewayModel> gateways_;
  std::vector<Key> keys_;
  std::set<std::tuple<std::string, std::uint32_t, std::uint32_t>> spis_;
  std::set<std::string> material_;
  std::set<std::string> banned_, forgotten_;
  std::map<std::string, Time> offences_;
  std::size_t issued_ = 0, promotions_ = 0, revoked_by_anomaly_ = 0;
};

/// Another life than the usual ones: SLUICE_MODEL_SEED=NUMBER.
std::vector<unsigned> seeds() {
  const char* given = std::getenv("SLUICE_MODEL_SEED");
  if (given != nullptr) return {static_cast<unsigned>(std::strtoul(given, nullptr, 10))};
  return {1, 2};
}

TEST(Model, HoldsForALongTime) {
  for (const unsigned seed : seeds()) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    model.run();
  }
}

}  // namespace
}  // namespace sluice::kds
