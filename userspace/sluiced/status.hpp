// SPDX-License-Identifier: Apache-2.0
//
// Status: the Unix socket that `sluice` asks: one JSON object a line, both ways (Documentation/daemons.rst).
// Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "base/async.hpp"
#include "base/result.hpp"

namespace sluice::gateway {

class Status {
 public:
  using Answer = std::function<Result<nlohmann::json>(const nlohmann::json& request)>;

  static constexpr std::size_t connections_max = 64;
  static constexpr std::size_t request_max = 4096;
  // Events that wait for a monitor which reads slowly; what comes beyond is counted, and told when it reads again.
  static constexpr std::size_t monitor_queue_max = 1024;

  Status(asio::io_context& control, Answer answer)
      : control_(control), answer_(std::move(answer)), acceptor_(control) {}
  ~Status();
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  Result<void> listen(const std::filesystem::path& path);
  // To every monitor.
  void publish(const nlohmann::json& event);
  [[nodiscard]] bool has_monitors() const { return !monitors_.empty(); }
  void close();

 private:
  using Socket = asio::local::stream_protocol::socket;
  struct Monitor {
    explicit Monitor(asio::io_context& control) : signal(control, asio::steady_timer::time_point::max()) {}
    std::deque<std::string> lines;
    std::size_t lost = 0;
    asio::steady_timer signal;
  };

  Task<void> accept_loop();
  Task<void> serve(std::shared_ptr<Socket> socket);
  Task<void> monitor(std::shared_ptr<Socket> socket);

  asio::io_context& control_;
  Answer answer_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::filesystem::path path_;
  std::set<std::shared_ptr<Monitor>> monitors_;
  std::set<std::shared_ptr<Socket>> connections_;
};

// One line of JSON; bytes that are no UTF-8, which agents may send as their words, are replaced.
std::string to_line(const nlohmann::json& json);

}  // namespace sluice::gateway
