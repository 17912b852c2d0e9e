// SPDX-License-Identifier: Apache-2.0
#include "client/online.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/log.hpp"
#include "client/fetch.hpp"
#include "client/measure/measure.hpp"
#include "client/policy.hpp"
#include "client/record.hpp"
#include "client/route.hpp"
#include "client/runtime.hpp"
#include "client/tpm.hpp"
#include "client/turn.hpp"

namespace sluice::client {
namespace {

int fail_fetch(const Error& error) { return fail(error, error.number == ENOTCONN ? exit_no_server : exit_failed); }

void print_timing(const OnlineOptions& options, const Fetched& fetched) {
  if (options.timing)
    std::fprintf(stderr, "%s: %s%s\n", fetched.server.c_str(), to_words(fetched.timings).c_str(),
                 fetched.resumed ? " (resumed)" : "");
}

int fail_problem(const Problem& problem) {
  std::fprintf(stderr, "sluice-client: the key server grants nothing: %s\n", problem.to_words().c_str());
  return problem.refused_by_policy() ? exit_refused : exit_failed;
}

// 0: there is something to use.
int code_of(const Answer& answer) {
  if (!answer.keys.empty() || !answer.renewed.empty()) return 0;
  return answer.refused.empty() ? exit_failed : exit_refused;
}

// For what takes no identity: without a file, the defaults.
Result<Settings> settings_or_defaults(const OnlineOptions& options) {
  if (!options.config && !std::filesystem::exists(settings_path)) return Settings{};
  return read_settings(options);
}

}  // namespace

int fail(const Error& error, int code) {
  // Several errors of a file are several lines, each with its place.
  std::fprintf(stderr, "%s%s\n", error.message.find('\n') == std::string::npos ? "sluice-client: " : "",
               error.message.c_str());
  return code;
}

Result<Settings> read_settings(const OnlineOptions& options) {
  if (!options.config && !std::filesystem::exists(settings_path))
    return Error{
        std::string("there are no settings: write ") + settings_path +
            " (client.toml.example says how) or name a file with --config; with keys from elsewhere, up --static",
        EINVAL};
  return load_settings(options.config.value_or(settings_path));
}

// A file with a fault is a failure; to name none, and have none, is wrong usage.
int fail_settings(const Error& error) { return fail(error, error.number == EINVAL ? exit_usage : exit_failed); }

int fail_up(const Error& error) { return fail(error, error.number == EALREADY ? exit_already : exit_failed); }

int run_evidence(const OnlineOptions& options) {
  auto read = settings_or_defaults(options);
  if (!read) return fail(read.error());
  const MeasureSettings& settings = read->measure;
  measure::Options measured;
  measured.packages = options.packages;
  measured.plugins = settings.plugins;
  measured.plugin_time = settings.plugin_time;
  measured.time = settings.time;
  std::printf("%s\n", measure::measure(measured).dump(2).c_str());
  return 0;
}

int run_tpm_enrol(const OnlineOptions& options) {
  auto settings = settings_or_defaults(options);
  if (!settings) return fail(settings.error());
  auto tpm = Tpm::open(settings->tpm);
  if (!tpm) return fail(tpm.error());
  auto key = tpm->enrol();
  if (!key) return fail(key.error());
  std::printf("%s", key->c_str());
  return 0;
}

int run_fetch(const OnlineOptions& options) {
  set_up_logging(false);
  runtime::forbid_dumps();
  auto settings = read_settings(options);
  if (!settings) return fail_settings(settings.error());
  auto fetched = fetch_with(*settings);
  if (!fetched) return fail_fetch(fetched.error());
  print_timing(options, *fetched);
  if (const auto* problem = std::get_if<Problem>(&fetched->said)) {
    const int code = fail_problem(*problem);
    if (options.as_json) std::printf("%s\n", nlohmann::json{{"problem", to_json(*problem)}}.dump(2).c_str());
    return code;
  }
  const Answer& answer = std::get<Answer>(fetched->said);
  if (options.as_json)
    std::printf("%s\n", to_json(answer).dump(2).c_str());
  else
    std::printf("%s%s", granted_words(answer).c_str(), refused_words(answer).c_str());
  return code_of(answer);
}

int run_policy(const OnlineOptions& options) {
  set_up_logging(false);
  auto settings = read_settings(options);
  if (!settings) return fail_settings(settings.error());
  const auto asked = ask_for_policy(*settings);
  if (!asked) return fail(asked.error());
  if (options.as_json)
    std::printf("%s\n", to_json(*asked).dump(2).c_str());
  else
    std::printf("%s", to_words(*asked).c_str());
  // As `up` would see it, if it may go by one alone.
  switch (bearings_of(PolicySettings::Mode::required, *asked).stance) {
    case Stance::go_on:
      return 0;
    case Stance::refuse:
      return exit_bad_policy;
    default:
      return exit_no_policy;
  }
}

int run_online_up(const OnlineOptions& options, UpOptions up_options) {
  set_up_logging(false);
  runtime::forbid_dumps();
  auto settings = read_settings(options);
  if (!settings) return fail_settings(settings.error());
  // Before a key is spent.
  if (auto may = runtime::need_rights(); !may) return fail(may.error());
  auto record = RecordFile::look();
  if (!record) return fail(record.error());
  if (*record) return fail_up({"it is up already, to the gateway " + (*record)->tunnel.gateway.to_string(), EALREADY});
  auto routing = Routing::open();
  if (!routing) return fail(routing.error());

  const auto begin = std::chrono::steady_clock::now();
  const auto bearings = take_bearings(*settings);
  const auto asked = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  if (!bearings) return fail(bearings.error());
  if (bearings->stance != Stance::go_on)
    return fail({bearings->words}, bearings->stance == Stance::leave_alone ? exit_no_policy : exit_bad_policy);
  auto fetched = fetch_with(with_policy(*settings, *bearings), {}, runtime::ticket_path());
  if (!fetched) return fail_fetch(fetched.error());
  if (bearings->believed) fetched->timings.insert(fetched->timings.begin(), Timing{"policy", asked});
  print_timing(options, *fetched);
  if (const auto* problem = std::get_if<Problem>(&fetched->said)) return fail_problem(*problem);
  Answer& answer = std::get<Answer>(fetched->said);
  std::fprintf(stderr, "%s", refused_words(answer).c_str());
  auto granted = choose(answer, options.choice, settings->native,
                        [&](const Address& address) { return routing->path_to(address).ok(); });
  if (!granted) return fail(granted.error(), granted.error().number == EACCES ? exit_refused : exit_failed);
  if (!up_options.interface) up_options.interface = settings->interface;
  up_options.grant = grant_of(**granted);
  auto done = up((*granted)->keys, up_options);
  if (!done) return fail_up(done.error());
  std::printf("%s, network %s of %s, health again within %lld s\n", done->c_str(), (*granted)->network.c_str(),
              (*granted)->gateway.c_str(), static_cast<long long>((*granted)->times.lease.count()));
  return 0;
}

}  // namespace sluice::client
