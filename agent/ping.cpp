// SPDX-License-Identifier: Apache-2.0
#include "agent/ping.hpp"

#include "base/deadline.hpp"

namespace sluice::agent {

Task<Outcome> Ping::attempt(Duration timeout) {
  if (cancelled()) co_return Outcome::timed_out("withdrawn");
  os::Begun begun = os::begin_ping(echo_);
  if (begun.outcome) co_return *begun.outcome;
  boost::system::error_code code;
  const int fd = begun.socket.get();
  socket_.assign(fd, code);
  if (code) co_return Outcome::failed(echo_.destination, code.message());
  (void)begun.socket.release();

  Deadline deadline(socket_.get_executor(), timeout, [this] {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  });
  for (;;) {
    (void)co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, use_tuple);
    if (cancelled()) co_return Outcome::timed_out("withdrawn");
    // Asked before the clock is: what came in time counts, however late we are to look.
    std::optional<Outcome> outcome = os::finish_ping(fd, echo_);
    if (!outcome && deadline.late()) outcome = Outcome::timed_out("no reply within " + to_string(timeout));
    if (!outcome) continue;
    boost::system::error_code ignored;
    socket_.close(ignored);
    co_return *std::move(outcome);
  }
}

void Ping::stop() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace sluice::agent
