// SPDX-License-Identifier: Apache-2.0
//
// Makes the whole of a posture fit into so many bytes.  Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "client/measure/host.hpp"

namespace sluice::client::measure {

/// Every text and key in it is UTF-8, so that it can be written.
bool is_utf8(const nlohmann::json& value);

/// *posture* with "unmeasured", where there is anything of it, in at most *most* bytes of text.  What has to go is
/// plug-ins, the largest first, then versions of packages, then reasons, then all.
nlohmann::json fit(nlohmann::json posture, const Unmeasured& unmeasured, std::size_t most);

}  // namespace sluice::client::measure
