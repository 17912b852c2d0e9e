// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "kds/settings.hpp"

namespace sluice::kds {

/// Bytes that the answer to POST /v1/keys has at most, whatever device asks and whatever it measured: each network is
/// granted, or refused for everything that its posture asks.
std::size_t answer_size(const Settings& settings);

}  // namespace sluice::kds
