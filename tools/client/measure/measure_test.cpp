// SPDX-License-Identifier: Apache-2.0
//
// The whole of it: of a tree with stand-ins for the programs that are asked, and of this machine.
#include "client/measure/measure.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "base/testing.hpp"
#include "client/measure/fit.hpp"
#include "client/measure/testing.hpp"

namespace sluice::client::measure {
namespace {

using Json = nlohmann::json;

class Whole : public ::testing::Test {
 protected:
  Whole() {
    options_.root = tree_.root();
    options_.plugins.clear();
    options_.time = std::chrono::seconds(60);
  }
  [[nodiscard]] Json posture() const { return measure(options_); }
  [[nodiscard]] std::string why(const std::string& claim) const {
    return posture()["unmeasured"].value(claim, "(measured)");
  }

  Tree tree_;
  Options options_;
};

TEST_F(Whole, AnEmptySystemHasReasons) {
  const Json all = posture();
  for (const char* claim :
       {"os", "packages", "malware_scanner", "firewall", "disk_encryption", "secure_boot", "updates"}) {
    EXPECT_FALSE(all.contains(claim)) << claim;
    EXPECT_TRUE(all["unmeasured"].contains(claim)) << claim;
  }
  EXPECT_TRUE(all["kernel"]["release"].is_string());
  EXPECT_FALSE(all.contains("plugins"));
  EXPECT_EQ(all["unmeasured"]["packages"], "neither dpkg nor rpm is here");
}

TEST_F(Whole, PackagesOfDpkg) {
  tree_.put("var/lib/dpkg/status",
            "Package: openssh-server\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:9.2p1-2\n\n"
            "Package: telnetd\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n");
  tree_.put("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nArchitecture: all\nVersion: 2025b\n");
  tree_.put("var/lib/dpkg/status.d/tzdata.md5sums", "00 usr/share/x\n");
  tree_.program("usr/bin/rpm", "echo never:x 1");
  options_.packages = {"openssh-server", "telnetd", "tzdata:all", "nowhere"};
  const Json packages = posture()["packages"];
  EXPECT_EQ(packages["manager"], "dpkg");
  EXPECT_EQ(packages["count"], 2);
  EXPECT_EQ(packages["sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(packages["versions"], Json::parse(R"({"openssh-server": "1:9.2p1-2", "tzdata:all": "2025b"})"));
  tree_.put("var/lib/dpkg/status", "");
  std::filesystem::remove_all(tree_.at("var/lib/dpkg/status.d"));
  EXPECT_EQ(why("packages"), "dpkg says that nothing is installed");
}

TEST_F(Whole, PackagesOfRpm) {
  options_.packages = {"bash", "kernel-core"};
  tree_.program(
      "usr/bin/rpm",
      "test \"$*\" = '-qa --queryformat %{NAME}:%{ARCH} %{EVR}\\n' || exit 9\n"
      "echo 'kernel-core:x86_64 6.12.0-2'; echo 'bash:x86_64 0:5.2.26-1.el9'; echo 'kernel-core:x86_64 6.12.0-1'\n"
      "echo 'gpg-pubkey:(none) 5a6340b3-6229229e'");
  const Json all = posture();
  EXPECT_EQ(all["packages"]["manager"], "rpm");
  EXPECT_EQ(all["packages"]["count"], 3);
  EXPECT_EQ(all["packages"]["versions"], Json::parse(R"({"bash": "0:5.2.26-1.el9"})"));
  EXPECT_TRUE(all["unmeasured"].contains("packages.versions.kernel-core"));
  tree_.program("usr/bin/rpm", "exit 1");
  EXPECT_EQ(why("packages"), "rpm exits with 1");
}

TEST_F(Whole, TheFirewallThatSaysThatItIsActive) {
  const auto firewall = [this] { return posture().value("firewall", Json()); };
  const std::string nothing = R"(echo '{"nftables": [{"metainfo": {}}]}')";
  tree_.program("usr/sbin/nft", nothing);
  EXPECT_EQ(firewall(), Json::parse(R"({"active": false})"));
  tree_.put("proc/net/ip_tables_names", "nat\nfilter\n");
  EXPECT_EQ(why("firewall"), "there are rules of the old iptables, which are not looked at");
  tree_.program("usr/sbin/ufw", "test \"$1\" = status && echo 'Status: inactive'");
  EXPECT_EQ(firewall(), Json());
  tree_.program("usr/sbin/ufw", "echo 'Status: active'; echo; echo 'To Action From'");
  EXPECT_EQ(firewall(), Json::parse(R"({"active": true, "by": "ufw"})"));
  tree_.program("usr/bin/firewall-cmd", "echo running");
  EXPECT_EQ(firewall(), Json::parse(R"({"active": true, "by": "firewalld"})"));
  tree_.program("usr/sbin/nft",
                R"(test "$*" = '-t -j list ruleset' && echo '{"nftables": [
                  {"table": {"family": "ip", "name": "f"}},
                  {"chain": {"family": "ip", "table": "f", "name": "i", "type": "filter", "hook": "input", "policy": "drop"}}]}')");
  EXPECT_EQ(firewall(), Json::parse(R"({"active": true, "by": "nftables"})"));
  for (const char* program : {"usr/sbin/ufw", "usr/bin/firewall-cmd"}) std::filesystem::remove(tree_.at(program));
  tree_.program("usr/sbin/nft", "exit 1");
  EXPECT_EQ(why("firewall"), "nft exits with 1");
}

TEST_F(Whole, UpdatesByTheListsThatAptHas) {
  tree_.program("usr/bin/apt-get",
                "test \"$*\" = '-s -q -o Debug::NoLocking=true upgrade' || exit 9\n"
                "echo 'Inst a [1] (2 Debian-Security:12/stable-security [amd64])'\n"
                "echo 'Inst b [1] (2 Debian:12.15/stable [amd64])'");
  EXPECT_EQ(why("updates"), "apt has no list of an archive of security updates; `apt-get update` fetches it");
  tree_.put("var/lib/apt/lists/archive.example_dists_bookworm_InRelease",
            "Label: Debian\nSuite: stable\nDate: Thu, 16 Apr 2020 11:58:59 UTC\n");
  EXPECT_FALSE(posture().contains("updates"));
  tree_.put("var/lib/apt/lists/archive.example_dists_bookworm-security_InRelease",
            "Label: Debian-Security\nSuite: stable-security\nDate: Thu, 16 Apr 2020 11:58:59 UTC\n");
  const Json updates = posture()["updates"];
  EXPECT_EQ(updates["security_pending"], 1);
  EXPECT_GE(updates["lists_age"].get<std::int64_t>(), std::time(nullptr) - 1587038339 - 3600);
  EXPECT_LE(updates["lists_age"].get<std::int64_t>(), std::time(nullptr) - 1587038339);
  tree_.program("usr/bin/apt-get", "exit 100");
  EXPECT_EQ(why("updates"), "apt-get exits with 100");
}

TEST_F(Whole, OnlyWhatIsAskedIsMeasured) {
  tree_.program("usr/bin/apt-get", "sleep 1000");
  tree_.put("etc/os-release", "ID=debian\n");
  options_.claims = std::vector<std::string>{"os"};
  EXPECT_EQ(posture(), Json::parse(R"({"os": {"id": "debian"}})"));
  options_.claims->clear();
  EXPECT_EQ(posture(), Json::object());
}

TEST_F(Whole, OneDeadlineIsForAll) {
  options_.time = std::chrono::seconds(1);
  tree_.program("usr/sbin/nft", "sleep 1000");
  tree_.put("etc/os-release", "ID=debian\n");
  const Json all = posture();
  EXPECT_EQ(all["unmeasured"]["firewall"], "nft: had not ended when the time for all was over ([measure] time)");
  EXPECT_EQ(all["os"]["id"], "debian") << "what is known is told";
}

TEST_F(Whole, WhatIsNotUtf8IsNotTold) {
  tree_.put("etc/os-release", "ID=debian\nPRETTY_NAME=\"caf\xe9\"\n");
  EXPECT_EQ(why("os"), "is not in UTF-8");
}

TEST(Fit, LeavesOutTheLargestPluginThenVersionsThenReasons) {
  const Json posture = {{"os", {{"id", "x"}}},
                        {"packages", {{"count", 1}, {"versions", {{"a", std::string(300, 'v')}}}}},
                        {"plugins", {{"small", {{"a", 1}}}, {"large", {{"a", std::string(500, 'x')}}}}}};
  const Unmeasured why = {{"secure_boot", std::string(1000, 'y') + "\n\xe9"}};
  Json all = fit(posture, why, 12 * 1024);
  EXPECT_EQ(all["plugins"], posture["plugins"]);
  EXPECT_EQ(all["unmeasured"]["secure_boot"].get<std::string>().size(), 160U);
  const std::size_t size = all.dump().size();
  EXPECT_EQ(fit(posture, why, size), all) << "the limit is exact";
  all = fit(posture, why, size - 1);
  EXPECT_FALSE(all["plugins"].contains("large"));
  EXPECT_TRUE(all["plugins"].contains("small"));
  EXPECT_EQ(all["unmeasured"]["plugins.large"], "there is no room for it");
  all = fit(posture, why, 500);
  EXPECT_FALSE(all.contains("plugins"));
  EXPECT_FALSE(all["packages"].contains("versions"));
  all = fit(posture, why, 100);
  EXPECT_EQ(all, Json::parse(R"({"os": {"id": "x"}, "packages": {"count": 1}})"));
  EXPECT_EQ(fit(posture, why, 10), Json::object());
}

TEST(Fit, AReasonIsOneLineOfAscii) {
  const Json all = fit(Json::object(), {{"a\n", "b\x01\xff"}}, 1000);
  EXPECT_EQ(all, Json::parse(R"({"unmeasured": {"a?": "b??"}})"));
}

TEST(ThisMachine, IsMeasured) {
  Options options;
  options.packages = {"bash", "openssl"};
  options.plugins.clear();
  const auto begin = std::chrono::steady_clock::now();
  const Json all = measure(options);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  std::cout << all.dump(2) << "\nin " << time.count() << " ms\n";
  EXPECT_TRUE(all["kernel"]["release"].is_string());
  EXPECT_LE(all.dump().size(), options.most);
}

TEST(ThisMachine, TellsItsFirewall) {
  const testing_support::Namespace own;
  if (!own.entered() || std::system("nft list ruleset >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs root and nft";
  // This machine's nft, and nothing else of it.
  const Tree tree;
  tree.link("usr/sbin/nft", "/usr/sbin/nft");
  Options options;
  options.root = tree.root();
  options.plugins.clear();
  options.time = std::chrono::seconds(60);
  EXPECT_FALSE(measure(options)["firewall"]["active"].get<bool>());
  ASSERT_TRUE(own.run("nft 'table inet f { chain i { type filter hook input priority 0; policy accept; }; }'"));
  EXPECT_FALSE(measure(options)["firewall"]["active"].get<bool>()) << "a chain that does nothing";
  ASSERT_TRUE(own.run("nft add rule inet f i tcp dport 23 drop"));
  EXPECT_EQ(measure(options)["firewall"], Json::parse(R"({"active": true, "by": "nftables"})"));
  ASSERT_TRUE(
      own.run("nft delete table inet f && nft 'table ip g { chain i { type filter hook input priority 0; policy "
              "drop; }; }'"));
  EXPECT_EQ(measure(options)["firewall"], Json::parse(R"({"active": true, "by": "nftables"})"));
}

}  // namespace
}  // namespace sluice::client::measure
