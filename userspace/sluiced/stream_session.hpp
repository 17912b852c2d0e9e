// SPDX-License-Identifier: Apache-2.0
//
// StreamSession: one STREAM session from its Hello to its end: greeted, waiting, relaying.  It lives on the executor
// of the worker that accepted it; claim() and reset() may be called from the control thread and act there.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "relay/relay.hpp"
#include "session/framing.hpp"
#include "sluiced/worker.hpp"
#include "tls/stream.hpp"

namespace sluice::gateway {

class StreamSession final : public Session, public std::enable_shared_from_this<StreamSession> {
 public:
  using Done = std::function<void(const relay::Report&)>;

  explicit StreamSession(tls::Stream stream) : executor_(stream.get_executor()), stream_(std::move(stream)) {}

  // On the worker, first: sends the HelloReply.
  Task<Result<void>> greet(const session::Envelope& reply);
  // On the worker, next: *ended* is called there if the connection ends while nobody has claimed it.
  void watch(std::function<void()> ended);
  // Gives it the client's connection.  *done* is called once, on the worker.
  void claim(UniqueFd client, Done done);
  // Ends it by reset, whatever it is doing.
  void reset(std::string reason);

  const SSL* ssl() override;
  void revoke(const std::string& reason) override { reset(reason); }

 private:
  enum class State { greeting, waiting, relaying, ended };

  void relay(UniqueFd client, Done done);

  tcp::socket::executor_type executor_;
  State state_ = State::greeting;
  tls::Stream stream_;  // moved into the relay by claim()
  std::shared_ptr<relay::Relay> relay_;
};

}  // namespace sluice::gateway
