// SPDX-License-Identifier: Apache-2.0
//
// What waits in a Service, when the Service ends.
#include "kds/service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "kds/testing.hpp"
#include "kds/testing_settings.hpp"

namespace sluice::kds {
namespace {

using testing_support::Folder;
using testing_support::nonce;
using testing_support::test_kek;

// A gateway that boots, and then asks for updates again and again.
Task<void> be_gateway(Service& service, bool& waits) {
  Result<Generations::Boot> boot = co_await service.boot("gw1", nonce(1), 0);
  EXPECT_TRUE(boot);
  std::uint64_t after = 0;
  for (;;) {
    waits = true;
    Result<std::vector<Generations::Outgoing>> updates = co_await service.updates("gw1", after);
    waits = false;
    if (!updates || updates->empty()) co_return;
    after = updates->back().update.sequence;
  }
}

// A process that ends does not wait for who polls: they end with the executor.
TEST(ServiceTest, ItMayGoBeforeWhoWaitsForIt) {
  Folder folder;
  bool waits = false;
  asio::io_context io{1};
  auto settings = parse_settings(testing_support::one_network, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  auto store = sqlite::SqliteStore::open(folder / "kds.sqlite");
  ASSERT_TRUE(store) << store.error().message;
  Service service(io.get_executor(), *std::move(settings), *std::move(store), test_kek());
  asio::co_spawn(io, be_gateway(service, waits), asio::detached);
  io.run_for(std::chrono::milliseconds(500));
  EXPECT_TRUE(waits);
}

}  // namespace
}  // namespace sluice::kds
