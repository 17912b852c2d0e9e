// SPDX-License-Identifier: Apache-2.0
#include "realm/reader.hpp"

#include <openssl/crypto.h>

#include <cerrno>

#include "evidence/base64url.hpp"
#include "evidence/json.hpp"
#include "tls/peer.hpp"

namespace sluice::realm {
namespace {

const nlohmann::json nothing = nlohmann::json::object();

// Zero-width and direction marks (U+200B-200F, U+2028-202E) and isolates (U+2060-2069): one could make a text look like
// another.
bool is_deceptive(unsigned char second, unsigned char third) {
  return (second == 0x80 && ((third >= 0x8b && third <= 0x8f) || (third >= 0xa8 && third <= 0xae))) ||
         (second == 0x81 && third >= 0xa0 && third <= 0xa9);
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < most;) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    if (i + size > text.size() || out.size() + size > most) break;
    const auto next = [&](std::size_t n) { return static_cast<unsigned char>(text[i + n]); };
    const bool control = byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next(1) < 0xa0) ||
                         (byte == 0xe2 && is_deceptive(next(1), next(2)));
    if (control)
      out += '?';
    else
      out += text.substr(i, size);
    i += size;
  }
  return out;
}

Result<nlohmann::json> parse_object(std::string_view text, std::size_t most) {
  auto json = evidence::parse_json(text, most);
  if (!json) return Error{json.error().message, EBADMSG};
  if (!json->is_object()) return Error{"it is no JSON object", EBADMSG};
  return json;
}

std::string Reader::at(std::string_view name) const {
  return path_.empty() || name.empty() ? path_ + std::string(name) : path_ + "." + std::string(name);
}

void Reader::wrong(std::string_view name, const std::string& what) {
  const std::string place = at(name);
  if (!error_) error_ = Error{place.empty() ? what : "'" + place + "' " + what, EBADMSG};
}

bool Reader::has(const char* name) const { return json_.is_object() && json_.contains(name); }

const nlohmann::json* Reader::member(const char* name, const char* kind) {
  if (!json_.is_object())
    wrong("", "should be an object");
  else if (const auto found = json_.find(name); found != json_.end())
    return &*found;
  else
    wrong(name, std::string("is missing; it should be ") + kind);
  return nullptr;
}

std::string Reader::text(const char* name, std::size_t most) {
  const nlohmann::json* found = member(name, "text");
  if (found == nullptr) return {};
  if (!found->is_string())
    wrong(name, "should be text");
  else if (found->get_ref<const std::string&>().size() > most)
    wrong(name, "is longer than " + std::to_string(most) + " bytes");
  else
    return found->get<std::string>();
  return {};
}

std::string Reader::name(const char* name) {
  std::string value = text(name, 63);
  if (tls::is_name(value)) return value;
  wrong(name, "should be a name, 1 to 63 of a-z A-Z 0-9 . _ -");
  return {};
}

std::uint64_t Reader::number(const char* name, std::uint64_t least, std::uint64_t most) {
  const nlohmann::json* found = member(name, "a whole number");
  if (found == nullptr) return least;
  // What is not negative is read as unsigned; a fraction is a float, whatever its value.
  if (found->is_number_unsigned() && found->get<std::uint64_t>() >= least && found->get<std::uint64_t>() <= most)
    return found->get<std::uint64_t>();
  wrong(name, "should be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return least;
}

bool Reader::boolean(const char* name) {
  const nlohmann::json* found = member(name, "true or false");
  if (found == nullptr) return false;
  if (found->is_boolean()) return found->get<bool>();
  wrong(name, "should be true or false");
  return false;
}

derivation::Secret Reader::secret(const char* name, std::size_t size) {
  const nlohmann::json* found = member(name, "base64url");
  if (found == nullptr) return {};
  const auto* text = found->get_ptr<const std::string*>();
  if (text == nullptr || text->size() != evidence::base64url_length(size)) {
    wrong(name, "should be " + std::to_string(size) + " bytes in base64url");
    return {};
  }
  auto bytes = evidence::from_base64url(*text);
  if (!bytes) {
    wrong(name, "is no base64url");
    return {};
  }
  derivation::Secret secret = derivation::Secret::copy_of(*bytes);
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return secret;
}

Reader Reader::object(const char* name) {
  const nlohmann::json* found = member(name, "an object");
  if (found != nullptr && !found->is_object()) wrong(name, "should be an object");
  return {found != nullptr ? *found : nothing, at(name), error_};
}

std::vector<Reader> Reader::list(const char* name, std::size_t most) {
  std::vector<Reader> elements;
  if (!json_.is_object()) wrong("", "should be an object");
  if (!has(name)) return elements;
  const nlohmann::json& found = json_[name];
  if (!found.is_array())
    wrong(name, "should be a list");
  else if (found.size() > most)
    wrong(name, "has more than " + std::to_string(most) + " elements");
  else
    for (std::size_t i = 0; i < found.size(); ++i)
      elements.emplace_back(found[i], at(name) + "[" + std::to_string(i) + "]", error_);
  return elements;
}

std::vector<std::string> Reader::texts(const char* name, std::size_t most, std::size_t text_most) {
  std::vector<std::string> values;
  for (Reader& element : list(name, most)) {
    const auto* text = element.json_.get_ptr<const std::string*>();
    if (text == nullptr || text->size() > text_most)
      element.wrong("", "should be text of at most " + std::to_string(text_most) + " bytes");
    else
      values.push_back(*text);
  }
  return values;
}

}  // namespace sluice::realm
