// SPDX-License-Identifier: Apache-2.0
//
// Records: what became of each recent connection, ping and association, for `sluice why` and `sluice monitor`.  A ring
// of fixed size; a stream or association that outlives its place in the ring comes back to it when it ends.  Control
// thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.hpp"
#include "netlink/types.hpp"
#include "sluiced/traffic.hpp"

namespace sluice::gateway {

struct Record {
  using Clock = std::chrono::steady_clock;

  std::uint64_t serial = 0;
  std::string network;
  std::uint32_t client = 0;
  std::uint8_t protocol = 0;
  Endpoint source;
  Endpoint destination;
  netlink::Scope scope = netlink::Scope::none;
  std::optional<std::uint32_t> index;
  std::string rule;   // its text, empty for the default
  std::string route;  // empty: none
  std::string agent;  // empty: none

  std::optional<netlink::Verdict> verdict;
  std::optional<netlink::IcmpError> icmp;
  std::optional<Address> reporter;
  std::string detail;  // the agent's words, or ours where we decided
  // The other agents that were asked, and could not do it.
  struct Earlier {
    std::string agent;
    netlink::Verdict verdict;
    std::optional<netlink::IcmpError> icmp;
    std::optional<Address> reporter;
    std::string detail;
  };
  std::vector<Earlier> earlier;
  std::chrono::microseconds connect{0};

  std::chrono::system_clock::time_point began;  // when the SYN was parked, by the wall's clock
  Clock::time_point parked;
  std::optional<Clock::time_point> offered;
  std::optional<Clock::time_point> answered;
  std::optional<Clock::time_point> released;
  std::optional<Clock::time_point> established;
  std::optional<Clock::time_point> bound;
  std::optional<Clock::time_point> ended;

  std::uint64_t to_server = 0;
  std::uint64_t to_client = 0;
  std::shared_ptr<Traffic> traffic;  // of an association that an agent has accepted
  std::uint64_t errors = 0;          // told to its client; the last is in icmp and reporter
  Duration idle{0};                  // how long it may be idle at least
  std::string outcome = "waiting for the agent";
};

// What an agent says for people: cut to 200 bytes, as it is kept for long, and without control bytes, as it is logged.
std::string plain_words(std::string_view text);

nlohmann::json to_json(const Record& record);
nlohmann::json to_json(const Traffic& traffic);
// One line for the log: "verdict=refuse network=corp client=1 ...".
std::string to_log_line(const Record& record);

class Records {
 public:
  static constexpr std::size_t capacity = 4096;
  using Listener = std::function<void(const Record&)>;

  std::shared_ptr<Record> add(Record record);
  // Tells the listener and brings the record back if the ring has lost it.
  void changed(const std::shared_ptr<Record>& record);
  void listen(Listener listener) { listener_ = std::move(listener); }
  // Since the start, those included that have left the ring.
  [[nodiscard]] std::uint64_t count() const { return next_serial_ - 1; }

  struct Filter {
    std::optional<Address> source;
    std::optional<Address> destination;
    std::optional<std::uint16_t> port;
    std::optional<std::uint8_t> protocol;  // ICMP and ICMPv6 are one: the addresses tell which
    std::size_t last = 20;
  };
  // The newest first.
  [[nodiscard]] std::vector<std::shared_ptr<const Record>> find(const Filter& filter) const;

 private:
  std::deque<std::shared_ptr<Record>> ring_;  // in order of serial, but for those that came back
  std::uint64_t next_serial_ = 1;
  Listener listener_;
};

}  // namespace sluice::gateway
