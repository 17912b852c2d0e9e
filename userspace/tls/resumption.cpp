// SPDX-License-Identifier: Apache-2.0
#include "tls/resumption.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tls/error.hpp"
#include "tls/handle.hpp"
#include "tls/verify_error.hpp"

namespace sluice::tls {
namespace {

using Clock = std::chrono::steady_clock;
using UniqueSession = Handle<SSL_SESSION, SSL_SESSION_free>;

// An hour after its full handshake a ticket is worth nothing, and the key has to be shown again.
constexpr long kTicketSeconds = 3600;
// Some 150 bytes each; of a key server's devices all come back at once when a gateway restarts.
constexpr std::size_t kCheckedMax = 65536;
constexpr unsigned char kContextId[] = "sluice";
// Of one certificate: a gateway has two connections to its key server, and a person may run two commands.
constexpr std::size_t kOfOneMax = 4;
constexpr std::size_t kHostMax = 255;

/// A server's sessions: of each certificate the newest few, so that nobody fills it with his own.
class KeptSessions {
 public:
  explicit KeptSessions(std::size_t most) : most_(most) {}

  void put(std::string id, std::string holder, UniqueSession session) {
    forget_old();
    if (const auto& own = of_holder_[holder]; own.size() >= kOfOneMax) drop(own.front());
    const auto end = Clock::now() + std::chrono::seconds(kTicketSeconds);
    const auto added = list_.insert(list_.end(), {std::move(id), std::move(holder), end, std::move(session)});
    by_id_[added->id] = added;
    of_holder_[added->holder].push_back(added);
    if (list_.size() > most_) drop(list_.begin());
  }
  /// Stays ours; null: there is none.
  [[nodiscard]] SSL_SESSION* find(const std::string& id) {
    forget_old();
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second->session.get();
  }

 private:
  struct Kept {
    std::string id;      // what the ticket says
    std::string holder;  // its certificate's fingerprint
    Clock::time_point end;
    UniqueSession session;
  };
  using Position = std::list<Kept>::iterator;

  // No more at a time than one that comes may wait for.  All last equally long, so that what is over is at the front.
  void forget_old() {
    const auto now = Clock::now();
    for (int i = 0; i < 16 && !list_.empty() && list_.front().end <= now; ++i) drop(list_.begin());
  }
  void drop(Position position) {
    by_id_.erase(position->id);
    const auto own = of_holder_.find(position->holder);
    std::erase(own->second, position);
    if (own->second.empty()) of_holder_.erase(own);
    list_.erase(position);
  }

  std::size_t most_;
  std::list<Kept> list_;  // the oldest first
  std::map<std::string, Position> by_id_;
  std::map<std::string, std::vector<Position>> of_holder_;
};

/// What a context remembers.  Sessions of one client context may live on several threads.
struct Memory {
  explicit Memory(std::size_t sessions) : kept(sessions) {}

  std::mutex mutex;
  std::string host;
  UniqueSession ticket;
  KeptSessions kept;
  std::map<std::string, Clock::time_point> checked;  // certificates by fingerprint, and until when
  std::uintptr_t list = 0;                           // how often all of them were forgotten
};

int memory_index() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* memory, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Memory*>(memory); });
  return index;
}

/// Of a session: Memory::list when it began.
int list_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Memory& memory_of(const SSL_CTX* ctx) { return *static_cast<Memory*>(SSL_CTX_get_ex_data(ctx, memory_index())); }
Memory& memory_of(const SSL* ssl) { return memory_of(SSL_get_SSL_CTX(ssl)); }

/// The name or address that a client's session insists on.
std::string host_of(SSL* ssl) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (const char* name = X509_VERIFY_PARAM_get0_host(parameters, 0)) return name;
  char* address = X509_VERIFY_PARAM_get1_ip_asc(parameters);
  std::string host = address != nullptr ? address : "";
  OPENSSL_free(address);
  return host;
}

/// Called by OpenSSL when a ticket has come; 0: we keep no reference.  A copy is kept, and copies are used: a session
/// that ends without close_notify spoils its SSL_SESSION for resumption.
int keep_ticket(SSL* ssl, SSL_SESSION* session) noexcept {
  // TLS 1.2 sends tickets unasked, to those whose chain no ticket holds as well.
  if (SSL_version(ssl) != TLS1_3_VERSION) return 0;
  UniqueSession ticket(SSL_SESSION_dup(session));
  std::string host = host_of(ssl);
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  memory.ticket = std::move(ticket);
  memory.host = std::move(host);
  return 0;
}

std::string fingerprint(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  return {reinterpret_cast<const char*>(digest.data()), size};
}

/// A server's ticket leaves.  A copy is kept here, and OpenSSL is given copies of that: its own store forgets a session
/// whose connection ended without close_notify.
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  if (SSL_version(ssl) != TLS1_3_VERSION) return 0;
  UniqueSession copy(SSL_SESSION_dup(session));
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (!copy || certificate == nullptr) return 0;
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  std::string name(reinterpret_cast<const char*>(id), size);
  std::string holder = fingerprint(certificate);
  if (holder.empty()) return 0;
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  memory.kept.put(std::move(name), std::move(holder), std::move(copy));
  return 0;
}

/// A ticket has come; the session that it names becomes OpenSSL's.  That looks at its age.
SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy) noexcept {
  *copy = 0;
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  SSL_SESSION* kept = memory.kept.find({reinterpret_cast<const char*>(id), static_cast<std::size_t>(size)});
  return kept == nullptr ? nullptr : SSL_SESSION_dup(kept);
}

/// For how long nothing that a check looks at ends by itself: this certificate, the authority's, the list's own time.
/// No longer than a ticket is worth.
std::chrono::seconds good_for(const SSL_CTX* ctx, const X509* certificate) {
  long most = kTicketSeconds;
  const auto limit = [&most](const ASN1_TIME* end) {
    int days = 0, seconds = 0;
    if (end == nullptr) return;
    most = ASN1_TIME_diff(&days, &seconds, nullptr, end) == 1 ? std::min(most, days * 86400L + seconds) : 0;
  };
  limit(X509_get0_notAfter(certificate));
  // A verification on another thread may sort the store as it searches.
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  if (X509_STORE_lock(store) != 1) return std::chrono::seconds(0);
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509_OBJECT* object = sk_X509_OBJECT_value(objects, i);
    if (const X509* authority = X509_OBJECT_get0_X509(object)) limit(X509_get0_notAfter(authority));
    if (const X509_CRL* list = X509_OBJECT_get0_X509_CRL(object)) limit(X509_CRL_get0_nextUpdate(list));
  }
  X509_STORE_unlock(store);
  return std::chrono::seconds(std::max(most, 0L));
}

/// It has just been checked.
void remember(Memory& memory, const SSL_CTX* ctx, const X509* certificate, std::string name) {
  if (name.empty()) return;
  if (memory.checked.size() >= kCheckedMax) memory.checked.clear();
  memory.checked[std::move(name)] = Clock::now() + good_for(ctx, certificate);
}

}  // namespace

Result<void> set_up_resumption(SSL_CTX* ctx, bool server, std::size_t sessions) {
  auto memory = std::make_unique<Memory>(sessions);
  if (SSL_CTX_set_ex_data(ctx, memory_index(), memory.get()) != 1) return take_error("TLS context");
  (void)memory.release();
  SSL_CTX_set_timeout(ctx, kTicketSeconds);
  // No ticket of its own accord: send_ticket() says when.
  SSL_CTX_set_num_tickets(ctx, 0);
  if (server) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (sessions > 0) {
      SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);  // in TLS 1.3: a ticket is a name (SSL_CTX_set_options(3))
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(ctx, keep_session);
      SSL_CTX_sess_set_get_cb(ctx, find_session);
    }
    if (SSL_CTX_set_session_id_context(ctx, kContextId, sizeof kContextId - 1) != 1) return take_error("TLS context");
  } else {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
  }
  return {};
}

Result<void> share_tickets(SSL_CTX* ctx, SSL_CTX* other) {
  std::array<unsigned char, 256> keys;
  const long size = SSL_CTX_get_tlsext_ticket_keys(other, nullptr, 0);
  const bool shared = size > 0 && static_cast<std::size_t>(size) <= keys.size() &&
                      SSL_CTX_get_tlsext_ticket_keys(other, keys.data(), size) == 1 &&
                      SSL_CTX_set_tlsext_ticket_keys(ctx, keys.data(), size) == 1;
  OPENSSL_cleanse(keys.data(), keys.size());
  if (!shared) return take_error("TLS tickets");
  return {};
}

void note_list(SSL* ssl) {
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  (void)SSL_set_ex_data(ssl, list_index(), reinterpret_cast<void*>(memory.list));
}

void send_ticket(SSL* ssl) {
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  if (SSL_session_reused(ssl) == 1 || sk_X509_num(chain) > 0) return;  // (a server's chain leaves the peer out)
  // Does nothing on TLS 1.2, whose own tickets the agent does not keep.
  (void)SSL_new_session_ticket(ssl);
  // The handshake has checked it; by the list that is in force, unless that came in between.
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return;
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  if (reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(ssl, list_index())) != memory.list) return;
  remember(memory, SSL_get_SSL_CTX(ssl), certificate, fingerprint(certificate));
}

void offer_ticket(SSL* ssl) {
  const std::string host = host_of(ssl);
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  if (!memory.ticket || memory.host != host) return;
  if (UniqueSession copy(SSL_SESSION_dup(memory.ticket.get())); copy) (void)SSL_set_session(ssl, copy.get());
}

void forget_ticket(SSL_CTX* ctx) {
  Memory& memory = memory_of(ctx);
  std::lock_guard lock(memory.mutex);
  memory.ticket.reset();
}

// Fingerprint of our certificate, host, NUL, the session (i2d_SSL_SESSION(3), with the server's certificate).
std::string save_ticket(SSL_CTX* ctx) {
  const X509* own = SSL_CTX_get0_certificate(ctx);
  std::string saved = own != nullptr ? fingerprint(own) : std::string();
  Memory& memory = memory_of(ctx);
  std::lock_guard lock(memory.mutex);
  if (saved.empty() || !memory.ticket) return {};
  const int size = i2d_SSL_SESSION(memory.ticket.get(), nullptr);
  if (size <= 0) return {};
  saved += memory.host;
  saved += '\0';
  const std::size_t head = saved.size();
  saved.resize(head + static_cast<std::size_t>(size));
  auto* to = reinterpret_cast<unsigned char*>(saved.data() + head);
  if (i2d_SSL_SESSION(memory.ticket.get(), &to) != size) return {};
  return saved;
}

bool take_ticket(SSL_CTX* ctx, std::string_view saved) {
  const X509* own = SSL_CTX_get0_certificate(ctx);
  const std::string name = own != nullptr ? fingerprint(own) : std::string();
  // Of another certificate: the session would show that one.
  if (name.empty() || !saved.starts_with(name)) return false;
  saved.remove_prefix(name.size());
  const std::size_t host = saved.find('\0');
  if (host == 0 || host > kHostMax) return false;
  const auto* from = reinterpret_cast<const unsigned char*>(saved.data() + host + 1);
  UniqueSession ticket(d2i_SSL_SESSION(nullptr, &from, static_cast<long>(saved.size() - host - 1)));
  ERR_clear_error();
  if (!ticket || SSL_SESSION_get_protocol_version(ticket.get()) != TLS1_3_VERSION) return false;
  // The chain is not in it.  Where a whole handshake may succeed and a resumed one would not, that is the way.
  X509* peer = SSL_SESSION_get0_peer(ticket.get());
  if (peer == nullptr || !check_certificate(ctx, false, peer, nullptr)) return false;
  Memory& memory = memory_of(ctx);
  std::lock_guard lock(memory.mutex);
  remember(memory, ctx, peer, fingerprint(peer));
  memory.ticket = std::move(ticket);
  memory.host = saved.substr(0, host);
  return true;
}

Result<void> check_certificate(const SSL_CTX* ctx, bool server, X509* certificate, STACK_OF(X509) * chain) {
  UniqueX509StoreCtx store_ctx(X509_STORE_CTX_new());
  if (!store_ctx || X509_STORE_CTX_init(store_ctx.get(), SSL_CTX_get_cert_store(ctx), certificate, chain) != 1) {
    return take_error("certificate check");
  }
  X509_STORE_CTX_set_default(store_ctx.get(), server ? "ssl_client" : "ssl_server");
  if (X509_verify_cert(store_ctx.get()) == 1) return {};
  Error error{describe_failure(store_ctx.get())};
  ERR_clear_error();
  return error;
}

Result<void> check_resumed(const SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return Error{"the peer has shown no certificate"};
  std::string name = fingerprint(certificate);
  Memory& memory = memory_of(ssl);
  std::lock_guard lock(memory.mutex);
  const auto known = memory.checked.find(name);
  if (!name.empty() && known != memory.checked.end() && Clock::now() < known->second) return {};
  auto checked =
      check_certificate(SSL_get_SSL_CTX(ssl), SSL_is_server(ssl) != 0, certificate, SSL_get_peer_cert_chain(ssl));
  if (!checked) return checked;
  remember(memory, SSL_get_SSL_CTX(ssl), certificate, std::move(name));
  return {};
}

void forget_checked(SSL_CTX* ctx) {
  Memory& memory = memory_of(ctx);
  std::lock_guard lock(memory.mutex);
  memory.checked.clear();
  ++memory.list;
}

}  // namespace sluice::tls
