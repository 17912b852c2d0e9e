// SPDX-License-Identifier: Apache-2.0
#include "realm/ask.hpp"

#include <openssl/pem.h>

#include <cerrno>

#include "tls/error.hpp"

namespace sluice::realm {
namespace {

Result<void> still_good(X509* certificate, const std::filesystem::path& path) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0) return {};
  std::string when = "?";
  tls::UniqueBio text(BIO_new(BIO_s_mem()));
  if (text && ASN1_TIME_print(text.get(), X509_get0_notAfter(certificate)) == 1) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text.get(), &bytes);
    when.assign(bytes, static_cast<std::size_t>(size));
  }
  return Error{"the certificate " + path.string() + " expired on " + when + "; it takes another one", EKEYEXPIRED};
}

}  // namespace

Result<tls::UniqueX509> load_certificate(const std::filesystem::path& path) {
  tls::UniqueX509 certificate;
  tls::UniqueBio file(BIO_new_file(path.c_str(), "r"));
  if (file) certificate.reset(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (!certificate) return tls::take_error("certificate " + path.string());
  if (auto good = still_good(certificate.get(), path); !good) return good.error();
  return certificate;
}

Result<tls::Context> make_context(const tls::Identity& identity) {
  tls::Options strict;
  strict.tls13_only = strict.wipe = true;
  return tls::Context::create(tls::Role::client, identity, strict);
}

}  // namespace sluice::realm
