// SPDX-License-Identifier: Apache-2.0
#include "derivation/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"

namespace sluice::derivation {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("write", errno);
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

}  // namespace

Secret::Secret(std::size_t size) : bytes_(std::make_unique<std::uint8_t[]>(size)), size_(size) {}

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() {
  if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
}

Secret Secret::copy_of(std::span<const std::uint8_t> bytes) {
  Secret secret(bytes.size());
  std::copy(bytes.begin(), bytes.end(), secret.data());
  return secret;
}

Result<Secret> Secret::random(std::size_t size) {
  Secret secret(size);
  // The private generator: its state is never the one that makes nonces for everyone to see (RAND_bytes(3)).
  if (RAND_priv_bytes(secret.data(), static_cast<int>(size)) != 1) return Error{"no random bytes are to be had", EIO};
  return secret;
}

Result<Secret> Secret::from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return Error{"an odd number of hexadecimal digits", EINVAL};
  Secret secret(digits.size() / 2);
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);
    // The text stays out of the error: errors are logged.
    if (high < 0 || low < 0) return Error{"not only hexadecimal digits", EINVAL};
    secret.data()[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return secret;
}

Secret Secret::hex() const {
  Secret digits(2 * size_);
  for (std::size_t i = 0; i < size_; ++i) {
    digits.data()[2 * i] = static_cast<std::uint8_t>("0123456789abcdef"[bytes_[i] >> 4]);
    digits.data()[2 * i + 1] = static_cast<std::uint8_t>("0123456789abcdef"[bytes_[i] & 15]);
  }
  return digits;
}

bool Secret::all_zero() const {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : bytes()) any |= byte;
  return any == 0;
}

bool Secret::equals(const Secret& other) const {
  return size_ == other.size_ && (size_ == 0 || CRYPTO_memcmp(bytes_.get(), other.bytes_.get(), size_) == 0);
}

Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t most) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat about {};
  if (!fd || ::fstat(fd.get(), &about) != 0) return system_error(path.string(), errno);
  if (S_ISDIR(about.st_mode)) return system_error(path.string(), EISDIR);
  if (S_ISREG(about.st_mode) && (about.st_mode & 077) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", about.st_mode & 07777U);
    return Error{path.string() + ": holds keys, and its mode " + mode + " lets others at them; `chmod 600 " +
                     path.string() + "` closes it",
                 EACCES};
  }
  // One byte more than allowed, to notice what is longer.
  Secret buffer(most + 1);
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t size = ::read(fd.get(), buffer.data() + filled, buffer.size() - filled);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(path.string(), errno);
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  if (filled > most) return Error{path.string() + ": is longer than " + std::to_string(most) + " bytes", EFBIG};
  return Secret::copy_of(buffer.bytes().first(filled));
}

Result<void> write_secret_file(const std::filesystem::path& path, std::string_view text, bool replace) {
  // Written aside and then named, so that readers never see half of it.
  const std::filesystem::path aside = path.string() + ".new";
  ::unlink(aside.c_str());
  UniqueFd fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return system_error(aside.string(), errno);
  Result<void> done = write_all(fd.get(), text);
  if (done && (::fchmod(fd.get(), 0600) != 0 || ::fsync(fd.get()) != 0)) done = system_error(aside.string(), errno);
  // link() does not replace, and says so without a gap between looking and doing.
  const bool named =
      done && (replace ? ::rename(aside.c_str(), path.c_str()) : ::link(aside.c_str(), path.c_str())) == 0;
  if (done && !named) done = system_error(path.string(), errno);
  if (!named || !replace) ::unlink(aside.c_str());
  return done;
}

}  // namespace sluice::derivation
