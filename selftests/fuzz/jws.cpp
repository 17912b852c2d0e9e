// SPDX-License-Identifier: Apache-2.0
//
// JWS: what verifies has one text; what we sign verifies, and no longer once a byte of it is another.
//
// Input: 0, and a JWS; or any other byte, 2 bytes of where and 1 of what to change, and a payload.
#include "evidence/jws.hpp"

#include "evidence/reason.hpp"
#include "key.hpp"

using sluice::fuzz::require;
namespace evidence = sluice::evidence;

namespace {

constexpr std::size_t kMost = 16384;

void judge(std::string_view compact) {
  const sluice::Result<std::string> payload = evidence::verify(compact, sluice::fuzz::rfc_key(), kMost);
  if (!payload) {
    sluice::fuzz::require_printable(payload.error().message);
    require(evidence::reason_of(payload.error()) != evidence::Reason::internal, "a refusal is the evidence's fault");
    return;
  }
  std::string again;
  std::size_t parts = 0;
  for (std::size_t at = 0; at <= compact.size(); ++parts) {
    const std::size_t end = std::min(compact.find('.', at), compact.size());
    const auto bytes = evidence::from_base64url(compact.substr(at, end - at));
    require(bytes.ok(), "each part of a good JWS is base64url");
    again += (again.empty() ? "" : ".") + evidence::to_base64url(*bytes);
    if (parts == 1) require(std::string(bytes->begin(), bytes->end()) == *payload, "the payload is the second part");
    at = end + 1;
  }
  require(parts == 3 && again == compact, "a good JWS has one text");
  require(!evidence::verify(compact, sluice::fuzz::rfc_key(), compact.size() - 1), "the limit of bytes holds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  if (input.number<std::uint8_t>() == 0) {
    judge(input.text());
    return 0;
  }
  const auto place = input.number<std::uint16_t>();
  const auto change = static_cast<char>(input.number<std::uint8_t>());
  const sluice::Result<std::string> compact = evidence::sign(sluice::fuzz::rfc_key(), input.text());
  require(compact.ok(), "any payload can be signed");
  if (compact->size() > kMost) return 0;
  const sluice::Result<std::string> payload = evidence::verify(*compact, sluice::fuzz::rfc_key(), kMost);
  require(payload.ok() && *payload == input.text(), "what was signed verifies");
  std::string changed = *compact;
  changed[place % changed.size()] = change;
  if (changed != *compact) {
    require(!evidence::verify(changed, sluice::fuzz::rfc_key(), kMost), "a JWS with one byte changed does not verify");
  }
  judge(changed);
  return 0;
}
