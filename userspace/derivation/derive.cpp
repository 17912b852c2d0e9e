// SPDX-License-Identifier: Apache-2.0
#include "derivation/derive.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

namespace sluice::derivation {
namespace {

constexpr std::size_t block_size = 16;  // what one CMAC of AES gives
constexpr std::size_t input_size = 16;  // counter 4, label 4, SPI 4, length 4
constexpr std::uint8_t label_base = 0x30;

struct Free {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

Error openssl_error() {
  char reason[160];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  ERR_clear_error();
  return {std::string("AES-256-CMAC: ") + reason, EIO};
}

void put_big_endian(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

Result<Secret> parse_master(const Secret& contents) {
  std::string_view text = contents.text();
  Result<Secret> master = Secret();
  if (text.size() == master_size) {
    master = Secret::copy_of(contents.bytes());
  } else {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    if (text.size() != 2 * master_size)
      return Error{"a master key is 32 bytes, or 64 hexadecimal digits; this has " + std::to_string(text.size()),
                   EINVAL};
    master = Secret::from_hex(text);
    if (!master) return master.error().in("the master key");
  }
  // The module refuses it, too: it is what a buffer holds that nobody filled.
  if (master->all_zero()) return Error{"the master key is all zero", EINVAL};
  return master;
}

Result<Secret> derive(const Secret& master, std::uint32_t spi, Algorithm algorithm) {
  if (master.size() != master_size) return Error{"a master key has 32 bytes", EINVAL};
  const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "CMAC", nullptr));
  if (!mac) return openssl_error();
  const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_new(mac.get()));
  if (!context) return openssl_error();
  char cipher[] = "AES-256-CBC";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
                                   OSSL_PARAM_construct_end()};

  Secret keying(keying_size(algorithm));
  Secret block(block_size);
  std::array<std::uint8_t, input_size> input{
      0, 0, 0, 0, 'S', 'K', static_cast<std::uint8_t>(label_base + static_cast<std::uint8_t>(algorithm)), 0x00};
  put_big_endian(input.data() + 8, spi);
  put_big_endian(input.data() + 12, static_cast<std::uint32_t>(8 * keying.size()));
  std::uint32_t counter = 0;
  for (std::size_t done = 0; done < keying.size(); done += block_size) {
    put_big_endian(input.data(), ++counter);
    std::size_t length = 0;
    if (EVP_MAC_init(context.get(), master.bytes().data(), master.size(), parameters) != 1 ||
        EVP_MAC_update(context.get(), input.data(), input.size()) != 1 ||
        EVP_MAC_final(context.get(), block.data(), &length, block.size()) != 1 || length != block_size)
      return openssl_error();
    const std::size_t wanted = std::min(block_size, keying.size() - done);
    std::copy_n(block.data(), wanted, keying.data() + done);
  }
  return keying;
}

}  // namespace sluice::derivation
