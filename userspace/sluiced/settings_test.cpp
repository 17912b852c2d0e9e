// SPDX-License-Identifier: Apache-2.0
#include "sluiced/settings.hpp"

#include <gtest/gtest.h>

#include "netlink/rule_text.hpp"

namespace sluice::gateway {
namespace {

constexpr const char* head = R"(name = "gw1"
listen = ["0.0.0.0:443", "[::]:443"]
certificate = "/etc/sluice/gw1.crt"
key = "/etc/sluice/gw1.key"
authority = "/etc/sluice/ca.crt"
)";

constexpr const char* body = R"([[network]]
name = "corp"
addresses = ["100.64.0.1", "fd64::1"]
park_timeout = "30s"
park_client_max = 5000
unreachable_source = "reporter"

[[network.client]]
id = 1
access = "acc1"
addresses = ["100.64.1.11", "fd64:1::/64"]
acl = ["refuse tcp 10.20.0.10 22"]

[network.acl]
rules = ["prohibit tcp 10.20.0.0/16 25", "drop tcp any 135-139", "offer any"]

[[network.route]]
prefix = "10.20.0.0/16"
agents = ["berlin", "spare"]
)";

std::string error_of(const std::string& text) {
  auto settings = parse_settings(text, "test.toml");
  return settings ? "" : settings.error().message;
}

TEST(SettingsTest, TheDocumentedFileIsRead) {
  auto settings = parse_settings(std::string(head) + body, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->listen.size(), 2u);
  EXPECT_EQ(settings->table, 5353u);
  EXPECT_EQ(settings->mark, (Mark{0x5c000000, 0xff000000}));
  EXPECT_EQ(settings->status, "/run/sluice/sluiced.sock");
  ASSERT_EQ(settings->networks.size(), 1u);
  const NetworkSettings& network = settings->networks[0];
  EXPECT_EQ(network.limits.park_timeout_ms, 30000u);
  EXPECT_EQ(network.limits.park_max, 65536u);
  EXPECT_EQ(network.limits.park_client_max, 5000u);
  EXPECT_EQ(network.limits.park_source_max, 8192u);
  EXPECT_EQ(network.unreachable_source, UnreachableSource::reporter);
  EXPECT_EQ(network.acl.size(), 3u);
  ASSERT_EQ(network.clients.size(), 1u);
  EXPECT_EQ(netlink::to_string(network.clients[0].acl[0]), "refuse tcp 10.20.0.10 22");
  EXPECT_EQ(network.routes[0].groups, (std::vector<std::vector<RouteAgent>>{{{"berlin"}}, {{"spare"}}}));
}

struct Wrong {
  const char* name;
  std::string text;
  const char* line;  // "test.toml:LINE:"
  const char* says;
};

std::string with(const std::string& old_text, const std::string& new_text) {
  std::string text = std::string(head) + body;
  const std::size_t at = text.find(old_text);
  return at == text.npos ? text : text.replace(at, old_text.size(), new_text);
}

// The table's first key is in line 7.
std::string with_kds(const std::string& kds) { return with("[[network]]", "[kds]\n" + kds + "\n[[network]]"); }

// The pool's table begins in line 19.
std::string with_pool(const std::string& pool, const std::string& access = "\"acc1\"") {
  std::string text = with("[network.acl]", "[[network.pool]]\n" + pool + "\n[network.acl]");
  return text.replace(text.find("\"acc1\""), 6, access);
}

class WrongSettings : public testing::TestWithParam<Wrong> {};

TEST_P(WrongSettings, NameFileLineAndKey) {
  const std::string error = error_of(GetParam().text);
  EXPECT_NE(error.find(GetParam().line), std::string::npos) << error;
  EXPECT_NE(error.find(GetParam().says), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Settings, WrongSettings,
    testing::Values(
        Wrong{"unknown_key", with("name = \"gw1\"", "nmae = \"gw1\""), "test.toml:1:", "nmae"},
        Wrong{"acl", with("refuse tcp 10.20.0.10 22", "refuse 10.20.0.10 22"), "test.toml:17:", "protocol"},
        Wrong{"prefix", with("10.20.0.0/16\"\nagents", "10.20.0.1/16\"\nagents"), "test.toml:23:", "prefix"},
        Wrong{"two_v4", with("\"fd64::1\"", "\"100.64.0.2\""), "test.toml:8:", "one gateway address"},
        Wrong{"timeout", with("\"30s\"", "\"1h\""), "test.toml:9:", "park_timeout"},
        Wrong{"source", with("\"reporter\"", "\"router\""), "test.toml:11:", "unreachable_source"},
        Wrong{"id", with("id = 1", "id = 0"), "test.toml:14:", "id"},
        Wrong{"device", with("\"acc1\"", "\"a-very-long-device\""), "test.toml:15:", "15 characters"},
        Wrong{"agents", with("[\"berlin\", \"spare\"]", "[\"ber lin\"]"), "test.toml:24:", "no agent's name"},
        Wrong{"weight", with("\"spare\"]", "\"spare:0\"]"), "test.toml:24:", "'0' is no weight: 1 to 1000"},
        Wrong{"twice", with("\"spare\"]", "[\"berlin:2\"]]"), "test.toml:24:", "'berlin' is named twice"},
        Wrong{"group", with("\"spare\"]", "[]]"), "test.toml:24:", "a group needs at least one agent"},
        Wrong{"no_string", with("\"spare\"]", "[7]]"), "test.toml:24:", "an array of strings"},
        Wrong{"same_route",
              with("[[network.route]]",
                   "[[network.route]]\nprefix = \"10.20.0.0/16\"\nagents = \"a\"\n[[network.route]]"),
              "test.toml:26:", "this prefix and service"},
        Wrong{"ports_alone", with("agents = [", "ports = \"80\"\nagents = ["),
              "test.toml:24:", "ports need a protocol"},
        Wrong{"ports_of_icmp", with("agents = [", "protocol = \"icmp\"\nports = \"80\"\nagents = ["),
              "test.toml:25:", "icmp has no ports"},
        Wrong{"hold", with("park_client_max = 5000", "unreachable_hold = \"11m\""), "test.toml:10:", "from 1s to 10m"},
        Wrong{"mark", with("key =", "mark = \"0x1/0x2\"\nkey ="), "test.toml:4:", "within its mask"},
        Wrong{"table", with("key =", "table = 254\nkey ="), "test.toml:4:", "system's own"},
        Wrong{"metrics_port", with("key =", "metrics = \"127.0.0.1\"\nkey ="), "test.toml:4:", "ADDRESS:PORT"},
        Wrong{"metrics_zero", with("key =", "metrics = \"127.0.0.1:0\"\nkey ="), "test.toml:4:", "port 0"},
        Wrong{"metrics_name", with("key =", "metrics = \"localhost:9469\"\nkey ="), "test.toml:4:", "no IP address"},
        Wrong{"metrics_v6", with("key =", "metrics = \"::1:9469\"\nkey ="), "test.toml:4:", "stands in brackets"},
        Wrong{"associations", with("park_client_max = 5000", "association_max = 0"),
              "test.toml:10:", "association_max"},
        Wrong{"discard", with("park_client_max = 5000", "discard_time = \"500ms\""), "test.toml:10:", "from 1s to 10m"},
        Wrong{"idle", with("park_client_max = 5000", "datagram_idle = \"25h\""), "test.toml:10:", "from 1s to 24h"},
        Wrong{"age", with("key =", "datagram_age = \"1ms\"\nkey ="), "test.toml:4:", "datagram_age"},
        Wrong{"no_protocol", with("[network.acl]", "[[network.service]]\n[network.acl]"), "test.toml:19:", "protocol"},
        Wrong{"tcp", with("[network.acl]", "[[network.service]]\nprotocol = \"tcp\"\n[network.acl]"),
              "test.toml:20:", "no associations"},
        Wrong{"gre_ports",
              with("[network.acl]", "[[network.service]]\nprotocol = \"47\"\nports = \"1\"\n[network.acl]"),
              "test.toml:21:", "47 has no ports"},
        Wrong{"ports", with("[network.acl]", "[[network.service]]\nprotocol = \"udp\"\nports = \"9-8\"\n[network.acl]"),
              "test.toml:21:", "ends before it starts"},
        Wrong{"esp_port", with("[[network]]", "[esp]\nudp_port = 65536\n[[network]]"), "test.toml:7:", "esp.udp_port"},
        Wrong{"esp_rate", with("[[network]]", "[esp]\nunknown_rate = 0\n[[network]]"),
              "test.toml:7:", "esp.unknown_rate"},
        Wrong{"esp_sources", with("[[network]]", "[esp]\nsource = [\"192.0.2.1\", \"192.0.2.2\"]\n[[network]]"),
              "test.toml:7:", "one address a family"},
        Wrong{"esp_unknown", with("[[network]]", "[esp]\nport = 1\n[[network]]"), "test.toml:7:", "esp.port"},
        Wrong{"pool_first", with_pool("first = 0\nipv4 = \"10.0.0.0\""), "test.toml:20:", "network.pool.first"},
        Wrong{"pool_last", with_pool("last = 1048576\nipv4 = \"10.0.0.0\""), "test.toml:20:", "from 1 to 1048575"},
        Wrong{"pool_order", with_pool("first = 9\nlast = 8\nipv4 = \"10.0.0.0\""), "test.toml:21:", "less than first"},
        Wrong{"pool_no_base", with_pool("last = 9"), "test.toml:19:", "needs ipv4 or ipv6"},
        Wrong{"pool_family", with_pool("ipv4 = \"fd65::\""), "test.toml:20:", "no IPv4 address"},
        Wrong{"pool_family6", with_pool("ipv6 = \"10.0.0.0\""), "test.toml:20:", "no IPv6 address"},
        Wrong{"pool_no_address", with_pool("ipv4 = \"10.0.0.0/8\""), "test.toml:20:", "network.pool.ipv4"},
        Wrong{"pool_beyond", with_pool("ipv4 = \"223.255.0.0\""), "test.toml:20:", "no address that a host can have"},
        Wrong{"pool_wraps", with_pool("ipv4 = \"255.255.255.255\""), "test.toml:20:", "no address that a host"},
        Wrong{"pool_base6", with_pool("ipv6 = \"fd65::1\""), "test.toml:20:", "last 20 bits"},
        Wrong{"pool_host", with_pool("ipv6 = \"fd65::\"\nhost = 1"), "test.toml:21:", "network.pool.host"},
        Wrong{"pool_ids", with_pool("ipv6 = \"fd65::\"\n[[network.pool]]\nfirst = 9\nipv6 = \"fd66::\""),
              "test.toml:22:", "9-1048575 overlaps another pool's 1-1048575"},
        Wrong{"pool_addresses",
              with_pool("last = 8\nipv4 = \"10.0.0.0\"\n[[network.pool]]\nfirst = 9\nipv4 = \"9.255.255.250\""),
              "test.toml:24:", "addresses overlap"},
        Wrong{"pool_gateway", with_pool("ipv4 = \"100.64.0.0\""),
              "test.toml:20:", "the gateway address 100.64.0.1 would be a client's"},
        Wrong{"esp_no_pool", with("\"acc1\"", "\"esp\""), "test.toml:15:", "no pool of ESP clients"},
        Wrong{"esp_own_device", with("\"acc1\"", "\"corp\""), "test.toml:15:", "no pool of ESP clients"},
        Wrong{"esp_other_addresses", with_pool("ipv4 = \"10.0.0.0\"", "\"esp\""),
              "test.toml:16:", "100.64.1.11/32 has no address of the network's pools"},
        Wrong{"kds_no_servers", with_kds("realm = \"corp\""), "test.toml:6:", "kds.servers"},
        Wrong{"kds_empty", with_kds("servers = []\nrealm = \"corp\""), "test.toml:7:", "at least one HOST:PORT"},
        Wrong{"kds_no_port", with_kds("servers = [\"a:1\", \"kds1\"]\nrealm = \"corp\""),
              "test.toml:7:", "'kds1' is no HOST:PORT"},
        Wrong{"kds_twice", with_kds("servers = [\"a:1\", \"a:1\"]\nrealm = \"corp\""),
              "test.toml:7:", "a:1 is named twice"},
        Wrong{"kds_no_realm", with_kds("servers = \"a:1\""), "test.toml:6:", "kds.realm"},
        Wrong{"kds_realm", with_kds("servers = \"a:1\"\nrealm = \"co rp\""), "test.toml:8:", "a realm's name"},
        Wrong{"kds_key", with_kds("servers = \"a:1\"\nrealm = \"corp\"\ncertificate = \"/c\""),
              "test.toml:9:", "go together"},
        Wrong{"kds_unknown", with_kds("servers = \"a:1\"\nrealm = \"corp\"\nport = 1"), "test.toml:9:", "kds.port"},
        Wrong{"listen", with("0.0.0.0:443", "0.0.0.0"), "test.toml:2:", "listen"}),
    [](const auto& row) { return row.param.name; });

TEST(SettingsTest, RoutesHaveServicesGroupsAndWeights) {
  const std::string routes = R"(agents = [["berlin:3", "munich"], "spare"]
[[network.route]]
prefix = "10.20.0.0/16"
protocol = "tcp"
ports = "80-443"
agents = "web"
)";
  auto settings = parse_settings(with("agents = [\"berlin\", \"spare\"]\n", routes), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  const NetworkSettings& network = settings->networks[0];
  EXPECT_EQ(network.unreachable_hold, std::chrono::seconds(30));
  ASSERT_EQ(network.routes.size(), 2u);
  const Route& first = network.routes[0];
  EXPECT_EQ(first.groups, (std::vector<std::vector<RouteAgent>>{{{"berlin", 3}, {"munich", 1}}, {{"spare", 1}}}));
  EXPECT_FALSE(first.service);
  EXPECT_EQ(first.to_string(), "10.20.0.0/16");
  EXPECT_TRUE(first.names("munich"));
  EXPECT_FALSE(first.names("web"));
  EXPECT_EQ(network.routes[1].to_string(), "10.20.0.0/16 tcp 80-443");
  EXPECT_EQ(network.routes[1].groups, (std::vector<std::vector<RouteAgent>>{{{"web", 1}}}));
}

TEST(SettingsTest, DatagramsHaveDefaults) {
  auto settings = parse_settings(std::string(head) + body, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  const NetworkSettings& network = settings->networks[0];
  EXPECT_EQ(network.limits.association_max, 65536u);
  EXPECT_EQ(network.limits.association_client_max, 16384u);
  EXPECT_EQ(network.limits.association_source_max, 4096u);
  EXPECT_EQ(network.limits.discard_time_ms, 10000u);
  EXPECT_EQ(network.idle_of(17, 53), (DatagramIdle{std::chrono::seconds(30), std::chrono::minutes(15)}));
  EXPECT_EQ(settings->datagram_age, std::chrono::milliseconds(500));
}

TEST(SettingsTest, TheFirstServiceThatMatchesSaysHowLongAnAssociationMayBeIdle) {
  const std::string services = R"(datagram_idle = "20s"
[[network.service]]
protocol = "udp"
ports = "53"
datagram_idle = "5s"
datagram_idle_replied = "10s"
[[network.service]]
protocol = "udp"
ports = "50-60"
datagram_idle_replied = "1h"
[[network.service]]
protocol = "47"
datagram_idle = "2m"
)";
  auto settings =
      parse_settings(with("park_client_max = 5000\nunreachable_source = \"reporter\"\n", services), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  using std::chrono::seconds;
  const NetworkSettings& network = settings->networks[0];
  EXPECT_EQ(network.idle_of(17, 53), (DatagramIdle{seconds(5), seconds(10)}));
  EXPECT_EQ(network.idle_of(17, 54), (DatagramIdle{seconds(20), seconds(3600)}));
  EXPECT_EQ(network.idle_of(17, 61), (DatagramIdle{seconds(20), seconds(900)}));
  EXPECT_EQ(network.idle_of(47, 0), (DatagramIdle{seconds(120), seconds(900)}));
  EXPECT_EQ(network.idle_of(132, 53), (DatagramIdle{seconds(20), seconds(900)}));
}

TEST(SettingsTest, MetricsAreOffUnlessAnAddressIsNamed) {
  EXPECT_FALSE(parse_settings(std::string(head) + body, "test.toml")->metrics);
  for (const char* text : {"127.0.0.1:9469", "[::1]:9469"}) {
    auto settings = parse_settings(with("key =", "metrics = \"" + std::string(text) + "\"\nkey ="), "test.toml");
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->metrics->to_string(), text);
  }
}

TEST(SettingsTest, OverlappingClientsAreRefused) {
  const std::string second = "\n[[network.client]]\nid = 2\naccess = \"acc1\"\naddresses = [\"100.64.1.0/24\"]\n";
  const std::string error = error_of(with("\n[network.acl]", second + "\n[network.acl]"));
  EXPECT_NE(error.find("overlaps 100.64.1.11"), std::string::npos) << error;
}

TEST(SettingsTest, EveryErrorIsToldAtOnce) {
  const std::string error = error_of(std::string(head) + "[[network]]\nname = \"corp\"\n[[network.client]]\nid = 0\n");
  EXPECT_NE(error.find("id"), std::string::npos);
  EXPECT_NE(error.find("access"), std::string::npos);
  EXPECT_NE(error.find("addresses"), std::string::npos);
}

TEST(SettingsTest, WithoutEspNothingAsksForIt) {
  auto settings = parse_settings(std::string(head) + body, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->esp);
  EXPECT_FALSE(settings->asks_for_esp());
  EXPECT_EQ(settings->network_of_esp(1), nullptr);
}

TEST(SettingsTest, EspHasDefaults) {
  auto settings = parse_settings(with("[[network]]", "[esp]\n[[network]]"), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->esp, (EspSettings{0, {}, {}, 5000}));
  EXPECT_TRUE(settings->asks_for_esp());
  settings = parse_settings(with_pool("ipv6 = \"fd65::\""), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->asks_for_esp());
  EXPECT_EQ(settings->networks[0].pools,
            (std::vector<netlink::Pool>{{0, 1, 1048575, {}, *Address::parse("fd65::"), false}}));
}

TEST(SettingsTest, PoolsAndTheirClients) {
  const std::string text = std::string(head) + R"([esp]
udp_port = 4500
source = ["192.0.2.1", "2001:db8::1"]
unknown_rate = 100

[[network]]
name = "corp"
addresses = ["100.64.0.1"]

[[network.client]]
id = 2
access = "esp"
addresses = ["100.80.0.0/24", "fd65::/64"]
acl = ["refuse any"]

[[network.pool]]
first = 1
last = 1000
ipv4 = "100.80.0.0"
ipv6 = "fd65::"
host = true

[[network]]
name = "lab"

[[network.pool]]
first = 1001
ipv4 = "100.96.0.0"
)";
  auto settings = parse_settings(text, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->esp, (EspSettings{4500, *Address::parse("192.0.2.1"), *Address::parse("2001:db8::1"), 100}));
  const NetworkSettings& corp = settings->networks[0];
  EXPECT_EQ(corp.clients[0].access, "corp");
  EXPECT_EQ(corp.pools,
            (std::vector<netlink::Pool>{{0, 1, 1000, *Address::parse("100.80.0.0"), *Address::parse("fd65::"), true}}));
  EXPECT_EQ(settings->network_of_esp(1000), &corp);
  EXPECT_EQ(settings->network_of_esp(1001), &settings->networks[1]);
}

TEST(SettingsTest, Policy) {
  auto settings =
      parse_settings(std::string(head) + body + "\n[policy]\nport = 5080\nfile = \"/etc/p\"\nrate = 5\n", "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->policy, (PolicySettings{5080, "/etc/p", 5, 10}));
  EXPECT_EQ(parse_settings(std::string(head) + body, "test.toml")->policy, std::nullopt);
  // What is answered is the file's or, without one, the key server's.
  const std::string without = std::string(head) + body + "\n[policy]\nport = 5080\n";
  const auto refused = parse_settings(without, "test.toml");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("key 'policy.file': is required where there is no [kds]"), std::string::npos)
      << refused.error().message;
  settings = parse_settings(without + "[kds]\nservers = [\"kds1.example.net:8443\"]\nrealm = \"corp\"\n", "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->policy, (PolicySettings{5080, std::nullopt, 1000, 10}));
}

TEST(SettingsTest, KeyDistributionServersWithTheDaemonsIdentityOrTheirOwn) {
  auto settings = parse_settings(with("key = \"/etc/sluice/gw1.key\"\n", "key = \"/k\"\nrevoked = \"/r\"\n") +
                                     "[kds]\nservers = [\"kds1.example.net:8443\", \"[2001:db8::1]:443\"]\n"
                                     "realm = \"corp\"\n",
                                 "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_TRUE(settings->kds);
  EXPECT_EQ(settings->kds->servers, (std::vector<http::ServerName>{{"kds1.example.net", 8443}, {"2001:db8::1", 443}}));
  EXPECT_EQ(settings->kds->realm, "corp");
  EXPECT_EQ(settings->kds->identity.certificate, "/etc/sluice/gw1.crt");
  EXPECT_EQ(settings->kds->identity.key, "/k");
  EXPECT_EQ(settings->kds->identity.revoked, "/r");
  EXPECT_TRUE(settings->asks_for_esp());
  auto own = parse_settings(
      with_kds("servers = \"a:1\"\nrealm = \"lab\"\ncertificate = \"/c\"\nkey = \"/d\"\nauthority = \"/e\""),
      "test.toml");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(own->kds->identity.certificate, "/c");
  EXPECT_EQ(own->kds->identity.key, "/d");
  EXPECT_EQ(own->kds->identity.authority, "/e");
  EXPECT_EQ(own->kds->identity.revoked, std::nullopt) << "the daemon's list is of another authority";
  EXPECT_FALSE(own->kds->same_servers(*settings->kds));
  EXPECT_FALSE(parse_settings(std::string(head) + body, "test.toml")->kds);
}

TEST(SettingsTest, Marks) {
  EXPECT_EQ(*parse_mark("0x5c000000/0xff000000"), (Mark{0x5c000000, 0xff000000}));
  EXPECT_EQ(*parse_mark("1/1"), (Mark{1, 1}));
  for (const char* wrong : {"", "1", "1/", "/1", "0/1", "1/0", "2/1", "0x/1", "1/1/1", "-1/1", "1 /1"})
    EXPECT_FALSE(parse_mark(wrong)) << wrong;
}

}  // namespace
}  // namespace sluice::gateway
