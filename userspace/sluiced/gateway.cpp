// SPDX-License-Identifier: Apache-2.0
#include "sluiced/gateway.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"
#include "sluiced/anomaly.hpp"
#include "sluiced/answer.hpp"

namespace sluice::gateway {
namespace {

using Clock = Record::Clock;

// How long after the start an offer waits for its agent to come back: the agents' first attempts after a lost
// session come within about a second, and the kernel gives a client at least the park time.
constexpr std::chrono::seconds start_grace{5};

std::string name_of(const Greeting& greeting) { return greeting.network + "/" + greeting.agent; }

std::string rule_text(const NetworkSettings* network, const netlink::Parked& parked) {
  if (!network || !parked.index) return {};
  const std::vector<netlink::Rule>* rules = nullptr;
  if (parked.scope == netlink::Scope::network) rules = &network->acl;
  for (const ClientSettings& client : network->clients)
    if (parked.scope == netlink::Scope::client && client.id == parked.client) rules = &client.acl;
  return rules && *parked.index < rules->size() ? netlink::to_string((*rules)[*parked.index]) : std::string();
}

// Of what ends with its verdict.
const char* outcome_of(const Judgement& judgement) {
  switch (judgement.verdict) {
    case netlink::Verdict::reply:
      return "replied";
    case netlink::Verdict::refuse:
      return "refused";
    case netlink::Verdict::unreachable:
      return "unreachable";
    default:
      return "timed out";
  }
}

}  // namespace

Gateway::Gateway(asio::io_context& control, std::vector<std::unique_ptr<Worker>>& workers, Worker& relay,
                 Settings settings)
    : control_(control),
      workers_(workers),
      settings_(std::move(settings)),
      streams_([this](std::function<void()> action) { asio::post(control_, std::move(action)); },
               [this](const std::shared_ptr<Record>& record) { records_.changed(record); }),
      associations_(control, relay, *this),
      proxy_(control, [this](const Endpoint& client, const Endpoint& destination,
                             UniqueFd socket) { streams_.connected(client, destination, std::move(socket)); }),
      listener_(control, workers, *this, settings_.name, {settings_.dead_after / 3, settings_.dead_after}),
      status_(control, [this](const nlohmann::json& request) { return answer_status(request); }),
      tick_timer_(control),
      grace_timer_(control) {
  records_.listen([this](const Record& record) { on_record(record); });
}

Result<void> Gateway::start() {
  auto networks = reconcile(settings_, {}, std::nullopt);
  if (!networks) return networks.error();
  networks_ = *std::move(networks);
  auto host = netlink::Host::open();
  if (!host) return host.error();
  steering_ = true;
  if (auto done = host->add_steering({settings_.mark.value, settings_.mark.mask, settings_.table}); !done) return done;

  if (auto done = proxy_.listen(settings_.proxy_port); !done) return done;
  proxy_.start();

  auto datagrams = associations_.start();
  if (!datagrams) return datagrams.error();

  // What was parked before is announced as soon as we are bound.
  offers_.hold();
  netlink::Controller controller;
  controller.proxy_port = proxy_.port();
  controller.mark = settings_.mark.value;
  controller.mark_mask = settings_.mark.mask;
  controller.credit = Kernel::credit;
  controller.datagram_socket = *datagrams;
  auto socket = Kernel::bind(controller);
  if (!socket) return socket.error();
  kernel_ = std::make_unique<Kernel>(
      control_, *std::move(socket), [this](const netlink::Events& events) { on_kernel_events(events); },
      [this](const Error& error) { failed_(error.in("the controller's socket")); });
  kernel_->start();

  for (const Endpoint& endpoint : settings_.listen)
    if (auto done = listener_.listen(endpoint); !done) return done;
  if (auto done = status_.listen(settings_.status); !done) return done;
  if (auto done = open_metrics(); !done) return done;
  if (auto done = start_kds(); !done) return done;

  grace_timer_.expires_after(start_grace);
  grace_timer_.async_wait([this](boost::system::error_code failure) {
    if (!failure) offers_.release_held();
  });
  tick();
  return {};
}

Result<void> Gateway::start_kds() {
  if (!settings_.kds) return {};
  auto contexts = KdsLink::make_contexts(settings_.kds->identity);
  if (!contexts) return contexts.error();
  KdsLinkOptions options;
  options.servers = settings_.kds->servers;
  options.realm = settings_.kds->realm;
  policy_->settings = settings_.policy;
  kds_ = std::make_unique<KdsLink>(control_.get_executor(), *std::move(contexts), std::move(options),
                                   make_kds_kernel(policy_));
  kds_->start();
  return {};
}

void Gateway::stop() {
  exposer_.reset();
  if (kds_) kds_->stop();
  grace_timer_.cancel();
  tick_timer_.cancel();
  listener_.close();
  // Unbound first: what is parked stays parked for the next controller.
  if (kernel_) kernel_->close();
  proxy_.close();
  streams_.reset_all("sluiced is ending");
  associations_.stop();
  for (auto& [id, link] : links_)
    asio::post(link.worker->context(), [control = link.session] { control->revoke("sluiced is ending"); });
  status_.close();
  if (!std::exchange(steering_, false)) return;
  auto host = netlink::Host::open();
  auto done = host ? host->remove_steering({settings_.mark.value, settings_.mark.mask, settings_.table})
                   : Result<void>(host.error());
  if (!done) spdlog::warn("{}", done.error().message);
}

void Gateway::warn_of_fixed_settings(const Settings& settings) const {
  auto warn = [](bool same, const char* key) {
    if (!same) spdlog::warn("{} has changed in the configuration: that takes a restart", key);
  };
  warn(settings.name == settings_.name, "name");
  warn(settings.listen == settings_.listen, "listen");
  warn(settings.status == settings_.status, "status");
  warn(settings.metrics == settings_.metrics, "metrics");
  warn(settings.mark == settings_.mark, "mark");
  warn(settings.table == settings_.table, "table");
  warn(settings.proxy_port == settings_.proxy_port, "proxy_port");
  warn(settings.dead_after == settings_.dead_after, "dead_after");
  warn(settings.kds.has_value() == settings_.kds.has_value() &&
           (!settings.kds || settings.kds->same_servers(*settings_.kds)),
       "kds");
}

Result<void> Gateway::reload(Settings settings) {
  std::optional<KdsLink::Contexts> kds;
  if (kds_ && settings.kds) {
    auto contexts = KdsLink::make_contexts(settings.kds->identity);
    if (!contexts) return contexts.error();
    kds = *std::move(contexts);
  }
  auto networks = reconcile(settings, networks_, policy_->of_kds);
  if (!networks) return networks.error();
  warn_of_fixed_settings(settings);
  networks_ = *std::move(networks);
  if (kds) kds_->replace_tls(*std::move(kds));
  settings_.identity = std::move(settings.identity);
  settings_.networks = std::move(settings.networks);
  settings_.esp = settings.esp;
  settings_.policy = policy_->settings = settings.policy;
  settings_.datagram_age = settings.datagram_age;  // of sessions to come
  // Agents of a network that is gone have nothing to do here.
  std::vector<LinkId> strays;
  for (const auto& [id, link] : links_)
    if (!settings_.network(link.greeting.network)) strays.push_back(id);
  for (const LinkId id : strays) drop_link(id, "the network is not configured any more");
  return {};
}

void Gateway::tick() {
  streams_.sweep(Streams::Clock::now());
  tick_timer_.expires_after(std::chrono::seconds(1));
  tick_timer_.async_wait([this](boost::system::error_code failure) {
    if (!failure) tick();
  });
}

const NetworkSettings* Gateway::network_of(const netlink::Parked& parked) const {
  const auto name = networks_.find(parked.network);
  return name == networks_.end() ? nullptr : settings_.network(name->second);
}

void Gateway::on_kernel_events(const netlink::Events& events) {
  for (const netlink::Parked& parked : events.parked) offers_.announced(parked);
  for (const netlink::Withdrawn& withdrawn : events.withdrawn)
    if (!associations_.withdrawn(withdrawn)) offers_.withdrawn(withdrawn);
  for (const netlink::Anomaly& anomaly : events.anomalies) on_anomaly(anomaly);
}

void Gateway::on_anomaly(const netlink::Anomaly& anomaly) {
  const NetworkSettings* network = settings_.network_of_esp(anomaly.id);
  const std::string name = network ? network->name : std::string();
  spdlog::log(is_worth_a_warning(anomaly) ? spdlog::level::warn : spdlog::level::debug, "{}",
              to_log_line(anomaly, name));
  status_.publish(to_json(anomaly, name));
  if (kds_) kds_->report(anomaly);
}

std::shared_ptr<Record> Gateway::begin_record(const netlink::Parked& parked) {
  const NetworkSettings* network = network_of(parked);
  Record record;
  record.network = network ? network->name : std::to_string(parked.network);
  record.client = parked.client;
  record.protocol = parked.protocol;
  record.source = parked.source;
  record.destination = parked.destination;
  record.scope = parked.scope;
  record.index = parked.index;
  record.rule = rule_text(network, parked);
  record.parked = Clock::now() - parked.age;
  record.began = std::chrono::system_clock::now() - parked.age;
  return records_.add(std::move(record));
}

void Gateway::send_offer(LinkId id, const Offer& offer) {
  session::Envelope envelope;
  auto& message = *envelope.mutable_offer();
  message.set_id(offer.serial);
  message.set_protocol(offer.parked.protocol);
  message.set_client_address(offer.parked.source.address.bytes());
  message.set_client_port(offer.parked.source.port);
  message.set_destination_address(offer.parked.destination.address.bytes());
  message.set_destination_port(offer.parked.destination.port);
  message.set_ttl(offer.parked.ttl);
  message.set_length(offer.parked.length);
  message.set_tos(offer.parked.tos);
  message.set_dont_fragment(offer.parked.dont_fragment);
  const NetworkSettings* network = network_of(offer.parked);
  if (network && netlink::is_datagram(offer.parked.protocol)) {
    const DatagramIdle& idle = network->idle_of(offer.parked.protocol, offer.parked.destination.port);
    message.set_idle_ms(static_cast<std::uint32_t>(idle.idle.count()));
    message.set_idle_replied_ms(static_cast<std::uint32_t>(idle.replied.count()));
    offer.record->idle = std::min(idle.idle, idle.replied);
  }
  send(id, std::move(envelope));
  ++links_.at(id).offers;
  if (!offer.record->offered) offer.record->offered = Clock::now();
}

void Gateway::send_withdraw(LinkId id, std::uint64_t serial) {
  session::Envelope envelope;
  envelope.mutable_withdraw()->add_id(serial);
  send(id, std::move(envelope));
}

void Gateway::decide(const std::shared_ptr<Record>& record, const netlink::Answer& answer) {
  record->verdict = answer.verdict;
  record->icmp = answer.icmp;
  kernel_->answer(answer);
  spdlog::debug("{}", to_log_line(*record));
  records_.changed(record);
}

void Gateway::no_agent(const Offer& offer) {
  Record& record = *offer.record;
  ++agentless_[{record.network, !record.route.empty()}];
  record.answered = record.ended = Clock::now();
  record.detail = record.route.empty() ? "no route to the destination" : "no agent of the route is connected";
  record.outcome = "unreachable";
  const bool v4 = offer.parked.source.address.is_v4();
  decide(offer.record, {offer.parked.id, netlink::Verdict::unreachable, net_unreachable(v4), {}});
}

// The STREAM session must be there before the SYN is released, or the client would connect to nothing.
Result<void> Gateway::prepare_accept(const Offer& offer, const session::v1::Answer& answer) {
  if (netlink::is_datagram(offer.parked.protocol))
    return associations_.bind(offer, answer.session(), answer.association());
  if (streams_.expect(offer.link, answer.session(), offer.record)) return {};
  return Error{"STREAM session " + std::to_string(answer.session()) + " is not there"};
}

void Gateway::answered(const Offer& offer, const session::v1::Answer& last) {
  const NetworkSettings* network = network_of(offer.parked);
  const session::v1::Answer& answer = conclude(offer, last);
  const bool v4 = offer.parked.source.address.is_v4();
  Judgement judgement = judge(answer, offer.parked, network ? network->unreachable_source : UnreachableSource::gateway);
  const std::shared_ptr<Record>& record = offer.record;
  record->answered = Clock::now();
  record->connect = std::chrono::microseconds(answer.connect_us());
  record->detail = plain_words(answer.detail());
  record->reporter = judgement.reporter;
  if (judgement.verdict == netlink::Verdict::accept) {
    if (auto prepared = prepare_accept(offer, answer); !prepared) {
      judgement.verdict = netlink::Verdict::unreachable;
      judgement.icmp = net_unreachable(v4);
      judgement.warning = prepared.error().message;
    }
  }
  if (!judgement.warning.empty()) {
    spdlog::warn("agent {}/{}: {}", record->network, record->agent, judgement.warning);
    record->detail += (record->detail.empty() ? "" : "; ") + ("agent in error: " + judgement.warning);
  }
  if (judgement.verdict == netlink::Verdict::accept) {
    if (netlink::is_datagram(offer.parked.protocol)) return;  // the verdict comes when the relay is ready
    record->released = Clock::now();
    record->outcome = "accepted, waiting for the client";
  } else {
    record->ended = Clock::now();
    record->outcome = outcome_of(judgement);
  }
  decide(record, {offer.parked.id, judgement.verdict, judgement.icmp, judgement.ttl});
}

void Gateway::answered_late(LinkId link, const session::v1::Answer& answer) {
  if (answer.verdict() != session::v1::ACCEPT) return;
  if (answer.association() != 0)
    associations_.discard(link, answer.session(), answer.association());
  else
    streams_.discard(link, answer.session());
}

void Gateway::withdrawn(const Offer& offer, netlink::Reason reason) {
  Record& record = *offer.record;
  record.ended = Clock::now();
  switch (reason) {
    case netlink::Reason::reset:
      record.outcome = "given up by the client";
      break;
    case netlink::Reason::expired:
      record.outcome = "given up: the park time ended";
      break;
    case netlink::Reason::removed:
      record.outcome = "given up: its network or client was removed";
      break;
  }
  records_.changed(offer.record);
}

Result<LinkId> Gateway::open_control(const Greeting& greeting, std::shared_ptr<ControlSession> session,
                                     Worker& worker) {
  const NetworkSettings* network = settings_.network(greeting.network);
  if (!network) return Error{"network '" + greeting.network + "' is not served here"};
  const Link* earlier = find_link(greeting.network, greeting.agent);
  const LinkId replaced = earlier ? earlier->id : 0;
  const LinkId id = next_link_++;
  Link link;
  link.id = id;
  link.greeting = greeting;
  link.session = std::move(session);
  link.worker = &worker;
  link.since = std::chrono::system_clock::now();
  links_.emplace(id, std::move(link));
  link_of_[{greeting.network, greeting.agent}] = id;
  // The newer session counts: the agent knows better than we whether the older one is dead.
  if (replaced != 0) drop_link(replaced, "a newer control session of the agent came");
  spdlog::info("agent {} connected from {} ({})", name_of(greeting), greeting.from.to_string(), greeting.software);
  const bool is_routed =
      std::ranges::any_of(network->routes, [&](const Route& route) { return route.names(greeting.agent); });
  if (!is_routed) spdlog::warn("agent {}: no route names it", name_of(greeting));
  status_.publish({{"event", "agent-connected"}, {"network", greeting.network}, {"agent", greeting.agent}});
  offers_.link_added();
  return id;
}

Result<LinkId> Gateway::open_stream(const Greeting& greeting, std::shared_ptr<StreamSession> session) {
  const Link* link = find_link(greeting.network, greeting.agent);
  if (!link || link->greeting.instance != greeting.instance)
    return Error{"there is no control session of this instance"};
  if (auto added = streams_.add(link->id, greeting.session, std::move(session)); !added) return added.error();
  return link->id;
}

Result<std::shared_ptr<DatagramSession>> Gateway::open_datagrams(const Greeting& greeting) {
  const Link* link = find_link(greeting.network, greeting.agent);
  if (!link || link->greeting.instance != greeting.instance)
    return Error{"there is no control session of this instance"};
  session::Datagrams::Settings settings;
  settings.age = settings_.datagram_age;
  settings.dead_after = settings_.dead_after;
  return associations_.open(link->id, greeting.session, settings);
}

void Gateway::frames(LinkId id, std::vector<session::Envelope> frames) {
  for (const session::Envelope& envelope : frames) {
    const auto link = links_.find(id);
    if (link == links_.end()) return;  // dropped meanwhile
    if (!on_frame(link->second, envelope)) return drop_link(id, "the agent broke the session protocol");
  }
}

bool Gateway::on_frame(Link& link, const session::Envelope& envelope) {
  switch (envelope.body_case()) {
    case session::Envelope::kAnswer:
      return offers_.answer(link.id, envelope.answer());
    case session::Envelope::kProgress:
      return offers_.progress(link.id, envelope.progress().offers());
    default:
      return false;
  }
}

void Gateway::control_ended(LinkId id, const Error& reason) { drop_link(id, reason.message); }

void Gateway::drop_link(LinkId id, const std::string& reason) {
  auto node = links_.extract(id);
  if (!node) return;
  const Link& link = node.mapped();
  // Unless a newer session has taken its place.
  const auto named = link_of_.find({link.greeting.network, link.greeting.agent});
  if (named != link_of_.end() && named->second == id) link_of_.erase(named);
  spdlog::info("agent {} from {} disconnected: {}", name_of(link.greeting), link.greeting.from.to_string(), reason);
  asio::post(link.worker->context(), [session = link.session, reason] { session->revoke(reason); });
  streams_.link_lost(id, "the agent's control session ended: " + reason);
  associations_.link_lost(id, "its control session ended: " + reason);
  status_.publish({{"event", "agent-disconnected"},
                   {"network", link.greeting.network},
                   {"agent", link.greeting.agent},
                   {"reason", reason}});
  reachability_.link_lost(id);
  offers_.link_lost(id);
}

const Link* Gateway::find_link(const std::string& network, const std::string& agent) const {
  const auto found = link_of_.find({network, agent});
  return found == link_of_.end() ? nullptr : &links_.at(found->second);
}

void Gateway::send(LinkId id, session::Envelope envelope) {
  const auto link = links_.find(id);
  if (link == links_.end()) return;
  link->second.outbox.push_back(std::move(envelope));
  if (std::exchange(flush_scheduled_, true)) return;
  asio::post(control_, [this] { flush_links(); });
}

void Gateway::flush_links() {
  flush_scheduled_ = false;
  for (auto& [id, link] : links_) {
    if (link.outbox.empty()) continue;
    asio::post(link.worker->context(), [session = link.session, outbox = std::exchange(link.outbox, {})] {
      for (const session::Envelope& envelope : outbox) session->control->send(envelope);
    });
  }
}

void Gateway::on_record(const Record& record) {
  if (!status_.has_monitors()) return;
  nlohmann::json event = to_json(record);
  event["event"] = "connection";
  status_.publish(event);
}

}  // namespace sluice::gateway
