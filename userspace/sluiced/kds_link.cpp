// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kds_link.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "sluiced/spawn.hpp"

namespace sluice::gateway {
namespace {

const netlink::Generation* find(const std::vector<netlink::Generation>& generations, std::uint32_t number) {
  const auto found = std::ranges::find(generations, number, &netlink::Generation::number);
  return found == generations.end() ? nullptr : &*found;
}

struct Apply {
  KdsKernel& kernel;

  Result<Applied> operator()(const netlink::NewGeneration& generation) const {
    auto live = kernel.generations();
    if (!live) return live.error();
    if (find(*live, generation.number)) return Applied{};
    auto done = kernel.new_generation(generation);
    if (done) return Applied{true, {}};
    if (done.error().number != ESTALE) return done.error();
    return Applied{false, "generation " + std::to_string(generation.number) +
                              " is over or another was brought in before it: it is left out"};
  }
  Result<Applied> operator()(const PromoteUpdate& promote) const {
    auto live = kernel.generations();
    if (!live) return live.error();
    const netlink::Generation* generation = find(*live, promote.number);
    if (!generation)
      return Applied{false, "generation " + std::to_string(promote.number) + " has ended: it is not promoted"};
    // Current, or previous because a later one was promoted since.
    if (generation->state != netlink::GenerationState::next) return Applied{};
    auto done = kernel.promote_generation(promote.number, promote.overlap);
    return done ? Result<Applied>(Applied{true, {}}) : done.error();
  }
  Result<Applied> operator()(const RevokeUpdate& revoke) const {
    auto done = kernel.set_esp_client({revoke.id, revoke.number, revoke.incarnation_min, {}});
    if (done) return Applied{true, {}};
    if (done.error().number == ENOENT) return Applied{};  // with its generation every key has ended
    return done.error();
  }
  Result<Applied> operator()(const BanUpdate& ban) const {
    auto done = kernel.set_esp_client({ban.id, {}, {}, ban.banned});
    return done ? Result<Applied>(Applied{true, {}}) : done.error();
  }
  Result<Applied> operator()(const PolicyUpdate& policy) const {
    auto done = kernel.set_policy(policy.blob);
    return done ? Applied{true, {}} : Applied{false, "it is not answered: " + done.error().message};
  }
};

// Jittered exponential: from half of the time to all of it.
class Pause {
 public:
  explicit Pause(Duration first) : first_(first), next_(first) {}
  void reset() { next_ = first_; }
  Duration take(Duration longest) {
    const Duration most = std::min(next_, longest);
    next_ = std::min(most * 2, longest);
    std::uniform_int_distribution<Duration::rep> jitter(most.count() / 2, most.count());
    return Duration(jitter(random_));
  }

 private:
  Duration first_, next_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

Result<Applied> apply(const Update& update, KdsKernel& kernel) { return std::visit(Apply{kernel}, update.change); }

// Its coroutines hold it, so that they may end after the KdsLink.
struct KdsLink::Core {
  Core(asio::any_io_executor on, Contexts contexts, KdsLinkOptions with, std::unique_ptr<KdsKernel> of)
      : executor(std::move(on)),
        options(std::move(with)),
        kernel(std::move(of)),
        update_timer(executor),
        anomaly_timer(executor),
        pause(options.first_pause),
        anomaly_pause(options.first_pause) {
    updates = make_client(std::move(contexts.updates));
    anomalies = make_client(std::move(contexts.anomalies));
  }

  std::unique_ptr<http::Client> make_client(tls::Context context) const {
    return std::make_unique<http::Client>(
        executor, std::move(context), options.servers,
        http::ClientOptions{.realm = options.realm, .response = options.response, .body = kds_answer_max});
  }

  static Task<void> run(std::shared_ptr<Core> self);
  static Task<void> tell(std::shared_ptr<Core> self);
  // One request and what follows from it; an error calls for a pause.
  Task<Result<void>> turn();
  Task<Result<http::Response>> ask(std::string method, std::string target, std::string body);
  Task<Result<void>> boot();
  Result<void> end_others(const std::vector<std::uint32_t>& live);
  Task<Result<void>> poll();
  Task<Result<void>> carry_out(std::vector<Update> list);
  void take_away(std::span<const Update> list);
  Result<bool> same_boot();
  Task<Result<void>> tell_some();
  void answered(http::Client& client);
  void failed(const Error& error);

  asio::any_io_executor executor;
  KdsLinkOptions options;
  std::unique_ptr<KdsKernel> kernel;
  std::unique_ptr<http::Client> updates, anomalies;
  std::optional<tls::Context> new_updates, new_anomalies;
  asio::steady_timer update_timer, anomaly_timer;
  Pause pause, anomaly_pause;
  State state;
  std::optional<BootNonce> booted;  // what the KDS was told last
  bool refused = false;             // the kernel did, not the KDS
  bool told_again = false;          // of the boot, since the KDS last gave updates
  bool stopped = false;
  bool started = false;
  std::deque<netlink::Anomaly> queue;
  std::string told;  // what was logged last, so that it is logged once
};

Result<KdsLink::Contexts> KdsLink::make_contexts(const tls::Identity& identity) {
  const tls::Options options{.tls13_only = true, .wipe = true};
  auto updates = tls::Context::create(tls::Role::client, identity, options);
  if (!updates) return updates.error().in("kds");
  auto anomalies = tls::Context::create(tls::Role::client, identity, options);
  if (!anomalies) return anomalies.error().in("kds");
  return Contexts{*std::move(updates), *std::move(anomalies)};
}

void KdsLink::Core::answered(http::Client& client) {
  if (const auto server = client.server()) state.server = server->to_string();
  if (!std::exchange(state.connected, true)) spdlog::info("the KDS {} answers", state.server);
}

void KdsLink::Core::failed(const Error& error) {
  state.last_error = error.message;
  if (std::exchange(told, error.message) != error.message) spdlog::warn("KDS: {}", error.message);
}

namespace {

// "kds1:8443: 403 Forbidden: no gateway"
Error unexpected(const http::Client& client, const http::Response& response) {
  const std::string words = problem_words(response.text());
  std::string text = std::to_string(response.status);
  text += words.empty() ? " " + std::string(http::reason_phrase(response.status)) : " " + words;
  if (const auto server = client.server()) text = server->to_string() + ": " + text;
  return Error{text};
}

}  // namespace

// ---- updates ----

Task<void> KdsLink::Core::run(std::shared_ptr<Core> self) {
  Core& core = *self;
  while (!core.stopped) {
    if (core.new_updates) {
      core.updates = core.make_client(*std::exchange(core.new_updates, std::nullopt));
    }
    core.refused = false;
    const Result<void> done = co_await core.turn();
    if (core.stopped) co_return;
    if (done) continue;
    core.failed(done.error());
    core.update_timer.expires_after(
        core.pause.take(core.refused ? core.options.longest_refusal : core.options.longest_pause));
    (void)co_await core.update_timer.async_wait(use_tuple);
  }
}

// Another nonce: all generations have ended, and what the KDS says next is about others.
Result<bool> KdsLink::Core::same_boot() {
  auto boot = kernel->boot();
  if (!boot) {
    refused = true;
    return boot.error().in("the module");
  }
  return booted == boot->nonce;
}

Task<Result<void>> KdsLink::Core::turn() {
  const Result<bool> same = same_boot();
  if (!same) co_return same.error();
  if (!*same) {
    Result<void> done = co_await boot();
    if (!done || stopped) co_return done;
  }
  Result<void> done = co_await poll();
  co_return done;
}

// On the connection that is there now, and never by itself on another one: after stop() nothing may be sent.
Task<Result<http::Response>> KdsLink::Core::ask(std::string method, std::string target, std::string body) {
  const Result<void> connected = co_await updates->connect();
  if (!connected) co_return connected.error();
  if (stopped) co_return Error{"stopped"};
  http::Sending sending;
  sending.only_on = updates->connection_id();
  Result<http::Response> response =
      co_await updates->request(std::move(method), std::move(target), std::move(body), sending);
  co_return std::move(response);
}

// What the KDS knows nothing of (its store was set back, or the master keys in it are lost) takes keys that it could
// not revoke, and the places of those that it makes.
Result<void> KdsLink::Core::end_others(const std::vector<std::uint32_t>& live) {
  const auto ours = kernel->generations();
  if (!ours) return ours.error();
  for (const netlink::Generation& one : *ours) {
    if (std::ranges::find(live, one.number) != live.end()) continue;
    if (auto done = kernel->delete_generation(one.number); !done && done.error().number != ENOENT) return done;
    spdlog::warn("generation {} is ended: the KDS {} has it no more", one.number, state.server);
  }
  return {};
}

Task<Result<void>> KdsLink::Core::boot() {
  auto known = kernel->boot();
  if (!known) {
    refused = true;
    co_return known.error().in("the module");
  }
  booted.reset();
  Result<http::Response> response = co_await ask("POST", "/v1/gateway/boot", boot_json(*known));
  if (!response) {
    state.connected = false;
    co_return response.error();
  }
  if (response->status != 200) {
    const Error error = unexpected(*updates, *response);
    state.connected = false;
    updates->next_server();
    co_return error.in("boot");
  }
  const Result<BootAnswer> answer = parse_boot(response->text());
  if (!answer) {
    state.connected = false;
    updates->next_server();
    co_return answer.error().in("boot");
  }
  answered(*updates);
  if (auto ended = end_others(answer->live); !ended) {
    refused = true;
    co_return ended.error().in("the module");
  }
  booted = known->nonce;
  state.acknowledged = answer->acknowledged;
  ++state.boots;
  spdlog::info("booted at the KDS {}: {}, updates after {}", state.server,
               answer->fresh ? "it begins anew" : "it goes on", answer->acknowledged);
  co_return Result<void>{};
}

Task<Result<void>> KdsLink::Core::poll() {
  const auto begun = std::chrono::steady_clock::now();
  Result<http::Response> response =
      co_await ask("GET", "/v1/gateway/updates?after=" + std::to_string(state.acknowledged), {});
  if (!response) {
    state.connected = false;
    co_return response.error();
  }
  if (response->status == 404) {
    booted.reset();
    const Error error = unexpected(*updates, *response).in("it wants to be told of the boot");
    // With a pause the second time: a KDS that says so after each boot must not be asked without end.
    if (std::exchange(told_again, true)) co_return error;
    failed(error);
    co_return Result<void>{};
  }
  if (response->status != 200) {
    const Error error = unexpected(*updates, *response);
    state.connected = false;
    updates->next_server();
    co_return error.in("updates");
  }
  answered(*updates);
  told_again = false;
  Result<std::vector<Update>> list = parse_updates(response->text(), state.acknowledged);
  response->body = {};
  if (!list) {
    updates->next_server();
    co_return list.error().in("updates");
  }
  if (stopped) co_return Result<void>{};
  // It may have changed during the long poll; what was meant for a kernel that is gone must not get into this one.
  const Result<bool> same = same_boot();
  if (!same) co_return same.error();
  if (!*same) co_return Result<void>{};
  const bool nothing = list->empty();
  Result<void> done = co_await carry_out(*std::move(list));
  if (!done) co_return done;
  pause.reset();
  state.last_error.clear();
  told.clear();
  // A KDS that is ending, or one that does not wait, must not be asked without end.
  if (nothing && !stopped && std::chrono::steady_clock::now() - begun < options.first_pause) {
    update_timer.expires_after(options.first_pause);
    (void)co_await update_timer.async_wait(use_tuple);
  }
  co_return done;
}

Task<Result<void>> KdsLink::Core::carry_out(std::vector<Update> list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Update& update = list[i];
    const Result<Applied> done = apply(update, *kernel);
    if (!done) {
      refused = true;
      take_away(std::span(list).subspan(i + 1));
      co_return done.error().in(name_of(update));
    }
    if (!done->note.empty()) spdlog::warn("KDS: {}: {}", name_of(update), done->note);
    ++state.updates[kind_of(update)];
    state.acknowledged = update.sequence;
    // The kernel takes its time (a grace period for a ban), and others wait for this thread.
    co_await asio::post(executor, asio::use_awaitable);
    if (stopped) break;
  }
  co_return Result<void>{};
}

// What takes access away does not wait behind an update that the kernel refuses for now.  It stays unacknowledged and
// comes again in its order, so here an unban is left out rather than done too early.
void KdsLink::Core::take_away(std::span<const Update> list) {
  for (const Update& update : list) {
    const auto* ban = std::get_if<BanUpdate>(&update.change);
    if (std::holds_alternative<RevokeUpdate>(update.change) || (ban && ban->banned)) (void)apply(update, *kernel);
  }
}

// ---- anomalies ----

Task<void> KdsLink::Core::tell(std::shared_ptr<Core> self) {
  Core& core = *self;
  while (!core.stopped) {
    if (core.new_anomalies) {
      core.anomalies = core.make_client(*std::exchange(core.new_anomalies, std::nullopt));
    }
    if (core.queue.empty()) {
      core.anomaly_timer.expires_at(asio::steady_timer::time_point::max());
      (void)co_await core.anomaly_timer.async_wait(use_tuple);
      continue;
    }
    const Result<void> done = co_await core.tell_some();
    if (core.stopped) co_return;
    if (done) {
      core.anomaly_pause.reset();
      continue;
    }
    spdlog::debug("KDS: anomalies: {}", done.error().message);
    core.anomaly_timer.expires_after(core.anomaly_pause.take(core.options.longest_pause));
    (void)co_await core.anomaly_timer.async_wait(use_tuple);
  }
}

// At most once: the second report of an offence bans a device.  So a batch that may have arrived is not sent again;
// one that surely has not stays in the queue.
Task<Result<void>> KdsLink::Core::tell_some() {
  const Result<void> connected = co_await anomalies->connect();
  if (!connected) co_return connected.error();
  if (stopped) co_return Result<void>{};
  const std::size_t count = std::min(queue.size(), anomalies_batch);
  const auto end = queue.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<netlink::Anomaly> batch(queue.begin(), end);
  queue.erase(queue.begin(), end);
  auto put_back = [&] {
    queue.insert(queue.begin(), batch.begin(), batch.end());
    while (queue.size() > anomalies_max) {
      queue.pop_front();
      ++state.anomalies_dropped;
    }
  };
  http::Sending sending;
  sending.only_on = anomalies->connection_id();
  Result<http::Response> response =
      co_await anomalies->request("POST", "/v1/gateway/anomalies", anomalies_json(batch), sending);
  if (!response) {
    if (response.error().number == ESTALE)
      put_back();
    else
      state.anomalies_dropped += batch.size();
    co_return response.error();
  }
  if (response->status / 100 == 2) {
    state.anomalies_sent += batch.size();
    co_return Result<void>{};
  }
  // It has not taken them: not booted yet (404), too much at once (429), not able to (5xx), not us (403).  What it
  // cannot read (400) would not be read the next time either.
  if (response->status == 400 || response->status == 413)
    state.anomalies_dropped += batch.size();
  else
    put_back();
  const Error error = unexpected(*anomalies, *response);
  anomalies->next_server();
  co_return error;
}

// ---- from outside ----

KdsLink::KdsLink(asio::any_io_executor executor, Contexts contexts, KdsLinkOptions options,
                 std::unique_ptr<KdsKernel> kernel)
    : core_(std::make_shared<Core>(std::move(executor), std::move(contexts), std::move(options), std::move(kernel))) {}

KdsLink::~KdsLink() { stop(); }

void KdsLink::start() {
  if (std::exchange(core_->started, true)) return;
  asio::co_spawn(core_->executor, Core::run(core_), no_exceptions);
  asio::co_spawn(core_->executor, Core::tell(core_), no_exceptions);
}

void KdsLink::stop() {
  if (std::exchange(core_->stopped, true)) return;
  core_->state.connected = false;
  core_->update_timer.cancel();
  core_->anomaly_timer.cancel();
  core_->updates->close();
  core_->anomalies->close();
}

void KdsLink::replace_tls(Contexts contexts) {
  core_->new_updates.emplace(std::move(contexts.updates));
  core_->new_anomalies.emplace(std::move(contexts.anomalies));
}

void KdsLink::report(const netlink::Anomaly& anomaly) {
  std::deque<netlink::Anomaly>& queue = core_->queue;
  if (queue.size() >= anomalies_max) {
    // Nothing follows from a device that roams, so that is what may be lost.
    const auto moved = std::ranges::find(queue, netlink::AnomalyKind::moved, &netlink::Anomaly::kind);
    queue.erase(moved == queue.end() ? queue.begin() : moved);
    ++core_->state.anomalies_dropped;
  }
  const bool was_empty = queue.empty();
  queue.push_back(anomaly);
  // Wakes who waits for the first one; a pause after a failure goes on.
  if (was_empty) core_->anomaly_timer.cancel();
}

KdsLink::State KdsLink::state() const {
  State state = core_->state;
  state.anomalies_waiting = core_->queue.size();
  return state;
}

nlohmann::json to_json(const KdsLink::State& state) {
  return {{"connected", state.connected},
          {"server", state.server},
          {"acknowledged", state.acknowledged},
          {"last_error", state.last_error},
          {"boots", state.boots},
          {"anomalies_waiting", state.anomalies_waiting},
          {"anomalies_sent", state.anomalies_sent},
          {"anomalies_dropped", state.anomalies_dropped}};
}

}  // namespace sluice::gateway
