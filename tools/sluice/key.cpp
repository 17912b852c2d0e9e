// SPDX-License-Identifier: Apache-2.0
//
// Keys of ESP clients, made on this machine from a master key: no kernel and no daemon is asked.
#include <openssl/crypto.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/address.hpp"
#include "derivation/derive.hpp"
#include "sluice/command.hpp"

namespace sluice::cli {
namespace {

using derivation::Algorithm;
using derivation::Direction;
using derivation::Secret;
using derivation::Spi;

constexpr std::size_t master_file_most = 128;  // 64 digits and what an editor may leave behind them

struct Arguments {
  std::filesystem::path master;
  std::uint32_t generation = 0, id = 0, incarnation = 0;
  std::string algorithm = "aes-256-gcm";
  std::string gateway;
  std::uint16_t udp_port = 0;
  std::vector<std::string> inner, routes;
  std::filesystem::path output;
  bool force = false;
};

struct Half {
  const char* name;
  Spi spi;
  Secret hex;
};

struct KeyFile {
  std::string gateway;
  std::uint16_t udp_port = 0;  // 0: none
  Algorithm algorithm = Algorithm::aes_256_gcm;
  std::vector<std::string> inner, routes;
  std::array<Half, 2> halves;
};

// One address a family: which of two would be the source of what the client sends?
Result<std::vector<Address>> check_inner(const std::vector<std::string>& texts) {
  std::vector<Address> inner;
  for (const std::string& text : texts) {
    auto address = Address::parse(text);
    if (!address) return address.error().in("--inner");
    for (const Address& other : inner)
      if (other.is_v4() == address->is_v4())
        return Error{std::string("--inner: two addresses of ") + (other.is_v4() ? "IPv4" : "IPv6") +
                     "; one is the most"};
    inner.push_back(*address);
  }
  return inner;
}

Result<KeyFile> make(const Arguments& arguments) {
  KeyFile file;
  auto gateway = Address::parse(arguments.gateway);
  if (!gateway) return gateway.error().in("--gateway");
  file.gateway = gateway->to_string();
  file.udp_port = arguments.udp_port;
  auto algorithm = derivation::parse_algorithm(arguments.algorithm);
  if (!algorithm) return algorithm.error().in("--algorithm");
  file.algorithm = *algorithm;
  auto inner = check_inner(arguments.inner);
  if (!inner) return inner.error();
  for (const Address& address : *inner) file.inner.push_back(address.to_string());
  for (const std::string& text : arguments.routes) {
    auto prefix = Prefix::parse(text);
    if (!prefix) return prefix.error().in("--route");
    const bool v4 = text.find(':') == std::string::npos;
    if (std::ranges::none_of(*inner, [v4](const Address& address) { return address.is_v4() == v4; }))
      return Error{"--route " + text + ": there is no --inner address of its family"};
    if (v4 == gateway->is_v4() && prefix->contains(*gateway))
      return Error{"--route " + text + ": the gateway itself is in it, and the tunnel would go through itself"};
    file.routes.push_back(prefix->to_string());
  }

  auto contents = derivation::read_secret_file(arguments.master, master_file_most);
  if (!contents) return contents.error();
  auto master = derivation::parse_master(*contents);
  if (!master) return master.error().in(arguments.master.string());
  auto outbound = Spi::compose(arguments.generation, Direction::to_gateway, arguments.id, arguments.incarnation);
  if (!outbound) return outbound.error();
  file.halves[0].name = "outbound";
  file.halves[0].spi = *outbound;
  file.halves[1].name = "inbound";
  file.halves[1].spi = outbound->reverse();
  for (Half& half : file.halves) {
    auto keying = derivation::derive(*master, half.spi.value(), file.algorithm);
    if (!keying) return keying.error();
    half.hex = keying->hex();
  }
  return file;
}

// Text that holds keys: with room from the start, so that no smaller buffer is left behind unwiped, and wiped at the
// end.
class SecretText {
 public:
  explicit SecretText(std::size_t room) { text.reserve(room); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { OPENSSL_cleanse(text.data(), text.capacity()); }
  std::string text;
};

// The same shape in TOML and in JSON; nothing in it needs escaping: names, numbers, addresses and digits.
void put_list(std::string& text, const std::vector<std::string>& values) {
  text += "[";
  for (std::size_t i = 0; i < values.size(); ++i) text.append(i ? ", \"" : "\"").append(values[i]).append("\"");
  text += "]";
}

void put_toml(std::string& text, const KeyFile& file) {
  text.append("gateway = \"").append(file.gateway).append("\"\n");
  if (file.udp_port != 0) text.append("udp_port = ").append(std::to_string(file.udp_port)).append("\n");
  text.append("algorithm = \"").append(derivation::to_string(file.algorithm)).append("\"\ninner = ");
  put_list(text, file.inner);
  text += "\nroutes = ";
  put_list(text, file.routes);
  text += "\n";
  for (const Half& half : file.halves) {
    text.append("\n[").append(half.name).append("]\nspi = ").append(half.spi.to_string()).append("\nkey = \"");
    text.append(half.hex.text()).append("\"\n");
  }
}

void put_json(std::string& text, const KeyFile& file) {
  text.append("{\n  \"gateway\": \"").append(file.gateway).append("\",\n");
  if (file.udp_port != 0) text.append("  \"udp_port\": ").append(std::to_string(file.udp_port)).append(",\n");
  text.append("  \"algorithm\": \"").append(derivation::to_string(file.algorithm)).append("\",\n  \"inner\": ");
  put_list(text, file.inner);
  text += ",\n  \"routes\": ";
  put_list(text, file.routes);
  for (const Half& half : file.halves) {
    text.append(",\n  \"").append(half.name).append("\": {\"spi\": ").append(std::to_string(half.spi.value()));
    text.append(", \"key\": \"").append(half.hex.text()).append("\"}");
  }
  text += "\n}\n";
}

Result<void> write(const Arguments& arguments, std::string_view text) {
  auto done = derivation::write_secret_file(arguments.output, text, arguments.force);
  if (!done && done.error().number == EEXIST && !arguments.force)
    return Error{arguments.output.string() + " exists; --force replaces it"};
  return done;
}

Result<void> derive(const Context& context, const Arguments& arguments) {
  auto file = make(arguments);
  if (!file) return file.error();
  SecretText out(1024 + 64 * (file->inner.size() + file->routes.size()));
  if (context.json)
    put_json(out.text, *file);
  else
    put_toml(out.text, *file);
  if (!arguments.output.empty()) return write(arguments, out.text);
  // Unbuffered: a copy in stdio's buffer would not be wiped.
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  if (std::fwrite(out.text.data(), 1, out.text.size(), stdout) != out.text.size())
    return system_error("standard output", errno);
  return {};
}

Result<void> master(const Arguments& arguments) {
  auto key = Secret::random(derivation::master_size);
  if (!key) return key.error();
  SecretText line(2 * derivation::master_size + 1);
  line.text.append(key->hex().text()).append("\n");
  return write(arguments, line.text);
}

}  // namespace

void add_key(CLI::App& app, Context& context, Action& action) {
  CLI::App* key = app.add_subcommand("key", "Keys of ESP clients");
  key->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* one = key->add_subcommand("derive", "Print the key file of one client, for sluice-client");
  one->add_option("--master-key-file", arguments->master, "The generation's master key: 32 bytes or 64 hex digits")
      ->required();
  one->add_option("--generation", arguments->generation, "The generation's number")
      ->required()
      ->check(CLI::Range(1U, 0xffffffffU));
  one->add_option("--id", arguments->id, "The client's number")->required()->check(CLI::Range(1U, Spi::most_id));
  one->add_option("--incarnation", arguments->incarnation, "Higher than in every file made for it before")
      ->check(CLI::Range(0U, Spi::most_incarnation))
      ->capture_default_str();
  one->add_option("--algorithm", arguments->algorithm, "aes-256-gcm or aes-128-gcm, as the generation's")
      ->check(CLI::IsMember({"aes-256-gcm", "aes-128-gcm"}))
      ->capture_default_str();
  one->add_option("--gateway", arguments->gateway, "The gateway's outer address")->required();
  one->add_option("--udp-port", arguments->udp_port, "ESP in UDP to this port; without it ESP as it is")
      ->check(CLI::Range(1, 65535));
  one->add_option("--inner", arguments->inner, "The client's address in the tunnel; once for each family")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one->add_option("--route", arguments->routes, "What it reaches through the tunnel; repeatable")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one->add_option("--output", arguments->output, "File to write, mode 0600; default the standard output");
  one->add_flag("--force", arguments->force, "Replace the file");
  one->callback([&, arguments] { action = [&context, arguments] { return derive(context, *arguments); }; });
  CLI::App* random = key->add_subcommand("master", "Write a new master key: 32 random bytes in hex");
  random->add_option("--output", arguments->output, "File to write, mode 0600")->required();
  random->add_flag("--force", arguments->force, "Replace the file");
  random->callback([&, arguments] { action = [arguments] { return master(*arguments); }; });
}

}  // namespace sluice::cli
