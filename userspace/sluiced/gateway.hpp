// SPDX-License-Identifier: Apache-2.0
//
// Gateway: the control plane.  It joins the parts: the kernel's announcements to the offers, the offers to the
// agents' control sessions, their answers to verdicts, accepted connections to STREAM sessions and accepted
// associations to DGRAM sessions.  It runs on one thread, the control thread; sessions, streams and datagrams run on
// the workers and reach it by posting.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "metrics/exposer.hpp"
#include "sluiced/associations.hpp"
#include "sluiced/kds_link.hpp"
#include "sluiced/kernel.hpp"
#include "sluiced/listener.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/proxy.hpp"
#include "sluiced/reachability.hpp"
#include "sluiced/reconcile.hpp"
#include "sluiced/record.hpp"
#include "sluiced/router.hpp"
#include "sluiced/settings.hpp"
#include "sluiced/status.hpp"
#include "sluiced/streams.hpp"
#include "sluiced/worker.hpp"

namespace sluice::gateway {

// One agent's control session, as the control thread sees it.
struct Link {
  LinkId id = 0;
  Greeting greeting;
  std::shared_ptr<ControlSession> session;
  Worker* worker = nullptr;
  std::chrono::system_clock::time_point since;
  std::vector<session::Envelope> outbox;  // sent at the end of the turn; bounded by the window and by withdrawals
  std::uint64_t offers = 0;
  std::map<netlink::Verdict, std::uint64_t> answers;
};

class Gateway final : public Offers::Surroundings, public Associations::Surroundings, public Reception {
 public:
  // *workers* carry sessions and streams, *relay* datagrams.
  Gateway(asio::io_context& control, std::vector<std::unique_ptr<Worker>>& workers, Worker& relay, Settings settings);

  // In order: devices, addresses and rules; proxy; datagrams; controller; agents' listener; status socket; metrics;
  // key distribution server.
  // Returns the first failure; what was done by then is taken back by stop().
  Result<void> start();
  // Unbinds, resets every stream, removes the ip rules.  Devices stay, so that a restart finds what is parked.
  void stop();
  // New settings; on an error the old ones stay in force.
  Result<void> reload(Settings settings);
  // Called when the controller's socket has failed: nothing can go on.
  void on_failure(std::function<void(const Error&)> failed) { failed_ = std::move(failed); }
  // For Prometheus; without the kernel's.
  [[nodiscard]] metrics::Families measure() const;

 private:
  // Offers::Surroundings
  std::shared_ptr<Record> begin_record(const netlink::Parked& parked) override;
  std::optional<LinkId> choose(Offer& offer) override;
  Offers::Next next(Offer& offer, const session::v1::Answer& answer) override;
  void send_offer(LinkId link, const Offer& offer) override;
  void send_withdraw(LinkId link, std::uint64_t serial) override;
  void no_agent(const Offer& offer) override;
  void answered(const Offer& offer, const session::v1::Answer& answer) override;
  void answered_late(LinkId link, const session::v1::Answer& answer) override;
  void withdrawn(const Offer& offer, netlink::Reason reason) override;
  void return_credit() override { kernel_->return_credit(); }

  // Associations::Surroundings
  void decide(const std::shared_ptr<Record>& record, const netlink::Answer& answer) override;
  void tell_kernel(const netlink::Answer& answer) override { kernel_->answer(answer); }
  void changed(const std::shared_ptr<Record>& record) override { records_.changed(record); }
  bool out_of_reach(LinkId link, const Record& record) override;

  // Reception
  Result<LinkId> open_control(const Greeting& greeting, std::shared_ptr<ControlSession> session,
                              Worker& worker) override;
  Result<LinkId> open_stream(const Greeting& greeting, std::shared_ptr<StreamSession> session) override;
  void stream_ended(LinkId link, std::uint64_t session) override { streams_.discard(link, session); }
  Result<std::shared_ptr<DatagramSession>> open_datagrams(const Greeting& greeting) override;
  void frames(LinkId link, std::vector<session::Envelope> frames) override;
  void control_ended(LinkId link, const Error& reason) override;

  void on_kernel_events(const netlink::Events& events);
  void on_anomaly(const netlink::Anomaly& anomaly);
  bool on_frame(Link& link, const session::Envelope& envelope);
  void drop_link(LinkId id, const std::string& reason);
  [[nodiscard]] const Link* find_link(const std::string& network, const std::string& agent) const;
  // Of the agents of *route* that were not *tried*.
  Choice choose(const NetworkSettings& network, const Route& route, const Flow& flow,
                const std::vector<std::string>& tried) const;
  // Which answer is the client's: *last*, unless it is the last of the failures.  Notes in the record whose it is.
  static const session::v1::Answer& conclude(const Offer& offer, const session::v1::Answer& last);
  // Is one of those not connected?
  bool has_away(const NetworkSettings& network, const Route& route, const std::vector<std::string>& tried) const;
  void send(LinkId id, session::Envelope envelope);
  void flush_links();
  void tick();
  void on_record(const Record& record);
  const NetworkSettings* network_of(const netlink::Parked& parked) const;
  // ACCEPT: what must be there before the verdict.  An error: what the agent said wrongly.
  Result<void> prepare_accept(const Offer& offer, const session::v1::Answer& answer);
  void warn_of_fixed_settings(const Settings& settings) const;

  Result<nlohmann::json> answer_status(const nlohmann::json& request) const;
  nlohmann::json status_json() const;
  nlohmann::json agents_json() const;
  nlohmann::json routes_json() const;
  nlohmann::json streams_json() const;
  nlohmann::json associations_json() const;
  Result<nlohmann::json> why_json(const nlohmann::json& request) const;

  Result<void> start_kds();
  Result<void> open_metrics();
  void measure_kds(metrics::Families& families) const;
  void measure_agents(metrics::Families& families) const;

  asio::io_context& control_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  Settings settings_;
  NetworkNames networks_;
  Records records_;
  Streams streams_;
  Associations associations_;
  Offers offers_{*this};
  Reachability reachability_;
  Proxy proxy_;
  std::unique_ptr<Kernel> kernel_;
  Listener listener_;
  Status status_;
  std::unique_ptr<metrics::Exposer> exposer_;
  std::unique_ptr<KdsLink> kds_;
  std::shared_ptr<PolicySources> policy_ = std::make_shared<PolicySources>();
  asio::steady_timer tick_timer_;
  asio::steady_timer grace_timer_;
  std::map<LinkId, Link> links_;
  std::map<std::pair<std::string, std::string>, LinkId> link_of_;  // by network and agent
  LinkId next_link_ = 1;
  bool flush_scheduled_ = false;
  bool steering_ = false;
  std::map<std::pair<std::string, bool>, std::uint64_t> agentless_;  // by network, and whether there was a route
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::function<void(const Error&)> failed_;
};

}  // namespace sluice::gateway
