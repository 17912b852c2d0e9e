// SPDX-License-Identifier: Apache-2.0
//
// For tests: quotes as a TPM lays them out, by a key of the test's own, so that each can be wrong in one thing.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>

#include <cstdint>
#include <string>
#include <vector>

#include "evidence/es256.hpp"
#include "evidence/quote.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence::testing_support {

using Bytes = std::vector<std::uint8_t>;

inline Bytes number(std::uint64_t value, int size) {
  Bytes bytes;
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  return bytes;
}
/// A TPM2B.
template <class Range>
Bytes sized(const Range& bytes) {
  Bytes all = number(bytes.size(), 2);
  all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Bytes der_of(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

inline Bytes selection_of(const Pcrs& pcrs) {
  std::uint32_t bits = 0;
  for (const auto& [at, value] : pcrs) bits |= 1U << at;
  Bytes bitmap = number(bits, 3);
  return number(1, 4) + number(0x000b, 2) + number(3, 1) + Bytes(bitmap.rbegin(), bitmap.rend());
}

/// TPMS_ATTEST of a quote, field by field.
struct Layout {
  Bytes magic = number(0xff544347, 4);
  Bytes type = number(0x8018, 2);
  Bytes signer = sized(Bytes(34, 0x0b));
  Bytes extra;
  Bytes clock = number(123456, 8) + number(7, 4) + number(0, 4) + number(1, 1);
  Bytes firmware = number(0x2019102300163636, 8);
  Bytes selections;
  Bytes digest;

  Layout(const Sha256& qualifying, const Pcrs& pcrs)
      : extra(sized(qualifying)), selections(selection_of(pcrs)), digest(sized(*digest_of(pcrs))) {}
  [[nodiscard]] Bytes bytes() const { return magic + type + signer + extra + clock + firmware + selections + digest; }
};

/// TPMT_SIGNATURE: ECDSA with SHA-256.
inline Bytes tpm_signature(const EVP_PKEY* key, const Bytes& attest) {
  const Es256Signature raw = *es256_sign(key, attest);
  const Bytes r(raw.begin(), raw.begin() + 32), s(raw.begin() + 32, raw.end());
  return number(0x0018, 2) + number(0x000b, 2) + sized(r) + sized(s);
}

inline Quote quote_by(const EVP_PKEY* key, const Sha256& qualifying, const Pcrs& pcrs) {
  const Bytes attest = Layout(qualifying, pcrs).bytes();
  return {attest, tpm_signature(key, attest), pcrs};
}

}  // namespace sluice::evidence::testing_support
