// SPDX-License-Identifier: Apache-2.0
#include "client/measure/measure.hpp"

#include <algorithm>

#include "client/measure/fit.hpp"
#include "client/measure/host.hpp"
#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

constexpr std::size_t programs_at_once = 4;

struct Measurement {
  const char* claim;
  Result<Json> (*measure)(const Host&);  // or
  Plan (*plan)(const Host&);             // where programs are asked
};

// In this order programs are begun: what takes long first.
constexpr Measurement measurements[] = {
    {"os", measure_os, nullptr},
    {"kernel", measure_kernel, nullptr},
    {"updates", nullptr, plan_updates},
    {"firewall", nullptr, plan_firewall},
    {"packages", nullptr, plan_packages},
    {"malware_scanner", measure_malware_scanner, nullptr},
    {"disk_encryption", measure_disk_encryption, nullptr},
    {"secure_boot", measure_secure_boot, nullptr},
    {"plugins", nullptr, plan_plugins},
    {"plugins.osquery", nullptr, plan_osquery},
};

Plan plan_of(const Measurement& measurement, const Host& host) {
  if (measurement.plan != nullptr) return measurement.plan(host);
  // Files are read now; programs run later, all at the same time.
  return {{}, [result = measurement.measure(host)](Outputs, Unmeasured&) { return result; }};
}

bool is_asked(const Options& options, const std::string& claim) {
  return !options.claims || claim.starts_with("plugins") || std::ranges::count(*options.claims, claim) != 0;
}

void put(Json& posture, const std::string& claim, Json value) {
  // "plugins.osquery" is a part; an empty one of either tells nothing.
  if (claim.starts_with("plugins") && value.empty()) return;
  const std::size_t dot = claim.find('.');
  if (dot == std::string::npos)
    posture[claim] = std::move(value);
  else
    posture[claim.substr(0, dot)][claim.substr(dot + 1)] = std::move(value);
}

}  // namespace

Json measure(const Options& options) {
  const Clock::time_point end = Clock::now() + options.time;
  const Host host{options, std::time(nullptr)};
  std::vector<Plan> plans;
  std::vector<std::string> claims;
  std::vector<Command> commands;
  for (const Measurement& measurement : measurements) {
    if (!is_asked(options, measurement.claim)) continue;
    claims.emplace_back(measurement.claim);
    plans.push_back(plan_of(measurement, host));
    const auto& more = plans.back().commands;
    commands.insert(commands.end(), more.begin(), more.end());
  }
  const std::vector<Result<Output>> outputs = run_all(commands, programs_at_once, end);
  Json posture = Json::object();
  Unmeasured unmeasured;
  Outputs rest = outputs;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const std::string& claim = claims[i];
    auto value = plans[i].conclude(rest.first(plans[i].commands.size()), unmeasured);
    rest = rest.subspan(plans[i].commands.size());
    if (value && is_utf8(*value))
      put(posture, claim, *std::move(value));
    else
      unmeasured[claim] = value ? "is not in UTF-8" : value.error().message;
  }
  return fit(std::move(posture), unmeasured, options.most);
}

}  // namespace sluice::client::measure
