// SPDX-License-Identifier: Apache-2.0
//
// Bodies of requests to a key server: what is taken is within the contract's bounds and the same when written and read
// again, and what is refused is refused with words for a log.
//
// Input: a byte that chooses the body, and the body.
#include "evidence/base64url.hpp"
#include "kds/bodies.hpp"
#include "kds/text.hpp"
#include "require.hpp"

using sluice::fuzz::require;
namespace derivation = sluice::derivation;
namespace evidence = sluice::evidence;
namespace kds = sluice::kds;
using Json = nlohmann::json;

namespace {

template <class Body>
bool taken(const sluice::Result<Body>& body) {
  if (body) return true;
  const std::string& words = body.error().message;
  require(!words.empty() && words.size() < 1024 && kds::bounded(words, words.size()) == words,
          "an error is a short text of UTF-8");
  require(std::ranges::none_of(words, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
          "an error does nothing to a terminal");
  return false;
}

void keys(std::string_view text) {
  const auto body = kds::parse_keys(text);
  if (!taken(body)) return;
  require(body->held.size() <= 64, "so many keys and no more are held");
  Json held = Json::array();
  for (const kds::HeldKey& one : body->held) {
    require(one.gateway.size() <= 63 && one.network.size() <= 63, "a name has 63 bytes at most");
    held.push_back({{"gateway", one.gateway}, {"network", one.network}, {"spi", one.spi}});
  }
  Json written{{"held", std::move(held)}};
  if (body->evidence) written["evidence"] = *body->evidence;
  const auto again = kds::parse_keys(written.dump());
  const auto same = [](const kds::HeldKey& a, const kds::HeldKey& b) {
    return a.gateway == b.gateway && a.network == b.network && a.spi == b.spi;
  };
  require(again.ok() && again->evidence == body->evidence && std::ranges::equal(again->held, body->held, same),
          "what was written is read as the same");
  written["more"] = 1;
  require(!kds::parse_keys(written.dump()), "what nobody asked for is refused");
}

void boot(std::string_view text) {
  const auto body = kds::parse_boot(text);
  if (!taken(body)) return;
  require(body->nonce.size() == kds::Generations::nonce_size && body->newest <= kds::Generations::most_number,
          "nonce and number are within their bounds");
  const Json written{{"boot_nonce", evidence::to_base64url(body->nonce)}, {"newest", body->newest}};
  const auto again = kds::parse_boot(written.dump());
  require(again.ok() && again->nonce == body->nonce && again->newest == body->newest,
          "what was written is read as the same");
}

void anomalies(std::string_view text) {
  const auto reports = kds::parse_anomalies(text);
  if (!taken(reports)) return;
  require(reports->size() <= 256, "so many anomalies and no more are told at once");
  Json list = Json::array();
  for (const kds::AnomalyReport& one : *reports) {
    require(one.id <= derivation::Spi::most_id && one.incarnation <= derivation::Spi::most_incarnation,
            "id and incarnation are an SPI's");
    list.push_back({{"kind", kds::to_string(one.kind)},
                    {"generation", one.number},
                    {"id", one.id},
                    {"incarnation", one.incarnation}});
  }
  const auto again = kds::parse_anomalies(Json{{"anomalies", std::move(list)}}.dump());
  const auto same = [](const kds::AnomalyReport& a, const kds::AnomalyReport& b) {
    return a.kind == b.kind && a.number == b.number && a.id == b.id && a.incarnation == b.incarnation;
  };
  require(again.ok() && std::ranges::equal(*again, *reports, same), "what was written is read as the same");
}

void device(std::string_view text) {
  const auto body = kds::parse_device(text);
  if (!taken(body)) return;
  Json written = Json::object();
  if (body->name) written["name"] = *body->name;
  if (body->roles) written["roles"] = *body->roles;
  if (body->enabled) written["enabled"] = *body->enabled;
  if (body->fingerprint) written["fingerprint"] = evidence::to_base64url(*body->fingerprint);
  require((!body->name || body->name->size() <= 63) && (!body->roles || body->roles->size() <= 64) &&
              (!body->fingerprint || body->fingerprint->size() == 32),
          "name, roles and fingerprint are within their bounds");
  const auto again = kds::parse_device(written.dump());
  require(again.ok() && again->name == body->name && again->roles == body->roles && again->enabled == body->enabled &&
              again->fingerprint == body->fingerprint,
          "what was written is read as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  constexpr void (*bodies[])(std::string_view) = {keys, boot, anomalies, device};
  bodies[input.number<std::uint8_t>() % std::size(bodies)](input.text());
  return 0;
}
