// SPDX-License-Identifier: Apache-2.0
#include "client/measure/package_list.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "client/measure/run.hpp"

namespace sluice::client::measure {
namespace {

using Strings = std::vector<std::string>;

std::string stanza(const std::string& name, const std::string& status, const std::string& version = "1",
                   const std::string& architecture = "amd64") {
  return "Package: " + name + "\nStatus: " + status + "\nPriority: optional\nArchitecture: " + architecture +
         "\nVersion: " + version + "\nDescription: one line\n Package: not-a-field\n .\n Version: 666\n\n";
}

PackageList dpkg(const std::string& text, bool always = false) {
  PackageList list;
  auto done = list.add_dpkg(text, always);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_TRUE(list.digest());
  return list;
}

TEST(PackageList, CountsWhatIsInstalled) {
  const auto list =
      dpkg(stanza("good", "install ok installed", "1:9.2p1-2") + stanza("held", "hold ok installed", "2") +
           stanza("going", "deinstall ok installed", "3") + stanza("pending", "install ok triggers-pending", "4") +
           stanza("awaited", "install ok triggers-awaited", "5") + stanza("config", "deinstall ok config-files") +
           stanza("gone", "purge ok not-installed") + stanza("half", "install reinstreq half-installed") +
           stanza("unpacked", "install ok unpacked") + stanza("bad", "install ok half-configured"));
  EXPECT_EQ(list.size(), 5U);
  EXPECT_EQ(list.versions("good"), Strings{"1:9.2p1-2"});
  EXPECT_EQ(list.versions("held"), Strings{"2"}) << "who holds a package still has it";
  EXPECT_EQ(list.versions("going"), Strings{"3"});
  EXPECT_EQ(list.versions("config"), Strings{});
  EXPECT_EQ(list.versions("not-a-field"), Strings{});
}

TEST(PackageList, ReadsWhateverFormTheFileHas) {
  // The last stanza without an empty line, several between two, blanks behind, other case, CR, fields in another order.
  const auto list = dpkg(
      "\n\nversion:  1.0 \t\nPACKAGE:a\nArchitecture: all\nStatus: install ok installed\n \t\n\n\n"
      "Package: b\r\nStatus: install ok installed\r\nVersion: 2\r\nArchitecture: amd64\r\n\r\n"
      "Package: c\nStatus: install ok installed\nArchitecture: i386\nVersion: 3");
  EXPECT_EQ(list.size(), 3U);
  EXPECT_EQ(list.versions("a"), Strings{"1.0"});
  EXPECT_EQ(list.versions("b:amd64"), Strings{"2"});
  EXPECT_EQ(list.versions("c"), Strings{"3"});
  // Fields that only begin as those do.
  const auto similar = dpkg(
      "Package: d\nPackage-Type: udeb\nStatus: install ok installed\nStatusx: no\nVersion: 1\n"
      "Versions: 9\nArchitecture: all\n");
  EXPECT_EQ(similar.versions("d:all"), Strings{"1"});
  EXPECT_EQ(dpkg("").size(), 0U);
}

TEST(PackageList, AStanzaWithoutAStatusCountsInAnImageOnly) {
  const std::string text = "Package: tzdata\nVersion: 2025b-0\nArchitecture: all\n";
  EXPECT_EQ(dpkg(text, false).size(), 0U);
  EXPECT_EQ(dpkg(text, true).versions("tzdata"), Strings{"2025b-0"});
  EXPECT_EQ(dpkg(stanza("gone", "purge ok not-installed"), true).size(), 0U);
}

TEST(PackageList, WhatIsNoListIsAnError) {
  PackageList list;
  EXPECT_FALSE(list.add_dpkg("Status: install ok installed\nVersion: 1\n", false));
  EXPECT_FALSE(list.add_dpkg("Package: a\nStatus: install ok installed\n", false));
  EXPECT_FALSE(list.add_dpkg(stanza("a b", "install ok installed"), false));
  EXPECT_FALSE(list.add_rpm("error: rpmdb: damaged\n"));
  EXPECT_FALSE(list.add_rpm("bash:x86_64\n"));
  EXPECT_FALSE(list.add_rpm(":x86_64 1\n"));
}

TEST(PackageList, NamesOfSeveralArchitectures) {
  const auto list =
      dpkg(stanza("libc6", "install ok installed", "2", "i386") +
           stanza("libc6", "install ok installed", "2", "amd64") + stanza("libc6-dev", "install ok installed", "3") +
           stanza("libc", "install ok installed", "4", "i386") + stanza("libc", "install ok installed", "5", "amd64"));
  EXPECT_EQ(list.versions("libc6"), Strings{"2"});
  EXPECT_EQ(list.versions("libc6:i386"), Strings{"2"});
  EXPECT_EQ(list.versions("libc6:arm64"), Strings{});
  EXPECT_EQ(list.versions("libc"), (Strings{"5", "4"}));
  EXPECT_EQ(list.versions(""), Strings{});
}

TEST(PackageList, TheDigestDoesNotDependOnTheOrder) {
  const std::string a = stanza("a", "install ok installed"), b = stanza("b", "install ok installed", "2", "all");
  auto one = dpkg(a + b), other = dpkg(b + a);
  // printf 'a:amd64 1\nb:all 2\n' | sha256sum
  EXPECT_EQ(*one.digest(), "19ecf85fed66b0fdb0537f34ce9330ef6b6789a2767655b97547a7d98f55a301");
  EXPECT_EQ(*one.digest(), *other.digest());
  PackageList rpm;
  ASSERT_TRUE(rpm.add_rpm("b:all 2\ngpg-pubkey:(none) 1-2\na:amd64 1\n"));
  EXPECT_EQ(*rpm.digest(), *one.digest());
}

TEST(PackageList, IsWhatDpkgSaysHere) {
  std::ifstream file("/var/lib/dpkg/status");
  if (!file) GTEST_SKIP() << "no dpkg here";
  std::stringstream text;
  text << file.rdbuf();
  auto list = dpkg(text.str());
  Limits limits;
  limits.time = std::chrono::seconds(60);
  limits.processor = 60;
  auto output = run_limited({{"/bin/sh", "-c",
                              "dpkg-query -f '${db:Status-Status} ${Package}:${Architecture} ${Version}\\n' -W | "
                              "sed -n -E 's/^(installed|triggers-[a-z]*) //p' | sort | sha256sum"},
                             limits});
  if (!output || output->code != 0) GTEST_SKIP() << "no dpkg-query here";
  EXPECT_EQ(*list.digest() + "  -\n", output->text);
}

// No limit is asserted: how long it takes is a property of the machine.
TEST(PackageList, TenMegabytes) {
  std::string text;
  for (int i = 0; text.size() < 10'000'000; ++i)
    text += "Package: package-" + std::to_string(i) +
            "\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1." + std::to_string(i) +
            "\nDepends: " + std::string(400, 'd') + "\nDescription: " + std::string(60, 'x') + "\n " +
            std::string(400, 'y') + "\n\n";
  const auto begin = std::chrono::steady_clock::now();
  auto list = dpkg(text);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", std::to_string(time.count()));
  std::cout << list.size() << " packages of " << text.size() << " bytes in " << time.count() << " ms\n";
  EXPECT_EQ(list.versions("package-9999"), Strings{"1.9999"});
}

}  // namespace
}  // namespace sluice::client::measure
