// SPDX-License-Identifier: Apache-2.0
#include "kds/wrap.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "derivation/derive.hpp"
#include "tls/error.hpp"
#include "tls/handle.hpp"

namespace sluice::kds {
namespace {

using derivation::Secret;
using UniqueContext = tls::Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::uint8_t format = 1;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t most_file = 128;  // 64 digits and an end of line, with room to say that it is too long
constexpr std::string_view label = "sluice-kds master key";

/// label | 0x00 | length of the name, 2 bytes | name | number, 4 bytes; big-endian.  No two pairs give the same.
Result<Bytes> associated(std::string_view gateway, std::uint32_t number) {
  if (gateway.empty() || gateway.size() > 0xffff) return Error{"a gateway's name is 1 to 65535 bytes", EINVAL};
  Bytes data(label.begin(), label.end());
  data.push_back(0);
  data.push_back(static_cast<std::uint8_t>(gateway.size() >> 8));
  data.push_back(static_cast<std::uint8_t>(gateway.size()));
  data.insert(data.end(), gateway.begin(), gateway.end());
  for (int shift = 24; shift >= 0; shift -= 8) data.push_back(static_cast<std::uint8_t>(number >> shift));
  return data;
}

std::string of(std::string_view gateway, std::uint32_t number) {
  return "generation " + std::to_string(number) + " of gateway '" + std::string(gateway) + "'";
}

Result<Secret> read_part(const std::filesystem::path& path) {
  Result<Secret> contents = derivation::read_secret_file(path, most_file);
  if (!contents) return contents.error().in("the key-encrypting key");
  std::string_view text = contents->text();
  if (text.size() == derivation::master_size) return contents;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.size() != 2 * derivation::master_size)
    return Error{path.string() + ": a key-encrypting key is 32 bytes, or 64 hexadecimal digits; this has " +
                     std::to_string(text.size()) + "; `openssl rand -hex 32` makes one",
                 EINVAL};
  Result<Secret> key = Secret::from_hex(text);
  return key ? std::move(key) : key.error().in(path.string());
}

/// NIST SP 800-56C, 4.1, with SHA-256: H(counter 1 | Z | label), Z the parts one after the other.
Result<Secret> join(const std::vector<Secret>& parts) {
  constexpr std::array<std::uint8_t, 4> counter{0, 0, 0, 1};
  constexpr std::string_view name = "sluice-kds parts of a key-encrypting key";
  Secret key(derivation::master_size);
  const tls::Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), counter.data(), counter.size()) == 1;
  for (const Secret& part : parts)
    good = good && EVP_DigestUpdate(context.get(), part.bytes().data(), part.size()) == 1;
  good = good && EVP_DigestUpdate(context.get(), name.data(), name.size()) == 1 &&
         EVP_DigestFinal_ex(context.get(), key.data(), nullptr) == 1;
  if (!good) return tls::take_error("the parts of the key-encrypting key");
  return key;
}

}  // namespace

Result<Kek> Kek::load(const std::vector<std::filesystem::path>& files) {
  if (files.empty() || files.size() > most_parts)
    return Error{"a key-encrypting key has 1 to " + std::to_string(most_parts) + " files", EINVAL};
  // In the order of their bytes, whatever that of the files is.
  std::vector<Secret> parts;
  for (const auto& file : files) {
    Result<Secret> part = read_part(file);
    if (!part) return part.error();
    if (part->all_zero()) return Error{file.string() + ": it is all zero", EINVAL};
    const auto place = std::ranges::lower_bound(parts, part->text(), {}, &Secret::text);
    if (place != parts.end() && place->equals(*part))
      return Error{file.string() + ": the same part as in another file; each custodian has one of his own", EINVAL};
    parts.insert(place, *std::move(part));
  }
  if (parts.size() == 1) return from(std::move(parts.front()));
  Result<Secret> key = join(parts);
  return key ? from(*std::move(key)) : key.error();
}

Result<Kek> Kek::from(Secret key) {
  if (key.size() != derivation::master_size) return Error{"a key-encrypting key has 32 bytes", EINVAL};
  if (key.all_zero()) return Error{"the key-encrypting key is all zero", EINVAL};
  return Kek(std::move(key));
}

Result<Bytes> Kek::wrap(const Secret& master, std::string_view gateway, std::uint32_t number) const {
  if (master.size() != derivation::master_size) return Error{"a master key has 32 bytes", EINVAL};
  Result<Bytes> data = associated(gateway, number);
  if (!data) return data.error();
  Bytes wrapped(wrapped_size);
  wrapped[0] = format;
  std::uint8_t* nonce = wrapped.data() + 1;
  std::uint8_t* text = nonce + nonce_size;
  int size = 0;
  const UniqueContext context(EVP_CIPHER_CTX_new());
  if (!context || RAND_bytes(nonce, nonce_size) != 1 ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.bytes().data(), nonce) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, data->data(), static_cast<int>(data->size())) != 1 ||
      EVP_EncryptUpdate(context.get(), text, &size, master.bytes().data(), static_cast<int>(master.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), text + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, text + master.size()) != 1)
    return tls::take_error("the master key of " + of(gateway, number) + " was not wrapped");
  return wrapped;
}

Result<Secret> Kek::unwrap(std::span<const std::uint8_t> wrapped, std::string_view gateway,
                           std::uint32_t number) const {
  if (wrapped.size() != wrapped_size || wrapped[0] != format) {
    const bool wiped = std::all_of(wrapped.begin(), wrapped.end(), [](std::uint8_t byte) { return byte == 0; });
    return Error{"the master key of " + of(gateway, number) +
                     (wiped ? " was wiped when its generation ended" : " is kept in a form that is not known here"),
                 EBADMSG};
  }
  Result<Bytes> data = associated(gateway, number);
  if (!data) return data.error();
  const std::uint8_t* nonce = wrapped.data() + 1;
  const std::uint8_t* text = nonce + nonce_size;
  // OpenSSL takes the tag by a pointer to what is not const.
  std::array<std::uint8_t, tag_size> tag{};
  std::copy_n(text + derivation::master_size, tag_size, tag.begin());
  Secret master(derivation::master_size);
  int size = 0;
  const UniqueContext context(EVP_CIPHER_CTX_new());
  if (!context || EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.bytes().data(), nonce) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &size, data->data(), static_cast<int>(data->size())) != 1 ||
      EVP_DecryptUpdate(context.get(), master.data(), &size, text, static_cast<int>(master.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) != 1)
    return tls::take_error("the master key of " + of(gateway, number) + " was not unwrapped");
  std::uint8_t nothing = 0;
  if (EVP_DecryptFinal_ex(context.get(), &nothing, &size) != 1)
    return Error{"the master key of " + of(gateway, number) +
                     " does not unwrap: it was wrapped under another key-encrypting key, or for another gateway or "
                     "generation, or was changed",
                 EBADMSG};
  return master;
}

Result<Bytes> rewrap(const Kek& from, const Kek& to, std::span<const std::uint8_t> wrapped, std::string_view gateway,
                     std::uint32_t number) {
  Result<Secret> master = from.unwrap(wrapped, gateway, number);
  if (!master) return master.error();
  return to.wrap(*master, gateway, number);
}

}  // namespace sluice::kds
