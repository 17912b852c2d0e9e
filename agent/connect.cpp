// SPDX-License-Identifier: Apache-2.0
#include "agent/connect.hpp"

#include "agent/os/os.hpp"
#include "base/deadline.hpp"
#include "base/socket.hpp"

namespace sluice::agent {

Task<Outcome> Connect::attempt(Duration timeout) {
  if (cancelled()) co_return Outcome::timed_out("withdrawn");
  os::Begun begun = os::begin_connect(destination(), hops_);
  if (begun.outcome) co_return *begun.outcome;
  boost::system::error_code code;
  socket_.assign(destination().address.is_v4() ? tcp::v4() : tcp::v6(), begun.socket.get(), code);
  if (code) co_return Outcome::failed(destination().address, code.message());
  const int fd = begun.socket.release();

  Deadline deadline(socket_.get_executor(), timeout, [this] {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  });
  std::optional<Outcome> finished;
  while (!finished) {
    (void)co_await socket_.async_wait(tcp::socket::wait_write, use_tuple);
    if (cancelled()) co_return Outcome::timed_out("withdrawn");
    if (deadline.late()) {
      boost::system::error_code ignored;
      socket_.close(ignored);
      co_return Outcome::timed_out("no answer within " + to_string(timeout));
    }
    // A wake-up that decides nothing must not be told as an outcome.
    finished = os::finish_connect(fd, destination());
  }
  Outcome outcome = *std::move(finished);
  if (outcome.verdict == session::v1::ACCEPT) {
    // From here on, whatever happens to us is a reset to the server and not a clean end.
    if (auto done = prepare_relayed_socket(fd); !done) {
      co_return Outcome::failed(destination().address, done.error().message);
    }
  } else {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  co_return outcome;
}

void Connect::stop() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace sluice::agent
