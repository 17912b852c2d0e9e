// SPDX-License-Identifier: Apache-2.0
#include "agent/association.hpp"

#include <algorithm>

namespace sluice::agent {
namespace {

constexpr int kBatchesAtOnce = 4;  // then others have their turn

}  // namespace

Association::Association(const asio::any_io_executor& executor, std::uint32_t number, Terms terms,
                         os::DatagramSocket socket, std::shared_ptr<session::Datagrams> session,
                         std::shared_ptr<os::DatagramBatch> batch, std::function<void()> on_first_reply)
    : number_(number),
      terms_(std::move(terms)),
      socket_(std::move(socket)),
      descriptor_(executor),
      session_(std::move(session)),
      batch_(std::move(batch)),
      on_first_reply_(std::move(on_first_reply)) {}

Result<void> Association::start() {
  boost::system::error_code code;
  descriptor_.assign(socket_.descriptor(), code);
  if (code) return Error{code.message(), code.value()};
  wait();
  return {};
}

bool Association::send(const session::Datagram& datagram) {
  last_ = Clock::now();
  if (datagram.ttl != 0 && datagram.ttl <= hops_before()) {
    // It has passed the gateway, and ends here (RFC 1812, 5.3.1; I3).
    const bool v4 = terms_.server.address.is_v4();
    session_->send_error(number_, {v4 ? std::uint8_t{11} : std::uint8_t{3}, 0, 0, socket_.source()});
    return false;
  }
  os::DatagramSocket::Outgoing outgoing{0, datagram.tos, datagram.dont_fragment, datagram.payload};
  if (datagram.ttl != 0) outgoing.hops = static_cast<std::uint8_t>(datagram.ttl - hops_before());
  os::DatagramSocket::Errors errors;
  const bool sent = socket_.send(outgoing, errors);
  tell(errors);
  return sent;
}

void Association::close() {
  // Nobody may wait for it when it is closed.
  if (descriptor_.is_open()) (void)descriptor_.release();
  socket_.close();
}

bool Association::is_idle(Clock::time_point now) const {
  return now - last_ >= (replies_ >= 2 ? terms_.idle_replied : terms_.idle);
}

void Association::wait() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](boost::system::error_code code) {
                           if (!code && self->descriptor_.is_open()) self->receive();
                         });
}

void Association::receive() {
  os::DatagramSocket::Errors errors;
  bool more = true;
  for (int i = 0; i < kBatchesAtOnce && more; ++i) {
    more = socket_.receive(*batch_, errors);
    for (const os::DatagramBatch::Received& received : batch_->received()) {
      last_ = Clock::now();
      if (replies_ == 0) on_first_reply_();
      replies_ = std::min(replies_ + 1, 2U);
      // The gateway takes off two, and a server that is this host is only one router away.
      std::uint8_t ttl = received.ttl;
      if (ttl != 0 && ttl != 255 && hops_before() == 1) ++ttl;
      (void)session_->send({number_, ttl, received.tos, false, received.payload});
    }
  }
  tell(errors);
  wait();
}

void Association::tell(const os::DatagramSocket::Errors& errors) {
  for (const session::DatagramError& error : errors) session_->send_error(number_, error);
}

}  // namespace sluice::agent
