// SPDX-License-Identifier: Apache-2.0
//
// Client: asks one of several servers of a realm, over one connection that is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/async.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "tls/context.hpp"

namespace sluice::http {

struct ServerName {
  std::string host;  ///< a DNS name or an address, which the server's certificate must carry
  std::uint16_t port = 443;

  /// "kds.example.net:443", "192.0.2.1:443", "[2001:db8::1]:443"; with *fallback* the port may be left out.
  static Result<ServerName> parse(std::string_view text, std::optional<std::uint16_t> fallback = std::nullopt);
  /// As it is parsed.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const ServerName&) const = default;
};

struct ClientOptions {
  std::string realm;       ///< the server's certificate must hold sluice://REALM/kds
  Duration connect{5000};  ///< for the name, and for each address
  Duration handshake{5000};
  Duration response{35000};    ///< from the first byte sent to the last received; longer than a long poll
  std::size_t header = 8192;   ///< bytes of a response's header
  std::size_t body = 1 << 20;  ///< bytes of its body
};

/// How one request is sent.  Nothing in it has a destructor: what `{.repeatable = true}` makes in the middle of a
/// co_await, GCC 12 destroys twice.
struct Sending {
  /// It may be sent twice: a kept connection that dies before a byte of the answer came does not tell whether the
  /// server has acted.  GET and HEAD always may (RFC 9112, 9.3.1).
  bool repeatable = false;
  /// Only on the connection of this id: for what is bound to it.  If that is gone, nothing is sent and the error's
  /// number is ESTALE.
  std::optional<std::uint64_t> only_on = {};
  std::optional<Duration> response = {};               ///< another time than the options'
  std::string_view content_type = "application/json";  ///< a literal, or what outlives the request
};

static_assert(std::is_trivially_destructible_v<Sending>);

/// One request at a time, on one executor that runs one handler at a time.  It must not go while a request is under
/// way.
class Client {
 public:
  /// *context*: of a client, with tls13_only; *servers* in the order in which to try them.
  Client(asio::any_io_executor executor, tls::Context context, std::vector<ServerName> servers, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any status is a Response.  An error: no server could be reached, the answer did not come in time or is none, the
  /// connection died.  After an error the next request starts with the server behind the one that failed.
  Task<Result<Response>> request(std::string method, std::string target, std::string body = {}, Sending sending = {});

  /// Makes a connection if there is none, so that connection_id() and channel_binding() are there before a request.
  Task<Result<void>> connect();

  /// The connection that is there; nothing if there is none.  Another id: what was bound to the old one is worth
  /// nothing.
  [[nodiscard]] std::optional<std::uint64_t> connection_id() const;
  [[nodiscard]] std::optional<tls::ChannelBinding> channel_binding() const;
  [[nodiscard]] std::optional<ServerName> server() const;
  /// Its TLS session resumed an earlier one.
  [[nodiscard]] bool resumed() const;

  /// The TLS ticket for another process (tls::save_ticket()).
  [[nodiscard]] std::string ticket() const { return context_.save_ticket(); }

  /// Gives this server up, as after a 503: the next request goes to the one behind it.
  void next_server();
  /// Other servers; the connection stays if its server is among them.
  void set_servers(std::vector<ServerName> servers);
  /// Ends the connection; a request under way fails (ECANCELED) and is not sent again, whatever it is.
  void close();

 private:
  struct Live;
  enum class Death { none, before_answer, later };

  Task<Result<void>> open();
  Task<Result<std::unique_ptr<Live>>> dial(const ServerName& server);
  Task<Result<tcp::socket>> connect_to(const ServerName& server);
  Task<Result<Response>> exchange(Live& live, const derivation::Secret& wire, bool head, Duration time, Death& death);
  bool still_good();
  void drop();

  asio::any_io_executor executor_;
  tls::Context context_;
  std::vector<ServerName> servers_;
  ClientOptions options_;
  std::size_t next_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t closes_ = 0;  ///< calls of close()
  bool busy_ = false;
  std::shared_ptr<Live> live_;
};

}  // namespace sluice::http
