// SPDX-License-Identifier: Apache-2.0
#include "client/policy.hpp"

#include <algorithm>
#include <ctime>

#include "client/route.hpp"
#include "policy/ask.hpp"
#include "realm/reader.hpp"

namespace sluice::client {
namespace {

constexpr std::size_t gateways_most = 8;  // a host with more default routes is no client
constexpr std::size_t words_most = 512;

using realm::printable;

using Hop = Routing::NextHop;

Result<std::vector<Hop>> gateways_of(const PolicySettings& settings) {
  std::vector<Hop> gateways;
  for (const Address& address : settings.gateways) gateways.push_back({address, 0});
  if (!gateways.empty()) return gateways;
  auto routing = Routing::open();
  if (!routing) return routing.error();
  auto found = routing->default_gateways();
  if (found && found->size() > gateways_most) found->resize(gateways_most);
  return found;
}

std::string date(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  char text[64] = "?";
  if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%F %T UTC", &parts);
  return text;
}

template <class List, class Text>
std::string joined(const List& list, Text text) {
  std::string all;
  for (const auto& one : list) all += (all.empty() ? "" : ", ") + text(one);
  return all;
}

template <class List>
std::string joined(const List& list) {
  return joined(list, [](const auto& one) { return one.to_string(); });
}

nlohmann::json to_json(const policy::Verified& verified) {
  const policy::Statement& statement = verified.statement;
  nlohmann::json json{{"realm", statement.realm},
                      {"gateway", statement.gateway},
                      {"kds", nlohmann::json::array()},
                      {"domain", statement.domain.empty() ? nlohmann::json() : nlohmann::json(statement.domain)},
                      {"routes", nlohmann::json::array()},
                      {"interval", statement.interval.count()},
                      {"issued_at", statement.issued_at.time_since_epoch().count()},
                      {"signer", verified.signer.subject},
                      {"signer_until", std::chrono::system_clock::to_time_t(verified.signer.not_after)}};
  for (const http::ServerName& server : statement.kds) json["kds"].push_back(server.to_string());
  for (const Prefix& route : statement.routes) json["routes"].push_back(route.to_string());
  return json;
}

}  // namespace

Result<std::vector<Asked>> ask_for_policy(const Settings& settings) {
  auto context = tls::Context::create(tls::Role::client, settings.identity);
  if (!context) return context.error();
  const auto gateways = gateways_of(settings.policy);
  if (!gateways) return gateways.error();
  std::vector<Asked> all;
  for (const Hop& gateway : *gateways) {
    Asked& asked = all.emplace_back(Asked{{gateway.address, settings.policy.port}, {}, {}, {}});
    const auto blob = policy::ask(asked.gateway, {}, gateway.interface);
    if (!blob) {
      asked.silence = blob.error().message;
    } else if (*blob) {
      auto verified = policy::verify(**blob, *context, settings.realm);
      if (verified) {
        asked.believed = *std::move(verified);
        break;
      }
      asked.refusal = printable(verified.error().message, words_most);
    }
  }
  return all;
}

Bearings bearings_of(PolicySettings::Mode mode, const std::vector<Asked>& asked) {
  if (mode == PolicySettings::Mode::ignore) return {};
  for (const Asked& one : asked)
    if (one.believed) return {Stance::go_on, {}, one.believed->statement};
  const bool required = mode == PolicySettings::Mode::required;
  const std::string end = required ? "; the settings require one" : "; traffic is left alone";
  for (const Asked& one : asked)
    if (one.refusal)
      return {required ? Stance::refuse : Stance::leave_alone,
              "what " + one.gateway.to_string() + " answers as its policy is not believed: " + *one.refusal + end,
              {}};
  const std::string who =
      asked.empty() ? "there is no default route"
                    : "no answer from " + joined(asked, [](const Asked& one) { return one.gateway.to_string(); });
  return {required ? Stance::try_again : Stance::leave_alone, "no policy here: " + who + end, {}};
}

Result<Bearings> take_bearings(const Settings& settings) {
  if (settings.policy.mode == PolicySettings::Mode::ignore) return Bearings{};
  const auto asked = ask_for_policy(settings);
  if (!asked) return asked.error();
  return bearings_of(settings.policy.mode, *asked);
}

Settings with_policy(Settings settings, const Bearings& bearings) {
  if (!bearings.believed || !settings.kds.empty() || !settings.domains.empty()) return settings;
  settings.kds = bearings.believed->kds;
  if (settings.kds.empty() && !bearings.believed->domain.empty()) settings.domains = {bearings.believed->domain};
  return settings;
}

nlohmann::json to_json(const std::vector<Asked>& asked) {
  nlohmann::json list = nlohmann::json::array();
  for (const Asked& one : asked)
    list.push_back({{"gateway", one.gateway.address.to_string()},
                    {"port", one.gateway.port},
                    {"answered", one.answered()},
                    {"believed", one.believed.has_value()},
                    {"why_not", one.refusal ? nlohmann::json(*one.refusal) : nlohmann::json()},
                    {"policy", one.believed ? to_json(*one.believed) : nlohmann::json()}});
  return {{"asked", std::move(list)}};
}

std::string to_words(const std::vector<Asked>& asked) {
  if (asked.empty()) return "there is no default route, and so nobody to ask\n";
  std::string text;
  const auto line = [&text](std::string name, const std::string& what) {
    name.resize(12, ' ');
    text += name + what + "\n";
  };
  for (const Asked& one : asked) {
    line("gateway", one.gateway.to_string());
    if (!one.believed) {
      line("policy", one.refusal ? "not believed: " + *one.refusal
                                 : "none: no answer" + (one.silence.empty() ? "" : " (" + one.silence + ")"));
      continue;
    }
    const policy::Statement& statement = one.believed->statement;
    line("policy", "of " + statement.gateway + ", realm " + statement.realm);
    if (!statement.kds.empty()) line("key servers", joined(statement.kds));
    if (!statement.domain.empty()) line("domain", statement.domain);
    if (!statement.routes.empty()) line("routes", joined(statement.routes));
    line("health", "shown again within " + std::to_string(statement.interval.count()) + " s");
    line("signed", date(statement.issued_at) + " by " + printable(one.believed->signer.subject) +
                       ", whose certificate ends " + date(one.believed->signer.not_after));
  }
  return text;
}

}  // namespace sluice::client
