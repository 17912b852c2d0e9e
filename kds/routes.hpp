// SPDX-License-Identifier: Apache-2.0
//
// Every path of the API, its method and who may ask for it: the one list that requests are looked up in, and that
// Documentation/openapi.yaml is held against.  Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice::kds {

enum class Who { anybody, device, gateway, operator_ };

enum class Action {
  health,
  challenge,
  keys,
  own_status,
  boot,
  updates,
  anomalies,
  devices,
  enrol,
  device,
  change,
  forget,
  revoke,
  ban,
  unban,
  gateways,
  audit,
};

struct Route {
  Action action;
  Who who;
  const char* method;
  const char* path;  ///< "{name}" in it stands for one segment that is not empty
};

std::span<const Route> routes();

struct Found {
  const Route* route = nullptr;  ///< null: there is none
  std::string name;              ///< what stands where the path has "{name}", as it came
  std::string allowed;           ///< without a route, the methods that the path has for *who*: "GET, POST"
};
/// *path*: without a query.
Found find_route(Who who, std::string_view method, std::string_view path);

}  // namespace sluice::kds
