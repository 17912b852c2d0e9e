// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposer.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/deadline.hpp"
#include "base/listen.hpp"

namespace sluice::metrics {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr Duration request_limit{10000};  // for a request and its answer
constexpr std::size_t request_max = 8192;
constexpr std::chrono::milliseconds accept_pause{100};  // when descriptors are short

// An exception out of a coroutine is a bug, and ends the program.
constexpr auto no_exceptions = [](std::exception_ptr exception) {
  if (exception) std::rethrow_exception(exception);
};

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

// With no text yet.
Response response_to(const Request& request) {
  const std::string target(request.target().substr(0, request.target().find('?')));
  Response response(http::status::ok, request.version());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  if (target != "/metrics") {
    response.result(http::status::not_found);
    response.body() = "The metrics are at /metrics.\n";
  } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.body() = "GET /metrics.\n";
  } else {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  }
  // Scrapes are far apart: there is nothing to gain by a connection that stays.
  response.keep_alive(false);
  return response;
}

}  // namespace

Exposer::Exposer(Sources sources)
    : program_(std::move(sources.program)),
      hand_over_(std::move(sources.owner), std::move(sources.measure)),
      here_(std::move(sources.here)) {}

Result<std::unique_ptr<Exposer>> Exposer::open(const Endpoint& endpoint, Sources sources) {
  std::unique_ptr<Exposer> exposer(new Exposer(std::move(sources)));
  if (auto done = exposer->listen(endpoint); !done) return done.error();
  asio::co_spawn(exposer->loop_.context(), exposer->accept_loop(), no_exceptions);
  exposer->loop_.start("sluice-metrics");
  return exposer;
}

Exposer::~Exposer() {
  hand_over_.close();  // first, or the thread that is stopped waits for an answer
  loop_.stop();
}

Result<void> Exposer::listen(const Endpoint& endpoint) {
  auto bound = listen_on(acceptor_, endpoint);
  if (!bound) return bound.error().in("metrics");
  port_ = bound->port;
  return {};
}

Task<void> Exposer::accept_loop() {
  for (;;) {
    auto [failure, socket] = co_await acceptor_.async_accept(use_tuple);
    if (failure) {
      asio::steady_timer pause(loop_.context(), accept_pause);
      (void)co_await pause.async_wait(use_tuple);
      continue;
    }
    if (connections_.size() >= connections_max) end_oldest();
    asio::co_spawn(loop_.context(), serve(std::move(socket)), no_exceptions);
  }
}

// Anybody may connect and say nothing; whoever asks is answered at once, and needs a place for no longer.
void Exposer::end_oldest() {
  const auto oldest = std::ranges::find_if(connections_, [](const tcp::socket* one) { return one->is_open(); });
  if (oldest == connections_.end()) return;  // all have ended, and go as soon as they have a turn
  boost::system::error_code ignored;
  (*oldest)->close(ignored);
}

Task<void> Exposer::serve(tcp::socket socket) {
  struct Place {
    Place(std::list<tcp::socket*>& in, tcp::socket& socket) : all(in), place(in.insert(in.end(), &socket)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { all.erase(place); }
    std::list<tcp::socket*>& all;
    std::list<tcp::socket*>::iterator place;
  } place(connections_, socket);
  Deadline deadline(socket.get_executor(), request_limit, [&socket] {
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  beast::flat_buffer buffer(request_max);
  http::request_parser<http::empty_body> parser;
  auto [failure, size] = co_await http::async_read(socket, buffer, parser, use_tuple);
  if (failure) co_return;  // no HTTP, too long, or gone
  Response response = response_to(parser.get());
  if (response.result() == http::status::ok) response.body() = scrape();
  response.prepare_payload();
  if (parser.get().method() == http::verb::head) response.body().clear();
  auto [broken, sent] = co_await http::async_write(socket, response, use_tuple);
  if (broken) co_return;
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

// Nothing else waits for this thread: it may wait for the owner.
std::string Exposer::scrape() {
  std::optional<Families> families = hand_over_.ask(patience);
  const bool up = families.has_value();
  if (!up) families.emplace();
  families->gauge("sluice_up",
                  "1 when the daemon answered within two seconds; without that there is nothing else here.",
                  up ? 1 : 0);
  if (!up) return families->to_text();
  families->gauge("sluice_build_info", "1; the labels say which program this is.", 1,
                  {{"program", program_}, {"version", SLUICE_VERSION}});
  families->gauge("sluice_start_time_seconds", "When the daemon started, in seconds since 1970.",
                  std::chrono::duration<double>(started_.time_since_epoch()).count());
  if (here_) here_(*families);
  return families->to_text();
}

}  // namespace sluice::metrics
