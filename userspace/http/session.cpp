// SPDX-License-Identifier: Apache-2.0
#include "http/session.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "http/problem.hpp"

namespace sluice::http {
namespace {

using Got = Reader::Got;

constexpr Duration kLinger{2000};
constexpr std::size_t kLingerBytes = 256 * 1024;

void cancel_waits(tls::Stream& stream) {
  boost::system::error_code ignored;
  stream.socket().cancel(ignored);
}

}  // namespace

Session::Session(std::shared_ptr<Core> core, tcp::socket socket, tls::UniqueSsl ssl, const Endpoint& remote)
    : core_(std::move(core)),
      stream_(std::move(socket), std::move(ssl)),
      reader_(stream_, core_->options.limits.header),
      connection_(core_->executor),
      wake_(core_->executor, asio::steady_timer::time_point::max()) {
  connection_.remote_ = remote;
  connection_.id_ = core_->next_id++;
  core_->sessions.insert(this);
  core_->counters.connections = core_->sessions.size();
}

Session::~Session() {
  core_->sessions.erase(this);
  core_->counters.connections = core_->sessions.size();
  if (core_->sessions.empty()) core_->emptied.cancel();
}

void Session::wake() {
  wake_.cancel();
  cancel_waits(stream_);
}

void Session::end(const char* why) {
  if (std::exchange(connection_.closed_, true)) return;
  spdlog::debug("http: connection of '{}' ({}) closed: {}", connection_.peer_.subject, connection_.remote_.to_string(),
                why);
  // In the middle of a response close_notify would be a lie.
  if (greeted_ && !sending_) (void)stream_.try_shutdown_write();
  stream_.close();
  wake_.cancel();
  if (handling_) cancel_.emit(asio::cancellation_type::terminal);
}

void Session::recheck(bool revocation) {
  if (!greeted_ || connection_.closed_) return;
  Result<void> good;
  if (connection_.peer_.not_after <= std::chrono::system_clock::now()) {
    good = Error{"certificate of '" + connection_.peer_.subject + "': certificate has expired"};
  } else if (revocation) {
    good = core_->context.recheck(connection_.shown_);
  }
  if (good) return;
  ++core_->counters.no_longer_trusted;
  spdlog::info("http: {}", good.error().message);
  end("its certificate is no longer good");
}

bool Session::awaits_peer() {
  boost::system::error_code ignored;
  return stream_.socket().available(ignored) == 0;
}

void Session::crowd_out() {
  ++core_->counters.crowded_out;
  end("others came");
}

// The first byte comes with the peer's next packet.  Who has none in mind is not waited for as long as a slow one.
Task<Result<void>> Session::shake_hands() {
  const Limits& limits = core_->options.limits;
  {
    Deadline deadline(core_->executor, std::min(limits.first_byte, limits.handshake),
                      [this] { cancel_waits(stream_); });
    const bool begun = co_await stream_.wait(tcp::socket::wait_read);
    if (!begun) co_return Error{"TLS handshake: nothing came"};
  }
  co_return co_await stream_.handshake(limits.handshake);
}

Result<void> Session::greet(std::uint64_t revision) {
  Result<tls::PeerCertificates> shown = tls::PeerCertificates::of(stream_.ssl());
  if (!shown) return shown.error();
  connection_.shown_ = *std::move(shown);
  connection_.peer_ = tls::Peer::from_certificate(connection_.shown_.certificate.get());
  Result<tls::ChannelBinding> binding = tls::channel_binding(stream_.ssl());
  if (!binding) return binding.error();
  connection_.binding_ = *binding;
  connection_.resumed_ = SSL_session_reused(stream_.ssl()) == 1;
  // A handshake that resumes looks at what was good seconds ago, and one that was under way while the list changed may
  // have looked at the old one.
  if (connection_.peer_.not_after <= std::chrono::system_clock::now()) {
    return Error{"certificate of '" + connection_.peer_.subject + "': certificate has expired"};
  }
  if (revision != core_->revision) {
    if (auto good = core_->context.recheck(connection_.shown_); !good) return good;
  }
  refusal_ = admit();
  greeted_ = true;
  ++(connection_.resumed_ ? core_->counters.sessions_resumed : core_->counters.sessions_full);
  if (!refusal_) stream_.send_ticket();  // leaves with the first response
  return {};
}

std::optional<Refusal> Session::admit() {
  const std::string& realm = core_->options.realm;
  const auto holder = Holder::of(connection_.peer_, realm);
  if (!holder) return Refusal{403, "the certificate is for nobody of realm '" + realm + "'"};
  const Address& from = connection_.remote_.address;
  std::optional<Refusal> objection = core_->admission->objection(*holder, from);
  if (objection)
    ++core_->counters.crowded_out;
  else
    place_.emplace(core_->admission, *holder, from);
  return objection;
}

Task<void> Session::run(std::unique_ptr<Opening> opening) {
  const std::uint64_t revision = core_->revision;
  Result<void> done = co_await shake_hands();
  if (done && !connection_.closed_) done = greet(revision);
  // Who is to read a refusal takes nobody's place for that but a handshake's.
  if (!done || !refusal_) opening.reset();
  if (!done) {
    if (!connection_.closed_) ++core_->counters.handshakes_failed;
    spdlog::debug("http: {}: {}", connection_.remote_.to_string(), done.error().message);
    end("no handshake");
    co_return;
  }
  for (;;) {
    if (connection_.closed_) break;
    const bool another = co_await serve_one();
    if (!another) break;
  }
  if (!connection_.closed_) co_await linger();
  end("done");
}

Task<bool> Session::serve_one() {
  std::optional<RequestHead> head;
  const bool begun = co_await read_head(head);
  if (!begun || !head) co_return false;
  if (refusal_) co_return co_await refuse(refusal_->status, refusal_->detail);
  const bool complete = co_await read_body(*head);
  if (!complete) co_return false;
  const bool is_head = request_.method == "HEAD";
  ++core_->counters.requests;
  std::optional<Response> response = co_await answer();
  if (!response || connection_.closed_) co_return false;
  // After close_notify what has come already is still answered.
  const bool more = head->keep_alive && (!ended_ || !reader_.bytes().empty()) && !core_->stopping;
  const bool sent = co_await send(*response, more, is_head);
  co_return sent&& more;
}

Task<bool> Session::read_head(std::optional<RequestHead>& head) {
  const Limits& limits = core_->options.limits;
  {
    const Duration time = refusal_ ? std::min(limits.first_byte, limits.idle) : limits.idle;
    Deadline idle(core_->executor, time, [this] { cancel_waits(stream_); });
    while (reader_.bytes().empty()) {
      const Got got = co_await reader_.more(idle);
      if (got != Got::bytes) co_return false;
    }
  }
  Deadline deadline(core_->executor, limits.request_header, [this] { cancel_waits(stream_); });
  std::size_t seen = 0, size = 0;
  for (;;) {
    // RFC 9112, 2.2: empty lines before a request are nothing.
    while (reader_.bytes().starts_with("\r\n")) {
      reader_.take(2);
      seen = 0;
    }
    size = header_size(reader_.bytes(), seen);
    if (size != 0) break;
    seen = reader_.bytes().size();
    const Got got = co_await reader_.more(deadline);
    if (got == Got::bytes) continue;
    if (got == Got::late) co_return co_await refuse(408, "the request's header took too long");
    if (got == Got::full) {
      co_return co_await refuse(431, "the header is longer than " + std::to_string(limits.header) + " bytes");
    }
    co_return false;
  }
  auto parsed = parse_request(reader_.bytes().substr(0, size), limits.body);
  reader_.take(size);
  if (const Refusal* refusal = std::get_if<Refusal>(&parsed)) {
    co_return co_await refuse(refusal->status, refusal->detail);
  }
  head = std::move(std::get<RequestHead>(parsed));
  co_return true;
}

Task<bool> Session::read_body(RequestHead& head) {
  request_ = std::move(head.request);
  if (head.content_length == 0) co_return true;
  Deadline deadline(core_->executor, core_->options.limits.request_body, [this] { cancel_waits(stream_); });
  if (head.expects_continue && reader_.bytes().empty()) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto written = co_await stream_.write_all(std::as_bytes(std::span(go_on)));
    if (!written) co_return false;
  }
  request_.body.resize(static_cast<std::size_t>(head.content_length));  // at most limits.body
  const Got got = co_await reader_.fill(std::as_writable_bytes(std::span(request_.body)), deadline);
  if (got == Got::late) co_return co_await refuse(408, "the request's body took too long");
  co_return got == Got::bytes;
}

Task<std::optional<Response>> Session::answer() {
  auto work = std::make_shared<Work>();
  handling_ = true;
  asio::co_spawn(core_->executor, core_->handler(request_, connection_),
                 asio::bind_cancellation_slot(
                     cancel_.slot(), [self = shared_from_this(), work](std::exception_ptr failure, Response response) {
                       work->done = true;
                       work->failure = failure;
                       work->response = std::move(response);
                       self->wake();
                     }));
  const bool in_time = co_await watch(*work);
  handling_ = false;
  wipe(request_.body);
  if (connection_.closed_ || !in_time) ++core_->counters.cancelled;
  if (connection_.closed_) co_return std::nullopt;
  if (!in_time) {
    (void)co_await refuse(503, "there was no answer within " + to_string(core_->options.limits.handling));
    co_return std::nullopt;
  }
  if (work->failure) {
    try {
      std::rethrow_exception(work->failure);
    } catch (const std::exception& exception) {
      spdlog::error("http: {} {}: {}", request_.method, request_.path(), exception.what());
    } catch (...) {
      spdlog::error("http: {} {}: an exception", request_.method, request_.path());
    }
    co_return Problem{.status = 500, .title = {}, .detail = {}, .failures = {}}.to_response();
  }
  co_return std::move(work->response);
}

// Until the handler has ended.  False: it was too slow, and cancelled for that.
Task<bool> Session::watch(const Work& work) {
  Deadline limit(core_->executor, core_->options.limits.handling, [this] { wake(); });
  bool late = false, full = false;
  while (!work.done) {
    if (!late && limit.late() && !connection_.closed_) {
      late = true;
      cancel_.emit(asio::cancellation_type::terminal);
    } else if (late || connection_.closed_) {
      (void)co_await wake_.async_wait(use_tuple);
    } else if (full) {
      // Requests that wait to be read hide the connection's end; a reset shows.
      const bool ready = co_await stream_.wait(tcp::socket::wait_error);
      if (ready && !work.done && !limit.late()) end("the connection broke");
    } else if (ended_) {
      // Nothing can follow close_notify but the end of the connection.
      const bool ready = co_await stream_.wait(tcp::socket::wait_read);
      if (ready && !work.done && !limit.late()) end("the peer hung up");
    } else if (const std::optional<Got> got = reader_.more_now(); !got) {
      (void)co_await reader_.ready();
    } else if (*got == Got::end) {
      ended_ = true;
    } else if (*got == Got::full) {
      full = true;
    } else if (*got == Got::gone) {
      end("the connection broke");
    }
  }
  co_return !late;
}

Task<bool> Session::send(const Response& response, bool keep_alive, bool head) {
  const derivation::Secret wire = to_wire(response, keep_alive, head);
  Deadline deadline(core_->executor, core_->options.limits.sending, [this] { stream_.close(); });
  sending_ = true;
  const auto sent = co_await stream_.write_all(std::as_bytes(wire.bytes()));
  sending_ = !sent;
  co_return sent.ok();
}

Task<bool> Session::refuse(unsigned status, std::string detail) {
  ++core_->counters.refused;
  Problem problem;
  problem.status = status;
  problem.detail = std::move(detail);
  Response response = problem.to_response();
  if (status == 429) response.fields.add("Retry-After", "60");  // by then what is idle has ended
  (void)co_await send(response, false);
  co_return false;
}

// RFC 9112, 9.6: closed while bytes of the peer lie unread, the connection would be reset, and our last words with it.
Task<void> Session::linger() {
  Deadline deadline(core_->executor, kLinger, [this] { stream_.close(); });
  const auto said = co_await stream_.shutdown_write();
  if (!said) co_return;
  boost::system::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  std::vector<std::byte> unread(4096);
  for (std::size_t total = 0; total < kLingerBytes;) {
    const auto size = co_await stream_.read_some(unread);
    if (!size || *size == 0) co_return;
    total += *size;
  }
}

}  // namespace sluice::http
