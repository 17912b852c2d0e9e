// SPDX-License-Identifier: Apache-2.0
//
// The list of installed packages, as dpkg's files or rpm's answer have it, and its digest.  Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sluice::client::measure {

/// "name:architecture version", one for each package that is installed.
class PackageList {
 public:
  /// A dpkg status file (deb-control(5)): stanzas whose Status ends in "installed" or says that triggers are still to
  /// be run.  That somebody holds a package ("hold ok installed") does not make it absent.  *always*: stanzas without
  /// a Status count as well, as images without dpkg have them in status.d.  An error: a stanza has no name or version.
  Result<void> add_dpkg(std::string_view status, bool always);
  /// Lines of this very form.  gpg-pubkey, which is a key and no package, does not count.
  Result<void> add_rpm(std::string_view lines);

  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  /// SHA-256 in hexadecimal of the lines, sorted by bytes and each ended by a newline: what
  /// `dpkg-query -f '${Package}:${Architecture} ${Version}\n' -W | LC_ALL=C sort | sha256sum` gives.  Sorts.
  [[nodiscard]] Result<std::string> digest();
  /// The version of *name* or *name:architecture*; all different ones, if there are several.  After digest().
  [[nodiscard]] std::vector<std::string> versions(std::string_view name) const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace sluice::client::measure
