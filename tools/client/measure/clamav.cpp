// SPDX-License-Identifier: Apache-2.0
//
// How old what the malware scanner looks for is: the build time in the header of ClamAV's databases, 512 bytes of
// "ClamAV-VDB:build time:version:signatures:...".  A file's own time says when it was copied.
#include <cerrno>

#include "client/measure/date.hpp"
#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

constexpr std::string_view magic = "ClamAV-VDB:";
constexpr std::size_t header_size = 512;

std::optional<std::time_t> build_time(std::string_view header) {
  if (!header.starts_with(magic)) return std::nullopt;
  header.remove_prefix(magic.size());
  const std::size_t end = header.find(':');
  return end == std::string_view::npos ? std::nullopt : parse_clamav_date(header.substr(0, end));
}

}  // namespace

Result<Json> measure_malware_scanner(const Host& host) {
  std::optional<std::time_t> newest;
  std::string problem;
  // .cvd is as downloaded, .cld has incremental updates in it.
  for (const char* file : {"daily.cld", "daily.cvd", "main.cld", "main.cvd"}) {
    auto header = host.read_start(std::string("/var/lib/clamav/") + file, header_size);
    if (!header && header.error().number == ENOENT) continue;
    const auto time = header ? build_time(*header) : std::nullopt;
    if (time && (!newest || *time > *newest)) newest = time;
    if (!time) problem = header ? std::string(file) + ": has no header of a ClamAV database" : header.error().message;
  }
  if (!newest) return Error{problem.empty() ? "no ClamAV database" : problem};
  // Built "after now": a clock is wrong, and which one cannot be seen from here.
  if (*newest > host.now + 86400) return Error{"the ClamAV database was built in the future: is the clock right?"};
  return Json{{"name", "clamav"}, {"database_age", std::max<std::time_t>(0, host.now - *newest)}};
}

}  // namespace sluice::client::measure
