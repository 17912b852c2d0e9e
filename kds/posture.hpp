// SPDX-License-Identifier: Apache-2.0
//
// What health is: postures, made of requirements, and the judgement of what a device says of itself
// (Documentation/kds.rst). Pure; what is judged is hostile.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/duration.hpp"
#include "base/result.hpp"
#include "kds/records.hpp"

namespace sluice::kds {

/// The way to a claim: names of members, outermost first.
struct ClaimPath {
  static constexpr std::size_t elements_max = 8;
  static constexpr std::size_t element_size_max = 128;

  std::vector<std::string> elements;

  /// Elements are parted by dots; one that has dots itself stands in double quotes: packages.versions."python3.11".
  /// There are no escapes, so a name with a quote or a control character cannot be asked for.
  static Result<ClaimPath> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const { return to_string(elements.size()); }
  /// Of the first *count* elements.
  [[nodiscard]] std::string to_string(std::size_t count) const;

  bool operator==(const ClaimPath&) const = default;
};

enum class Operator { equals, one_of, at_least, at_most, present, absent };

Result<Operator> parse_operator(std::string_view text);
/// "at-least".
std::string_view to_string(Operator op);

/// What a claim is compared with; as config::Scalar.
using Value = std::variant<std::string, std::int64_t, double, bool>;

struct Requirement {
  ClaimPath claim;
  Operator op = Operator::present;
  std::vector<Value> values;  ///< one-of: at least one; present, absent: none; else: one
  std::string remedy;         ///< for the person at the device

  bool operator==(const Requirement&) const = default;
};

/// A question to osquery; the client puts its answer at plugins.osquery.NAME.
struct Query {
  std::string name;
  std::string sql;

  bool operator==(const Query&) const = default;
};

struct Posture {
  std::string name;
  Duration interval{600000};  ///< health must be shown again within this time
  bool quote = false;         ///< of a TPM 2.0 …
  std::set<unsigned> pcrs{};  ///< … and that these of its PCRs are what they were
  std::vector<std::string> packages{};
  std::vector<std::string> plugins{};
  std::vector<Query> queries{};
  std::vector<Requirement> requirements{};

  bool operator==(const Posture&) const = default;
};

/// A requirement that is not met.  All of it is fit for a terminal and for JSON.
struct Failure {
  std::string claim;
  std::string found;  ///< at most found_size_max bytes, with control characters escaped
  std::string wanted;
  std::string message;  ///< "CLAIM is FOUND, but must be WANTED."
  std::string remedy;

  bool operator==(const Failure&) const = default;
};

inline constexpr std::size_t found_size_max = 200;
/// The claim of the failure that a quote is which is missing, or which nobody can judge.
inline constexpr std::string_view quote_claim = "quote";

/// A TPM's quote of the evidence.  One that is wrong is none of these: it is refused with the evidence.
enum class QuoteState {
  missing,
  unknown,  ///< no attestation key is enrolled to verify it by
  verified
};

/// "missing", "unknown", "verified".
std::string_view to_string(QuoteState state);

/// What is known of the evidence besides the posture object.
struct Context {
  QuoteState quote = QuoteState::missing;
  Pcrs quoted{};    ///< that a verified quote is of
  Pcrs enrolled{};  ///< that they have to be; one that is not here may be anything
};

/// Every requirement that *object* does not meet, in the order of the posture, a missing quote first.  Empty: healthy.
/// Never throws, whatever the object is.
///
/// Absence must be shown: `absent` fails as well where the object that would hold the claim is missing or no object,
/// and where *unmeasured* names the claim or what holds it.
std::vector<Failure> judge(const Posture& posture, const nlohmann::json& object, const Context& context);

/// Name and digest: two postures that ask for the same have the same one.  Remedies do not count.
std::string mark(const Posture& posture);

/// What a client must measure for all of these: {"claims": [names], "packages": [names], "plugins": [names],
/// "osquery": {name: SQL}, "quote": bool, "pcrs": [numbers]}, sorted; claims by their first name, nobody has to tell or
/// measure others; with the packages and plug-ins that only a requirement names (packages.versions.NAME, plugins.NAME).
/// Of two queries with one name the first counts; the settings allow no such two.
nlohmann::json wanted(const std::vector<Posture>& postures);

}  // namespace sluice::kds
