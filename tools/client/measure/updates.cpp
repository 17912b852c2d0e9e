// SPDX-License-Identifier: Apache-2.0
//
// How many security updates wait: apt's simulation of an upgrade by the lists that it has, without network; and how old
// those lists are, by the date that the archive has signed.  Other systems: nothing.
#include <cerrno>

#include "client/measure/apt.hpp"
#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

constexpr const char* lists = "/var/lib/apt/lists";
constexpr std::size_t release_start = 4096;  // the fields are in front of the long list of files

std::optional<std::time_t> newest_security_list(const Host& host) {
  std::optional<std::time_t> newest;
  for (const std::string& name : host.names_in(lists)) {
    if (!name.ends_with("_InRelease") && !name.ends_with("_Release")) continue;
    auto text = host.read_start(std::string(lists) + "/" + name, release_start);
    const auto date = text ? date_of_security_release(*text) : std::nullopt;
    if (date && (!newest || *date > *newest)) newest = date;
  }
  return newest;
}

Result<Json> conclude(const Result<Output>& output, std::time_t age) {
  if (!output) return output.error().in("apt-get");
  if (output->code != 0) return Error{"apt-get exits with " + std::to_string(output->code)};
  return Json{{"security_pending", count_security_updates(output->text)}, {"lists_age", age}};
}

Plan nothing(const char* why) {
  return {{}, [why](Outputs, Unmeasured&) { return Result<Json>(Error{why}); }};
}

}  // namespace

Plan plan_updates(const Host& host) {
  const auto apt = host.program("apt-get");
  if (!apt) return nothing("apt-get is not here");
  const auto date = newest_security_list(host);
  if (!date) return nothing("apt has no list of an archive of security updates; `apt-get update` fetches it");
  Limits limits;
  limits.time = host.options.time;
  limits.processor = 10;
  limits.output = std::size_t{4} << 20;
  limits.address_space = std::uint64_t{2} << 30;
  // apt keeps what it made of the lists in /var/cache/apt where that is out of date, and is ended if it may not.
  limits.file_size = std::uint64_t{512} << 20;
  const std::time_t age = std::max<std::time_t>(0, host.now - *date);
  return {{{{*apt, "-s", "-q", "-o", "Debug::NoLocking=true", "upgrade"}, limits}},
          [age](Outputs outputs, Unmeasured&) { return conclude(outputs.front(), age); }};
}

}  // namespace sluice::client::measure
