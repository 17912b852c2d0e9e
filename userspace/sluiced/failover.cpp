// SPDX-License-Identifier: Apache-2.0
#include "sluiced/failover.hpp"

#include <algorithm>

#include "netlink/protocol.hpp"

namespace sluice::gateway {

using netlink::Verdict;

Sense sense_of(const Offer& offer, const session::v1::Answer& answer, const Judgement& judgement) {
  // For a datagram there was no more than a socket to be had.
  if (judgement.verdict == Verdict::accept)
    return netlink::is_datagram(offer.parked.protocol) ? Sense::final : Sense::reached;
  if (judgement.verdict == Verdict::reply) return Sense::reached;
  if (answer.own()) return Sense::failed;
  if (judgement.verdict == Verdict::refuse) return Sense::reached;
  if (is_out_of_reach(judgement, offer.parked.source.address.is_v4())) return Sense::out_of_reach;
  // Silence of one does not make an error of another untrue.
  const bool is_silence = judgement.verdict == Verdict::timeout && !offer.failures.empty();
  return is_silence ? Sense::failed : Sense::final;
}

std::size_t spokesman(const std::vector<Offer::Failure>& failures) {
  const auto said = std::ranges::find_if(failures, [](const Offer::Failure& failure) {
    return !failure.answer.own() && failure.answer.verdict() != session::v1::TIMEOUT;
  });
  return said == failures.end() ? 0 : static_cast<std::size_t>(said - failures.begin());
}

}  // namespace sluice::gateway
