// SPDX-License-Identifier: Apache-2.0
//
// Inside of Server: who may have a connection (Admission), and a place among the handshakes (Opening).
//
// Before the end of a handshake nobody is known but by an address, so that whoever comes is let in: at a limit a
// handshake ends that waits for its peer.  Were the new one refused, a few addresses that say nothing would keep
// everybody out.
#pragma once

#include <list>
#include <map>
#include <memory>

#include "http/server.hpp"

namespace sluice::http {

class Opening;
class Session;

class Admission {
 public:
  explicit Admission(const Limits& limits) : limits_(limits) {}

  /// For one more handshake, for which another may have to end.  False: the server owes all of them an answer, it has
  /// too much to do.
  bool make_room(const Address& from);

 private:
  friend class Opening;

  template <class Is>
  bool end_oldest(Is is);

  const Limits limits_;
  std::list<Opening*> openings_;  ///< the oldest first
  std::map<Address, std::size_t> openings_of_;
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

}  // namespace sluice::http
