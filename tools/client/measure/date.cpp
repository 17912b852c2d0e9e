// SPDX-License-Identifier: Apache-2.0
#include "client/measure/date.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::client::measure {
namespace {

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes the text apart from its front.  Once something was not there, nothing is.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  int number(std::size_t digits_least, std::size_t digits_most, int least, int most) {
    std::size_t digits = 0;
    while (digits < text_.size() && digits < digits_most && text_[digits] >= '0' && text_[digits] <= '9') ++digits;
    int value = 0;
    std::from_chars(text_.data(), text_.data() + digits, value);
    good_ = good_ && digits >= digits_least && value >= least && value <= most;
    text_.remove_prefix(digits);
    return value;
  }
  int month() {
    const auto found = std::ranges::find(months, text_.substr(0, 3));
    good_ = good_ && found != months.end();
    text_.remove_prefix(std::min<std::size_t>(3, text_.size()));
    return static_cast<int>(found - months.begin());
  }
  void expect(std::string_view what) {
    if (!take(what)) good_ = false;
  }
  bool take(std::string_view what) {
    if (!text_.starts_with(what)) return false;
    text_.remove_prefix(what.size());
    return true;
  }
  [[nodiscard]] bool done() const { return good_ && text_.empty(); }

 private:
  std::string_view text_;
  bool good_ = true;
};

std::tm day_of(Reader& reader) {
  std::tm date{};
  date.tm_mday = reader.number(1, 2, 1, 31);
  reader.expect(" ");
  date.tm_mon = reader.month();
  reader.expect(" ");
  date.tm_year = reader.number(4, 4, 1970, 9999) - 1900;
  reader.expect(" ");
  return date;
}

// The 31st of February would be one of March.
std::optional<std::time_t> seconds_of(std::tm date) {
  const int day = date.tm_mday;
  const std::time_t seconds = ::timegm(&date);
  if (date.tm_mday != day || seconds < 0) return std::nullopt;
  return seconds;
}

}  // namespace

std::optional<std::time_t> parse_clamav_date(std::string_view text) {
  Reader reader(text);
  std::tm date = day_of(reader);
  date.tm_hour = reader.number(2, 2, 0, 23);
  reader.expect("-");
  date.tm_min = reader.number(2, 2, 0, 59);
  reader.expect(" ");
  const int sign = reader.take("-") ? -1 : 1;
  if (sign > 0) reader.expect("+");
  const int hours = reader.number(2, 2, 0, 14), minutes = reader.number(2, 2, 0, 59);
  if (!reader.done()) return std::nullopt;
  const auto seconds = seconds_of(date);
  if (!seconds) return std::nullopt;
  return *seconds - sign * (hours * 3600 + minutes * 60);
}

std::optional<std::time_t> parse_release_date(std::string_view text) {
  // The day of the week follows from the rest.
  if (text.size() > 5 && text[3] == ',') text.remove_prefix(5);
  Reader reader(text);
  std::tm date = day_of(reader);
  date.tm_hour = reader.number(1, 2, 0, 23);
  reader.expect(":");
  date.tm_min = reader.number(2, 2, 0, 59);
  reader.expect(":");
  date.tm_sec = reader.number(2, 2, 0, 59);
  if (!reader.take(" UTC") && !reader.take(" GMT")) reader.expect(" +0000");
  if (!reader.done()) return std::nullopt;
  return seconds_of(date);
}

}  // namespace sluice::client::measure
