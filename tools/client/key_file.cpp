// SPDX-License-Identifier: Apache-2.0
#include "client/key_file.hpp"

#include <algorithm>

#include "config/config.hpp"

namespace sluice::client {
namespace {

using derivation::Direction;
using derivation::Secret;
using derivation::Spi;

constexpr std::size_t file_most = 64 * 1024;
constexpr std::uint8_t v4_mapped_bits = 96;

bool in_family_of(const Address& address, const Prefix& prefix) { return address.is_v4() == is_v4(prefix); }

KeyFile::Association read_association(config::Table& root, std::string_view name, Direction direction,
                                      derivation::Algorithm algorithm) {
  KeyFile::Association association;
  std::optional<config::Table> table = root.table(name);
  if (!table) {
    if (!root.has(name)) root.error(name, "is required and missing");
    return association;
  }
  const std::int64_t value = table->integer("spi", 1, 0xffffffff);
  if (auto spi = Spi::parse(static_cast<std::uint32_t>(value)); !spi)
    table->error("spi", spi.error().message);
  else if (spi->direction != direction)
    table->error("spi", direction == Direction::to_gateway ? "is one of packets to the client (bit 29 is set)"
                                                           : "is one of packets to the gateway (bit 29 is not set)");
  else
    association.spi = *spi;
  const std::string digits = table->string("key");
  if (digits.empty()) return association;
  auto keying = Secret::from_hex(digits);
  const std::size_t wanted = derivation::keying_size(algorithm);
  if (!keying)
    table->error("key", "has " + keying.error().message);
  else if (keying->size() != wanted)
    table->error("key", "has " + std::to_string(keying->size()) + " bytes; key and salt of " +
                            derivation::to_string(algorithm) + " have " + std::to_string(wanted));
  else if (keying->all_zero())
    table->error("key", "is all zero");
  else
    association.keying = *std::move(keying);
  return association;
}

void check_inner(config::Table& root, const std::vector<Address>& inner) {
  if (inner.empty()) root.error("inner", root.has("inner") ? "must not be empty" : "is required and missing");
  for (std::size_t i = 0; i < inner.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (inner[i].is_v4() == inner[j].is_v4()) {
        root.error("inner", "a second address of one family; one is the most", i);
        break;
      }
}

void check_routes(config::Table& root, const KeyFile& file) {
  if (file.routes.empty()) root.error("routes", root.has("routes") ? "must not be empty" : "is required and missing");
  for (std::size_t i = 0; i < file.routes.size(); ++i) {
    const Prefix& route = file.routes[i];
    if (!file.inner.empty() && file.inner_of(is_v4(route)) == nullptr)
      root.error("routes", route.to_string() + ": there is no inner address of its family", i);
    // Packets to the gateway would go into the tunnel that they are.
    if (in_family_of(file.gateway, route) && route.contains(file.gateway))
      root.error("routes", route.to_string() + ": the gateway itself, " + file.gateway.to_string() + ", is in it", i);
    if (std::find(file.routes.begin(), file.routes.begin() + static_cast<std::ptrdiff_t>(i), route) !=
        file.routes.begin() + static_cast<std::ptrdiff_t>(i))
      root.error("routes", route.to_string() + ": is there twice", i);
  }
}

}  // namespace

bool is_v4(const Prefix& prefix) { return prefix.address.is_v4() && prefix.length >= v4_mapped_bits; }

Prefix host_prefix(const Address& address) { return {address, 128}; }

const Address* KeyFile::inner_of(bool v4) const {
  const auto found = std::ranges::find_if(inner, [v4](const Address& address) { return address.is_v4() == v4; });
  return found != inner.end() ? &*found : nullptr;
}

Result<KeyFile> KeyFile::load(const std::filesystem::path& path) {
  auto text = derivation::read_secret_file(path, file_most);
  if (!text) return text.error();
  return parse(text->text(), path.string());
}

Result<KeyFile> KeyFile::parse(std::string_view text, const std::string& name) {
  auto document = config::File::parse(text, name);
  if (!document) return document.error();
  config::Table root = document->root();
  KeyFile file;
  if (!root.has("gateway")) root.error("gateway", "is required and missing");
  const auto gateway = root.parsed<Address>("gateway", Address::parse);
  file.gateway = gateway.value_or(Address());
  if (gateway && *gateway == Address()) root.error("gateway", "is no address to send to");
  if (auto port = root.optional_integer("udp_port", 1, 65535)) file.udp_port = static_cast<std::uint16_t>(*port);
  if (!root.has("algorithm")) root.error("algorithm", "is required and missing");
  file.algorithm = root.parsed<derivation::Algorithm>("algorithm", derivation::parse_algorithm)
                       .value_or(derivation::Algorithm::aes_256_gcm);
  file.inner = root.all_parsed<Address>("inner", Address::parse);
  file.routes = root.all_parsed<Prefix>("routes", Prefix::parse);
  check_inner(root, file.inner);
  check_routes(root, file);
  file.outbound = read_association(root, "outbound", Direction::to_gateway, file.algorithm);
  file.inbound = read_association(root, "inbound", Direction::to_client, file.algorithm);
  if (auto all = document->finish(); !all) return all.error();
  // Only here, when both are known to be good.
  if (file.inbound.spi != file.outbound.spi.reverse())
    return Error{name + ": key 'inbound.spi': " + file.inbound.spi.to_string() +
                 " is of another client, generation or " + "incarnation than 'outbound.spi', " +
                 file.outbound.spi.to_string()};
  if (file.inbound.keying.equals(file.outbound.keying))
    return Error{name + ": key 'inbound.key': is the same as 'outbound.key', and the two never are"};
  return file;
}

}  // namespace sluice::client
