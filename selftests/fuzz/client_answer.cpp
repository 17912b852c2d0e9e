// SPDX-License-Identifier: Apache-2.0
//
// What a device reads of a key server: keys that are taken are whole and fit together, words are fit for a terminal,
// and no error tells a key.
//
// Input: a byte that chooses (an answer, a challenge, or a status divided by 4 that is no 200's), and the body.
#include <set>

#include "client/answer.hpp"
#include "evidence/json.hpp"
#include "realm/reader.hpp"
#include "require.hpp"
#include "tls/peer.hpp"

using sluice::Address;
using sluice::Prefix;
using sluice::fuzz::require;
namespace client = sluice::client;
namespace derivation = sluice::derivation;
namespace evidence = sluice::evidence;
namespace realm = sluice::realm;
using Json = nlohmann::json;

namespace {

constexpr std::chrono::seconds week{7 * 24 * 3600};

void require_words(const std::string& words, std::size_t most) {
  require(words.size() <= most && realm::printable(words, most) == words, "words are bounded and fit for a terminal");
}

// Where a key stands once in the text, its digits are nothing else.
void tells_no_key(const Json& json, std::string_view text, const std::string& message) {
  if (json.is_object() && json.contains("key") && json["key"].is_string()) {
    const auto& key = json["key"].get_ref<const std::string&>();
    if (key.size() >= 8 && text.find(key) == text.rfind(key))
      require(message.find(key) == std::string::npos, "an error tells no key");
  }
  if (json.is_structured())
    for (const Json& child : json) tells_no_key(child, text, message);
}

void refused(std::string_view text, const std::string& message) {
  require(!message.empty(), "an error has words");
  require_words(message, 4096);
  if (const auto json = evidence::parse_json(text, client::answer_most)) tells_no_key(*json, text, message);
}

void require_times(const client::Times& times) {
  require(times.refresh.count() >= 0 && times.refresh <= times.expires && times.expires <= week &&
              times.lease.count() >= 0 && times.lease <= week,
          "times are of a generation's life");
}

void require_failures(const std::vector<sluice::http::Failure>& failures) {
  require(failures.size() <= 256, "so many failures and no more are told");
  for (const auto& failure : failures) {
    require_words(failure.name, 256);
    require_words(failure.detail, 1024);
    require_words(failure.remedy, 1024);
  }
}

void require_path(client::Granted& granted, bool prefer_native) {
  const auto inside = [&](const Address& address) {
    return std::ranges::any_of(granted.keys.routes, [&](const Prefix& route) {
      return client::is_v4(route) == address.is_v4() && route.contains(address);
    });
  };
  const auto chosen = client::choose_path(granted, prefer_native, [](const Address&) { return true; });
  require(chosen.ok() == !std::ranges::all_of(granted.addresses, inside), "an address outside of the tunnel is found");
  if (!chosen) return require_words(chosen.error().message, 4096);
  require(std::ranges::count(granted.addresses, granted.keys.gateway) > 0 && !inside(granted.keys.gateway),
          "packets to the gateway do not go into the tunnel");
  require(granted.keys.udp_port ? granted.udp_port == granted.keys.udp_port : granted.native,
          "what the gateway does not take is not chosen");
}

void require_key(client::Granted& granted) {
  const client::KeyFile& keys = granted.keys;
  require(!granted.addresses.empty() && granted.addresses.size() <= 8 && (granted.native || granted.udp_port),
          "a gateway can be reached");
  const derivation::Spi &out = keys.outbound.spi, &in = keys.inbound.spi;
  require(out.direction == derivation::Direction::to_gateway && in == out.reverse() && out.id >= 1 &&
              out.generation == granted.generation % derivation::Spi::slots,
          "the SPIs are the two directions of one key of this generation");
  const std::size_t size = derivation::keying_size(keys.algorithm);
  require(keys.outbound.keying.size() == size && keys.inbound.keying.size() == size &&
              !keys.outbound.keying.all_zero() && !keys.inbound.keying.all_zero() &&
              !keys.outbound.keying.equals(keys.inbound.keying),
          "two keys of the algorithm's size");
  require(!keys.inner.empty() && keys.inner.size() <= 2 && !keys.routes.empty(), "there is something to reach");
  std::set<std::string> routes;
  for (const Prefix& route : keys.routes)
    require(keys.inner_of(client::is_v4(route)) != nullptr && routes.insert(route.to_string()).second,
            "a route is there once, and has an inner address of its family");
  require_times(granted.times);
  require_path(granted, false);
  require_path(granted, true);
}

void answer(std::string_view text) {
  auto read = client::parse_answer(text);
  if (!read) return refused(text, read.error().message);
  std::set<std::pair<std::string, std::string>> seen;
  const auto once = [&](const auto& one) {
    require(sluice::tls::is_name(one.gateway) && sluice::tls::is_name(one.network), "names are names");
    require(seen.emplace(one.gateway, one.network).second, "a network of a gateway is there once");
  };
  require(read->health_in.count() >= 0 && read->health_in <= week, "health is shown again some time");
  for (client::Granted& granted : read->keys) {
    once(granted);
    require_key(granted);
  }
  for (const client::Renewed& renewed : read->renewed) {
    once(renewed);
    require(renewed.outbound.direction == derivation::Direction::to_gateway, "what is renewed is named by its SPI");
    require_times(renewed.times);
  }
  for (const client::Refused& refused : read->refused) {
    once(refused);
    require(sluice::tls::is_name(refused.reason), "a reason is one word");
    require_failures(refused.failures);
  }
  for (const client::Later& later : read->later) {
    once(later);
    require_words(later.detail, 1024);
  }
  // So that /v1 can grow.
  Json more = Json::parse(text);
  more["more"] = Json::array({1});
  const auto again = client::parse_answer(more.dump());
  require(again.ok() || more.dump().size() > client::answer_most, "a member that is unknown is passed over");
}

void challenge(std::string_view text) {
  const auto read = client::parse_challenge(text);
  if (!read) return refused(text, read.error().message);
  require(read->expires_in.count() >= 1 && read->expires_in <= std::chrono::hours(1), "a challenge ends");
  const client::Wanted& wanted = read->wanted;
  require(wanted.packages.size() <= 256 && wanted.plugins.size() <= 256 && wanted.osquery.size() <= 16,
          "so much and no more is measured");
  for (const auto& [name, sql] : wanted.osquery)
    require(sluice::tls::is_name(name) && sql.size() <= 4096, "a question to osquery is bounded");
  const auto again = client::parse_challenge(Json::parse(text).dump(-1, ' ', true));
  require(again.ok() && again->nonce == read->nonce && again->wanted == wanted, "however it is escaped it is the same");
}

void problem(std::string_view text, unsigned status) {
  auto response = sluice::http::Response::with_body(status, "application/problem+json", text);
  response.fields.add("Retry-After", std::string(text.substr(0, 12)));
  const client::Problem problem = client::parse_problem(response);
  require(problem.status == status && !problem.title.empty(), "a problem has a title");
  require_words(problem.title, 1024);
  require_words(problem.detail, 1024);
  require_failures(problem.failures);
  require(!problem.retry_after || (problem.retry_after->count() >= 0 && *problem.retry_after <= week),
          "nobody waits forever");
  for (const char c : problem.to_words())
    require(static_cast<unsigned char>(c) >= 0x20 || c == '\n', "a problem's words are lines");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  const unsigned which = input.number<std::uint8_t>();
  if (which == 0) answer(input.text());
  if (which == 1) challenge(input.text());
  if (which > 1) problem(input.text(), 4 * which);
  return 0;
}
