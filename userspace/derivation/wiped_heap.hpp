// SPDX-License-Identifier: Apache-2.0
//
// The heap of programs that hold keys: what is given back is wiped first.  Keys are held in Secret, but on their way
// there parsers of JSON and TOML and std::string make copies of their own, whose memory is reached in operator delete
// and nowhere else.  A program has it by what it links:
//   - sluice_wiped_heap: always;
//   - sluice_wiped_heap_in_scopes: while a WipedHeap lives, for programs that move others' bytes as well.
// A library makes a WipedHeap where it reads keys, and need not know which it is.
#pragma once

namespace sluice::derivation {

/// While one lives, what its thread gives back to the heap is wiped.  They may be nested.
class WipedHeap {
 public:
  WipedHeap() { ++scopes_; }
  ~WipedHeap() { --scopes_; }
  WipedHeap(const WipedHeap&) = delete;
  WipedHeap& operator=(const WipedHeap&) = delete;

  static bool here() { return scopes_ != 0; }

 private:
  inline static constinit thread_local unsigned scopes_ = 0;
};

}  // namespace sluice::derivation
