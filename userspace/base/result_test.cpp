// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/unique_fd.hpp"

namespace sluice {
namespace {

TEST(Result, HoldsValueOrError) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(7);
  ASSERT_TRUE(value);
  std::unique_ptr<int> taken = *std::move(value);
  EXPECT_EQ(*taken, 7);
  Result<int> error = Error{"no"}.in("why");
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().message, "why: no");
  EXPECT_TRUE(Result<void>());
  EXPECT_EQ(system_error("open", ENOENT).message, "open: No such file or directory");
}

TEST(UniqueFd, ClosesOnce) {
  int raw = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(raw, 0);
  {
    UniqueFd first(raw);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), raw);
    first = std::move(second);
    EXPECT_TRUE(first);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace sluice
