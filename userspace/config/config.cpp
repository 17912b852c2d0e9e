// SPDX-License-Identifier: Apache-2.0
//
// Owns the parsed document and the list of errors.  toml++ is used nowhere else.
#include "config/config.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>
#include <set>
#include <sstream>

namespace sluice::config {
namespace detail {

/// A table together with where it stands and which of its keys were asked for.
struct Node {
  const toml::table* table;
  std::string path;  ///< "network.route", empty for the root
  std::set<std::string, std::less<>> known;
};

struct Document {
  struct Noted {
    std::uint32_t line;
    std::string text;
  };

  std::string name;
  toml::table root;
  std::deque<Node> nodes;  ///< a deque, so that a Table's pointer stays valid
  std::vector<Noted> errors;
  std::vector<Noted> warnings;

  Node* node_for(const toml::table& table, std::string path) {
    for (Node& node : nodes) {
      if (node.table == &table) return &node;
    }
    return &nodes.emplace_back(Node{&table, std::move(path), {}});
  }

  [[nodiscard]] Noted told(std::uint32_t line, const std::string& path, std::string_view what) const {
    return {line, name + ":" + std::to_string(line) + ": key '" + path + "': " + std::string(what)};
  }

  void note(std::uint32_t line, const std::string& path, std::string_view what) {
    errors.push_back(told(line, path, what));
  }
};

namespace {

std::string join(const Node& node, std::string_view key) {
  return node.path.empty() ? std::string(key) : node.path + "." + std::string(key);
}

std::uint32_t line_of(const toml::node& node) { return node.source().begin.line; }

const char* kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or a time";
  }
  return "something else";
}

std::string expected(std::string_view wanted, const toml::node& found) {
  return "should be " + std::string(wanted) + ", not " + kind_of(found);
}

/// The value at *key*, which becomes known; null when absent.
const toml::node* find(Node* node, std::string_view key) {
  node->known.emplace(key);
  return node->table->get(key);
}

std::optional<Scalar> scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* fraction = node.as_floating_point(); fraction != nullptr && std::isfinite(fraction->get()))
    return fraction->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  return std::nullopt;
}

void note_missing(Document* document, Node* node, std::string_view key) {
  document->note(line_of(*node->table), join(*node, key), "is required and missing");
}

}  // namespace
}  // namespace detail

using detail::expected;
using detail::find;
using detail::line_of;
using detail::note_missing;
using detail::scalar_of;

bool Table::has(std::string_view key) { return find(node_, key) != nullptr; }

std::optional<std::string> Table::optional_string(std::string_view key) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return std::nullopt;
  if (const auto* text = found->as_string()) return text->get();
  error(key, expected("a string", *found));
  return std::nullopt;
}

std::string Table::string(std::string_view key) {
  if (!has(key)) note_missing(document_, node_, key);
  std::optional<std::string> text = optional_string(key);
  if (text && text->empty()) error(key, "must not be empty");
  return text.value_or("");
}

std::string Table::string(std::string_view key, std::string fallback) {
  return optional_string(key).value_or(std::move(fallback));
}

bool Table::boolean(std::string_view key, bool fallback) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return fallback;
  if (const auto* value = found->as_boolean()) return value->get();
  error(key, expected("true or false", *found));
  return fallback;
}

std::optional<std::int64_t> Table::optional_integer(std::string_view key, std::int64_t minimum, std::int64_t maximum) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return std::nullopt;
  const auto* value = found->as_integer();
  if (value == nullptr) {
    error(key, expected("a whole number", *found));
    return std::nullopt;
  }
  if (value->get() < minimum || value->get() > maximum) {
    error(key, "must be from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    return std::nullopt;
  }
  return value->get();
}

std::int64_t Table::integer(std::string_view key, std::int64_t minimum, std::int64_t maximum) {
  if (!has(key)) note_missing(document_, node_, key);
  return optional_integer(key, minimum, maximum).value_or(minimum);
}

std::int64_t Table::integer(std::string_view key, std::int64_t minimum, std::int64_t maximum, std::int64_t fallback) {
  return optional_integer(key, minimum, maximum).value_or(fallback);
}

std::optional<Duration> Table::optional_duration(std::string_view key) { return parsed<Duration>(key, parse_duration); }

Duration Table::duration(std::string_view key, Duration fallback) { return optional_duration(key).value_or(fallback); }

std::vector<std::string> Table::strings(std::string_view key) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return {};
  if (const auto* text = found->as_string()) return {text->get()};
  const toml::array* array = found->as_array();
  if (array == nullptr) {
    error(key, expected("a string or an array of strings", *found));
    return {};
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const toml::node& element = *array->get(i);
    const auto* text = element.as_string();
    if (text == nullptr) error(key, expected("an array of strings", element), i);
    // A stand-in keeps the indices of the others right.
    texts.push_back(text != nullptr ? text->get() : std::string());
  }
  return texts;
}

std::vector<std::vector<std::string>> Table::string_lists(std::string_view key) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return {};
  if (const auto* text = found->as_string()) return {{text->get()}};
  const toml::array* array = found->as_array();
  if (array == nullptr) {
    error(key, expected("a string or an array", *found));
    return {};
  }
  std::vector<std::vector<std::string>> lists;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const toml::node& element = *array->get(i);
    std::vector<std::string>& list = lists.emplace_back();
    if (const auto* text = element.as_string()) {
      list.push_back(text->get());
    } else if (const toml::array* inner = element.as_array()) {
      for (const toml::node& one : *inner) {
        const auto* text_in = one.as_string();
        if (text_in == nullptr) error(key, expected("an array of strings", one), i);
        list.push_back(text_in != nullptr ? text_in->get() : std::string());
      }
    } else {
      error(key, expected("a string or an array of strings", element), i);
    }
  }
  return lists;
}

std::vector<Scalar> Table::scalars(std::string_view key) {
  constexpr std::string_view wanted = "a string, a number, true or false, or an array of them";
  const toml::node* found = find(node_, key);
  if (found == nullptr) return {};
  const toml::array* array = found->as_array();
  std::vector<Scalar> values;
  for (std::size_t i = 0; i < (array != nullptr ? array->size() : 1); ++i) {
    const toml::node& element = array != nullptr ? *array->get(i) : *found;
    if (auto value = scalar_of(element))
      values.push_back(*std::move(value));
    else if (element.is_floating_point())
      error(key, "is no finite number", i);
    else
      error(key, expected(wanted, element), i);
  }
  return values;
}

std::optional<Table> Table::table(std::string_view key) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return std::nullopt;
  if (const toml::table* table = found->as_table()) {
    return Table(document_, document_->node_for(*table, detail::join(*node_, key)));
  }
  error(key, expected("a table", *found));
  return std::nullopt;
}

std::vector<Table> Table::tables(std::string_view key) {
  const toml::node* found = find(node_, key);
  if (found == nullptr) return {};
  const toml::array* array = found->as_array();
  if (array == nullptr) {
    error(key, expected("an array of tables ([[...]])", *found));
    return {};
  }
  std::vector<Table> tables;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const toml::node& element = *array->get(i);
    if (const toml::table* table = element.as_table()) {
      tables.push_back(Table(document_, document_->node_for(*table, detail::join(*node_, key))));
    } else {
      error(key, expected("an array of tables ([[...]])", element), i);
    }
  }
  return tables;
}

void Table::error(std::string_view key, std::string_view what, std::optional<std::size_t> index) {
  const toml::node* found = find(node_, key);
  const toml::node* place = found != nullptr ? found : node_->table;
  if (found != nullptr && index) {
    if (const toml::array* array = found->as_array(); array != nullptr && *index < array->size()) {
      place = array->get(*index);
    }
  }
  document_->note(line_of(*place), detail::join(*node_, key), what);
}

void Table::warn(std::string_view key, std::string_view what) {
  const toml::node* found = find(node_, key);
  const std::uint32_t line = line_of(found != nullptr ? *found : *node_->table);
  document_->warnings.push_back(document_->told(line, detail::join(*node_, key), what));
}

std::string Table::place(std::string_view key) const {
  const toml::node* found = find(node_, key);
  return document_->name + ":" + std::to_string(line_of(found != nullptr ? *found : *node_->table));
}

File::File(std::unique_ptr<detail::Document> document) : document_(std::move(document)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

Result<File> File::load(const std::filesystem::path& path) {
  // A folder opens, and reads as an empty file.
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    return Error{path.string() + ": is a folder, and no file", EISDIR};
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || (stream.peek() != EOF && !(text << stream.rdbuf()))) {
    return system_error(path.string(), errno != 0 ? errno : EIO);
  }
  return parse(text.str(), path.string());
}

Result<File> File::parse(std::string_view text, std::string name) {
  toml::parse_result result = toml::parse(text);
  if (!result) {
    const toml::parse_error& error = result.error();
    return Error{name + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description())};
  }
  auto document = std::make_unique<detail::Document>();
  document->name = std::move(name);
  document->root = std::move(result).table();
  return File(std::move(document));
}

Table File::root() { return Table(document_.get(), document_->node_for(document_->root, "")); }

std::vector<std::string> File::warnings() {
  auto& noted = document_->warnings;
  std::stable_sort(noted.begin(), noted.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<std::string> texts;
  for (const detail::Document::Noted& one : noted) texts.push_back(one.text);
  return texts;
}

Result<void> File::finish() {
  for (const detail::Node& node : document_->nodes) {
    for (const auto& [key, value] : *node.table) {
      if (!node.known.contains(key.str())) {
        document_->note(key.source().begin.line, detail::join(node, key.str()), "is unknown");
      }
    }
  }
  auto& errors = document_->errors;
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  std::string all;
  for (const detail::Document::Noted& noted : errors) {
    if (!all.empty()) all += '\n';
    all += noted.text;
  }
  errors.clear();
  if (all.empty()) return {};
  return Error{all};
}

}  // namespace sluice::config
