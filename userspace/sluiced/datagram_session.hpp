// SPDX-License-Identifier: Apache-2.0
//
// DatagramSession: one DGRAM session from its HelloReply to its end, and the associations that are bound to it.  It
// lives on the relay's thread; start() and close() may be called from others and act there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "session/datagrams.hpp"
#include "session/framing.hpp"
#include "sluiced/egress.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/traffic.hpp"
#include "sluiced/worker.hpp"

namespace sluice::gateway {

class DatagramRelay;
class DatagramSession;

// What the control thread knows of an association when it is bound.
struct Binding {
  std::uint32_t id = 0;      // the kernel's
  std::uint32_t number = 0;  // the agent's, within its session
  std::uint8_t protocol = 0;
  Endpoint client;
  Endpoint destination;
  std::shared_ptr<Traffic> traffic;
};

// An association on the relay's thread.
struct Association {
  Binding binding;
  DatagramSession* session = nullptr;  // owns it; what finds it by another way forgets it when the session ends
  EgressSocket* egress = nullptr;
  unsigned errors_pending = 0;  // errors about it that are on their way to the kernel
};

class DatagramSession final : public Session,
                              public session::Datagrams::Handler,
                              public std::enable_shared_from_this<DatagramSession> {
 public:
  struct Numbers {
    session::Datagrams::Counters counters;
    std::size_t waiting = 0;
    std::size_t outstanding = 0;
    std::uint64_t strays = 0;  // datagrams of no association that is bound to it
  };

  // *on_link* and *session*: what the control thread calls it.
  DatagramSession(DatagramRelay& relay, LinkId on_link, std::uint64_t session, session::Datagrams::Settings settings)
      : link(on_link), number(session), relay_(relay), settings_(settings) {}

  // Once: takes the stream to the relay, sends *reply* there, and carries datagrams until the session ends.
  void start(tls::Stream stream, session::Envelope reply);
  void close(std::string reason);

  // The rest on the relay's thread.
  const SSL* ssl() override;
  void revoke(const std::string& reason) override { end(reason); }

  [[nodiscard]] bool is_open() const { return datagrams_ && datagrams_->is_open(); }
  [[nodiscard]] Numbers numbers() const;
  // False: an association of this number is there.
  bool add(const std::shared_ptr<Association>& association);
  // Forgets it and tells the agent.
  void unbind(std::uint32_t association);
  bool send(const session::Datagram& datagram) { return is_open() && datagrams_->send(datagram); }

  const LinkId link;
  const std::uint64_t number;

 private:
  // session::Datagrams::Handler
  void on_datagram(const session::Datagram& datagram) override;
  void on_error(std::uint32_t association, const session::DatagramError& error) override;
  void on_unbind(std::uint32_t association) override;
  void on_batch_end() override;

  Task<void> serve(session::Envelope reply);
  Task<Error> carry(session::Envelope reply);
  void end(const std::string& reason);

  DatagramRelay& relay_;
  const session::Datagrams::Settings settings_;
  std::optional<tls::Stream> stream_;  // until the reply is sent
  std::shared_ptr<session::Datagrams> datagrams_;
  std::string reason_;  // not empty: told to end before it carried anything
  std::unordered_map<std::uint32_t, std::shared_ptr<Association>> associations_;
  std::uint64_t strays_ = 0;
};

}  // namespace sluice::gateway
