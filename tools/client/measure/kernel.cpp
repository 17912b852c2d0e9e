// SPDX-License-Identifier: Apache-2.0
//
// Which kernel runs: uname(2).  It is this system's, whatever root is measured.
#include <sys/utsname.h>

#include <cerrno>

#include "client/measure/measurements.hpp"

namespace sluice::client::measure {

Result<Json> measure_kernel(const Host&) {
  utsname name{};
  if (::uname(&name) != 0) return system_error("uname", errno);
  return Json{{"release", name.release}};
}

}  // namespace sluice::client::measure
