// SPDX-License-Identifier: Apache-2.0
//
// The format of os-release(5).  Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace sluice::client::measure {

/// Values without their quotes, by key.  Lines that are no assignment, and those that a shell would not take for one
/// plain word, are left out; of two with one key the last counts.
std::map<std::string, std::string> parse_os_release(std::string_view text);

}  // namespace sluice::client::measure
