// SPDX-License-Identifier: Apache-2.0
//
// Issuer: gives a device its keys of a gateway.  The incarnation is spent and on the disk before a key is derived: what
// fails afterwards costs an incarnation and never brings one twice.
//
// A commit costs an fsync, so requests that wait at the same time belong into one issue_many(): collect while one is in
// the store, and give it all of them next.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "derivation/spi.hpp"
#include "kds/store.hpp"
#include "kds/updates.hpp"
#include "kds/wrap.hpp"

namespace sluice::kds {

struct IssueRequest {
  std::string device;
  std::string gateway;
  std::string network;
  Pool pool;                      ///< of the network at the gateway
  std::chrono::seconds lease{0};  ///< until health has to be shown again; 1 s to 24 h
};

struct Issued {
  std::string gateway;
  std::string network;
  std::uint32_t number = 0;  ///< of the generation
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  std::uint32_t spi_to_gateway = 0;
  std::uint32_t spi_to_client = 0;
  derivation::Secret key_to_gateway;  ///< key and salt (RFC 4106)
  derivation::Secret key_to_client;
  Time refresh_after;  ///< when to fetch the next one: jittered over the first four fifths of the overlap
  Time expires_after;  ///< the gateway takes nothing under it any more
  Time lease_until;
};

/// An incarnation that is spent; its key is derived once that is on the disk.
struct Taken {
  Issue issue;
  std::string network;
  Generation generation;
};

struct Renewed {
  std::uint32_t number = 0;
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t spi_to_gateway = 0;
  Time refresh_after;  ///< may be earlier than was said before: a generation that ends early, a key that is worn out
  Time expires_after;
  Time lease_until;
  bool outdated = false;  ///< worn out, or keys of a later generation are issued: another one is to take its place
};

struct IssueOptions {
  /// A device may take so many keys of a gateway within so long, and no more: with these no device uses the 512
  /// incarnations of its id up within an hour, which costs all devices a change of keys.  0: any number.
  std::uint32_t burst = 32;
  std::chrono::seconds burst_within = std::chrono::minutes(4);
};

class Issuer {
 public:
  /// A fraction, at least 0 and less than 1, another each time.
  using Random = std::function<double()>;

  /// *store* and *kek* outlive it.
  Issuer(Store& store, const Kek& kek, Random random, IssueOptions options = {})
      : store_(store), kek_(kek), random_(std::move(random)), options_(options) {}

  /// EACCES: not enrolled, disabled, banned.  ENOENT: no such gateway.  EAGAIN: later (the gateway has not acknowledged
  /// its generation; incarnations are used up; too many keys were taken).  ENOSPC: the pool is full.  EINVAL.
  Result<Issued> issue(const IssueRequest& request, Time now);
  /// In one transaction; the answers are in the order of the requests.  One that is refused does not touch the others;
  /// if the store fails, none is issued.
  std::vector<Result<Issued>> issue_many(std::span<const IssueRequest> requests, Time now);

  /// Health was shown again: the newest keys that the device has by this network, under each live generation, are good
  /// for longer.  Those that are revoked, ran out, or have an id outside of the pool are not; empty: it needs a new
  /// one. EACCES, EINVAL.
  Result<std::vector<Renewed>> renew(const IssueRequest& request, Time now);

  /// These as parts of a transaction of the caller's: what is taken is given to finish() once that is committed.
  Result<Taken> take(Transaction& transaction, const IssueRequest& request, Time now, Touched& touched);
  Result<std::vector<Renewed>> renew(Transaction& transaction, const IssueRequest& request, Time now);
  /// In the order of *taken*.  A master key that cannot be unwrapped is its error.
  std::vector<Result<Issued>> finish(std::span<const Taken> taken, Time now);

 private:
  Result<Issued> derive(const Taken& taken, const derivation::Secret& master, Time now);
  Time refresh_at(const Generation& generation, Time now);

  Store& store_;
  const Kek& kek_;
  Random random_;
  IssueOptions options_;
};

}  // namespace sluice::kds
