// SPDX-License-Identifier: Apache-2.0
//
// Between Context, Resumption and Stream: why a peer's certificate was not accepted.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace sluice::tls {

/// What X509_verify_cert() found, with the certificate's subject.
std::string describe_failure(X509_STORE_CTX* store_ctx);

/// The reason of a handshake, with the certificate's subject; null if the certificate was not at fault.
const std::string* verify_error(const SSL* ssl);

}  // namespace sluice::tls
