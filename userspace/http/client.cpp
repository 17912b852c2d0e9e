// SPDX-License-Identifier: Apache-2.0
#include "http/client.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <charconv>

#include "base/deadline.hpp"
#include "base/socket.hpp"
#include "http/reader.hpp"
#include "http/wire.hpp"
#include "tls/stream.hpp"

namespace sluice::http {
namespace {

// RFC 1123, 2.1: labels of letters, digits and hyphens.
bool is_host_name(std::string_view text) {
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, good) && text.find("..") == text.npos;
}

using Got = Reader::Got;

constexpr std::size_t kAddresses = 4;  // of one server that are tried
constexpr int kInterim = 8;            // responses of 1xx before the one that counts

bool is_method(const std::string& text) {
  return !text.empty() && text.size() <= 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// The lookup itself cannot be broken off (getaddrinfo(3)); we stop waiting for it.
Task<Result<std::vector<tcp::endpoint>>> resolve(asio::any_io_executor executor, std::string host, std::uint16_t port,
                                                 Duration time) {
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  if (!failure) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};
  struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
    tcp::resolver resolver;
    asio::steady_timer done;
    bool finished = false;
    boost::system::error_code failure;
    std::vector<tcp::endpoint> found;
  };
  auto lookup = std::make_shared<Lookup>(executor);
  lookup->done.expires_after(time);
  lookup->resolver.async_resolve(
      host, std::to_string(port),
      [lookup](const boost::system::error_code& code, const tcp::resolver::results_type& all) {
        lookup->finished = true;
        lookup->failure = code;
        for (const auto& entry : all) lookup->found.push_back(entry.endpoint());
        lookup->done.cancel();
      });
  (void)co_await lookup->done.async_wait(use_tuple);
  if (!lookup->finished) {
    lookup->resolver.cancel();
    co_return Error{"its name has no answer within " + to_string(time)};
  }
  if (lookup->failure) co_return Error{lookup->failure.message()};
  co_return std::move(lookup->found);
}

}  // namespace

struct Client::Live {
  Live(ServerName of, tls::Stream on, std::size_t most)
      : server(std::move(of)), stream(std::move(on)), reader(stream, most) {}
  ~Live() {
    if (stream.is_open()) (void)stream.try_shutdown_write();
    stream.close();
  }

  ServerName server;
  tls::Stream stream;
  Reader reader;
  tls::PeerCertificates shown;
  std::chrono::system_clock::time_point not_after;
  tls::ChannelBinding binding{};
  bool resumed = false;
  std::uint64_t id = 0;
};

Result<ServerName> ServerName::parse(std::string_view text, std::optional<std::uint16_t> fallback) {
  const Error wrong{"'" + std::string(text) + "' is no HOST:PORT" + (fallback ? " or HOST" : "") +
                    " (an IPv6 address stands in brackets)"};
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) return wrong;
  const std::size_t colon = text.find(':', bracket);
  std::string_view host = text.substr(0, colon);
  if (text.starts_with('[')) {
    if (host.size() != bracket + 1) return wrong;
    host = host.substr(1, bracket - 1);
    const auto address = Address::parse(host);
    if (!address || address->is_v4()) return wrong;
  } else if (!is_host_name(host)) {
    return wrong;
  }
  ServerName server{std::string(host), fallback.value_or(0)};
  if (colon != text.npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), server.port);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return wrong;
  }
  if (server.port == 0) return wrong;
  return server;
}

std::string ServerName::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Client::Client(asio::any_io_executor executor, tls::Context context, std::vector<ServerName> servers,
               ClientOptions options)
    : executor_(std::move(executor)),
      context_(std::move(context)),
      servers_(std::move(servers)),
      options_(std::move(options)) {}

Client::~Client() = default;

std::optional<std::uint64_t> Client::connection_id() const { return live_ ? std::optional(live_->id) : std::nullopt; }
std::optional<tls::ChannelBinding> Client::channel_binding() const {
  return live_ ? std::optional(live_->binding) : std::nullopt;
}
std::optional<ServerName> Client::server() const { return live_ ? std::optional(live_->server) : std::nullopt; }
bool Client::resumed() const { return live_ && live_->resumed; }

void Client::drop() { live_.reset(); }

void Client::close() {
  ++closes_;
  if (live_) live_->stream.close();
  if (!busy_) drop();
}

void Client::next_server() {
  close();
  if (!servers_.empty()) next_ = (next_ + 1) % servers_.size();
}

void Client::set_servers(std::vector<ServerName> servers) {
  servers_ = std::move(servers);
  next_ = 0;
  if (!live_) return;
  const auto found = std::find(servers_.begin(), servers_.end(), live_->server);
  if (found == servers_.end()) {
    close();
  } else {
    next_ = static_cast<std::size_t>(found - servers_.begin());
  }
}

// The connection kept may have died or its server's certificate may no longer be good; both show before anything is
// sent, mostly.
bool Client::still_good() {
  const Result<bool> changed = context_.reload_revoked();
  if (changed && *changed && !context_.recheck(live_->shown)) return false;
  if (live_->not_after <= std::chrono::system_clock::now()) return false;
  // The server has nothing to say unasked, other than that it ends.
  return live_->stream.is_open() && live_->reader.bytes().empty() && !live_->reader.more_now();
}

Task<Result<tcp::socket>> Client::connect_to(const ServerName& server) {
  Result<std::vector<tcp::endpoint>> found = co_await resolve(executor_, server.host, server.port, options_.connect);
  if (!found) co_return found.error();
  if (found->size() > kAddresses) found->resize(kAddresses);
  Error last{"no address"};
  for (const tcp::endpoint& endpoint : *found) {
    tcp::socket socket(executor_);
    Deadline deadline(executor_, options_.connect, [&socket] {
      boost::system::error_code ignored;
      socket.close(ignored);
    });
    auto [failure] = co_await socket.async_connect(endpoint, use_tuple);
    if (!failure && !deadline.late()) {
      (void)keep_alive(socket.native_handle());
      co_return socket;
    }
    last =
        deadline.late() ? Error{"no answer within " + sluice::to_string(options_.connect)} : Error{failure.message()};
  }
  co_return last;
}

Task<Result<std::unique_ptr<Client::Live>>> Client::dial(const ServerName& server) {
  Result<tcp::socket> socket = co_await connect_to(server);
  if (!socket) co_return socket.error();
  // Of a list that cannot be read the old one stays in force.
  (void)context_.reload_revoked();
  Result<tls::UniqueSsl> ssl = context_.new_session(socket->native_handle(), server.host);
  if (!ssl) co_return ssl.error();
  auto live = std::make_unique<Live>(server, tls::Stream(*std::move(socket), *std::move(ssl)), options_.header);
  Result<void> done = co_await live->stream.handshake(options_.handshake);
  if (!done) {
    context_.forget_ticket();
    co_return done.error();
  }
  Result<tls::PeerCertificates> shown = tls::PeerCertificates::of(live->stream.ssl());
  if (!shown) co_return shown.error();
  const tls::Peer peer = tls::Peer::from_certificate(shown->certificate.get());
  if (!peer.is_kds(options_.realm)) {
    co_return Error{"the certificate of '" + peer.subject + "' is for no KDS of realm '" + options_.realm + "'"};
  }
  Result<tls::ChannelBinding> binding = tls::channel_binding(live->stream.ssl());
  if (!binding) co_return binding.error();
  live->shown = *std::move(shown);
  live->not_after = peer.not_after;
  live->binding = *binding;
  live->resumed = SSL_session_reused(live->stream.ssl()) == 1;
  co_return live;
}

Task<Result<void>> Client::open() {
  if (servers_.empty()) co_return Error{"no server is known"};
  const std::vector<ServerName> servers = servers_;
  std::string failures;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::size_t index = (next_ + i) % servers.size();
    const ServerName& server = servers[index];
    Result<std::unique_ptr<Live>> live = co_await dial(server);
    if (live) {
      live_ = *std::move(live);
      live_->id = ++last_id_;
      if (servers == servers_) next_ = index;
      co_return Result<void>{};
    }
    failures += (failures.empty() ? "" : "; ") + server.to_string() + ": " + live.error().message;
  }
  co_return Error{failures};
}

Task<Result<void>> Client::connect() {
  if (busy_) co_return Error{"a request is under way"};
  if (live_ && !still_good()) drop();
  if (live_) co_return Result<void>{};
  busy_ = true;
  Result<void> done = co_await open();
  busy_ = false;
  co_return done;
}

Task<Result<Response>> Client::exchange(Live& live, const derivation::Secret& wire, bool head, Duration time,
                                        Death& death) {
  Deadline deadline(executor_, time, [&live] { live.stream.close(); });
  const Error late{"no answer within " + sluice::to_string(time)};
  death = Death::before_answer;
  // A server may answer before it has read all, and hang up: what it said then counts for more than that we could not
  // go on.
  const auto written = co_await live.stream.write_all(std::as_bytes(wire.bytes()));
  std::size_t size = 0;
  ResponseHead answer;
  for (int i = 0;; ++i) {
    for (std::size_t seen = 0; (size = header_size(live.reader.bytes(), seen)) == 0;) {
      seen = live.reader.bytes().size();
      const Got got = co_await live.reader.more(deadline);
      if (!live.reader.bytes().empty() || deadline.late()) death = Death::later;
      if (deadline.late()) co_return late;
      if (got == Got::full) co_return Error{"the answer's header is too long"};
      if (got == Got::bytes) continue;
      co_return written ? Error{"the connection ended before the answer: " + live.stream.last_error()}
                        : written.error();
    }
    death = Death::later;
    Result<ResponseHead> parsed = parse_response(live.reader.bytes().substr(0, size), head);
    if (!parsed) co_return parsed.error();
    live.reader.take(size);
    answer = *std::move(parsed);
    if (answer.response.status / 100 != 1) break;
    if (i == kInterim || answer.response.status == 101) co_return Error{"the answer is none"};
  }
  if (answer.content_length > options_.body) {
    co_return Error{"the answer is longer than " + std::to_string(options_.body) + " bytes"};
  }
  answer.response.body = derivation::Secret(static_cast<std::size_t>(answer.content_length));
  const Got got = co_await live.reader.fill(
      std::as_writable_bytes(std::span(answer.response.body.data(), answer.response.body.size())), deadline);
  if (deadline.late()) co_return late;
  if (got != Got::bytes) co_return Error{"the connection ended in the middle of the answer"};
  death = answer.keep_alive ? Death::none : Death::later;
  co_return std::move(answer.response);
}

Task<Result<Response>> Client::request(std::string method, std::string target, std::string body, Sending sending) {
  if (busy_) co_return Error{"a request is under way"};
  if (!is_method(method) || !is_target(target)) co_return Error{"'" + method + " " + target + "' is no request"};
  if (live_ && !still_good()) drop();
  if (sending.only_on && (!live_ || live_->id != *sending.only_on)) {
    co_return Error{"the connection that this request is for has ended", ESTALE};
  }
  struct Busy {
    explicit Busy(bool& which) : flag(which) { flag = true; }
    ~Busy() { flag = false; }
    bool& flag;
  } busy{busy_};
  const bool idempotent = method == "GET" || method == "HEAD";
  bool repeatable = (idempotent || sending.repeatable) && !sending.only_on;
  const std::uint64_t closes = closes_;
  for (;;) {
    const bool kept = live_ != nullptr;
    if (!kept) {
      const Result<void> opened = co_await open();
      if (closes != closes_) drop();
      if (closes != closes_) co_return Error{"the connection was closed", ECANCELED};
      if (!opened) co_return opened.error();
    }
    const std::shared_ptr<Live> live = live_;
    const derivation::Secret wire = to_wire(method, live->server.to_string(), target, sending.content_type, body);
    Death death = Death::none;
    Result<Response> answer =
        co_await exchange(*live, wire, method == "HEAD", sending.response.value_or(options_.response), death);
    if (death != Death::none) drop();
    if (answer) co_return std::move(answer);
    if (closes != closes_) co_return Error{"the connection was closed", ECANCELED};
    if (kept && repeatable && death == Death::before_answer) {
      repeatable = false;
      continue;
    }
    // In TLS 1.3 a server's refusal of our certificate comes after the handshake, as one of a ticket would.
    if (live->resumed) context_.forget_ticket();
    if (!kept || death != Death::before_answer) next_ = servers_.empty() ? 0 : (next_ + 1) % servers_.size();
    co_return answer.error().in(live->server.to_string());
  }
}

}  // namespace sluice::http
