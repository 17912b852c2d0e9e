// SPDX-License-Identifier: Apache-2.0
//
// What all relays of this process have carried since its start, those that still run included: a Report comes when its
// stream has ended, which may take days.  Counted by the relays' threads, read by any; it is all relaxed.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::relay {

struct Totals {
  std::atomic<std::uint64_t> to_tls{0};  ///< bytes
  std::atomic<std::uint64_t> to_tcp{0};
};

Totals& totals();

}  // namespace sluice::relay
