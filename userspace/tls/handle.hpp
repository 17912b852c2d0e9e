// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL objects as unique_ptr.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace sluice::tls {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

using UniqueSsl = Handle<SSL, SSL_free>;
using UniqueSslCtx = Handle<SSL_CTX, SSL_CTX_free>;
using UniqueX509 = Handle<X509, X509_free>;
/// The stack and the certificates in it.
inline void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using UniqueChain = Handle<STACK_OF(X509), free_chain>;
using UniqueX509Crl = Handle<X509_CRL, X509_CRL_free>;
using UniqueX509Store = Handle<X509_STORE, X509_STORE_free>;
using UniqueX509StoreCtx = Handle<X509_STORE_CTX, X509_STORE_CTX_free>;
using UniqueBio = Handle<BIO, BIO_free_all>;
using UniqueKey = Handle<EVP_PKEY, EVP_PKEY_free>;

}  // namespace sluice::tls
