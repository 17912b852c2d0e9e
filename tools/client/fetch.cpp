// SPDX-License-Identifier: Apache-2.0
#include "client/fetch.hpp"

#include <openssl/pem.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "client/measure/measure.hpp"
#include "derivation/secret.hpp"
#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "realm/ask.hpp"
#include "tls/error.hpp"

namespace sluice::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view json_type = "application/json";

// What one step takes, noted when it ends.
class Watch {
 public:
  Watch(std::vector<Timing>& timings, const char* step) : timings_(timings), step_(step) {}
  ~Watch() {
    timings_.push_back({step_, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start_)});
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::vector<Timing>& timings_;
  const char* step_;
  Clock::time_point start_ = Clock::now();
};

// The media type, without its parameters; compared as our servers write it.
bool is_json(const http::Response& response) {
  std::string_view type =
      response.content_type.empty() ? response.fields.get("Content-Type") : std::string_view(response.content_type);
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type == json_type;
}

Error not_reached(const Error& error) { return {error.message, ENOTCONN}; }
Error not_understood(const std::string& server, const std::string& what, const Error& error) {
  return {"the key server " + server + " answers " + what + " as none does: " + error.message, EBADMSG};
}

// One try; nothing: begin again.
struct Try {
  std::optional<Result<Fetched>> end;
  std::optional<Result<Fetched>> if_last;  ///< what to say when no try is left
};

Try again(Error error) { return {{}, not_reached(error)}; }

Result<nlohmann::json> make_body(const Device& device, const Challenge& challenge, const tls::ChannelBinding& exporter,
                                 nlohmann::json posture, const std::optional<Held>& held) {
  evidence::Binding binding;
  binding.nonce = challenge.nonce;
  binding.exporter = exporter;
  binding.certificate = device.certificate.get();
  binding.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto evidence = evidence::make_evidence(device.key.get(), binding, std::move(posture));
  if (!evidence) return Error{"cannot make evidence: " + evidence.error().message, EINVAL};
  nlohmann::json body{{"evidence", *std::move(evidence)}};
  if (held)
    body["held"].push_back(nlohmann::json{{"gateway", held->gateway}, {"network", held->network}, {"spi", held->spi}});
  return body;
}

// Beside the evidence in *body*.
Result<void> add_quote(nlohmann::json& body, const Challenge& challenge, const tls::ChannelBinding& exporter,
                       const TakeQuote& take) {
  if (!take) return Error{"this host gives none", ENOTSUP};
  auto qualifying =
      evidence::qualifying_data(challenge.nonce, exporter, body.at("evidence").get_ref<const std::string&>());
  if (!qualifying) return qualifying.error();
  auto quote = take(*qualifying, challenge.wanted.pcrs);
  if (!quote) return quote.error();
  nlohmann::json& told = body["quote"];
  told["attest"] = evidence::to_base64url(quote->attest);
  told["signature"] = evidence::to_base64url(quote->signature);
  for (const auto& [number, value] : quote->pcrs) told["pcrs"][std::to_string(number)] = evidence::to_base64url(value);
  return {};
}

// The key server says that there is no quote; why, is known here.
void explain(Try& judged, const std::string& why) {
  const auto add = [&](std::vector<http::Failure>& failures) {
    for (http::Failure& one : failures)
      if (one.name == "quote") one.detail += " None was given: " + why + ".";
  };
  for (auto* end : {&judged.end, &judged.if_last}) {
    if (!*end || !**end) continue;
    auto& said = (**end)->said;
    if (auto* problem = std::get_if<Problem>(&said)) add(problem->failures);
    if (auto* answer = std::get_if<Answer>(&said))
      for (Refused& one : answer->refused) add(one.failures);
  }
}

// Another server may know better, as after a 5xx.
Try nonsense(http::Client& client, Error error, const FetchOptions& options) {
  if (!options.several_servers) return {std::move(error), {}};
  client.next_server();
  return {{}, std::move(error)};
}

Try judge(http::Client& client, const http::Response& response, Fetched fetched, const FetchOptions& options) {
  if (response.status == 200) {
    if (!is_json(response))
      return nonsense(client, not_understood(fetched.server, "POST /v1/keys", {"it is not " + std::string(json_type)}),
                      options);
    auto answer = parse_answer(response.text());
    if (!answer) return nonsense(client, not_understood(fetched.server, "POST /v1/keys", answer.error()), options);
    fetched.said = *std::move(answer);
    return {std::move(fetched), {}};
  }
  Problem problem = parse_problem(response);
  const bool stale = problem.stale_challenge();
  const bool elsewhere = problem.status >= 500 && options.several_servers;
  fetched.said = std::move(problem);
  if (elsewhere) client.next_server();
  if (stale || elsewhere) return {{}, std::move(fetched)};
  return {std::move(fetched), {}};
}

Task<Try> try_once(http::Client& client, const Device& device, const Measure& measure, const FetchOptions& options,
                   std::vector<Timing>& timings) {
  Fetched fetched;
  {
    Watch watch(timings, "connect");
    auto connected = co_await client.connect();
    if (!connected) co_return Try{not_reached(connected.error()), {}};  // each server was tried
  }
  std::optional<Result<http::Response>> response;
  {
    Watch watch(timings, "challenge");
    http::Sending sending;
    sending.response = options.challenge;
    response.emplace(co_await client.request("GET", "/v1/challenge", {}, sending));
  }
  if (!*response) co_return again(response->error());
  const auto id = client.connection_id();
  const auto exporter = client.channel_binding();
  if (const auto server = client.server()) fetched.server = server->to_string();
  fetched.resumed = client.resumed();
  if ((*response)->status != 200) co_return judge(client, **response, std::move(fetched), options);
  if (!id || !exporter) co_return again({"the key server ends each connection behind the challenge"});
  if (!is_json(**response))
    co_return nonsense(
        client, not_understood(fetched.server, "GET /v1/challenge", {"it is not " + std::string(json_type)}), options);
  auto challenge = parse_challenge((*response)->text());
  if (!challenge)
    co_return nonsense(client, not_understood(fetched.server, "GET /v1/challenge", challenge.error()), options);
  nlohmann::json posture;
  {
    Watch watch(timings, "measure");
    posture = measure(challenge->wanted);
  }
  std::optional<Result<nlohmann::json>> body;
  {
    Watch watch(timings, "evidence");
    body.emplace(make_body(device, *challenge, *exporter, std::move(posture), options.held));
  }
  if (!*body) co_return Try{body->error(), {}};
  std::string no_quote;
  if (challenge->wanted.quote) {
    Watch watch(timings, "quote");
    if (auto added = add_quote(**body, *challenge, *exporter, options.quote); !added) no_quote = added.error().message;
  }
  {
    Watch watch(timings, "keys");
    http::Sending sending;
    sending.only_on = id;
    response.emplace(co_await client.request("POST", "/v1/keys", (*body)->dump(), sending));
  }
  // Whether it had acted does not matter: an incarnation is spent, and the next request gets the next.
  if (!*response) co_return again(response->error());
  Try judged = judge(client, **response, std::move(fetched), options);
  if (!no_quote.empty()) explain(judged, no_quote);
  co_return judged;
}

}  // namespace

Result<Device> Device::load(const tls::Identity& identity) {
  auto certificate = realm::load_certificate(identity.certificate);
  if (!certificate) return certificate.error();
  Device device;
  device.certificate = *std::move(certificate);
  tls::UniqueBio file(BIO_new_file(identity.key.c_str(), "r"));
  // A key under a pass phrase is an error, not a question on a terminal.
  const auto no_phrase = [](char*, int, int, void*) { return 0; };
  if (file) device.key.reset(PEM_read_bio_PrivateKey(file.get(), nullptr, no_phrase, nullptr));
  if (!device.key) return tls::take_error("key " + identity.key.string());
  return device;
}

nlohmann::json measure_wanted(const MeasureSettings& settings, const Wanted& wanted) {
  measure::Options options;
  options.claims = wanted.claims;
  options.packages = wanted.packages;
  options.plugins = wanted.plugins.empty() ? std::filesystem::path() : settings.plugins;
  if (settings.osquery) options.osquery = wanted.osquery;
  options.plugin_time = settings.plugin_time;
  options.time = settings.time;
  nlohmann::json posture = measure::measure(options);
  if (const auto plugins = posture.find("plugins"); plugins != posture.end() && plugins->is_object()) {
    for (auto one = plugins->begin(); one != plugins->end();) {
      const bool told = one.key() == "osquery" || std::ranges::count(wanted.plugins, one.key()) != 0;
      one = told ? std::next(one) : plugins->erase(one);
    }
    if (plugins->empty()) posture.erase("plugins");
  }
  return posture;
}

Task<Result<Fetched>> fetch(http::Client& client, const Device& device, const Measure& measure, FetchOptions options) {
  std::vector<Timing> timings;
  Result<Fetched> last = Error{"not tried", EINVAL};
  for (unsigned i = 0; i < options.tries; ++i) {
    Try one = co_await try_once(client, device, measure, options, timings);
    const bool ended = one.end.has_value();
    last = ended ? *std::move(one.end) : *std::move(one.if_last);
    if (ended) break;
  }
  if (last) last->timings = std::move(timings);
  co_return std::move(last);
}

namespace {

/// The file that the next process finds the ticket in.  Without it the next handshake is a whole one, which is no
/// error.
class TicketFile {
 public:
  explicit TicketFile(const std::filesystem::path& path) : path_(path) {}

  void offer(const tls::Context& context) {
    if (path_.empty()) return;
    // Who could write it could pose as the key server.
    struct stat about {};
    if (::lstat(path_.c_str(), &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != ::geteuid()) return;
    auto saved = derivation::read_secret_file(path_, ticket_most);
    if (saved && context.take_ticket(saved->text())) offered_ = *std::move(saved);
  }
  void keep(const http::Client& client) {
    if (path_.empty()) return;
    std::string text = client.ticket();
    std::error_code ignored;
    if (text.empty()) {
      std::filesystem::remove(path_, ignored);
    } else if (text != offered_.text()) {
      if (auto done = derivation::write_secret_file(path_, text, true); !done)
        spdlog::debug("the TLS ticket: {}", done.error().message);
    }
    OPENSSL_cleanse(text.data(), text.size());
  }

 private:
  static constexpr std::size_t ticket_most = 32768;
  const std::filesystem::path& path_;
  derivation::Secret offered_;
};

}  // namespace

Result<Fetched> fetch_with(const Settings& settings, std::optional<Held> held, const std::filesystem::path& ticket) {
  auto device = Device::load(settings.identity);
  if (!device) return device.error();
  auto context = realm::make_context(settings.identity);
  if (!context) return context.error();
  std::vector<Timing> found;
  auto servers = [&] {
    Watch watch(found, "find");
    return realm::servers_of(settings);
  }();
  if (!servers) return servers.error();
  FetchOptions options;
  options.several_servers = servers->size() > 1;
  options.held = std::move(held);
  options.quote = [&settings](const evidence::Sha256& qualifying, const std::set<unsigned>& pcrs) {
    auto tpm = Tpm::open(settings.tpm);
    return tpm ? tpm->quote(qualifying, pcrs) : Result<evidence::Quote>(tpm.error());
  };
  http::ClientOptions limits;
  limits.realm = settings.realm;
  limits.body = answer_most;
  const Measure measure = [&settings](const Wanted& wanted) { return measure_wanted(settings.measure, wanted); };
  asio::io_context io(1);
  TicketFile file(ticket);
  file.offer(*context);
  http::Client client(io.get_executor(), *std::move(context), *std::move(servers), std::move(limits));
  auto fetched = realm::run(io, fetch(client, *device, measure, options));
  file.keep(client);
  if (fetched) fetched->timings.insert(fetched->timings.begin(), found.begin(), found.end());
  return fetched;
}

}  // namespace sluice::client
