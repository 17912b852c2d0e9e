// SPDX-License-Identifier: Apache-2.0
#include "tls/peer.hpp"

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

TEST(PeerName, RoundTrips) {
  for (std::string_view uri : {"sluice://corp/agent/berlin", "sluice://corp/gateway", "sluice://a.b_c-1/agent/X.9"}) {
    Result<PeerName> name = PeerName::parse(uri);
    ASSERT_TRUE(name) << uri;
    EXPECT_EQ(name->to_string(), uri);
  }
}

TEST(PeerName, RefusesWhatIsNone) {
  for (std::string_view uri :
       {"", "sluice://", "sluice://corp", "sluice://corp/", "sluice://corp/agent", "sluice://corp/agent/",
        "sluice:///gateway", "sluice://corp/gateway/", "sluice://corp/gateway/x", "sluice://corp/agent/a/b",
        "sluice://corp/agent/a b", "https://corp/gateway", "SLUICE://corp/gateway", "sluice://co rp/gateway",
        "sluice://corp/agent/a\xc3\xa4"}) {
    EXPECT_FALSE(PeerName::parse(uri)) << uri;
  }
  EXPECT_FALSE(PeerName::parse(std::string_view("sluice://corp/gateway\0", 22)));
  EXPECT_FALSE(PeerName::parse("sluice://" + std::string(64, 'a') + "/gateway"));
  EXPECT_TRUE(PeerName::parse("sluice://" + std::string(63, 'a') + "/gateway"));
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

}  // namespace
}  // namespace sluice::tls
