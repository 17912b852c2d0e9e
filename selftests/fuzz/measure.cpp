// SPDX-License-Identifier: Apache-2.0
//
// What programs and files tell a device of itself: whatever plug-ins write, a posture comes of it that fits into
// evidence and that a key server reads as the same; and the formats of others keep what their headers promise.
//
// Input: a byte that chooses.  Of plug-ins then three outputs, each with a byte of its exit code and 2 of its size; of
// anything else the text.
#include "client/measure/measure.hpp"

#include <sys/stat.h>

#include <fstream>

#include "client/measure/apt.hpp"
#include "client/measure/date.hpp"
#include "client/measure/fit.hpp"
#include "client/measure/measurements.hpp"
#include "client/measure/nftables.hpp"
#include "client/measure/os_release.hpp"
#include "client/measure/package_list.hpp"
#include "evidence/claims.hpp"
#include "evidence/jws.hpp"
#include "key.hpp"

using sluice::Result;
using sluice::fuzz::require;
namespace evidence = sluice::evidence;
namespace measure = sluice::client::measure;
using Json = nlohmann::json;

namespace {

const measure::Options& options() {
  static const measure::Options made = [] {
    measure::Options options;
    options.osquery = {{"users", "select 1"}};
    return options;
  }();
  return made;
}

/// Of two plug-ins and one question to osquery.  The programs have to be there while it is planned, and never run.
struct Plans {
  measure::Plan plugins, osquery;

  static const Plans& get() {
    static const Plans made = [] {
      std::string name = (std::filesystem::temp_directory_path() / "fuzz-XXXXXX").string();
      require(::mkdtemp(name.data()) != nullptr, "a folder can be made");
      const std::filesystem::path root = name;
      for (const char* folder : {"plugins", "usr/bin"}) std::filesystem::create_directories(root / folder);
      for (const char* program : {"plugins/one", "plugins/two", "usr/bin/osqueryi"}) {
        std::ofstream(root / program) << "#!/bin/sh\n";
        require(::chmod((root / program).c_str(), 0755) == 0, "a program can be made");
      }
      static measure::Options here = options();
      here.root = root;
      here.plugins = root / "plugins";
      const measure::Host host{here, 0};
      Plans plans{measure::plan_plugins(host), measure::plan_osquery(host)};
      std::filesystem::remove_all(root);
      require(plans.plugins.commands.size() == 2 && plans.osquery.commands.size() == 1, "three programs are asked");
      return plans;
    }();
    return made;
  }
};

void plugins(sluice::fuzz::Input input) {
  std::vector<Result<measure::Output>> outputs;
  for (int i = 0; i < 3; ++i) {
    const int code = input.number<std::uint8_t>() % 2;
    const auto text = input.bytes(input.number<std::uint16_t>() % 4097);
    outputs.emplace_back(measure::Output{std::string(text.begin(), text.end()), code});
  }
  measure::Unmeasured unmeasured;
  Json posture{{"os", {{"id", "debian"}}}};
  const measure::Outputs all = outputs;
  auto told = Plans::get().plugins.conclude(all.first(2), unmeasured);
  auto rows = Plans::get().osquery.conclude(all.subspan(2), unmeasured);
  require(told.ok() && rows.ok() && told->size() <= 2,
          "a plug-in that writes nonsense is one that could not be measured");
  std::size_t good = told->size() + rows->size();
  require(good + unmeasured.size() == 3, "each is told, or why not");
  (*told)["osquery"] = *std::move(rows);
  posture["plugins"] = *std::move(told);
  require(measure::is_utf8(posture), "nothing but UTF-8 is told");

  const Json fitting = measure::fit(posture, unmeasured, options().most);
  require(fitting.dump().size() <= options().most, "a posture is no longer than it may be");
  evidence::Claims claims;
  claims.posture = fitting;
  claims.expires_at = evidence::Seconds(std::chrono::seconds(300));
  const auto text = evidence::serialize(claims);
  require(text.ok(), "whatever a plug-in writes, it does not keep a device from showing its health");
  const auto again = evidence::parse_claims(*text);
  require(again.ok() && again->posture == fitting, "a key server reads the posture that was told");
  const auto jws = evidence::sign(sluice::fuzz::rfc_key(), *text);
  require(jws.ok() && jws->size() <= evidence::kMostEvidence, "it is no longer than evidence may be");
}

void os_release(std::string_view text) {
  std::string written;
  const auto values = measure::parse_os_release(text);
  for (const auto& [key, value] : values) {
    require(!key.empty() && key.find_first_of("= \"'\n") == std::string::npos, "a key is a name");
    written += key + "='";
    for (const char c : value) written += c == '\'' ? std::string("'\\''") : std::string(1, c);
    written += "'\n";
  }
  require(measure::parse_os_release(written) == values, "what a shell would read as the same is the same");
}

void nftables(std::string_view text) {
  const auto filters = measure::filters_input(text);
  if (!filters) return sluice::fuzz::require_printable(filters.error().message);
  // A ruleset that lacks all but chains cannot say that there is a filter: its table's state is unknown.
  const Json json = Json::parse(text);
  const auto again = measure::filters_input(json.dump(-1, ' ', true));
  require(again.ok() && *again == *filters, "however it is escaped it is the same");
  Json none = json;
  none["nftables"] = Json::array();
  const auto empty = measure::filters_input(none.dump());
  require(empty.ok() && !*empty, "no ruleset filters nothing");
}

void apt(std::string_view text) {
  std::uint64_t lines = text.starts_with("Inst ") ? 1 : 0;
  for (std::size_t at = 0; (at = text.find("\nInst ", at)) != std::string_view::npos; ++at) ++lines;
  const std::uint64_t count = measure::count_security_updates(text);
  require(count <= lines, "an update has a line");
  const std::string twice = std::string(text) + "\n" + std::string(text);
  require(measure::count_security_updates(twice) == 2 * count, "lines are counted one by one");
  const auto date = measure::date_of_security_release(text);
  require(!date || (*date >= 0 && *date < 253402300800), "a date is one from 1970 to 9999");
}

template <class Parse>
void date(std::string_view text, const char* format, Parse parse) {
  const auto seconds = parse(text);
  if (!seconds || *seconds < 0) return;
  std::tm date{};
  char written[64];
  require(::gmtime_r(&*seconds, &date) != nullptr && std::strftime(written, sizeof written, format, &date) > 0,
          "it is a date");
  const auto again = parse(written);
  // Of the 9,999th year the last hours may be the next one's, by a zone.
  require(date.tm_year > 9999 - 1900 || (again && *again == *seconds), "a date that was written is read as the same");
}

std::string digest_of(std::string_view first, std::string_view second, bool always) {
  measure::PackageList list;
  if (!list.add_dpkg(first, always) || !list.add_dpkg(second, always)) return {};
  auto digest = list.digest();
  require(digest.ok() && digest->size() == 64, "a list has a digest");
  return *std::move(digest);
}

void packages(std::string_view text) {
  measure::PackageList list;
  const bool always = text.size() % 2 == 1;
  if (auto done = list.add_dpkg(text, always); !done) return sluice::fuzz::require_printable(done.error().message);
  require(list.size() <= text.size() / 2, "a package has some text");
  const std::size_t middle = std::min(text.size(), text.find("\n\n", text.size() / 2));
  const auto first = text.substr(0, middle), second = text.substr(middle);
  const auto digest = list.digest();
  require(digest.ok() && digest_of(first, second, always) == *digest && digest_of(second, first, always) == *digest,
          "a list is the same in whichever files and order it stands");
  for (const std::string& version : list.versions("openssh-server"))
    require(!version.empty() && text.find(version) != std::string_view::npos, "a version is one of the text's");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 7) {
    case 0:
      plugins(input);
      break;
    case 1:
      os_release(input.text());
      break;
    case 2:
      nftables(input.text());
      break;
    case 3:
      apt(input.text());
      break;
    case 4:
      date(input.text(), "%d %b %Y %H-%M +0000", measure::parse_clamav_date);
      break;
    case 5:
      date(input.text(), "%a, %d %b %Y %H:%M:%S UTC", measure::parse_release_date);
      break;
    default:
      packages(input.text());
  }
  return 0;
}
