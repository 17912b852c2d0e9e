// SPDX-License-Identifier: Apache-2.0
//
// Counts: what the agent has done since its start, through however many sessions, for its metrics.  What is under way
// is asked of whoever does it.  Control thread only.
#pragma once

#include <array>
#include <cstdint>

#include "agent/associations.hpp"
#include "session.pb.h"

namespace sluice::agent {

struct Counts {
  std::uint64_t sessions = 0;      ///< control sessions that were opened
  std::uint64_t failed_dials = 0;  ///< that were not
  std::uint64_t offers = 0;
  std::uint64_t withdrawn = 0;                       ///< offers that were answered by nobody
  std::uint64_t connects = 0, pings = 0, binds = 0;  ///< attempts that offers led to
  std::array<std::uint64_t, session::v1::Verdict_ARRAYSIZE> answers{};
  std::uint64_t streams = 0;         ///< connections that were carried
  std::uint64_t dgram_sessions = 0;  ///< that were opened
  Associations::Numbers ended;       ///< of DGRAM sessions that are none any more
};

}  // namespace sluice::agent
