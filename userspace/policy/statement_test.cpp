// SPDX-License-Identifier: Apache-2.0
#include "policy/statement.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "evidence/base64url.hpp"
#include "evidence/jws.hpp"
#include "evidence/reason.hpp"
#include "tls/testing.hpp"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;
using evidence::Reason;
using Blob = std::vector<std::uint8_t>;

Statement full() {
  Statement statement;
  statement.realm = "corp";
  statement.gateway = "gw1";
  statement.kds = {{"kds1.example.net", 8443}, {"192.0.2.7", 443}, {"2001:db8::7", 8443}};
  statement.domain = "example.net";
  for (const char* route : {"10.20.0.0/16", "fd20::/48", "0.0.0.0/0"})
    statement.routes.push_back(*Prefix::parse(route));
  statement.interval = 600s;
  statement.issued_at = std::chrono::sys_seconds(1790000000s);
  return statement;
}

class StatementTest : public ::testing::Test {
 protected:
  tls::testing::Pki pki_;
  tls::Identity kds_ = pki_.kds();

  static Blob signed_by(const tls::Identity& identity, const Statement& statement = full()) {
    auto signer = Signer::load(identity);
    EXPECT_TRUE(signer) << (signer ? "" : signer.error().message);
    auto blob = sign(statement, *signer);
    EXPECT_TRUE(blob) << (blob ? "" : blob.error().message);
    return blob ? *blob : Blob();
  }
  // As one of this PKI: a device, with the list of revoked certificates.
  Result<Verified> verified(const Blob& blob, const char* realm = "corp") {
    auto context = tls::Context::create(tls::Role::client, pki_.holder(tls::PeerName::Role::device, "laptop"));
    EXPECT_TRUE(context);
    return verify(blob, *context, realm);
  }
  void refused(const Blob& blob, Reason reason, const std::string& words, const char* realm = "corp") {
    const auto answer = verified(blob, realm);
    ASSERT_FALSE(answer) << words;
    EXPECT_EQ(evidence::reason_of(answer.error()), reason) << answer.error().message;
    EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
  }
  // Any text where the JWS was, with the certificate of *identity* behind it.
  static Blob with_jws(const std::string& jws, const tls::Identity& identity) {
    const Blob whole = signed_by(identity);
    Blob blob(jws.begin(), jws.end());
    blob.insert(blob.end(), std::ranges::find(whole, 0), whole.end());
    return blob;
  }
  Blob with_payload(const std::string& payload) {
    return with_jws(*evidence::sign(Signer::load(kds_)->key.get(), payload), kds_);
  }
};

TEST_F(StatementTest, WhatIsSignedIsRead) {
  const Blob blob = signed_by(kds_);
  RecordProperty("bytes", static_cast<int>(blob.size()));
  const auto answer = verified(blob);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->statement, full());
  EXPECT_TRUE(answer->signer.is_kds("corp"));
  Statement bare;
  bare.realm = "corp";
  bare.gateway = "gw1";
  const auto least = verified(signed_by(kds_, bare));
  ASSERT_TRUE(least) << least.error().message;
  EXPECT_EQ(least->statement, bare);
}

// The longest names that a key server is likely to have leave room for servers and routes.
TEST_F(StatementTest, ThereIsRoomForServersAndRoutesBesideACertificate) {
  auto certificate = tls::certificate_from_pem([&] {
    std::ifstream file(kds_.certificate);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }());
  const int der = i2d_X509(certificate->get(), nullptr);
  std::printf("# a certificate of %d bytes, a policy of %zu\n", der, signed_by(kds_).size());
  EXPECT_LT(der, 600);
  EXPECT_LT(signed_by(kds_).size(), 1000U);
}

TEST_F(StatementTest, OneThatIsTooLongIsNotSigned) {
  Statement longest = full();
  for (int i = 0; i < 40; ++i) longest.routes.push_back(*Prefix::parse("10.20." + std::to_string(i) + ".0/24"));
  const auto blob = sign(longest, *Signer::load(kds_));
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().number, EMSGSIZE);
  EXPECT_NE(blob.error().message.find("at most 1200"), std::string::npos) << blob.error().message;
}

TEST_F(StatementTest, EveryChangedByteIsNoticed) {
  const Blob blob = signed_by(kds_);
  const auto context = tls::Context::create(tls::Role::client, kds_);
  ASSERT_TRUE(context);
  for (std::size_t i = 0; i < blob.size(); ++i) {
    Blob changed = blob;
    changed[i] ^= 1;
    EXPECT_FALSE(verify(changed, *context, "corp")) << "byte " << i;
    EXPECT_FALSE(verify(std::span(blob).first(i), *context, "corp")) << i << " bytes";
  }
}

TEST_F(StatementTest, WhoSignsIsAKeyServerOfTheRealm) {
  refused(signed_by(pki_.kds("other")), Reason::certificate, "no key server of corp");
  refused(signed_by(pki_.holder(tls::PeerName::Role::device, "phone")), Reason::certificate, "");
  refused(signed_by(pki_.holder(tls::PeerName::Role::realm_gateway, "gw1")), Reason::certificate, "");
  refused(signed_by(pki_.gateway("corp")), Reason::certificate, "no key server of corp");
  refused(signed_by(tls::testing::Pki().kds()), Reason::certificate, "");
  // Its certificate behind what another one has signed.
  const Blob theirs = signed_by(pki_.holder(tls::PeerName::Role::device, "phone"));
  refused(with_jws(std::string(theirs.begin(), std::ranges::find(theirs, 0)), kds_), Reason::bad_signature, "");
  Statement other = full();
  other.realm = "elsewhere";
  refused(signed_by(kds_, other), Reason::malformed, "of the realm 'elsewhere', not of corp");
}

TEST_F(StatementTest, TheCertificateSaysForHowLong) {
  const Blob blob = signed_by(kds_);
  ASSERT_TRUE(verified(blob));
  pki_.revoke(kds_);
  refused(blob, Reason::certificate, "revoked");
  refused(signed_by(pki_.kds("corp", -1h)), Reason::certificate, "expired");
}

TEST_F(StatementTest, NoOtherAlgorithm) {
  const auto encoded = [](std::string_view text) {
    return evidence::to_base64url({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  const std::string payload = encoded(R"({"realm":"corp","gateway":"gw1","interval":1,"iat":1})");
  refused(with_jws(encoded(R"({"alg":"none"})") + "." + payload + ".", kds_), Reason::wrong_algorithm, "none");
  refused(with_jws(encoded(R"({"alg":"HS256"})") + "." + payload + "." + std::string(86, 'A'), kds_),
          Reason::wrong_algorithm, "HS256");
}

TEST_F(StatementTest, ClaimsAreOfTheirShape) {
  const std::string good = R"("realm":"corp","gateway":"gw1","interval":600,"iat":1790000000)";
  EXPECT_TRUE(verified(with_payload("{" + good + R"(,"of_a_later_version":{"x":[1]}})")));
  refused(with_payload("[]"), Reason::malformed, "no JSON object");
  refused(with_payload("{" + good), Reason::malformed, "");
  refused(with_payload(R"({"gateway":"gw1","interval":600,"iat":1})"), Reason::malformed, "'realm' is missing");
  for (const char* more :
       {R"("kds":"kds1:8443")", R"("kds":["kds1"])", R"("kds":[7])", R"("domain":7)", R"("domain":"a b")",
        R"("domain":"kds1:8443")", R"("routes":["10.0.0.1/8"])", R"("routes":{})"})
    refused(with_payload("{" + good + "," + more + "}"), Reason::malformed, "claim '");
  refused(with_payload(R"({"realm":"corp","gateway":"a b","interval":1,"iat":1})"), Reason::malformed, "'gateway'");
  refused(with_payload(R"({"realm":"corp","gateway":"gw1","interval":-1,"iat":1})"), Reason::malformed, "'interval'");
}

TEST_F(StatementTest, WhatIsNoPolicyAtAll) {
  refused({'x'}, Reason::malformed, "no signed policy");
  refused(Blob(1201, 'x'), Reason::malformed, "more than 1200");
  refused({'x', 0}, Reason::malformed, "no certificate stands");
  Blob more = signed_by(kds_);
  more.push_back(7);
  refused(more, Reason::malformed, "no certificate");
}

TEST(Statement, WhatIsSaidAgainTakesNoSignature) {
  Statement later = full();
  later.issued_at += 1h;
  EXPECT_TRUE(full().says_the_same(later));
  later.routes.pop_back();
  EXPECT_FALSE(full().says_the_same(later));
}

TEST(Statement, ADomain) {
  EXPECT_EQ(*parse_domain("Example.NET."), "example.net");
  for (const char* none : {"", ".", "a b", "a:1", "[::1]", "a..b"}) EXPECT_FALSE(parse_domain(none)) << none;
}

TEST(SignerTest, TellsWhichFileIsWrong) {
  tls::testing::Pki pki;
  tls::Identity identity = pki.kds();
  identity.key = "/nowhere.key";
  EXPECT_NE(Signer::load(identity).error().message.find("/nowhere.key"), std::string::npos);
  identity.certificate = "/nowhere.crt";
  EXPECT_NE(Signer::load(identity).error().message.find("/nowhere.crt"), std::string::npos);
}

}  // namespace
}  // namespace sluice::policy
