// SPDX-License-Identifier: Apache-2.0
//
// Resumption: sessions between the same two ends continue an earlier handshake (RFC 8446, 2.2) with a new
// Diffie-Hellman exchange and without signatures, a fifth of the work.
//
// The gateway hands out a ticket after a full handshake, encrypted with keys that live as long as its contexts; the
// agent keeps the newest.  A key server, which has thousands of devices come back at once, keeps the sessions instead,
// and its ticket names one: reading a session out of a ticket is mostly reading the certificate's public key, for which
// OpenSSL 3.0 looks at every decoder it has, a third of the handshake.  A device, whose turns are processes, keeps the
// ticket in a file meanwhile.
//
// A resumed session shows the certificate of the first one, which is checked again for chain, validity and revocation
// before the session counts: resuming never outlives a certificate.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice::tls {

/// Prepares a context of either role.  What belongs to it (the client's ticket, the server's sessions, certificates
/// checked lately) lives and goes with *ctx*.
/// *sessions*: a server's, that it keeps at most, of a certificate the newest four; the oldest go first, and of those
/// that are over an hour old, which no one can resume, some with each that comes or is asked for.  0: tickets hold
/// them.
Result<void> set_up_resumption(SSL_CTX* ctx, bool server, std::size_t sessions);

/// Server whose tickets hold the sessions: from now on *ctx* takes the tickets of *other*, and the other way round.
Result<void> share_tickets(SSL_CTX* ctx, SSL_CTX* other);

/// Of each session when it is made: under which revocation list its handshake will be.
void note_list(SSL* ssl);

/// Server: a ticket leaves with the next write, if this session was a full handshake of TLS 1.3 whose peer's
/// certificate comes straight from the authority (a ticket holds no chain).
void send_ticket(SSL* ssl);

/// Client: offers the ticket, if there is one from a session with the same host (or address).
void offer_ticket(SSL* ssl);
/// Client: the next session is a full handshake.
void forget_ticket(SSL_CTX* ctx);
/// Client: the ticket for another process with the same certificate, as secret as a key.  Empty: there is none.
std::string save_ticket(SSL_CTX* ctx);
/// Client: what save_ticket() gave.  False: it is none, or of another certificate, or its
/// server's is not good (any more) without a chain; nothing has changed.
bool take_ticket(SSL_CTX* ctx, std::string_view saved);

/// The peer's certificate of a resumed session, checked as in a handshake: chain, purpose, validity, revocation.  What
/// was good within the last hour is not computed again, unless it, its authority or the list has ended since, or
/// forget_checked() has been called.
Result<void> check_resumed(const SSL* ssl);
/// The authority or the revocation list has changed.
void forget_checked(SSL_CTX* ctx);

/// The check itself, of any certificate, with the authority and the list that *ctx* has now.
Result<void> check_certificate(const SSL_CTX* ctx, bool server, X509* certificate, STACK_OF(X509) * chain);

}  // namespace sluice::tls
