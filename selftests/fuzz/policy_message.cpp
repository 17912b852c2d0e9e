// SPDX-License-Identifier: Apache-2.0
//
// Answers of the policy responder: what is taken for one is byte by byte what this question's answer may be.
//
// Input: an even byte and an answer, whose nonce is then the question's; or an odd byte, a nonce and an answer.
#include "policy/message.hpp"
#include "require.hpp"

using sluice::fuzz::require;
namespace policy = sluice::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t nonce_at = 8;
  sluice::fuzz::Input input(data, size);
  policy::Nonce nonce{};
  const bool of_its_own = input.number<std::uint8_t>() % 2 == 1;
  auto from = of_its_own ? input.bytes(nonce.size()) : input.rest().subspan(std::min(nonce_at, input.rest().size()));
  std::ranges::copy(from.first(std::min(nonce.size(), from.size())), nonce.begin());

  const std::vector<std::uint8_t> bytes(input.rest().begin(), input.rest().end());
  const auto blob = policy::parse_answer(bytes, nonce);
  if (!blob) return 0;
  require(!blob->empty() && bytes.size() == policy::header_size + blob->size(), "an answer is its header and its blob");
  std::vector<std::uint8_t> again{'S', 'L', 'P', 'A', 1, bytes[5]};
  again.push_back(static_cast<std::uint8_t>(blob->size() >> 8));
  again.push_back(static_cast<std::uint8_t>(blob->size()));
  again.insert(again.end(), nonce.begin(), nonce.end());
  again.insert(again.end(), blob->begin(), blob->end());
  require(again == bytes && (bytes[5] & 1) == 0, "an answer is what the contract says, and not cut");
  for (std::uint8_t& byte : nonce) {
    byte ^= 0x10;
    require(!policy::parse_answer(bytes, nonce), "another question's answer is none");
    byte ^= 0x10;
  }
  require(!policy::parse_answer(std::span(bytes).first(bytes.size() - 1), nonce), "a shorter answer is none");
  return 0;
}
