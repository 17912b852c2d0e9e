// SPDX-License-Identifier: Apache-2.0
//
// Quotes of a layout of our own, so that each can be wrong in one thing; tools/client/tpm_test.cpp has those of a TPM.
#include "evidence/quote.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <functional>

#include "evidence/base64url.hpp"
#include "evidence/testing.hpp"

namespace sluice::evidence {
namespace {

using namespace testing_support;

std::string pem_of(EVP_PKEY* key, bool secret = false) {
  const tls::UniqueBio memory(BIO_new(BIO_s_mem()));
  if (secret)
    PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  else
    PEM_write_bio_PUBKEY(memory.get(), key);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

class QuoteTest : public testing::Test {
 protected:
  static Sha256 filled(std::uint8_t value) {
    Sha256 bytes;
    bytes.fill(value);
    return bytes;
  }
  [[nodiscard]] Quote signed_by(const EVP_PKEY* key, const Bytes& attest) const {
    return {attest, tpm_signature(key, attest), pcrs_};
  }
  [[nodiscard]] Quote good() const { return signed_by(key_.get(), layout_.bytes()); }
  Result<void> verify(const Quote& quote) { return verify_quote(quote, qualifying_, der_of(key_.get())); }
  /// Well signed, with one change in what is.
  Result<void> after(const std::function<void(Layout&)>& change) {
    Layout changed = layout_;
    change(changed);
    return verify(signed_by(key_.get(), changed.bytes()));
  }
  static void expect(const Result<void>& done, Reason reason, const char* words) {
    ASSERT_FALSE(done);
    EXPECT_STREQ(name_of(reason_of(done.error())), name_of(reason)) << done.error().message;
    EXPECT_NE(done.error().message.find(words), std::string::npos) << done.error().message;
  }

  tls::UniqueKey key_{EVP_EC_gen("P-256")}, other_{EVP_EC_gen("P-256")};
  Nonce nonce_ = filled(1);
  Exporter exporter_ = filled(2);
  Sha256 qualifying_ = *qualifying_data(nonce_, exporter_, "a.b.c");
  Pcrs pcrs_{{0, filled(3)}, {7, filled(4)}};
  Layout layout_{qualifying_, pcrs_};
};

TEST_F(QuoteTest, OfThisEvidenceByTheEnrolledKey) {
  EXPECT_TRUE(verify(good())) << verify(good()).error().message;
  // No PCRs at all: that it is this TPM.
  pcrs_.clear();
  EXPECT_TRUE(after([](Layout& l) {
    l.selections = number(0, 4);
    l.digest = sized(*digest_of({}));
  }));
  // A bank of which none is selected says nothing.
  EXPECT_TRUE(after([](Layout& l) {
    l.selections = number(2, 4) + number(4, 2) + number(3, 1) + Bytes(3) + number(0x000b, 2) + number(3, 1) + Bytes(3);
    l.digest = sized(*digest_of({}));
  }));
}

TEST_F(QuoteTest, AnotherChallengeConnectionOrEvidence) {
  Nonce nonce = nonce_;
  nonce[31] ^= 1;
  Exporter exporter = exporter_;
  exporter[0] ^= 1;
  for (const Sha256& other : {*qualifying_data(nonce, exporter_, "a.b.c"), *qualifying_data(nonce_, exporter, "a.b.c"),
                              *qualifying_data(nonce_, exporter_, "a.b.d")}) {
    EXPECT_NE(other, qualifying_);
    expect(after([&](Layout& l) { l.extra = sized(other); }), Reason::quote, "other evidence, another challenge");
  }
  expect(after([](Layout& l) { l.extra = sized(Bytes()); }), Reason::quote, "qualifying data");
  expect(after([&](Layout& l) { l.extra = sized(Bytes(qualifying_.begin(), qualifying_.end() - 1)); }), Reason::quote,
         "qualifying data");
}

TEST_F(QuoteTest, AnotherKey) {
  expect(verify(signed_by(other_.get(), layout_.bytes())), Reason::bad_signature, "sluice-client tpm enrol");
  Quote changed = good();
  changed.attest[50] ^= 1;
  expect(verify(changed), Reason::bad_signature, "not by the attestation key");
  changed = good();
  changed.signature.back() ^= 1;
  expect(verify(changed), Reason::bad_signature, "not by the attestation key");
}

TEST_F(QuoteTest, WhatATpmHasNotMade) {
  expect(after([](Layout& l) { l.magic = number(0xff544346, 4); }), Reason::quote, "TPM_GENERATED_VALUE");
  expect(verify(signed_by(key_.get(), Bytes(200, 'x'))), Reason::quote, "0x78787878");
  // TPM_ST_ATTEST_TIME, TPM_ST_ATTEST_CERTIFY
  for (const unsigned type : {0x8019U, 0x8017U, 0U})
    expect(after([&](Layout& l) { l.type = number(type, 2); }), Reason::quote, "no quote: it takes TPM2_Quote");
}

TEST_F(QuoteTest, BytesThatAreMissingOrTooMany) {
  const Bytes whole = layout_.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<void> done =
        verify(signed_by(key_.get(), Bytes(whole.begin(), whole.begin() + static_cast<long>(size))));
    expect(done, Reason::malformed, "TPMS_ATTEST");
  }
  expect(verify(signed_by(key_.get(), whole + Bytes(1))), Reason::malformed, "TPMS_ATTEST");
  expect(verify(signed_by(key_.get(), whole + Bytes(1000))), Reason::malformed, "TPMS_ATTEST");
  const Quote quote = good();
  for (std::size_t size = 0; size < quote.signature.size(); ++size) {
    Quote cut = quote;
    cut.signature.resize(size);
    expect(verify(cut), Reason::malformed, "TPMT_SIGNATURE");
  }
  Quote longer = quote;
  longer.signature.push_back(0);
  expect(verify(longer), Reason::malformed, "TPMT_SIGNATURE");
  expect(after([](Layout& l) { l.signer = sized(Bytes(67)); }), Reason::malformed, "TPMS_ATTEST");
  expect(after([](Layout& l) { l.clock.back() = 2; }), Reason::malformed, "TPMS_ATTEST");
  expect(after([](Layout& l) { l.selections = number(0xffffffff, 4); }), Reason::malformed, "TPMS_ATTEST");
  expect(after([](Layout& l) { l.selections = number(1, 4) + number(0x000b, 2) + number(5, 1) + Bytes(5); }),
         Reason::malformed, "TPMS_ATTEST");
}

TEST_F(QuoteTest, OtherAlgorithms) {
  Quote quote = good();
  quote.signature[1] = 0x14;  // TPM_ALG_RSASSA
  expect(verify(quote), Reason::wrong_algorithm, "0x0014");
  quote = good();
  quote.signature[3] = 0x04;  // TPM_ALG_SHA1
  expect(verify(quote), Reason::wrong_algorithm, "0x0004");
  expect(after([](Layout& l) { l.selections[5] = 0x04; }), Reason::wrong_algorithm, "0x0004");
  const tls::UniqueKey larger(EVP_EC_gen("P-384"));
  expect(verify_quote(good(), qualifying_, der_of(larger.get())), Reason::wrong_algorithm, "P-256");
  expect(verify_quote(good(), qualifying_, Bytes{1, 2, 3}), Reason::internal, "does not read");
}

// A number that begins with zeros, one signature in 128, may be written without them.
TEST_F(QuoteTest, NumbersOfASignatureMayBeShort) {
  for (int i = 0; i < 5000; ++i) {
    const Quote quote = good();
    if (quote.signature[6] != 0) continue;
    Quote shorter = quote;
    shorter.signature.erase(shorter.signature.begin() + 6);
    shorter.signature[5] = 31;
    EXPECT_TRUE(verify(quote));
    EXPECT_TRUE(verify(shorter)) << verify(shorter).error().message;
    return;
  }
  FAIL() << "no signature with a leading zero";
}

TEST_F(QuoteTest, ExactlyThePcrsThatAreTold) {
  const char* words = "other PCRs, or of other values";
  Quote quote = good();
  quote.pcrs[7][0] ^= 1;
  expect(verify(quote), Reason::quote, words);
  quote = good();
  quote.pcrs.erase(7);
  expect(verify(quote), Reason::quote, words);
  quote = good();
  quote.pcrs[8] = {};
  expect(verify(quote), Reason::quote, words);
  quote = good();
  quote.pcrs[24] = {};
  expect(verify(quote), Reason::malformed, "beyond 23");
  quote = good();
  quote.pcrs[1] = quote.pcrs[0];  // the same values, as other PCRs
  quote.pcrs.erase(0);
  expect(verify(quote), Reason::quote, words);
  expect(after([](Layout& l) { l.digest = sized(Bytes(32)); }), Reason::quote, words);
  expect(after([](Layout& l) { l.digest = sized(Bytes()); }), Reason::quote, words);
  // Both halves of one bank.
  expect(after([](Layout& l) {
           const Bytes one = number(0x000b, 2) + number(3, 1);
           l.selections = number(2, 4) + one + Bytes{0x01, 0, 0} + one + Bytes{0x80, 0, 0};
         }),
         Reason::malformed, "selection");
}

TEST(AttestationKey, IsTheSameHoweverItWasWritten) {
  const tls::UniqueKey key(EVP_EC_gen("P-256"));
  const Bytes der = der_of(key.get());
  EXPECT_EQ(*read_attestation_key(pem_of(key.get())), der);
  EXPECT_EQ(*read_attestation_key(to_base64url(der)), der);
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
  const Bytes compressed = der_of(key.get());
  EXPECT_NE(compressed, der);
  EXPECT_EQ(*read_attestation_key(to_base64url(compressed)), der);
}

TEST(AttestationKey, WhatIsNone) {
  const tls::UniqueKey key(EVP_EC_gen("P-256")), larger(EVP_EC_gen("P-384"));
  const tls::UniqueKey rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(1024)));
  const std::string pem = pem_of(key.get());
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("-----BEGIN "), pem.substr(0, 60), pem_of(key.get(), true),
        pem_of(larger.get()), pem_of(rsa.get()), to_base64url(der_of(key.get()) + Bytes(1)), std::string(2000, 'A'),
        std::string("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n"
                    "-----END PUBLIC KEY-----\n")}) {
    const auto read = read_attestation_key(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(reason_of(read.error()), Reason::malformed);
    EXPECT_NE(read.error().message.find("sluice-client tpm enrol"), std::string::npos) << read.error().message;
  }
}

}  // namespace
}  // namespace sluice::evidence
