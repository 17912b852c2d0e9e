// SPDX-License-Identifier: Apache-2.0
#include "agent/proxy_auth.hpp"

#include <gtest/gtest.h>

namespace sluice::agent {
namespace {

// RFC 7616, 3.9.1.
DigestInput rfc7616(const std::string& algorithm) {
  return {.algorithm = algorithm,
          .user = "Mufasa",
          .password = "Circle of Life",
          .realm = "http-auth@example.org",
          .nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
          .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
          .count = 1,
          .qop_auth = true,
          .method = "GET",
          .uri = "/dir/index.html"};
}

TEST(Digest, VectorsOfRfc7616) {
  EXPECT_EQ(*digest_response(rfc7616("MD5")), "8ca523f5e9506fed4657c9700eebdbec");
  EXPECT_EQ(*digest_response(rfc7616("SHA-256")), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST(Digest, VectorOfRfc2617) {
  DigestInput input{.algorithm = "MD5",
                    .user = "Mufasa",
                    .password = "Circle Of Life",
                    .realm = "testrealm@host.com",
                    .nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                    .cnonce = "0a4f113b",
                    .count = 1,
                    .qop_auth = true,
                    .method = "GET",
                    .uri = "/dir/index.html"};
  EXPECT_EQ(*digest_response(input), "6629fae49393a05397450978507c4ef1");
}

TEST(Challenges, SeveralInOneField) {
  std::vector<Challenge> all = parse_challenges(
      R"(Negotiate, Digest realm="a \"b\", c", nonce="x==", qop="auth,auth-int", stale=FALSE, algorithm=MD5, Basic realm=z)");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].scheme, "negotiate");
  EXPECT_EQ(all[1].scheme, "digest");
  EXPECT_EQ(all[1].parameters.at("realm"), "a \"b\", c");
  EXPECT_EQ(all[1].parameters.at("nonce"), "x==");
  EXPECT_EQ(all[1].parameters.at("qop"), "auth,auth-int");
  EXPECT_EQ(all[2].scheme, "basic");
  EXPECT_EQ(all[2].parameters.at("realm"), "z");
}

TEST(Challenges, BrokenOnesDoNoHarm) {
  for (std::string_view value :
       {"", ",", "=", "Digest realm=\"open", "Digest realm=\"x\\", "\"\"", "Basic ==", "a=b"}) {
    (void)parse_challenges(value);
  }
}

TEST(Authenticator, BasicOfRfc7617) {
  ProxyAuthenticator authenticator("Aladdin", "open sesame");
  EXPECT_FALSE(*authenticator.authorization("h:1"));
  ASSERT_TRUE(*authenticator.challenged(parse_challenges("Basic realm=\"x\""), false));
  EXPECT_EQ(**authenticator.authorization("h:1"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_FALSE(authenticator.challenged(parse_challenges("Basic realm=\"x\""), true)) << "the same is refused for good";
}

TEST(Authenticator, PrefersTheStrongest) {
  ProxyAuthenticator authenticator("u", "p");
  auto challenges = parse_challenges(
      R"(Basic realm=x, Digest realm=x, nonce=n1, qop=auth, algorithm=MD5, Digest realm=x, nonce=n2, qop=auth, algorithm=SHA-256)");
  ASSERT_TRUE(*authenticator.challenged(challenges, false));
  std::string value = **authenticator.authorization("h:443");
  EXPECT_NE(value.find("algorithm=SHA-256"), std::string::npos) << value;
  EXPECT_NE(value.find("nonce=\"n2\""), std::string::npos) << value;
  EXPECT_NE(value.find("uri=\"h:443\""), std::string::npos) << value;
  EXPECT_NE(value.find("nc=00000001"), std::string::npos) << value;
  EXPECT_NE((**authenticator.authorization("h:443")).find("nc=00000002"), std::string::npos);
}

TEST(Authenticator, StaleNonceIsTriedAgainAndWrongPasswordIsNot) {
  ProxyAuthenticator authenticator("u", "p");
  ASSERT_TRUE(*authenticator.challenged(parse_challenges("Digest realm=x, nonce=n1, qop=auth"), false));
  (void)authenticator.authorization("h:1");
  ASSERT_TRUE(*authenticator.challenged(parse_challenges("Digest realm=x, nonce=n2, qop=auth, stale=true"), true));
  EXPECT_NE((**authenticator.authorization("h:1")).find("nonce=\"n2\""), std::string::npos);
  Result<bool> refused = authenticator.challenged(parse_challenges("Digest realm=x, nonce=n3, qop=auth"), true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the proxy refused user 'u'");
}

TEST(Authenticator, SaysWhatItHasNot) {
  ProxyAuthenticator authenticator("u", "p");
  EXPECT_EQ(authenticator.challenged(parse_challenges("Negotiate, NTLM"), false).error().message,
            "the proxy asks for authentication that we have not: negotiate, ntlm");
  EXPECT_FALSE(authenticator.challenged(parse_challenges("Digest realm=x, nonce=n, qop=auth-int"), false));
  EXPECT_FALSE(authenticator.challenged(parse_challenges("Digest realm=x, nonce=n, algorithm=SHA-512-256"), false));
  EXPECT_FALSE(ProxyAuthenticator("", "").challenged(parse_challenges("Basic realm=x"), false));
}

}  // namespace
}  // namespace sluice::agent
