// SPDX-License-Identifier: Apache-2.0
//
// kds_store_bench [FOLDER [DEVICES [KEYS]]]: keys issued per second, one transaction each and many at once, in a new
// file in FOLDER.  Processor time is this process's: what one core could issue if nobody waited for the disk.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kds/testing.hpp"

namespace {

using namespace sluice;
using namespace sluice::kds;
using namespace sluice::kds::testing_support;

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// False: something was refused.
bool measure(const std::string& folder_name, std::size_t batch, std::size_t devices, std::size_t keys) {
  const Folder folder(folder_name);
  auto store = sqlite::SqliteStore::open(folder / "kds.db");
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return false;
  }
  const Kek kek = test_kek();
  std::mt19937 random(1);
  Generations generations(**store, kek, GenerationOptions{});
  Issuer issuer(**store, kek, [&] { return static_cast<double>(random()) / 4294967296.0; });
  const auto boot = generations.boot("gw1", nonce(1), start());
  if (!boot || !generations.acknowledge("gw1", 2, start())) return false;
  const auto enrolled = (*store)->transact([&](Transaction& t) -> Result<void> {
    for (std::size_t i = 0; i < devices; ++i) {
      Device device;
      device.name = "device" + std::to_string(i);
      t.put(device);
    }
    return {};
  });
  if (!enrolled) return false;
  const auto begin = std::chrono::steady_clock::now();
  const double processor = processor_seconds();
  std::vector<IssueRequest> requests;
  for (std::size_t done = 0; done < keys; done += requests.size()) {
    requests.clear();
    for (std::size_t i = done; i < keys && requests.size() < batch; ++i) {
      requests.push_back(request("device" + std::to_string(i % devices)));
      requests.back().pool = {1, 1'000'000};
    }
    for (const auto& answer : issuer.issue_many(requests, start())) {
      if (answer) continue;
      std::fprintf(stderr, "%s\n", answer.error().message.c_str());
      return false;
    }
  }
  const double used = processor_seconds() - processor;
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%-10s %4zu a transaction: %8.0f keys/s, %6.0f us of processor each: %8.0f keys/s and core\n",
              folder_name.c_str(), batch, static_cast<double>(keys) / took, used / static_cast<double>(keys) * 1e6,
              static_cast<double>(keys) / used);
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string folder = count > 1 ? arguments[1] : "/tmp";
  const std::size_t devices = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 10000;
  const std::size_t keys = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 20000;
  if (devices == 0) return 2;
  for (const std::size_t batch : {1U, 8U, 32U, 128U}) {
    if (!measure(folder, batch, devices, batch == 1 ? keys / 4 : keys)) return 1;
  }
  return 0;
}
