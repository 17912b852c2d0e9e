// SPDX-License-Identifier: Apache-2.0
#include "tls/authority.hpp"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "tls/error.hpp"

namespace sluice::tls {
namespace {

using UniqueBignum = Handle<BIGNUM, BN_free>;
using UniqueExtension = Handle<X509_EXTENSION, X509_EXTENSION_free>;
using UniqueRevoked = Handle<X509_REVOKED, X509_REVOKED_free>;
using UniqueTime = Handle<ASN1_TIME, ASN1_TIME_free>;
using UniqueInteger = Handle<ASN1_INTEGER, ASN1_INTEGER_free>;

constexpr int kSerialBits = 127;  // random; positive in 16 octets, RFC 5280, 4.1.2.2 allows 20

UniqueTime asn1_time(Time time) {
  return UniqueTime(ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time)));
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  UniqueExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// A certificate without extensions and signature.
Result<UniqueX509> draft(const std::string& common_name, EVP_PKEY* key, const X509* issuer, const Validity& validity) {
  UniqueX509 certificate(X509_new());
  UniqueBignum serial(BN_new());
  if (!certificate || !serial || BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) == nullptr) {
    return take_error("serial number");
  }
  UniqueTime not_before = asn1_time(validity.not_before);
  UniqueTime not_after = asn1_time(validity.not_after);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set1_notBefore(certificate.get(), not_before.get()) != 1 ||
      X509_set1_notAfter(certificate.get(), not_after.get()) != 1 || X509_set_pubkey(certificate.get(), key) != 1 ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject) != 1) {
    return take_error("certificate of " + common_name);
  }
  return certificate;
}

bool is_dns_name(const std::string& text) {
  std::string_view labels = text;
  if (labels.starts_with("*.")) labels.remove_prefix(2);
  return !labels.empty() && labels.size() <= 253 && std::all_of(labels.begin(), labels.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

bool is_ip(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/// The subject alternative names as OpenSSL's configuration syntax writes them; every part is checked,
/// since a comma would start another name.
Result<std::string> alternative_names(const Request& request) {
  std::string list;
  auto add = [&list](const std::string& name) { list += (list.empty() ? "" : ",") + name; };
  for (const PeerName& name : request.names) {
    if (!PeerName::parse(name.to_string())) return Error{"'" + name.to_string() + "' is no name of ours"};
    add("URI:" + name.to_string());
  }
  for (const std::string& dns : request.dns) {
    if (!is_dns_name(dns)) return Error{"'" + dns + "' is no host name"};
    add("DNS:" + dns);
  }
  for (const std::string& ip : request.ip) {
    if (!is_ip(ip)) return Error{"'" + ip + "' is no IP address"};
    add("IP:" + ip);
  }
  if (request.names.empty()) return Error{"a certificate needs a name"};
  return list;
}

/// RFC 5280, 4.2.1.12; as OpenSSL's configuration syntax writes it.
std::string extended_usage(const std::vector<PeerName>& names) {
  auto serves = [](const PeerName& name) {
    return name.role == PeerName::Role::gateway || name.role == PeerName::Role::kds;
  };
  const bool server = std::any_of(names.begin(), names.end(), serves);
  const bool client = !std::all_of(names.begin(), names.end(), serves);
  return server && client ? "serverAuth,clientAuth" : server ? "serverAuth" : "clientAuth";
}

template <class Write>
std::string pem(Write write) {
  UniqueBio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* text = nullptr;
  long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

UniqueBio reader(std::string_view text) {
  return UniqueBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

Result<Authority> Authority::create(const std::string& common_name, const Validity& validity) {
  ERR_clear_error();
  UniqueKey key(EVP_EC_gen("P-256"));
  if (!key) return take_error("key");
  Result<UniqueX509> certificate = draft(common_name, key.get(), nullptr, validity);
  if (!certificate) return certificate.error();
  X509* self = certificate->get();
  if (!add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash") || X509_sign(self, key.get(), EVP_sha256()) == 0) {
    return take_error("certificate of " + common_name);
  }
  return Authority(std::move(key), *std::move(certificate));
}

Result<Authority> Authority::load(std::string_view certificate_pem, std::string_view key_pem) {
  Result<UniqueX509> certificate = certificate_from_pem(certificate_pem);
  if (!certificate) return certificate.error();
  UniqueKey key(PEM_read_bio_PrivateKey(reader(key_pem).get(), nullptr, nullptr, nullptr));
  if (!key) return take_error("not a private key in PEM");
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    return take_error("the key is not the certificate's");
  }
  return Authority(std::move(key), *std::move(certificate));
}

Result<Issued> Authority::issue(const Request& request) const {
  ERR_clear_error();
  Result<std::string> names = alternative_names(request);
  if (!names) return names.error();
  Issued issued{UniqueKey(EVP_EC_gen("P-256")), nullptr};
  if (!issued.key) return take_error("key");
  Result<UniqueX509> certificate = draft(request.common_name, issued.key.get(), certificate_.get(), request.validity);
  if (!certificate) return certificate.error();
  X509* subject = certificate->get();
  if (!add_extension(subject, certificate_.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(subject, certificate_.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(subject, certificate_.get(), NID_ext_key_usage, extended_usage(request.names)) ||
      !add_extension(subject, certificate_.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(subject, certificate_.get(), NID_authority_key_identifier, "keyid:always") ||
      !add_extension(subject, certificate_.get(), NID_subject_alt_name, *names) ||
      X509_sign(subject, key_.get(), EVP_sha256()) == 0) {
    return take_error("certificate of " + request.common_name);
  }
  issued.certificate = *std::move(certificate);
  return issued;
}

Result<UniqueX509Crl> Authority::revocation_list(std::span<const Revocation> revoked, const Validity& validity) const {
  ERR_clear_error();
  UniqueX509Crl crl(X509_CRL_new());
  UniqueTime last_update = asn1_time(validity.not_before);
  UniqueTime next_update = asn1_time(validity.not_after);
  if (!crl || X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(certificate_.get())) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), last_update.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), next_update.get()) != 1) {
    return take_error("revocation list");
  }
  for (const Revocation& revocation : revoked) {
    BIGNUM* raw_number = nullptr;
    BN_hex2bn(&raw_number, revocation.serial.c_str());
    UniqueBignum number(raw_number);
    UniqueRevoked entry(X509_REVOKED_new());
    UniqueInteger serial(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    UniqueTime time = asn1_time(revocation.time);
    if (!entry || !serial || X509_REVOKED_set_serialNumber(entry.get(), serial.get()) != 1 ||
        X509_REVOKED_set_revocationDate(entry.get(), time.get()) != 1 ||
        X509_CRL_add0_revoked(crl.get(), entry.get()) != 1) {
      return take_error("revocation of " + revocation.serial);
    }
    (void)entry.release();
  }
  X509_CRL_sort(crl.get());
  if (X509_CRL_sign(crl.get(), key_.get(), EVP_sha256()) == 0) return take_error("revocation list");
  return crl;
}

std::string to_pem(const X509* certificate) {
  return pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string to_pem(const EVP_PKEY* key) {
  return pem([key](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

std::string to_pem(const X509_CRL* crl) {
  return pem([crl](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl); });
}

Result<UniqueX509> certificate_from_pem(std::string_view text) {
  ERR_clear_error();
  UniqueX509 certificate(PEM_read_bio_X509(reader(text).get(), nullptr, nullptr, nullptr));
  if (!certificate) return take_error("not a certificate in PEM");
  return certificate;
}

}  // namespace sluice::tls
