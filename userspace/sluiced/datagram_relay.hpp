// SPDX-License-Identifier: Apache-2.0
//
// DatagramRelay: the thread that carries datagrams, between the kernel's queue, the DGRAM sessions and the clients. One
// thread for all, as one socket brings the datagrams of all clients.  Its maps are touched there alone; the control
// thread posts to it, and is told by posting.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sluiced/datagram_session.hpp"
#include "sluiced/egress.hpp"
#include "sluiced/ingress.hpp"
#include "sluiced/worker.hpp"

namespace sluice::gateway {

struct SessionEnd {
  LinkId link = 0;
  std::uint64_t session = 0;
  std::vector<std::uint32_t> ids;  // the kernel's, of what was bound to it
  DatagramSession::Numbers numbers;
  std::string reason;
};

class DatagramRelay {
 public:
  // All on the control thread.
  class Reports {
   public:
    virtual ~Reports() = default;
    // At most one of an association is on its way at a time, however fast its agent sends them.
    virtual void association_error(std::uint32_t id, const session::DatagramError& error) = 0;
    // The agent has ended them.
    virtual void associations_unbound(const std::vector<std::uint32_t>& ids) = 0;
    virtual void session_ended(const SessionEnd& end) = 0;
    // About once a second.
    virtual void session_numbers(LinkId link, std::uint64_t session, const DatagramSession::Numbers& numbers) = 0;
  };
  using Bound = std::function<void(const Result<void>& bound)>;

  DatagramRelay(asio::io_context& control, Worker& worker, Reports& reports)
      : control_(control), worker_(worker), reports_(reports), timer_(worker.context()) {}

  // Opens the socket for the kernel and begins to read it; returns its descriptor.  Once, before all else.
  Result<int> start();

  // From the control thread.  *bound* is called there, once datagrams of the association find it here.
  void bind(Binding binding, std::shared_ptr<DatagramSession> session, Bound bound);
  // The association is over, and the agent does not know; *number* need not be bound.
  void unbind(std::uint32_t id, std::shared_ptr<DatagramSession> session, std::uint32_t number);
  void stop();
  // Datagrams from the kernel of no association that is known here, as it may be for a moment after an unbind.
  [[nodiscard]] std::uint64_t strays() const { return strays_.get(); }

  // From sessions, on the relay's thread.
  [[nodiscard]] asio::any_io_executor executor() { return worker_.context().get_executor(); }
  void session_started(std::shared_ptr<DatagramSession> session);
  void session_ended(const std::shared_ptr<DatagramSession>& session,
                     const std::unordered_map<std::uint32_t, std::shared_ptr<Association>>& associations,
                     const DatagramSession::Numbers& numbers, const std::string& reason);
  void error(const std::shared_ptr<Association>& association, const session::DatagramError& error);
  void unbound(const std::shared_ptr<Association>& association);
  // What was gathered leaves: datagrams, and reports to the control thread.
  void flush();

 private:
  // Of a packet on its way to the server; ports are 0 for protocols but UDP.
  struct Tuple {
    std::uint8_t protocol;
    Endpoint client;
    Endpoint destination;
    bool operator==(const Tuple&) const = default;
  };
  struct TupleHash {
    std::size_t operator()(const Tuple& tuple) const;
  };
  // Errors about one association on their way to the kernel: as many as datagrams may wait for one, and a flood of
  // them grows no queue.
  static constexpr unsigned errors_pending_max = 16;
  struct PendingError {
    std::shared_ptr<Association> association;
    session::DatagramError error;
  };

  Result<void> bind_here(Binding binding, const std::shared_ptr<DatagramSession>& session);
  void forget(const Association& association);
  void on_packet(const IpPacket& packet);
  void report(std::function<void()> action);
  void tick();

  asio::io_context& control_;
  Worker& worker_;
  Reports& reports_;
  asio::steady_timer timer_;
  std::unique_ptr<Ingress> ingress_;
  Egress egress_;
  std::unordered_map<Tuple, std::shared_ptr<Association>, TupleHash> by_tuple_;
  std::unordered_map<std::uint32_t, std::shared_ptr<Association>> by_id_;
  std::unordered_set<std::shared_ptr<DatagramSession>> sessions_;
  std::vector<PendingError> errors_;
  std::vector<std::uint32_t> unbound_;
  Count strays_;
};

}  // namespace sluice::gateway
