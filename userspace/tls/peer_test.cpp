// SPDX-License-Identifier: Apache-2.0
#include "tls/peer.hpp"

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

TEST(PeerName, RoundTrips) {
  for (std::string_view uri :
       {"sluice://corp/agent/berlin", "sluice://corp/gateway", "sluice://a.b_c-1/agent/X.9", "sluice://corp/kds",
        "sluice://corp/gateway/gw1", "sluice://corp/device/laptop-7", "sluice://corp/operator/ada"}) {
    Result<PeerName> name = PeerName::parse(uri);
    ASSERT_TRUE(name) << uri;
    EXPECT_EQ(name->to_string(), uri);
  }
}

TEST(PeerName, RefusesWhatIsNone) {
  for (std::string_view uri : {"",
                               "sluice://",
                               "sluice://corp",
                               "sluice://corp/",
                               "sluice://corp/agent",
                               "sluice://corp/agent/",
                               "sluice:///gateway",
                               "sluice://corp/gateway/",
                               "sluice://corp/gateway/x/y",
                               "sluice://corp/gateway/a b",
                               "sluice://corp/kds/",
                               "sluice://corp/kds/x",
                               "sluice://corp/device",
                               "sluice://corp/device/",
                               "sluice://corp/operator",
                               "sluice://corp/operator/a/b",
                               "sluice://corp/gateways/x",
                               "sluice://corp/DEVICE/x",
                               "sluice://corp/agent/a/b",
                               "sluice://corp/agent/a b",
                               "https://corp/gateway",
                               "SLUICE://corp/gateway",
                               "sluice://co rp/gateway",
                               "sluice://corp/agent/a\xc3\xa4"}) {
    EXPECT_FALSE(PeerName::parse(uri)) << uri;
  }
  EXPECT_FALSE(PeerName::parse(std::string_view("sluice://corp/gateway\0", 22)));
  EXPECT_FALSE(PeerName::parse("sluice://" + std::string(64, 'a') + "/gateway"));
  EXPECT_TRUE(PeerName::parse("sluice://" + std::string(63, 'a') + "/gateway"));
  for (const char* name : {".", "..", "..."})
    EXPECT_FALSE(PeerName::parse("sluice://corp/device/" + std::string(name)));
  EXPECT_TRUE(PeerName::parse("sluice://corp/device/..a"));
}

TEST(Peer, HoldsOnlyTheNamesItHas) {
  Peer peer;
  peer.names = {{PeerName::Role::agent, "corp", "berlin"}, {PeerName::Role::gateway, "lab", ""}};
  EXPECT_TRUE(peer.is_agent("corp", "berlin"));
  EXPECT_FALSE(peer.is_agent("lab", "berlin"));
  EXPECT_FALSE(peer.is_agent("corp", "paris"));
  EXPECT_FALSE(peer.is_agent("lab", ""));
  EXPECT_TRUE(peer.is_gateway("lab"));
  EXPECT_FALSE(peer.is_gateway("corp"));
}

TEST(Peer, AGatewayOfARealmIsNoneOfANetwork) {
  Peer realm, network;
  realm.names = {*PeerName::parse("sluice://corp/gateway/gw1")};
  network.names = {*PeerName::parse("sluice://corp/gateway")};
  EXPECT_FALSE(realm.is_gateway("corp"));
  EXPECT_EQ(realm.gateway_of("corp"), "gw1");
  EXPECT_TRUE(network.is_gateway("corp"));
  EXPECT_EQ(network.gateway_of("corp"), std::nullopt);
}

TEST(Peer, RolesOfARealmAreApart) {
  Peer peer;
  peer.names = {*PeerName::parse("sluice://corp/device/laptop")};
  EXPECT_EQ(peer.device_of("corp"), "laptop");
  EXPECT_EQ(peer.device_of("lab"), std::nullopt);
  EXPECT_EQ(peer.operator_of("corp"), std::nullopt);
  EXPECT_EQ(peer.gateway_of("corp"), std::nullopt);
  EXPECT_FALSE(peer.is_kds("corp"));
  EXPECT_FALSE(peer.is_agent("corp", "laptop"));
  peer.names = {*PeerName::parse("sluice://corp/kds"), *PeerName::parse("sluice://lab/operator/ada")};
  EXPECT_TRUE(peer.is_kds("corp"));
  EXPECT_FALSE(peer.is_kds("lab"));
  EXPECT_EQ(peer.operator_of("lab"), "ada");
  EXPECT_EQ(peer.operator_of("corp"), std::nullopt);
}

TEST(Peer, TwoDevicesInOneCertificateAreNone) {
  Peer peer;
  peer.names = {*PeerName::parse("sluice://corp/device/a"), *PeerName::parse("sluice://corp/device/b"),
                *PeerName::parse("sluice://lab/device/c"), *PeerName::parse("sluice://lab/device/c")};
  EXPECT_EQ(peer.device_of("corp"), std::nullopt);
  EXPECT_EQ(peer.device_of("lab"), "c");
}

}  // namespace
}  // namespace sluice::tls
