// SPDX-License-Identifier: Apache-2.0
#include "base/notify.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "base/unique_fd.hpp"

namespace sluice {
namespace {

// *path*: as the kernel takes it, an abstract one with its leading NUL.
UniqueFd listen_at(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())),
            0);
  return fd;
}

std::string said(const UniqueFd& fd) {
  std::string text(64, '\0');
  const ssize_t size = ::recv(fd.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

TEST(Notify, IsReadByPathAndByAbstractName) {
  const std::string name = ::testing::TempDir() + "notify-" + std::to_string(::getpid());
  for (const bool abstract : {false, true}) {
    const UniqueFd fd = listen_at(abstract ? std::string(1, '\0') + name : name);
    ::setenv("NOTIFY_SOCKET", (abstract ? "@" + name : name).c_str(), 1);
    notify_ready();
    EXPECT_EQ(said(fd), "READY=1");
  }
  ::unlink(name.c_str());
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(Notify, NobodyThereIsNoMatter) {
  for (const std::string& path :
       {std::string(), std::string("@"), std::string("/nowhere/at/all"), std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    notify_ready();
  }
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready();
}

}  // namespace
}  // namespace sluice
