// SPDX-License-Identifier: Apache-2.0
//
// EventLoop: a thread that runs an io_context, and how a connected socket comes to live there.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/async.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace sluice {

class EventLoop {
 public:
  EventLoop() = default;
  ~EventLoop() { stop(); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// *name* is the thread's, for ps and top; 15 characters at most.
  void start(const char* name);
  /// Ends the thread once the handler that it is in has returned.  Handlers still waiting go with the EventLoop.
  void stop();

  [[nodiscard]] asio::io_context& context() { return context_; }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;
};

/// A TCP socket on *executor* from a descriptor.
Result<tcp::socket> adopt(const asio::any_io_executor& executor, UniqueFd fd);

/// The same connection on another executor, which may be another thread's.  What waited on *socket* is cancelled; bytes
/// and options stay, for they are the kernel's.
Result<tcp::socket> move_to(const asio::any_io_executor& executor, tcp::socket socket);

}  // namespace sluice
