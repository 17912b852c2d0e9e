// SPDX-License-Identifier: Apache-2.0
#include "agent/proxy_auth.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tls/error.hpp"

namespace sluice::agent {
namespace {

constexpr char kHex[] = "0123456789abcdef";

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

Result<std::string> hash(const std::string& algorithm, const std::string& text) {
  const EVP_MD* digest = algorithm == "SHA-256" ? EVP_sha256() : EVP_md5();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &size, digest, nullptr) != 1)
    return tls::take_error(algorithm);
  return hex(bytes.data(), size);
}

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                             reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

Result<std::string> random_hex() {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return tls::take_error("random numbers");
  return hex(bytes.data(), bytes.size());
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string parameter(const Challenge& challenge, const std::string& name) {
  auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? std::string() : found->second;
}

/// "MD5", "SHA-256", or empty for one we have not.
std::string algorithm_of(const Challenge& challenge) {
  std::string name = lower(parameter(challenge, "algorithm"));
  if (name.empty() || name == "md5") return "MD5";
  return name == "sha-256" ? "SHA-256" : "";
}

/// A qop that lists "auth", or none at all.
bool qop_fits(const Challenge& challenge) {
  std::string qop = "," + lower(parameter(challenge, "qop")) + ",";
  std::erase(qop, ' ');
  return qop == ",," || qop.find(",auth,") != std::string::npos;
}

/// How much we like a challenge; 0: we cannot answer it.
int rank(const Challenge& challenge) {
  if (challenge.scheme == "basic") return 1;
  if (challenge.scheme != "digest" || parameter(challenge, "nonce").empty() || !qop_fits(challenge)) return 0;
  std::string algorithm = algorithm_of(challenge);
  return algorithm == "SHA-256" ? 3 : algorithm == "MD5" ? 2 : 0;
}

/// Reads a header value piece by piece.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  void skip(std::string_view any_of) {
    while (!text_.empty() && any_of.find(text_.front()) != std::string_view::npos) text_.remove_prefix(1);
  }
  bool take(char wanted) {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// token, or token68, of RFC 9110 (5.6.2, 11.2); "=" is left to the caller.
  std::string_view token() {
    std::size_t size = std::min(text_.find_first_of(" \t,=\""), text_.size());
    std::string_view result = text_.substr(0, size);
    text_.remove_prefix(size);
    return result;
  }
  std::optional<std::string> quoted_string() {
    if (!take('"')) return std::nullopt;
    std::string result;
    while (!text_.empty()) {
      if (take('"')) return result;
      if (text_.front() == '\\') text_.remove_prefix(1);
      if (text_.empty()) break;
      result += text_.front();
      text_.remove_prefix(1);
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view value) {
  std::vector<Challenge> challenges;
  Reader reader(value);
  for (;;) {
    reader.skip(" \t,");
    if (reader.at_end()) return challenges;
    std::string name = lower(reader.token());
    if (name.empty()) return challenges;
    reader.skip(" \t");
    if (!reader.take('=')) {
      challenges.push_back({std::move(name), {}});
      continue;
    }
    reader.skip(" \t=");
    if (challenges.empty()) return challenges;
    std::optional<std::string> text = reader.quoted_string();
    // The first of two counts: a second could only be an attempt to confuse.
    challenges.back().parameters.emplace(std::move(name), text ? *text : std::string(reader.token()));
  }
}

Result<std::string> digest_response(const DigestInput& input) {
  Result<std::string> secret = hash(input.algorithm, input.user + ":" + input.realm + ":" + input.password);
  if (!secret) return secret;
  Result<std::string> request = hash(input.algorithm, input.method + ":" + input.uri);
  if (!request) return request;
  std::string middle = input.nonce;
  if (input.qop_auth) {
    char count[9];
    std::snprintf(count, sizeof(count), "%08x", input.count);
    middle += ":" + std::string(count) + ":" + input.cnonce + ":auth";
  }
  return hash(input.algorithm, *secret + ":" + middle + ":" + *request);
}

Result<std::optional<std::string>> ProxyAuthenticator::authorization(const std::string& target) {
  if (!challenge_) return std::optional<std::string>{};
  if (challenge_->scheme == "basic") return std::optional<std::string>("Basic " + base64(user_ + ":" + password_));
  Result<std::string> cnonce = random_hex();
  if (!cnonce) return cnonce.error();
  DigestInput input{.algorithm = algorithm_of(*challenge_),
                    .user = user_,
                    .password = password_,
                    .realm = parameter(*challenge_, "realm"),
                    .nonce = parameter(*challenge_, "nonce"),
                    .cnonce = *std::move(cnonce),
                    .count = ++count_,
                    .qop_auth = !parameter(*challenge_, "qop").empty(),
                    .method = "CONNECT",
                    .uri = target};
  Result<std::string> response = digest_response(input);
  if (!response) return response.error();
  std::string value = "Digest username=" + quoted(user_) + ", realm=" + quoted(input.realm) +
                      ", nonce=" + quoted(input.nonce) + ", uri=" + quoted(target) + ", response=" + quoted(*response);
  if (challenge_->parameters.contains("algorithm")) value += ", algorithm=" + input.algorithm;
  if (challenge_->parameters.contains("opaque")) value += ", opaque=" + quoted(parameter(*challenge_, "opaque"));
  if (input.qop_auth) {
    char count[9];
    std::snprintf(count, sizeof(count), "%08x", input.count);
    value += ", qop=auth, nc=" + std::string(count) + ", cnonce=" + quoted(input.cnonce);
  }
  return std::optional<std::string>(std::move(value));
}

Result<bool> ProxyAuthenticator::challenged(const std::vector<Challenge>& challenges, bool sent) {
  if (user_.empty()) return Error{"the proxy asks for a user and a password, and the configuration has none"};
  auto best = std::max_element(challenges.begin(), challenges.end(),
                               [](const Challenge& a, const Challenge& b) { return rank(a) < rank(b); });
  if (best == challenges.end() || rank(*best) == 0) {
    std::string asked;
    for (const Challenge& challenge : challenges) asked += (asked.empty() ? "" : ", ") + challenge.scheme;
    return Error{"the proxy asks for authentication that we have not: " + (asked.empty() ? "none named" : asked)};
  }
  // A nonce grows old (RFC 7616, 3.3: stale); anything else that is refused was the credentials.
  const bool stale = lower(parameter(*best, "stale")) == "true";
  const bool new_nonce = challenge_ && challenge_->scheme == "digest" &&
                         parameter(*best, "nonce") != parameter(*challenge_, "nonce") && count_ > 1;
  const bool again = !sent || stale || new_nonce;
  challenge_ = *best;
  count_ = 0;
  if (!again) {
    challenge_.reset();
    return Error{"the proxy refused user '" + user_ + "'"};
  }
  return true;
}

}  // namespace sluice::agent
