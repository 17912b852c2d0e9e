// SPDX-License-Identifier: Apache-2.0
#include "client/measure/strict_json.hpp"

#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::client::measure {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t whole_most = std::uint64_t{1} << 53;

// Builds the value and notes the first thing that is wrong; false ends the parsing.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const Strictness& strictness) : depth_(strictness.depth), exact_(strictness.exact) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override {
    return exact_ && value < -static_cast<number_integer_t>(whole_most) ? too_large() : put(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    return exact_ && value > whole_most ? too_large() : put(value);
  }
  bool number_float(number_float_t value, const string_t&) override {
    // A whole number without exponent comes here, too, once it needs more than 64 bits.
    return exact_ && std::abs(value) > static_cast<double>(whole_most) ? too_large() : put(value);
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return fail("is not JSON"); }
  bool start_object(std::size_t) override { return begin(Json::object()); }
  bool start_array(std::size_t) override { return begin(Json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name)) return fail("has a key twice");
    key_ = std::move(name);
    return true;
  }
  // The parser's own words would quote what it read.
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail("is not JSON in UTF-8, at byte " + std::to_string(position));
  }

  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }
  [[nodiscard]] Json take() { return std::move(root_); }

 private:
  bool fail(std::string problem) {
    if (!problem_) problem_ = std::move(problem);
    return false;
  }
  bool too_large() { return fail("has a number beyond 2^53"); }
  Json& place(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) return open_.back()->emplace_back(std::move(value));
    return (*open_.back())[key_] = std::move(value);
  }
  bool put(Json value) {
    place(std::move(value));
    return true;
  }
  bool begin(Json empty) {
    if (open_.size() == depth_) return fail("is deeper than " + std::to_string(depth_) + " levels");
    open_.push_back(&place(std::move(empty)));
    return true;
  }
  bool end() {
    open_.pop_back();
    return true;
  }

  std::size_t depth_;
  bool exact_;
  Json root_;
  std::vector<Json*> open_;  // the objects and lists that have begun; each is the last of the one before, so it stays
  std::string key_;
  std::optional<std::string> problem_;
};

}  // namespace

Result<Json> parse_strict(std::string_view text, const Strictness& strictness) {
  if (text.size() > strictness.most) return Error{"is longer than " + std::to_string(strictness.most) + " bytes"};
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Error{"is empty"};
  // A byte order mark, which the parser would pass over (RFC 8259, 8.1).
  if (text.starts_with("\xef\xbb\xbf")) return Error{"begins with a byte order mark"};
  Builder builder(strictness);
  const bool good = Json::sax_parse(text, &builder, Json::input_format_t::json, true);
  if (!good || builder.problem()) return Error{builder.problem().value_or("is not JSON")};
  Json value = builder.take();
  if (strictness.object ? !value.is_object() : !value.is_array())
    return Error{strictness.object ? "is no JSON object" : "is no JSON list"};
  return value;
}

}  // namespace sluice::client::measure
