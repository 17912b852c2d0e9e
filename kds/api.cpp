// SPDX-License-Identifier: Apache-2.0
#include "kds/api.hpp"

#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "http/problem.hpp"
#include "kds/bodies.hpp"
#include "kds/posture.hpp"
#include "kds/routes.hpp"

namespace sluice::kds {
namespace {

using http::Failure;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t devices_at_once = 1000, audit_at_once = 1000;
// An operator's client reads 16 MiB (tools/sluice/kds_api.cpp).  A detail as long as this is told by its size alone.
constexpr std::size_t audit_bytes_at_once = std::size_t{4} << 20;
constexpr std::chrono::minutes window{1};

// What a connection of a device keeps between challenge and keys.
struct Challenge {
  std::optional<evidence::Nonce> nonce;
  Clock::time_point made;
};

Response problem(unsigned status, std::string title, std::string detail) {
  return Problem{status, std::move(title), std::move(detail), {}}.to_response();
}
Response not_found() { return problem(404, "", "there is no such path, or not for you"); }
Response no_such(const Found& found) {
  if (found.allowed.empty()) return not_found();
  Response response = problem(405, "", "this path takes " + found.allowed);
  response.fields.add("Allow", found.allowed);  // RFC 9110, 15.5.6
  return response;
}
Response too_often() {
  Response response = problem(429, "", "too many requests; try again in a minute");
  response.fields.add("Retry-After", "60");
  return response;
}
Response json_response(unsigned status, const json& body) { return Response::json(status, body.dump()); }
Response nothing() { return Response::with_body(204, "", ""); }

// By the errno that the rules give; nothing: no rule said so, something has failed.
std::optional<Response> ruled_out(const Error& error) {
  switch (error.number) {
    case EACCES:
      return problem(403, "not allowed", error.message);
    case ENODATA:
      return problem(403, "health not shown", error.message);
    case ENOENT:
      return problem(404, "", error.message);
    case EEXIST:
      return problem(409, "", error.message);
    case EINVAL:
      return problem(400, "", error.message);
    case EAGAIN:
      return problem(503, "later", error.message);
    default:
      return std::nullopt;
  }
}
AuditOutcome outcome_of(const Error& error) { return ruled_out(error) ? AuditOutcome::refused : AuditOutcome::failed; }

// Where no key is enrolled nothing can be judged.
Result<void> judge_quote(const KeysBody& body, const evidence::Binding& binding, const Bytes& key) {
  if (key.empty()) return {};
  auto qualifying = evidence::qualifying_data(binding.nonce, binding.exporter, *body.evidence);
  if (!qualifying) return qualifying.error();
  return evidence::verify_quote(*body.quote, *qualifying, key);
}

// What stands behind "after=", the one thing that a query may hold.
std::optional<std::string_view> after_of(std::string_view query) {
  constexpr std::string_view name = "after=";
  if (!query.starts_with(name)) return std::nullopt;
  return query.substr(name.size());
}
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  // The store counts in 63 bits, where more would be less than nothing.
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return value;
}

// All failures of all refusals, each once: a person mends them all.
std::vector<Failure> failures_of(const std::vector<Refusal>& refused) {
  std::vector<Failure> all;
  for (const Refusal& refusal : refused)
    for (const auto& one : refusal.failures)
      if (std::ranges::none_of(all, [&](const Failure& seen) { return seen.detail == one.message; }))
        all.push_back({one.claim, one.message, one.remedy});
  return all;
}

json detail_of(const Audit& line) {
  if (line.detail.size() > audit_bytes_at_once) return {{"left_out", line.detail.size()}};
  json detail = json::parse(line.detail, nullptr, false);
  return detail.is_object() ? detail : json::object();
}

// Nothing was granted.
Response refused(const KeyAnswer& answer) {
  if (!answer.later.empty()) return problem(503, "later", answer.later.front().detail);
  Problem denied{403, "health", "this device is not healthy enough for any network that it might use", {}};
  denied.failures = failures_of(answer.refused);
  if (!denied.failures.empty()) return denied.to_response();
  const bool role = std::ranges::all_of(answer.refused,
                                        [](const Refusal& refusal) { return refusal.reason == Refusal::Reason::role; });
  if (role) return problem(403, "role", "no network is open to the roles of this device: ask who runs the key server");
  return problem(403, "health not shown", "health has to be shown for the networks that this device may use");
}

}  // namespace

Api::Api(Service& service, AuditLog& log) : service_(service), log_(log) {
  // They are in force already, whether they can be noted or not.
  service_.on_decisions([this](const std::vector<AuditEvent>& decisions) {
    if (auto written = log_.write(decisions); !written) spdlog::critical("audit log: {}", written.error().message);
  });
}

// What failed is told by the log alone: paths and statements are nobody else's business.
Response Api::failed(const Error& error) {
  if (auto answer = ruled_out(error)) return *std::move(answer);
  complain(error.message);
  if (error.number == EBUSY) return problem(503, "later", "the key server's store is taken at this moment; try again");
  return problem(500, "", "something failed here; the key server's log says what");
}

void Api::complain(const std::string& words) {
  if (const auto said = complaints_.say(words)) spdlog::error("{}", *said);
}

Response Api::bad_evidence(const Error& error) {
  using evidence::Reason;
  const Reason reason = evidence::reason_of(error);
  if (reason == Reason::nonce) return problem(409, "challenge", error.message);
  if (reason == Reason::internal) return failed(error);
  return problem(400, std::string("evidence: ") + evidence::name_of(reason), error.message);
}

bool Api::within(const std::string& who, std::uint32_t a_minute) {
  Window& seen = windows_[who];
  const auto now = Clock::now();
  if (now - seen.began >= window) seen = {now, 0};
  return ++seen.count <= a_minute;
}

Result<void> Api::note(const Party& actor, AuditAction action, const Party& subject, AuditOutcome outcome,
                       AuditDetail detail) {
  auto written = log_.write({std::chrono::system_clock::now(), actor, action, subject, outcome, std::move(detail)});
  if (!written) spdlog::critical("audit log: {}", written.error().message);
  return written;
}

Task<Response> Api::handle(const Request& request, http::Connection& connection) {
  const std::string& realm = service_.settings().realm;
  const Limits& limits = service_.settings().limits;
  auto device_name = connection.peer().device_of(realm), operator_name = connection.peer().operator_of(realm);
  // Whatever it asks: /v1/health costs a connection's time as well.
  if (device_name && !within("device/" + *device_name, limits.requests)) co_return too_often();
  if (operator_name && !within("operator/" + *operator_name, limits.operator_requests)) co_return too_often();
  if (const Found found = find_route(Who::anybody, request.method, request.path()); found.route != nullptr)
    co_return json_response(200, {{"status", "ok"}});
  else if (!found.allowed.empty())
    co_return no_such(found);
  if (device_name) co_return co_await device(request, connection, *std::move(device_name));
  if (auto name = connection.peer().gateway_of(realm)) co_return co_await gateway(request, *std::move(name));
  if (operator_name) co_return co_await operate(request, *std::move(operator_name));
  co_return not_found();
}

Task<Response> Api::device(const Request& request, http::Connection& connection, std::string name) {
  const Limits& limits = service_.settings().limits;
  const Found found = find_route(Who::device, request.method, request.path());
  if (found.route == nullptr) co_return no_such(found);
  if (found.route->action == Action::challenge) {
    if (!within("challenge/" + name, limits.challenges)) co_return too_often();
    co_return challenge(connection);
  }
  if (found.route->action == Action::keys) {
    if (!within("keys/" + name, limits.keys)) co_return too_often();
    co_return co_await keys(request, connection, std::move(name));
  }
  co_return co_await status(std::move(name));
}

Response Api::challenge(http::Connection& connection) {
  evidence::Nonce nonce;
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
    return failed({"the random generator has failed", EIO});
  Challenge& kept = connection.slot<Challenge>();
  kept.nonce = nonce;
  kept.made = Clock::now();
  return json_response(200, {{"nonce", evidence::to_base64url(nonce)},
                             {"expires_in", nonce_life.count()},
                             {"wanted", wanted(service_.settings().postures)}});
}

Task<Response> Api::keys(const Request& request, http::Connection& connection, std::string name) {
  const Party self{Party::Kind::device, name};
  Challenge kept = std::exchange(connection.slot<Challenge>(), Challenge{});  // once, whatever comes of it
  auto body = parse_keys(request.body);
  if (!body) co_return failed(body.error());
  auto fingerprint = evidence::fingerprint_of(connection.certificate());
  if (!fingerprint) co_return failed(fingerprint.error());

  KeyQuestion question;
  question.device = name;
  question.fingerprint.assign(fingerprint->begin(), fingerprint->end());
  question.held = body->held;
  AuditDetail detail;
  detail.address = connection.remote().address;
  detail.certificate = connection.peer().serial;
  if (body->evidence) {
    if (!kept.nonce || Clock::now() - kept.made > nonce_life) {
      detail.reason = kept.nonce ? "the challenge is too old" : "no challenge of this connection is open";
      (void)note(self, AuditAction::evidence, self, AuditOutcome::refused, detail);
      co_return problem(409, "challenge",
                        detail.reason + "; evidence needs a new one, from GET /v1/challenge on the same connection");
    }
    const evidence::Binding binding{
        *kept.nonce, connection.channel_binding(), connection.certificate(),
        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
    auto claims = evidence::verify_evidence(*body->evidence, binding);
    if (!claims) {
      detail.reason = claims.error().message;
      (void)note(self, AuditAction::evidence, self, AuditOutcome::refused, detail);
      co_return bad_evidence(claims.error());
    }
    question.posture = std::move(claims->posture);
    if (body->quote) {
      Result<Bytes> key = co_await attestation_key(name);
      if (!key) co_return failed(key.error());
      if (auto good = judge_quote(*body, binding, *key); !good) {
        detail.reason = good.error().message;
        (void)note(self, AuditAction::evidence, self, AuditOutcome::refused, detail);
        co_return bad_evidence(good.error());
      }
      question.quoted_by = *std::move(key);
      question.pcrs = body->quote->pcrs;
    }
  }

  Result<KeyAnswer> answer = co_await service_.keys(std::move(question));
  if (!answer) {
    detail.reason = answer.error().message;
    (void)note(self, AuditAction::issue, self, outcome_of(answer.error()), detail);
    co_return failed(answer.error());
  }
  const bool faulty = tell_faults(self, *answer, detail);
  const bool granted = !answer->issued.empty() || !answer->renewed.empty();
  if (!granted && faulty) co_return refused(*answer);
  if (!granted) {
    for (const Refusal& refusal : answer->refused)
      detail.failures.insert(detail.failures.end(), refusal.failures.begin(), refusal.failures.end());
    (void)note(self, AuditAction::issue, self, AuditOutcome::refused, detail);
    co_return refused(*answer);
  }
  for (const Issued& key : answer->issued) {
    AuditDetail about = detail;
    about.gateway = key.gateway;
    about.network = key.network;
    about.generation = key.number;
    about.id = key.id;
    about.incarnation = key.incarnation;
    // A key that cannot be accounted for is not given out: its incarnation is spent, nothing else.
    if (auto written = note(self, AuditAction::issue, self, AuditOutcome::done, std::move(about)); !written)
      co_return problem(503, "later", "the key server cannot write its audit log");
  }
  co_return Response::json(200, keys_body(*answer, service_.settings(), std::chrono::system_clock::now()));
}

// True: there were some.  The device can do nothing about them; the log and the counters of its lines tell who can.
bool Api::tell_faults(const Party& device, const KeyAnswer& answer, const AuditDetail& detail) {
  bool any = false;
  for (const auto& later : answer.later) {
    if (later.fault.empty()) continue;
    any = true;
    complain("network '" + later.network + "' of gateway '" + later.gateway + "' has no key: " + later.fault);
    AuditDetail about = detail;
    about.gateway = later.gateway;
    about.network = later.network;
    about.reason = later.fault;
    (void)note(device, AuditAction::issue, device, AuditOutcome::failed, std::move(about));
  }
  return any;
}

// Empty: the device, or its key, is not enrolled; what that means is Keys' to say.
Task<Result<Bytes>> Api::attestation_key(std::string name) {
  Bytes key;
  auto look = [&key, name](Transaction& transaction) -> Result<void> {
    const auto device = transaction.device(name);
    if (device) key = device->attestation_key.value_or(Bytes());
    return {};
  };
  Store::Work work = look;
  Result<void> done = co_await service_.read(std::move(work));
  if (!done) co_return done.error();
  co_return key;
}

Task<Response> Api::status(std::string name) {
  json body;
  auto look = [&body, name](Transaction& transaction) -> Result<void> {
    const auto now = std::chrono::system_clock::now();
    const auto device = transaction.device(name);
    if (!device) return Error{"device '" + name + "' is not enrolled", ENOENT};
    body = to_json(*device, transaction.attestation(name), now);
    body["keys"] = json::array();
    for (const Membership& membership : transaction.memberships_of(name)) {
      for (const Generation& generation : transaction.live_generations(membership.gateway)) {
        const auto issue = transaction.newest_issue(membership.gateway, generation.number, membership.id);
        if (!issue || issue->device != name) continue;
        body["keys"].push_back(
            {{"gateway", membership.gateway},
             {"network", membership.network},
             {"generation", generation.number},
             {"spi", issue->spi},
             {"revoked", issue->revoked},
             {"lease_in", std::max<std::int64_t>(
                              0, std::chrono::duration_cast<std::chrono::seconds>(issue->lease_until - now).count())}});
      }
    }
    return {};
  };
  Store::Work work = look;
  Result<void> done = co_await service_.read(std::move(work));
  co_return done ? json_response(200, body) : failed(done.error());
}

Task<Response> Api::gateway(const Request& request, std::string name) {
  const Party self{Party::Kind::gateway, name};
  if (service_.settings().gateway(name) == nullptr)
    co_return problem(403, "not configured", "gateway '" + name + "' is not in this key server's configuration");
  const Found found = find_route(Who::gateway, request.method, request.path());
  if (found.route == nullptr) co_return no_such(found);
  if (found.route->action == Action::boot) {
    auto body = parse_boot(request.body);
    if (!body) co_return failed(body.error());
    Result<Generations::Boot> boot = co_await service_.boot(name, std::move(body->nonce), body->newest);
    if (!boot) co_return failed(boot.error());
    AuditDetail detail;
    detail.reason = boot->fresh ? "another boot: every generation before is dead" : "the same boot";
    if (auto written = note(self, AuditAction::boot, self, AuditOutcome::done, std::move(detail)); !written)
      co_return problem(503, "later", "the key server cannot write its audit log");
    co_return json_response(200, {{"fresh", boot->fresh}, {"acknowledged", boot->acknowledged}, {"live", boot->live}});
  }
  if (found.route->action == Action::updates) {
    const auto after = number_of(after_of(request.query()).value_or(""));
    if (!after) co_return problem(400, "", "after=N is missing, or no number below 2^63");
    Result<std::vector<Generations::Outgoing>> updates = co_await service_.updates(name, *after);
    if (!updates) co_return failed(updates.error());
    co_return Response::json(200, updates_body(*updates));
  }
  auto reports = parse_anomalies(request.body);
  if (!reports) co_return failed(reports.error());
  Result<void> done = co_await service_.anomalies(name, *std::move(reports));
  co_return done ? nothing() : failed(done.error());
}

Task<Response> Api::devices(std::string after) {
  json all = json::array();
  auto look = [&all, after](Transaction& transaction) -> Result<void> {
    const auto now = std::chrono::system_clock::now();
    for (const Device& device : transaction.devices(after, devices_at_once))
      all.push_back(to_json(device, transaction.attestation(device.name), now));
    return {};
  };
  Store::Work work = look;
  Result<void> done = co_await service_.read(std::move(work));
  co_return done ? json_response(200, {{"devices", all}}) : failed(done.error());
}

Task<Response> Api::gateways() {
  json all = json::array();
  auto look = [this, &all](Transaction& transaction) -> Result<void> {
    const auto now = std::chrono::system_clock::now();
    for (const GatewaySettings& configured : service_.settings().gateways) {
      const auto gateway = transaction.gateway(configured.name);
      all.push_back(gateway ? to_json(*gateway, transaction.live_generations(configured.name), now)
                            : json{{"name", configured.name}, {"booted", false}});
    }
    return {};
  };
  Store::Work work = look;
  Result<void> done = co_await service_.read(std::move(work));
  co_return done ? json_response(200, {{"gateways", all}}) : failed(done.error());
}

Task<Response> Api::audit_after(std::uint64_t after) {
  json all = json::array();
  auto look = [&all, after](Transaction& transaction) -> Result<void> {
    for (const Audit& line : transaction.audit(after, audit_at_once, audit_bytes_at_once))
      all.push_back({{"sequence", line.sequence},
                     {"time", rfc3339(line.time)},
                     {"actor", line.actor},
                     {"action", line.action},
                     {"subject", line.subject},
                     {"outcome", line.outcome},
                     {"detail", detail_of(line)}});
    return {};
  };
  Store::Work work = look;
  Result<void> done = co_await service_.read(std::move(work));
  co_return done ? json_response(200, {{"audit", all}}) : failed(done.error());
}

Task<Response> Api::operate(const Request& request, std::string name) {
  const std::string actor = "operator/" + name;
  const Found found = find_route(Who::operator_, request.method, request.path());
  if (found.route == nullptr) co_return no_such(found);
  const Action asked = found.route->action;
  const auto after = after_of(request.query());
  if (!request.query().empty() && !after) co_return problem(400, "", "a query may be after=... alone");
  if (asked == Action::devices) co_return co_await devices(std::string(after.value_or("")));
  if (asked == Action::device) co_return co_await status(found.name);
  if (asked == Action::gateways) co_return co_await gateways();
  if (asked == Action::audit) {
    const auto number = number_of(after.value_or("0"));
    if (!number) co_return problem(400, "", "after=N is a number below 2^63");
    co_return co_await audit_after(*number);
  }

  Service::DeviceWork work;
  AuditAction action = AuditAction::enrol;
  std::string device = found.name;
  if (asked == Action::enrol) {
    auto body = parse_device(request.body);
    if (!body) co_return failed(body.error());
    if (!body->name) co_return problem(400, "", "body: name is missing");
    device = *body->name;
    Device enrolled;
    enrolled.name = device;
    enrolled.roles = body->roles.value_or(std::vector<std::string>{});
    enrolled.enabled = body->enabled.value_or(true);
    enrolled.fingerprint = body->fingerprint;
    if (body->attestation_key && !body->attestation_key->empty()) enrolled.attestation_key = body->attestation_key;
    enrolled.pcrs = body->pcrs.value_or(Pcrs{});
    work = [enrolled, actor](Devices& devices, Time now) -> Result<Touched> {
      if (auto done = devices.enrol(enrolled, actor, now); !done) return done.error();
      return Touched{};
    };
  } else if (asked == Action::change) {
    auto body = parse_device(request.body);
    if (!body) co_return failed(body.error());
    if (body->name || body->fingerprint) co_return problem(400, "", "body: a name and a fingerprint cannot be changed");
    action = AuditAction::change;
    work = [device, actor, change = DeviceChange{body->roles, body->enabled, body->attestation_key, body->pcrs}](
               Devices& devices, Time now) { return devices.change(device, change, actor, now); };
  } else if (asked == Action::forget) {
    action = AuditAction::forget;
    work = [device, actor](Devices& devices, Time now) { return devices.forget(device, actor, now); };
  } else if (asked == Action::revoke) {
    action = AuditAction::revoke;
    work = [device, actor](Devices& devices, Time now) { return devices.revoke(device, actor, now); };
  } else if (asked == Action::ban) {
    action = AuditAction::ban;
    work = [device, actor](Devices& devices, Time now) { return devices.ban(device, actor, now); };
  } else {
    action = AuditAction::unban;
    work = [device, actor](Devices& devices, Time now) { return devices.unban(device, actor, now); };
  }
  Result<void> done = co_await service_.with_devices(std::move(work));
  AuditDetail detail;
  if (!done) detail.reason = done.error().message;
  (void)note({Party::Kind::operator_, name}, action, {Party::Kind::device, device},
             done ? AuditOutcome::done : outcome_of(done.error()), std::move(detail));
  co_return done ? nothing() : failed(done.error());
}

}  // namespace sluice::kds
