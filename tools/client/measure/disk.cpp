// SPDX-License-Identifier: Apache-2.0
//
// Whether the root file system lies on an encrypted device: from its mount (proc_pid_mountinfo(5)) to the device in
// /sys and down through what that is made of (LVM, RAID), until each way ends at dm-crypt.  Encryption by the drive
// itself or by the file system cannot be seen so, and counts as none.
#include <algorithm>
#include <charconv>
#include <set>

#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t mounts_most = std::size_t{4} << 20;
constexpr std::size_t devices_most = 256;

// Device-mapper UUIDs by cryptsetup are CRYPT-TYPE-...; these types encrypt, VERITY and INTEGRITY do not.
constexpr std::string_view encrypting[] = {"CRYPT-LUKS1-",  "CRYPT-LUKS2-", "CRYPT-PLAIN-",  "CRYPT-LOOPAES-",
                                           "CRYPT-TCRYPT-", "CRYPT-BITLK-", "CRYPT-FVAULT2-"};

struct Mount {
  std::string device;  // "major:minor"
  std::string type, source;
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    words.push_back(line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(line.size(), words.back().size() + 1));
  }
  return words;
}

// The last mount at / hides those before it.
std::optional<Mount> root_mount(std::string_view mountinfo) {
  std::optional<Mount> root;
  while (!mountinfo.empty()) {
    const std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(mountinfo.size(), line.size() + 1));
    const auto words = words_of(line);
    if (words.size() < 10 || words[4] != "/") continue;
    // Optional fields end at a single '-'.
    const auto dash = std::find(words.begin() + 6, words.end(), "-");
    if (words.end() - dash < 3) continue;
    root = Mount{std::string(words[2]), std::string(dash[1]), std::string(dash[2])};
  }
  return root;
}

bool is_device_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == ':'; }) &&
         std::ranges::count(text, ':') == 1;
}

std::string first_line(const Host& host, const std::string& path) {
  auto text = host.read(path, 4096);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

// Walks devices, which are named as in /sys/class/block.
class Walk {
 public:
  explicit Walk(const Host& host) : host_(host) {}

  Result<bool> encrypted(const std::string& name) {
    // What was seen already is settled elsewhere on the way; there are no circles of block devices, but in bad trees.
    if (!seen_.insert(name).second) return true;
    if (seen_.size() > devices_most) return Error{"the root device is made of too many devices"};
    const std::string folder = "/sys/class/block/" + name;
    if (!host_.has(folder)) return Error{"/sys has no block device " + name};
    const std::string uuid = first_line(host_, folder + "/dm/uuid");
    for (const std::string_view prefix : encrypting)
      if (uuid.starts_with(prefix)) return true;
    if (host_.has(folder + "/loop/backing_file")) return Error{"the root device is a file, by way of " + name};
    if (host_.has(folder + "/partition")) {
      // Its parent's folder holds its own.
      std::error_code code;
      const fs::path real = fs::canonical(host_.at(folder), code);
      if (code) return Error{folder + ": " + code.message()};
      return encrypted(real.parent_path().filename());
    }
    const auto parts = host_.names_in(folder + "/slaves");
    if (parts.empty()) return false;
    return all_encrypted(parts);
  }

  Result<bool> all_encrypted(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      auto one = encrypted(name);
      if (!one || !*one) return one;
    }
    return true;
  }

 private:
  const Host& host_;
  std::set<std::string> seen_;
};

// /dev/mapper/NAME has another name in /sys.
std::string block_name(const Host& host, const std::string& source) {
  const std::string name = source.substr(source.rfind('/') + 1);
  if (!source.starts_with("/dev/mapper/")) return name;
  for (const std::string& device : host.names_in("/sys/class/block"))
    if (device.starts_with("dm-") && first_line(host, "/sys/class/block/" + device + "/dm/name") == name) return device;
  return name;
}

// btrfs has a device number of its own, and may lie on several devices.
std::vector<std::string> btrfs_devices(const Host& host, const std::string& source) {
  const std::string name = block_name(host, source);
  for (const std::string& id : host.names_in("/sys/fs/btrfs")) {
    auto devices = host.names_in("/sys/fs/btrfs/" + id + "/devices");
    if (std::ranges::find(devices, name) != devices.end()) return devices;
  }
  return {name};
}

}  // namespace

Result<Json> measure_disk_encryption(const Host& host) {
  auto text = host.read("/proc/self/mountinfo", mounts_most);
  if (!text) return text.error();
  const auto mount = root_mount(*text);
  if (!mount) return Error{"/proc/self/mountinfo has no root file system"};
  std::vector<std::string> devices;
  if (mount->type == "btrfs" && mount->source.starts_with("/dev/")) {
    devices = btrfs_devices(host, mount->source);
  } else {
    if (!is_device_number(mount->device)) return Error{"/proc/self/mountinfo has no device of the root file system"};
    std::error_code code;
    const fs::path real = fs::canonical(host.at("/sys/dev/block/" + mount->device), code);
    if (code) return Error{"the root file system, " + mount->type + ", is on no block device"};
    devices = {real.filename()};
  }
  auto encrypted = Walk(host).all_encrypted(devices);
  if (!encrypted) return encrypted.error();
  return Json{{"root", *encrypted}};
}

}  // namespace sluice::client::measure
