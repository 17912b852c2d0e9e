// SPDX-License-Identifier: Apache-2.0
//
// What this key server tells Prometheus, of a moment.  Pure.  No device and no gateway is named: those who may know
// them ask the API.
#pragma once

#include "http/server.hpp"
#include "kds/audit_log.hpp"
#include "metrics/families.hpp"

namespace sluice::kds {

metrics::Families measure(const http::ServerCounters& server, const AuditCounts& decisions);

}  // namespace sluice::kds
