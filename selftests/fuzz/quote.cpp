// SPDX-License-Identifier: Apache-2.0
//
// A TPM's quote: whatever the key has signed, what is taken for a quote is one of these qualifying data; no byte of it
// can be another.
//
// Input: 0, and an attestation; 1, and a signature; or any other byte, 2 bytes of where and 1 of what to change in a
// good one.
#include "evidence/quote.hpp"

#include "evidence/reason.hpp"
#include "evidence/testing.hpp"
#include "key.hpp"

using sluice::fuzz::require;
namespace evidence = sluice::evidence;
using evidence::testing_support::Bytes;

namespace {

const evidence::Sha256& qualifying() {
  static const evidence::Sha256 value = *evidence::qualifying_data({1}, {2}, "a.b.c");
  return value;
}
const Bytes& enrolled() {
  static const Bytes der = evidence::testing_support::der_of(sluice::fuzz::rfc_key());
  return der;
}

bool judge(const evidence::Quote& quote) {
  const sluice::Result<void> done = evidence::verify_quote(quote, qualifying(), enrolled());
  if (done) return true;
  sluice::fuzz::require_printable(done.error().message);
  require(evidence::reason_of(done.error()) != evidence::Reason::internal, "a refusal is the quote's fault");
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace make = evidence::testing_support;
  using make::operator+;
  sluice::fuzz::Input input(data, size);
  const evidence::Pcrs pcrs{{0, {3}}, {7, {4}}};
  const auto mode = input.number<std::uint8_t>();
  if (mode == 0) {
    const Bytes attest(input.rest().begin(), input.rest().end());
    if (!judge({attest, make::tpm_signature(sluice::fuzz::rfc_key(), attest), pcrs})) return 0;
    const Bytes begin = make::number(0xff544347, 4) + make::number(0x8018, 2);
    require(std::equal(begin.begin(), begin.end(), attest.begin()), "it is of a TPM, and a quote");
    require(std::search(attest.begin(), attest.end(), qualifying().begin(), qualifying().end()) != attest.end(),
            "it is of this evidence");
    return 0;
  }
  static const evidence::Quote good = make::quote_by(sluice::fuzz::rfc_key(), qualifying(), pcrs);
  evidence::Quote quote = good;
  if (mode == 1) {
    quote.signature.assign(input.rest().begin(), input.rest().end());
    (void)judge(quote);
    return 0;
  }
  const auto place = input.number<std::uint16_t>();
  quote.attest[place % quote.attest.size()] = input.number<std::uint8_t>();
  require(judge(quote) == (quote.attest == good.attest), "a quote with one byte changed does not verify");
  return 0;
}
