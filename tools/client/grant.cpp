// SPDX-License-Identifier: Apache-2.0
#include "client/grant.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace sluice::client {
namespace {

using Json = nlohmann::json;

template <class T>
std::string name_of(const T& one) {
  return one.network + " of " + one.gateway;
}

template <class T>
bool fits(const T& one, const Choice& choice) {
  return (!choice.gateway || *choice.gateway == one.gateway) && (!choice.network || *choice.network == one.network);
}

template <class T>
bool any_fits(const std::vector<T>& all, const Choice& choice) {
  return std::ranges::any_of(all, [&](const T& one) { return fits(one, choice); });
}

template <class T>
Json texts(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(value.to_string());
  return list;
}

Json base(const std::string& gateway, const std::string& network) {
  return {{"gateway", gateway}, {"network", network}};
}

void add_times(Json& json, const Times& times) {
  json["refresh_in"] = times.refresh.count();
  json["expires_in"] = times.expires.count();
  json["lease_in"] = times.lease.count();
}

Json to_json(const std::vector<http::Failure>& failures) {
  Json list = Json::array();
  for (const http::Failure& one : failures)
    list.push_back({{"name", one.name}, {"detail", one.detail}, {"remedy", one.remedy}});
  return list;
}

Json to_json(const Granted& granted) {
  Json json = base(granted.gateway, granted.network);
  json["addresses"] = texts(granted.addresses);
  if (granted.udp_port) json["udp_port"] = *granted.udp_port;
  json["native"] = granted.native;
  json["generation"] = granted.generation;
  json["algorithm"] = derivation::to_string(granted.keys.algorithm);
  json["outbound_spi"] = granted.keys.outbound.spi.to_string();
  json["inbound_spi"] = granted.keys.inbound.spi.to_string();
  json["inner"] = texts(granted.keys.inner);
  json["routes"] = texts(granted.keys.routes);
  add_times(json, granted.times);
  return json;
}

// "why", as a person says it.
std::string reason_words(const std::string& reason) {
  if (reason == "role") return "none of this device's roles opens it; ask who runs the key server";
  if (reason == "posture") return "this device's health does not suffice";
  if (reason == "quote") return "it takes a quote by this device's TPM 2.0";
  return reason;
}

std::string asked(const Choice& choice) {
  return (choice.network ? "network " + *choice.network : std::string("any network")) +
         (choice.gateway ? " of gateway " + *choice.gateway : std::string());
}

}  // namespace

Json to_json(const Answer& answer) {
  Json json{{"health_in", answer.health_in.count()}};
  for (const char* name : {"granted", "renewed", "refused", "later"}) json[name] = Json::array();
  for (const Granted& one : answer.keys) json["granted"].push_back(to_json(one));
  for (const Renewed& one : answer.renewed) {
    Json renewed = base(one.gateway, one.network);
    renewed["outbound_spi"] = one.outbound.to_string();
    add_times(renewed, one.times);
    json["renewed"].push_back(std::move(renewed));
  }
  for (const Refused& one : answer.refused) {
    Json refused = base(one.gateway, one.network);
    refused["reason"] = one.reason;
    refused["failures"] = to_json(one.failures);
    json["refused"].push_back(std::move(refused));
  }
  for (const Later& one : answer.later) {
    Json later = base(one.gateway, one.network);
    later["detail"] = one.detail;
    json["later"].push_back(std::move(later));
  }
  return json;
}

Json to_json(const Problem& problem) {
  Json json{{"status", problem.status}, {"title", problem.title}, {"failures", to_json(problem.failures)}};
  if (!problem.detail.empty()) json["detail"] = problem.detail;
  if (problem.retry_after) json["retry_after"] = problem.retry_after->count();
  return json;
}

std::string granted_words(const Answer& answer) {
  std::string words;
  for (const Granted& one : answer.keys) {
    std::string inner;
    for (const Address& address : one.keys.inner) inner += (inner.empty() ? "" : ", ") + address.to_string();
    words += "granted: " + name_of(one) + ": " + inner + ", for " + std::to_string(one.times.expires.count()) +
             " s, health again within " + std::to_string(one.times.lease.count()) + " s\n";
  }
  for (const Renewed& one : answer.renewed)
    words += "renewed: " + name_of(one) + ": health again within " + std::to_string(one.times.lease.count()) + " s\n";
  return words;
}

std::string refused_words(const Answer& answer) {
  std::string words;
  for (const Refused& one : answer.refused)
    words += "refused: " + name_of(one) + ": " + reason_words(one.reason) + to_words(one.failures) + "\n";
  for (const Later& one : answer.later) words += "later: " + name_of(one) + ": " + one.detail + "\n";
  return words;
}

std::string to_words(const std::vector<Timing>& timings) {
  std::string words;
  for (const Timing& timing : timings) {
    char text[64];
    std::snprintf(text, sizeof text, "%s %.1f ms", timing.step, static_cast<double>(timing.time.count()) / 1000);
    words += (words.empty() ? "" : ", ") + std::string(text);
  }
  return words;
}

Result<Granted*> choose(Answer& answer, const Choice& choice, bool prefer_native,
                        const std::function<bool(const Address&)>& reachable) {
  std::optional<Error> unreachable;
  for (Granted& granted : answer.keys) {
    if (!fits(granted, choice)) continue;
    auto path = choose_path(granted, prefer_native, reachable);
    if (path) return &granted;
    if (!unreachable) unreachable = path.error();
  }
  if (unreachable) return *unreachable;
  if (any_fits(answer.refused, choice)) return Error{asked(choice) + " is refused", EACCES};
  if (any_fits(answer.later, choice)) return Error{asked(choice) + " has to wait; try again soon", EAGAIN};
  return Error{"the key server grants nothing for " + asked(choice) + "; `sluice-client fetch` shows what it does",
               ENOENT};
}

}  // namespace sluice::client
