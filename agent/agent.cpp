// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.hpp"

#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace sluice::agent {
namespace {

constexpr Duration kFirstBackOff{500};
/// Short, because after a long cut of the WAN people wait for the end of this pause.
constexpr Duration kLongestBackOff{10000};
/// A session that lived this long was a good one: the next failure starts the back-off anew.
constexpr Duration kGoodSession{30000};

}  // namespace

Agent::Agent(asio::any_io_executor executor, Settings settings, tls::Context context)
    : settings_(std::move(settings)),
      context_(std::move(context)),
      relays_(executor, settings_.threads),
      dialer_(executor, settings_, context_),
      pause_(executor) {}

Duration Agent::back_off(unsigned failures) {
  Duration longest = std::min(kFirstBackOff * (1U << std::min(failures, 10U)), kLongestBackOff);
  // From half to whole: agents that lost one gateway together must not come back together.
  std::uniform_int_distribution<Duration::rep> jitter(longest.count() / 2, longest.count());
  return Duration(jitter(random_));
}

Task<Result<void>> Agent::serve(const HostPort& gateway) {
  std::array<unsigned char, 16> instance;
  if (RAND_bytes(instance.data(), static_cast<int>(instance.size())) != 1) co_return Error{"no random numbers"};
  session::v1::Hello hello;
  hello.set_version(session::kVersion);
  hello.set_kind(session::v1::CONTROL);
  hello.set_network(settings_.network);
  hello.set_agent(settings_.name);
  hello.set_instance(instance.data(), instance.size());
  hello.set_software("sluice-agent " SLUICE_VERSION);
  hello.set_ping(os::ping_ability());
  hello.set_datagrams(os::datagram_ability());
  Target target{gateway, {}};
  Result<Link> link = co_await dialer_.dial(target, hello);
  if (!link) {
    ++counts_.failed_dials;
    co_return link.error();
  }
  if (stopped_) co_return Result<void>{};
  ++counts_.sessions;
  session_ = Session::create(settings_, context_, dialer_, relays_, datagram_thread_, counts_, std::move(target),
                             std::move(hello), *std::move(link));
  Error reason = co_await session_->run();
  session_.reset();
  co_return reason.in("control session with " + gateway.to_string() + " ended");
}

Task<void> Agent::run() {
  unsigned failures = 0;
  for (std::size_t turn = 0; !stopped_; turn = (turn + 1) % settings_.gateways.size()) {
    const auto start = std::chrono::steady_clock::now();
    // A list that changed while there was no session must count for the next handshake.
    if (auto reloaded = context_.reload_revoked(); !reloaded) spdlog::warn("{}", reloaded.error().message);
    Result<void> end = co_await serve(settings_.gateways[turn]);
    if (stopped_) co_return;
    if (std::chrono::steady_clock::now() - start >= kGoodSession) failures = 0;
    const Duration pause = back_off(failures / static_cast<unsigned>(settings_.gateways.size()));
    ++failures;
    spdlog::warn("{}; next try in {} ms", end ? "ended" : end.error().message, pause.count());
    pause_.expires_after(pause);
    (void)co_await pause_.async_wait(use_tuple);
  }
}

void Agent::stop() {
  stopped_ = true;
  pause_.cancel();
  if (session_) session_->close("the agent is stopping");
}

}  // namespace sluice::agent
