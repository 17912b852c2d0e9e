// SPDX-License-Identifier: Apache-2.0
#include "pki/time.hpp"

#include <charconv>
#include <ctime>

namespace sluice::pki {

Result<tls::Time> parse_time(std::string_view text, tls::Time now) {
  int days = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), days);
  if (code == std::errc() && end == text.data() + text.size() && days > -36500 && days < 36500) {
    return now + std::chrono::days(days);
  }
  const std::string copy(text);
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* rest = ::strptime(copy.c_str(), format, &parts);
    if (rest != nullptr && *rest == '\0' && copy.size() == text.size()) {
      return std::chrono::system_clock::from_time_t(::timegm(&parts));
    }
  }
  return Error{"'" + copy + "' is no time; write 2027-01-31, 2027-01-31T12:00:00Z, or days from now as in -1"};
}

std::string to_string(tls::Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace sluice::pki
