// SPDX-License-Identifier: Apache-2.0
//
// Logging set-up.  Programs call set_up_logging() once and then use spdlog::info() and friends.
#pragma once

namespace sluice {

/// Log to stderr; without times when systemd's journal reads it (JOURNAL_STREAM), for it has its own.
/// *verbose* lets debug messages through.
void set_up_logging(bool verbose);

}  // namespace sluice
