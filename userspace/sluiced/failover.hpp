// SPDX-License-Identifier: Apache-2.0
//
// Failover: what an agent's Answer says of asking another one (N5), and whose answer is the client's when none could do
// it.  Documentation/daemons.rst, Routes, is the table.  Pure.
#pragma once

#include "sluiced/answer.hpp"
#include "sluiced/offers.hpp"

namespace sluice::gateway {

enum class Sense {
  final,         // the client's
  reached,       // the client's, and it proves that the agent has a way
  failed,        // another agent may do better
  out_of_reach,  // likewise, and this one has no way there
};

// *judgement* is of *answer*, which answers *offer*.
Sense sense_of(const Offer& offer, const session::v1::Answer& answer, const Judgement& judgement);

// The place in *failures*, which are not none, of the first whose way it was and not whose fault; without one, of the
// first.
std::size_t spokesman(const std::vector<Offer::Failure>& failures);

}  // namespace sluice::gateway
