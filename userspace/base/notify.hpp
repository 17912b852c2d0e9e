// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sluice {

/// Tells systemd that the program is ready, if it was started by a unit with Type=notify (sd_notify(3) has the
/// protocol); nothing otherwise, nor if it cannot be told: the unit then ends by its own time limit, and says so.
void notify_ready();

}  // namespace sluice
