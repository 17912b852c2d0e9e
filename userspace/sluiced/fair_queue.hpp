// SPDX-License-Identifier: Apache-2.0
//
// A queue that serves its clients in turn, one item each, so that one client's flood waits behind itself and not in
// front of the others (T10).  No item is kept beyond its removal, so the queue is as bounded as what is put in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>

namespace sluice::gateway {

template <class Item>
class FairQueue {
 public:
  void push(std::uint32_t client, Item item) {
    auto [found, is_new] = by_client_.try_emplace(client);
    if (is_new) found->second = lanes_.insert(lanes_.end(), Lane{client, {}});
    found->second->items.push_back(std::move(item));
    ++size_;
  }

  std::optional<Item> pop() {
    if (lanes_.empty()) return std::nullopt;
    auto lane = lanes_.begin();
    Item item = std::move(lane->items.front());
    lane->items.pop_front();
    --size_;
    if (lane->items.empty())
      erase(lane);
    else
      lanes_.splice(lanes_.end(), lanes_, lane);
    return item;
  }

  bool remove(std::uint32_t client, const Item& item) {
    auto found = by_client_.find(client);
    if (found == by_client_.end()) return false;
    auto& items = found->second->items;
    auto position = std::ranges::find(items, item);
    if (position == items.end()) return false;
    items.erase(position);
    --size_;
    if (items.empty()) erase(found->second);
    return true;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Lane {
    std::uint32_t client;
    std::deque<Item> items;
  };
  using Position = typename std::list<Lane>::iterator;

  void erase(Position lane) {
    by_client_.erase(lane->client);
    lanes_.erase(lane);
  }

  std::list<Lane> lanes_;  // never an empty one; the first is served next
  std::unordered_map<std::uint32_t, Position> by_client_;
  std::size_t size_ = 0;
};

}  // namespace sluice::gateway
