// SPDX-License-Identifier: Apache-2.0
#include "kds/routes.hpp"

#include <optional>

namespace sluice::kds {
namespace {

constexpr std::string_view kName = "{name}";

constexpr Route kRoutes[] = {
    {Action::health, Who::anybody, "GET", "/v1/health"},
    {Action::challenge, Who::device, "GET", "/v1/challenge"},
    {Action::keys, Who::device, "POST", "/v1/keys"},
    {Action::own_status, Who::device, "GET", "/v1/status"},
    {Action::boot, Who::gateway, "POST", "/v1/gateway/boot"},
    {Action::updates, Who::gateway, "GET", "/v1/gateway/updates"},
    {Action::anomalies, Who::gateway, "POST", "/v1/gateway/anomalies"},
    {Action::devices, Who::operator_, "GET", "/v1/devices"},
    {Action::enrol, Who::operator_, "POST", "/v1/devices"},
    {Action::device, Who::operator_, "GET", "/v1/devices/{name}"},
    {Action::change, Who::operator_, "PATCH", "/v1/devices/{name}"},
    {Action::forget, Who::operator_, "DELETE", "/v1/devices/{name}"},
    {Action::revoke, Who::operator_, "POST", "/v1/devices/{name}/revoke"},
    {Action::ban, Who::operator_, "POST", "/v1/devices/{name}/ban"},
    {Action::unban, Who::operator_, "POST", "/v1/devices/{name}/unban"},
    {Action::gateways, Who::operator_, "GET", "/v1/gateways"},
    {Action::audit, Who::operator_, "GET", "/v1/audit"},
};

// What stands for "{name}", "" where there is none of it; nothing: they do not match.
std::optional<std::string_view> match(std::string_view route, std::string_view path) {
  const std::size_t at = route.find(kName);
  if (at == route.npos) return route == path ? std::optional(std::string_view()) : std::nullopt;
  const std::string_view before = route.substr(0, at), behind = route.substr(at + kName.size());
  if (!path.starts_with(before)) return std::nullopt;
  path.remove_prefix(before.size());
  if (!path.ends_with(behind)) return std::nullopt;
  path.remove_suffix(behind.size());
  if (path.empty() || path.find('/') != path.npos) return std::nullopt;
  return path;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Found find_route(Who who, std::string_view method, std::string_view path) {
  Found found;
  for (const Route& route : kRoutes) {
    if (route.who != who) continue;
    const auto name = match(route.path, path);
    if (!name) continue;
    if (route.method == method) return {&route, std::string(*name), {}};
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return found;
}

}  // namespace sluice::kds
