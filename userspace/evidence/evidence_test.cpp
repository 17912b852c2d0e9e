// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>

#include "evidence/claims.hpp"
#include "evidence/jws.hpp"
#include "tls/authority.hpp"

namespace sluice::evidence {
namespace {

using namespace std::chrono_literals;

class Evidence : public testing::Test {
 protected:
  Evidence() : authority_(*tls::Authority::create("test", validity())), device_(issue()), other_(issue()) {
    binding_.nonce.fill(1);
    binding_.exporter.fill(2);
    binding_.certificate = device_.certificate.get();
    binding_.now = Seconds(1'700'000'000s);
  }

  static tls::Validity validity() {
    const auto now = std::chrono::system_clock::now();
    return {now - 1h, now + 1h};
  }
  [[nodiscard]] tls::Issued issue() const {
    return *authority_.issue({.common_name = "laptop",
                              .names = {{tls::PeerName::Role::agent, "corp", "laptop"}},
                              .dns = {},
                              .ip = {},
                              .validity = validity()});
  }

  [[nodiscard]] std::string good() const {
    Result<std::string> compact = make_evidence(device_.key.get(), binding_, {{"os", {{"id", "debian"}}}});
    EXPECT_TRUE(compact) << compact.error().message;
    return compact ? *compact : "";
  }
  /// What the KDS at *binding* says to *compact*.
  static Reason why(const std::string& compact, const Binding& binding) {
    const Result<Claims> claims = verify_evidence(compact, binding);
    EXPECT_FALSE(claims);
    return claims ? Reason::internal : reason_of(claims.error());
  }
  /// The device's good claims with a change, well signed.
  template <class Change>
  [[nodiscard]] Result<Claims> after(Change change) const {
    Claims claims = *verify_evidence(good(), binding_);
    change(claims);
    return verify_evidence(*sign(device_.key.get(), to_json(claims).dump()), binding_);
  }

  tls::Authority authority_;
  tls::Issued device_, other_;
  Binding binding_;
};

TEST_F(Evidence, HoldsWhereItWasMadeFor) {
  const Result<Claims> claims = verify_evidence(good(), binding_);
  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(claims->nonce, binding_.nonce);
  EXPECT_EQ(claims->exporter, binding_.exporter);
  EXPECT_EQ(claims->issued_at, binding_.now);
  EXPECT_EQ(claims->expires_at, binding_.now + 300s);
  EXPECT_EQ(claims->ueid, *ueid_of(device_.certificate.get()));
  EXPECT_EQ(claims->certificate_sha256, *fingerprint_of(device_.certificate.get()));
  EXPECT_EQ(claims->posture, (nlohmann::json{{"os", {{"id", "debian"}}}}));
}

TEST_F(Evidence, IsRefusedWhereAnythingIsAnothers) {
  Binding other = binding_;
  other.nonce.back() ^= 1;
  EXPECT_EQ(why(good(), other), Reason::nonce);
  other = binding_;
  other.exporter.front() ^= 0x80;
  EXPECT_EQ(why(good(), other), Reason::exporter);
  other = binding_;
  other.certificate = other_.certificate.get();
  EXPECT_EQ(why(good(), other), Reason::bad_signature);
  // Claims of one device under another's signature.
  const Claims claims = *verify_evidence(good(), binding_);
  EXPECT_EQ(why(*sign(other_.key.get(), to_json(claims).dump()), other), Reason::certificate);
  other.certificate = nullptr;
  EXPECT_EQ(why(good(), other), Reason::internal);
}

TEST_F(Evidence, ClaimsOfAnotherDeviceOrCertificateAreRefused) {
  const auto device = after([](Claims& claims) { claims.ueid.back() ^= 1; });
  ASSERT_FALSE(device);
  EXPECT_EQ(reason_of(device.error()), Reason::device);
  const auto type = after([](Claims& claims) { claims.ueid.front() = 2; });
  ASSERT_FALSE(type);
  EXPECT_EQ(reason_of(type.error()), Reason::device);
  const auto certificate = after([](Claims& claims) { claims.certificate_sha256.back() ^= 1; });
  ASSERT_FALSE(certificate);
  EXPECT_EQ(reason_of(certificate.error()), Reason::certificate);
}

TEST_F(Evidence, EveryBitOfNonceAndExporterCounts) {
  Claims claims = *verify_evidence(good(), binding_);
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Binding other = binding_;
    other.nonce[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(check(claims, other));
    other = binding_;
    other.exporter[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(check(claims, other));
  }
}

TEST_F(Evidence, TheClocksMayDifferByAMinute) {
  const Claims claims = *verify_evidence(good(), binding_);
  auto at = [&](std::chrono::seconds later) {
    Binding binding = binding_;
    binding.now += later;
    return check(claims, binding);
  };
  EXPECT_TRUE(at(-60s));
  EXPECT_TRUE(at(359s));
  const auto ahead = at(-340s);
  ASSERT_FALSE(ahead);
  EXPECT_EQ(reason_of(ahead.error()), Reason::clock);
  EXPECT_EQ(ahead.error().message, "the device's clock is 340 s ahead; at most 60 s are taken");
  EXPECT_EQ(reason_of(at(-61s).error()), Reason::clock);
  const auto late = at(360s);
  ASSERT_FALSE(late);
  EXPECT_EQ(reason_of(late.error()), Reason::expired);
  EXPECT_NE(late.error().message.find("ran out 60 s ago"), std::string::npos);
}

TEST_F(Evidence, HoldsForFiveMinutesAtMost) {
  auto lasting = [&](std::chrono::seconds time) {
    return after([&](Claims& claims) { claims.expires_at = claims.issued_at + time; });
  };
  EXPECT_TRUE(lasting(1s));
  EXPECT_TRUE(lasting(300s));
  for (std::chrono::seconds time : {0s, -1s, 301s, 9'000'000'000'000s}) {
    const auto refused = lasting(time);
    ASSERT_FALSE(refused) << time.count();
    EXPECT_EQ(reason_of(refused.error()), Reason::lifetime);
  }
  // The largest numbers that JSON may hold do not overflow.
  const auto largest = after([](Claims& claims) {
    claims.expires_at = Seconds(9007199254740992s);
    claims.issued_at = claims.expires_at - 300s;
  });
  ASSERT_FALSE(largest);
  EXPECT_EQ(reason_of(largest.error()), Reason::clock);
  const auto smallest = after([](Claims& claims) {
    claims.issued_at = Seconds(0s);
    claims.expires_at = Seconds(1s);
  });
  ASSERT_FALSE(smallest);
  EXPECT_EQ(reason_of(smallest.error()), Reason::expired);
}

TEST_F(Evidence, WhatIsSignedButNoClaimsIsMalformed) {
  for (const char* payload : {"", "{}", "[]", "not JSON", "{\"eat_nonce\":1}"}) {
    EXPECT_EQ(why(*sign(device_.key.get(), payload), binding_), Reason::malformed) << payload;
  }
  EXPECT_EQ(why("", binding_), Reason::malformed);
  EXPECT_EQ(why(good() + std::string(kMostEvidence, 'A'), binding_), Reason::malformed);
}

TEST_F(Evidence, IsNotMadeWithAnothersKeyOrOfTooMuch) {
  EXPECT_FALSE(make_evidence(other_.key.get(), binding_, nlohmann::json::object()));
  EXPECT_FALSE(make_evidence(nullptr, binding_, nlohmann::json::object()));
  Binding none = binding_;
  none.certificate = nullptr;
  EXPECT_FALSE(make_evidence(device_.key.get(), none, nlohmann::json::object()));
  EXPECT_FALSE(make_evidence(device_.key.get(), binding_, nlohmann::json::array()));
  // 12,000 bytes are 16,000 in base64url, and header, signature and the other claims are more than the rest.
  const auto large = make_evidence(device_.key.get(), binding_, {{"plugins", std::string(12000, 'x')}});
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("too large"), std::string::npos) << large.error().message;
  EXPECT_TRUE(make_evidence(device_.key.get(), binding_, {{"plugins", std::string(11000, 'x')}}));
}

TEST_F(Evidence, TheUeidIsOfTheKeyAndTheFingerprintOfTheCertificate) {
  // The same key in two certificates would be one device; two keys are two.
  EXPECT_NE(*ueid_of(device_.certificate.get()), *ueid_of(other_.certificate.get()));
  EXPECT_NE(*fingerprint_of(device_.certificate.get()), *fingerprint_of(other_.certificate.get()));
  // As `openssl pkey -pubout -outform DER | sha256sum` has it.
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(device_.key.get(), &der);
  ASSERT_EQ(size, 91);  // of a P-256 key, uncompressed
  Sha256 digest;
  ASSERT_EQ(EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
  OPENSSL_free(der);
  const Ueid ueid = *ueid_of(device_.certificate.get());
  EXPECT_EQ(ueid[0], 1);
  EXPECT_TRUE(std::equal(digest.begin(), digest.end(), ueid.begin() + 1));
  EXPECT_FALSE(ueid_of(nullptr));
  EXPECT_FALSE(fingerprint_of(nullptr));
}

TEST(Reason, HasANameEachAndIsFoundInItsErrors) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::quote); ++i) {
    const auto reason = static_cast<Reason>(i);
    names.emplace_back(name_of(reason));
    EXPECT_EQ(reason_of(refusal(reason, "x")), reason);
    EXPECT_EQ(reason_of(refusal(reason, "x").in("further out")), reason);
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  // An errno is no reason.
  for (int number : {-1, 0, 5, 4095, 9999, 10012}) EXPECT_EQ(reason_of(Error{"x", number}), Reason::internal) << number;
}

}  // namespace
}  // namespace sluice::evidence
