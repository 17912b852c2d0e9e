// SPDX-License-Identifier: Apache-2.0
//
// What has to be right before a key server is ready, and what --check looks at: the files that its settings name.
// Nothing is made or changed here.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "kds/settings.hpp"
#include "kds/store.hpp"
#include "kds/wrap.hpp"

namespace sluice::kds {

/// Of a key-encrypting key: "A", or "A with B".
std::string joined(const std::vector<std::filesystem::path>& files);

/// The certificate is one of a key server of the realm, good now and in the eyes of its own authority, and the key is
/// its own: gateways and devices would turn away from any other.  Errors name the file.
Result<void> check_identity(const Settings& settings);

/// The folder of *file*, and the file if there is one, can be written.  ENOENT: there is no such folder.
Result<void> check_writable(const std::filesystem::path& file);

/// All that can be known before the server runs.  Folders that are not there are what a unit makes when it starts:
/// the notes say so.
Result<std::vector<std::string>> check_files(const Settings& settings);

/// The master keys in use unwrap, which they do under the key-encrypting key of before alone.  Of several that do not,
/// while others do, the notes tell: it is not the key that is wrong then.
Result<std::vector<std::string>> check_master_keys(Store& store, const Kek& kek, const Settings& settings, Time now);

/// A note where a new store is about to be made; empty: there is one.
std::string about_store(const std::filesystem::path& database);

}  // namespace sluice::kds
