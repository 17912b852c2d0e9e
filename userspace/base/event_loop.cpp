// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.hpp"

#ifdef __linux__
#include <pthread.h>
#endif
#include <sys/socket.h>

#include <cerrno>

namespace sluice {

void EventLoop::start(const char* name) {
  thread_ = std::thread([this] { context_.run(); });
#ifdef __linux__
  ::pthread_setname_np(thread_.native_handle(), name);
#else
  (void)name;
#endif
}

void EventLoop::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

Result<tcp::socket> adopt(const asio::any_io_executor& executor, UniqueFd fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0) {
    return system_error("TCP socket", errno);
  }
  tcp::socket socket(executor);
  boost::system::error_code code;
  socket.assign(local.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd.get(), code);
  if (code) return Error{"TCP socket: " + code.message(), code.value()};
  (void)fd.release();  // the socket's now
  return socket;
}

Result<tcp::socket> move_to(const asio::any_io_executor& executor, tcp::socket socket) {
  boost::system::error_code code;
  UniqueFd fd(socket.release(code));
  if (code) return Error{"TCP socket: " + code.message(), code.value()};
  return adopt(executor, std::move(fd));
}

}  // namespace sluice
