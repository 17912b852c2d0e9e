// SPDX-License-Identifier: Apache-2.0
//
// Proxy authentication: Basic (RFC 7617) and Digest (RFC 7616) with MD5 or SHA-256 and qop=auth.
// Pure computation; proxy.cpp does the talking.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sluice::agent {

/// One challenge of a Proxy-Authenticate header; names of scheme and parameters in lower case.
struct Challenge {
  std::string scheme;
  std::map<std::string, std::string> parameters;
};

/// Every challenge in the value of one header (RFC 9110, 11.6.1); a value that cannot be read gives those
/// before the fault.
std::vector<Challenge> parse_challenges(std::string_view value);

/// What one Digest response is computed from.
struct DigestInput {
  std::string algorithm;  ///< "MD5" or "SHA-256"
  std::string user, password, realm;
  std::string nonce, cnonce;
  std::uint32_t count = 1;  ///< nc
  bool qop_auth = true;     ///< false: the server offers no qop (RFC 7616, 3.4.1 keeps RFC 2069's form)
  std::string method, uri;
};
Result<std::string> digest_response(const DigestInput& input);

/// Remembers the proxy's challenge, so that later requests need no round trip for it.
class ProxyAuthenticator {
 public:
  ProxyAuthenticator(std::string user, std::string password) : user_(std::move(user)), password_(std::move(password)) {}

  /// The value of Proxy-Authorization for a CONNECT to *target*; nothing while the proxy has not asked.
  Result<std::optional<std::string>> authorization(const std::string& target);

  /// Takes the proxy's 407.  True: try again.  An error when it asks for what we have not, or has refused
  /// the very credentials.  *sent* says whether the refused request carried any.
  Result<bool> challenged(const std::vector<Challenge>& challenges, bool sent);

 private:
  std::string user_, password_;
  std::optional<Challenge> challenge_;
  std::uint32_t count_ = 0;
};

}  // namespace sluice::agent
