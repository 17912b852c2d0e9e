// SPDX-License-Identifier: Apache-2.0
#include "kds/audit_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "kds/text.hpp"

namespace sluice::kds {
namespace {

using Json = nlohmann::ordered_json;

constexpr mode_t kMode = 0640;
constexpr int kOpenTries = 4;
constexpr std::array<std::string_view, 17> kActions{"start",   "stop",  "reload", "evidence", "issue",  "revoke",
                                                    "ban",     "unban", "enrol",  "change",   "forget", "generation",
                                                    "promote", "end",   "policy", "boot",     "anomaly"};
constexpr std::array<std::string_view, 3> kOutcomes{"done", "refused", "failed"};
constexpr std::array<std::string_view, 4> kKinds{"kds", "device", "gateway", "operator"};

std::string text_of(std::string_view text) { return bounded(text, audit_text_max); }

// All but ASCII is escaped, and what is no UTF-8 has been replaced: neither throws nor moves a terminal's cursor.
std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

void add(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text_of(text);
}

template <class T>
void add(Json& json, const char* key, const std::optional<T>& number) {
  if (number) json[key] = *number;
}

template <class Items, class Tell>
void add_list(Json& json, const std::string& key, const Items& items, const Tell& tell) {
  if (items.empty()) return;
  Json& list = json[key] = Json::array();
  for (std::size_t i = 0; i < std::min(items.size(), audit_items_max); ++i) list.push_back(tell(items[i]));
  if (items.size() > audit_items_max) json[key + "_left_out"] = items.size() - audit_items_max;
}

Json json_of(const AuditDetail& detail) {
  Json json = Json::object();
  add(json, "gateway", detail.gateway);
  add(json, "network", detail.network);
  add(json, "generation", detail.generation);
  add(json, "id", detail.id);
  add(json, "incarnation", detail.incarnation);
  if (detail.lifetime) json["lifetime"] = std::chrono::duration_cast<std::chrono::seconds>(*detail.lifetime).count();
  if (detail.address) json["address"] = detail.address->to_string();
  add(json, "certificate", detail.certificate);
  add(json, "anomaly", detail.anomaly);
  add_list(json, "roles", detail.roles, [](const std::string& role) { return text_of(role); });
  add_list(json, "failures", detail.failures, [](const Failure& failure) {
    return Json{{"claim", text_of(failure.claim)}, {"found", text_of(failure.found)}};
  });
  add(json, "count", detail.count);
  add(json, "reason", detail.reason);
  return json;
}

// Another process may rotate between the two attempts, so more than once.
Result<UniqueFd> open_file(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe without a reader must not stop us here.
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  for (int i = 0; i < kOpenTries; ++i) {
    UniqueFd fd(::open(path.c_str(), flags));
    if (!fd && errno == ENOENT) {
      fd.reset(::open(path.c_str(), flags | O_CREAT | O_EXCL, kMode));
      if (!fd && errno == EEXIST) continue;
      // The mode asked for, whatever the umask.
      if (fd && ::fchmod(fd.get(), kMode) != 0) return system_error(path.string(), errno);
    }
    if (!fd && errno == ELOOP) return Error{path.string() + ": is a symbolic link, and no audit log", ELOOP};
    if (!fd) return system_error(path.string(), errno);
    struct stat about {};
    if (::fstat(fd.get(), &about) != 0) return system_error(path.string(), errno);
    if (!S_ISREG(about.st_mode)) return Error{path.string() + ": is no regular file, and no audit log", EINVAL};
    return fd;
  }
  return Error{path.string() + ": comes and goes", EAGAIN};
}

// Does the file end in half a line, of somebody who died or ran out of room?
bool ends_torn(const UniqueFd& fd) {
  struct stat about {};
  char last = '\n';
  return ::fstat(fd.get(), &about) == 0 && about.st_size > 0 && ::pread(fd.get(), &last, 1, about.st_size - 1) == 1 &&
         last != '\n';
}

}  // namespace

std::string_view to_string(AuditAction action) { return kActions.at(static_cast<std::size_t>(action)); }
std::string_view to_string(AuditOutcome outcome) { return kOutcomes.at(static_cast<std::size_t>(outcome)); }

std::string Party::to_string() const {
  std::string text(kKinds.at(static_cast<std::size_t>(kind)));
  return name.empty() ? text : text + "/" + name;
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(time - whole);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "";
  std::array<char, 32> date{};
  const std::size_t size = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(rest.count()));
  return std::string(date.data(), size) + fraction.data();
}

std::string audit_detail(const AuditDetail& detail) { return dump(json_of(detail)); }

std::string audit_line(const AuditEvent& event) {
  return dump({{"time", rfc3339(event.time)},
               {"actor", text_of(event.actor.to_string())},
               {"action", to_string(event.action)},
               {"subject", text_of(event.subject.to_string())},
               {"outcome", to_string(event.outcome)},
               {"detail", json_of(event.detail)}});
}

Result<AuditLog> AuditLog::open(const std::filesystem::path& path) {
  auto fd = open_file(path);
  if (!fd) return fd.error().in("audit log");
  AuditLog log(path, *std::move(fd));
  log.is_torn_ = ends_torn(log.fd_);
  return log;
}

Result<void> AuditLog::reopen() {
  auto fd = open_file(path_);
  if (!fd) return fd.error().in("audit log");
  fd_ = *std::move(fd);
  is_torn_ = ends_torn(fd_);
  return {};
}

Result<void> AuditLog::write(std::span<const AuditEvent> events) {
  struct stat about {};
  if (::fstat(fd_.get(), &about) != 0) return system_error("audit log: " + path_.string(), errno);
  // What is written to a deleted file is lost when we end.
  if (about.st_nlink == 0)
    if (auto done = reopen(); !done) return done;
  std::string text = is_torn_ ? "\n" : "";
  for (const AuditEvent& event : events) text += audit_line(event) + "\n";
  ssize_t size = 0;
  // One call, so that lines of several processes are not mixed.
  do size = ::write(fd_.get(), text.data(), text.size());
  while (size < 0 && errno == EINTR);
  if (size < 0) return system_error("audit log: " + path_.string(), errno);
  is_torn_ = static_cast<std::size_t>(size) != text.size();
  if (is_torn_) return system_error("audit log: " + path_.string() + ": half a line was written", ENOSPC);
  if (::fdatasync(fd_.get()) != 0) return system_error("audit log: " + path_.string(), errno);
  for (const AuditEvent& event : events) counts_.add(event.action, event.outcome);
  return {};
}

}  // namespace sluice::kds
