// SPDX-License-Identifier: Apache-2.0
//
// Inside of Server: who may have a connection (Admission), a place among the handshakes (Opening), and one among the
// connections (Place).
//
// Before the end of a handshake nobody is known but by an address, so that whoever comes is let in: at a limit a
// handshake ends that waits for its peer.  Were the new one refused, a few addresses that say nothing would keep
// everybody out.  After it they are known by their certificates, and who is refused is told so.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "http/server.hpp"
#include "http/wire.hpp"

namespace sluice::http {

class Opening;
class Session;

/// Whose connection it is, by the certificate.
struct Holder {
  std::string name;     ///< "device/laptop"
  bool device = false;  ///< one of many, and less trusted than the others

  /// Nothing: it is for nobody of *realm*.
  static std::optional<Holder> of(const tls::Peer& peer, const std::string& realm);
};

class Admission {
 public:
  explicit Admission(const Limits& limits) : limits_(limits) {}

  /// For one more handshake, for which another may have to end.  False: the server owes all of them an answer, it has
  /// too much to do.
  bool make_room(const Address& from);
  /// Why there is no place for one more connection.
  [[nodiscard]] std::optional<Refusal> objection(const Holder& holder, const Address& from) const;

 private:
  friend class Opening;
  friend class Place;

  template <class Is>
  bool end_oldest(Is is);

  const Limits limits_;
  std::list<Opening*> openings_;  ///< the oldest first
  std::map<Address, std::size_t> openings_of_;
  std::size_t connections_ = 0;
  std::map<Address, std::size_t> of_address_;
  std::map<std::string, std::size_t> of_name_;
};

/// A place among the handshakes; there was room.  It ends before *session*.
class Opening {
 public:
  Opening(std::shared_ptr<Admission> admission, const Address& from, Session& session);
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() { end(); }

  void end();

 private:
  friend class Admission;

  std::shared_ptr<Admission> admission_;
  Address key_;
  Session& session_;
  std::list<Opening*>::iterator place_;
  bool ended_ = false;
};

/// A place among the connections; there was no objection.
class Place {
 public:
  Place(std::shared_ptr<Admission> admission, const Holder& holder, const Address& from);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

 private:
  std::shared_ptr<Admission> admission_;
  std::string name_;
  Address key_;
};

}  // namespace sluice::http
