// SPDX-License-Identifier: Apache-2.0
#include "evidence/reason.hpp"

namespace sluice::evidence {
namespace {

constexpr int kFirst = 10000;  // errno(3): the largest that the kernel can return is 4095
constexpr int kLast = kFirst + static_cast<int>(Reason::quote);

}  // namespace

const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::internal:
      return "internal";
    case Reason::malformed:
      return "malformed";
    case Reason::wrong_algorithm:
      return "wrong-algorithm";
    case Reason::bad_signature:
      return "bad-signature";
    case Reason::certificate:
      return "certificate";
    case Reason::device:
      return "device";
    case Reason::exporter:
      return "exporter";
    case Reason::nonce:
      return "nonce";
    case Reason::lifetime:
      return "lifetime";
    case Reason::clock:
      return "clock";
    case Reason::expired:
      return "expired";
    case Reason::quote:
      return "quote";
  }
  return "internal";
}

Error refusal(Reason reason, std::string message) { return {std::move(message), kFirst + static_cast<int>(reason)}; }

Reason reason_of(const Error& error) {
  if (error.number < kFirst || error.number > kLast) return Reason::internal;
  return static_cast<Reason>(error.number - kFirst);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t most = 32;
  std::string shown = "'";
  for (char c : text.substr(0, most)) shown += c >= ' ' && c <= '~' && c != '\'' ? c : '?';
  return shown + (text.size() > most ? "...'" : "'");
}

}  // namespace sluice::evidence
