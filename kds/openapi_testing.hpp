// SPDX-License-Identifier: Apache-2.0
//
// For tests: Documentation/openapi.yaml, and the examples in it, so that whoever reads such a body in earnest is tried
// on them.  The build makes JSON of the file (kds/openapi.cmake).
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::kds::openapi {

inline const nlohmann::json& document() {
  static const nlohmann::json read = nlohmann::json::parse(std::ifstream(OPENAPI_JSON));
  return read;
}

/// What a {"$ref": "#/..."} stands for; anything else is itself.
inline const nlohmann::json& resolved(const nlohmann::json& value) {
  if (!value.is_object() || !value.contains("$ref")) return value;
  return document().at(nlohmann::json::json_pointer(value.at("$ref").get<std::string>().substr(1)));
}

/// Of a request's or a response's content, by name.
inline std::map<std::string, nlohmann::json> examples_in(const nlohmann::json& holder) {
  std::map<std::string, nlohmann::json> found;
  for (const auto& [type, media] : resolved(holder).at("content").items())
    for (const auto& [name, example] : media.at("examples").items()) found[name] = resolved(example).at("value");
  return found;
}

/// There is at least one.
inline std::map<std::string, nlohmann::json> request_examples(const char* path, const char* method) {
  return examples_in(document().at("paths").at(path).at(method).at("requestBody"));
}
inline std::map<std::string, nlohmann::json> response_examples(const char* path, const char* method,
                                                               const char* status = "200") {
  return examples_in(document().at("paths").at(path).at(method).at("responses").at(status));
}

}  // namespace sluice::kds::openapi
