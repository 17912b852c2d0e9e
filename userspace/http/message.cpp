// SPDX-License-Identifier: Apache-2.0
#include "http/message.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <span>

namespace sluice::http {
namespace {

bool same(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

std::string_view Fields::get(std::string_view name) const {
  const auto found = std::find_if(begin(), end(), [name](const auto& field) { return same(field.first, name); });
  return found == end() ? std::string_view() : std::string_view(found->second);
}

std::size_t Fields::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(begin(), end(), [name](const auto& field) { return same(field.first, name); }));
}

std::string_view Request::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

Response Response::with_body(unsigned status, std::string content_type, std::string_view body) {
  Response response;
  response.status = status;
  response.content_type = std::move(content_type);
  response.body = derivation::Secret::copy_of({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
  return response;
}

Response Response::json(unsigned status, std::string&& json) {
  Response response = with_body(status, "application/json", json);
  wipe(json);
  return response;
}

void wipe(std::string& text) {
  // All that it has room for: a longer text may have been there before.
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

std::string_view reason_phrase(unsigned status) {
  namespace http = boost::beast::http;
  if (http::int_to_status(status) == http::status::unknown) return {};
  const auto text = http::obsolete_reason(http::int_to_status(status));
  return {text.data(), text.size()};
}

}  // namespace sluice::http
