// SPDX-License-Identifier: Apache-2.0
#include "client/runtime.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>

namespace sluice::client {
namespace {

std::filesystem::path folder() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  if (given == nullptr || *given == '\0') return "/run";
  const std::string all(given);
  return all.substr(0, all.find(':'));  // several are separated by colons (systemd.exec(5))
}

}  // namespace

namespace runtime {

std::filesystem::path record_path() { return folder() / "sluice-client.state"; }
std::filesystem::path pid_path() { return folder() / "sluice-client.pid"; }
std::filesystem::path ticket_path() { return folder() / "sluice-client.ticket"; }
void forget_ticket() {
  ::unlink(ticket_path().c_str());
  ::unlink((ticket_path().string() + ".new").c_str());  // of a process that was killed while it wrote
}
std::filesystem::path daemon_path() { return folder() / "sluice-client.daemon"; }

std::int64_t boot_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec;
}

Result<void> need_rights() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, data) == 0 && (data[CAP_NET_ADMIN / 32].effective >> (CAP_NET_ADMIN % 32) & 1))
    return {};
  return Error{"needs CAP_NET_ADMIN: run it as root", EPERM};
}

Result<std::uint64_t> network_namespace() {
  struct stat about {};
  if (::stat("/proc/self/ns/net", &about) != 0) return system_error("/proc/self/ns/net", errno);
  return static_cast<std::uint64_t>(about.st_ino);
}

void forbid_dumps() { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

}  // namespace runtime

Result<PidFile> PidFile::create() {
  const std::string path = runtime::pid_path().string();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return system_error(path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return system_error(path, errno == EWOULDBLOCK ? EBUSY : errno);
  return PidFile(std::move(fd));
}

Result<void> PidFile::write(pid_t pid) const {
  const std::string line = std::to_string(pid) + "\n";
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
    return system_error(runtime::pid_path().string(), errno);
  return {};
}

void PidFile::remove() const { ::unlink(runtime::pid_path().c_str()); }

std::optional<pid_t> PidFile::living() {
  UniqueFd fd(::open(runtime::pid_path().c_str(), O_RDONLY | O_CLOEXEC));
  // The lock tells, not the number: that may be another process's by now.
  if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return std::nullopt;
  char line[32] = "";
  if (::pread(fd.get(), line, sizeof line - 1, 0) <= 0) return std::nullopt;
  const long pid = std::strtol(line, nullptr, 10);
  return pid > 1 ? std::optional<pid_t>(static_cast<pid_t>(pid)) : std::nullopt;
}

}  // namespace sluice::client
