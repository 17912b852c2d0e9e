// SPDX-License-Identifier: Apache-2.0
#include "client/answer.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include "evidence/base64url.hpp"
#include "evidence/quote.hpp"
#include "realm/reader.hpp"
#include "tls/peer.hpp"

namespace sluice::client {
namespace {

using derivation::Direction;
using derivation::Spi;
using realm::failures;
using realm::printable;
using realm::Reader;
using std::chrono::seconds;

// More than any answer of a server within answer_most holds, or than measure::measure() takes.
constexpr std::size_t networks_most = 256 * 64;  // gateways that a key server has at most, with 64 pools each
constexpr std::size_t addresses_most = 8;
constexpr std::size_t routes_most = 64;
constexpr std::size_t packages_most = 256;
constexpr std::size_t queries_most = 16;
constexpr std::size_t query_most = 4096;
constexpr std::size_t words_most = 4096;
constexpr std::uint64_t time_most = 7 * 24 * 3600;  // a generation lives 24 h at most
constexpr std::uint64_t generation_most = 0xffffffff;

seconds time(Reader& reader, const char* name) {
  return seconds(static_cast<std::int64_t>(reader.number(name, 0, time_most)));
}

Times times(Reader& reader) {
  const Times times{time(reader, "refresh_in"), time(reader, "expires_in"), time(reader, "lease_in")};
  if (times.refresh > times.expires) reader.wrong("refresh_in", "is after 'expires_in'");
  return times;
}

Spi spi(Reader& reader, const char* name) {
  const auto value = static_cast<std::uint32_t>(reader.number(name, 1, 0xffffffff));
  if (!reader.ok()) return {};
  const auto spi = Spi::parse(value);
  if (spi) return *spi;
  reader.wrong(name, "is no SPI of a client: " + spi.error().message);
  return {};
}

KeyFile::Association association(Reader reader, derivation::Algorithm algorithm) {
  KeyFile::Association association{spi(reader, "spi"), reader.secret("key", derivation::keying_size(algorithm))};
  if (association.keying.all_zero()) reader.wrong("key", "is all zero");
  return association;
}

bool is_host(const Address& address) {
  const auto& raw = address.raw();
  if (address.is_v4()) return raw[12] != 0 && raw[12] != 127 && raw[12] < 224;
  return raw[0] != 0xff && address != Address() && address.to_string() != "::1";
}

std::vector<Address> hosts(Reader& reader, const char* name, std::size_t most) {
  auto addresses = reader.all_parsed<Address>(name, most, Address::parse);
  if (addresses.empty()) reader.wrong(name, reader.has(name) ? "is empty" : "is missing");
  if (!std::ranges::all_of(addresses, is_host)) reader.wrong(name, "has an address that no host can have");
  return addresses;
}

void check_spis(Reader& reader, const Granted& granted, std::uint64_t id, std::uint64_t incarnation) {
  const Spi& out = granted.keys.outbound.spi;
  if (out.direction != Direction::to_gateway) reader.wrong("outbound.spi", "is one of packets to the client");
  if (granted.keys.inbound.spi != out.reverse())
    reader.wrong("inbound.spi", "is not the other direction of 'outbound.spi'");
  if (out.generation != granted.generation % Spi::slots) reader.wrong("generation", "is not that of the SPIs");
  if (out.id != id) reader.wrong("id", "is not that of the SPIs");
  if (out.incarnation != incarnation) reader.wrong("incarnation", "is not that of the SPIs");
  if (granted.keys.outbound.keying.equals(granted.keys.inbound.keying))
    reader.wrong("inbound.key", "is the same as 'outbound.key', and the two never are");
}

// Not of this host itself (127.0.0.0/8, ::1), and neither of nobody (0.0.0.0/8) nor of many (multicast).
bool is_of_others(const Prefix& route) {
  const auto& raw = route.address.raw();
  if (is_v4(route)) return raw[12] < 224 && (route.length < 104 || (raw[12] != 0 && raw[12] != 127));
  return raw[0] != 0xff && (route.length != 128 || is_host(route.address));
}

void check_inside(Reader& reader, const KeyFile& keys) {
  if (keys.inner.size() == 2 && keys.inner[0].is_v4() == keys.inner[1].is_v4())
    reader.wrong("inner", "has two addresses of one family");
  if (keys.routes.empty()) reader.wrong("routes", reader.has("routes") ? "is empty" : "is missing");
  for (const Prefix& route : keys.routes) {
    if (keys.inner_of(is_v4(route)) == nullptr)
      reader.wrong("routes", "has " + route.to_string() + ", and 'inner' no address of its family");
    if (!is_of_others(route)) reader.wrong("routes", "has " + route.to_string() + ", where no other host can be");
    if (std::ranges::count(keys.routes, route) != 1) reader.wrong("routes", "has " + route.to_string() + " twice");
  }
}

Granted granted(Reader reader) {
  Granted granted;
  granted.gateway = reader.name("gateway");
  granted.network = reader.name("network");
  granted.addresses = hosts(reader, "addresses", addresses_most);
  if (reader.has("udp_port")) granted.udp_port = static_cast<std::uint16_t>(reader.number("udp_port", 1, 65535));
  granted.native = reader.boolean("native");
  if (!granted.native && !granted.udp_port) reader.wrong("native", "is false and there is no 'udp_port' either");
  granted.generation = static_cast<std::uint32_t>(reader.number("generation", 0, generation_most));
  const std::uint64_t id = reader.number("id", 1, Spi::most_id);
  const std::uint64_t incarnation = reader.number("incarnation", 0, Spi::most_incarnation);
  KeyFile& keys = granted.keys;
  keys.algorithm = reader.parsed<derivation::Algorithm>("algorithm", derivation::parse_algorithm);
  // The size of the keys is the algorithm's.
  if (!reader.ok()) return granted;
  keys.outbound = association(reader.object("outbound"), keys.algorithm);
  keys.inbound = association(reader.object("inbound"), keys.algorithm);
  check_spis(reader, granted, id, incarnation);
  keys.inner = hosts(reader, "inner", 2);
  keys.routes = reader.all_parsed<Prefix>("routes", routes_most, Prefix::parse);
  check_inside(reader, keys);
  granted.times = times(reader);
  if (granted.times.expires == seconds(0)) reader.wrong("expires_in", "is 0: the key has ended before it came");
  return granted;
}

Renewed renewed(Reader reader) {
  Renewed renewed{reader.name("gateway"), reader.name("network"), spi(reader, "spi"), times(reader)};
  if (renewed.outbound.direction != Direction::to_gateway) reader.wrong("spi", "is one of packets to the client");
  return renewed;
}

std::set<unsigned> pcrs(Reader& reader) {
  std::set<unsigned> pcrs;
  const nlohmann::json& list = reader.json().at("pcrs");
  const bool good = list.is_array() && std::ranges::all_of(list, [&](const nlohmann::json& one) {
                      if (!one.is_number_unsigned() || one.get<std::uint64_t>() >= evidence::kPcrs) return false;
                      return pcrs.insert(one.get<unsigned>()).second;
                    });
  if (!good) reader.wrong("pcrs", "is no list of PCRs, 0 to 23, each once");
  return pcrs;
}

// Lower case ASCII, for words that are looked for.
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

Result<Challenge> parse_challenge(std::string_view text) {
  auto json = realm::parse_object(text, answer_most);
  if (!json) return json.error();
  std::optional<Error> error;
  Reader root(*json, "", error);
  Challenge challenge;
  challenge.nonce = root.parsed<evidence::Nonce>("nonce", evidence::array_from_base64url<32>);
  challenge.expires_in = seconds(static_cast<std::int64_t>(root.number("expires_in", 1, 3600)));
  Reader wanted = root.object("wanted");
  if (wanted.has("claims")) challenge.wanted.claims = wanted.texts("claims", packages_most, 256);
  challenge.wanted.packages = wanted.texts("packages", packages_most, 256);
  challenge.wanted.plugins = wanted.texts("plugins", packages_most, 256);
  challenge.wanted.quote = wanted.has("quote") && wanted.boolean("quote");
  if (wanted.has("pcrs")) challenge.wanted.pcrs = pcrs(wanted);
  if (wanted.has("osquery")) {
    Reader queries = wanted.object("osquery");
    if (queries.json().size() > queries_most)
      wanted.wrong("osquery", "has more than " + std::to_string(queries_most) + " questions");
    if (!error) {
      for (const auto& [name, sql] : queries.json().items()) {
        if (tls::is_name(name))
          challenge.wanted.osquery[name] = queries.text(name.c_str(), query_most);
        else
          wanted.wrong("osquery", "has a question whose name is none");
      }
    }
  }
  if (error) return *error;
  return challenge;
}

Result<Answer> parse_answer(std::string_view text) {
  auto json = realm::parse_object(text, answer_most);
  if (!json) return json.error();
  std::optional<Error> error;
  Reader root(*json, "", error);
  Answer answer;
  answer.health_in = time(root, "health_in");
  std::set<std::pair<std::string, std::string>> seen;
  const auto once = [&](Reader& reader, const auto& one) {
    if (!seen.emplace(one.gateway, one.network).second)
      reader.wrong("network", "is there twice: " + one.network + " of " + one.gateway);
  };
  for (Reader& one : root.list("keys", networks_most)) {
    answer.keys.push_back(granted(one));
    once(one, answer.keys.back());
    if (error) return *error;
  }
  for (Reader& one : root.list("renewed", networks_most)) {
    answer.renewed.push_back(renewed(one));
    once(one, answer.renewed.back());
  }
  for (Reader& one : root.list("refused", networks_most)) {
    answer.refused.push_back({one.name("gateway"), one.name("network"), one.name("reason"), failures(one)});
    once(one, answer.refused.back());
  }
  for (Reader& one : root.list("later", networks_most)) {
    answer.later.push_back({one.name("gateway"), one.name("network"), printable(one.text("detail", words_most))});
    once(one, answer.later.back());
  }
  if (error) return *error;
  return answer;
}

bool Problem::stale_challenge() const { return status == 409 && lower(title).find("challenge") != std::string::npos; }

std::string Problem::to_words() const {
  std::string advice;
  if (status == 401 || (status == 403 && failures.empty()))
    advice += "\n  ask who runs the key server: it is not this device's health that is at fault";
  if (status == 409) advice += "\n  try again: each try has a new challenge";
  return realm::Problem::to_words(advice);
}

Problem parse_problem(const http::Response& response) { return {realm::parse_problem(response, answer_most)}; }

Result<void> choose_path(Granted& granted, bool prefer_native, const std::function<bool(const Address&)>& reachable) {
  std::string why;
  for (const Address& address : granted.addresses) {
    const auto inside = std::ranges::find_if(granted.keys.routes, [&](const Prefix& route) {
      return is_v4(route) == address.is_v4() && route.contains(address);
    });
    if (inside != granted.keys.routes.end()) {
      why += (why.empty() ? "" : "; ") + address.to_string() + " lies in " + inside->to_string() +
             ", which is to go through the tunnel";
    } else if (!reachable(address)) {
      why += (why.empty() ? "" : "; ") + ("there is no route to " + address.to_string());
    } else {
      granted.keys.gateway = address;
      const bool native = granted.native && (prefer_native || !granted.udp_port);
      granted.keys.udp_port = native ? std::nullopt : granted.udp_port;
      return {};
    }
  }
  return Error{"the gateway " + granted.gateway + " cannot be reached: " + why, EHOSTUNREACH};
}

}  // namespace sluice::client
