// SPDX-License-Identifier: Apache-2.0
#include "client/discover/domains.hpp"

#include <gtest/gtest.h>

#include "client/discover/discover.hpp"
#include "client/measure/testing.hpp"

namespace sluice::client::discover {
namespace {

using Strings = std::vector<std::string>;

TEST(Domains, AreWhatTheLastSearchOrDomainNames) {
  EXPECT_EQ(parse_search("nameserver 192.0.2.1\nsearch corp.example example\n"), (Strings{"corp.example", "example"}));
  EXPECT_EQ(parse_search("domain corp.example\n"), Strings{"corp.example"});
  EXPECT_EQ(parse_search("search a.example b.example\ndomain c.example d.example\n"), Strings{"c.example"});
  EXPECT_EQ(parse_search("domain c.example\nsearch a.example b.example"), (Strings{"a.example", "b.example"}));
  EXPECT_EQ(parse_search("search\ta.example \t b.example\t\r\n"), (Strings{"a.example", "b.example"}));
  EXPECT_EQ(parse_search("search Corp.Example. corp.example\n"), Strings{"corp.example"});
  EXPECT_EQ(parse_search("search a.example\nsearch\n"), Strings{});
}

TEST(Domains, OtherLinesAreNoDomains) {
  for (const char* text :
       {"", "\n\n", "# search a.example\n", "; search a.example\n", " search a.example\n", "searching a.example\n",
        "search .\n", "search\n", "options search a.example\n", "search a..b .c -_.. a$b 'x' \xff\n"})
    EXPECT_EQ(parse_search(text), Strings{}) << text;
}

TEST(Domains, HostNames) {
  for (const char* name : {"a", "a.b", "_sluice-kds._tcp.example", "xn--nxasmq6b", "1.2.3"})
    EXPECT_TRUE(is_host_name(name)) << name;
  for (const char* name : {"", ".", "a.", ".a", "a..b", "A", "a b", "a/b", "a\\.b", "a\n", "é"})
    EXPECT_FALSE(is_host_name(name)) << name;
  EXPECT_TRUE(is_host_name(std::string(63, 'a')));
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
  std::string name = "a";
  while (name.size() < 253) name += ".a";
  EXPECT_TRUE(is_host_name(name));
  EXPECT_FALSE(is_host_name(name + ".a"));
  EXPECT_FALSE(is_host_name(std::string_view("a\0b", 3)));
}

TEST(Domains, OfBothFilesEachOnce) {
  const measure::Tree tree;
  EXPECT_EQ(search_domains(tree.root()), Strings{});
  tree.put("run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\nsearch b.example a.example\n");
  tree.link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
  tree.put("run/systemd/resolve/resolv.conf", "search a.example c.example\n");
  EXPECT_EQ(search_domains(tree.root()), (Strings{"b.example", "a.example", "c.example"}));
  tree.put("run/systemd/resolve/resolv.conf", "search 1.x 2.x 3.x 4.x 5.x 6.x 7.x 8.x 9.x\n");
  EXPECT_EQ(search_domains(tree.root()).size(), 8U);
}

TEST(Discover, SaysThatThereIsNoDomain) {
  const measure::Tree tree;
  Options options;
  options.root = tree.root();
  auto found = discover(options);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "no domain to look for a key distribution server in; the network named none");
}

}  // namespace
}  // namespace sluice::client::discover
