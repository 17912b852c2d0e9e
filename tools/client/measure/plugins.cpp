// SPDX-License-Identifier: Apache-2.0
//
// What programs of the device's administrator add: each executable of one folder writes a JSON object.  Only those are
// run that nobody but root and ourselves can have changed.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/measure/measurements.hpp"
#include "evidence/json.hpp"

namespace sluice::client::measure {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t plugins_most = 32;
constexpr std::size_t name_most = 64;
// In the evidence an object is four levels down already, and 16 are the most.
constexpr std::size_t output_max = 4096;
constexpr std::size_t depth_max = 10;  // the posture that it comes into has evidence's limit, 16

// The names that run-parts(8) runs: what editors and dpkg leave behind has others.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_most && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// Nothing if it may be run.
std::optional<std::string> objection(const struct stat& about) {
  if (about.st_uid != 0 && about.st_uid != ::geteuid()) return "belongs to neither root nor this user";
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it; `chmod go-w` mends that";
  return std::nullopt;
}

struct Plugin {
  std::string name;
  std::optional<std::string> problem;  // why it is not run
};

struct Folder {
  std::optional<std::string> problem;
  std::vector<Plugin> plugins;
};

Plugin look_at(const fs::path& folder, const std::string& name, const Options& options) {
  struct stat about {};
  if (::lstat((folder / name).c_str(), &about) != 0) return {name, system_error("it", errno).message};
  // A link's target may lie where somebody else can put another in its place.
  if (!S_ISREG(about.st_mode)) return {name, "is no regular file"};
  if (auto problem = objection(about)) return {name, problem};
  if ((about.st_mode & S_IXUSR) == 0) return {name, "is not executable"};
  if (name == "osquery" && !options.osquery.empty()) return {name, "has the name under which osquery's rows are told"};
  return {name, std::nullopt};
}

Folder look_at(const Options& options) {
  Folder folder;
  if (options.plugins.empty()) return folder;
  struct stat about {};
  if (::stat(options.plugins.c_str(), &about) != 0) {
    if (errno != ENOENT) folder.problem = system_error(options.plugins, errno).message;
    return folder;
  }
  if (!S_ISDIR(about.st_mode)) folder.problem = options.plugins.string() + ": is no folder";
  if (auto problem = objection(about)) folder.problem = options.plugins.string() + ": " + *problem;
  if (folder.problem) return folder;
  for (const std::string& name : names_in_folder(options.plugins)) {
    if (!is_name(name)) continue;
    if (folder.plugins.size() == plugins_most) {
      folder.problem = "only the first " + std::to_string(plugins_most) + " plug-ins are run";
      break;
    }
    folder.plugins.push_back(look_at(options.plugins, name, options));
  }
  return folder;
}

Result<Json> object_of(const Result<Output>& output) {
  if (!output) return output.error();
  if (output->code != 0) return Error{"exits with " + std::to_string(output->code)};
  auto object = evidence::parse_json(output->text, output_max, {.depth = depth_max});
  if (!object) return object.error().in("its output");
  if (!object->is_object()) return Error{"its output: is no JSON object"};
  return object;
}

Result<Json> conclude(const Folder& folder, Outputs outputs, Unmeasured& unmeasured) {
  Json objects = Json::object();
  auto output = outputs.begin();
  for (const Plugin& plugin : folder.plugins) {
    auto object = plugin.problem ? Result<Json>(Error{*plugin.problem}) : object_of(*output++);
    if (object)
      objects[plugin.name] = *std::move(object);
    else
      unmeasured["plugins." + plugin.name] = object.error().message;
  }
  if (folder.problem) unmeasured["plugins"] = *folder.problem;
  return objects;
}

}  // namespace

Plan plan_plugins(const Host& host) {
  Folder folder = look_at(host.options);
  std::vector<Command> commands;
  Limits limits;
  limits.time = host.options.plugin_time;
  for (const Plugin& plugin : folder.plugins)
    if (!plugin.problem) commands.push_back({{host.options.plugins / plugin.name}, limits});
  return {std::move(commands), [folder = std::move(folder)](Outputs outputs, Unmeasured& unmeasured) {
            return conclude(folder, outputs, unmeasured);
          }};
}

}  // namespace sluice::client::measure
