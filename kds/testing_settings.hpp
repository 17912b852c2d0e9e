// SPDX-License-Identifier: Apache-2.0
//
// For tests: the settings of a key server with one gateway and one network that any evidence opens.
#pragma once

namespace sluice::kds::testing_support {

inline constexpr const char* one_network = R"(name = "kds1"
realm = "corp"
certificate = "/c"
key = "/k"
authority = "/a"
key_encryption_key = "/kek"
[[posture]]
name = "standard"
[[gateway]]
name = "gw1"
addresses = ["192.0.2.1"]
  [[gateway.network]]
  name = "corp"
  ipv4 = "100.80.0.0"
  routes = ["10.20.0.0/16"]
  roles = ["staff"]
  posture = "standard"
)";

}  // namespace sluice::kds::testing_support
