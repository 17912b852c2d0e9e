// SPDX-License-Identifier: Apache-2.0
#include "http/wire.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/problem.hpp"

namespace sluice::http {
namespace {

unsigned refusal(const std::string& text) {
  const auto parsed = parse_request(text, 100);
  const Refusal* refused = std::get_if<Refusal>(&parsed);
  return refused != nullptr ? refused->status : 0;
}

TEST(Wire, ARequestIsTakenApart) {
  const std::string text = "POST /v1/keys?after=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-One: a b\r\n\r\n";
  const auto parsed = parse_request(text, 100);
  const RequestHead* head = std::get_if<RequestHead>(&parsed);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->request.method, "POST");
  EXPECT_EQ(head->request.path(), "/v1/keys");
  EXPECT_EQ(head->request.query(), "after=7");
  EXPECT_EQ(head->request.fields.get("x-one"), "a b");
  EXPECT_EQ(head->content_length, 5u);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->expects_continue);
}

TEST(Wire, WhatIsNoRequestIsRefused) {
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0u);
  EXPECT_EQ(refusal("GET / HTTP/1.0\r\n\r\n"), 0u);
  for (const char* text :
       {"hello\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    EXPECT_EQ(refusal(text), 400u) << text;
  }
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 411u);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"), 411u);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"), 413u);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"), 0u);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: gold\r\n\r\n"), 417u);
  EXPECT_EQ(refusal(std::string("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 29)), 400u);
}

TEST(Wire, TheHeadersEndIsFoundAcrossPieces) {
  const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET";
  for (std::size_t seen = 0; seen < 26; ++seen) EXPECT_EQ(header_size(text, seen), 27u) << seen;
  EXPECT_EQ(header_size(text.substr(0, 26), 0), 0u);
}

TEST(Wire, AResponseSurvivesTheWire) {
  Response response = Response::json(201, R"({"a":1})");
  response.fields.add("X-Good", "yes");
  response.fields.add("X-Bad", "a\r\nX-Worse: b");
  const derivation::Secret wire = to_wire(response, false, false);
  const std::size_t size = header_size(wire.text(), 0);
  ASSERT_NE(size, 0u);
  EXPECT_EQ(wire.text().substr(size), R"({"a":1})");
  Result<ResponseHead> head = parse_response(wire.text().substr(0, size), false);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->response.status, 201u);
  EXPECT_EQ(head->content_length, 7u);
  EXPECT_EQ(head->response.content_type, "application/json");
  EXPECT_EQ(head->response.fields.get("Cache-Control"), "no-store");
  EXPECT_EQ(head->response.fields.get("X-Good"), "yes");
  EXPECT_EQ(head->response.fields.count("X-Worse") + head->response.fields.count("X-Bad"), 0u);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_EQ(to_wire(response, true, true).text().find(R"({"a")"), std::string_view::npos) << "to a HEAD";
}

TEST(Wire, AResponseOfUnknownLengthIsNone) {
  EXPECT_FALSE(parse_response("HTTP/1.1 200 OK\r\n\r\n", false));
  EXPECT_FALSE(parse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false));
  EXPECT_TRUE(parse_response("HTTP/1.1 204 No Content\r\n\r\n", false));
  EXPECT_TRUE(parse_response("HTTP/1.1 200 OK\r\n\r\n", true));
}

TEST(Message, AWipedStringHoldsNothing) {
  std::string text = "0123456789012345678901234567890123456789";
  const char* bytes = text.data();
  const std::size_t size = text.size();
  wipe(text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), bytes);
  for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(bytes[i], 0) << i;
}

TEST(Problem, IsJsonWhateverThePeerSaid) {
  Problem problem;
  problem.status = 403;
  problem.detail = "bad \xff byte \"quoted\"";
  problem.failures = {{"os.version", "11", "Update."}};
  const Response response = problem.to_response();
  EXPECT_EQ(response.status, 403u);
  EXPECT_EQ(response.content_type, "application/problem+json");
  const auto json = nlohmann::json::parse(response.text());
  EXPECT_EQ(json.at("title"), "Forbidden");
  EXPECT_EQ(json.at("status"), 403);
  EXPECT_EQ(json.at("detail"), "bad \xef\xbf\xbd byte \"quoted\"");
  EXPECT_EQ(json.at("failures").at(0).at("remedy"), "Update.");
  EXPECT_FALSE(nlohmann::json::parse(Problem{404, "", "", {}}.to_json()).contains("failures"));
}

}  // namespace
}  // namespace sluice::http
