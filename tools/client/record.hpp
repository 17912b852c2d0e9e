// SPDX-License-Identifier: Apache-2.0
//
// The record of a tunnel that is up: what it is, what was made for it, and in which network namespace.  It is a file,
// kept under a lock while one process changes the tunnel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "client/step.hpp"

namespace sluice::client {

/// Whose key it is, where a key server gave it.
struct Grant {
  std::string gateway, network;
  std::int64_t end = 0;  ///< seconds of CLOCK_BOOTTIME, from when on the gateway takes nothing

  bool operator==(const Grant&) const = default;
};

struct Record {
  Tunnel tunnel;
  std::vector<Step> made;  ///< in the order in which they were
  bool keeper = false;     ///< a process belongs to it
  std::uint64_t network_namespace = 0;
  std::int64_t since = 0;  ///< seconds of the epoch
  std::optional<Grant> grant;

  [[nodiscard]] std::string to_text() const;
  static Result<Record> parse(const std::string& text);
};

class RecordFile {
 public:
  /// Waits for whoever has it.  Makes the file if there is none; an empty one says that nothing is up.
  static Result<RecordFile> lock();

  /// Without a lock, for those that only look.  Nothing: nothing is up.
  static Result<std::optional<Record>> look();

  Result<std::optional<Record>> load() const;
  Result<void> save(const Record& record) const;
  /// Nothing is up any more.
  void remove() const;

 private:
  explicit RecordFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace sluice::client
