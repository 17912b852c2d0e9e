// SPDX-License-Identifier: Apache-2.0
#include "kds/settings.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>

namespace sluice::kds {
namespace {

using Strings = std::vector<std::string>;

// Line 1 is name; 7 [[posture]]; 15 [[gateway]]; 18 [[gateway.network]].
const std::string kText = R"(name = "kds1"
realm = "example"
certificate = "/etc/sluice/kds1.crt"
key = "/etc/sluice/kds1.key"
authority = "/etc/sluice/ca.crt"
key_encryption_key = "/etc/sluice/kds.kek"
[[posture]]
name = "standard"
packages = ["sudo"]
  [[posture.requirement]]
  claim = "os.version"
  operator = "at-least"
  value = "12"
  remedy = "Update."
[[gateway]]
name = "gw1"
addresses = ["192.0.2.1", "2001:db8::1"]
  [[gateway.network]]
  name = "corp"
  last = 1000
  ipv4 = "100.80.0.0"
  ipv6 = "fd80::"
  routes = ["10.20.0.0/16", "fd20::/48"]
  roles = ["staff"]
  posture = "standard"
)";

// With *old_text*, which must be there, replaced.
std::string with(const std::string& old_text, const std::string& new_text) {
  std::string text = kText;
  const std::size_t at = text.find(old_text);
  EXPECT_NE(at, text.npos) << old_text;
  return at == text.npos ? text : text.replace(at, old_text.size(), new_text);
}

std::string error_of(const std::string& text) {
  auto settings = parse_settings(text, "test.toml");
  return settings ? "" : settings.error().message;
}

Strings warnings_of(const std::string& text) {
  auto settings = parse_settings(text, "test.toml");
  EXPECT_TRUE(settings) << settings.error().message;
  return settings ? settings->warnings : Strings{};
}

std::string example() {
  std::ifstream stream(KDS_EXAMPLE);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(KdsSettings, TheExampleIsRead) {
  auto settings = load_settings(KDS_EXAMPLE);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->warnings, Strings{});
  EXPECT_EQ(settings->realm, "example");
  ASSERT_EQ(settings->postures.size(), 1u);
  EXPECT_EQ(settings->postures[0].requirements.size(), 8u);
  EXPECT_EQ(settings->postures[0].queries.size(), 1u);
  ASSERT_NE(settings->gateway("gw1"), nullptr);
  ASSERT_NE(settings->gateway("gw1")->network("corp"), nullptr);
  EXPECT_EQ(settings->gateway("gw1")->network("corp")->last, 1048575u);
}

// Of "# key = ..." and "# [table]"; nothing for a sentence, or what is no comment.
std::optional<std::string> uncommented(const std::string& line) {
  const std::size_t indent = line.find_first_not_of(' ');
  if (indent == line.npos || line.compare(indent, 2, "# ") != 0) return std::nullopt;
  const std::string rest = line.substr(indent + 2);
  const std::size_t end = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789");
  const bool is_key = end != rest.npos && end != 0 && rest.compare(end, 3, " = ") == 0;
  if (!is_key && (!rest.starts_with('[') || !rest.ends_with(']'))) return std::nullopt;
  return line.substr(0, indent) + rest;
}

// What it calls the default is the default, and what it shows instead is read.
TEST(KdsSettings, TheExampleTellsTheDefaults) {
  std::istringstream lines(example());
  std::string all, defaults;
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto shown = uncommented(line);
    all += shown.value_or(line) + "\n";
    // Where it says what the default is, the value is another.
    defaults += (line.find("default") == line.npos ? shown.value_or(line) : line) + "\n";
    count += shown ? 1 : 0;
  }
  EXPECT_EQ(count, 29);
  auto as_is = parse_settings(example(), "example"), shown = parse_settings(defaults, "defaults"),
       whole = parse_settings(all, "all");
  ASSERT_TRUE(as_is && shown) << shown.error().message;
  EXPECT_EQ(shown->listen, as_is->listen);
  EXPECT_EQ(shown->database, as_is->database);
  EXPECT_EQ(shown->audit, as_is->audit);
  EXPECT_EQ(shown->audit_keep, as_is->audit_keep);
  EXPECT_EQ(shown->limits, as_is->limits);
  EXPECT_EQ(shown->gateways, as_is->gateways);
  EXPECT_EQ(shown->postures, as_is->postures);
  ASSERT_TRUE(shown->policy);
  EXPECT_TRUE(shown->policy->kds.empty() && !shown->policy->routes);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->warnings, Strings{});
  EXPECT_EQ(whole->identity.revoked, "/etc/sluice/ca.crl");
  ASSERT_TRUE(whole->metrics);
  EXPECT_EQ(whole->metrics->port, 9470);
  ASSERT_TRUE(whole->policy);
  EXPECT_EQ(whole->policy->kds.size(), 2u);
  EXPECT_EQ(whole->roles, (Strings{"staff", "admin"}));
  EXPECT_EQ(whole->gateways[0].udp_port, 4500);
}

TEST(KdsSettings, PcrsGoWithAQuote) {
  auto settings = parse_settings(with("packages =", "quote = true\npcrs = [7, 0, 2]\npackages ="), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->postures[0].pcrs, (std::set<unsigned>{0, 2, 7}));
}

TEST(KdsSettings, HaveDefaults) {
  auto settings = parse_settings(kText, "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->warnings, Strings{});
  ASSERT_EQ(settings->listen.size(), 2u);
  EXPECT_EQ(settings->listen[0].to_string(), "[::]:8443");
  EXPECT_EQ(settings->listen[1].to_string(), "0.0.0.0:8443");
  EXPECT_EQ(settings->database, "/var/lib/sluice/kds.sqlite");
  EXPECT_FALSE(settings->identity.revoked);
  EXPECT_FALSE(settings->metrics);
  EXPECT_EQ(settings->limits, Limits{});
  const Posture& posture = settings->postures[0];
  EXPECT_EQ(posture.interval, std::chrono::minutes(10));
  EXPECT_FALSE(posture.quote);
  EXPECT_TRUE(posture.pcrs.empty());
  EXPECT_EQ(posture.requirements,
            (std::vector<Requirement>{
                {*ClaimPath::parse("os.version"), Operator::at_least, {std::string("12")}, "Update."}}));
  const GatewaySettings& gateway = settings->gateways[0];
  EXPECT_EQ(gateway.ipv4->to_string(), "192.0.2.1");
  EXPECT_EQ(gateway.ipv6->to_string(), "2001:db8::1");
  EXPECT_EQ(gateway.udp_port, 0);
  EXPECT_TRUE(gateway.native);
  EXPECT_EQ(gateway.lifetime, std::chrono::hours(1));
  EXPECT_EQ(gateway.algorithm, derivation::Algorithm::aes_256_gcm);
  const NetworkSettings& network = gateway.networks[0];
  EXPECT_EQ(network.first, 1u);
  EXPECT_EQ(network.last, 1000u);
  const auto inner = network.inner(258);
  ASSERT_EQ(inner.size(), 2u);
  EXPECT_EQ(inner[0].to_string(), "100.80.1.2");
  EXPECT_EQ(inner[1].to_string(), "fd80::102");
  EXPECT_EQ(settings->roles_in_use(), (std::set<std::string, std::less<>>{"staff"}));
  EXPECT_EQ(settings->gateway("gw2"), nullptr);
  EXPECT_EQ(settings->posture("strict"), nullptr);
}

TEST(KdsSettings, AKeyMayHaveParts) {
  const std::string file = "\"/etc/sluice/kds.kek\"";
  using Paths = std::vector<std::filesystem::path>;
  EXPECT_EQ(parse_settings(kText, "test.toml")->key_encryption_key, Paths{"/etc/sluice/kds.kek"});
  EXPECT_EQ(parse_settings(with(file, "[\"/b\", \"/a\"]"), "test.toml")->key_encryption_key, (Paths{"/b", "/a"}));
  EXPECT_NE(error_of(with(file, "[\"/b\", \"\"]")).find("'key_encryption_key': must not be empty"), std::string::npos);
  EXPECT_NE(error_of(with(file, "5")).find("a string or an array of strings"), std::string::npos);
}

TEST(KdsSettings, ValuesHaveTheirKinds) {
  const auto value = [](const char* op, const char* text) {
    auto settings = parse_settings(
        with("operator = \"at-least\"\n  value = \"12\"", std::string("operator = \"") + op + "\"\n  value = " + text),
        "test.toml");
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? settings->postures[0].requirements[0].values : std::vector<Value>{};
  };
  EXPECT_EQ(value("equals", "true"), std::vector<Value>{true});
  EXPECT_EQ(value("at-most", "0"), std::vector<Value>{std::int64_t{0}});
  EXPECT_EQ(value("at-most", "0.5"), std::vector<Value>{0.5});
  EXPECT_EQ(value("one-of", "[\"12\", 12]"), (std::vector<Value>{std::string("12"), std::int64_t{12}}));
}

TEST(KdsSettings, AllErrorsAreTold) {
  EXPECT_EQ(error_of("nmae = 1\nlisten = []\ncertificate = \"\"\n[[gateway]]\n"),
            "test.toml:1: key 'name': is required and missing\n"
            "test.toml:1: key 'realm': is required and missing\n"
            "test.toml:1: key 'key': is required and missing\n"
            "test.toml:1: key 'authority': is required and missing\n"
            "test.toml:1: key 'key_encryption_key': is required and missing\n"
            "test.toml:1: key 'nmae': is unknown\n"
            "test.toml:2: key 'listen': at least one ADDRESS:PORT to listen on\n"
            "test.toml:3: key 'certificate': must not be empty\n"
            "test.toml:4: key 'gateway.name': is required and missing\n"
            "test.toml:4: key 'gateway.addresses': a gateway needs an IPv4 or IPv6 address, or both");
  EXPECT_EQ(error_of("a = = 1").find("test.toml:1: "), 0u);
}

struct Wrong {
  const char* name;
  std::string text;
  const char* error;  // behind "test.toml:"
};

class WrongKdsSettings : public testing::TestWithParam<Wrong> {};

TEST_P(WrongKdsSettings, AreToldWithTheirLine) {
  EXPECT_EQ(error_of(GetParam().text), std::string("test.toml:") + GetParam().error);
}

std::string network(const std::string& lines) { return kText + "  [[gateway.network]]\n" + lines; }
std::string top(const std::string& line) { return with("realm =", line + "\nrealm ="); }
std::string requirement(const std::string& lines) {
  return with("claim = \"os.version\"\n  operator = \"at-least\"\n  value = \"12\"", lines);
}

// Line 26 and on.
const std::string kSecond =
    "name = \"lab\"\nfirst = 1001\nlast = 2000\nipv6 = \"fd81::\"\nroutes = \"fd21::/48\"\nroles = \"staff\"\n"
    "posture = \"standard\"\n";

INSTANTIATE_TEST_SUITE_P(
    Top, WrongKdsSettings,
    testing::Values(
        Wrong{"name", with("\"kds1\"", "\"kds 1\""), "1: key 'name': a name is 1 to 63 of a-z A-Z 0-9 . _ -"},
        Wrong{"realm", with("\"example\"", "\"a/b\""), "2: key 'realm': a name is 1 to 63 of a-z A-Z 0-9 . _ -"},
        Wrong{"listen", top("listen = \"0.0.0.0:0\""), "2: key 'listen': port 0 is none that devices could find"},
        Wrong{"listen_twice", top("listen = [\"[::]:1\", \"[::]:1\"]"), "2: key 'listen': [::]:1 is named twice"},
        Wrong{"key_of_no_part", with("\"/etc/sluice/kds.kek\"", "[]"),
              "6: key 'key_encryption_key': must be a file, or 1 to 16 of them"},
        Wrong{"relative_part", with("\"/etc/sluice/kds.kek\"", "[\"/a\",\n\"b\"]"),
              "7: key 'key_encryption_key': must be an absolute path"},
        Wrong{"relative", with("\"/etc/sluice/kds1.key\"", "\"kds1.key\""), "4: key 'key': must be an absolute path"},
        Wrong{"revoked", top("revoked = \"\""), "2: key 'revoked': must not be empty"},
        Wrong{"database", top("database = \"\""), "2: key 'database': must not be empty"},
        Wrong{"audit", top("audit = 1"), "2: key 'audit': should be a string, not a whole number"},
        Wrong{"kept_short", top("audit_keep = \"23h\""), "2: key 'audit_keep': must be from 24h to 87600h"},
        Wrong{"kept_long", top("audit_keep = \"3651d\""), "2: key 'audit_keep': must be from 24h to 87600h"},
        Wrong{"kept", top("audit_keep = 90"), "2: key 'audit_keep': should be a string, not a whole number"},
        Wrong{"metrics", top("metrics = \"127.0.0.1:0\""), "2: key 'metrics': port 0 is none to ask at"},
        Wrong{"roles", top("roles = [\"staff\", \"staff\"]"), "2: key 'roles': 'staff' is named twice"},
        Wrong{"undeclared", top("roles = [\"admin\"]"),
              "25: key 'gateway.network.roles': 'staff' is none of the roles at the top of the file"},
        Wrong{"limit", kText + "[limits]\nkeys = 0\n", "27: key 'limits.keys': must be from 1 to 100000"},
        Wrong{"sessions", kText + "[limits]\nsessions = -1\n", "27: key 'limits.sessions': must be from 0 to 1000000"},
        Wrong{"idle", kText + "[limits]\nidle_timeout = \"5s\"\n",
              "27: key 'limits.idle_timeout': must be from 30s to 10m"},
        Wrong{"limit_unknown", kText + "[limits]\nkey = 1\n", "27: key 'limits.key': is unknown"}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Posture, WrongKdsSettings,
    testing::Values(
        Wrong{"interval", with("packages =", "interval = \"59s\"\npackages ="),
              "9: key 'posture.interval': must be from 1m to 24h"},
        Wrong{"interval_long", with("packages =", "interval = \"25h\"\npackages ="),
              "9: key 'posture.interval': must be from 1m to 24h"},
        Wrong{"package", with("[\"sudo\"]", "[\"sudo\", \"-x\"]"),
              "9: key 'posture.packages': '-x' is no package's name"},
        Wrong{"package_twice", with("[\"sudo\"]", "[\"sudo\", \"sudo\"]"),
              "9: key 'posture.packages': 'sudo' is named twice"},
        Wrong{"plugin", with("packages =", "plugins = \"../x\"\npackages ="),
              "9: key 'posture.plugins': a name is 1 to 63 of a-z A-Z 0-9 . _ -"},
        Wrong{"plugin_osquery", with("packages =", "plugins = \"osquery\"\npackages ="),
              "9: key 'posture.plugins': 'osquery' is where the answers to [[posture.osquery]] stand"},
        Wrong{"query_empty", with("[[gateway]]", "[[posture.osquery]]\nname = \"a\"\nquery = \"\"\n[[gateway]]"),
              "17: key 'posture.osquery.query': must not be empty"},
        Wrong{"same_posture", with("[[gateway]]", "[[posture]]\nname = \"standard\"\nquote = true\n[[gateway]]"),
              "16: key 'posture.name': another posture has this name"},
        Wrong{"query_conflict",
              with("[[gateway]]",
                   "[[posture.osquery]]\nname = \"a\"\nquery = \"1\"\n[[posture]]\nname = \"b\"\n[[posture.osquery]]\n"
                   "name = \"a\"\nquery = \"2\"\n[[gateway]]"),
              "20: key 'posture.osquery': another posture has another query named 'a'"},
        Wrong{"pcrs_alone", with("packages =", "pcrs = [7]\npackages ="),
              "9: key 'posture.pcrs': are part of a quote: 'quote = true' is missing"},
        Wrong{"pcr", with("packages =", "quote = true\npcrs = [0, 24]\npackages ="),
              "10: key 'posture.pcrs': a PCR is a number from 0 to 23"},
        Wrong{"pcr_twice", with("packages =", "quote = true\npcrs = [7, 7]\npackages ="),
              "10: key 'posture.pcrs': is named twice"},
        Wrong{"claim_missing", requirement("operator = \"present\""),
              "10: key 'posture.requirement.claim': is required and missing"},
        Wrong{"claim", requirement("claim = \"os..version\"\n operator = \"present\""),
              "11: key 'posture.requirement.claim': is no claim: names parted by dots, such as os.version, and in "
              "quotes where a "
              "name has dots itself: packages.versions.\"python3.11\""},
        Wrong{"claim_package", requirement("claim = \"packages.versions.a b\"\n operator = \"absent\""),
              "11: key 'posture.requirement.claim': 'a b' is no package's name"},
        Wrong{"claim_plugin", requirement("claim = \"plugins.a b.c\"\n operator = \"absent\""),
              "11: key 'posture.requirement.claim': 'a b' is no plug-in's name"},
        Wrong{"operator_missing", requirement("claim = \"os.version\"\n value = \"12\""),
              "10: key 'posture.requirement.operator': is required and missing"},
        Wrong{"operator", with("at-least", "atleast"),
              "12: key 'posture.requirement.operator': must be equals, one-of, at-least, at-most, present or absent"},
        Wrong{"no_value", with("  value = \"12\"\n", ""),
              "10: key 'posture.requirement.value': \"at-least\" needs a value"},
        Wrong{"a_value", with("at-least", "present"),
              "13: key 'posture.requirement.value': \"present\" takes no value"},
        Wrong{"two_values", with("value = \"12\"", "value = [\"12\", \"13\"]"),
              "13: key 'posture.requirement.value': \"at-least\" takes one value"},
        Wrong{"no_values", requirement("claim = \"os.id\"\n operator = \"one-of\"\n value = []"),
              "13: key 'posture.requirement.value': \"one-of\" needs a value"},
        Wrong{"value_twice", requirement("claim = \"os.id\"\n operator = \"one-of\"\n value = [\"a\", 1, \"a\"]"),
              "13: key 'posture.requirement.value': names a value twice"},
        Wrong{"value_empty", requirement("claim = \"os.id\"\n operator = \"equals\"\n value = \"\""),
              "13: key 'posture.requirement.value': must not be empty"},
        Wrong{"no_version", with("\"12\"", "\"bookworm\""),
              "13: key 'posture.requirement.value': 'bookworm' is no version as of deb-version(7)"},
        Wrong{"order_of_truth", with("\"12\"", "true"),
              "13: key 'posture.requirement.value': \"at-least\" compares numbers, and text as versions"},
        Wrong{"remedy", with("\"Update.\"", "\"\""), "14: key 'posture.requirement.remedy': must not be empty"},
        Wrong{"remedy_control", with("\"Update.\"", "\"\\u001b[2J\""),
              "14: key 'posture.requirement.remedy': has control characters"}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Gateway, WrongKdsSettings,
    testing::Values(
        Wrong{"no_address", with("[\"192.0.2.1\", \"2001:db8::1\"]", "[]"),
              "17: key 'gateway.addresses': a gateway needs an IPv4 or IPv6 address, or both"},
        Wrong{"two_v4", with("\"2001:db8::1\"", "\"192.0.2.2\""), "17: key 'gateway.addresses': one address a family"},
        Wrong{"any_address", with("\"192.0.2.1\"", "\"0.0.0.0\""),
              "17: key 'gateway.addresses': 0.0.0.0 is no address that a gateway can have"},
        Wrong{"multicast", with("\"2001:db8::1\"", "\"ff02::1\""),
              "17: key 'gateway.addresses': ff02::1 is no address that a gateway can have"},
        Wrong{"unreachable", with("addresses =", "native = false\naddresses ="),
              "17: key 'gateway.native': without native ESP there must be a udp_port, or no device can reach the "
              "gateway"},
        Wrong{"port", with("addresses =", "udp_port = 65536\naddresses ="),
              "17: key 'gateway.udp_port': must be from 0 to 65535"},
        Wrong{"lifetime", with("addresses =", "lifetime = \"4m\"\naddresses ="),
              "17: key 'gateway.lifetime': must be from 5m to 24h"},
        Wrong{"lifetime_long", with("addresses =", "lifetime = \"25h\"\naddresses ="),
              "17: key 'gateway.lifetime': must be from 5m to 24h"},
        Wrong{"algorithm", with("addresses =", "algorithm = \"rot13\"\naddresses ="),
              "17: key 'gateway.algorithm': 'rot13' is neither aes-256-gcm nor aes-128-gcm"},
        Wrong{"same_gateway", kText + "[[gateway]]\nname = \"gw1\"\naddresses = \"192.0.2.2\"\n",
              "27: key 'gateway.name': another gateway has this name"},
        Wrong{"same_address", kText + "[[gateway]]\nname = \"gw2\"\naddresses = \"192.0.2.1\"\n",
              "28: key 'gateway.addresses': the gateway 'gw1' has the same"},
        Wrong{"network_name", with("\"corp\"", "\"a-very-long-name\""),
              "19: key 'gateway.network.name': is a device on the gateway, whose name has at most 15 characters"},
        Wrong{"first", with("last = 1000", "first = 0"), "20: key 'gateway.network.first': must be from 1 to 1048575"},
        Wrong{"last", with("last = 1000", "last = 1048576"),
              "20: key 'gateway.network.last': must be from 1 to 1048575"},
        Wrong{"order", with("last = 1000", "first = 9\nlast = 8"),
              "21: key 'gateway.network.last': is less than first"},
        Wrong{"no_base", with("  ipv4 = \"100.80.0.0\"\n  ipv6 = \"fd80::\"\n", ""),
              "18: key 'gateway.network.ipv4': a network needs ipv4 or ipv6, or both"},
        Wrong{"ipv4_family", with("\"100.80.0.0\"", "\"fd81::\""),
              "21: key 'gateway.network.ipv4': is no IPv4 address"},
        Wrong{"ipv6_family", with("\"fd80::\"", "\"10.0.0.0\""), "22: key 'gateway.network.ipv6': is no IPv6 address"},
        Wrong{"overflow", with("\"100.80.0.0\"", "\"255.255.255.0\""),
              "21: key 'gateway.network.ipv4': plus an id is no address that a host can have: from 255.255.255.1 to "
              "0.0.2.232"},
        Wrong{"to_multicast", with("\"100.80.0.0\"", "\"223.255.252.24\""),
              "21: key 'gateway.network.ipv4': plus an id is no address that a host can have: from 223.255.252.25 to "
              "224.0.0.0"},
        Wrong{"low_bits", with("\"fd80::\"", "\"fd80::8:0\""),
              "22: key 'gateway.network.ipv6': the last 20 bits must be zero"},
        Wrong{"multicast_base", with("\"fd80::\"", "\"ff80::\""),
              "22: key 'gateway.network.ipv6': plus an id is no address that a host can have"},
        Wrong{"ids", network(std::string(kSecond).replace(kSecond.find("1001"), 4, "1000")),
              "28: key 'gateway.network.first': 1000-2000 overlaps the ids 1-1000 of 'corp'"},
        Wrong{"same_network", network(std::string(kSecond).replace(kSecond.find("lab"), 3, "corp")),
              "27: key 'gateway.network.name': another network of this gateway has this name"},
        Wrong{"addresses_overlap",
              network(std::string(kSecond).replace(kSecond.find("ipv6 = \"fd81::\""), 15,
                                                   "ipv6 = \"fd81::\"\nipv4 = \"100.79.252.24\"")),
              "31: key 'gateway.network.ipv4': addresses overlap those of 'corp'"},
        Wrong{"no_routes", with("[\"10.20.0.0/16\", \"fd20::/48\"]", "[]"),
              "23: key 'gateway.network.routes': a network needs at least one prefix that devices send there"},
        Wrong{"route", with("10.20.0.0/16", "10.20.0.1/16"),
              "23: key 'gateway.network.routes': '10.20.0.1/16': bits beyond the prefix are set"},
        Wrong{"route_twice", with("\"fd20::/48\"", "\"10.20.0.0/16\""),
              "23: key 'gateway.network.routes': 10.20.0.0/16 is named twice"},
        Wrong{"route_family", with("  ipv6 = \"fd80::\"\n", ""),
              "22: key 'gateway.network.routes': fd20::/48: devices have no IPv6 address inside, for there is no ipv6"},
        Wrong{"route_family4", with("  ipv4 = \"100.80.0.0\"\n", ""),
              "22: key 'gateway.network.routes': 10.20.0.0/16: devices have no IPv4 address inside, for there is no "
              "ipv4"},
        Wrong{"no_roles", with("[\"staff\"]", "[]"),
              "24: key 'gateway.network.roles': a network needs at least one role, or nobody may have keys for it"},
        Wrong{"posture", with("posture = \"standard\"", "posture = \"strict\""),
              "25: key 'gateway.network.posture': there is no [[posture]] named 'strict'"},
        Wrong{"no_posture", with("  posture = \"standard\"\n", ""),
              "18: key 'gateway.network.posture': is required and missing"}),
    [](const auto& row) { return row.param.name; });

TEST(KdsSettings, BoundariesAreAllowed) {
  EXPECT_EQ(error_of(network(kSecond)), "");  // the next id, and another network's addresses
  EXPECT_EQ(error_of(with("\"100.80.0.0\"", "\"223.255.252.23\"")), "");
  EXPECT_EQ(error_of(with("last = 1000", "last = 1048575")), "");
  EXPECT_EQ(error_of(with("addresses =", "lifetime = \"5m\"\nnative = false\nudp_port = 4500\naddresses =")), "");
  EXPECT_EQ(error_of(with("packages =", "interval = \"24h\"\npackages =")), "");
  EXPECT_EQ(error_of(with("10.20.0.0/16", "0.0.0.0/0")), "");
}

TEST(KdsSettings, ThePolicyOfTheGateways) {
  EXPECT_EQ(parse_settings(kText, "test.toml")->policy, std::nullopt);
  const auto policy_of = [](const std::string& lines) {
    return with("[[posture]]", "[policy]\n" + lines + "[[posture]]");
  };
  const auto settings =
      parse_settings(policy_of("kds = [\"kds1.example.net\", \"192.0.2.7:444\"]\nroutes = []\n"), "test.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(
      settings->policy,
      (PolicySettings{{{"kds1.example.net", 8443}, {"192.0.2.7", 444}}, "", std::vector<Prefix>{}, "test.toml:7"}));
  EXPECT_EQ(parse_settings(policy_of("domain = \"Example.net.\"\n"), "test.toml")->policy,
            (PolicySettings{{}, "example.net", std::nullopt, "test.toml:7"}));
  for (const auto& [lines, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"kds = []\n", "test.toml:8: key 'policy.kds': names no server; leave it out to have devices look in DNS"},
           {"kds = \"a b\"\n",
            "test.toml:8: key 'policy.kds': 'a b' is no HOST:PORT or HOST (an IPv6 address stands in brackets)"},
           {"domain = \"a b\"\n", "test.toml:8: key 'policy.domain': 'a b' is no domain"},
           {"kds = \"a\"\ndomain = \"b\"\n",
            "test.toml:9: key 'policy.domain': is not asked where 'kds' names the servers"},
           {"hosts = 1\n", "test.toml:8: key 'policy.hosts': is unknown"}})
    EXPECT_EQ(error_of(policy_of(lines)), error);
}

TEST(KdsSettings, OddThingsAreWarnedOf) {
  EXPECT_EQ(warnings_of(top("roles = [\"staff\", \"admin\"]")),
            Strings{"test.toml:2: key 'roles': the role 'admin' opens no network"});
  EXPECT_EQ(warnings_of(with("[[gateway]]", "[[posture]]\nname = \"idle\"\nquote = true\n[[gateway]]")),
            Strings{"test.toml:16: key 'posture.name': no network asks for this posture"});
  EXPECT_EQ(warnings_of(with("[[gateway]]", "[[posture]]\nname = \"idle\"\n[[gateway]]")),
            (Strings{"test.toml:16: key 'posture.name': asks for nothing: every device is healthy",
                     "test.toml:16: key 'posture.name': no network asks for this posture"}));
  EXPECT_EQ(warnings_of(kText + "[[gateway]]\nname = \"gw2\"\naddresses = \"192.0.2.2\"\n"),
            Strings{"test.toml:27: key 'gateway.name': has no network, so that no device can have keys for it"});
  EXPECT_EQ(warnings_of(requirement("claim = \"oss.id\"\n operator = \"present\"")),
            Strings{"test.toml:11: key 'posture.requirement.claim': clients measure no 'oss'"});
  EXPECT_EQ(
      warnings_of(with("[[gateway]]",
                       "[[posture.requirement]]\nclaim = \"os.version\"\noperator = \"absent\"\nremedy = \"x\"\n"
                       "[[gateway]]")),
      Strings{
          "test.toml:16: key 'posture.requirement.claim': no device can meet this: another requirement of 'standard' "
          "asks for the opposite"});
  EXPECT_EQ(warnings_of(requirement("claim = \"kernel.release\"\n operator = \"at-least\"\n value = \"6.1.0-40\"")),
            Strings{"test.toml:13: key 'posture.requirement.value': every release with a flavour, such as "
                    "6.1.0-40-amd64, is later "
                    "than this, whatever its last number is; write it whole, as uname -r does"});
  EXPECT_EQ(
      warnings_of(requirement("claim = \"kernel.release\"\n operator = \"at-least\"\n value = \"6.1.0-40-amd64\"")),
      Strings{});
  EXPECT_EQ(warnings_of(kText + "[limits]\nkeys = 61\n"),
            Strings{"test.toml:27: key 'limits.keys': more than requests, which end first"});
}

// Each may be refused for 64 requirements, with as much advice as fits.
std::string many_networks(int networks) {
  std::string text = kText + "[[posture]]\nname = \"long\"\n";
  for (int i = 0; i < 64; ++i)
    text += "  [[posture.requirement]]\n  claim = \"os.version\"\n  operator = \"at-least\"\n  value = \"12\"\n" +
            ("  remedy = \"" + std::string(500, 'x') + "\"\n");
  text += "[[gateway]]\nname = \"gw2\"\naddresses = [\"198.51.100.2\"]\n";
  for (int n = 1; n <= networks; ++n)
    text += "  [[gateway.network]]\n  name = \"n" + std::to_string(n) + "\"\n  first = " + std::to_string(n * 100) +
            "\n  last = " + std::to_string(n * 100 + 99) +
            "\n  ipv4 = \"100.80.0.0\"\n  routes = [\"10.20.0.0/16\"]\n  roles = [\"staff\"]\n  posture = \"long\"\n";
  return text;
}

TEST(KdsSettings, AnswersAreNotLongerThanDevicesTake) {
  const auto fits = parse_settings(many_networks(56), "test.toml");
  EXPECT_TRUE(fits) << fits.error().message;
  const auto wrong = parse_settings(many_networks(64), "test.toml");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("all networks together make an answer of up to"), std::string::npos)
      << wrong.error().message;
}

TEST(KdsSettings, RoutesAreWhereOthersAre) {
  for (const char* route : {"127.0.0.0/8", "224.0.0.0/4", "0.0.0.0/8", "ff00::/8", "::1/128"}) {
    std::string text = kText;
    text.replace(text.find("10.20.0.0/16"), 12, route);
    const auto wrong = parse_settings(text, "test.toml");
    ASSERT_FALSE(wrong) << route;
    EXPECT_NE(wrong.error().message.find("is where no other host can be"), std::string::npos) << wrong.error().message;
  }
}

TEST(KdsSettings, ClientsAreNotAskedForMoreThanTheyLookAt) {
  std::string names;
  for (int i = 0; i < 65; ++i) names += (i == 0 ? "\"p" : ", \"p") + std::to_string(i) + "\"";
  EXPECT_EQ(error_of(with("[\"sudo\"]", "[" + names + "]")),
            "test.toml:7: key 'posture': all postures together ask for 65 packages; clients look at 64");
}

}  // namespace
}  // namespace sluice::kds
