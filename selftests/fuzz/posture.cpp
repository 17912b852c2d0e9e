// SPDX-License-Identifier: Apache-2.0
//
// A key server's judgement of what a device says of itself: whatever that is, it is judged, the same way each time, by
// what the claims say, in words that are bounded and fit for a terminal.  And versions have an order.
//
// Input: an even byte and a posture, or an odd one and three versions with a line each.
#include "kds/posture.hpp"

#include <array>

#include "evidence/json.hpp"
#include "kds/text.hpp"
#include "kds/version.hpp"
#include "require.hpp"

using sluice::fuzz::require;
namespace evidence = sluice::evidence;
namespace kds = sluice::kds;
using Json = nlohmann::json;

namespace {

const kds::Posture& policy() {
  static const kds::Posture made = [] {
    kds::Posture posture;
    posture.name = "fuzz";
    const auto ask = [&](const char* claim, kds::Operator op, std::vector<kds::Value> values) {
      posture.requirements.push_back({*kds::ClaimPath::parse(claim), op, std::move(values), "Mend it."});
    };
    ask("os.id", kds::Operator::equals, {std::string("debian")});
    ask("os.id", kds::Operator::one_of, {std::string("debian"), std::string("ubuntu")});
    ask("os.version", kds::Operator::at_least, {std::string("12")});
    ask("kernel.release", kds::Operator::at_most, {std::string("7.0-1")});
    ask("packages.count", kds::Operator::at_least, {std::int64_t{10}});
    ask("malware_scanner.database_age", kds::Operator::at_most, {86400.5});
    ask("firewall.active", kds::Operator::equals, {true});
    ask("plugins.a.b", kds::Operator::present, {});
    ask("plugins.bad", kds::Operator::absent, {});
    return posture;
  }();
  return made;
}

void require_words(const std::string& words) {
  require(kds::bounded(words, words.size()) == words, "words are UTF-8");
  require(std::ranges::none_of(words, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
          "words do nothing to a terminal");
}

/// Of the requirement at *index*.
bool met(const Json& object, std::size_t index) {
  kds::Posture one;
  one.requirements = {policy().requirements[index]};
  return kds::judge(one, object, {}).empty();
}

void judged(std::string_view text) {
  const auto object = evidence::parse_json(text, 65536);
  if (!object) return;
  const auto failures = kds::judge(policy(), *object, {});
  require(failures == kds::judge(policy(), *object, {}), "it is judged the same way each time");
  std::size_t failed = 0;
  for (std::size_t i = 0; i < policy().requirements.size(); ++i) failed += !met(*object, i);
  require(failures.size() == failed, "no requirement depends on another");
  for (const kds::Failure& failure : failures) {
    require(failure.found.size() <= kds::found_size_max && failure.message.size() < 1024, "words are bounded");
    for (const auto* words : {&failure.claim, &failure.found, &failure.wanted, &failure.message}) require_words(*words);
    require(failure.remedy == "Mend it.", "each failure says what to do");
  }
  const Json os = object->is_object() ? object->value("os", Json()) : Json();
  const bool debian = os.is_object() && os.contains("id") && os["id"] == "debian";
  require(met(*object, 0) == debian, "who says that he is Debian is, and nobody else");
  require(!debian || met(*object, 1), "one of several is one of them");
  const Json plugins = object->is_object() ? object->value("plugins", Json()) : Json();
  if (plugins.is_object() && plugins.contains("bad")) require(!met(*object, 8), "what is there is not absent");
  kds::Posture with_quote = policy();
  with_quote.quote = true;
  require(kds::judge(with_quote, *object, {}).size() == failures.size() + 1, "a quote that is missing is a failure");
}

void versions(std::string_view text) {
  std::array<kds::Version, 3> all;
  for (kds::Version& version : all) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto parsed = kds::Version::parse(line);
    if (!parsed) return require_words(parsed.error().message);
    version = *parsed;
    require(version == version, "a version is equal to itself");
  }
  const auto& [a, b, c] = all;
  require((a <=> b) == (0 <=> (b <=> a)), "an order is the same from both sides");
  if (a <= b && b <= c) require(a <= c, "an order is transitive");
  if (a == b) require((a <=> c) == (b <=> c), "what is equal has the same place");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  if (input.number<std::uint8_t>() % 2 == 0)
    judged(input.text());
  else
    versions(input.text());
  return 0;
}
