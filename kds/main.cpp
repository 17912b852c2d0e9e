// SPDX-License-Identifier: Apache-2.0
//
// sluice-kds: reads its configuration, opens its store, and serves the API until it is told to end.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <utility>

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/notify.hpp"
#include "base/socket.hpp"
#include "base/unique_fd.hpp"
#include "evidence/quote.hpp"
#include "kds/api.hpp"
#include "kds/check.hpp"
#include "kds/metrics.hpp"
#include "kds/sqlite/store.hpp"
#include "metrics/exposer.hpp"

namespace {

using namespace sluice;
using namespace sluice::kds;

constexpr Time (*now)() = std::chrono::system_clock::now;
constexpr Duration end_within{10000};
constexpr std::size_t handshakes_min = 64;

http::ServerOptions server_options(const Settings& settings) {
  http::ServerOptions options;
  options.realm = settings.realm;
  options.limits.connections = settings.limits.connections;
  options.limits.connections_of_an_address = settings.limits.connections_per_address;
  options.limits.connections_of_a_device = settings.limits.connections_per_device;
  // After an outage a whole office comes at once, behind one address.
  options.limits.handshakes = std::max<std::size_t>(settings.limits.connections / 4, handshakes_min);
  options.limits.handshakes_of_an_address =
      std::min<std::size_t>(settings.limits.connections_per_address, options.limits.handshakes / 4);
  options.limits.handshake = settings.limits.handshake_timeout;
  options.limits.request_header = options.limits.request_body = settings.limits.request_timeout;
  options.limits.idle = settings.limits.idle_timeout;
  return options;
}

// What the store has done for somebody is to be in the audit log as well, so that handlers may end first: all but those
// that the store keeps waiting do at once.  A second signal does not wait.
Task<void> end(asio::io_context& context, http::Server& server, Service& service) {
  server.stop();
  service.stop();
  Deadline late(context.get_executor(), end_within, [&context] {
    spdlog::warn("ended while requests were under way");
    context.stop();
  });
  co_await server.stopped();
  context.stop();
}

// Held while a key server uses the store (LOCK_SH), or somebody who needs that none does (LOCK_EX).
Result<UniqueFd> serving(const std::filesystem::path& database, int lock) {
  const std::string file = database.string() + "-serving";
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return system_error(file, errno);
  if (::flock(fd.get(), lock | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return system_error(file, errno);
  return Error{lock == LOCK_EX ? database.string() + ": a key server uses it; stop every one of this store first"
                               : database.string() + ": its key-encrypting key is being changed",
               EBUSY};
}

struct Opened {
  UniqueFd serving;
  Kek kek;
  std::unique_ptr<Store> store;
};

// What is wrong with files is said before the first of them is changed.
Result<Opened> open(const Settings& settings) {
  auto kek = Kek::load(settings.key_encryption_key);
  if (!kek) return kek.error().in("key_encryption_key");
  if (auto good = check_identity(settings); !good) return good.error();
  for (const auto& [key, file] : {std::pair{"database", settings.database}, {"audit", settings.audit}})
    if (auto good = check_writable(file); !good) return good.error().in(key);
  if (const std::string fresh = about_store(settings.database); !fresh.empty()) spdlog::warn("database: {}", fresh);
  auto place = serving(settings.database, LOCK_SH);
  if (!place) return place.error().in("database");
  auto store = sqlite::SqliteStore::open(settings.database);
  if (!store) return store.error().in("database");
  const auto unreadable = check_master_keys(**store, *kek, settings, now());
  if (!unreadable) return unreadable.error();
  for (const std::string& one : *unreadable) spdlog::error("{}", one);
  return Opened{*std::move(place), *std::move(kek), *std::move(store)};
}

Result<void> serve(Settings settings) {
  auto opened = open(settings);
  if (!opened) return opened.error();
  auto log = AuditLog::open(settings.audit);
  if (!log) return log.error().in("audit");
  const tls::Options options{.tls13_only = true, .wipe = true, .sessions = settings.limits.sessions};
  auto tls = tls::Context::create(tls::Role::server, settings.identity, options);
  if (!tls) return tls.error();
  auto announcer = Announcer::create(settings, now());
  if (!announcer) return announcer.error();

  asio::io_context context{1};
  Service service(context.get_executor(), std::move(settings), std::move(opened->store), std::move(opened->kek),
                  *std::move(announcer));
  Api api(service, *log);
  auto handler = [&api](const http::Request& request, http::Connection& connection) {
    return api.handle(request, connection);
  };
  http::Server server(context.get_executor(), *std::move(tls), handler, server_options(service.settings()));
  for (const Endpoint& endpoint : service.settings().listen)
    if (auto listening = server.listen(endpoint); !listening) return listening.error();

  std::unique_ptr<metrics::Exposer> exposer;
  if (service.settings().metrics) {
    auto opened =
        metrics::Exposer::open(*service.settings().metrics,
                               {"sluice-kds",
                                context.get_executor(),
                                [&](const metrics::Reply& reply) { reply(measure(server.counters(), log->counts())); },
                                {}});
    if (!opened) return opened.error().in("metrics");
    exposer = *std::move(opened);
  }

  const Party self{Party::Kind::kds, ""};
  if (auto written = log->write({now(), self, AuditAction::start, self, AuditOutcome::done, {}}); !written)
    return written.error().in("audit");
  asio::signal_set signals(context, SIGTERM, SIGINT, SIGHUP);
  bool ending = false;
  std::function<void()> wait = [&] {
    signals.async_wait([&](boost::system::error_code failure, int signal) {
      if (failure) return;
      if (signal != SIGHUP) {
        if (std::exchange(ending, true)) return context.stop();
        asio::co_spawn(context, end(context, server, service), asio::detached);
        return wait();
      }
      const auto reopened = log->reopen();
      if (!reopened) spdlog::error("audit: {}", reopened.error().message);
      AuditEvent event{now(), self, AuditAction::reload, self, AuditOutcome::done, {}};
      if (!reopened) event.outcome = AuditOutcome::failed;
      if (auto written = log->write(event); !written) spdlog::critical("audit: {}", written.error().message);
      wait();
    });
  };
  wait();
  service.start();
  spdlog::info("ready");
  notify_ready();
  context.run();
  (void)log->write({now(), self, AuditAction::stop, self, AuditOutcome::done, {}});
  spdlog::info("ended");
  return {};
}

// It may be another user's, and before the unit has made its folders.
Result<void> check_all(const Settings& settings) {
  const auto notes = check_files(settings);
  if (!notes) return notes.error();
  for (const std::string& note : *notes) spdlog::warn("{}", note);
  const auto announcer = Announcer::create(settings, now());
  return announcer ? Result<void>() : announcer.error();
}

struct DeviceOptions {
  std::string name;
  std::vector<std::string> roles;
  std::string attestation_key;  // a file
};

Result<Bytes> read_attestation_key(const std::string& path) {
  std::string text(8192, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) return system_error(path, errno);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto key = evidence::read_attestation_key(text);
  return key ? std::move(key) : key.error().in(path);
}

// Straight in the store, for who may read it: the first devices, and when no key server runs.
Result<void> change_device(const Settings& settings, const std::string& verb, const DeviceOptions& options) {
  auto store = sqlite::SqliteStore::open(settings.database);
  if (!store) return store.error().in("database");
  Devices devices(**store);
  const std::string actor = "operator/local";
  if (verb == "add") {
    Device device;
    device.name = options.name;
    device.roles = options.roles;
    if (!options.attestation_key.empty()) {
      auto key = read_attestation_key(options.attestation_key);
      if (!key) return key.error().in("--attestation-key");
      device.attestation_key = *std::move(key);
    }
    return devices.enrol(device, actor, now());
  }
  Result<Touched> done = verb == "revoke"  ? devices.revoke(options.name, actor, now())
                         : verb == "ban"   ? devices.ban(options.name, actor, now())
                         : verb == "unban" ? devices.unban(options.name, actor, now())
                         : verb == "roles" ? devices.change(options.name, {.roles = options.roles}, actor, now())
                                           : devices.forget(options.name, actor, now());
  return done ? Result<void>() : Result<void>(done.error());
}

struct KekOptions {
  bool change = false, lost = false;
  std::vector<std::string> from, to;  // files; empty: those that are configured
};

// What a key server that runs makes meanwhile it would wrap by the key of before.
Result<void> change_kek(const Settings& settings, const KekOptions& options) {
  const auto load = [&](const std::vector<std::string>& files, const char* name) {
    auto kek = files.empty() ? Kek::load(settings.key_encryption_key) : Kek::load({files.begin(), files.end()});
    return kek ? std::move(kek) : kek.error().in(files.empty() ? "key_encryption_key" : name);
  };
  const auto to = load(options.to, "--to");
  if (!to) return to.error();
  std::optional<Kek> from;
  if (options.change) {
    auto before = load(options.from, "--from");
    if (!before) return before.error();
    from = *std::move(before);
  }
  const auto alone = serving(settings.database, LOCK_EX);
  if (!alone) return alone.error().in("database");
  auto store = sqlite::SqliteStore::open(settings.database);
  if (!store) return store.error().in("database");
  Generations generations(**store, from ? *from : *to, GenerationOptions{});
  const std::string actor = "operator/local";
  const auto count = options.lost ? generations.end_lost(actor, now()) : generations.rewrap_all(*to, actor, now());
  if (!count) return count.error();
  if (options.lost)
    spdlog::info("{} gateways had keys that are lost; each gets another when a key server runs", *count);
  else
    spdlog::info("{} master keys are wrapped by {} now: key_encryption_key has to name it when the key server starts",
                 *count, joined({options.to.begin(), options.to.end()}));
  // What the key of before unwraps goes out of the file as well; if not now, a key server does it when it starts.
  if (const auto scrubbed = (*store)->scrub(); !scrubbed) spdlog::warn("database: {}", scrubbed.error().message);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The key distribution server of Sluice.", "sluice-kds"};
  std::string path = "/etc/sluice/sluice-kds.toml";
  bool check = false, verbose = false;
  app.add_option("--config", path, "Configuration file")->capture_default_str();
  app.add_flag("--check", check, "Check the configuration, and end");
  app.add_flag("--verbose", verbose, "Log more");
  app.set_version_flag("--version", "sluice-kds " SLUICE_VERSION);
  app.require_subcommand(0, 1);
  CLI::App* kek = app.add_subcommand("kek", "Another key-encrypting key; no key server may run");
  kek->require_subcommand(1);
  KekOptions keks;
  // A word behind a file is no further part of the key: each is said by an option of its own.
  const auto add_files = [](CLI::App* command, const char* option, std::vector<std::string>& files, const char* what) {
    return command->add_option(option, files, what)->allow_extra_args(false);
  };
  CLI::App* change = kek->add_subcommand("change", "Wrap the stored master keys by another one");
  add_files(change, "--from", keks.from,
            "File of the one of before, if it is not the configured one; again for each part");
  add_files(change, "--to", keks.to, "File of the one to be; again for each part")->required();
  change->callback([&keks] { keks.change = true; });
  CLI::App* lost = kek->add_subcommand("lost", "The one of before is lost: gateways get other master keys");
  add_files(lost, "--to", keks.to, "File of the one to be, if it is not the configured one; again for each part");
  lost->callback([&keks] { keks.lost = true; });
  CLI::App* device = app.add_subcommand("device", "Enrol devices, and take keys away, in the store itself");
  device->require_subcommand(1);
  DeviceOptions options;
  std::string verb;
  for (const auto& [word, what] :
       std::initializer_list<std::pair<const char*, const char*>>{{"add", "Enrol a device"},
                                                                  {"roles", "Give it other roles"},
                                                                  {"revoke", "End its keys; it may earn new ones"},
                                                                  {"ban", "End its keys, and give it none"},
                                                                  {"unban", "Let it earn keys again"},
                                                                  {"remove", "Forget it"}}) {
    CLI::App* part = device->add_subcommand(word, what);
    part->add_option("NAME", options.name, "The device, as its certificate names it")->required();
    if (word == std::string("add") || word == std::string("roles"))
      part->add_option("--role", options.roles, "A role; may be repeated")->required();
    if (word == std::string("add"))
      part->add_option("--attestation-key", options.attestation_key,
                       "Its TPM's key, as `sluice-client tpm enrol` says it");
    part->callback([&verb, word = std::string(word)] { verb = word; });
  }
  CLI11_PARSE(app, argc, argv);

  set_up_logging(verbose);
  std::signal(SIGPIPE, SIG_IGN);
  auto settings = load_settings(path);
  if (!settings) {
    spdlog::critical("{}", settings.error().message);
    return EXIT_FAILURE;
  }
  for (const std::string& warning : settings->warnings) spdlog::warn("{}", warning);
  if (check) {
    const auto good = check_all(*settings);
    if (!good) spdlog::critical("{}", good.error().message);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (auto limit = raise_open_files(); !limit) spdlog::warn("{}", limit.error().message);
  auto done = keks.change || keks.lost ? change_kek(*settings, keks)
              : verb.empty()           ? serve(*std::move(settings))
                                       : change_device(*settings, verb, options);
  if (done) return EXIT_SUCCESS;
  spdlog::critical("{}", done.error().message);
  return EXIT_FAILURE;
}
