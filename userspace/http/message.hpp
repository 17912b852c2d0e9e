// SPDX-License-Identifier: Apache-2.0
//
// What HTTP/1.1 carries, as our servers and clients see it: a request, a response.  How they look on the wire is
// wire.hpp's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "derivation/secret.hpp"

namespace sluice::http {

/// Header fields in their order; names compare without case (RFC 9110, 5.1).
class Fields {
 public:
  /// The first of that name; empty if there is none.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;  ///< "GET", as it came: methods compare with case (RFC 9110, 9.1)
  std::string target;  ///< as it came, percent signs and all; origin form, so that it begins with '/'
  Fields fields;
  std::string body;

  /// The target before and behind the first '?'; the second is empty if there is none.
  [[nodiscard]] std::string_view path() const;
  [[nodiscard]] std::string_view query() const;
};

/// The body is wiped when the Response goes, and so is the copy that was sent: it may hold keys.
struct Response {
  unsigned status = 200;
  Fields fields;  ///< Content-Length, Content-Type, Date and Connection are added by who sends it
  std::string content_type;
  derivation::Secret body;

  [[nodiscard]] std::string_view text() const { return body.text(); }
  /// Takes *json* over and wipes it.
  static Response json(unsigned status, std::string&& json);
  static Response with_body(unsigned status, std::string content_type, std::string_view body);
};

/// Overwrites what the string holds, in a way that is not optimised away, and empties it.
void wipe(std::string& text);

/// "Not Found" of 404; "" of what nobody knows.
std::string_view reason_phrase(unsigned status);

}  // namespace sluice::http
