// SPDX-License-Identifier: Apache-2.0
//
// sluice-pki: certificates for people who have no authority of their own.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pki/store.hpp"
#include "pki/time.hpp"

namespace {

using namespace sluice;
using pki::Entry;
using pki::Store;

struct Arguments {
  std::string directory = ".";
  std::string name = "Sluice authority";  // of the authority, or of a certificate
  std::vector<std::string> networks, dns, ip;
  std::string realm;
  int days = 0;
  std::string not_after;
  std::string what;
  bool force = false, json = false;
};

constexpr int kAuthorityDays = 3650;
constexpr int kCertificateDays = 365;

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : " ") + part;
  return all;
}

std::vector<std::string> names_of(const Entry& entry) {
  std::vector<std::string> names;
  for (const tls::PeerName& name : entry.peer.names) names.push_back(name.to_string());
  return names;
}

nlohmann::json to_json(const Entry& entry, tls::Time now) {
  return {{"file", entry.file.string()},
          {"subject", entry.peer.subject},
          {"serial", entry.peer.serial},
          {"names", names_of(entry)},
          {"hosts", entry.hosts},
          {"not_before", pki::to_string(entry.not_before)},
          {"not_after", pki::to_string(entry.peer.not_after)},
          {"status", entry.status(now)}};
}

Result<tls::Validity> validity(const Arguments& arguments, int default_days) {
  const tls::Time now = std::chrono::system_clock::now();
  tls::Validity result{now - std::chrono::hours(1),
                       now + std::chrono::days(arguments.days != 0 ? arguments.days : default_days)};
  if (!arguments.not_after.empty()) {
    Result<tls::Time> time = pki::parse_time(arguments.not_after, now);
    if (!time) return time.error();
    result.not_after = *time;
  }
  // A certificate that has expired already, as tests want it, was valid for a day.
  if (result.not_after <= result.not_before) result.not_before = result.not_after - std::chrono::days(1);
  return result;
}

Result<void> init(const Arguments& arguments) {
  Result<tls::Validity> valid = validity(arguments, kAuthorityDays);
  if (!valid) return valid.error();
  Result<Store> store = Store::init(arguments.directory, arguments.name, valid->not_after, arguments.force);
  if (!store) return store.error();
  std::printf("%s/ca.crt, ca.key, ca.crl: authority '%s', good until %s\n", arguments.directory.c_str(),
              arguments.name.c_str(), pki::to_string(store->not_after()).c_str());
  std::printf("Keep ca.key here and nowhere else; everybody else gets ca.crt and ca.crl.\n");
  return {};
}

Result<void> issue(const Arguments& arguments, tls::PeerName::Role role) {
  Result<Store> store = Store::open(arguments.directory);
  if (!store) return store.error();
  Result<tls::Validity> valid = validity(arguments, kCertificateDays);
  if (!valid) return valid.error();
  valid->not_after = std::min(valid->not_after, store->not_after());
  if (role == tls::PeerName::Role::gateway && arguments.networks.empty() && arguments.realm.empty()) {
    return Error{"a gateway needs a --network that it serves, a --realm, or both"};
  }
  if (role == tls::PeerName::Role::kds && arguments.dns.empty() && arguments.ip.empty()) {
    return Error{"a KDS needs a --dns or an --ip: those who dial it check that it is there"};
  }
  tls::Request request{arguments.name, pki::names_for(role, arguments.name, arguments.networks, arguments.realm),
                       arguments.dns, arguments.ip, *valid};
  if (auto done = store->issue(request, arguments.force); !done) return done;
  std::vector<std::string> names;
  for (const tls::PeerName& name : request.names) names.push_back(name.to_string());
  std::printf("%s/%s.crt and .key: %s, good until %s\n", arguments.directory.c_str(), arguments.name.c_str(),
              join(names).c_str(), pki::to_string(valid->not_after).c_str());
  return {};
}

Result<void> revoke(const Arguments& arguments) {
  Result<Store> store = Store::open(arguments.directory);
  if (!store) return store.error();
  Result<std::string> serial = store->revoke(arguments.what);
  if (!serial) return serial.error();
  std::printf("%s is revoked; give %s/ca.crl to the gateways, agents and key servers\n", serial->c_str(),
              arguments.directory.c_str());
  return {};
}

Result<void> crl(const Arguments& arguments) {
  Result<Store> store = Store::open(arguments.directory);
  if (!store) return store.error();
  if (auto done = store->write_list(); !done) return done;
  std::printf("%s/ca.crl is written anew\n", arguments.directory.c_str());
  return {};
}

Result<void> list(const Arguments& arguments) {
  Result<Store> store = Store::open(arguments.directory);
  if (!store) return store.error();
  Result<std::vector<Entry>> entries = store->list();
  if (!entries) return entries.error();
  const tls::Time now = std::chrono::system_clock::now();
  if (arguments.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const Entry& entry : *entries) all.push_back(to_json(entry, now));
    std::printf("%s\n", all.dump(2).c_str());
    return {};
  }
  std::printf("%-20s %-14s %-20s %s\n", "NAME", "STATUS", "UNTIL", "MAY BE");
  for (const Entry& entry : *entries) {
    std::printf("%-20s %-14s %-20s %s\n", entry.file.stem().c_str(), entry.status(now),
                pki::to_string(entry.peer.not_after).c_str(), join(names_of(entry)).c_str());
  }
  return {};
}

Result<void> show(const Arguments& arguments) {
  Result<Store> store = Store::open(arguments.directory);
  if (!store) return store.error();
  Result<Entry> entry = store->show(arguments.what);
  if (!entry) return entry.error();
  const tls::Time now = std::chrono::system_clock::now();
  if (arguments.json) {
    std::printf("%s\n", to_json(*entry, now).dump(2).c_str());
    return {};
  }
  std::printf(
      "file     %s\nsubject  %s\nserial   %s\nstatus   %s\nfrom     %s\nuntil    %s\nmay be   %s\nhosts    %s\n",
      entry->file.c_str(), entry->peer.subject.c_str(), entry->peer.serial.c_str(), entry->status(now),
      pki::to_string(entry->not_before).c_str(), pki::to_string(entry->peer.not_after).c_str(),
      join(names_of(*entry)).c_str(), join(entry->hosts).c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  std::function<Result<void>()> command;
  CLI::App app{"Certificates for Sluice: an authority, gateways, agents, key servers, devices, revocation.",
               "sluice-pki"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "sluice-pki " SLUICE_VERSION);

  auto add_directory = [&](CLI::App* part) {
    part->add_option("--dir", arguments.directory, "The authority's directory")->capture_default_str();
  };
  auto add_validity = [&](CLI::App* part, int days) {
    auto* option = part->add_option("--days", arguments.days, "Days it is good for, default " + std::to_string(days))
                       ->check(CLI::Range(1, 36500));
    part->add_option("--not-after", arguments.not_after, "End: a date, a time, or days from now, as in -1")
        ->excludes(option);
    part->add_flag("--force", arguments.force, "Replace what exists");
  };

  CLI::App* init_app = app.add_subcommand("init", "Make an authority");
  init_app->add_option("DIR,--dir", arguments.directory, "The authority's directory")->capture_default_str();
  init_app->add_option("--name", arguments.name, "The authority's name")->capture_default_str();
  add_validity(init_app, kAuthorityDays);
  init_app->callback([&] { command = [&] { return init(arguments); }; });

  CLI::App* issue_app = app.add_subcommand("issue", "Issue a certificate");
  issue_app->require_subcommand(1);
  using Role = tls::PeerName::Role;
  auto add_issue = [&](const char* name, const char* text, Role role) {
    CLI::App* part = issue_app->add_subcommand(name, text);
    part->add_option("NAME,--name", arguments.name, "Its name")->required();
    add_directory(part);
    add_validity(part, kCertificateDays);
    part->callback([&, role] { command = [&, role] { return issue(arguments, role); }; });
    return part;
  };
  auto add_realm = [&](CLI::App* part) {
    return part->add_option("--realm", arguments.realm,
                            "Its realm: the KDSs, gateways and devices that belong together");
  };
  auto add_hosts = [&](CLI::App* part) {
    part->add_option("--dns", arguments.dns, "A host name of it; may be repeated");
    part->add_option("--ip", arguments.ip, "An address of it; may be repeated");
  };
  CLI::App* gateway_app = add_issue("gateway", "For a gateway", Role::gateway);
  gateway_app->add_option("--network", arguments.networks, "A network it serves; may be repeated");
  add_realm(gateway_app);
  add_hosts(gateway_app);
  CLI::App* agent_app = add_issue("agent", "For an agent", Role::agent);
  agent_app->add_option("--network", arguments.networks, "Its network")->required()->expected(1);
  CLI::App* kds_app = add_issue("kds", "For a key distribution server", Role::kds);
  add_realm(kds_app)->required();
  add_hosts(kds_app);
  add_realm(add_issue("device", "For a device that gets keys", Role::device))->required();
  add_realm(add_issue("operator", "For a person who revokes and bans devices", Role::operator_))->required();

  CLI::App* revoke_app = app.add_subcommand("revoke", "Revoke a certificate and write ca.crl");
  revoke_app->add_option("WHAT", arguments.what, "A certificate's file, a NAME, or a serial number")->required();
  add_directory(revoke_app);
  revoke_app->callback([&] { command = [&] { return revoke(arguments); }; });

  CLI::App* crl_app = app.add_subcommand("crl", "Write ca.crl anew");
  add_directory(crl_app);
  crl_app->callback([&] { command = [&] { return crl(arguments); }; });

  CLI::App* list_app = app.add_subcommand("list", "List the certificates");
  add_directory(list_app);
  list_app->add_flag("--json", arguments.json, "As JSON");
  list_app->callback([&] { command = [&] { return list(arguments); }; });

  CLI::App* show_app = app.add_subcommand("show", "Show one certificate");
  show_app->add_option("WHAT", arguments.what, "A certificate's file or a NAME")->required();
  add_directory(show_app);
  show_app->add_flag("--json", arguments.json, "As JSON");
  show_app->callback([&] { command = [&] { return show(arguments); }; });

  CLI11_PARSE(app, argc, argv);
  Result<void> done = command();
  if (done) return EXIT_SUCCESS;
  std::fprintf(stderr, "sluice-pki: %s\n", done.error().message.c_str());
  return EXIT_FAILURE;
}
