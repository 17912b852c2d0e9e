// SPDX-License-Identifier: Apache-2.0
#include "tls/peer.hpp"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "tls/handle.hpp"

namespace sluice::tls {
namespace {

using UniqueGeneralNames = Handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using UniqueBignum = Handle<BIGNUM, BN_free>;

constexpr std::string_view kScheme = "sluice://";
constexpr std::size_t kNameMax = 63;

std::string subject_of(const X509* certificate) {
  UniqueBio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string serial_of(const X509* certificate) {
  UniqueBignum number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* text = number ? BN_bn2hex(number.get()) : nullptr;
  std::string result = text != nullptr ? text : "";
  OPENSSL_free(text);
  return result;
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Result<PeerName> PeerName::parse(std::string_view uri) {
  Error error{"'" + std::string(uri) + "' is neither sluice://NETWORK/agent/NAME nor sluice://NETWORK/gateway"};
  if (!uri.starts_with(kScheme)) return error;
  std::string_view rest = uri.substr(kScheme.size());
  std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || !is_name(rest.substr(0, slash))) return error;
  PeerName parsed;
  parsed.network = rest.substr(0, slash);
  std::string_view role = rest.substr(slash + 1);
  if (role == "gateway") {
    parsed.role = Role::gateway;
    return parsed;
  }
  constexpr std::string_view agent = "agent/";
  if (!role.starts_with(agent) || !is_name(role.substr(agent.size()))) return error;
  parsed.role = Role::agent;
  parsed.name = role.substr(agent.size());
  return parsed;
}

std::string PeerName::to_string() const {
  return std::string(kScheme) + network + (role == Role::gateway ? "/gateway" : "/agent/" + name);
}

Peer Peer::from_certificate(const X509* certificate) {
  Peer peer;
  peer.subject = subject_of(certificate);
  peer.serial = serial_of(certificate);
  std::tm not_after{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &not_after) == 1) {
    peer.not_after = std::chrono::system_clock::from_time_t(timegm(&not_after));
  }
  UniqueGeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                          static_cast<std::size_t>(ASN1_STRING_length(uri)));
    if (Result<PeerName> parsed = PeerName::parse(text)) peer.names.push_back(*parsed);
  }
  return peer;
}

Result<PeerCertificates> PeerCertificates::of(const SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return Error{"the peer has shown no certificate"};
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  PeerCertificates shown;
  if (X509_up_ref(certificate) == 1) shown.certificate.reset(certificate);
  if (chain != nullptr) shown.chain.reset(X509_chain_up_ref(chain));
  if (!shown.certificate || (chain != nullptr && !shown.chain)) return Error{"no memory for the peer's certificates"};
  return shown;
}

Result<Peer> Peer::of(const SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return Error{"the peer has shown no certificate"};
  return from_certificate(certificate);
}

bool Peer::is_agent(std::string_view network, std::string_view name) const {
  return std::any_of(names.begin(), names.end(), [&](const PeerName& known) {
    return known.role == PeerName::Role::agent && known.network == network && known.name == name;
  });
}

bool Peer::is_gateway(std::string_view network) const {
  return std::any_of(names.begin(), names.end(), [&](const PeerName& known) {
    return known.role == PeerName::Role::gateway && known.network == network;
  });
}

}  // namespace sluice::tls
