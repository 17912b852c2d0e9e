// SPDX-License-Identifier: Apache-2.0
#include "evidence/jws.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "evidence/base64url.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence {
namespace {

constexpr std::size_t kMost = 16384;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string encoded(std::string_view text) { return to_base64url(bytes_of(text)); }

tls::UniqueKey p256() { return tls::UniqueKey(EVP_EC_gen("P-256")); }

struct Parts {
  std::string header, payload, signature;
  [[nodiscard]] std::string joined() const { return header + "." + payload + "." + signature; }
};

Parts split(const std::string& compact) {
  const std::size_t first = compact.find('.'), second = compact.find('.', first + 1);
  return {compact.substr(0, first), compact.substr(first + 1, second - first - 1), compact.substr(second + 1)};
}

/// A good signature under any header: what a device could send.
std::string signed_under(const EVP_PKEY* key, std::string_view header, std::string_view payload) {
  const tls::Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const std::string text = encoded(header) + "." + encoded(payload);
  std::vector<std::uint8_t> der(128);
  std::size_t size = der.size();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, const_cast<EVP_PKEY*>(key)), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), der.data(), &size, bytes_of(text).data(), text.size()), 1);
  const unsigned char* at = der.data();
  const tls::Handle<ECDSA_SIG, ECDSA_SIG_free> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  std::array<std::uint8_t, 64> raw{};
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), 32), 32);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + 32, 32), 32);
  return text + "." + to_base64url(raw);
}

/// RFC 7515, A.3.1: the public key, as x and y.
tls::UniqueKey rfc_key() {
  std::vector<std::uint8_t> point{4};
  for (const char* coordinate :
       {"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}) {
    const auto bytes = from_base64url(coordinate);
    point.insert(point.end(), bytes->begin(), bytes->end());
  }
  char group[] = "P-256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const tls::Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters)), 1);
  return tls::UniqueKey(key);
}

const std::string kRfc =
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

Reason why(const std::string& compact, const EVP_PKEY* key) {
  const Result<std::string> payload = verify(compact, key, kMost);
  EXPECT_FALSE(payload) << compact;
  return payload ? Reason::internal : reason_of(payload.error());
}

TEST(Jws, VerifiesTheExampleOfTheRfc) {
  const Result<std::string> payload = verify(kRfc, rfc_key().get(), kMost);
  ASSERT_TRUE(payload) << payload.error().message;
  EXPECT_EQ(*payload, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
  EXPECT_EQ(why(kRfc, p256().get()), Reason::bad_signature);
}

TEST(Jws, VerifiesWhatItSigned) {
  const tls::UniqueKey key = p256();
  // Often enough for an r or s with zero bytes in front.
  for (int i = 0; i < 600; ++i) {
    const std::string payload = "payload " + std::to_string(i);
    const Result<std::string> compact = sign(key.get(), payload);
    ASSERT_TRUE(compact) << compact.error().message;
    ASSERT_EQ(split(*compact).signature.size(), 86U);
    const Result<std::string> read = verify(*compact, key.get(), kMost);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(*read, payload);
  }
  EXPECT_TRUE(verify(*sign(key.get(), ""), key.get(), kMost));
}

TEST(Jws, RefusesItWithAnyCharacterChanged) {
  const tls::UniqueKey key = p256();
  const std::string good = *sign(key.get(), R"({"a":1})");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (char c : {'A', 'B', '_', '.', '=', '\0', '\x80'}) {
      std::string bad = good;
      bad[at] = c;
      if (bad == good) continue;
      EXPECT_FALSE(verify(bad, key.get(), kMost)) << at << " " << c;
    }
    EXPECT_FALSE(verify(good.substr(0, at), key.get(), kMost)) << at;
    EXPECT_FALSE(verify(std::string(good).insert(at, 1, 'A'), key.get(), kMost)) << at;
  }
  EXPECT_EQ(why(good + "A", key.get()), Reason::malformed);
  EXPECT_EQ(why(good + "=", key.get()), Reason::malformed);
  EXPECT_EQ(why(good + "\n", key.get()), Reason::malformed);
}

TEST(Jws, TakesTheHeaderThatItWritesAndOneWithoutType) {
  const tls::UniqueKey key = p256();
  for (std::string_view header : {R"({"alg":"ES256"})", R"({"typ":"JWT","alg":"ES256"})", R"( { "alg" : "ES256" } )",
                                  R"({"\u0061lg":"ES256"})"}) {
    EXPECT_TRUE(verify(signed_under(key.get(), header, "x"), key.get(), kMost)) << header;
  }
}

TEST(Jws, RefusesEveryOtherHeaderHoweverWellSigned) {
  const tls::UniqueKey key = p256();
  for (std::string_view algorithm :
       {"none", "None", "", "es256", "Es256", "HS256", "RS256", "ES384", "ES256K", "ES256 ", "EdDSA", "ES256\\u0000"}) {
    const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","typ":"JWT"})";
    EXPECT_EQ(why(signed_under(key.get(), header, "x"), key.get()), Reason::wrong_algorithm) << header;
  }
  for (std::string_view header : {R"({})",
                                  R"({"typ":"JWT"})",
                                  R"({"alg":null})",
                                  R"({"alg":["ES256"]})",
                                  R"({"alg":1})",
                                  R"(["alg","ES256"])",
                                  R"("ES256")",
                                  R"()",
                                  R"({"alg":"ES256","alg":"ES256"})",
                                  R"({"alg":"none","alg":"ES256"})",
                                  R"({"alg":"ES256","crit":["b64"],"b64":false})",
                                  R"({"alg":"ES256","kid":"1"})",
                                  R"({"alg":"ES256","jwk":{}})",
                                  R"({"alg":"ES256","x5c":[]})",
                                  R"({"alg":"ES256","Alg":"none"})",
                                  R"({"alg":"ES256","typ":"jwt"})",
                                  R"({"alg":"ES256","typ":"JOSE"})",
                                  R"({"alg":"ES256","typ":null})",
                                  R"({"alg":"ES256"}x)",
                                  "{\"alg\":\"ES256\xff\"}"}) {
    EXPECT_EQ(why(signed_under(key.get(), header, "x"), key.get()), Reason::malformed) << header;
  }
  EXPECT_EQ(why(signed_under(key.get(), R"({"alg":"ES256"})" + std::string(300, ' '), "x"), key.get()),
            Reason::malformed);
  // Not signed at all.
  EXPECT_EQ(why(encoded(R"({"alg":"none"})") + "." + encoded("{}") + ".", key.get()), Reason::wrong_algorithm);
}

TEST(Jws, RefusesOtherThanThreeParts) {
  const tls::UniqueKey key = p256();
  const Parts good = split(*sign(key.get(), "{}"));
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."), std::string("..."), good.header,
                                 good.header + "." + good.payload, good.joined() + ".", "." + good.joined(),
                                 good.joined() + "." + good.signature, good.header + ".." + good.signature + ".",
                                 "." + good.payload + "." + good.signature, " " + good.joined(), good.joined() + " "}) {
    EXPECT_EQ(why(bad, key.get()), Reason::malformed) << bad;
  }
  // Told as what it is, and not as a signature of the wrong length.
  EXPECT_NE(verify(good.joined() + ".", key.get(), kMost).error().message.find("three parts"), std::string::npos);
  // An empty payload is one; this is not its signature.
  EXPECT_EQ(why(good.header + ".." + good.signature, key.get()), Reason::bad_signature);
}

TEST(Jws, RefusesASignatureInAnyOtherEncoding) {
  const tls::UniqueKey key = p256();
  const Parts good = split(*sign(key.get(), "{}"));
  const std::vector<std::uint8_t> raw = *from_base64url(good.signature);
  auto with = [&](std::vector<std::uint8_t> bytes) {
    return good.header + "." + good.payload + "." + to_base64url(bytes);
  };
  ASSERT_TRUE(verify(with(raw), key.get(), kMost));
  for (std::size_t size : {0U, 1U, 32U, 61U, 62U, 63U}) {
    EXPECT_EQ(why(with({raw.begin(), raw.begin() + static_cast<long>(size)}), key.get()), Reason::malformed) << size;
    EXPECT_EQ(why(with({raw.end() - static_cast<long>(size), raw.end()}), key.get()), Reason::malformed) << size;
  }
  for (std::size_t more : {1U, 2U, 64U}) {
    std::vector<std::uint8_t> longer = raw;
    longer.resize(raw.size() + more);
    EXPECT_EQ(why(with(longer), key.get()), Reason::malformed);
    std::vector<std::uint8_t> padded(more);
    padded.insert(padded.end(), raw.begin(), raw.end());
    EXPECT_EQ(why(with(padded), key.get()), Reason::malformed);
  }
  // As OpenSSL writes it: 68 to 72 bytes, of DER.
  const tls::Handle<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  ASSERT_EQ(ECDSA_SIG_set0(pair.get(), BN_bin2bn(raw.data(), 32, nullptr), BN_bin2bn(raw.data() + 32, 32, nullptr)), 1);
  std::vector<std::uint8_t> der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)));
  unsigned char* at = der.data();
  i2d_ECDSA_SIG(pair.get(), &at);
  EXPECT_EQ(why(with(der), key.get()), Reason::malformed);
  // 64 bytes are 86 characters, of which the last has four bits to spare.
  std::string spare = good.joined();
  spare.back() = spare.back() == 'Q' ? 'R' : static_cast<char>(spare.back() + 1);
  EXPECT_EQ(why(spare, key.get()), Reason::malformed);
}

TEST(Jws, RefusesNumbersOutOfRange) {
  const tls::UniqueKey key = p256();
  const Parts good = split(*sign(key.get(), "{}"));
  const std::vector<std::uint8_t> raw = *from_base64url(good.signature);
  // CVE-2022-21449: r = s = 0 satisfied some verifiers for any message.
  std::vector<std::vector<std::uint8_t>> signatures{std::vector<std::uint8_t>(64, 0),
                                                    std::vector<std::uint8_t>(64, 0xff)};
  std::vector<std::uint8_t> no_r = raw, no_s = raw;
  std::fill(no_r.begin(), no_r.begin() + 32, std::uint8_t{0});
  std::fill(no_s.begin() + 32, no_s.end(), std::uint8_t{0});
  signatures.push_back(no_r);
  signatures.push_back(no_s);
  // r = s = n, the order of the group (SEC 2, 2.4.2).
  const std::uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
  std::vector<std::uint8_t> orders(64);
  for (std::size_t i = 0; i < orders.size(); ++i) orders[i] = order[i % 32];
  signatures.push_back(orders);
  for (const auto& signature : signatures) {
    EXPECT_EQ(why(good.header + "." + good.payload + "." + to_base64url(signature), key.get()), Reason::bad_signature);
  }
}

TEST(Jws, TakesKeysOfP256Only) {
  const std::string compact = *sign(p256().get(), "{}");
  const tls::UniqueKey others[] = {tls::UniqueKey(EVP_EC_gen("P-384")), tls::UniqueKey(EVP_EC_gen("secp256k1")),
                                   tls::UniqueKey(EVP_RSA_gen(2048)),
                                   tls::UniqueKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
  for (const tls::UniqueKey& other : others) {
    ASSERT_TRUE(other);
    EXPECT_EQ(why(compact, other.get()), Reason::wrong_algorithm);
    const Result<std::string> signed_by_it = sign(other.get(), "{}");
    ASSERT_FALSE(signed_by_it);
    EXPECT_EQ(reason_of(signed_by_it.error()), Reason::wrong_algorithm);
  }
  EXPECT_FALSE(sign(nullptr, "{}"));
  EXPECT_FALSE(verify(compact, nullptr, kMost));
  // A public key alone signs nothing.
  const Result<std::string> unsigned_yet = sign(rfc_key().get(), "{}");
  ASSERT_FALSE(unsigned_yet);
  EXPECT_EQ(reason_of(unsigned_yet.error()), Reason::internal);
}

TEST(Jws, IsNoLongerThanAllowed) {
  const tls::UniqueKey key = p256();
  const std::string compact = *sign(key.get(), std::string(1000, 'x'));
  EXPECT_TRUE(verify(compact, key.get(), compact.size()));
  const Result<std::string> refused = verify(compact, key.get(), compact.size() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(reason_of(refused.error()), Reason::malformed);
}

}  // namespace
}  // namespace sluice::evidence
