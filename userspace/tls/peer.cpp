// SPDX-License-Identifier: Apache-2.0
#include "tls/peer.hpp"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "tls/error.hpp"
#include "tls/handle.hpp"

namespace sluice::tls {
namespace {

using UniqueGeneralNames = Handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using UniqueBignum = Handle<BIGNUM, BN_free>;

constexpr std::string_view kScheme = "sluice://";
constexpr std::size_t kNameMax = 63;

/// How a role is written; *named*: with a name behind it.
struct Spelling {
  PeerName::Role role;
  std::string_view word;
  bool named;

  bool operator==(const Spelling& other) const { return word == other.word && named == other.named; }
};
constexpr std::array<Spelling, 6> kSpellings{{{PeerName::Role::agent, "agent", true},
                                              {PeerName::Role::gateway, "gateway", false},
                                              {PeerName::Role::kds, "kds", false},
                                              {PeerName::Role::realm_gateway, "gateway", true},
                                              {PeerName::Role::device, "device", true},
                                              {PeerName::Role::operator_, "operator", true}}};

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

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
  // "." and ".." mean something else in paths, of files and of URLs.
  if (text.find_first_not_of('.') == std::string_view::npos) return false;
  return text.size() <= kNameMax && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

Result<PeerName> PeerName::parse(std::string_view uri) {
  Error error{"'" + std::string(uri) +
              "' is none of sluice://NETWORK/gateway, sluice://NETWORK/agent/NAME, sluice://REALM/kds and "
              "sluice://REALM/gateway, device or operator/NAME"};
  if (!uri.starts_with(kScheme)) return error;
  std::string_view rest = uri.substr(kScheme.size());
  std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || !is_name(rest.substr(0, slash))) return error;
  PeerName parsed;
  parsed.network = rest.substr(0, slash);
  const std::string_view role = rest.substr(slash + 1);
  slash = role.find('/');
  const bool named = slash != std::string_view::npos;
  if (named) parsed.name = role.substr(slash + 1);
  if (named && !is_name(parsed.name)) return error;
  const auto spelling = std::find(kSpellings.begin(), kSpellings.end(), Spelling{{}, role.substr(0, slash), named});
  if (spelling == kSpellings.end()) return error;
  parsed.role = spelling->role;
  return parsed;
}

std::string PeerName::to_string() const {
  const auto spelling =
      std::find_if(kSpellings.begin(), kSpellings.end(), [this](const Spelling& known) { return known.role == role; });
  return std::string(kScheme) + network + "/" + std::string(spelling->word) + (spelling->named ? "/" + name : "");
}

Peer Peer::from_certificate(const X509* certificate) {
  Peer peer;
  peer.subject = subject_of(certificate);
  peer.serial = serial_of(certificate);
  peer.not_after = time_of(X509_get0_notAfter(certificate));
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

bool Peer::holds(PeerName::Role role, std::string_view network, std::string_view name) const {
  return std::any_of(names.begin(), names.end(), [&](const PeerName& known) {
    return known.role == role && known.network == network && known.name == name;
  });
}

bool Peer::is_agent(std::string_view network, std::string_view name) const {
  return holds(PeerName::Role::agent, network, name);
}

bool Peer::is_gateway(std::string_view network) const { return holds(PeerName::Role::gateway, network, ""); }

bool Peer::is_kds(std::string_view realm) const { return holds(PeerName::Role::kds, realm, ""); }

std::optional<std::string> Peer::only_name(PeerName::Role role, std::string_view realm) const {
  std::optional<std::string> only;
  for (const PeerName& known : names) {
    if (known.role != role || known.network != realm) continue;
    if (only && *only != known.name) return std::nullopt;
    only = known.name;
  }
  return only;
}

std::optional<std::string> Peer::device_of(std::string_view realm) const {
  return only_name(PeerName::Role::device, realm);
}

std::optional<std::string> Peer::gateway_of(std::string_view realm) const {
  return only_name(PeerName::Role::realm_gateway, realm);
}

std::optional<std::string> Peer::operator_of(std::string_view realm) const {
  return only_name(PeerName::Role::operator_, realm);
}

Result<ChannelBinding> channel_binding(const SSL* ssl) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  constexpr unsigned char none = 0;
  if (SSL_is_init_finished(ssl) != 1 || SSL_version(ssl) < TLS1_3_VERSION) {
    return Error{"a channel binding takes a complete handshake of TLS 1.3"};
  }
  ERR_clear_error();
  ChannelBinding binding;
  // RFC 9266, 2: the context is there and has no bytes.  (In TLS 1.3 an absent one comes to the same: RFC 8446, 7.5.)
  // const_cast: OpenSSL 3.0 asks for a mutable session and reads it.
  if (SSL_export_keying_material(const_cast<SSL*>(ssl), binding.data(), binding.size(), label.data(), label.size(),
                                 &none, 0, 1) != 1) {
    return take_error("channel binding");
  }
  return binding;
}

Result<UniqueX509> peer_certificate(const SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || X509_up_ref(certificate) != 1) return Error{"the peer has shown no certificate"};
  return UniqueX509(certificate);
}

}  // namespace sluice::tls
