// SPDX-License-Identifier: Apache-2.0
//
// The tables of the embedded store, and how an older file becomes one of today.
#pragma once

#include "base/result.hpp"
#include "kds/sqlite/connection.hpp"

namespace sluice::kds::sqlite {

/// PRAGMA user_version of a file of today.
extern const std::int64_t schema_version;

/// Brings the file to today's tables, a transaction a version.  Several processes may do so at once.  A file of a newer
/// version, and one that is somebody else's database, are refused.
Result<void> migrate(Connection& connection, const std::string& name);

}  // namespace sluice::kds::sqlite
