// SPDX-License-Identifier: Apache-2.0
#include "kds/posture.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "kds/text.hpp"
#include "kds/version.hpp"

namespace sluice::kds {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 6> kOperators{"equals", "one-of", "at-least", "at-most", "present", "absent"};
constexpr std::size_t kReasonMax = 100;  // of why something is unmeasured
constexpr std::string_view kOsquery = "osquery";

bool is_element(std::string_view text) {
  return !text.empty() && text.size() <= ClaimPath::element_size_max &&
         std::ranges::all_of(text, [](char c) { return c == ' ' || (c > ' ' && c < 0x7f && c != '"' && c != '\\'); });
}

std::string quoted(std::string_view text, std::size_t most) {
  return '"' + printable(text, most > 2 ? most - 2 : 0) + '"';
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} ? std::string(text.data(), end) : "a number";
}

struct ToText {
  std::string operator()(const std::string& text) const { return quoted(text, found_size_max); }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return number_text(number); }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
};

std::string text_of(const Value& value) { return std::visit(ToText{}, value); }

std::string text_of(const Json& value, std::size_t most = found_size_max) {
  switch (value.type()) {
    case Json::value_t::string:
      return quoted(*value.get_ptr<const std::string*>(), most);
    case Json::value_t::number_integer:
      return std::to_string(*value.get_ptr<const std::int64_t*>());
    case Json::value_t::number_unsigned:
      return std::to_string(*value.get_ptr<const std::uint64_t*>());
    case Json::value_t::number_float:
      return number_text(*value.get_ptr<const double*>());
    case Json::value_t::boolean:
      return *value.get_ptr<const bool*>() ? "true" : "false";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "null";
}

enum class Kind { text, number, truth, other };

Kind kind_of(const Value& value) {
  if (std::holds_alternative<std::string>(value)) return Kind::text;
  return std::holds_alternative<bool>(value) ? Kind::truth : Kind::number;
}

Kind kind_of(const Json& value) {
  if (value.is_string()) return Kind::text;
  if (value.is_boolean()) return Kind::truth;
  return value.is_number() ? Kind::number : Kind::other;
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::number:
      return "a number";
    case Kind::truth:
      return "true or false";
    case Kind::other:
      break;
  }
  return "";
}

// Exactly, where long double has the 64 bits of an integer, as on x86-64 and arm64; evidence has no number beyond 2^53.
long double number_of(const Json& value) {
  if (const auto* positive = value.get_ptr<const std::uint64_t*>(); positive != nullptr && value.is_number_unsigned())
    return static_cast<long double>(*positive);
  if (value.is_number_integer()) return static_cast<long double>(*value.get_ptr<const std::int64_t*>());
  return static_cast<long double>(*value.get_ptr<const double*>());
}

long double number_of(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<long double>(*whole);
  return static_cast<long double>(std::get<double>(value));
}

// Both of one kind.
bool is_equal(const Json& found, const Value& value) {
  switch (kind_of(value)) {
    case Kind::text:
      return *found.get_ptr<const std::string*>() == std::get<std::string>(value);
    case Kind::truth:
      return *found.get_ptr<const bool*>() == std::get<bool>(value);
    case Kind::number:
      return number_of(found) == number_of(value);
    case Kind::other:
      break;
  }
  return false;
}

// What stands in a message, by halves.
struct Finding {
  std::string found;
  std::string wanted;
};

std::string wanted_text(const Requirement& requirement) {
  switch (requirement.op) {
    case Operator::present:
      return "present";
    case Operator::absent:
      return "absent";
    case Operator::equals:
    case Operator::one_of:
    case Operator::at_least:
    case Operator::at_most:
      break;
  }
  std::string text;
  for (const Value& value : requirement.values) text += (text.empty() ? "" : ", ") + text_of(value);
  if (requirement.op == Operator::at_least) return "at least " + text;
  if (requirement.op == Operator::at_most) return "at most " + text;
  return requirement.values.size() > 1 ? "one of " + text : text;
}

std::string with_kind(std::string text, Kind kind) {
  return kind == Kind::other || kind == Kind::truth ? text : text.append(" (").append(name_of(kind)).append(")");
}

// nullopt: met.  *found* is of the value's kind.
std::optional<Finding> compare(const Requirement& requirement, const Json& found) {
  const Value& value = requirement.values.front();
  const bool at_least = requirement.op == Operator::at_least;
  std::partial_ordering order = std::partial_ordering::unordered;
  std::string remark;
  if (kind_of(value) == Kind::number) {
    order = number_of(found) <=> number_of(value);
  } else if (kind_of(value) == Kind::text) {
    const auto has = Version::parse(*found.get_ptr<const std::string*>());
    const auto limit = Version::parse(std::get<std::string>(value));
    if (has && limit)
      order = *has <=> *limit;
    else
      remark = " (no version)";
  }
  if (at_least ? order >= 0 : order <= 0) return std::nullopt;
  return Finding{text_of(found, found_size_max - remark.size()) + remark, wanted_text(requirement)};
}

// nullopt: met.
std::optional<Finding> judge_value(const Requirement& requirement, const Json& found) {
  // Neither there nor away: a client leaves out what it does not know.
  if (requirement.op == Operator::absent || found.is_null()) return Finding{text_of(found), wanted_text(requirement)};
  if (requirement.op == Operator::present) return std::nullopt;
  const auto alike = [&](const Value& value) { return kind_of(value) == kind_of(found); };
  // A requirement without a value is none that the settings allow, and nothing meets it.
  if (std::ranges::none_of(requirement.values, alike)) {
    const Kind wanted = requirement.values.empty() ? Kind::other : kind_of(requirement.values.front());
    const std::string kind = with_kind("", kind_of(found));
    return Finding{text_of(found, found_size_max - kind.size()) + kind, with_kind(wanted_text(requirement), wanted)};
  }
  if (requirement.op == Operator::at_least || requirement.op == Operator::at_most) return compare(requirement, found);
  const auto matches = [&](const Value& value) { return alike(value) && is_equal(found, value); };
  if (std::ranges::any_of(requirement.values, matches)) return std::nullopt;
  return Finding{text_of(found), wanted_text(requirement)};
}

const Json* member(const Json& object, const std::string& name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// Clients join the names with dots and do not quote.
std::string joined(const ClaimPath& path, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : ".").append(path.elements[i]);
  return text;
}

// Why there is no claim, by the client's own words, for the claim or something that holds it.
std::optional<std::string> unmeasured(const Json& object, const ClaimPath& path) {
  const Json* reasons = member(object, "unmeasured");
  for (std::size_t count = path.elements.size(); reasons != nullptr && count > 0; --count) {
    const Json* reason = member(*reasons, joined(path, count));
    if (reason == nullptr) reason = member(*reasons, path.to_string(count));
    if (reason == nullptr) continue;
    if (const auto* words = reason->get_ptr<const std::string*>())
      return "not measured (" + printable(*words, kReasonMax) + ")";
    return "not measured";
  }
  return std::nullopt;
}

// What is said of a claim that is not there; *depth* elements of its path are, and *holder* is the last of them.
std::string missing_text(const Json& object, const ClaimPath& path, const Json& holder, std::size_t depth) {
  if (auto reason = unmeasured(object, path)) return *std::move(reason);
  const bool is_holder_there = depth + 1 == path.elements.size();
  if (holder.is_object()) {
    if (is_holder_there) return "missing";
    return "unknown (" + printable(path.to_string(depth + 1), found_size_max / 2) + " is missing)";
  }
  const std::string name = depth == 0 ? "the posture" : printable(path.to_string(depth), found_size_max / 4);
  return "unknown (" + name + " is " + text_of(holder, found_size_max / 4) + ", not an object)";
}

std::optional<Finding> judge_requirement(const Requirement& requirement, const Json& object) {
  const auto& elements = requirement.claim.elements;
  const Json* at = &object;
  std::size_t depth = 0;
  for (; depth < elements.size(); ++depth) {
    const Json* next = member(*at, elements[depth]);
    if (next == nullptr) break;
    at = next;
  }
  if (depth == elements.size() && depth != 0) return judge_value(requirement, *at);
  const bool is_known_absent =
      at->is_object() && depth + 1 == elements.size() && !unmeasured(object, requirement.claim);
  if (requirement.op == Operator::absent && is_known_absent) return std::nullopt;
  return Finding{missing_text(object, requirement.claim, *at, depth), wanted_text(requirement)};
}

Failure failure_of(std::string claim, Finding finding, std::string remedy) {
  std::string message = claim + " is " + finding.found + ", but must be " + finding.wanted + ".";
  return {std::move(claim), std::move(finding.found), std::move(finding.wanted), std::move(message), std::move(remedy)};
}

Failure failure_of_quote(QuoteState state) {
  if (state == QuoteState::missing)
    return failure_of(std::string(quote_claim), {"missing", "present"},
                      "Evidence must come with a quote by this device's TPM 2.0, whose attestation key is enrolled.");
  return failure_of(std::string(quote_claim), {"by a key that is unknown", "by this device's enrolled attestation key"},
                    "Give what `sluice-client tpm enrol` prints here to who runs the key server.");
}

std::string hex(const Pcrs::mapped_type& value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : value) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<Failure> judge_pcr(unsigned number, const Context& context) {
  const std::string claim = std::string(quote_claim) + ".pcr" + std::to_string(number);
  const auto quoted = context.quoted.find(number), enrolled = context.enrolled.find(number);
  if (quoted == context.quoted.end())
    return failure_of(claim, {"missing", "quoted"}, "Update sluice-client: it has to quote this PCR as well.");
  if (enrolled == context.enrolled.end() || enrolled->second == quoted->second) return std::nullopt;
  return failure_of(
      claim, {hex(quoted->second), hex(enrolled->second)},
      "What starts this device (firmware, Secure Boot, boot loader) is not what it was.  If that was meant "
      "to change, ask who runs the key server to take the new values; if not, have it looked at.");
}

}  // namespace

Result<ClaimPath> ClaimPath::parse(std::string_view text) {
  const Error error{
      "is no claim: names parted by dots, such as os.version, and in quotes where a name has dots itself: "
      "packages.versions.\"python3.11\""};
  ClaimPath path;
  for (bool more = true; more;) {
    const bool is_quoted = text.starts_with('"');
    if (is_quoted) text.remove_prefix(1);
    const std::size_t end = std::min(text.find(is_quoted ? '"' : '.'), text.size());
    if (is_quoted && end == text.size()) return error;
    const std::string_view element = text.substr(0, end);
    if (!is_element(element)) return error;
    if (path.elements.size() == elements_max)
      return Error{"is no claim: more than " + std::to_string(elements_max) + " names"};
    path.elements.emplace_back(element);
    text.remove_prefix(is_quoted ? end + 1 : end);
    more = !text.empty();
    if (more && !text.starts_with('.')) return error;
    if (more) text.remove_prefix(1);
  }
  return path;
}

std::string ClaimPath::to_string(std::size_t count) const {
  std::string text;
  for (std::size_t i = 0; i < std::min(count, elements.size()); ++i) {
    const std::string& element = elements[i];
    if (i != 0) text += '.';
    text += element.find('.') == element.npos ? element : '"' + element + '"';
  }
  return text;
}

Result<Operator> parse_operator(std::string_view text) {
  const auto found = std::ranges::find(kOperators, text);
  if (found != kOperators.end()) return static_cast<Operator>(found - kOperators.begin());
  return Error{"must be equals, one-of, at-least, at-most, present or absent"};
}

std::string_view to_string(Operator op) { return kOperators.at(static_cast<std::size_t>(op)); }

std::string_view to_string(QuoteState state) {
  switch (state) {
    case QuoteState::missing:
      return "missing";
    case QuoteState::unknown:
      return "unknown";
    case QuoteState::verified:
      return "verified";
  }
  return "";
}

std::vector<Failure> judge(const Posture& posture, const Json& object, const Context& context) {
  std::vector<Failure> failures;
  if (posture.quote && context.quote != QuoteState::verified) failures.push_back(failure_of_quote(context.quote));
  if (posture.quote && context.quote == QuoteState::verified)
    for (const unsigned number : posture.pcrs)
      if (auto failure = judge_pcr(number, context)) failures.push_back(*std::move(failure));
  for (const Requirement& requirement : posture.requirements)
    if (auto finding = judge_requirement(requirement, object))
      failures.push_back(failure_of(requirement.claim.to_string(), *std::move(finding), requirement.remedy));
  return failures;
}

std::string mark(const Posture& posture) {
  Json all{posture.interval.count(), posture.quote, posture.pcrs, posture.packages, posture.plugins};
  for (const Query& query : posture.queries) all.push_back(Json::array({query.name, query.sql}));
  for (const Requirement& requirement : posture.requirements) {
    Json values = Json::array();
    for (const Value& value : requirement.values) std::visit([&](const auto& one) { values.push_back(one); }, value);
    all.push_back(Json::array({requirement.claim.elements, to_string(requirement.op), std::move(values)}));
  }
  const std::string text = all.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) return posture.name;
  std::string marked = posture.name + '#';
  for (std::size_t i = 0; i < 8; ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    marked += digits[digest[i] >> 4];
    marked += digits[digest[i] & 15];
  }
  return marked;
}

Json wanted(const std::vector<Posture>& postures) {
  std::set<std::string> claims, packages, plugins;
  Json queries = Json::object();
  bool quote = false;
  std::set<unsigned> pcrs;
  for (const Posture& posture : postures) {
    packages.insert(posture.packages.begin(), posture.packages.end());
    plugins.insert(posture.plugins.begin(), posture.plugins.end());
    for (const Query& query : posture.queries) queries.emplace(query.name, query.sql);
    quote = quote || posture.quote;
    pcrs.insert(posture.pcrs.begin(), posture.pcrs.end());
    for (const Requirement& requirement : posture.requirements) {
      const auto& path = requirement.claim.elements;
      if (!path.empty() && path[0] != "plugins") claims.insert(path[0]);
      if (path.size() >= 3 && path[0] == "packages" && path[1] == "versions") packages.insert(path[2]);
      if (path.size() >= 2 && path[0] == "plugins" && path[1] != kOsquery) plugins.insert(path[1]);
    }
  }
  if (!packages.empty()) claims.insert("packages");
  return {{"claims", claims}, {"packages", packages}, {"plugins", plugins}, {"osquery", std::move(queries)},
          {"quote", quote},   {"pcrs", pcrs}};
}

}  // namespace sluice::kds
