// SPDX-License-Identifier: Apache-2.0
//
// sluice kds: the operator's side of the key servers.
#include "sluice/kds.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/log.hpp"
#include "sluice/kds_api.hpp"
#include "sluice/kds_settings.hpp"
#include "sluice/kds_text.hpp"
#include "sluice/table.hpp"
#include "tls/peer.hpp"

namespace sluice::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t attestation_key_most = 4096;
constexpr std::chrono::seconds follow_every{1}, follow_after_failure{3};

struct Arguments {
  KdsOptions options;
  std::string name, pin, fingerprint, attestation_key;
  std::vector<std::string> roles;
  bool no_roles = false, disabled = false, enable = false, disable = false;
  bool no_attestation_key = false, forget_pcrs = false;
  std::uint64_t after = 0;
  bool follow = false;
};

// What the API takes for a name; what it would refuse does not get there.
const CLI::Validator is_name(
    [](std::string& text) {
      return tls::is_name(text) ? std::string()
                                : "a name is 1 to 63 of a-z A-Z 0-9 . _ -, not '" + printable(text) + "'";
    },
    "NAME");

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Result<KdsApi> open(const Arguments& arguments) {
  auto settings = read_kds_settings(arguments.options);
  if (!settings) return settings.error();
  return KdsApi::open(*settings);
}

void print(const std::vector<std::string>& head, const Rows& rows) {
  Table table(head);
  for (const auto& row : rows) table.add(row);
  table.print();
}

Result<void> list_devices(const Context& context, const Arguments& arguments) {
  auto api = open(arguments);
  if (!api) return api.error();
  json all = json::array();
  Rows rows;
  std::optional<std::string> last;
  while (true) {
    auto answer = api->get("/v1/devices" + (last ? "?after=" + *last : ""));
    if (!answer) return answer.error();
    auto page = device_rows(*answer, last);
    if (!page) return page.error().in("the key server's answer");
    if (page->empty()) break;
    rows.insert(rows.end(), page->begin(), page->end());
    for (json& one : (*answer)["devices"]) all.push_back(std::move(one));
  }
  if (context.json)
    print_json(all);
  else
    print(device_head, rows);
  return {};
}

Result<void> show_device(const Context& context, const Arguments& arguments) {
  auto api = open(arguments);
  if (!api) return api.error();
  auto answer = api->get("/v1/devices/" + arguments.name);
  if (!answer) return answer.error();
  auto shown = read_device(*answer);
  if (!shown) return shown.error().in("the key server's answer");
  if (context.json) {
    print_json(*answer);
    return {};
  }
  print(device_head, Rows{shown->device});
  std::printf("\n");
  print(key_head, shown->keys);
  if (!shown->tpm.empty()) std::printf("\nTPM: %s\n", shown->tpm.c_str());
  return {};
}

// A request that changes a device, and what is said when it is done.
struct Change {
  std::string method, target;
  json body;
  KdsApi::Twice twice = KdsApi::Twice::same;
  std::string did;    // for programs: "banned"
  std::string words;  // for people
};

Result<void> change(const Context& context, const Arguments& arguments, const Change& what) {
  auto api = open(arguments);
  if (!api) return api.error();
  auto done = api->change(what.method, what.target, what.body, what.twice);
  if (!done) return done;
  if (context.json)
    print_json({{"device", arguments.name}, {"did", what.did}});
  else
    std::printf("%s\n", what.words.c_str());
  return {};
}

// What `sluice-client tpm enrol` has printed; the key server looks into it.
Result<std::string> read_key_file(const std::string& path) {
  // A device or a pipe may have no end.
  if (std::error_code ignored; !std::filesystem::is_regular_file(path, ignored))
    return Error{path + ": is no regular file", EINVAL};
  std::ifstream file(path, std::ios::binary);
  std::string text(attestation_key_most + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.empty()) return Error{path + ": cannot be read, or is empty", EINVAL};
  if (text.size() > attestation_key_most) return Error{path + ": is no public key: it is too long", EINVAL};
  return text;
}

Result<void> add_device(const Context& context, const Arguments& arguments) {
  json body{{"name", arguments.name}, {"roles", arguments.roles}};
  if (arguments.disabled) body["enabled"] = false;
  if (!arguments.pin.empty() || !arguments.fingerprint.empty()) {
    auto fingerprint = arguments.pin.empty() ? parse_fingerprint(arguments.fingerprint) : fingerprint_of(arguments.pin);
    if (!fingerprint) return fingerprint.error();
    body["fingerprint"] = *fingerprint;
  }
  if (!arguments.attestation_key.empty()) {
    auto key = read_key_file(arguments.attestation_key);
    if (!key) return key.error();
    body["attestation_key"] = *std::move(key);
  }
  std::string words = "enrolled " + arguments.name;
  words += arguments.roles.empty() ? " without a role: no network is open to it yet"
                                   : " with the roles " + joined(arguments.roles);
  if (body.contains("fingerprint")) words += ", with this certificate alone";
  if (body.contains("attestation_key")) words += ", with its TPM's attestation key";
  if (arguments.disabled) words += ", disabled";
  return change(context, arguments,
                {"POST", "/v1/devices", body, KdsApi::Twice::not_the_same, "enrolled", std::move(words)});
}

Result<void> set_device(const Context& context, const Arguments& arguments) {
  json body = json::object();
  std::string words;
  const auto say = [&words](const std::string& more) { words += (words.empty() ? "" : ", and") + more; };
  if (arguments.no_roles || !arguments.roles.empty()) {
    body["roles"] = arguments.roles;
    words = arguments.roles.empty() ? " has no roles now: its keys end with their leases"
                                    : " has the roles " + joined(arguments.roles) + " now";
  }
  if (arguments.enable || arguments.disable) {
    body["enabled"] = arguments.enable;
    say(arguments.enable ? " is enabled" : " is disabled: its keys end now, and it gets none until --enable");
  }
  if (!arguments.attestation_key.empty()) {
    auto key = read_key_file(arguments.attestation_key);
    if (!key) return key.error();
    body["attestation_key"] = *std::move(key);
    say(" has this attestation key now, and the PCRs of its next quote");
  }
  if (arguments.no_attestation_key) {
    body["attestation_key"] = nullptr;
    say(" has no attestation key now");
  }
  if (arguments.forget_pcrs) {
    body["pcrs"] = nullptr;
    say(" has the PCRs of its next quote");
  }
  return change(
      context, arguments,
      {"PATCH", "/v1/devices/" + arguments.name, body, KdsApi::Twice::same, "changed", arguments.name + words});
}

struct Verb {
  const char *word, *help, *did, *before, *behind;  // what is said: before, the name, behind
};
constexpr Verb verbs[] = {
    {"revoke", "End its keys now; it may earn new ones", "revoked", "revoked the keys of ",
     ": they end now; it may earn new ones"},
    {"ban", "End its keys now, and give it none", "banned", "banned ",
     ": its keys end now, and it gets none until `sluice kds device unban`"},
    {"unban", "Let it earn keys again", "unbanned", "unbanned ", ": it may earn keys again"},
};

Result<void> remove_device(const Context& context, const Arguments& arguments) {
  return change(
      context, arguments,
      {"DELETE",
       "/v1/devices/" + arguments.name,
       {},
       KdsApi::Twice::not_the_same,
       "removed",
       "removed " + arguments.name + ": its keys end now, and nothing is known of it any more but the audit log"});
}

Result<void> list_gateways(const Context& context, const Arguments& arguments) {
  auto api = open(arguments);
  if (!api) return api.error();
  auto answer = api->get("/v1/gateways");
  if (!answer) return answer.error();
  auto rows = gateway_rows(*answer);
  if (!rows) return rows.error().in("the key server's answer");
  if (context.json)
    print_json((*answer)["gateways"]);
  else
    print(gateway_head, *rows);
  return {};
}

// Each line at once, also into a pipe; false: its reader has gone.
bool print_lines(bool as_json, const json& lines, const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string line;
    if (as_json)
      line = lines[i].dump(-1, ' ', false, json::error_handler_t::replace);
    else
      for (const std::string& cell : rows[i]) line += (line.empty() || cell.empty() ? "" : "  ") + cell;
    if (std::puts(line.c_str()) < 0) return false;
  }
  return std::fflush(stdout) == 0;
}

Result<void> follow_audit(const Context& context, KdsApi& api, std::uint64_t after) {
  bool began = false, failing = false;
  while (true) {
    auto answer = api.get("/v1/audit?after=" + std::to_string(after));
    if (!answer) {
      // Once it has begun it outlives the key servers' restarts.
      const bool passes = answer.error().number == ENOTCONN || answer.error().number == EAGAIN;
      if (!began || !passes) return answer.error();
      if (!failing) std::fprintf(stderr, "sluice: %s; trying again\n", answer.error().message.c_str());
      failing = true;
      std::this_thread::sleep_for(follow_after_failure);
      continue;
    }
    began = true;
    failing = false;
    auto rows = audit_rows(*answer, after);
    if (!rows) return rows.error().in("the key server's answer");
    if (!print_lines(context.json, (*answer)["audit"], *rows)) return {};
    if (rows->empty()) std::this_thread::sleep_for(follow_every);
  }
}

Result<void> show_audit(const Context& context, const Arguments& arguments) {
  auto api = open(arguments);
  if (!api) return api.error();
  if (arguments.follow) return follow_audit(context, *api, arguments.after);
  json all = json::array();
  Rows rows;
  std::uint64_t after = arguments.after;
  while (true) {
    auto answer = api->get("/v1/audit?after=" + std::to_string(after));
    if (!answer) return answer.error();
    auto page = audit_rows(*answer, after);
    if (!page) return page.error().in("the key server's answer");
    if (page->empty()) break;
    rows.insert(rows.end(), page->begin(), page->end());
    for (json& one : (*answer)["audit"]) all.push_back(std::move(one));
  }
  if (context.json)
    print_json(all);
  else
    print(audit_head, rows);
  return {};
}

// Each server by itself, whatever the others say.
Result<void> show_status(Context& context, const Arguments& arguments) {
  auto settings = read_kds_settings(arguments.options);
  if (!settings) return settings.error();
  auto servers = realm::servers_of(*settings);
  if (!servers) return servers.error();
  json all = json::array();
  Table table({"SERVER", "STATE", "ANSWERED", "DETAIL"});
  std::size_t well = 0, reached = 0;
  for (const http::ServerName& server : *servers) {
    settings->kds.assign(1, server);
    auto api = KdsApi::open(*settings);
    if (!api) return api.error();  // ours is the fault
    const auto began = Clock::now();
    auto answer = api->get("/v1/health");
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
    const bool good = answer && answer->value("status", json()) == "ok";
    well += good ? 1 : 0;
    reached += answer || answer.error().number != ENOTCONN ? 1 : 0;
    const std::string detail = good ? "" : answer ? "it does not say that it is well" : answer.error().message;
    all.push_back({{"server", server.to_string()}, {"well", good}, {"milliseconds", took}, {"detail", detail}});
    table.add({server.to_string(), good ? "well" : "not well", human_duration(took), detail});
  }
  if (context.json)
    print_json(all);
  else
    table.print();
  if (well < servers->size()) context.exit_code = reached == 0 ? exit_no_server : exit_failed;
  return {};
}

using Run = std::function<Result<void>(Context&, const Arguments&)>;

}  // namespace

void add_kds(CLI::App& app, Context& context, Action& action) {
  CLI::App* kds = app.add_subcommand("kds", "The key servers: devices, gateways, audit log");
  kds->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  KdsOptions& options = arguments->options;
  kds->add_option("--config", options.config, "Configuration, without it " + std::string(operator_path));
  kds->add_option("--kds", options.kds, "A key server, HOST or HOST:PORT, instead of those configured; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  kds->add_option("--realm", options.realm, "The realm");
  kds->add_option("--authority", options.authority, "Certificate of the authority");
  kds->add_option("--certificate", options.certificate, "The operator's certificate");
  kds->add_option("--key", options.key, "Its key");
  kds->add_option("--revoked", options.revoked, "The authority's list of revoked certificates");

  // What each leaves to be done; an error of it has its own exit code.
  const auto does = [&context, &action, arguments](CLI::App* part, const Run& run) {
    part->callback([&context, &action, arguments, run] {
      action = [&context, arguments, run] {
        set_up_logging(false);
        auto done = run(context, *arguments);
        if (!done) context.exit_code = exit_code_of(done.error());
        return done;
      };
    });
  };

  CLI::App* device = kds->add_subcommand("device", "Devices");
  device->require_subcommand(1);
  const auto add_name = [&](CLI::App* part) {
    part->add_option("NAME", arguments->name, "The device, as its certificate names it")->required()->check(is_name);
    return part;
  };
  const auto add_role = [&](CLI::App* part) {
    return part->add_option("--role", arguments->roles, "A role; may be repeated")
        ->check(is_name)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  does(device->add_subcommand("list", "List devices"), list_devices);
  does(add_name(device->add_subcommand("show", "Show a device and its keys")), show_device);

  CLI::App* add = add_name(device->add_subcommand("add", "Enrol a device"));
  add_role(add);
  CLI::Option* pin =
      add->add_option("--pin", arguments->pin, "Let it show the certificate in this file (PEM) and no other");
  add->add_option("--fingerprint", arguments->fingerprint, "Likewise: the SHA-256 of the certificate, hexadecimal")
      ->excludes(pin)
      ->check([](const std::string& text) {
        const auto parsed = parse_fingerprint(text);
        return parsed ? std::string() : parsed.error().message;
      });
  const auto add_key = [&](CLI::App* part) {
    return part
        ->add_option("--attestation-key", arguments->attestation_key,
                     "Its TPM's public key: a file of what `sluice-client tpm enrol` prints there")
        ->check(CLI::ExistingFile);
  };
  add_key(add);
  add->add_flag("--disabled", arguments->disabled, "It gets no keys until `set --enable`");
  does(add, add_device);

  CLI::App* set = add_name(device->add_subcommand("set", "Change a device"));
  // A group of its own: at least one of its options has to be there.
  CLI::Option_group* changes = set->add_option_group("changes");
  changes->require_option(1, 0);
  CLI::Option* role = add_role(changes);
  changes->add_flag("--no-roles", arguments->no_roles, "Take all roles away")->excludes(role);
  CLI::Option* enable = changes->add_flag("--enable", arguments->enable, "Let it have keys");
  changes->add_flag("--disable", arguments->disable, "End its keys now, and give it none until --enable")
      ->excludes(enable);
  CLI::Option* key = add_key(changes);
  changes->add_flag("--no-attestation-key", arguments->no_attestation_key, "Take its TPM's key away")->excludes(key);
  changes->add_flag("--forget-pcrs", arguments->forget_pcrs, "Take the PCRs of its next quote for its own")
      ->excludes(key);
  does(set, set_device);

  does(add_name(device->add_subcommand("remove", "End its keys now, and forget it")), remove_device);
  for (const Verb& verb : verbs) {
    does(add_name(device->add_subcommand(verb.word, verb.help)), [&verb](Context& with, const Arguments& by) {
      return change(with, by,
                    {"POST",
                     "/v1/devices/" + by.name + "/" + verb.word,
                     {},
                     KdsApi::Twice::same,
                     verb.did,
                     verb.before + by.name + verb.behind});
    });
  }

  CLI::App* gateway = kds->add_subcommand("gateway", "Gateways");
  gateway->require_subcommand(1);
  does(gateway->add_subcommand("list", "List gateways: their generations, and what they have carried out"),
       list_gateways);

  CLI::App* audit = kds->add_subcommand("audit", "Show what changed the key servers' records, oldest first");
  audit->add_option("--after", arguments->after, "Lines behind this sequence");
  audit->add_flag("--follow", arguments->follow, "Go on, with each line as it comes");
  does(audit, show_audit);
  does(kds->add_subcommand("status", "Ask each key server whether it is well"), show_status);
}

}  // namespace sluice::cli
