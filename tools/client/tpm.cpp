// SPDX-License-Identifier: Apache-2.0
#include "client/tpm.hpp"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"
#include "tls/error.hpp"
#include "tls/handle.hpp"

namespace sluice::client {
namespace {

constexpr std::string_view device_prefix = "device:";
constexpr int most_tries = 4;  // of a quote whose PCRs were extended between reading and quoting
constexpr TPMA_OBJECT attributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                   TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
                                   TPMA_OBJECT_SIGN_ENCRYPT;
// Told apart from other keys that the same TPM makes by this template.
constexpr std::string_view unique = "sluice attestation key";

struct Free {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string hex(std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

Error failed(const std::string& what, TSS2_RC code) {
  return {"the TPM cannot " + what + ": " + Tss2_RC_Decode(code) + " (" + hex(code) + ")", EIO};
}

// A TPM's own answer about a handle, a session or a parameter tells which one as well (Part 2, 6.6.2: format one).
bool is(TSS2_RC code, TSS2_RC error) {
  constexpr TSS2_RC layer = 0xffff0000;
  if ((code & layer) != 0 || (code & TPM2_RC_FMT1) == 0) return false;
  return (code & (TPM2_RC_FMT1 | 0x3f)) == error;
}

// What the library says of a device that is not there, or not ours, tells nobody what to do.
Result<void> look_at(const std::string& tcti) {
  if (!tcti.starts_with(device_prefix)) return {};
  const std::string path = tcti.substr(device_prefix.size());
  const UniqueFd opened(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (opened) return {};
  const int number = errno;
  switch (number) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return Error{"this host has no TPM 2.0 at " + path +
                       ": turn it on in the firmware's set-up (TPM, fTPM or PTT), or name another as 'tcti' in [tpm]",
                   ENOENT};
    case EACCES:
    case EPERM:
      return Error{"no permission for the TPM at " + path + ": run this as root, or as a member of the group tss",
                   EACCES};
    case EBUSY:
      return Error{"another program has the TPM at " + path + "; /dev/tpmrm0 can be shared", EBUSY};
    default:
      return system_error("the TPM at " + path, number);
  }
}

TPM2B_PUBLIC wanted_shape() {
  TPM2B_PUBLIC shape{};
  TPMT_PUBLIC& area = shape.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = attributes;
  TPMS_ECC_PARMS& ecc = area.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_NULL;
  ecc.scheme.scheme = TPM2_ALG_ECDSA;
  ecc.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  ecc.curveID = TPM2_ECC_NIST_P256;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  TPM2B_ECC_PARAMETER& x = area.unique.ecc.x;
  x.size = unique.size();
  std::ranges::copy(unique, x.buffer);
  return shape;
}

// Whoever made it: what a verifier of its quotes relies on.
bool fits(const TPMT_PUBLIC& area) {
  const TPMS_ECC_PARMS& ecc = area.parameters.eccDetail;
  constexpr TPMA_OBJECT needed = attributes & ~TPMA_OBJECT(TPMA_OBJECT_NODA);
  return area.type == TPM2_ALG_ECC && (area.objectAttributes & needed) == needed &&
         (area.objectAttributes & TPMA_OBJECT_DECRYPT) == 0 && ecc.curveID == TPM2_ECC_NIST_P256 &&
         ecc.scheme.scheme == TPM2_ALG_ECDSA && ecc.scheme.details.ecdsa.hashAlg == TPM2_ALG_SHA256;
}

Result<std::string> pem_of(const TPMS_ECC_POINT& point) {
  constexpr std::size_t size = 32;
  std::array<unsigned char, 1 + 2 * size> bytes{4};  // uncompressed (SEC 1, 2.3.3)
  if (point.x.size > size || point.y.size > size) return Error{"the TPM's key is no point of P-256", EIO};
  std::copy_n(point.x.buffer, point.x.size, bytes.begin() + 1 + size - point.x.size);
  std::copy_n(point.y.buffer, point.y.size, bytes.begin() + 1 + 2 * size - point.y.size);
  std::array<char, 8> group{"P-256"};
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_end()};
  const tls::Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters.data())) != 1)
    return tls::take_error("the TPM's key");
  const tls::UniqueKey key(made);
  const tls::UniqueBio memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_PUBKEY(memory.get(), key.get()) != 1) return tls::take_error("the TPM's key");
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

TPML_PCR_SELECTION selection_of(const std::set<unsigned>& pcrs) {
  TPML_PCR_SELECTION selection{};
  if (pcrs.empty()) return selection;
  selection.count = 1;
  TPMS_PCR_SELECTION& bank = selection.pcrSelections[0];
  bank.hash = TPM2_ALG_SHA256;
  bank.sizeofSelect = 3;
  for (const unsigned number : pcrs)
    bank.pcrSelect[number / 8] = static_cast<BYTE>(bank.pcrSelect[number / 8] | 1U << number % 8);
  return selection;
}

// Eight at a time, which is what a TPM's answer holds.
Result<evidence::Pcrs> read_pcrs(ESYS_CONTEXT* esys, std::set<unsigned> left) {
  evidence::Pcrs pcrs;
  while (!left.empty()) {
    const TPML_PCR_SELECTION selection = selection_of(left);
    UINT32 counter = 0;
    TPML_PCR_SELECTION* told = nullptr;
    TPML_DIGEST* values = nullptr;
    const TSS2_RC code =
        Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection, &counter, &told, &values);
    if (code != TSS2_RC_SUCCESS) return failed("read its PCRs", code);
    const Owned<TPML_PCR_SELECTION> selected(told);
    const Owned<TPML_DIGEST> digests(values);
    UINT32 next = 0;
    for (auto at = left.begin(); at != left.end();) {
      const bool here = selected->count == 1 && selected->pcrSelections[0].sizeofSelect > *at / 8 &&
                        (selected->pcrSelections[0].pcrSelect[*at / 8] >> *at % 8 & 1) != 0;
      if (!here) {
        ++at;
        continue;
      }
      evidence::Sha256 value;
      if (next >= digests->count || digests->digests[next].size != value.size()) break;
      std::copy_n(digests->digests[next++].buffer, value.size(), value.begin());
      pcrs.emplace(*at, value);
      at = left.erase(at);
    }
    if (next == 0)
      return Error{"the TPM has no SHA-256 bank of PCRs, or not PCR " + std::to_string(*left.begin()) +
                       " in it: turn it on in the firmware's set-up",
                   ENOENT};
  }
  return pcrs;
}

}  // namespace

void Tpm::EndTcti::operator()(TSS2_TCTI_CONTEXT* tcti) const { Tss2_TctiLdr_Finalize(&tcti); }

Result<Tpm> Tpm::open(const TpmSettings& settings) {
  // The library writes to stderr besides; who looks for a fault in it may set this himself.
  ::setenv("TSS2_LOG", "all+NONE", 0);
  if (auto there = look_at(settings.tcti); !there) return there.error();
  Tpm tpm;
  tpm.handle_ = settings.handle;
  TSS2_TCTI_CONTEXT* tcti = nullptr;
  const auto unreached = [&](TSS2_RC code) {
    return Error{"no TPM 2.0 answers by '" + settings.tcti + "' ('tcti' in [tpm]): " + Tss2_RC_Decode(code), ENOENT};
  };
  if (const TSS2_RC code = Tss2_TctiLdr_Initialize(settings.tcti.c_str(), &tcti); code != TSS2_RC_SUCCESS)
    return unreached(code);
  tpm.tcti_.reset(tcti);
  ESYS_CONTEXT* esys = nullptr;
  if (const TSS2_RC code = Esys_Initialize(&esys, tcti, nullptr); code != TSS2_RC_SUCCESS) return unreached(code);
  tpm.esys_.reset(esys);
  return tpm;
}

Result<ESYS_TR> Tpm::load(TPM2B_PUBLIC& shape) {
  ESYS_TR key = ESYS_TR_NONE;
  TSS2_RC code = Esys_TR_FromTPMPublic(esys_.get(), handle_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &key);
  if (is(code, TPM2_RC_HANDLE))
    return Error{
        "the TPM holds no attestation key yet: run `sluice-client tpm enrol`, and give what it prints to who runs "
        "the key server",
        ENOKEY};
  if (code != TSS2_RC_SUCCESS) return failed("find the key at " + hex(handle_), code);
  TPM2B_PUBLIC* read = nullptr;
  code = Esys_ReadPublic(esys_.get(), key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &read, nullptr, nullptr);
  if (code != TSS2_RC_SUCCESS) return failed("read the key at " + hex(handle_), code);
  const Owned<TPM2B_PUBLIC> owner(read);
  if (!fits(read->publicArea))
    return Error{
        "what the TPM keeps at " + hex(handle_) +
            " is no attestation key (ECC P-256, restricted, ECDSA with SHA-256): name a free handle as 'handle' in "
            "[tpm]",
        EEXIST};
  shape = *read;
  return key;
}

Result<void> Tpm::make() {
  const TPM2B_SENSITIVE_CREATE no_secret{};
  const TPM2B_PUBLIC shape = wanted_shape();
  const TPM2B_DATA nothing{};
  const TPML_PCR_SELECTION no_pcrs{};
  ESYS_TR made = ESYS_TR_NONE, kept = ESYS_TR_NONE;
  TSS2_RC code = Esys_CreatePrimary(esys_.get(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                    &no_secret, &shape, &nothing, &no_pcrs, &made, nullptr, nullptr, nullptr, nullptr);
  if (code == TSS2_RC_SUCCESS) {
    code = Esys_EvictControl(esys_.get(), ESYS_TR_RH_OWNER, made, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle_,
                             &kept);
    (void)Esys_FlushContext(esys_.get(), made);
  }
  if (code == TSS2_RC_SUCCESS) return {};
  if (is(code, TPM2_RC_BAD_AUTH) || is(code, TPM2_RC_AUTH_FAIL))
    return Error{
        "the TPM's owner has set a password, which this program does not take: make a restricted ECC P-256 key "
        "with it (ECDSA, SHA-256), and keep it at " +
            hex(handle_) + ": tpm2_createprimary(1), tpm2_create(1), tpm2_evictcontrol(1)",
        EACCES};
  return failed("make an attestation key", code);
}

Result<std::string> Tpm::enrol() {
  TPM2B_PUBLIC shape{};
  Result<ESYS_TR> key = load(shape);
  if (!key && key.error().number == ENOKEY) {
    if (auto made = make(); !made) return made.error();
    key = load(shape);
  }
  if (!key) return key.error();
  return pem_of(shape.publicArea.unique.ecc);
}

Result<evidence::Quote> Tpm::quote(const evidence::Sha256& qualifying, const std::set<unsigned>& pcrs) {
  TPM2B_PUBLIC shape{};
  Result<ESYS_TR> key = load(shape);
  if (!key) return key.error();
  TPM2B_DATA extra{};
  extra.size = qualifying.size();
  std::ranges::copy(qualifying, extra.buffer);
  const TPMT_SIG_SCHEME of_the_key{TPM2_ALG_NULL, {}};
  const TPML_PCR_SELECTION selection = selection_of(pcrs);
  for (int i = 0; i < most_tries; ++i) {
    auto values = read_pcrs(esys_.get(), pcrs);
    if (!values) return values.error();
    TPM2B_ATTEST* quoted = nullptr;
    TPMT_SIGNATURE* by = nullptr;
    TSS2_RC code = Esys_Quote(esys_.get(), *key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &extra, &of_the_key,
                              &selection, &quoted, &by);
    if (code != TSS2_RC_SUCCESS) return failed("quote", code);
    const Owned<TPM2B_ATTEST> attest(quoted);
    const Owned<TPMT_SIGNATURE> signature(by);
    TPMS_ATTEST said{};
    std::size_t at = 0;
    code = Tss2_MU_TPMS_ATTEST_Unmarshal(attest->attestationData, attest->size, &at, &said);
    if (code != TSS2_RC_SUCCESS) return failed("quote", code);
    auto digest = evidence::digest_of(*values);
    if (!digest) return digest.error();
    const TPM2B_DIGEST& of = said.attested.quote.pcrDigest;
    if (!std::ranges::equal(std::span(of.buffer, of.size), *digest)) continue;

    evidence::Quote quote;
    quote.attest.assign(attest->attestationData, attest->attestationData + attest->size);
    quote.pcrs = *std::move(values);
    std::array<BYTE, evidence::kMostSignature> bytes{};
    at = 0;
    code = Tss2_MU_TPMT_SIGNATURE_Marshal(signature.get(), bytes.data(), bytes.size(), &at);
    if (code != TSS2_RC_SUCCESS) return failed("quote", code);
    quote.signature.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return quote;
  }
  return Error{"the TPM's PCRs change all the time; try again", EAGAIN};
}

}  // namespace sluice::client
