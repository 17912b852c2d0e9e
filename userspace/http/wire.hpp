// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 messages as bytes (RFC 9112), without sockets.  Boost.Beast parses header sections; bodies are of a length
// that is told beforehand, so that they need no parser.
//
// Beast is driven by hand and not by its own async_read(): that would take a stream of Asio's over tls::Stream, whose
// errors are no error codes and whose end is not EOF, and each deadline would be one more operation to cancel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "http/message.hpp"

namespace sluice::http {

/// The bytes before the body of what begins with a header section, its empty line included; 0 while that has not come.
/// *seen*: how many bytes an earlier call has looked at.
std::size_t header_size(std::string_view bytes, std::size_t seen);

struct RequestHead {
  Request request;  ///< its body is still to come
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;  ///< waits for "100 Continue" before it sends the body (RFC 9110, 10.1.1)
};

/// Why a request is refused before anybody has looked at it.
struct Refusal {
  unsigned status = 400;
  std::string detail;
};

/// *bytes*: a header section of header_size().
std::variant<RequestHead, Refusal> parse_request(std::string_view bytes, std::uint64_t body_max);

struct ResponseHead {
  Response response;  ///< its body is still to come
  std::uint64_t content_length = 0;
  bool keep_alive = true;
};

/// *head*: of the answer to a HEAD request, which has no body whatever it says.
Result<ResponseHead> parse_response(std::string_view bytes, bool head);

/// Both as they are sent, body and all; wiped when they go.  *head*: without the body.
derivation::Secret to_wire(const Response& response, bool keep_alive, bool head);
derivation::Secret to_wire(std::string_view method, std::string_view host, std::string_view target,
                           std::string_view content_type, std::string_view body);

/// True for what may stand between "GET " and " HTTP/1.1": origin form, visible ASCII.
bool is_target(std::string_view text);

}  // namespace sluice::http
