// SPDX-License-Identifier: Apache-2.0
#include "sluiced/status.hpp"

#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "sluiced/spawn.hpp"

namespace sluice::gateway {

using asio::local::stream_protocol;

std::string to_line(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Status::~Status() { close(); }

Result<void> Status::listen(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);  // bind() tells if that failed
  boost::system::error_code failure;
  // A socket file that nobody answers is what a crash left behind.
  stream_protocol::socket probe(control_);
  probe.connect(stream_protocol::endpoint(path.string()), failure);
  if (!failure) return Error{path.string() + ": another sluiced answers there", EADDRINUSE};
  if (failure == asio::error::connection_refused) std::filesystem::remove(path, ignored);
  failure.clear();

  acceptor_.open(stream_protocol(), failure);
  if (!failure) acceptor_.bind(stream_protocol::endpoint(path.string()), failure);
  // The group may ask: what is shown there is who talks to whom.
  if (!failure && ::chmod(path.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) != 0)
    return system_error(path.string(), errno);
  if (!failure) acceptor_.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) return Error{path.string() + ": " + failure.message(), failure.value()};
  path_ = path;
  asio::co_spawn(control_, accept_loop(), no_exceptions);
  return {};
}

void Status::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->close(ignored);
  for (const auto& monitor : monitors_) monitor->signal.cancel();
  std::error_code no_matter;
  if (!path_.empty()) std::filesystem::remove(std::exchange(path_, {}), no_matter);
}

Task<void> Status::accept_loop() {
  while (acceptor_.is_open()) {
    auto socket = std::make_shared<Socket>(control_);
    auto [failure] = co_await acceptor_.async_accept(*socket, use_tuple);
    if (failure == asio::error::operation_aborted) co_return;
    if (failure || connections_.size() >= connections_max) continue;
    connections_.insert(socket);
    asio::co_spawn(control_, serve(socket), [this, socket](std::exception_ptr exception) {
      connections_.erase(socket);
      no_exceptions(exception);
    });
  }
}

Task<void> Status::serve(std::shared_ptr<Socket> socket) {
  std::string buffer;
  for (;;) {
    auto [failure, size] =
        co_await asio::async_read_until(*socket, asio::dynamic_buffer(buffer, request_max), '\n', use_tuple);
    if (failure) co_return;
    const nlohmann::json request = nlohmann::json::parse(buffer.substr(0, size), nullptr, /*allow_exceptions=*/false);
    buffer.erase(0, size);
    nlohmann::json reply;
    if (!request.is_object() || !request.contains("get") || !request["get"].is_string()) {
      reply = {{"error", "a request is an object with \"get\""}};
    } else if (request["get"] == "monitor") {
      Task<void> monitoring = monitor(socket);  // not within the co_await: see listener.hpp
      co_await std::move(monitoring);
      co_return;
    } else {
      auto answered = answer_(request);
      reply = answered ? *std::move(answered) : nlohmann::json{{"error", answered.error().message}};
    }
    const std::string line = to_line(reply);
    auto [broken, written] = co_await asio::async_write(*socket, asio::buffer(line), use_tuple);
    if (broken) co_return;
  }
}

Task<void> Status::monitor(std::shared_ptr<Socket> socket) {
  auto monitor = std::make_shared<Monitor>(control_);
  monitors_.insert(monitor);
  // A monitor says nothing more: when it is readable it has gone.
  socket->async_wait(Socket::wait_read, [socket, monitor](boost::system::error_code) {
    boost::system::error_code ignored;
    socket->close(ignored);
    monitor->signal.cancel();
  });
  while (socket->is_open()) {
    if (monitor->lines.empty()) {
      (void)co_await monitor->signal.async_wait(use_tuple);
      continue;
    }
    std::string line = std::move(monitor->lines.front());
    monitor->lines.pop_front();
    if (monitor->lines.empty() && monitor->lost > 0)
      monitor->lines.push_back(to_line({{"lost", std::exchange(monitor->lost, 0)}}));
    auto [failure, size] = co_await asio::async_write(*socket, asio::buffer(line), use_tuple);
    if (failure) break;
  }
  monitors_.erase(monitor);
}

void Status::publish(const nlohmann::json& event) {
  const std::string line = to_line(event);
  for (const auto& monitor : monitors_) {
    if (monitor->lines.size() >= monitor_queue_max) {
      ++monitor->lost;
      continue;
    }
    monitor->lines.push_back(line);
    monitor->signal.cancel();
  }
}

}  // namespace sluice::gateway
