// SPDX-License-Identifier: Apache-2.0
//
// Where this process stands: its folder for what lives until the next boot, its rights, its network namespace; and the
// pid file, whose lock says whether the keeper lives, however it ended.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace sluice::client {
namespace runtime {

/// /run/sluice-client.state, or in systemd's $RUNTIME_DIRECTORY.
std::filesystem::path record_path();
std::filesystem::path pid_path();

/// The TLS ticket of the last turn: a secret.
std::filesystem::path ticket_path();
void forget_ticket();

/// What the daemon tells of itself.
std::filesystem::path daemon_path();

/// Seconds of CLOCK_BOOTTIME: those of a suspended machine count.
std::int64_t boot_seconds();

/// EPERM, with what to do about it, for those who may not configure networks.
Result<void> need_rights();
/// The number that tells network namespaces apart.
Result<std::uint64_t> network_namespace();
/// Keys are in this process's memory: no core dump and no debugger of the same user gets it.
void forbid_dumps();

}  // namespace runtime

class PidFile {
 public:
  /// EBUSY: a keeper lives.
  static Result<PidFile> create();
  /// The descriptor that a keeper inherited.
  explicit PidFile(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<void> write(pid_t pid) const;
  void remove() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The keeper that lives; nothing if there is none.
  static std::optional<pid_t> living();

 private:
  UniqueFd fd_;
};

}  // namespace sluice::client
