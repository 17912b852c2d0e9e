// SPDX-License-Identifier: Apache-2.0
//
// For tests: what is left of a secret in this process's heap, freed memory and all.  Not with sanitizers: theirs is
// another heap.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::derivation::testing {

/// Text outside the heap.
class Pages {
 public:
  static constexpr std::size_t most = 65536;
  Pages()
      : text_(static_cast<char*>(::mmap(nullptr, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Pages() { ::munmap(text_, most); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  Pages& operator+=(std::string_view more) {
    std::memcpy(text_ + size_, more.data(), more.size());
    size_ += more.size();
    return *this;
  }
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }

 private:
  char* text_;
  std::size_t size_ = 0;
};

/// Whether eight bytes in a row of *secret*, which is outside the heap, are in it: malloc() itself writes over the
/// beginning of what is given back.  Of the main thread's arena.
inline bool is_in_heap(std::string_view secret) {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  char line[512];
  unsigned long from = 0, to = 0;
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr)
    if (std::strstr(line, "[heap]") != nullptr) std::sscanf(line, "%lx-%lx", &from, &to);
  if (maps != nullptr) std::fclose(maps);
  const std::string_view heap(reinterpret_cast<const char*>(from), to - from);
  for (std::size_t i = 0; i + 8 <= secret.size(); ++i)
    if (::memmem(heap.data(), heap.size(), secret.data() + i, 8) != nullptr) return true;
  return false;
}

}  // namespace sluice::derivation::testing
