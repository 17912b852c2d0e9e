// SPDX-License-Identifier: Apache-2.0
//
// Store: an authority in a directory.  ca.crt, ca.key and ca.crl; NAME.crt and NAME.key for each
// certificate issued.  There is no database: the certificates say what was issued, and the revocation list
// what was revoked.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tls/authority.hpp"
#include "tls/peer.hpp"

namespace sluice::pki {

/// What a certificate for *name* in that role says.  A gateway has a name for each of its *networks*, and one as a
/// gateway of *realm* unless that is empty; an agent has names in networks, the others have theirs in the realm.
std::vector<tls::PeerName> names_for(tls::PeerName::Role role, const std::string& name,
                                     const std::vector<std::string>& networks, const std::string& realm);

/// A certificate and how it stands.
struct Entry {
  std::filesystem::path file;
  tls::Peer peer;
  std::vector<std::string> hosts;  ///< DNS names and addresses
  tls::Time not_before;
  bool revoked = false;

  /// "good", "expired", "revoked" or "not yet valid".
  [[nodiscard]] const char* status(tls::Time now) const;
};

class Store {
 public:
  /// A new authority with an empty revocation list.
  static Result<Store> init(const std::filesystem::path& directory, const std::string& name, tls::Time not_after,
                            bool force);
  static Result<Store> open(const std::filesystem::path& directory);

  /// Writes NAME.crt and NAME.key; *request.common_name* is NAME.
  Result<void> issue(const tls::Request& request, bool force) const;

  /// *what* is a certificate's file, a NAME, or a serial number in hexadecimal.  Returns the serial number.
  Result<std::string> revoke(const std::string& what) const;
  /// Writes ca.crl anew from what it holds.
  Result<void> write_list() const;

  /// Every certificate in the directory but the authority's, by name.
  [[nodiscard]] Result<std::vector<Entry>> list() const;
  /// One certificate: a file or a NAME.
  [[nodiscard]] Result<Entry> show(const std::string& what) const;

  [[nodiscard]] const tls::Authority& authority() const { return authority_; }
  [[nodiscard]] tls::Time not_after() const;

 private:
  Store(std::filesystem::path directory, tls::Authority authority)
      : directory_(std::move(directory)), authority_(std::move(authority)) {}
  [[nodiscard]] Result<std::vector<tls::Revocation>> revocations() const;
  [[nodiscard]] Result<void> write_list(const std::vector<tls::Revocation>& revoked) const;
  [[nodiscard]] std::filesystem::path find(const std::string& what) const;

  std::filesystem::path directory_;
  tls::Authority authority_;
};

}  // namespace sluice::pki
