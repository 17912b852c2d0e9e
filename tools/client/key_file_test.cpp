// SPDX-License-Identifier: Apache-2.0
#include "client/key_file.hpp"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

constexpr const char* outbound_key = "7c1461b4b772651831831c58b141bfe5fa78af392a225c49bf185593ecedbf39b4d0b55c";
constexpr const char* inbound_key = "89edf12ff05cd1749d826078a3b88c173f064812e3f49bb70ca79ed1c9b7f52853eefedb";

struct Text {
  std::string gateway = "gateway = \"192.0.2.1\"";
  std::string port = "udp_port = 4500";
  std::string algorithm = "algorithm = \"aes-256-gcm\"";
  std::string inner = "inner = [\"10.32.0.1\", \"fd20:5::1\"]";
  std::string routes = "routes = [\"10.20.0.0/16\", \"fd20::/48\"]";
  std::string outbound = std::string("[outbound]\nspi = 0x00000200\nkey = \"") + outbound_key + "\"";
  std::string inbound = std::string("[inbound]\nspi = 0x20000200\nkey = \"") + inbound_key + "\"";

  [[nodiscard]] Result<KeyFile> parse() const {
    return KeyFile::parse(gateway + "\n" + port + "\n" + algorithm + "\n" + inner + "\n" + routes + "\n" + outbound +
                              "\n" + inbound + "\n",
                          "k");
  }
  [[nodiscard]] std::string error() const {
    auto file = parse();
    return file ? "" : file.error().message;
  }
};

TEST(KeyFile, IsRead) {
  auto file = Text().parse();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->gateway.to_string(), "192.0.2.1");
  EXPECT_EQ(file->udp_port, 4500);
  EXPECT_EQ(file->inner.size(), 2U);
  EXPECT_EQ(file->inner_of(false)->to_string(), "fd20:5::1");
  EXPECT_EQ(file->routes[1].to_string(), "fd20::/48");
  EXPECT_EQ(file->outbound.spi.value(), 0x200U);
  EXPECT_EQ(file->inbound.keying.hex().text(), inbound_key);
  Text native;
  native.port = "";
  EXPECT_FALSE(native.parse()->udp_port);
}

TEST(KeyFile, ErrorsNameFileLineAndKey) {
  Text text;
  text.gateway = "gateway = \"gw\"";
  text.port = "udp_port = 0";
  text.algorithm = "algorithm = \"des\"";
  const std::string errors = text.error();
  for (const char* part : {"k:1: key 'gateway': 'gw' is no IP address", "k:2: key 'udp_port': must be from 1 to 65535",
                           "k:3: key 'algorithm': 'des' is neither"})
    EXPECT_NE(errors.find(part), std::string::npos) << errors;
}

TEST(KeyFile, RequiresItsKeys) {
  const std::string errors = KeyFile::parse("", "k").error().message;
  for (const char* key : {"gateway", "algorithm", "inner", "routes", "outbound", "inbound"})
    EXPECT_NE(errors.find(std::string("key '") + key + "': is required and missing"), std::string::npos) << errors;
  Text text;
  text.port = "udpport = 3";
  EXPECT_NE(text.error().find("k:2: key 'udpport': is unknown"), std::string::npos);
}

TEST(KeyFile, ChecksRoutes) {
  Text text;
  text.inner = "inner = [\"10.32.0.1\"]";
  EXPECT_NE(text.error().find("k:5: key 'routes': fd20::/48: there is no inner address of its family"),
            std::string::npos);
  text = Text();
  text.routes = "routes = [\"192.0.2.0/24\"]";
  EXPECT_NE(text.error().find("the gateway itself, 192.0.2.1, is in it"), std::string::npos);
  text.routes = "routes = [\"10.0.0.0/8\", \"10.0.0.0/8\"]";
  EXPECT_NE(text.error().find("is there twice"), std::string::npos);
  text.routes = "routes = []";
  EXPECT_NE(text.error().find("must not be empty"), std::string::npos);
  text.routes = "routes = [\"::/0\"]";  // the gateway is of the other family
  EXPECT_EQ(text.error(), "");
  text.inner = "inner = [\"10.32.0.1\", \"10.32.0.2\", \"fd20::1\"]";
  EXPECT_NE(text.error().find("k:4: key 'inner': a second address of one family"), std::string::npos);
}

TEST(KeyFile, ChecksAssociations) {
  Text text;
  text.outbound = std::string("[outbound]\nspi = 0x20000200\nkey = \"") + outbound_key + "\"";
  EXPECT_NE(text.error().find("k:7: key 'outbound.spi': is one of packets to the client"), std::string::npos);
  text.outbound = std::string("[outbound]\nspi = 0x00000400\nkey = \"") + outbound_key + "\"";
  EXPECT_NE(text.error().find("is of another client"), std::string::npos);
  text.outbound = "[outbound]\nspi = 0xc0000200\nkey = \"00\"";
  EXPECT_NE(text.error().find("key 'outbound.spi': it begins with 3"), std::string::npos);
  EXPECT_NE(text.error().find("k:8: key 'outbound.key': has 1 bytes; key and salt of aes-256-gcm have 36"),
            std::string::npos);
  text.outbound = std::string("[outbound]\nspi = 0x00000200\nkey = \"") + inbound_key + "\"";
  EXPECT_NE(text.error().find("the same as 'outbound.key'"), std::string::npos);
}

TEST(KeyFile, KeepsKeysOutOfErrors) {
  Text text;
  text.outbound = "[outbound]\nspi = 0x00000200\nkey = \"deadbeefdeadbeefx0\"";
  EXPECT_NE(text.error().find("key 'outbound.key': has not only hexadecimal digits"), std::string::npos)
      << text.error();
  EXPECT_EQ(text.error().find("deadbeef"), std::string::npos);
}

}  // namespace
}  // namespace sluice::client
