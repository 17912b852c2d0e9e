// SPDX-License-Identifier: Apache-2.0
//
// HandOver: how another thread gets the metrics of the one that owns the state.  It posts a question, waits for so
// long and no longer, and is let go when the owner ends.  What both touch is shared, so an answer may come at any time,
// to nobody.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/async.hpp"
#include "metrics/families.hpp"

namespace sluice::metrics {

/// Takes the answer.  From any thread, once; of an answer that never comes the question's time-out tells.
using Reply = std::function<void(Families)>;

class HandOver {
 public:
  /// *measure* is called on *owner*, which runs one handler at a time.
  HandOver(asio::any_io_executor owner, std::function<void(Reply)> measure);

  /// From a thread that *owner* does not wait for.  Nothing: no answer came in time, or it is closed.
  std::optional<Families> ask(std::chrono::milliseconds longest);
  /// On *owner*, or when that no longer runs: *measure* is not called again, and who waits in ask() is let go.
  void close();

 private:
  struct Question {
    bool given_up = false;
    std::optional<Families> answer;
  };
  struct Shared {
    std::mutex mutex;  // for all below, and for the Questions
    std::condition_variable changed;
    std::function<void(Reply)> measure;  // empty: closed
  };

  asio::any_io_executor owner_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace sluice::metrics
