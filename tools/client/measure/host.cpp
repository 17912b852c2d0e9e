// SPDX-License-Identifier: Apache-2.0
#include "client/measure/host.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/unique_fd.hpp"

namespace sluice::client::measure {
namespace {

constexpr std::size_t names_most = 4096;

Result<UniqueFd> open_regular(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat about {};
  if (!fd || ::fstat(fd.get(), &about) != 0) return system_error(path, errno);
  if (!S_ISREG(about.st_mode)) return Error{path + ": is no regular file", EINVAL};
  return fd;
}

Result<std::string> read_up_to(int fd, std::size_t most, const std::string& path) {
  struct stat about {};
  std::string bytes;
  // A size of 0 is what files of /proc and /sys say, whatever they hold.
  if (::fstat(fd, &about) == 0) bytes.reserve(std::min(most, static_cast<std::size_t>(about.st_size)) + 1);
  std::size_t filled = 0;
  while (filled < most) {
    bytes.resize(std::min(most, std::max(filled + 4096, bytes.capacity())));
    const ssize_t size = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(path, errno);
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

std::filesystem::path Host::at(std::string_view path) const {
  return options.root / std::filesystem::path(path).relative_path();
}

bool Host::has(std::string_view path) const {
  std::error_code ignored;
  return std::filesystem::exists(at(path), ignored);
}

Result<std::string> Host::read(std::string_view path, std::size_t most) const {
  const std::string name = at(path);
  auto fd = open_regular(name);
  if (!fd) return fd.error();
  // One byte more than allowed, to notice what is longer.
  auto bytes = read_up_to(fd->get(), most + 1, name);
  if (bytes && bytes->size() > most) return Error{name + ": is longer than " + std::to_string(most) + " bytes", EFBIG};
  return bytes;
}

Result<std::string> Host::read_start(std::string_view path, std::size_t most) const {
  const std::string name = at(path);
  auto fd = open_regular(name);
  if (!fd) return fd.error();
  return read_up_to(fd->get(), most, name);
}

std::vector<std::string> Host::names_in(std::string_view path) const { return names_in_folder(at(path)); }

std::vector<std::string> names_in_folder(const std::filesystem::path& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  while (folder && names.size() < names_most) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::optional<std::string> Host::program(std::string_view name) const {
  for (const char* folder : {"/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
    const std::string path = at(std::string(folder) + "/" + std::string(name));
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

}  // namespace sluice::client::measure
