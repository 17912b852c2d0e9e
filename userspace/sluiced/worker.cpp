// SPDX-License-Identifier: Apache-2.0
#include "sluiced/worker.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <map>

namespace sluice::gateway {
namespace {

// How often the revocation list's file is looked at; a stat() each time.
constexpr std::chrono::seconds look_interval{2};
// How often live certificates are checked for expiry.
constexpr std::chrono::seconds recheck_interval{30};

std::string fingerprint(const SSL* ssl) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &size) != 1) return {};
  return {reinterpret_cast<const char*>(digest), size};
}

}  // namespace

Worker::Worker(tls::Context tls) : tls_(std::move(tls)) {}

void Worker::start(const char* name) {
  next_recheck_ = std::chrono::steady_clock::now() + recheck_interval;
  schedule();
  loop_.start(name);
}

void Worker::stop() { loop_.stop(); }

void Worker::replace_tls(tls::Context tls) {
  asio::post(loop_.context(), [this, replacement = std::make_shared<tls::Context>(std::move(tls))] {
    tls_ = std::move(*replacement);
    recheck();
  });
}

void Worker::schedule() {
  timer_.expires_after(look_interval);
  timer_.async_wait([this](boost::system::error_code failure) {
    if (failure) return;
    look();
    schedule();
  });
}

void Worker::look() {
  const auto changed = tls_.reload_revoked();
  if (!changed) {
    if (changed.error().message != last_error_)
      spdlog::error("{}; the old list stays in force", changed.error().message);
    last_error_ = changed.error().message;
  } else {
    last_error_.clear();
  }
  if ((changed && *changed) || std::chrono::steady_clock::now() >= next_recheck_) recheck();
}

void Worker::recheck() {
  next_recheck_ = std::chrono::steady_clock::now() + recheck_interval;
  // An agent's sessions show the same certificate: it is checked once.
  std::map<std::string, std::string> verdicts;  // fingerprint to what is wrong, empty: nothing
  std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
  for (const auto& weak : sessions_) {
    const auto session = weak.lock();
    const SSL* ssl = session ? session->ssl() : nullptr;
    if (!ssl) continue;
    auto [verdict, is_new] = verdicts.try_emplace(fingerprint(ssl));
    if (is_new)
      if (auto checked = tls_.recheck(ssl); !checked) verdict->second = checked.error().message;
    if (!verdict->second.empty()) session->revoke(verdict->second);
  }
}

}  // namespace sluice::gateway
