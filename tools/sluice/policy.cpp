// SPDX-License-Identifier: Apache-2.0
//
// sluice policy: what the gateway answers to the question for its policy; and the question.
#include <openssl/sha.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iostream>

#include "base/address.hpp"
#include "policy/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string file;
  netlink::PolicyChange change;
  std::string address;
  std::uint16_t port = policy::default_port;
};

std::string digest(const std::vector<std::uint8_t>& blob) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(blob.data(), blob.size(), hash.data());
  return hex_text(hash);
}

Result<void> show(const Context& context) {
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto policy = kernel->sluice.policy();
  if (!policy) return explain(policy.error());
  const bool off = policy->port == 0;
  if (context.json) {
    nlohmann::json json = {{"port", policy->port}, {"rate", policy->rate}, {"source_rate", policy->source_rate}};
    json["blob"] = off ? nlohmann::json() : nlohmann::json(hex_text(policy->blob));
    json["sha256"] = off ? nlohmann::json() : nlohmann::json(digest(policy->blob));
    print_json(json);
    return {};
  }
  std::printf("UDP port     %s\n", off ? "none: off" : std::to_string(policy->port).c_str());
  std::printf("rate         %u a second, on each processor\n", policy->rate);
  std::printf("source rate  %u a second, on each processor\n", policy->source_rate);
  if (!off) std::printf("blob         %zu bytes, SHA-256 %s\n", policy->blob.size(), digest(policy->blob).c_str());
  return {};
}

Result<std::vector<std::uint8_t>> read_blob(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) return system_error(path, errno);
  std::vector<std::uint8_t> blob(netlink::policy_blob_max + 1);
  in.read(reinterpret_cast<char*>(blob.data()), static_cast<std::streamsize>(blob.size()));
  if (in.bad()) return Error{path + ": it cannot be read"};
  blob.resize(static_cast<std::size_t>(in.gcount()));
  if (blob.empty() || blob.size() > netlink::policy_blob_max)
    return Error{path + ": a policy has 1 to " + std::to_string(netlink::policy_blob_max) + " bytes"};
  return blob;
}

Result<void> set(netlink::PolicyChange change, const std::string& file) {
  if (!file.empty()) {
    auto blob = read_blob(file);
    if (!blob) return blob.error().in("--file");
    change.blob = *std::move(blob);
  }
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  auto done = kernel->sluice.set_policy(change);
  return done ? done : Result<void>(explain(done.error()));
}

Result<void> ask(Context& context, const Arguments& arguments) {
  auto address = Address::parse(arguments.address);
  if (!address) return address.error();
  auto answer = policy::ask({*address, arguments.port});
  if (!answer) return answer.error();
  const auto& blob = *answer;
  if (!blob) context.exit_code = exit_none;
  if (context.json) {
    print_json({{"blob", blob ? nlohmann::json(hex_text(*blob)) : nlohmann::json()}});
  } else if (!blob) {
    std::fprintf(stderr, "no policy\n");
  } else if (std::fwrite(blob->data(), 1, blob->size(), stdout) != blob->size() || std::fflush(stdout) != 0) {
    return system_error("standard output", errno);
  }
  return {};
}

}  // namespace

void add_policy(CLI::App& app, Context& context, Action& action) {
  CLI::App* policy = app.add_subcommand("policy", "The policy that clients ask the gateway for");
  policy->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  policy->add_subcommand("show", "Show port, limits and blob")->callback([&] {
    action = [&] { return show(context); };
  });
  CLI::App* change = policy->add_subcommand("set", "Answer with this file on this port; or change what is given");
  // A group of its own: at least one of its options has to be there.
  CLI::Option_group* options = change->add_option_group("changes");
  options->require_option(1, 0);
  options->add_option("--file", arguments->file, "The policy, signed: 1 to 1200 bytes; -: the standard input");
  options->add_option("--port", arguments->change.port, "UDP port")->check(CLI::Range(1, 65535));
  options->add_option("--rate", arguments->change.rate, "Answers a second on each processor")
      ->check(CLI::Range(1U, 10000000U));
  options->add_option("--source-rate", arguments->change.source_rate, "Of those to one source prefix")
      ->check(CLI::Range(1U, 65535U));
  change->callback([&, arguments] { action = [arguments] { return set(arguments->change, arguments->file); }; });
  policy->add_subcommand("off", "Answer no more, and forget the blob")->callback([&] {
    action = [] {
      netlink::PolicyChange off;
      off.port = 0;
      return set(off, {});
    };
  });
  CLI::App* question = policy->add_subcommand("ask", "Ask a gateway for its policy, and write it to standard output");
  question->add_option("address", arguments->address, "Its address")->required();
  question->add_option("--port", arguments->port, "UDP port")->check(CLI::Range(1, 65535))->capture_default_str();
  question->callback([&, arguments] { action = [&context, arguments] { return ask(context, *arguments); }; });
}

}  // namespace sluice::cli
