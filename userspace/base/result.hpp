// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value, or an Error that says in words what went wrong.  Running daemons report failures
// with it and do not throw; exceptions are for start-up.  (std::expected came with C++23.)
#pragma once

#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace sluice {

struct Error {
  std::string message;
  int number = 0;  ///< errno, where there is one, for callers that treat one kind of failure differently

  /// The same error told from further out: "context: message".
  [[nodiscard]] Error in(const std::string& context) const { return {context + ": " + message, number}; }
};

/// "what: text of the error number".
[[nodiscard]] inline Error system_error(const std::string& what, int number) {
  return {what + ": " + std::generic_category().message(number), number};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  [[nodiscard]] bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace sluice
