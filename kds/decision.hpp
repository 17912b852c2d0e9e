// SPDX-License-Identifier: Apache-2.0
//
// What the key server has decided by itself, as the store's audit table tells it: generations, leases that ran out,
// what followed from anomalies.  The rules write that table and know no other log; who answers a request notes it in
// the file himself.
#pragma once

#include <optional>

#include "kds/audit_log.hpp"
#include "kds/records.hpp"

namespace sluice::kds {

/// Nothing: it is the answer to a request.
std::optional<AuditEvent> decision_of(const Audit& line);

}  // namespace sluice::kds
