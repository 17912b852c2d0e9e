// SPDX-License-Identifier: Apache-2.0
#include "agent/session.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <random>
#include <vector>

namespace sluice::agent {
namespace {

constexpr Duration kCheckInterval{2000};  // of certificates on live sessions
constexpr Duration kShortestPing{100};

session::Control::Settings control_settings(const Settings& settings, const session::v1::HelloReply& reply) {
  session::Control::Settings control;
  control.dead_after = settings.dead_after;
  // The stricter of the two sides decides, so both notice a cut within their own time.
  if (reply.dead_after_ms() != 0) control.dead_after = std::min(control.dead_after, Duration(reply.dead_after_ms()));
  control.ping_interval = control.dead_after / 3;
  if (reply.ping_interval_ms() != 0) {
    control.ping_interval = std::min(control.ping_interval, Duration(reply.ping_interval_ms()));
  }
  control.ping_interval = std::max(control.ping_interval, kShortestPing);
  return control;
}

/// The gateway and this host are the first two routers on the client's way.
constexpr std::uint32_t kHopsBefore = 2;

bool is_echo(const session::v1::Offer& offer, const Address& destination) {
  return offer.protocol() == (destination.is_v4() ? std::uint32_t{IPPROTO_ICMP} : std::uint32_t{IPPROTO_ICMPV6});
}

/// The destination of an Offer that we can serve, or why not.
Result<Endpoint> destination_of(const session::v1::Offer& offer) {
  Result<Address> address = Address::from_bytes(offer.destination_address());
  if (!address) return address.error();
  const bool is_ping = is_echo(offer, *address);
  // 255 is none: it would let us write the IP header (raw(7)).
  if (offer.protocol() == 0 || offer.protocol() >= IPPROTO_RAW) {
    return Error{"protocol " + std::to_string(offer.protocol()) + " is not carried"};
  }
  if (is_ping && offer.length() > 65535) return Error{"the length is wrong"};
  const bool has_ports = offer.protocol() == IPPROTO_TCP || offer.protocol() == IPPROTO_UDP;
  if (offer.destination_port() > 65535 || (has_ports && offer.destination_port() == 0)) {
    return Error{"the port is wrong"};
  }
  return Endpoint{*address, static_cast<std::uint16_t>(offer.destination_port())};
}

/// TTL that is left for behind us; 0: the offer names none.
std::uint8_t hops_of(const session::v1::Offer& offer) {
  return static_cast<std::uint8_t>(std::clamp(offer.ttl(), kHopsBefore, 255U) - kHopsBefore);
}

/// Each holds a descriptor, and connections need them too.
std::size_t pings_max() {
  constexpr rlim_t most = 8192;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
  return static_cast<std::size_t>(std::min(most, limit.rlim_cur / 4));
}

Association::Terms terms_of(const session::v1::Offer& offer, const Endpoint& server) {
  Association::Terms terms;
  terms.protocol = static_cast<std::uint8_t>(offer.protocol());
  terms.server = server;
  if (Result<Address> client = Address::from_bytes(offer.client_address())) terms.client = *client;
  if (offer.idle_ms() != 0) terms.idle = Duration(offer.idle_ms());
  if (offer.idle_replied_ms() != 0) terms.idle_replied = Duration(offer.idle_replied_ms());
  return terms;
}

os::Echo echo_of(const session::v1::Offer& offer, const Address& destination) {
  static std::random_device random;
  const std::uint64_t token = static_cast<std::uint64_t>(random()) << 32 | random();
  return {destination,
          hops_of(offer),
          static_cast<std::uint8_t>(offer.tos()),
          offer.dont_fragment(),
          static_cast<std::uint16_t>(offer.length()),
          token};
}

}  // namespace

std::shared_ptr<Session> Session::create(const Settings& settings, tls::Context& context, Dialer& dialer,
                                         Relays& relays, DatagramThread& datagram_thread, Counts& counts, Target target,
                                         session::v1::Hello hello, Link link) {
  return std::shared_ptr<Session>(new Session(settings, context, dialer, relays, datagram_thread, counts,
                                              std::move(target), std::move(hello), std::move(link)));
}

Session::Session(const Settings& settings, tls::Context& context, Dialer& dialer, Relays& relays,
                 DatagramThread& datagram_thread, Counts& counts, Target target, session::v1::Hello hello, Link link)
    : settings_(settings),
      context_(context),
      relays_(relays),
      counts_(counts),
      gateway_(std::move(link.gateway)),
      not_after_(link.not_after),
      control_(session::Control::create(std::move(link.stream), control_settings(settings, link.reply))),
      pool_(std::make_shared<Pool>(dialer, target, hello, control_->stream().get_executor(), settings.pool)),
      datagrams_(std::make_shared<Datagrams>(settings, context, dialer, std::move(target), std::move(hello),
                                             control_->stream().get_executor(), datagram_thread, counts)),
      check_timer_(control_->stream().get_executor()),
      stream_ended_(control_->stream().get_executor(), asio::steady_timer::time_point::max()) {}

Task<Error> Session::run() {
  std::shared_ptr<Session> self = shared_from_this();
  spdlog::info("ready: control session with {}", gateway_);
  pool_->start();
  datagrams_->start();
  asio::co_spawn(
      check_timer_.get_executor(), [self]() -> Task<void> { co_await self->check_certificates(); }, asio::detached);
  session::Control::Handler handler = [this](std::span<session::Envelope> frames) { return handle(frames); };
  Task<Error> running = control_->run(std::move(handler));
  Error reason = co_await std::move(running);
  co_await reset_everything();
  co_return reason;
}

Task<void> Session::reset_everything() {
  over_ = true;
  check_timer_.cancel();
  pool_->stop();
  datagrams_->stop();
  for (auto& [id, attempt] : std::exchange(offers_, {})) attempt->cancel();
  for (auto& [number, stream] : streams_) stream.carried->abort("the control session has ended");
  // The next session begins when none of them runs any more.
  while (!streams_.empty()) (void)co_await stream_ended_.async_wait(use_tuple);
  co_await datagrams_->wait_until_ended();
}

Result<void> Session::handle(std::span<session::Envelope> frames) {
  std::uint32_t started = 0;
  for (session::Envelope& frame : frames) {
    if (frame.has_offer()) {
      ++started;
      asio::co_spawn(
          check_timer_.get_executor(),
          [self = shared_from_this(), offer = std::move(*frame.mutable_offer())]() mutable -> Task<void> {
            co_await self->answer_offer(std::move(offer));
          },
          asio::detached);
    } else if (frame.has_withdraw()) {
      for (std::uint64_t id : frame.withdraw().id()) {
        auto found = offers_.find(id);
        if (found == offers_.end()) continue;  // answered meanwhile
        ++counts_.withdrawn;
        found->second->cancel();
        offers_.erase(found);
      }
    } else {
      return Error{"the gateway sent a message that is not a gateway's"};
    }
  }
  counts_.offers += started;
  if (started > 0) {
    session::Envelope progress;
    progress.mutable_progress()->set_offers(started);
    control_->send(progress);
  }
  return {};
}

Task<void> Session::answer_offer(session::v1::Offer offer) {
  const std::uint64_t id = offer.id();
  Result<Endpoint> destination = destination_of(offer);
  if (!destination) {
    // In the numbers of the destination's family, where it has one.
    Result<Address> address = Address::from_bytes(offer.destination_address());
    Connect nowhere(check_timer_.get_executor(), Endpoint{address ? *address : Address{}, 0});
    send_answer(id, nowhere, Outcome::failed(nowhere.destination().address, destination.error().message));
    co_return;
  }
  if (over_) co_return;
  const bool is_ping = is_echo(offer, destination->address);
  std::shared_ptr<Connect> connect;
  std::shared_ptr<Bind> bind;
  std::shared_ptr<Attempt> attempt;
  if (is_ping) {
    const os::Echo echo = echo_of(offer, destination->address);
    ++counts_.pings;
    attempt = std::make_shared<Ping>(check_timer_.get_executor(), echo);
  } else if (offer.protocol() == IPPROTO_TCP) {
    ++counts_.connects;
    connect = std::make_shared<Connect>(check_timer_.get_executor(), *destination, hops_of(offer));
    attempt = connect;
  } else {
    ++counts_.binds;
    bind = std::make_shared<Bind>(check_timer_.get_executor(), datagrams_, terms_of(offer, *destination));
    attempt = bind;
  }
  if (!offers_.emplace(id, attempt).second) {
    control_->close("the gateway used offer id " + std::to_string(id) + " twice");
    co_return;
  }
  // What is for this host does not pass it.
  const std::optional<Address> source = os::source_towards(destination->address);
  const bool passes = source != destination->address;
  if (offer.ttl() == kHopsBefore && passes) {
    // It has passed the gateway, and ends here (RFC 1812, 5.3.1; I3).
    offers_.erase(id);
    send_answer(id, *attempt, Outcome::time_exceeded(destination->address, source));
    co_return;
  }
  if (is_ping && pings_ >= pings_max()) {
    offers_.erase(id);
    send_answer(id, *attempt, Outcome::busy("too many pings at once"));
    co_return;
  }
  pings_ += is_ping;
  Outcome outcome = co_await attempt->run(settings_.connect_timeout);
  pings_ -= is_ping;
  if (attempt->cancelled()) co_return;
  if (outcome.ttl != 0 && !passes) ++outcome.ttl;
  if (connect && outcome.verdict == session::v1::ACCEPT) {
    co_await accept(id, connect);
  } else if (bind && outcome.verdict == session::v1::ACCEPT) {
    offers_.erase(id);
    send_answer(id, *bind, outcome, bind->bound().session, bind->bound().association);
  } else {
    offers_.erase(id);
    send_answer(id, *attempt, outcome);
  }
}

Task<void> Session::accept(std::uint64_t id, std::shared_ptr<Connect> connect) {
  Result<Pool::Session> session = co_await pool_->take();
  if (connect->cancelled()) {
    if (session) pool_->put_back(*std::move(session));
    co_return;
  }
  offers_.erase(id);
  if (!session) {
    // The server is reset as *connect* goes: to it, and to the client, there is no way through.
    send_answer(id, *connect, Outcome::failed(connect->destination().address, session.error().message));
    co_return;
  }
  const std::uint64_t number = session->number;
  Result<Stream> stream = hand_over(*std::move(session), connect->take_socket());
  if (!stream) {
    send_answer(id, *connect, Outcome::failed(connect->destination().address, stream.error().message));
    co_return;
  }
  // The Answer first: a stream that ends before it is named looks like one that broke in the pool.
  send_answer(id, *connect, Outcome::accepted(), number);
  carry(number, *std::move(stream));
}

void Session::send_answer(std::uint64_t id, const Attempt& attempt, const Outcome& outcome, std::uint64_t number,
                          std::uint32_t association) {
  session::Envelope envelope;
  session::v1::Answer* answer = envelope.mutable_answer();
  answer->set_id(id);
  answer->set_verdict(outcome.verdict);
  answer->set_session(number);
  answer->set_association(association);
  answer->set_icmp_type(outcome.icmp_type);
  answer->set_icmp_code(outcome.icmp_code);
  if (outcome.reporter) answer->set_icmp_source(outcome.reporter->bytes());
  answer->set_icmp_mtu(outcome.icmp_mtu);
  answer->set_connect_us(static_cast<std::uint64_t>(attempt.took().count()));
  answer->set_ttl(outcome.ttl);
  answer->set_own(outcome.own);
  answer->set_detail(outcome.detail);
  spdlog::debug("offer {}: {}: {} {} type {} code {}", id, attempt.destination().to_string(),
                session::v1::Verdict_Name(outcome.verdict), outcome.detail, outcome.icmp_type, outcome.icmp_code);
  ++counts_.answers.at(outcome.verdict);
  control_->send(envelope);
}

/// To a worker, whence only resets and the report come back: what checks need is taken out before.
Result<Session::Stream> Session::hand_over(Pool::Session session, tcp::socket socket) {
  Result<tls::PeerCertificates> gateway = tls::PeerCertificates::of(session.stream.ssl());
  if (!gateway) return gateway.error();
  // The list may have changed while this one was on its way into the pool, where no check saw it.
  if (X509_cmp(gateway->certificate.get(), SSL_get0_peer_certificate(control_->stream().ssl())) != 0) {
    if (auto checked = context_.recheck(*gateway); !checked) return checked.error();
  }
  Result<std::shared_ptr<CarriedStream>> carried = relays_.take(std::move(socket), std::move(session.stream));
  if (!carried) return carried.error();
  return Stream{*std::move(carried), *std::move(gateway), session.not_after};
}

void Session::carry(std::uint64_t number, Stream stream) {
  std::shared_ptr<CarriedStream> carried = stream.carried;
  ++counts_.streams;
  streams_.emplace(number, std::move(stream));
  carried->start([self = shared_from_this(), number](const relay::Report& report) {
    spdlog::debug("stream {}: {} {}; {} bytes to the server, {} back", number, relay::to_string(report.end),
                  report.detail, report.to_tcp, report.to_tls);
    self->streams_.erase(number);
    self->stream_ended_.cancel();
  });
}

/// The gateway's certificate must be good for as long as its sessions live (S1).
Task<void> Session::check_certificates() {
  for (;;) {
    check_timer_.expires_after(kCheckInterval);
    (void)co_await check_timer_.async_wait(use_tuple);
    if (over_) co_return;
    Result<bool> reloaded = context_.reload_revoked();
    // Once for each new trouble, not every two seconds.
    std::string trouble = reloaded ? std::string() : reloaded.error().message;
    if (!trouble.empty() && trouble != list_trouble_) spdlog::warn("revocation list stays as it was: {}", trouble);
    list_trouble_ = std::move(trouble);
    const bool list_changed = reloaded && *reloaded;
    if (list_changed) spdlog::info("revocation list read again");
    const auto now = std::chrono::system_clock::now();
    auto fault = [&](const auto& peer, std::chrono::system_clock::time_point not_after) -> std::string {
      // The full check costs a signature verification, so it is made only when something can have changed.
      if (!list_changed && now < not_after) return {};
      Result<void> checked = context_.recheck(peer);
      return checked ? std::string() : checked.error().message;
    };
    if (std::string text = fault(control_->stream().ssl(), not_after_); !text.empty()) {
      control_->close(text);
      co_return;
    }
    datagrams_->check(fault);
    pool_->keep_if(
        [&](const Pool::Session& session) { return fault(session.stream.ssl(), session.not_after).empty(); });
    const X509* good = SSL_get0_peer_certificate(control_->stream().ssl());
    for (auto& [number, stream] : streams_) {
      // Nearly all show what the control session shows; thousands need no check of their own.
      if (X509_cmp(stream.gateway.certificate.get(), good) == 0) continue;
      std::string text = fault(stream.gateway, stream.not_after);
      if (!text.empty()) stream.carried->abort(std::move(text));
    }
  }
}

}  // namespace sluice::agent
