// SPDX-License-Identifier: Apache-2.0
#include "client/turn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "client/fetch.hpp"
#include "client/policy.hpp"
#include "client/record.hpp"
#include "client/route.hpp"
#include "client/runtime.hpp"
#include "client/tunnel.hpp"

namespace sluice::client {
namespace {

constexpr std::array<std::string_view, 6> names{"granted", "renewed", "refused", "unreachable", "no-policy", "failed"};

Turned failed(const Error& error) { return {Outcome::failed, {}, {}, {}, error.message}; }

Outcome outcome_of(const Problem& problem) {
  if (problem.refused_by_policy()) return Outcome::refused;
  return problem.status >= 500 || problem.status == 429 ? Outcome::unreachable : Outcome::failed;
}

Outcome outcome_of(const Error& of_choice) {
  if (of_choice.number == EACCES) return Outcome::refused;
  return of_choice.number == EAGAIN ? Outcome::unreachable : Outcome::failed;
}

Outcome outcome_of(Stance stance) {
  if (stance == Stance::leave_alone) return Outcome::no_policy;
  return stance == Stance::refuse ? Outcome::refused : Outcome::unreachable;
}

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

const Renewed* find(const Answer& answer, const std::optional<Held>& held) {
  if (!held) return nullptr;
  const auto found = std::ranges::find_if(answer.renewed, [&](const Renewed& one) {
    return one.gateway == held->gateway && one.network == held->network && one.outbound.value() == held->spi;
  });
  return found == answer.renewed.end() ? nullptr : &*found;
}

std::int64_t end_of(const Times& times) {
  return runtime::boot_seconds() + std::min(times.lease, times.expires).count();
}

}  // namespace

std::string_view to_string(Outcome outcome) { return names[static_cast<std::size_t>(outcome)]; }

std::string to_text(const Turned& turned) {
  nlohmann::json json{{"outcome", to_string(turned.outcome)}, {"server", turned.server}, {"words", turned.words}};
  if (turned.times)
    json["times"] = {turned.times->refresh.count(), turned.times->expires.count(), turned.times->lease.count()};
  if (turned.retry_after) json["retry_after"] = turned.retry_after->count();
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Turned> turned_from_text(const std::string& text) {
  using std::chrono::seconds;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    Turned turned;
    const auto name = std::ranges::find(names, json.at("outcome").get<std::string>());
    if (name == names.end()) return Error{"an outcome that is unknown", EBADMSG};
    turned.outcome = static_cast<Outcome>(name - names.begin());
    turned.server = json.at("server").get<std::string>();
    turned.words = json.at("words").get<std::string>();
    if (json.contains("times")) {
      const auto& times = json["times"];
      turned.times = Times{seconds(times.at(0).get<std::int64_t>()), seconds(times.at(1).get<std::int64_t>()),
                           seconds(times.at(2).get<std::int64_t>())};
    }
    if (json.contains("retry_after")) turned.retry_after = seconds(json["retry_after"].get<std::int64_t>());
    return turned;
  } catch (const nlohmann::json::exception& error) {
    return Error{error.what(), EBADMSG};
  }
}

Grant grant_of(const Granted& granted) { return {granted.gateway, granted.network, end_of(granted.times)}; }

Turned turn(const Settings& settings, const Choice& choice) {
  auto record = RecordFile::look();
  if (!record) return failed(record.error());
  std::optional<Held> held;
  if (*record) {
    const auto& grant = (*record)->grant;
    if (!grant) return failed({"the tunnel of a key file is up; `sluice-client down` takes it down"});
    held = Held{grant->gateway, grant->network, (*record)->tunnel.outbound.value()};
  }
  auto routing = Routing::open();
  if (!routing) return failed(routing.error());
  const auto bearings = take_bearings(settings);
  if (!bearings) return failed(bearings.error());
  // The tunnel that is up was granted: it ends when a key server says so, not when an answer gets lost.
  if (!held && bearings->stance != Stance::go_on) return {outcome_of(bearings->stance), {}, {}, {}, bearings->words};
  auto fetched = fetch_with(with_policy(settings, *bearings), held, runtime::ticket_path());
  if (!fetched)
    return {fetched.error().number == ENOTCONN ? Outcome::unreachable : Outcome::failed,
            {},
            {},
            {},
            fetched.error().message};
  if (const auto* problem = std::get_if<Problem>(&fetched->said))
    return {outcome_of(*problem), {}, problem->retry_after, fetched->server, without_end(problem->to_words())};

  Answer& answer = std::get<Answer>(fetched->said);
  if (const Renewed* renewed = find(answer, held)) {
    if (auto done = go_on((*record)->tunnel.outbound, end_of(renewed->times)); !done) return failed(done.error());
    return {Outcome::renewed, renewed->times, {}, fetched->server, {}};
  }
  auto granted =
      choose(answer, choice, settings.native, [&](const Address& address) { return routing->path_to(address).ok(); });
  if (!granted) {
    const std::string refused = without_end(refused_words(answer));
    return {outcome_of(granted.error()), {}, {}, fetched->server, refused.empty() ? granted.error().message : refused};
  }
  UpOptions options;
  options.interface = settings.interface;
  options.grant = grant_of(**granted);
  if (*record) {
    auto replaced = replace((*granted)->keys, options);
    if (!replaced) return failed(replaced.error());
    if (*replaced) return {Outcome::granted, (*granted)->times, {}, fetched->server, "another key"};
    if (auto gone = down(); !gone) return failed(gone.error());
  }
  auto done = up((*granted)->keys, options);
  if (!done) return failed(done.error());
  return {Outcome::granted, (*granted)->times, {}, fetched->server, *done};
}

}  // namespace sluice::client
