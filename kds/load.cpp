// SPDX-License-Identifier: Apache-2.0
//
// kds_load SLUICE-KDS [DEVICES [AT-ONCE]]: a key server's process, a gateway that restarts, and so many devices that
// all want another key at once.  Prints keys per second, and per second of the server's processor time, and its memory.
//
// Everything but the certificates' enrolment goes by the API: TLS 1.3 with each device's own certificate, resumed in
// the second round, a store on disk, an audit line for each key.  Call it in a network namespace of its own (bench/run
// does).
#include <fcntl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "http/client.hpp"
#include "kds/testing.hpp"
#include "tls/testing.hpp"

namespace {

using namespace sluice;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Role = tls::PeerName::Role;

constexpr std::uint16_t port = 18443;
constexpr unsigned tries = 200;

[[noreturn]] void fail(const std::string& words) {
  std::fprintf(stderr, "kds_load: %s\n", words.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) fail(std::string(what) + ": " + result.error().message);
  return *std::move(result);
}

/// The key server as its own process; its end with ours.
class Server {
 public:
  Server(const std::string& program, const std::filesystem::path& settings) : process_(::fork()) {
    if (process_ < 0) fail("fork");
    if (process_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int log = ::open((settings.parent_path() / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execl(program.c_str(), "sluice-kds", "--config", settings.c_str(), nullptr);
    ::_exit(127);
  }
  ~Server() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Of its processor time, user and system (proc(5), stat, 14 and 15).
  [[nodiscard]] double processor_seconds() const {
    std::ifstream file("/proc/" + std::to_string(process_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    std::string word;
    double ticks = 0;
    for (int field = 3; rest >> word && field <= 15; ++field)
      if (field >= 14) ticks += std::stod(word);
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  /// MiB; *which*: "VmRSS", "VmHWM" (the most so far).
  [[nodiscard]] double memory(const std::string& which) const {
    std::ifstream file("/proc/" + std::to_string(process_) + "/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(which + ":")) return std::stod(line.substr(which.size() + 1)) / 1024;
    fail("the key server has ended");
  }

 private:
  pid_t process_;
};

http::ClientOptions client_options() {
  http::ClientOptions options;
  options.realm = "corp";
  options.connect = options.handshake = Duration(60000);
  options.response = Duration(60000);
  return options;
}

std::unique_ptr<http::Client> client_of(asio::io_context& io, const tls::Identity& identity) {
  auto context = must(tls::Context::create(tls::Role::client, identity, {.tls13_only = true}), "TLS");
  return std::make_unique<http::Client>(io.get_executor(), std::move(context),
                                        std::vector<http::ServerName>(1, http::ServerName{"localhost", port}),
                                        client_options());
}

struct Device {
  tls::UniqueX509 certificate;
  tls::UniqueKey key;
  std::unique_ptr<http::Client> client;
};

template <class T, auto Read>
T read_pem(const std::filesystem::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) fail(path.string());
  auto* made = Read(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  return T(made);
}

std::string evidence_of(const Device& device, const evidence::Nonce& nonce) {
  evidence::Binding binding;
  binding.nonce = nonce;
  binding.exporter = *device.client->channel_binding();
  binding.certificate = device.certificate.get();
  binding.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  json os{{"id", "debian"}, {"version", "12"}};
  auto made = must(evidence::make_evidence(device.key.get(), binding, json{{"os", os}}), "evidence");
  return json{{"evidence", made}}.dump();
}

Task<Result<http::Response>> ask(Device& device, bool shows_health) {
  std::string body = "{}";
  if (shows_health) {
    Result<http::Response> challenge = co_await device.client->request("GET", "/v1/challenge");
    if (!challenge || challenge->status != 200) co_return std::move(challenge);
    const json said = json::parse(challenge->text());
    auto nonce = evidence::array_from_base64url<32>(said["nonce"].get<std::string>());
    body = evidence_of(device, *nonce);
  }
  co_return co_await device.client->request("POST", "/v1/keys", std::move(body));
}

struct Counts {
  std::size_t keys = 0, again = 0, resumed = 0, active = 0;
};

/// Takes the next device until there is none left.
Task<void> worker(std::vector<Device>& devices, std::size_t& next, bool shows_health, Counts& counts) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (next < devices.size()) {
    Device& device = devices[next++];
    unsigned attempts = 0;
    for (bool done = false; !done;) {
      Result<http::Response> response = co_await ask(device, shows_health);
      done = response && response->status == 200;
      if (done) break;
      if (++attempts == tries) fail(response ? std::string(response->text()) : response.error().message);
      ++counts.again;
      pause.expires_after(Duration(50));
      (void)co_await pause.async_wait(use_tuple);
    }
    ++counts.keys;
    counts.resumed += device.client->resumed() ? 1 : 0;
    device.client->close();
  }
  --counts.active;
}

/// The gateway: boots, then takes what there is for as long as this process lives.
Task<void> gateway(http::Client& client, std::uint8_t boot, bool& ready) {
  json what;
  what["boot_nonce"] = evidence::to_base64url(std::vector<std::uint8_t>(32, boot));
  what["newest"] = 0;
  asio::steady_timer pause(co_await asio::this_coro::executor);
  Result<http::Response> booted = co_await client.request("POST", "/v1/gateway/boot", what.dump());
  for (unsigned i = 0; i < tries && !booted; ++i) {  // the key server's process has only begun
    pause.expires_after(Duration(50));
    (void)co_await pause.async_wait(use_tuple);
    booted = co_await client.request("POST", "/v1/gateway/boot", what.dump());
  }
  if (!booted || booted->status != 200)
    fail("boot: " + (booted ? std::string(booted->text()) : booted.error().message));
  std::uint64_t after = json::parse(booted->text())["acknowledged"].get<std::uint64_t>();
  for (;;) {
    Result<http::Response> response =
        co_await client.request("GET", "/v1/gateway/updates?after=" + std::to_string(after));
    if (!response || response->status != 200) co_return;  // the next boot has closed the client, or all is over
    const json updates = json::parse(response->text())["updates"];
    if (!updates.empty()) after = updates.back()["sequence"].get<std::uint64_t>();
    ready = true;  // and the next request acknowledges it
  }
}

void wait_until(asio::io_context& io, const bool& what) {
  const auto limit = Clock::now() + std::chrono::seconds(30);
  while (!what && Clock::now() < limit) io.run_for(std::chrono::milliseconds(20));
  if (!what) fail("the gateway was told nothing");
  io.run_for(std::chrono::milliseconds(300));
}

void round(asio::io_context& io, const Server& server, std::vector<Device>& devices, std::size_t at_once,
           bool shows_health, const char* name) {
  Counts counts;
  std::size_t next = 0;
  const double processor = server.processor_seconds();
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < at_once; ++i) {
    ++counts.active;
    asio::co_spawn(io, worker(devices, next, shows_health, counts), asio::detached);
  }
  while (counts.active > 0) io.run_for(std::chrono::milliseconds(20));
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const double used = server.processor_seconds() - processor;
  const double keys = static_cast<double>(counts.keys);
  std::printf("%s|%zu|%zu|%.0f|%.0f|%.0f|%.0f|%.0f|%zu\n", name, counts.keys, counts.resumed, keys / took,
              used / keys * 1e6, keys / used, server.memory("VmRSS"), server.memory("VmHWM"), counts.again);
  std::fflush(stdout);
}

std::string configuration(const std::filesystem::path& folder, const tls::Identity& identity, std::size_t devices) {
  const std::string at = folder.string();
  return "name = \"kds1\"\nrealm = \"corp\"\nlisten = [\"127.0.0.1:" + std::to_string(port) + "\"]\ncertificate = \"" +
         identity.certificate.string() + "\"\nkey = \"" + identity.key.string() + "\"\nauthority = \"" +
         identity.authority.string() + "\"\nrevoked = \"" + identity.revoked->string() + "\"\ndatabase = \"" + at +
         "/kds.sqlite\"\nkey_encryption_key = \"" + at + "/kek\"\naudit = \"" + at +
         "/audit\"\n[limits]\nconnections_per_address = 4096\n[[posture]]\nname = \"standard\"\ninterval = \"1h\"\n"
         "[[posture.requirement]]\nclaim = \"os.version\"\noperator = \"at-least\"\nvalue = \"12\"\nremedy = "
         "\"Update.\"\n"
         "[[gateway]]\nname = \"gw1\"\naddresses = [\"192.0.2.1\"]\nudp_port = 4500\n[[gateway.network]]\nname = "
         "\"corp\"\n"
         "first = 1\nlast = " +
         std::to_string(devices) +
         "\nipv4 = \"100.80.0.0\"\nroutes = [\"10.20.0.0/16\"]\n"
         "roles = [\"staff\"]\nposture = \"standard\"\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) fail("usage: kds_load SLUICE-KDS [DEVICES [AT-ONCE]]");
  const std::size_t how_many = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 10000;
  const std::size_t at_once = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 64;
  if (how_many == 0 || at_once == 0) fail("so few");

  const kds::testing_support::Folder folder("/var/tmp");  // a disk: a commit is written through
  tls::testing::Pki pki;
  const tls::Identity identity = pki.kds();
  std::ofstream(folder / "kds.toml") << configuration(folder / ".", identity, how_many);
  std::ofstream(folder / "kek") << std::string(32, 'k');
  ::chmod((folder / "kek").c_str(), 0600);

  asio::io_context io{1};
  std::vector<Device> devices(how_many);
  {
    auto store = must(kds::sqlite::SqliteStore::open(folder / "kds.sqlite"), "store");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < how_many; ++i) names.push_back("device" + std::to_string(i));
    const auto enrolled = store->transact([&](kds::Transaction& transaction) -> Result<void> {
      for (const std::string& name : names) {
        kds::Device device;
        device.name = name;
        device.roles.emplace_back("staff");
        transaction.put(device);
      }
      return {};
    });
    if (!enrolled) fail(enrolled.error().message);
    for (std::size_t i = 0; i < how_many; ++i) {
      const tls::Identity own = pki.holder(Role::device, names[i]);
      devices[i] = {read_pem<tls::UniqueX509, PEM_read_X509>(own.certificate),
                    read_pem<tls::UniqueKey, PEM_read_PrivateKey>(own.key), client_of(io, own)};
    }
  }
  const Server server(arguments[1], folder / "kds.toml");
  const tls::Identity of_gateway = pki.holder(Role::realm_gateway, "gw1");
  std::unique_ptr<http::Client> first = client_of(io, of_gateway), second = client_of(io, of_gateway);

  std::printf("round|keys|TLS resumed|keys/s|processor us each|keys/s and core|MiB after|MiB at most|asked again\n");
  bool ready = false, again = false;
  asio::co_spawn(io, gateway(*first, 1, ready), asio::detached);
  wait_until(io, ready);
  round(io, server, devices, at_once, true, "first key: TLS handshake, challenge, evidence");
  first->close();
  asio::co_spawn(io, gateway(*second, 2, again), asio::detached);
  wait_until(io, again);
  round(io, server, devices, at_once, false, "after the gateway's restart: TLS resumed, health on record");
  second->close();
  io.run_for(std::chrono::milliseconds(200));
  return 0;
}
