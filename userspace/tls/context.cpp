// SPDX-License-Identifier: Apache-2.0
#include "tls/context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>
#include <utility>

#include "tls/error.hpp"
#include "tls/resumption.hpp"
#include "tls/verify_error.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kReadAhead = 4 * 16384;  // as many whole records as one read() may bring, where bytes are relayed

/// Index of the std::string in which the verify callback leaves its reason, one for the process.
int reason_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* reason, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(reason); });
  return index;
}

int note_verify_failure(int accepted, X509_STORE_CTX* store_ctx) {
  if (accepted == 1) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (SSL_get_ex_data(ssl, reason_index()) == nullptr) {
    auto reason = std::make_unique<std::string>(describe_failure(store_ctx));
    if (SSL_set_ex_data(ssl, reason_index(), reason.get()) == 1) (void)reason.release();
  }
  return 0;
}

void warn_if_readable(const std::filesystem::path& key) {
  struct stat status {};
  if (::stat(key.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO) & ~S_IXGRP & ~S_IXOTH) != 0) {
    spdlog::warn("{}: others than the owner may read or write this private key; chmod 600 it", key.string());
  }
}

Result<UniqueX509Crl> read_crl(const std::filesystem::path& path) {
  UniqueBio bio(BIO_new_file(path.c_str(), "r"));
  if (!bio) return take_error(path.string());
  UniqueX509Crl crl(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
  if (!crl) return take_error(path.string() + ": not a revocation list in PEM");
  return crl;
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

std::string describe_failure(X509_STORE_CTX* store_ctx) {
  const X509* certificate = X509_STORE_CTX_get_current_cert(store_ctx);
  std::string subject = certificate != nullptr ? "'" + Peer::from_certificate(certificate).subject + "'" : "the peer";
  return "certificate of " + subject + ": " + X509_verify_cert_error_string(X509_STORE_CTX_get_error(store_ctx));
}

const std::string* verify_error(const SSL* ssl) {
  return static_cast<const std::string*>(SSL_get_ex_data(ssl, reason_index()));
}

Result<UniqueX509Store> Context::make_store() const {
  ERR_clear_error();
  UniqueX509Store store(X509_STORE_new());
  if (!store || X509_STORE_load_file(store.get(), identity_.authority.c_str()) != 1) {
    return take_error(identity_.authority.string());
  }
  if (identity_.revoked) {
    Result<UniqueX509Crl> crl = read_crl(*identity_.revoked);
    if (!crl) return crl.error();
    if (X509_STORE_add_crl(store.get(), crl->get()) != 1) return take_error(identity_.revoked->string());
    X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK);
  }
  return store;
}

Result<Context> Context::create(Role role, const Identity& identity, const Options& options) {
  // OpenSSL writes with write(2); a peer that went away must be an error and not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);

  Context context;
  context.role_ = role;
  context.identity_ = identity;
  context.options_ = options;
  context.ctx_.reset(SSL_CTX_new(role == Role::server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* ctx = context.ctx_.get();
  if (ctx == nullptr) return take_error("TLS");

  SSL_CTX_set_min_proto_version(ctx, options.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  // Early data can be replayed (RFC 8446, 8).  It is off unless asked for; this says that it stays off.
  SSL_CTX_set_max_early_data(ctx, 0);
  SSL_CTX_set_recv_max_early_data(ctx, 0);
  if (options.wipe) SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  if (auto done = set_up_resumption(ctx, role == Role::server, options.sessions); !done) return done.error();
  // TLS 1.2 only with forward secrecy and an AEAD.
  if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) return take_error("TLS ciphers");
  // AES-128 first: as safe here, and a third faster than AES-256.
  if (SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") !=
      1) {
    return take_error("TLS ciphers");
  }
  // No automatic chain: what the certificate's file holds is sent, and not the authority besides.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(ctx, 1);
  // All of the buffer is wiped with each release; messages that carry keys are a record or two.
  if (!options.wipe) SSL_CTX_set_default_read_buffer_len(ctx, kReadAhead);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, note_verify_failure);

  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ctx, identity.certificate.c_str()) != 1) {
    return take_error(identity.certificate.string());
  }
  warn_if_readable(identity.key);
  if (SSL_CTX_use_PrivateKey_file(ctx, identity.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return take_error(identity.key.string());
  }
  if (SSL_CTX_check_private_key(ctx) != 1) {
    return take_error(identity.key.string() + " is not the key of " + identity.certificate.string());
  }
  if (identity.revoked) {
    std::error_code ignored;  // make_store() tells what is wrong with the file
    context.revoked_time_ = std::filesystem::last_write_time(*identity.revoked, ignored);
    context.revoked_size_ = std::filesystem::file_size(*identity.revoked, ignored);
  }
  Result<UniqueX509Store> store = context.make_store();
  if (!store) return store.error();
  SSL_CTX_set_cert_store(ctx, store->release());
  if (role == Role::server) {
    // Tells clients which certificate to show.
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(identity.authority.c_str());
    if (names == nullptr) return take_error(identity.authority.string());
    SSL_CTX_set_client_CA_list(ctx, names);
  }
  return context;
}

Result<UniqueSsl> Context::new_session(int fd, const std::string& host) const {
  ERR_clear_error();
  UniqueSsl ssl(SSL_new(ctx_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return take_error("TLS session");
  note_list(ssl.get());
  if (role_ == Role::server) {
    SSL_set_accept_state(ssl.get());
    return ssl;
  }
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool set = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1
                                    : !host.empty() && X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), 0) == 1 &&
                                          SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  if (!set) return take_error("'" + host + "' cannot be checked in a certificate");
  offer_ticket(ssl.get());
  return ssl;
}

Result<Context> Context::twin() const {
  Result<Context> other = create(role_, identity_, options_);
  if (!other) return other.error();
  if (auto shared = share_tickets(other->ctx_.get(), ctx_.get()); !shared) return shared.error();
  return other;
}

Result<bool> Context::reload_revoked() {
  if (!identity_.revoked) return false;
  std::error_code code;
  auto time = std::filesystem::last_write_time(*identity_.revoked, code);
  if (code) return unless_told({identity_.revoked->string() + ": " + code.message()}, "");
  std::uintmax_t size = std::filesystem::file_size(*identity_.revoked, code);
  if (code) return unless_told({identity_.revoked->string() + ": " + code.message()}, "");
  if (time == revoked_time_ && size == revoked_size_) return told_.clear(), false;
  Result<UniqueX509Store> store = make_store();
  const auto version = std::to_string(time.time_since_epoch().count()) + " " + std::to_string(size);
  if (!store) return unless_told(store.error(), version);
  // A new store, not one more list in the old one: lists would pile up.
  SSL_CTX_set_cert_store(ctx_.get(), store->release());
  tls::forget_checked(ctx_.get());
  revoked_time_ = time;
  revoked_size_ = size;
  told_.clear();
  return true;
}

// What is asked each second would otherwise say each second that a list is broken.
Result<bool> Context::unless_told(const Error& error, const std::string& version) {
  const std::string telling = version + " " + error.message;
  if (std::exchange(told_, telling) == telling) return false;
  return error;
}

Result<void> Context::recheck(const SSL* ssl) const {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return Error{"the peer has shown no certificate"};
  return check_certificate(ctx_.get(), role_ == Role::server, certificate, SSL_get_peer_cert_chain(ssl));
}

Result<void> Context::recheck(const PeerCertificates& peer) const {
  return check_certificate(ctx_.get(), role_ == Role::server, peer.certificate.get(), peer.chain.get());
}

void Context::forget_ticket() const { tls::forget_ticket(ctx_.get()); }

}  // namespace sluice::tls
