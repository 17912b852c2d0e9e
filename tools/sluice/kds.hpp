// SPDX-License-Identifier: Apache-2.0
//
// sluice kds, as command.hpp has the others.
#pragma once

#include "sluice/command.hpp"

namespace sluice::cli {

void add_kds(CLI::App& app, Context& context, Action& action);

}  // namespace sluice::cli
