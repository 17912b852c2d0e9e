// SPDX-License-Identifier: Apache-2.0
#include "evidence/json.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "evidence/reason.hpp"

namespace sluice::evidence {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Builds the value from nlohmann's events (its sax_parse calls these); a false ends the parse.
class Builder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  explicit Builder(const JsonRules& rules) : rules_(rules) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(number_integer_t value) {
    constexpr auto most = static_cast<number_integer_t>(kMostNumber);
    return !rules_.exact || (value >= -most && value <= most) ? add(value) : fail(kTooLarge);
  }
  bool number_unsigned(number_unsigned_t value) {
    return !rules_.exact || value <= static_cast<number_unsigned_t>(kMostNumber) ? add(value) : fail(kTooLarge);
  }
  /// Whole numbers beyond 64 bits come as fractions, too.
  bool number_float(number_float_t value, const string_t&) {
    return std::isfinite(value) && (!rules_.exact || std::fabs(value) < kMostNumber) ? add(value) : fail(kTooLarge);
  }
  bool string(string_t& value) { return add(std::move(value)); }
  bool binary(binary_t&) { return fail("holds bytes, which JSON has not"); }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    Level& level = levels_.back();
    level.key = std::move(name);
    return level.container->contains(level.key) ? fail("this key stands twice") : true;
  }

  /// *error* has the text around it in its words, and those are a stranger's.
  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception& error) {
    const std::string_view words = error.what();
    if (words.find("ill-formed UTF-8") != std::string_view::npos) {
      return fail("byte " + std::to_string(position) + " is not UTF-8");
    }
    if (words.find("number overflow") != std::string_view::npos) return fail(kTooLarge);
    return fail("not JSON from byte " + std::to_string(position) + " on");
  }

  [[nodiscard]] Json take() { return std::move(root_); }
  [[nodiscard]] Error error() const { return refusal(Reason::malformed, error_); }

 private:
  static constexpr const char* kTooLarge = "a number beyond 2^53";

  struct Level {
    Json* container;
    std::string key;  ///< of an object: the last one read
  };

  /// Where a value that comes next goes.
  Json* place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Level& level = levels_.back();
    if (level.container->is_array()) return &level.container->emplace_back(std::move(value));
    Json& member = (*level.container)[level.key];
    member = std::move(value);
    return &member;
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (levels_.size() == rules_.depth) return fail("more than " + std::to_string(rules_.depth) + " levels");
    // An array may move its elements while it grows, but only those that are complete: ours is its last.
    levels_.push_back({place(std::move(container)), {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  bool fail(const std::string& what) {
    const std::string at = path();
    error_ = at.empty() ? what : "at " + at + ": " + what;
    return false;
  }

  /// "'posture.packages[2].name'"; what a stranger chose to call his keys is shortened and made printable.
  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.container->is_array()) {
        // Of an array that holds the next level the last element is meant, of the innermost the one to come.
        path += "[" + std::to_string(level.container->size() - (&level == &levels_.back() ? 0 : 1)) + "]";
      } else if (!level.key.empty()) {
        const std::string name = in_quotes(level.key);
        path += (path.empty() ? "" : ".") + name.substr(1, name.size() - 2);
      }
    }
    return path.empty() ? path : "'" + path + "'";
  }

  const JsonRules rules_;
  Json root_;
  std::vector<Level> levels_;
  std::string error_ = "not JSON";
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, std::size_t most_bytes, const JsonRules& rules) {
  if (text.size() > most_bytes) {
    return refusal(Reason::malformed,
                   std::to_string(text.size()) + " bytes of JSON; at most " + std::to_string(most_bytes) + " are read");
  }
  // nlohmann takes a zero byte for the end, and so would not see what is behind it; and it skips a byte-order mark,
  // which RFC 8259, 8.1 forbids to send.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return refusal(Reason::malformed, "not JSON from byte " + std::to_string(zero + 1) + " on, which is zero");
  }
  if (text.starts_with(kByteOrderMark)) {
    return refusal(Reason::malformed, "JSON may not begin with a byte-order mark");
  }
  Builder builder(rules);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return builder.error();
  return builder.take();
}

}  // namespace sluice::evidence
