// SPDX-License-Identifier: Apache-2.0
#include "kds/routes.hpp"

#include <gtest/gtest.h>

namespace sluice::kds {
namespace {

Action action_of(Who who, const char* method, const char* path) {
  const Found found = find_route(who, method, path);
  EXPECT_NE(found.route, nullptr) << method << ' ' << path;
  return found.route != nullptr ? found.route->action : Action::health;
}

TEST(RoutesTest, MethodAndPathDecide) {
  EXPECT_EQ(action_of(Who::operator_, "GET", "/v1/devices"), Action::devices);
  EXPECT_EQ(action_of(Who::operator_, "POST", "/v1/devices"), Action::enrol);
  EXPECT_EQ(action_of(Who::operator_, "DELETE", "/v1/devices/revoke"), Action::forget);
  EXPECT_EQ(action_of(Who::operator_, "POST", "/v1/devices/ban/ban"), Action::ban);
  EXPECT_EQ(find_route(Who::operator_, "POST", "/v1/devices/laptop1/unban").name, "laptop1");
}

TEST(RoutesTest, ANameIsOneSegment) {
  for (const char* path : {"/v1/devices/", "/v1/devices//", "/v1/devices//ban", "/v1/devices/a/b", "/v1/devices/a/",
                           "/v1/devices/a/b/ban", "/v1/devicesa", "/v1/device", "/v1", "", "/v1/gateways/gw1"}) {
    const Found found = find_route(Who::operator_, "GET", path);
    EXPECT_EQ(found.route, nullptr) << path;
    EXPECT_EQ(found.allowed, "") << path;
  }
}

TEST(RoutesTest, EachKindOfPeerHasItsOwn) {
  for (const Route& route : routes()) {
    const std::string path = route.path;
    for (const Who who : {Who::anybody, Who::device, Who::gateway, Who::operator_})
      EXPECT_EQ(find_route(who, route.method, path).route == &route, who == route.who) << route.method << ' ' << path;
  }
}

TEST(RoutesTest, AnotherMethodIsToldWhatThereIs) {
  const Found found = find_route(Who::operator_, "PUT", "/v1/devices/laptop1");
  EXPECT_EQ(found.route, nullptr);
  EXPECT_EQ(found.allowed, "GET, PATCH, DELETE");
  EXPECT_EQ(find_route(Who::operator_, "get", "/v1/audit").allowed, "GET") << "methods compare with case";
}

}  // namespace
}  // namespace sluice::kds
