// SPDX-License-Identifier: Apache-2.0
#include "derivation/wiped_heap.hpp"

#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

#ifndef __SANITIZE_ADDRESS__  // the sanitizer has its own

namespace {

#ifdef SLUICE_WIPED_IN_SCOPES
bool is_wiped() { return sluice::derivation::WipedHeap::here(); }
#else
constexpr bool is_wiped() { return true; }
#endif

}  // namespace

void* operator new(std::size_t size) {
  void* memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  if (is_wiped()) OPENSSL_cleanse(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

// The forms with a size and for arrays end in the two above (C++20, [new.delete]).
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif
