// SPDX-License-Identifier: Apache-2.0
//
// For tests: a store in a folder of its own, and a gateway's kernel that refuses what the module refuses.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kds/device.hpp"
#include "kds/generations.hpp"
#include "kds/issue.hpp"
#include "kds/sqlite/store.hpp"

namespace sluice::kds::testing_support {

using namespace std::chrono_literals;

/// A day in 2027; tests count from here.
inline Time start() { return Time(std::chrono::seconds(1'800'000'000)); }

class Folder {
 public:
  /// In memory where that can be had: tests of what is kept need no disk, and commit thousands of times.
  explicit Folder(const std::string& parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") {
    std::string name = parent + "/sluice-kds-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline Kek test_kek() { return *Kek::from(*derivation::Secret::from_hex(std::string(64, 'a'))); }
inline Bytes nonce(std::uint8_t value) { return Bytes(Generations::nonce_size, value); }

/// By value, to loop over; empty where it failed.
inline std::vector<Generations::Outgoing> updates_of(Generations& generations, std::uint64_t after, Time now,
                                                     const std::string& gateway = "gw1") {
  Result<std::vector<Generations::Outgoing>> updates = generations.updates_after(gateway, after, now);
  return updates ? *std::move(updates) : std::vector<Generations::Outgoing>();
}

/// Everything on one store.  Jitter is the middle, bursts are not limited unless a test says so.
struct World {
  explicit World(IssueOptions options = {0, 4min})
      : issuer(
            *store, kek, [this] { return jitter; }, options) {}

  Folder folder;
  std::unique_ptr<sqlite::SqliteStore> store = *sqlite::SqliteStore::open(folder / "kds.db");
  Kek kek = test_kek();
  double jitter = 0.5;
  Generations generations{*store, kek, GenerationOptions{}};
  Devices devices{*store};
  Issuer issuer;

  /// Reads something in a transaction of its own.
  template <class Function>
  auto look(Function function) {
    std::optional<decltype(function(std::declval<Transaction&>()))> value;
    const Result<void> done = store->read([&](Transaction& transaction) -> Result<void> {
      value = function(transaction);
      return {};
    });
    if (!done) std::abort();
    return *value;
  }
  Gateway gateway(const std::string& name = "gw1") {
    return *look([&](Transaction& t) { return t.gateway(name); });
  }
  std::vector<Generation> live(const std::string& name = "gw1") {
    return look([&](Transaction& t) { return t.live_generations(name); });
  }
  /// All updates that are kept, which the gateway carries out and acknowledges.
  bool acknowledge_all(Time now, const std::string& name = "gw1") {
    return generations.acknowledge(name, gateway(name).sequence, now).ok();
  }
  bool ready(Time now, const std::string& name = "gw1", std::uint8_t boot = 1) {
    return generations.boot(name, nonce(boot), now).ok() && acknowledge_all(now, name);
  }
  bool enrol(const std::string& name, Time now = start()) {
    Device device;
    device.name = name;
    return devices.enrol(device, "operator/test", now).ok();
  }
};

inline IssueRequest request(const std::string& device, const std::string& gateway = "gw1") {
  return {device, gateway, "net1", Pool{1, 1000}, 10min};
}

/// What kmod/generation.c and kmod/esp.c do with updates, with clocks that run alike.
class Kernel {
 public:
  /// An errno, or 0.  What is there already is done already: the gateway's side skips it.
  int apply(const Generations::Outgoing& outgoing, Time now) {
    expire(now);
    const Update& update = outgoing.update;
    switch (update.kind) {
      case Update::Kind::generation: {
        if (live_.contains(update.number)) return 0;
        if (update.number <= newest_) return ESTALE;
        if (live_.size() >= 2) return EBUSY;
        for (const auto& [number, one] : live_) {
          if (number % 3 == update.number % 3 || !one.promoted) return EBUSY;
        }
        if (outgoing.master.size() != 32 || outgoing.master.all_zero()) return EKEYREJECTED;
        if (!keys_.insert(std::string(outgoing.master.hex().text())).second) return EKEYREJECTED;
        if (outgoing.lifetime < 1s || outgoing.lifetime > 24h) return ERANGE;
        newest_ = update.number;
        live_[update.number].end = now + outgoing.lifetime;
        return 0;
      }
      case Update::Kind::promote: {
        const auto found = live_.find(update.number);
        if (found == live_.end()) return ENOENT;
        if (found->second.promoted) return 0;
        if (update.overlap < 1s || update.overlap > 600s) return ERANGE;
        for (auto& [number, one] : live_) {
          if (number != update.number) one.end = std::min(one.end, now + update.overlap);
        }
        found->second.promoted = true;
        promoted_.insert(update.number);
        return 0;
      }
      case Update::Kind::revoke: {
        if (update.incarnation_min > 512) return ERANGE;
        const auto found = live_.find(update.number);
        if (found == live_.end()) return 0;  // ENOENT there: it has ended, and its keys with it
        std::uint32_t& minimum = found->second.minimum[update.id];
        minimum = std::max(minimum, update.incarnation_min);
        return 0;
      }
      case Update::Kind::ban:
        banned_.insert(update.id);
        return 0;
      case Update::Kind::unban:
        banned_.erase(update.id);
        return 0;
      case Update::Kind::policy:
        return 0;
    }
    return EINVAL;
  }

  /// Does it take packets under this key?
  [[nodiscard]] bool takes(std::uint32_t number, std::uint32_t id, std::uint32_t incarnation, Time now) {
    expire(now);
    const auto found = live_.find(number);
    if (found == live_.end() || banned_.contains(id)) return false;
    const auto minimum = found->second.minimum.find(id);
    return minimum == found->second.minimum.end() || incarnation >= minimum->second;
  }
  [[nodiscard]] bool banned(std::uint32_t id) const { return banned_.contains(id); }
  [[nodiscard]] std::size_t live(Time now) {
    expire(now);
    return live_.size();
  }
  /// It was, in this boot; it may have ended since.
  [[nodiscard]] bool promoted(std::uint32_t number) const { return promoted_.contains(number); }

 private:
  struct One {
    Time end;
    bool promoted = false;
    std::map<std::uint32_t, std::uint32_t> minimum;
  };
  void expire(Time now) {
    std::erase_if(live_, [&](const auto& entry) { return entry.second.end <= now; });
  }
  std::map<std::uint32_t, One> live_;
  std::set<std::uint32_t> banned_, promoted_;
  std::set<std::string> keys_;
  std::uint32_t newest_ = 0;
};

}  // namespace sluice::kds::testing_support
