// SPDX-License-Identifier: Apache-2.0
#include "kds/bodies.hpp"

#include <algorithm>
#include <limits>

#include "evidence/base64url.hpp"
#include "evidence/json.hpp"
#include "http/message.hpp"
#include "kds/text.hpp"

namespace sluice::kds {
namespace {

using nlohmann::json;

constexpr std::size_t body_max = 65536;
constexpr std::size_t held_max = 64, anomalies_max = 256, roles_max = 64, name_max = 63;

// Members of one object: each may be asked for once, and finish() refuses those that nobody asked for.
class Members {
 public:
  Members(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("", "must be an object");
  }

  const json* find(const char* key) {
    known_.push_back(key);
    if (failed_ || !object_.contains(key)) return nullptr;
    return &object_.at(key);
  }
  const json* need(const char* key) {
    const json* found = find(key);
    if (found == nullptr) fail(key, "is missing");
    return found;
  }
  std::string text(const char* key, std::size_t most) {
    const json* found = need(key);
    if (found == nullptr) return {};
    if (!found->is_string() || found->get_ref<const std::string&>().size() > most) {
      fail(key, "must be a text of " + std::to_string(most) + " bytes at most");
      return {};
    }
    return found->get<std::string>();
  }
  std::uint32_t number(const char* key, std::uint32_t most) {
    const json* found = need(key);
    if (found == nullptr) return 0;
    if (!found->is_number_unsigned() || found->get<std::uint64_t>() > most) {
      fail(key, "must be a number from 0 to " + std::to_string(most));
      return 0;
    }
    return found->get<std::uint32_t>();
  }
  Bytes bytes(const char* key, std::size_t size) {
    const std::string encoded = text(key, evidence::base64url_length(size));
    if (failed_) return {};
    auto decoded = evidence::from_base64url(encoded);
    if (!decoded || decoded->size() != size) {
      fail(key, "must be " + std::to_string(size) + " bytes as base64url");
      return {};
    }
    return *std::move(decoded);
  }
  /// *most* bytes at most.
  Bytes some_bytes(const char* key, std::size_t most) {
    const std::string encoded = text(key, evidence::base64url_length(most));
    if (failed_) return {};
    auto decoded = evidence::from_base64url(encoded);
    if (decoded) return *std::move(decoded);
    fail(key, "must be base64url");
    return {};
  }
  void fail(const std::string& key, const std::string& what) {
    if (failed_) return;
    const std::string place = where_ + (where_.empty() || key.empty() ? "" : ".") + key;
    error_ = Error{"body: " + place + (place.empty() ? "" : " ") + what, EINVAL};
    failed_ = true;
  }
  Result<void> finish() {
    if (!failed_)
      for (const auto& [key, value] : object_.items())
        if (std::ranges::find(known_, key) == known_.end()) fail(printable(key, 64), "is not known here");
    return failed_ ? Result<void>(error_) : Result<void>();
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  const json& object_;
  std::string where_;
  std::vector<std::string> known_;
  Error error_;
  bool failed_ = false;
};

/// Values by numbers as JSON writes keys: {"0": "...", "7": "..."}.
Pcrs pcrs_of(const json& object, Members& members) {
  Pcrs pcrs;
  if (object.is_object())
    for (unsigned number = 0; number < evidence::kPcrs; ++number)
      if (const auto found = object.find(std::to_string(number)); found != object.end() && found->is_string())
        if (auto value = evidence::array_from_base64url<32>(found->get_ref<const std::string&>()))
          pcrs.emplace(number, *value);
  if (!object.is_object() || pcrs.size() != object.size())
    members.fail("pcrs", "must be an object of values of 32 bytes as base64url, by numbers from 0 to 23");
  return pcrs;
}

// What is no JSON is its sender's fault, and evidence's numbers say nothing here.
Result<json> read_body(std::string_view text) {
  auto read = evidence::parse_json(text, body_max);
  return read ? std::move(read) : Error{"body: " + read.error().message, EINVAL};
}

std::string at(const char* list, std::size_t index) { return std::string(list) + "[" + std::to_string(index) + "]"; }

std::int64_t seconds_until(Time time, Time now) {
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(time - now).count());
}

// What append_key() appends.
std::size_t key_room(const char* name, const derivation::Secret& key) {
  return std::string_view(R"(,"":{"spi":4294967295,"key":""})").size() + std::string_view(name).size() +
         evidence::base64url_length(key.size());
}

// Appends without leaving copies behind: the caller has reserved enough.
void append_key(std::string& text, const char* name, std::uint32_t spi, const derivation::Secret& key) {
  text += std::string(",\"") + name + "\":{\"spi\":" + std::to_string(spi) + ",\"key\":\"";
  std::string encoded = evidence::to_base64url(key.bytes());
  text += encoded;
  http::wipe(encoded);
  text += "\"}";
}

json addresses_of(const GatewaySettings& gateway) {
  json all = json::array();
  for (const auto& address : {gateway.ipv4, gateway.ipv6})
    if (address) all.push_back(address->to_string());
  return all;
}

json failures_of(const Refusal& refusal) {
  json all = json::array();
  for (const Failure& failure : refusal.failures)
    all.push_back({{"name", failure.claim}, {"detail", failure.message}, {"remedy", failure.remedy}});
  return all;
}

json describe(const Issued& key, const Settings& settings, Time now) {
  json described{{"gateway", key.gateway},
                 {"network", key.network},
                 {"generation", key.number},
                 {"id", key.id},
                 {"incarnation", key.incarnation},
                 {"algorithm", derivation::to_string(key.algorithm)},
                 {"refresh_in", seconds_until(key.refresh_after, now)},
                 {"expires_in", seconds_until(key.expires_after, now)},
                 {"lease_in", seconds_until(key.lease_until, now)}};
  const GatewaySettings& gateway = *settings.gateway(key.gateway);
  const NetworkSettings& network = *gateway.network(key.network);
  described["addresses"] = addresses_of(gateway);
  if (gateway.udp_port != 0) described["udp_port"] = gateway.udp_port;
  described["native"] = gateway.native;
  described["inner"] = json::array();
  for (const Address& inner : network.inner(key.id)) described["inner"].push_back(inner.to_string());
  described["routes"] = json::array();
  for (const Prefix& route : network.routes) described["routes"].push_back(route.to_string());
  return described;
}

json besides_keys(const KeyAnswer& answer, Time now) {
  json rest{{"renewed", json::array()}, {"refused", json::array()}, {"later", json::array()}};
  for (const auto& one : answer.renewed)
    rest["renewed"].push_back({{"gateway", one.gateway},
                               {"network", one.network},
                               {"spi", one.renewed.spi_to_gateway},
                               {"refresh_in", seconds_until(one.renewed.refresh_after, now)},
                               {"expires_in", seconds_until(one.renewed.expires_after, now)},
                               {"lease_in", seconds_until(one.renewed.lease_until, now)}});
  for (const Refusal& refusal : answer.refused) {
    // Which networks others may use is none of a device's business.
    if (refusal.reason == Refusal::Reason::role) continue;
    rest["refused"].push_back({{"gateway", refusal.gateway},
                               {"network", refusal.network},
                               {"reason", std::string(to_string(refusal.reason))},
                               {"failures", failures_of(refusal)}});
  }
  for (const auto& later : answer.later)
    rest["later"].push_back({{"gateway", later.gateway}, {"network", later.network}, {"detail", later.detail}});
  return rest;
}

const char* name_of(GenerationState state) {
  switch (state) {
    case GenerationState::next:
      return "next";
    case GenerationState::current:
      return "current";
    case GenerationState::previous:
      return "previous";
    case GenerationState::dead:
      return "dead";
  }
  return "unknown";
}

const char* name_of(Update::Kind kind) {
  switch (kind) {
    case Update::Kind::generation:
      return "generation";
    case Update::Kind::promote:
      return "promote";
    case Update::Kind::revoke:
      return "revoke";
    case Update::Kind::ban:
      return "ban";
    case Update::Kind::unban:
      return "unban";
    case Update::Kind::policy:
      return "policy";
  }
  return "";
}

Result<Anomaly::Kind> parse_kind(const std::string& name) {
  for (const auto kind : {Anomaly::Kind::moved, Anomaly::Kind::clone, Anomaly::Kind::fingerprint,
                          Anomaly::Kind::inner_source, Anomaly::Kind::exhausting})
    if (name == to_string(kind)) return kind;
  return Error{"no such kind", EINVAL};
}

}  // namespace

Result<KeysBody> parse_keys(std::string_view text) {
  KeysBody body;
  if (text.empty()) return body;
  auto read = read_body(text);
  if (!read) return read.error();
  Members members(*read, "");
  if (const json* found = members.find("evidence")) {
    if (found->is_string())
      body.evidence = found->get<std::string>();
    else
      members.fail("evidence", "must be a text");
  }
  if (const json* quote = members.find("quote")) {
    Members one(*quote, "quote");
    body.quote.emplace();
    body.quote->attest = one.some_bytes("attest", evidence::kMostAttest);
    body.quote->signature = one.some_bytes("signature", evidence::kMostSignature);
    if (const json* pcrs = one.find("pcrs")) body.quote->pcrs = pcrs_of(*pcrs, one);
    if (auto done = one.finish(); !done) return done.error();
    if (!body.evidence) members.fail("quote", "is one of evidence, and there is none");
  }
  if (const json* held = members.find("held")) {
    if (!held->is_array() || held->size() > held_max) {
      members.fail("held", "must be a list of " + std::to_string(held_max) + " keys at most");
    } else {
      for (std::size_t i = 0; i < held->size(); ++i) {
        Members one((*held)[i], at("held", i));
        body.held.push_back({one.text("gateway", name_max), one.text("network", name_max),
                             one.number("spi", std::numeric_limits<std::uint32_t>::max())});
        if (auto done = one.finish(); !done) return done.error();
      }
    }
  }
  if (auto done = members.finish(); !done) return done.error();
  return body;
}

std::string keys_body(const KeyAnswer& answer, const Settings& settings, Time now) {
  // All but the keys first: a text that grew with keys in it would leave them in the heap.
  const std::string head = "{\"health_in\":" + std::to_string(answer.health.count()) + ",\"keys\":[";
  const std::string tail = "]," + besides_keys(answer, now).dump().substr(1);
  std::vector<std::string> described;
  std::size_t size = head.size() + tail.size();
  for (const Issued& key : answer.issued) {
    described.push_back(describe(key, settings, now).dump());
    size +=
        described.back().size() + key_room("outbound", key.key_to_gateway) + key_room("inbound", key.key_to_client) + 1;
  }
  std::string text;
  text.reserve(size);
  text = head;
  for (std::size_t i = 0; i < described.size(); ++i) {
    const Issued& key = answer.issued[i];
    if (i != 0) text += ',';
    text.append(described[i], 0, described[i].size() - 1);
    append_key(text, "outbound", key.spi_to_gateway, key.key_to_gateway);
    append_key(text, "inbound", key.spi_to_client, key.key_to_client);
    text += '}';
  }
  text += tail;
  return text;
}

Result<BootBody> parse_boot(std::string_view text) {
  auto read = read_body(text);
  if (!read) return read.error();
  Members members(*read, "");
  BootBody body{members.bytes("boot_nonce", Generations::nonce_size)};
  body.newest = members.number("newest", Generations::most_number);
  if (auto done = members.finish(); !done) return done.error();
  return body;
}

std::string updates_body(const std::vector<Generations::Outgoing>& updates) {
  using Kind = Update::Kind;
  std::string text;
  text.reserve(256 + 2048 * updates.size());
  text = "{\"updates\":[";
  for (const Generations::Outgoing& out : updates) {
    const Update& update = out.update;
    if (text.back() != '[') text += ',';
    text += "{\"sequence\":" + std::to_string(update.sequence) + ",\"kind\":\"" + name_of(update.kind) + '"';
    auto add = [&](const char* name, std::int64_t value) {
      text += std::string(",\"") + name + "\":" + std::to_string(value);
    };
    if (update.kind == Kind::generation || update.kind == Kind::promote || update.kind == Kind::revoke)
      add("number", update.number);
    if (update.kind == Kind::revoke || update.kind == Kind::ban || update.kind == Kind::unban) add("id", update.id);
    if (update.kind == Kind::revoke) add("incarnation_min", update.incarnation_min);
    if (update.kind == Kind::promote) add("overlap", update.overlap.count());
    if (update.kind == Kind::generation) {
      add("lifetime", out.lifetime.count());
      text += ",\"algorithm\":\"" + derivation::to_string(out.algorithm) + "\",\"master_key\":\"";
      std::string key = evidence::to_base64url(out.master.bytes());
      text += key;
      http::wipe(key);
      text += '"';
    }
    if (update.kind == Kind::policy) text += ",\"blob\":\"" + evidence::to_base64url(out.policy) + '"';
    text += '}';
  }
  text += "]}";
  return text;
}

Result<std::vector<AnomalyReport>> parse_anomalies(std::string_view text) {
  auto read = read_body(text);
  if (!read) return read.error();
  Members members(*read, "");
  std::vector<AnomalyReport> reports;
  if (const json* list = members.need("anomalies")) {
    if (!list->is_array() || list->size() > anomalies_max) {
      members.fail("anomalies", "must be a list of " + std::to_string(anomalies_max) + " at most");
    } else {
      for (std::size_t i = 0; i < list->size(); ++i) {
        Members one((*list)[i], at("anomalies", i));
        AnomalyReport report;
        const auto kind = parse_kind(one.text("kind", name_max));
        if (!one.failed() && !kind) one.fail("kind", "is no kind of anomaly");
        if (kind) report.kind = *kind;
        report.number = one.number("generation", std::numeric_limits<std::uint32_t>::max());
        report.id = one.number("id", derivation::Spi::most_id);
        report.incarnation = one.number("incarnation", derivation::Spi::most_incarnation);
        if (auto done = one.finish(); !done) return done.error();
        reports.push_back(report);
      }
    }
  }
  if (auto done = members.finish(); !done) return done.error();
  return reports;
}

Result<DeviceBody> parse_device(std::string_view text) {
  auto read = read_body(text);
  if (!read) return read.error();
  Members members(*read, "");
  DeviceBody body;
  if (members.find("name") != nullptr) body.name = members.text("name", name_max);
  if (const json* roles = members.find("roles")) {
    const bool good = roles->is_array() && roles->size() <= roles_max &&
                      std::ranges::all_of(*roles, [](const json& role) { return role.is_string(); });
    if (good)
      body.roles = roles->get<std::vector<std::string>>();
    else
      members.fail("roles", "must be a list of texts");
  }
  if (const json* enabled = members.find("enabled")) {
    if (enabled->is_boolean())
      body.enabled = enabled->get<bool>();
    else
      members.fail("enabled", "must be true or false");
  }
  if (members.find("fingerprint") != nullptr) body.fingerprint = members.bytes("fingerprint", 32);
  if (const json* key = members.find("attestation_key")) {
    auto read = key->is_string() ? evidence::read_attestation_key(key->get_ref<const std::string&>())
                                 : Result<Bytes>(Error{"must be a text, or null"});
    if (key->is_null()) read = Bytes();
    if (!read) members.fail("attestation_key:", read.error().message);
    if (read) body.attestation_key = *std::move(read);
  }
  if (const json* pcrs = members.find("pcrs")) body.pcrs = pcrs->is_null() ? Pcrs{} : pcrs_of(*pcrs, members);
  if (auto done = members.finish(); !done) return done.error();
  return body;
}

nlohmann::json to_json(const Device& device, const std::optional<Attestation>& attestation, Time now) {
  json described{{"name", device.name},
                 {"roles", device.roles},
                 {"enabled", device.enabled},
                 {"banned", device.banned},
                 {"health_in", attestation ? seconds_until(attestation->good_until, now) : 0}};
  if (attestation) described["postures"] = attestation->postures;
  if (device.attestation_key) described["attestation_key"] = evidence::to_base64url(*device.attestation_key);
  for (const auto& [number, value] : device.pcrs)
    described["pcrs"][std::to_string(number)] = evidence::to_base64url(value);
  return described;
}

nlohmann::json to_json(const Gateway& gateway, const std::vector<Generation>& live, Time now) {
  json generations = json::array();
  for (const Generation& generation : live)
    generations.push_back({{"number", generation.number},
                           {"state", name_of(generation.state)},
                           {"algorithm", derivation::to_string(generation.algorithm)},
                           {"ends_in", seconds_until(generation.ends.value_or(generation.hard_end()), now)}});
  // A clock that was set back since shows nothing as ago.
  const auto ago =
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - gateway.seen).count());
  return {{"name", gateway.name},
          {"booted", true},
          {"generations", generations},
          {"newest", gateway.newest},
          {"sequence", gateway.sequence},
          {"acknowledged", gateway.acknowledged},
          {"seen_ago", ago}};
}

}  // namespace sluice::kds
