// SPDX-License-Identifier: Apache-2.0
//
// For tests: an authority with files in a directory of its own, and connected TCP and TLS pairs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "tls/authority.hpp"
#include "tls/context.hpp"
#include "tls/stream.hpp"

namespace sluice::tls::testing {

/// Makes identities; its directory goes with it.
class Pki {
 public:
  Pki();
  ~Pki();
  Pki(const Pki&) = delete;
  Pki& operator=(const Pki&) = delete;

  /// A gateway "gw1" of *network* for localhost and 127.0.0.1.
  Identity gateway(const std::string& network = "corp", std::chrono::hours lifetime = std::chrono::hours(1));
  Identity agent(const std::string& name = "berlin", const std::string& network = "corp",
                 std::chrono::hours lifetime = std::chrono::hours(1));
  /// A KDS of *realm* for localhost and 127.0.0.1.
  Identity kds(const std::string& realm = "corp", std::chrono::hours lifetime = std::chrono::hours(1));
  /// A device, gateway or operator of *realm*.
  Identity holder(PeerName::Role role, const std::string& name, const std::string& realm = "corp",
                  std::chrono::seconds lifetime = std::chrono::hours(1));
  /// Puts the certificate on the list and writes the list again.
  void revoke(const Identity& identity);

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  Identity write(const std::string& name, const Request& request);
  void write_crl();

  std::filesystem::path directory_;
  Authority authority_;
  std::vector<Revocation> revoked_;
};

struct TcpPair {
  tcp::socket first, second;
};
/// Two connected sockets on 127.0.0.1; *buffer* sets small kernel buffers when not 0.
TcpPair tcp_pair(asio::io_context& context, int buffer = 0);

struct TlsPair {
  Stream server, client;
};
/// A session between the two contexts, handshake done; runs *context* until then.
Result<TlsPair> tls_pair(asio::io_context& context, const Context& server, const Context& client, int buffer = 0);

/// Runs *context* until *task* has ended.
void run(asio::io_context& context, Task<void> task);

}  // namespace sluice::tls::testing
