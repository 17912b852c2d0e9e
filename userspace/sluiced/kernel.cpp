// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kernel.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "sluiced/spawn.hpp"

namespace sluice::gateway {
namespace {

constexpr int bind_attempts = 50;
constexpr std::chrono::milliseconds bind_pause{100};

}  // namespace

Result<netlink::ControllerSocket> Kernel::bind(const netlink::Controller& controller) {
  for (int attempt = 1;; ++attempt) {
    auto socket = netlink::ControllerSocket::open();
    if (!socket) return socket.error();
    auto bound = socket->bind(controller);
    if (bound) return socket;
    if (bound.error().number != EBUSY || attempt == bind_attempts)
      return bound.error().in("cannot become the controller" +
                              std::string(bound.error().number == EBUSY ? " (is another sluiced running?)" : ""));
    std::this_thread::sleep_for(bind_pause);  // start-up: nothing else is running yet
  }
}

Kernel::Kernel(asio::io_context& control, netlink::ControllerSocket socket, OnEvents on_events,
               std::function<void(const Error&)> lost)
    : control_(control),
      socket_(std::move(socket)),
      // A duplicate, as both the descriptor and libnl's socket close theirs.
      descriptor_(control, ::fcntl(socket_.fd(), F_DUPFD_CLOEXEC, 0)),
      on_events_(std::move(on_events)),
      lost_(std::move(lost)) {}

void Kernel::start() { asio::co_spawn(control_, read_loop(), no_exceptions); }

Task<void> Kernel::read_loop() {
  for (;;) {
    auto events = socket_.receive([](const Error& error) { spdlog::error("the kernel refused: {}", error.message); });
    if (!events) {
      lost_(events.error());
      co_return;
    }
    if (!events->empty()) on_events_(*events);
    auto [failure] = co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read, use_tuple);
    if (failure) co_return;
  }
}

void Kernel::answer(const netlink::Answer& answer) {
  answers_.push_back(answer);
  schedule_flush();
}

void Kernel::return_credit() {
  ++credit_;
  schedule_flush();
}

void Kernel::schedule_flush() {
  if (std::exchange(flush_scheduled_, true)) return;
  asio::post(control_, [this] { flush(); });
}

void Kernel::flush() {
  flush_scheduled_ = false;
  if (!descriptor_.is_open()) return;
  // Verdicts first: they make room for what the credit lets in.
  if (!answers_.empty()) {
    if (auto sent = socket_.send(answers_); !sent) spdlog::error("verdicts: {}", sent.error().message);
    answers_.clear();
  }
  if (credit_ > 0) {
    if (auto granted = socket_.grant(credit_); !granted) spdlog::error("credit: {}", granted.error().message);
    credit_ = 0;
  }
}

void Kernel::close() {
  flush();
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace sluice::gateway
