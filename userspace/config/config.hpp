// SPDX-License-Identifier: Apache-2.0
//
// Configuration files: TOML, read strictly.  Errors read "FILE:LINE: key 'network.route.prefix': what is
// wrong".  Getters never fail at once: they note the error and give a stand-in, and finish() reports every
// error in the file, unknown keys among them, so that one run shows a person all there is to mend.
//
//   auto file = config::File::load(path);
//   if (!file) return file.error();
//   config::Table root = file->root();
//   settings.name = root.string("name");
//   settings.dead_after = root.duration("dead_after", 10s);
//   for (config::Table network : root.tables("network")) ...
//   if (auto all = file->finish(); !all) return all.error();
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/duration.hpp"
#include "base/result.hpp"

namespace sluice::config {

namespace detail {
struct Document;
struct Node;
}  // namespace detail

/// What a key may hold that is neither a table nor a date.
using Scalar = std::variant<std::string, std::int64_t, double, bool>;

/// One table of a file.  Every key that a getter asks for counts as known.  Cheap to copy; valid while its
/// File lives.
class Table {
 public:
  [[nodiscard]] bool has(std::string_view key);

  /// Getters with one argument require the key; with a fallback it may be absent.
  std::string string(std::string_view key);
  std::string string(std::string_view key, std::string fallback);
  std::optional<std::string> optional_string(std::string_view key);
  bool boolean(std::string_view key, bool fallback);
  std::int64_t integer(std::string_view key, std::int64_t minimum, std::int64_t maximum);
  std::int64_t integer(std::string_view key, std::int64_t minimum, std::int64_t maximum, std::int64_t fallback);
  std::optional<std::int64_t> optional_integer(std::string_view key, std::int64_t minimum, std::int64_t maximum);
  Duration duration(std::string_view key, Duration fallback);
  std::optional<Duration> optional_duration(std::string_view key);

  /// One string or an array of strings; absent: empty.
  std::vector<std::string> strings(std::string_view key);

  /// An array whose elements are strings or arrays of strings; a string alone is a list of one, here and as an element.
  std::vector<std::vector<std::string>> string_lists(std::string_view key);

  /// One value or an array of them, of any scalar kind; absent: empty.  A fraction that is not finite is an error.
  std::vector<Scalar> scalars(std::string_view key);

  /// A sub-table, or an array of tables; absent: nothing.
  std::optional<Table> table(std::string_view key);
  std::vector<Table> tables(std::string_view key);

  /// A string that *parse* (any `Result<T>(std::string_view)`) turns into a value; its error is noted at
  /// the key's line.
  template <class T>
  std::optional<T> parsed(std::string_view key, const std::function<Result<T>(std::string_view)>& parse) {
    std::optional<std::string> text = optional_string(key);
    if (!text) return std::nullopt;
    Result<T> value = parse(*text);
    if (value) return *std::move(value);
    error(key, value.error().message);
    return std::nullopt;
  }

  /// As parsed(), for one string or an array of strings; errors are noted at the element's line.
  template <class T>
  std::vector<T> all_parsed(std::string_view key, const std::function<Result<T>(std::string_view)>& parse) {
    std::vector<T> values;
    std::vector<std::string> texts = strings(key);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      Result<T> value = parse(texts[i]);
      if (value)
        values.push_back(*std::move(value));
      else
        error(key, value.error().message, i);
    }
    return values;
  }

  /// Notes an error of the caller's own at *key* (at the table's line if the key is absent), or at element
  /// *index* of its array.
  void error(std::string_view key, std::string_view what, std::optional<std::size_t> index = std::nullopt);

  /// Notes, at *key* likewise, what is no error but hardly meant.
  void warn(std::string_view key, std::string_view what);

  /// "FILE:LINE" of *key*, for what can be judged only when the file has long been read.
  [[nodiscard]] std::string place(std::string_view key) const;

 private:
  friend class File;
  Table(detail::Document* document, detail::Node* node) : document_(document), node_(node) {}
  detail::Document* document_;
  detail::Node* node_;
};

/// A configuration file that has been read.
class File {
 public:
  static Result<File> load(const std::filesystem::path& path);
  /// From memory; *name* stands for the file in errors.
  static Result<File> parse(std::string_view text, std::string name);

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  Table root();
  /// Every error that was noted and every key that nobody asked for, one a line, in order of lines.
  Result<void> finish();
  /// What warn() has noted, in order of lines; "FILE:LINE: key 'a.b': what is odd".
  std::vector<std::string> warnings();

 private:
  explicit File(std::unique_ptr<detail::Document> document);
  std::unique_ptr<detail::Document> document_;
};

}  // namespace sluice::config
