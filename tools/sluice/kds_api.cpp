// SPDX-License-Identifier: Apache-2.0
#include "sluice/kds_api.hpp"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <utility>

#include "realm/ask.hpp"
#include "realm/problem.hpp"
#include "sluice/command.hpp"
#include "tls/peer.hpp"

namespace sluice::cli {
namespace {

// 1000 devices or lines of the audit log, each with as much as there can be in it.
constexpr std::size_t answer_most = std::size_t{1} << 24;
constexpr Duration response_time = std::chrono::seconds(10);

int number_of(unsigned status, const std::string& target) {
  switch (status) {
    case 403:
      return EACCES;
    case 404:
      return target.starts_with("/v1/devices/") ? ENOENT : EPROTO;
    case 409:
      return EEXIST;
    case 429:
      return EAGAIN;
    default:
      return status >= 500 ? EAGAIN : EPROTO;
  }
}

// What is in the certificate, for who holds the wrong one.
std::string names_of(const tls::Peer& peer) {
  std::string names;
  for (const tls::PeerName& name : peer.names) names += (names.empty() ? "" : ", ") + name.to_string();
  return names.empty() ? "no name of Sluice's" : names;
}

}  // namespace

struct KdsApi::Link {
  Link(tls::Context context, std::vector<http::ServerName> servers, http::ClientOptions options, std::string holder)
      : tries(servers.size()),
        certificate(std::move(holder)),
        client(io.get_executor(), std::move(context), std::move(servers), std::move(options)) {}

  Task<Result<http::Response>> ask(std::string method, std::string target, std::string body, bool twice);
  Result<http::Response> answer(const std::string& method, const std::string& target, std::string body, bool twice);

  asio::io_context io{1};
  std::size_t tries;
  std::string certificate;  ///< ours, in words
  http::Client client;
};

Task<Result<http::Response>> KdsApi::Link::ask(std::string method, std::string target, std::string body, bool twice) {
  std::string failures;
  std::optional<http::Response> last;
  for (std::size_t i = 0; i < tries; ++i) {
    const Result<void> connected = co_await client.connect();
    if (!connected) {
      if (last) break;  // of one that was reached
      co_return Error{
          "no key server was reached: " + failures + connected.error().message + "; our certificate is " + certificate,
          ENOTCONN};
    }
    http::Sending sending;
    sending.repeatable = twice;
    Result<http::Response> response = co_await client.request(method, target, body, sending);
    if (response) {
      if (response->status < 500 || !twice) co_return std::move(response);
      last.emplace(*std::move(response));
      client.next_server();
      continue;
    }
    // In TLS 1.3 a server's refusal of our certificate comes where its answer would (RFC 8446, 4.4.2.4).
    if (!twice)
      co_return Error{response.error().message + "; our certificate is " + certificate +
                          "; whether it was done is not known, `sluice kds device show` tells",
                      ENOTCONN};
    failures += response.error().message + "; ";
  }
  if (last) co_return *std::move(last);
  co_return Error{"no key server answers: " + failures + "our certificate is " + certificate, ENOTCONN};
}

Result<http::Response> KdsApi::Link::answer(const std::string& method, const std::string& target, std::string body,
                                            bool twice) {
  auto response = realm::run(io, ask(method, target, std::move(body), twice));
  if (!response || response->status / 100 == 2) return response;
  const realm::Problem problem = realm::parse_problem(*response, answer_most);
  return Error{"the key server answers " + std::to_string(problem.status) + ", " + problem.to_words(),
               number_of(problem.status, target)};
}

KdsApi::KdsApi(std::unique_ptr<Link> link) : link_(std::move(link)) {}
KdsApi::KdsApi(KdsApi&&) noexcept = default;
KdsApi::~KdsApi() = default;

Result<KdsApi> KdsApi::open(const realm::Settings& settings) {
  auto certificate = realm::load_certificate(settings.identity.certificate);
  if (!certificate) return Error{certificate.error().message};  // its number would be taken for a server's word
  const tls::Peer self = tls::Peer::from_certificate(certificate->get());
  if (!self.operator_of(settings.realm))
    return Error{"the certificate " + settings.identity.certificate.string() + " of '" + self.subject +
                 "' is for no operator of realm '" + settings.realm + "', but for " + names_of(self)};
  auto context = realm::make_context(settings.identity);
  if (!context) return Error{context.error().message};
  auto servers = realm::servers_of(settings);
  if (!servers) return servers.error();
  http::ClientOptions options;
  options.realm = settings.realm;
  options.body = answer_most;
  options.response = response_time;
  return KdsApi(std::make_unique<Link>(*std::move(context), *std::move(servers), std::move(options),
                                       "'" + self.subject + "', serial " + self.serial));
}

Result<nlohmann::json> KdsApi::get(const std::string& target) {
  auto response = link_->answer("GET", target, {}, true);
  if (!response) return response.error();
  auto body = realm::parse_object(response->text(), answer_most);
  if (!body) return body.error().in("the key server's answer to GET " + target);
  return body;
}

Result<void> KdsApi::change(const std::string& method, const std::string& target, const nlohmann::json& body,
                            Twice twice) {
  auto response = link_->answer(method, target, body.is_null() ? "" : body.dump(), twice == Twice::same);
  return response ? Result<void>() : Result<void>(response.error());
}

int exit_code_of(const Error& error) {
  switch (error.number) {
    case ENOENT:
      return exit_none;
    case EEXIST:
      return exit_exists;
    case EACCES:
      return exit_refused;
    case ENOTCONN:
      return exit_no_server;
    default:
      return exit_failed;
  }
}

}  // namespace sluice::cli
