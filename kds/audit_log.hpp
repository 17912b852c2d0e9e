// SPDX-License-Identifier: Apache-2.0
//
// The audit log: one JSON object a line, in a file that is only appended to.  What is told comes from a closed set of
// typed fields, none of which holds a key; what others wrote is bounded and escaped to ASCII.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "kds/posture.hpp"

namespace sluice::kds {

/// Who did something, or whom it was done to.
struct Party {
  enum class Kind { kds, device, gateway, operator_ };
  Kind kind = Kind::kds;
  std::string name;  ///< empty for this KDS itself

  /// "device/laptop1", "kds".
  [[nodiscard]] std::string to_string() const;
};

enum class AuditAction {
  start,       ///< the KDS, with its settings
  stop,        ///< the KDS
  reload,      ///< the KDS has opened the log anew
  evidence,    ///< of a device, judged
  issue,       ///< a key
  revoke,      ///< keys of a device
  ban,         ///< a device
  unban,       ///< a device
  enrol,       ///< a device
  change,      ///< roles of a device, or whether it is enabled
  forget,      ///< a device
  generation,  ///< made for a gateway
  promote,     ///< a generation
  end,         ///< of a generation
  policy,      ///< another one for a gateway
  boot,        ///< of a gateway
  anomaly      ///< that a gateway told
};
std::string_view to_string(AuditAction action);
inline constexpr std::size_t audit_actions = static_cast<std::size_t>(AuditAction::anomaly) + 1;

enum class AuditOutcome {
  done,
  refused,  ///< by a rule
  failed    ///< by an error
};
std::string_view to_string(AuditOutcome outcome);
inline constexpr std::size_t audit_outcomes = static_cast<std::size_t>(AuditOutcome::failed) + 1;

/// Lines that were written, by what they tell.
class AuditCounts {
 public:
  void add(AuditAction action, AuditOutcome outcome) { ++counts_[place(action, outcome)]; }
  [[nodiscard]] std::uint64_t at(AuditAction action, AuditOutcome outcome) const {
    return counts_[place(action, outcome)];
  }

 private:
  static constexpr std::size_t place(AuditAction action, AuditOutcome outcome) {
    return static_cast<std::size_t>(action) * audit_outcomes + static_cast<std::size_t>(outcome);
  }
  std::array<std::uint64_t, audit_actions * audit_outcomes> counts_{};
};

/// What may be told besides; fields that are empty are left out.
struct AuditDetail {
  std::string gateway{}, network{};
  std::optional<std::uint32_t> generation{}, id{}, incarnation{};
  std::optional<Duration> lifetime{};  ///< told in seconds
  std::optional<Address> address{};    ///< of the other end
  std::string certificate{};           ///< its serial number or fingerprint, hexadecimal
  std::string anomaly{};               ///< its kind
  std::vector<std::string> roles{};
  std::vector<Failure> failures{};  ///< told by claim and what was found
  std::optional<std::uint32_t> count{};
  std::string reason{};  ///< a sentence of ours, or an Error's message; no secret is in either
};

struct AuditEvent {
  std::chrono::system_clock::time_point time;
  Party actor;
  AuditAction action = AuditAction::start;
  Party subject;
  AuditOutcome outcome = AuditOutcome::done;
  AuditDetail detail;
};

/// Most bytes of one text in the log, before it is escaped, and most items of a list; "..." and *_left_out tell of
/// more.
inline constexpr std::size_t audit_text_max = 256;
inline constexpr std::size_t audit_items_max = 64;

/// One line without its end: {"time", "actor", "action", "subject", "outcome", "detail"}, in this order; time as of RFC
/// 3339, UTC, with milliseconds.  Printable ASCII.
std::string audit_line(const AuditEvent& event);

/// The object that stands at "detail".
std::string audit_detail(const AuditDetail& detail);

/// "2026-01-31T23:59:59.042Z".
std::string rfc3339(std::chrono::system_clock::time_point time);

/// Blocks while it writes.  For one thread at a time; several processes may write to one file.
class AuditLog {
 public:
  /// A file that is not there is made, with mode 0640; what is there must be a regular file, and no symbolic link.
  static Result<AuditLog> open(const std::filesystem::path& path);

  /// The whole line is on the disk (fdatasync) when this has succeeded.  On an error the caller must not do what it was
  /// going to tell of.  Half a line, wherever it comes from, is ended before the next.  A file that was deleted
  /// meanwhile is made again.
  Result<void> write(const AuditEvent& event) { return write(std::span(&event, 1)); }
  /// All of them or, by the error, perhaps some; the disk is waited for once.
  Result<void> write(std::span<const AuditEvent> events);

  /// Opens the path again, after a rotation (SIGHUP).  On an error the old file stays in use.
  Result<void> reopen();

  /// Since it was opened first.
  [[nodiscard]] const AuditCounts& counts() const { return counts_; }

 private:
  AuditLog(std::filesystem::path path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  UniqueFd fd_;
  AuditCounts counts_;
  bool is_torn_ = false;  // the file ends in half a line
};

}  // namespace sluice::kds
