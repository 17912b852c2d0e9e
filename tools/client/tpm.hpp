// SPDX-License-Identifier: Apache-2.0
//
// Tpm: this host's TPM 2.0, by tpm2-tss: its attestation key, which signs nothing but what the TPM itself says, and
// quotes by it (Documentation/kds.rst, "Evidence").  Calls block; a quote takes a chip up to a second.
#pragma once

#include <tss2/tss2_esys.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/result.hpp"
#include "evidence/quote.hpp"

namespace sluice::client {

struct TpmSettings {
  std::string tcti = "device:/dev/tpmrm0";  ///< as tpm2-tss takes it: NAME or NAME:WORDS
  std::uint32_t handle = 0x81005150;        ///< where the TPM keeps the key: a persistent one of the owner's

  bool operator==(const TpmSettings&) const = default;
};

/// The handles that settings may name: the owner's persistent ones (TPM 2.0 Library, Part 2, 7.4).
inline constexpr std::uint32_t handle_least = 0x81000000, handle_most = 0x817fffff;

class Tpm {
 public:
  /// Errors say what there is to do: ENOENT, no TPM; EACCES, no permission.
  static Result<Tpm> open(const TpmSettings& settings);

  /// The key's public half as PEM (SubjectPublicKeyInfo).  Where there is none at the handle it is made, and kept by
  /// the TPM: ECC P-256, restricted, ECDSA with SHA-256, under the owner hierarchy.  The same TPM makes the same key
  /// until it is cleared.  EEXIST: something else is kept at the handle.
  Result<std::string> enrol();

  /// By the key that enrol() has made; ENOKEY: it has not.  Of the PCRs that are named, in the SHA-256 bank.
  Result<evidence::Quote> quote(const evidence::Sha256& qualifying, const std::set<unsigned>& pcrs);

 private:
  struct EndTcti {
    void operator()(TSS2_TCTI_CONTEXT* tcti) const;
  };
  struct EndEsys {
    void operator()(ESYS_CONTEXT* esys) const { Esys_Finalize(&esys); }
  };
  Tpm() = default;
  /// The key at the handle, found to be what it has to be; ENOKEY: none.  The handle lives as long as *esys_*.
  Result<ESYS_TR> load(TPM2B_PUBLIC& shape);
  Result<void> make();

  std::uint32_t handle_ = 0;
  std::unique_ptr<TSS2_TCTI_CONTEXT, EndTcti> tcti_;
  std::unique_ptr<ESYS_CONTEXT, EndEsys> esys_;  // before what it talks through
};

}  // namespace sluice::client
