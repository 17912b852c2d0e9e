// SPDX-License-Identifier: Apache-2.0
#include "metrics/hand_over.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace sluice::metrics {

HandOver::HandOver(asio::any_io_executor owner, std::function<void(Reply)> measure) : owner_(std::move(owner)) {
  shared_->measure = std::move(measure);
}

std::optional<Families> HandOver::ask(std::chrono::milliseconds longest) {
  auto question = std::make_shared<Question>();
  Reply reply = [shared = shared_, question](Families families) {
    const std::lock_guard lock(shared->mutex);
    question->answer = std::move(families);
    shared->changed.notify_all();
  };
  asio::post(owner_, [shared = shared_, question, reply = std::move(reply)] {
    std::function<void(Reply)> measure;
    {
      const std::lock_guard lock(shared->mutex);
      // An owner that was busy for long has many such questions, and nobody waits for them.
      if (!question->given_up) measure = shared->measure;
    }
    if (measure) measure(reply);
  });
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_for(lock, longest, [&] { return question->answer || !shared_->measure; });
  question->given_up = true;
  return std::exchange(question->answer, std::nullopt);
}

void HandOver::close() {
  const std::lock_guard lock(shared_->mutex);
  shared_->measure = nullptr;
  shared_->changed.notify_all();
}

}  // namespace sluice::metrics
