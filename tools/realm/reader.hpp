// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON of a server into values: getters note the first thing that is wrong, with its place, and give a stand-in,
// so that what is read stays readable.  Of what is wrong no value is told: it may be a key.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "derivation/secret.hpp"

namespace sluice::realm {

/// Words of a server for a terminal: control characters, those that turn the direction of writing among them, are '?';
/// at most *most* bytes.  *text* is UTF-8.
std::string printable(std::string_view text, std::size_t most = 1024);

/// One JSON object of at most *most* bytes, read strictly (evidence/json.hpp).  EBADMSG.
Result<nlohmann::json> parse_object(std::string_view text, std::size_t most);

class Reader {
 public:
  Reader(const nlohmann::json& json, std::string path, std::optional<Error>& error)
      : json_(json), path_(std::move(path)), error_(error) {}

  /// Members of an object; without a fallback they must be there.
  [[nodiscard]] bool has(const char* name) const;
  std::string text(const char* name, std::size_t most);
  /// A name as in certificates and settings; safe to print.
  std::string name(const char* name);
  std::uint64_t number(const char* name, std::uint64_t least, std::uint64_t most);
  bool boolean(const char* name);
  /// base64url of so many bytes.
  derivation::Secret secret(const char* name, std::size_t size);
  Reader object(const char* name);
  /// An array of at most *most*; absent: empty.
  std::vector<Reader> list(const char* name, std::size_t most);
  std::vector<std::string> texts(const char* name, std::size_t most, std::size_t text_most);

  /// A text that *parse* turns into a value; what it says of it is told.
  template <class T>
  T parsed(const char* name, const std::function<Result<T>(std::string_view)>& parse) {
    return take<T>(name, text(name, 64), parse);
  }
  template <class T>
  std::vector<T> all_parsed(const char* name, std::size_t most,
                            const std::function<Result<T>(std::string_view)>& parse) {
    std::vector<T> values;
    for (const std::string& one : texts(name, most, 64)) values.push_back(take<T>(name, one, parse));
    return values;
  }

  /// Notes what is wrong at a member, unless something else was before.
  void wrong(std::string_view name, const std::string& what);
  [[nodiscard]] const nlohmann::json& json() const { return json_; }
  [[nodiscard]] bool ok() const { return !error_.has_value(); }

 private:
  const nlohmann::json* member(const char* name, const char* kind);
  [[nodiscard]] std::string at(std::string_view name) const;
  template <class T>
  T take(const char* name, const std::string& text, const std::function<Result<T>(std::string_view)>& parse) {
    if (!ok()) return T{};
    Result<T> value = parse(text);
    if (value) return *std::move(value);
    wrong(name, printable(value.error().message));
    return T{};
  }

  const nlohmann::json& json_;
  std::string path_;
  std::optional<Error>& error_;
};

}  // namespace sluice::realm
