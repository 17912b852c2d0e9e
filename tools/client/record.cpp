// SPDX-License-Identifier: Apache-2.0
#include "client/record.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "client/runtime.hpp"

namespace sluice::client {
namespace {

Result<std::string> read_all(int fd, const std::string& name) {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t size = ::pread(fd, part, sizeof part, static_cast<off_t>(text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(name, errno);
    if (size == 0) return text;
    text.append(part, static_cast<std::size_t>(size));
  }
}

Result<std::optional<Record>> read_record(int fd) {
  const std::string name = runtime::record_path().string();
  auto text = read_all(fd, name);
  if (!text) return text.error();
  if (text->empty()) return std::optional<Record>();
  auto record = Record::parse(*text);
  if (!record)
    return Error{name + " is damaged (" + record.error().message +
                     "): remove it, and by hand what `ip xfrm state` and " + "`ip xfrm policy` show of the tunnel",
                 EBADMSG};
  return std::optional<Record>(*std::move(record));
}

}  // namespace

std::string Record::to_text() const {
  nlohmann::json json{{"tunnel", to_json(tunnel)},
                      {"made", nlohmann::json::array()},
                      {"keeper", keeper},
                      {"network_namespace", network_namespace},
                      {"since", since}};
  for (const Step& step : made) json["made"].push_back(to_json(step));
  if (grant) json["grant"] = {{"gateway", grant->gateway}, {"network", grant->network}, {"end", grant->end}};
  return json.dump() + "\n";
}

Result<Record> Record::parse(const std::string& text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    Record record;
    auto tunnel = tunnel_from_json(json.at("tunnel"));
    if (!tunnel) return tunnel.error();
    record.tunnel = *std::move(tunnel);
    for (const auto& one : json.at("made")) {
      auto step = step_from_json(one);
      if (!step) return step.error();
      record.made.push_back(*std::move(step));
    }
    record.keeper = json.at("keeper").get<bool>();
    record.network_namespace = json.at("network_namespace").get<std::uint64_t>();
    record.since = json.at("since").get<std::int64_t>();
    if (const auto grant = json.find("grant"); grant != json.end())
      record.grant = Grant{grant->at("gateway").get<std::string>(), grant->at("network").get<std::string>(),
                           grant->at("end").get<std::int64_t>()};
    return record;
  } catch (const nlohmann::json::exception& error) {
    return Error{error.what(), EBADMSG};
  }
}

Result<RecordFile> RecordFile::lock() {
  const std::string path = runtime::record_path().string();
  for (;;) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return system_error(path, errno);
    while (::flock(fd.get(), LOCK_EX) != 0)
      if (errno != EINTR) return system_error(path, errno);
    // Whoever had it before may have removed it.
    struct stat ours {
    }, there{};
    if (::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino)
      return RecordFile(std::move(fd));
  }
}

Result<std::optional<Record>> RecordFile::look() {
  const std::string path = runtime::record_path().string();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<Record>();
  if (!fd) return system_error(path, errno);
  while (::flock(fd.get(), LOCK_SH) != 0)
    if (errno != EINTR) return system_error(path, errno);
  return read_record(fd.get());
}

Result<std::optional<Record>> RecordFile::load() const { return read_record(fd_.get()); }

Result<void> RecordFile::save(const Record& record) const {
  const std::string text = record.to_text();
  const std::string path = runtime::record_path().string();
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(fd_.get(), static_cast<off_t>(text.size())) != 0)
    return system_error(path, errno);
  return {};
}

void RecordFile::remove() const { ::unlink(runtime::record_path().c_str()); }

}  // namespace sluice::client
