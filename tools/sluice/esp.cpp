// SPDX-License-Identifier: Apache-2.0
//
// sluice esp: what ESP needs to know of the gateway.
#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::optional<std::uint16_t> udp_port;
  std::vector<std::string> sources;
  std::optional<std::uint32_t> unknown_rate;
};

Result<void> show(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto esp = kernel->sluice.esp();
  if (!esp) return explain(esp.error());
  const nlohmann::json json = to_json(*esp);
  if (context.json) {
    print_json(json);
    return {};
  }
  auto source = [&](const char* key) {
    return json[key].is_null() ? std::string("as the route says") : json[key].get<std::string>();
  };
  std::printf("UDP port      %s\n", esp->udp_port == 0 ? "none" : std::to_string(esp->udp_port).c_str());
  std::printf("IPv4 source   %s\n", source("source_ipv4").c_str());
  std::printf("IPv6 source   %s\n", source("source_ipv6").c_str());
  std::printf("unknown rate  %u a second, on each processor\n", esp->unknown_rate);
  std::printf("boot nonce    %s\n", hex_text(esp->boot_nonce).c_str());
  std::printf("driver        %s\n", esp->driver.empty() ? "none" : esp->driver.c_str());
  std::printf("fallback      %s\n", esp->fallback ? esp->fallback->c_str() : "never needed");
  std::printf("key cache     %u on each processor\n", esp->key_cache);
  std::printf("newest        generation %u\n", esp->newest);
  return {};
}

Result<void> set(const Arguments& arguments) {
  netlink::EspChange change{arguments.udp_port, {}, {}, arguments.unknown_rate};
  for (const std::string& text : arguments.sources) {
    auto address = Address::parse(text);
    if (!address) return address.error().in("--source");
    auto& place = address->is_v4() ? change.source_ipv4 : change.source_ipv6;
    if (place) return Error{"--source: one address a family"};
    place = *address;
  }
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.set_esp(change);
  return done ? done : Result<void>(explain(done.error()));
}

}  // namespace

void add_esp(CLI::App& app, Context& context, Action& action) {
  CLI::App* esp = app.add_subcommand("esp", "ESP: its port, source addresses, limits and cipher");
  esp->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  esp->add_subcommand("show", "Show it")->callback([&] { action = [&] { return show(context); }; });
  CLI::App* change = esp->add_subcommand("set", "Change what is given; stays until sluiced reads its configuration");
  // A group of its own: at least one of its options has to be there.
  CLI::Option_group* options = change->add_option_group("changes");
  options->require_option(1, 0);
  options->add_option("--udp-port", arguments->udp_port, "UDP port of ESP in UDP; 0: none")
      ->check(CLI::Range(0, 65535));
  options
      ->add_option("--source", arguments->sources,
                   "Outer source address, one a family; 0.0.0.0 or :: for what the route says")
      ->expected(1, 2);
  options
      ->add_option("--unknown-rate", arguments->unknown_rate,
                   "Packets a second from unknown addresses that each processor decrypts")
      ->check(CLI::Range(1U, 10000000U));
  change->callback([&, arguments] { action = [arguments] { return set(*arguments); }; });
}

}  // namespace sluice::cli
