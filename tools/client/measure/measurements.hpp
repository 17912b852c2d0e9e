// SPDX-License-Identifier: Apache-2.0
//
// The measurements, each in a file of its own.  One that asks other programs gives a plan, so that all of them run at
// the same time.  An error says to a person why there is nothing to tell.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "client/measure/host.hpp"
#include "client/measure/run.hpp"

namespace sluice::client::measure {

using Json = nlohmann::json;
using Outputs = std::span<const Result<Output>>;

/// What is to be run, and what the outputs mean, one for each command in their order.  *conclude* may add to why parts
/// of the claim are absent.
struct Plan {
  std::vector<Command> commands;
  std::function<Result<Json>(Outputs outputs, Unmeasured& unmeasured)> conclude;
};

Result<Json> measure_os(const Host& host);               // os_release.cpp
Result<Json> measure_kernel(const Host& host);           // kernel.cpp
Result<Json> measure_malware_scanner(const Host& host);  // clamav.cpp
Result<Json> measure_disk_encryption(const Host& host);  // disk.cpp
Result<Json> measure_secure_boot(const Host& host);      // secure_boot.cpp

Plan plan_packages(const Host& host);  // packages.cpp: of dpkg, or of rpm where there is no dpkg
Plan plan_firewall(const Host& host);  // firewall.cpp
Plan plan_updates(const Host& host);   // updates.cpp
Plan plan_plugins(const Host& host);   // plugins.cpp
Plan plan_osquery(const Host& host);   // osquery.cpp: what becomes the part "osquery" of "plugins"

}  // namespace sluice::client::measure
