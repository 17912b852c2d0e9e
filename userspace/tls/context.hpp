// SPDX-License-Identifier: Apache-2.0
//
// Context: our certificate, the authority we trust and its revocation list; makes sessions and checks live
// ones again.  Mutual X.509, TLS 1.2 at least, no early data.  Not for use by two threads at once; but a session that
// it made may go on on another thread once its handshake is done, for only handshakes look at the list.
//
// A client's sessions resume its earlier ones by themselves: resumption.hpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "tls/handle.hpp"
#include "tls/peer.hpp"
#include "tls/resumption.hpp"

namespace sluice::tls {

enum class Role { server, client };

/// What a context insists on beyond the common.
struct Options {
  bool tls13_only = false;  ///< no TLS 1.2; for those who bind something to the session (channel_binding())
  bool wipe = false;        ///< OpenSSL wipes what it has decrypted once it was read: for sessions that carry keys
  /// Server, tls13_only: keeps the newest so many sessions for an hour, some 6 KiB each, and a ticket but names one.
  /// 0: the ticket holds the session (resumption.hpp).
  std::size_t sessions = 0;
};

/// The files that make an identity, all PEM.
struct Identity {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path authority;
  std::optional<std::filesystem::path> revoked;
};

class Context {
 public:
  /// Reads the files; warns when others may read the key.  Ignores SIGPIPE from here on.
  static Result<Context> create(Role role, const Identity& identity, const Options& options = {});

  /// The same identity, its files read again, for another thread; a server's tickets are good at both, unless they
  /// name sessions that it keeps.
  [[nodiscard]] Result<Context> twin() const;

  /// A session on the connected, non-blocking *fd* (not owned).  Clients give the *host* they dialled, a
  /// DNS name or an address, which the server's certificate must carry.
  Result<UniqueSsl> new_session(int fd, const std::string& host = {}) const;

  /// Reads the revocation list again if the file has changed.  True: it had, recheck() the live sessions.
  /// On an error the old list stays in force and reading is tried again each time; the same error is given once, and
  /// then not before the file has changed.
  Result<bool> reload_revoked();

  /// The checks of the handshake once more, now: chain, validity and revocation of a live session's peer.
  Result<void> recheck(const SSL* ssl) const;
  Result<void> recheck(const PeerCertificates& peer) const;

  /// Client: the next session is a full handshake; for when one that resumed was refused.
  void forget_ticket() const;
  /// Client: for another process, and from one (resumption.hpp).
  [[nodiscard]] std::string save_ticket() const { return tls::save_ticket(ctx_.get()); }
  bool take_ticket(std::string_view saved) const { return tls::take_ticket(ctx_.get(), saved); }

 private:
  Context() = default;
  Result<UniqueX509Store> make_store() const;
  Result<bool> unless_told(const Error& error, const std::string& version);

  Role role_ = Role::client;
  Identity identity_;
  Options options_;
  UniqueSslCtx ctx_;
  std::filesystem::file_time_type revoked_time_{};
  std::uintmax_t revoked_size_ = 0;
  std::string told_;  // of the list that cannot be read
};

}  // namespace sluice::tls
