// SPDX-License-Identifier: Apache-2.0
//
// This program's heap: what is given back is wiped first.  Keys are held in Secret, but on their way there the TOML
// parser and std::string make copies of their own, whose memory is reached here and nowhere else.
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

#ifndef __SANITIZE_ADDRESS__  // the sanitizer has its own

void* operator new(std::size_t size) {
  void* memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  OPENSSL_cleanse(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

// The forms with a size and for arrays end in the two above (C++20, [new.delete]).
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif
