// SPDX-License-Identifier: Apache-2.0
//
// Documentation/openapi.yaml says what is served, no more and no less; its bodies are ones that are taken and given.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "kds/bodies.hpp"
#include "kds/openapi_testing.hpp"
#include "kds/routes.hpp"

namespace sluice::kds {
namespace {

using nlohmann::json;

const std::set<std::string> methods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};

std::string name_of(Who who) {
  switch (who) {
    case Who::anybody:
      return "anybody";
    case Who::device:
      return "device";
    case Who::gateway:
      return "gateway";
    case Who::operator_:
      return "operator";
  }
  return "";
}

// "get /v1/health anybody"
using Operation = std::string;

void each_operation(const std::function<void(const std::string& method, const std::string& path, const json&)>& each) {
  for (const auto& [path, item] : openapi::document().at("paths").items())
    for (const auto& [method, operation] : item.items())
      if (methods.contains(method)) each(method, path, operation);
}

std::set<std::string> members(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

TEST(OpenapiTest, HasThePathsThatAreServedAndNoOthers) {
  std::set<Operation> served, written;
  for (const Route& route : routes()) {
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    served.insert(method + ' ' + route.path + ' ' + name_of(route.who));
  }
  each_operation([&](const std::string& method, const std::string& path, const json& operation) {
    ASSERT_EQ(operation.at("security").size(), 1U) << method << ' ' << path;
    for (const auto& [who, scopes] : operation.at("security").at(0).items()) {
      written.insert(method + ' ' + path + ' ' + who);
      EXPECT_EQ(operation.at("tags"), json::array({who})) << method << ' ' << path;
      EXPECT_TRUE(openapi::document().at("components").at("securitySchemes").contains(who)) << who;
    }
  });
  EXPECT_EQ(written, served);
}

// Each body that is described has examples, and the parser that the server has for it takes them.
TEST(OpenapiTest, ItsRequestsAreTaken) {
  const std::map<std::string, std::function<std::string(const std::string&)>> parsers{
      {"keys",
       [](const std::string& text) {
         auto read = parse_keys(text);
         return read ? "" : read.error().message;
       }},
      {"boot",
       [](const std::string& text) {
         auto read = parse_boot(text);
         return read ? "" : read.error().message;
       }},
      {"anomalies",
       [](const std::string& text) {
         auto read = parse_anomalies(text);
         return read ? "" : read.error().message;
       }},
      {"enrol",
       [](const std::string& text) {
         auto read = parse_device(text);
         return !read ? read.error().message : read->name ? "" : "no name";
       }},
      {"change",
       [](const std::string& text) {
         auto read = parse_device(text);
         return !read ? read.error().message : read->roles || read->enabled ? "" : "nothing to change";
       }},
  };
  std::set<std::string> tried;
  each_operation([&](const std::string& method, const std::string& path, const json& operation) {
    if (!operation.contains("requestBody")) return;
    const auto id = operation.at("operationId").get<std::string>();
    ASSERT_TRUE(parsers.contains(id)) << method << ' ' << path << ": no parser is known for its body";
    const auto examples = openapi::examples_in(operation.at("requestBody"));
    EXPECT_FALSE(examples.empty()) << id;
    for (const auto& [name, value] : examples) EXPECT_EQ(parsers.at(id)(value.dump()), "") << id << ", " << name;
    tried.insert(id);
  });
  EXPECT_EQ(tried.size(), parsers.size()) << "a body that is taken is not described";
}

// A member that a schema does not name is refused, and the schema says that it would be.
TEST(OpenapiTest, RequestsAreClosed) {
  each_operation([&](const std::string& method, const std::string& path, const json& operation) {
    if (!operation.contains("requestBody")) return;
    const json& schema =
        openapi::resolved(operation.at("requestBody").at("content").at("application/json").at("schema"));
    EXPECT_EQ(schema.value("additionalProperties", true), false) << method << ' ' << path;
    for (const auto& [name, value] : openapi::examples_in(operation.at("requestBody")))
      for (const std::string& member : members(value))
        EXPECT_TRUE(schema.at("properties").contains(member)) << method << ' ' << path << ": " << member;
  });
}

TEST(OpenapiTest, DevicesAndGatewaysLookAsTheyAreGiven) {
  Device device;
  device.name = "laptop1";
  device.roles = {"staff"};
  const Attestation attestation{"laptop1", {}, Time(std::chrono::hours(1)), {"standard"}};
  const json examples = openapi::response_examples("/v1/devices", "get").at("devices").at("devices");
  EXPECT_EQ(members(examples.at(0)), members(to_json(device, attestation, Time())));
  EXPECT_EQ(members(examples.at(1)), members(to_json(device, {}, Time())));

  Generation generation;
  generation.state = GenerationState::current;
  const json given = to_json(Gateway{}, {generation}, Time());
  const json gateway = openapi::response_examples("/v1/gateways", "get").at("gateways").at("gateways").at(0);
  EXPECT_EQ(members(gateway), members(given));
  EXPECT_EQ(members(gateway.at("generations").at(0)), members(given.at("generations").at(0)));
}

TEST(OpenapiTest, UpdatesLookAsTheyAreGiven) {
  const json examples = openapi::response_examples("/v1/gateway/updates", "get").at("updates").at("updates");
  for (const auto kind : {Update::Kind::generation, Update::Kind::promote, Update::Kind::revoke, Update::Kind::ban,
                          Update::Kind::unban}) {
    std::vector<Generations::Outgoing> updates(1);
    updates[0].update.kind = kind;
    updates[0].master = derivation::Secret::copy_of(Bytes(32, 7));
    const json given = json::parse(updates_body(updates)).at("updates").at(0);
    bool found = false;
    for (const json& example : examples)
      if (example.at("kind") == given.at("kind")) {
        EXPECT_EQ(members(example), members(given));
        found = true;
      }
    EXPECT_TRUE(found) << given.at("kind");
  }
}

}  // namespace
}  // namespace sluice::kds
