// SPDX-License-Identifier: Apache-2.0
//
// Which packages are installed: from dpkg's files, or by asking rpm.
#include <cerrno>

#include "client/measure/measurements.hpp"
#include "client/measure/package_list.hpp"

namespace sluice::client::measure {
namespace {

constexpr const char* status_file = "/var/lib/dpkg/status";
constexpr const char* status_folder = "/var/lib/dpkg/status.d";
constexpr std::size_t status_most = std::size_t{64} << 20;
constexpr std::size_t names_most = 64;
constexpr std::size_t version_most = 128;

bool has_dpkg(const Host& host) { return host.has(status_file) || !host.names_in(status_folder).empty(); }

Result<PackageList> list_dpkg(const Host& host) {
  PackageList list;
  auto status = host.read(status_file, status_most);
  if (status) {
    if (auto done = list.add_dpkg(*status, false); !done) return done.error();
  } else if (status.error().number != ENOENT) {
    return status.error();
  }
  for (const std::string& name : host.names_in(status_folder)) {
    if (name.ends_with(".md5sums")) continue;
    auto one = host.read(std::string(status_folder) + "/" + name, status_most);
    if (!one) return one.error();
    if (auto done = list.add_dpkg(*one, true); !done) return done.error();
  }
  return list;
}

Result<PackageList> list_rpm(Outputs outputs) {
  PackageList list;
  if (outputs.empty()) return Error{"neither dpkg nor rpm is here"};
  const Result<Output>& output = outputs.front();
  if (!output) return output.error().in("rpm");
  if (output->code != 0) return Error{"rpm exits with " + std::to_string(output->code)};
  if (auto done = list.add_rpm(output->text); !done) return done.error();
  return list;
}

std::vector<Command> rpm_commands(const Host& host) {
  const auto rpm = host.program("rpm");
  if (!rpm) return {};
  Limits limits;
  limits.time = host.options.time;
  limits.output = std::size_t{16} << 20;
  limits.processor = 4;
  // EVR has the epoch where there is one.
  return {{{*rpm, "-qa", "--queryformat", "%{NAME}:%{ARCH} %{EVR}\\n"}, limits}};
}

Result<Json> conclude(const Host& host, bool dpkg, Outputs outputs, Unmeasured& unmeasured) {
  auto list = dpkg ? list_dpkg(host) : list_rpm(outputs);
  if (!list) return list.error();
  // A system has packages: none is a file that was emptied, or a rpm that has another database.
  if (list->size() == 0) return Error{std::string(dpkg ? "dpkg" : "rpm") + " says that nothing is installed"};
  auto digest = list->digest();
  if (!digest) return digest.error();
  Json versions = Json::object();
  for (std::size_t i = 0; i < host.options.packages.size() && i < names_most; ++i) {
    const std::string& name = host.options.packages[i];
    const auto found = list->versions(name);
    if (found.size() == 1 && found[0].size() <= version_most)
      versions[name] = found[0];
    else if (!found.empty())
      unmeasured["packages.versions." + name] = "it is installed in several versions, or in one without end";
  }
  if (host.options.packages.size() > names_most)
    unmeasured["packages.versions"] = "only the first " + std::to_string(names_most) + " of the names are looked at";
  return Json{{"manager", dpkg ? "dpkg" : "rpm"}, {"count", list->size()}, {"sha256", *digest}, {"versions", versions}};
}

}  // namespace

Plan plan_packages(const Host& host) {
  const bool dpkg = has_dpkg(host);
  return {dpkg ? std::vector<Command>() : rpm_commands(host),
          [&host, dpkg](Outputs outputs, Unmeasured& unmeasured) { return conclude(host, dpkg, outputs, unmeasured); }};
}

}  // namespace sluice::client::measure
