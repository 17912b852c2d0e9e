// SPDX-License-Identifier: Apache-2.0
#include "http/wire.hpp"

#include <algorithm>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstring>
#include <ctime>

namespace sluice::http {
namespace {

namespace beast = boost::beast;

constexpr std::string_view kEnd = "\r\n\r\n";

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// The header section alone; Beast's limits are off, for *bytes* has been measured.
template <class Parser>
boost::system::error_code parse_header(Parser& parser, std::string_view bytes) {
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
  parser.body_limit(boost::none);
  parser.eager(false);
  boost::system::error_code failure;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), failure);
  if (!failure && !parser.is_header_done()) failure = beast::http::make_error_code(beast::http::error::partial_message);
  return failure;
}

template <class Message>
Fields fields_of(const Message& message) {
  Fields fields;
  for (const auto& field : message)
    fields.add(std::string(view(field.name_string())), std::string(view(field.value())));
  return fields;
}

/// IMF-fixdate (RFC 9110, 5.6.7), in C's English whatever the locale.
std::string http_date() {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday], parts.tm_mday,
                months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

derivation::Secret join(std::string_view head, std::string_view body) {
  derivation::Secret wire(head.size() + body.size());
  std::memcpy(wire.data(), head.data(), head.size());
  if (!body.empty()) std::memcpy(wire.data() + head.size(), body.data(), body.size());
  return wire;
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' && c != '\t'; });
}

bool has_no_body(unsigned status) { return status / 100 == 1 || status == 204 || status == 304; }

}  // namespace

std::size_t header_size(std::string_view bytes, std::size_t seen) {
  const std::size_t at = bytes.find(kEnd, seen < kEnd.size() ? 0 : seen - (kEnd.size() - 1));
  return at == std::string_view::npos ? 0 : at + kEnd.size();
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::variant<RequestHead, Refusal> parse_request(std::string_view bytes, std::uint64_t body_max) {
  beast::http::request_parser<beast::http::empty_body> parser;
  if (const auto failure = parse_header(parser, bytes))
    return Refusal{400, "no HTTP/1.1 request: " + failure.message()};
  const auto& message = parser.get();
  RequestHead head;
  head.request = {
      std::string(view(message.method_string())), std::string(view(message.target())), fields_of(message), {}};
  const Fields& fields = head.request.fields;
  if (fields.count("Host") > 1 || (fields.count("Host") == 0 && message.version() == 11)) {
    return Refusal{400, "a request needs one Host field"};
  }
  if (!is_target(head.request.target)) return Refusal{400, "the target must be a path"};
  // A body of unknown length we need not take (RFC 9112, 6.3), and who never does cannot be confused by one.
  if (fields.count("Transfer-Encoding") != 0) return Refusal{411, "a body needs a Content-Length"};
  head.content_length = parser.content_length().value_or(0);
  if (head.content_length > body_max) {
    return Refusal{413, "the body is longer than " + std::to_string(body_max) + " bytes"};
  }
  head.keep_alive = message.keep_alive();
  if (const std::string_view expected = fields.get("Expect"); !expected.empty()) {
    if (!beast::iequals({expected.data(), expected.size()}, "100-continue")) {
      return Refusal{417, "nothing but 100-continue can be expected"};
    }
    head.expects_continue = message.version() == 11 && head.content_length != 0;
  }
  return head;
}

Result<ResponseHead> parse_response(std::string_view bytes, bool is_head) {
  beast::http::response_parser<beast::http::empty_body> parser;
  parser.skip(is_head);
  if (const auto failure = parse_header(parser, bytes)) return Error{"no HTTP/1.1 response: " + failure.message()};
  const auto& message = parser.get();
  ResponseHead head;
  head.response.status = message.result_int();
  head.response.fields = fields_of(message);
  head.response.content_type = std::string(head.response.fields.get("Content-Type"));
  head.keep_alive = message.keep_alive();
  if (is_head || has_no_body(head.response.status)) return head;
  if (head.response.fields.count("Transfer-Encoding") != 0 || !parser.content_length()) {
    return Error{"a response without Content-Length"};
  }
  head.content_length = *parser.content_length();
  return head;
}

derivation::Secret to_wire(const Response& response, bool keep_alive, bool is_head) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) +
                     "\r\nDate: " + http_date() + "\r\n";
  for (const auto& [name, value] : response.fields) {
    // A line's end in a value would begin another field (RFC 9110, 5.5).
    if (is_value(name) && is_value(value)) head += name + ": " + value + "\r\n";
  }
  if (!has_no_body(response.status)) {
    if (!response.content_type.empty()) head += "Content-Type: " + response.content_type + "\r\n";
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  // What is answered here is for who asked, and may be keys.
  if (response.fields.count("Cache-Control") == 0) head += "Cache-Control: no-store\r\n";
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return join(head, is_head || has_no_body(response.status) ? std::string_view() : response.body.text());
}

derivation::Secret to_wire(std::string_view method, std::string_view host, std::string_view target,
                           std::string_view content_type, std::string_view body) {
  std::string head(method);
  head.append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  if (!body.empty()) head.append("Content-Type: ").append(content_type).append("\r\n");
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return join(head + "\r\n", body);
}

}  // namespace sluice::http
