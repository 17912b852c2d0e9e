// SPDX-License-Identifier: Apache-2.0
//
// sluice policy: what the gateway answers to the question for its policy; and the question.
#include <openssl/sha.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>

#include "base/address.hpp"
#include "base/unique_fd.hpp"
#include "sluice/command.hpp"
#include "sluice/esp_text.hpp"
#include "sluice/lookup.hpp"
#include "sluice/policy_message.hpp"

namespace sluice::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int tries = 3;
constexpr std::chrono::seconds patience{1};  // for each

struct Arguments {
  std::string file;
  netlink::PolicyChange change;
  std::string address;
  std::uint16_t port = 4510;
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

// What comes in answer to one question, if it comes in time.  Nobody at the port (ICMP) ends the waiting at once.
Result<std::optional<std::vector<std::uint8_t>>> ask_once(int fd, const PolicyNonce& nonce) {
  const auto question = policy_question(nonce);
  const auto end = Clock::now() + patience;
  if (::send(fd, question.data(), question.size(), 0) < 0 && errno != ECONNREFUSED)
    return system_error("the question cannot be sent", errno);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    const int count = left > 0 ? ::poll(&ready, 1, static_cast<int>(left)) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("poll", errno);
    if (count == 0) return std::optional<std::vector<std::uint8_t>>();
    std::array<std::uint8_t, policy_question_size + 1> buffer;
    const auto size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ECONNREFUSED) return std::optional<std::vector<std::uint8_t>>();
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size < 0) return system_error("the answer cannot be received", errno);
    auto blob = parse_policy_answer(std::span(buffer).first(static_cast<std::size_t>(size)), nonce);
    if (blob) return blob;
  }
}

Result<void> ask(Context& context, const Arguments& arguments) {
  auto address = Address::parse(arguments.address);
  if (!address) return address.error();
  sockaddr_storage to{};
  const socklen_t size = Endpoint{*address, arguments.port}.to_sockaddr(to);
  const UniqueFd fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connected: only what comes from there is received.
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) < 0)
    return system_error(arguments.address, errno);
  std::optional<std::vector<std::uint8_t>> blob;
  for (int i = 0; i < tries && !blob; ++i) {
    PolicyNonce nonce;
    if (::getentropy(nonce.data(), nonce.size()) < 0) return system_error("random bytes", errno);
    auto answer = ask_once(fd.get(), nonce);
    if (!answer) return answer.error().in(arguments.address);
    blob = *std::move(answer);
  }
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
