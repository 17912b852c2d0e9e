// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "pki/store.hpp"
#include "pki/time.hpp"
#include "tls/testing.hpp"

namespace sluice::pki {
namespace {

using namespace std::chrono_literals;
using tls::PeerName;

class PkiTest : public ::testing::Test {
 protected:
  PkiTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-pki-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~PkiTest() override { std::filesystem::remove_all(directory_); }

  Store init() {
    Result<Store> store = Store::init(directory_, "test", now_ + 1000h, false);
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return *std::move(store);
  }
  tls::Request agent(const std::string& name, tls::Time not_after) {
    return {name, {{PeerName::Role::agent, "corp", name}}, {}, {}, {now_ - 72h, not_after}};
  }
  tls::Request gateway() {
    return {
        "gw1", {{PeerName::Role::gateway, "corp", ""}}, {"localhost"}, {"127.0.0.1", "::1"}, {now_ - 1h, now_ + 10h}};
  }
  tls::Identity identity(const std::string& name) {
    return {directory_ / (name + ".crt"), directory_ / (name + ".key"), directory_ / "ca.crt", directory_ / "ca.crl"};
  }
  mode_t mode(const std::string& file) {
    struct stat status {};
    EXPECT_EQ(::stat((directory_ / file).c_str(), &status), 0) << file;
    return status.st_mode & 07777;
  }

  tls::Time now_ = std::chrono::system_clock::now();
  std::filesystem::path directory_;
};

TEST_F(PkiTest, FilesHaveTheirModes) {
  const mode_t before = ::umask(077);
  Store store = init();
  ASSERT_TRUE(store.issue(agent("berlin", now_ + 1h), false));
  ::umask(before);
  EXPECT_EQ(mode("ca.key"), 0600u);
  EXPECT_EQ(mode("berlin.key"), 0600u);
  for (const char* file : {"ca.crt", "ca.crl", "berlin.crt"}) EXPECT_EQ(mode(file), 0644u) << file;
}

TEST_F(PkiTest, NothingIsOverwrittenWithoutForce) {
  Store store = init();
  ASSERT_TRUE(store.issue(agent("berlin", now_ + 1h), false));
  Result<void> again = store.issue(agent("berlin", now_ + 1h), false);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("berlin.crt exists; --force replaces it"), std::string::npos);
  EXPECT_TRUE(store.issue(agent("berlin", now_ + 1h), true));
  EXPECT_FALSE(Store::init(directory_, "other", now_ + 1h, false));
  EXPECT_TRUE(Store::init(directory_, "other", now_ + 1h, true));
}

TEST_F(PkiTest, NamesCannotLeaveTheDirectory) {
  Store store = init();
  for (const char* name : {"", "ca", "../x", "a/b", ".hidden", "a b", "a,URI:sluice://corp/gateway"}) {
    EXPECT_FALSE(store.issue(agent(name, now_ + 1h), true)) << name;
  }
  tls::Request injected = gateway();
  injected.dns = {"gw,URI:sluice://other/gateway"};
  EXPECT_FALSE(store.issue(injected, true));
  injected = gateway();
  injected.names[0].network = "corp,URI:sluice://other";
  EXPECT_FALSE(store.issue(injected, true));
}

TEST_F(PkiTest, ListTellsHowEachStands) {
  Store store = init();
  ASSERT_TRUE(store.issue(agent("a-good", now_ + 1h), false));
  ASSERT_TRUE(store.issue(agent("b-expired", now_ - 1h), false));
  ASSERT_TRUE(store.issue(agent("c-revoked", now_ + 1h), false));
  ASSERT_TRUE(store.issue(gateway(), false));
  Result<std::string> serial = store.revoke("c-revoked");
  ASSERT_TRUE(serial) << serial.error().message;
  Result<std::vector<Entry>> entries = store.list();
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 4u);
  EXPECT_STREQ((*entries)[0].status(now_), "good");
  EXPECT_STREQ((*entries)[1].status(now_), "expired");
  EXPECT_STREQ((*entries)[2].status(now_), "revoked");
  EXPECT_EQ((*entries)[3].hosts, (std::vector<std::string>{"localhost", "127.0.0.1", "::1"}));
  EXPECT_EQ((*entries)[3].peer.names[0].to_string(), "sluice://corp/gateway");
}

TEST_F(PkiTest, RevocationByFileNameAndSerialLasts) {
  Store store = init();
  for (const char* name : {"one", "two", "three"}) ASSERT_TRUE(store.issue(agent(name, now_ + 1h), false));
  ASSERT_TRUE(store.revoke("one"));
  ASSERT_TRUE(store.revoke((directory_ / "two.crt").string()));
  std::string serial = store.show("three")->peer.serial;
  std::transform(serial.begin(), serial.end(), serial.begin(),
                 [](char c) { return static_cast<char>(std::tolower(c)); });
  ASSERT_TRUE(store.revoke(serial));
  EXPECT_FALSE(store.revoke("one")) << "twice";
  EXPECT_FALSE(store.revoke("nobody"));
  Result<Store> reopened = Store::open(directory_);
  ASSERT_TRUE(reopened && reopened->write_list());
  for (const char* name : {"one", "two", "three"}) EXPECT_TRUE(reopened->show(name)->revoked) << name;
}

TEST_F(PkiTest, CertificatesWorkInTls) {
  Store store = init();
  ASSERT_TRUE(store.issue(gateway(), false));
  ASSERT_TRUE(store.issue(agent("berlin", now_ + 1h), false));
  asio::io_context io;
  auto connect = [&]() -> Result<tls::testing::TlsPair> {
    Result<tls::Context> server = tls::Context::create(tls::Role::server, identity("gw1"));
    Result<tls::Context> client = tls::Context::create(tls::Role::client, identity("berlin"));
    EXPECT_TRUE(server && client);
    return tls::testing::tls_pair(io, *server, *client);
  };
  Result<tls::testing::TlsPair> pair = connect();
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_TRUE(pair->server.peer()->is_agent("corp", "berlin"));
  EXPECT_TRUE(pair->client.peer()->is_gateway("corp"));
  ASSERT_TRUE(store.revoke("berlin"));
  EXPECT_FALSE(connect());
}

std::vector<std::string> uris(PeerName::Role role, const std::vector<std::string>& networks, const std::string& realm) {
  std::vector<std::string> uris;
  for (const PeerName& name : names_for(role, "x1", networks, realm)) uris.push_back(name.to_string());
  return uris;
}

TEST_F(PkiTest, EachRoleHasItsNames) {
  using Uris = std::vector<std::string>;
  EXPECT_EQ(uris(PeerName::Role::gateway, {"a", "b"}, ""), (Uris{"sluice://a/gateway", "sluice://b/gateway"}));
  EXPECT_EQ(uris(PeerName::Role::gateway, {"a"}, "corp"), (Uris{"sluice://a/gateway", "sluice://corp/gateway/x1"}));
  EXPECT_EQ(uris(PeerName::Role::gateway, {}, "corp"), (Uris{"sluice://corp/gateway/x1"}));
  EXPECT_EQ(uris(PeerName::Role::agent, {"a"}, ""), (Uris{"sluice://a/agent/x1"}));
  EXPECT_EQ(uris(PeerName::Role::kds, {}, "corp"), (Uris{"sluice://corp/kds"}));
  EXPECT_EQ(uris(PeerName::Role::device, {}, "corp"), (Uris{"sluice://corp/device/x1"}));
  EXPECT_EQ(uris(PeerName::Role::operator_, {}, "corp"), (Uris{"sluice://corp/operator/x1"}));
  EXPECT_EQ(uris(PeerName::Role::gateway, {}, ""), Uris{});
}

TEST_F(PkiTest, ThoseOfARealmMeetInTls) {
  Store store = init();
  auto issue = [&](PeerName::Role role, const char* name, std::vector<std::string> networks, const char* host) {
    tls::Request request{name, names_for(role, name, networks, "corp"), {}, {}, {now_ - 1h, now_ + 1h}};
    if (host != nullptr) request.ip = {host};
    Result<void> done = store.issue(request, false);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
  };
  issue(PeerName::Role::kds, "kds1", {}, "127.0.0.1");
  issue(PeerName::Role::gateway, "gw1", {"lab"}, "127.0.0.1");
  issue(PeerName::Role::gateway, "gw2", {}, "127.0.0.1");
  issue(PeerName::Role::device, "laptop", {}, nullptr);
  issue(PeerName::Role::operator_, "ada", {}, nullptr);
  asio::io_context io;
  auto connect = [&](const char* server_name, const char* client_name) -> Result<tls::testing::TlsPair> {
    Result<tls::Context> server = tls::Context::create(tls::Role::server, identity(server_name), {.tls13_only = true});
    Result<tls::Context> client = tls::Context::create(tls::Role::client, identity(client_name));
    EXPECT_TRUE(server && client);
    return tls::testing::tls_pair(io, *server, *client);
  };
  for (const char* client : {"gw1", "gw2", "laptop", "ada"}) {
    Result<tls::testing::TlsPair> pair = connect("kds1", client);
    ASSERT_TRUE(pair) << client << ": " << pair.error().message;
    EXPECT_TRUE(pair->client.peer()->is_kds("corp"));
  }
  EXPECT_EQ(connect("kds1", "gw1")->server.peer()->gateway_of("corp"), "gw1");
  EXPECT_EQ(connect("kds1", "laptop")->server.peer()->device_of("corp"), "laptop");
  EXPECT_EQ(connect("kds1", "ada")->server.peer()->operator_of("corp"), "ada");
  EXPECT_TRUE(connect("gw1", "ada")->client.peer()->is_gateway("lab"));
  // By the extended key usage: nobody plays a server who is none, and a KDS dials nobody.
  EXPECT_FALSE(connect("laptop", "ada"));
  EXPECT_FALSE(connect("gw2", "ada"));
  EXPECT_FALSE(connect("kds1", "kds1"));
}

TEST_F(PkiTest, AListOfAnotherAuthorityIsNotSigned) {
  Store store = init();
  Result<Store> other = Store::init(directory_ / "other", "other", now_ + 1h, false);
  ASSERT_TRUE(other);
  std::filesystem::copy_file(directory_ / "other/ca.crl", directory_ / "ca.crl",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(store.write_list());
}

TEST(PkiTime, Forms) {
  const tls::Time now = *parse_time("2026-01-31T00:00:00Z", {});
  EXPECT_EQ(to_string(now), "2026-01-31T00:00:00Z");
  EXPECT_EQ(*parse_time("-1", now), now - 24h);
  EXPECT_EQ(to_string(*parse_time("2026-02-01", now)), "2026-02-01T00:00:00Z");
  for (const char* text : {"", "soon", "2026-02-01x", "1d", "2026-13-01"}) EXPECT_FALSE(parse_time(text, now)) << text;
}

}  // namespace
}  // namespace sluice::pki
