// SPDX-License-Identifier: Apache-2.0
#include "session/fair_queue.hpp"

#include <algorithm>

namespace sluice::session {
namespace {

// About one packet of Ethernet: who sends small datagrams waits for one such of each other, not for 64 KiB.
constexpr std::size_t kQuantum = 2048;

}  // namespace

bool FairQueue::push(const Datagram& datagram, Clock::time_point now) {
  const std::size_t size = kDatagramHeader + datagram.payload.size();
  auto found = by_association_.find(datagram.association);
  if (found != by_association_.end()) {
    const Queues::iterator queue = found->second;
    drop_late(*queue, now);
    if (queue->frames.empty()) {
      erase(queue);
      found = by_association_.end();
    } else if (queue->bytes + size > std::min(limits_.one, limits_.all - bytes_)) {
      return false;
    }
  }
  if (bytes_ + size > limits_.all) return false;
  if (found == by_association_.end()) {
    queues_.push_back({datagram.association, {}, 0, kQuantum});
    found = by_association_.emplace(datagram.association, std::prev(queues_.end())).first;
  }
  Queue& queue = *found->second;
  Waiting& waiting = queue.frames.emplace_back(Waiting{{}, now});
  waiting.frame.reserve(size);
  append_datagram(waiting.frame, datagram);
  queue.bytes += size;
  bytes_ += size;
  return true;
}

std::optional<std::string> FairQueue::pop(std::size_t room, Clock::time_point now) {
  while (!queues_.empty()) {
    const Queues::iterator queue = queues_.begin();
    drop_late(*queue, now);
    if (queue->frames.empty()) {
      erase(queue);
      continue;
    }
    const std::size_t size = queue->frames.front().frame.size();
    if (queue->deficit < size) {
      queue->deficit += kQuantum;
      queues_.splice(queues_.end(), queues_, queue);
      continue;
    }
    if (size > room) return std::nullopt;
    queue->deficit -= size;
    std::string frame = take_head(*queue);
    if (queue->frames.empty()) erase(queue);
    return frame;
  }
  return std::nullopt;
}

std::size_t FairQueue::drop(std::uint32_t association) {
  auto found = by_association_.find(association);
  if (found == by_association_.end()) return 0;
  const std::size_t dropped = found->second->frames.size();
  erase(found->second);
  return dropped;
}

std::size_t FairQueue::drop_all() {
  std::size_t dropped = 0;
  for (const Queue& queue : queues_) dropped += queue.frames.size();
  queues_.clear();
  by_association_.clear();
  bytes_ = 0;
  return dropped;
}

std::string FairQueue::take_head(Queue& queue) {
  std::string frame = std::move(queue.frames.front().frame);
  queue.frames.pop_front();
  queue.bytes -= frame.size();
  bytes_ -= frame.size();
  return frame;
}

/// May leave the queue empty.
void FairQueue::drop_late(Queue& queue, Clock::time_point now) {
  while (!queue.frames.empty() && now - queue.frames.front().since > limits_.age) {
    (void)take_head(queue);
    ++late_;
  }
}

void FairQueue::erase(Queues::iterator queue) {
  bytes_ -= queue->bytes;
  by_association_.erase(queue->association);
  queues_.erase(queue);
}

}  // namespace sluice::session
