// SPDX-License-Identifier: Apache-2.0
#include "client/measure/fit.hpp"

#include <algorithm>

namespace sluice::client::measure {
namespace {

using Json = nlohmann::json;

constexpr std::size_t reason_most = 160;  // bytes
constexpr const char* no_room = "there is no room for it";

// One line of ASCII: a reason may have a file's name in it, whatever that is made of.
std::string shorten(const std::string& reason) {
  std::string text = reason.substr(0, reason_most);
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

bool drop_largest_plugin(Json& posture) {
  const auto plugins = posture.find("plugins");
  if (plugins == posture.end()) return false;
  std::string largest;
  std::size_t size = 0;
  for (const auto& [name, value] : plugins->items())
    if (const std::size_t one = value.dump().size(); one > size) {
      largest = name;
      size = one;
    }
  plugins->erase(largest);
  if (plugins->empty()) posture.erase(plugins);
  posture["unmeasured"]["plugins." + largest] = no_room;
  return true;
}

bool drop_versions(Json& posture) {
  const auto packages = posture.find("packages");
  if (packages == posture.end() || packages->erase("versions") == 0) return false;
  posture["unmeasured"]["packages.versions"] = no_room;
  return true;
}

}  // namespace

bool is_utf8(const Json& value) {
  try {
    static_cast<void>(value.dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

Json fit(Json posture, const Unmeasured& unmeasured, std::size_t most) {
  for (const auto& [claim, reason] : unmeasured) posture["unmeasured"][shorten(claim)] = shorten(reason);
  while (posture.dump().size() > most)
    if (!drop_largest_plugin(posture) && !drop_versions(posture) && posture.erase("unmeasured") == 0)
      return Json::object();
  return posture;
}

}  // namespace sluice::client::measure
