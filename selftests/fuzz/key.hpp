// SPDX-License-Identifier: Apache-2.0
//
// The key of RFC 7515, A.3.1, so that a signature in a corpus stays good.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <vector>

#include "evidence/base64url.hpp"
#include "require.hpp"
#include "tls/handle.hpp"

namespace sluice::fuzz {

inline const EVP_PKEY* rfc_key() {
  static const tls::UniqueKey key = [] {
    auto bytes = [](std::string_view text) { return *evidence::from_base64url(text); };
    std::vector<std::uint8_t> point{4};
    for (const auto& coordinate :
         {bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")}) {
      point.insert(point.end(), coordinate.begin(), coordinate.end());
    }
    const std::vector<std::uint8_t> secret = bytes("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    const tls::Handle<BIGNUM, BN_free> number(BN_bin2bn(secret.data(), static_cast<int>(secret.size()), nullptr));
    const tls::Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get());
    const tls::Handle<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const tls::Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* made = nullptr;
    require(EVP_PKEY_fromdata_init(context.get()) == 1 &&
                EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) == 1,
            "the key can be made");
    return tls::UniqueKey(made);
  }();
  return key.get();
}

}  // namespace sluice::fuzz
