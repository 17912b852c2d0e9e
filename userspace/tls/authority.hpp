// SPDX-License-Identifier: Apache-2.0
//
// Authority: a certificate authority in memory.  Makes keys, certificates and revocation lists; files are
// the business of sluice-pki, which is its user beside the tests.  ECDSA with P-256 and SHA-256.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tls/handle.hpp"
#include "tls/peer.hpp"

namespace sluice::tls {

using Time = std::chrono::system_clock::time_point;

struct Validity {
  Time not_before;
  Time not_after;
};

struct Request {
  std::string common_name;
  /// As URI subject alternative names.  They also say what the key is for: a TLS server (gateway of a network, KDS), a
  /// TLS client (everybody else), or both.
  std::vector<PeerName> names;
  std::vector<std::string> dns;  ///< host names; a server's
  std::vector<std::string> ip;   ///< addresses; a server's
  Validity validity;
};

struct Issued {
  UniqueKey key;
  UniqueX509 certificate;
};

struct Revocation {
  std::string serial;  ///< hexadecimal
  Time time;
};

class Authority {
 public:
  static Result<Authority> create(const std::string& common_name, const Validity& validity);
  /// From PEM; an error if the key is not the certificate's.
  static Result<Authority> load(std::string_view certificate_pem, std::string_view key_pem);

  Result<Issued> issue(const Request& request) const;
  Result<UniqueX509Crl> revocation_list(std::span<const Revocation> revoked, const Validity& validity) const;

  [[nodiscard]] const X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] const EVP_PKEY* key() const { return key_.get(); }

 private:
  Authority(UniqueKey key, UniqueX509 certificate) : key_(std::move(key)), certificate_(std::move(certificate)) {}

  UniqueKey key_;
  UniqueX509 certificate_;
};

std::string to_pem(const X509* certificate);
std::string to_pem(const EVP_PKEY* key);
std::string to_pem(const X509_CRL* crl);
Result<UniqueX509> certificate_from_pem(std::string_view pem);

}  // namespace sluice::tls
