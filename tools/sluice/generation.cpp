// SPDX-License-Identifier: Apache-2.0
//
// sluice generation: brings generations of session keys in, promotes and ends them.  A key server does that in
// operation; this is for a gateway without one, and for tests.
#include <algorithm>

#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::uint32_t number = 0;
  std::string key_file;
  std::string algorithm;
  std::string lifetime;
  std::string overlap;
};

Result<void> list(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto generations = kernel->sluice.generations();
  if (!generations) return explain(generations.error());
  std::ranges::sort(*generations, {}, &netlink::Generation::number);  // the kernel goes by slot
  nlohmann::json all = nlohmann::json::array();
  Table table({"GENERATION", "SLOT", "STATE", "ALGORITHM", "REMAINING", "CLIENTS", "MEMORY"});
  for (const netlink::Generation& generation : *generations) {
    all.push_back(to_json(generation));
    table.add({std::to_string(generation.number), std::to_string(generation.number % netlink::esp_slots),
               std::string(netlink::to_string(generation.state)), std::string(netlink::to_string(generation.algorithm)),
               clock_text(generation.remaining), std::to_string(generation.clients), human_bytes(generation.memory)});
  }
  if (context.json)
    print_json(all);
  else
    table.print();
  return {};
}

Result<std::optional<std::chrono::seconds>> parse_time(const std::string& text, const char* option) {
  if (text.empty()) return std::optional<std::chrono::seconds>();
  auto seconds = parse_seconds(text);
  if (!seconds) return seconds.error().in(option);
  return std::optional<std::chrono::seconds>(*seconds);
}

Result<void> make(const Arguments& arguments) {
  netlink::NewGeneration generation;
  generation.number = arguments.number;
  if (!arguments.algorithm.empty())
    generation.algorithm = arguments.algorithm == netlink::to_string(netlink::Algorithm::aes_128_gcm)
                               ? netlink::Algorithm::aes_128_gcm
                               : netlink::Algorithm::aes_256_gcm;
  auto lifetime = parse_time(arguments.lifetime, "--lifetime");
  if (!lifetime) return lifetime.error();
  generation.lifetime = *lifetime;
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto key = read_master_key(arguments.key_file);
  if (!key) return key.error();
  generation.master_key = *std::move(key);
  auto done = kernel->sluice.new_generation(generation);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> promote(const Arguments& arguments) {
  auto overlap = parse_time(arguments.overlap, "--overlap");
  if (!overlap) return overlap.error();
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.promote_generation(arguments.number, *overlap);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> remove(const Arguments& arguments) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.delete_generation(arguments.number);
  if (!done && done.error().number == ENOENT)
    return Error{"there is no generation " + std::to_string(arguments.number) +
                 "; `sluice generation list` shows them"};
  return done ? done : Result<void>(explain(done.error()));
}

}  // namespace

void add_generation(CLI::App& app, Context& context, Action& action) {
  CLI::App* generation = app.add_subcommand("generation", "Generations of ESP session keys");
  generation->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  auto numbered = [&](const char* name, const char* description) {
    CLI::App* command = generation->add_subcommand(name, description);
    command->add_option("--number", arguments->number, "Its number")->required()->check(CLI::PositiveNumber);
    return command;
  };
  generation->add_subcommand("list", "List the live generations")->callback([&] {
    action = [&] { return list(context); };
  });
  CLI::App* create = numbered("new", "Bring a generation in, as the next one");
  create
      ->add_option("--master-key-file", arguments->key_file,
                   "File with the master key, 32 bytes or 64 hexadecimal digits; -: standard input")
      ->required();
  create->add_option("--algorithm", arguments->algorithm, "Cipher, default aes-256-gcm")
      ->check(CLI::IsMember({std::string(netlink::to_string(netlink::Algorithm::aes_128_gcm)),
                             std::string(netlink::to_string(netlink::Algorithm::aes_256_gcm))}));
  create->add_option("--lifetime", arguments->lifetime, "Seconds until it ends, default 3600");
  create->callback([&, arguments] { action = [arguments] { return make(*arguments); }; });
  CLI::App* lift = numbered("promote", "Make the next generation the current one");
  lift->add_option("--overlap", arguments->overlap, "Seconds that the one before serves on, default 600");
  lift->callback([&, arguments] { action = [arguments] { return promote(*arguments); }; });
  numbered("del", "End a generation now")->callback([&, arguments] {
    action = [arguments] { return remove(*arguments); };
  });
}

}  // namespace sluice::cli
