// SPDX-License-Identifier: Apache-2.0
//
// Whether the firmware checked what it started: the variable SecureBoot (UEFI specification, 3.3), which efivarfs shows
// as four bytes of attributes (little-endian) and the value, one byte, 0 or 1.
#include <cerrno>

#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

constexpr const char* folder = "/sys/firmware/efi/efivars";
constexpr const char* variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

}  // namespace

Result<Json> measure_secure_boot(const Host& host) {
  auto bytes = host.read(variable, 64);
  if (!bytes && bytes.error().number == ENOENT)
    return Error{host.has(folder) ? "the firmware has no variable SecureBoot" : "no EFI variables"};
  if (!bytes) return bytes.error();
  if (bytes->size() != 5 || static_cast<unsigned char>(bytes->back()) > 1)
    return Error{"the variable SecureBoot is neither 0 nor 1"};
  return Json{{"enabled", bytes->back() == 1}};
}

}  // namespace sluice::client::measure
