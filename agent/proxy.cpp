// SPDX-License-Identifier: Apache-2.0
#include "agent/proxy.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

namespace sluice::agent {
namespace {

constexpr std::size_t kHeadMax = 65536;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_line(std::string_view& text) {
  std::size_t end = text.find("\r\n");
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

}  // namespace

Result<ProxyReply> parse_proxy_reply(std::string_view head) {
  std::string_view line = take_line(head);
  ProxyReply reply;
  // HTTP-version SP 3DIGIT SP [reason]
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') {
    return Error{"the proxy does not speak HTTP/1"};
  }
  std::string_view digits = line.substr(9, 3);
  auto [end, code] = std::from_chars(digits.data(), digits.data() + 3, reply.status);
  if (code != std::errc() || end != digits.data() + 3) return Error{"the proxy's status line is broken"};
  reply.reason = trim(line.substr(12));
  while (!head.empty()) {
    line = take_line(head);
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || lower(line.substr(0, colon)) != "proxy-authenticate") continue;
    std::vector<Challenge> more = parse_challenges(trim(line.substr(colon + 1)));
    reply.challenges.insert(reply.challenges.end(), more.begin(), more.end());
  }
  return reply;
}

Task<Result<ProxyReply>> http_connect(tcp::socket& socket, const std::string& target,
                                      const std::string& authorization) {
  std::string request =
      "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nUser-Agent: sluice-agent/" SLUICE_VERSION "\r\n";
  if (!authorization.empty()) request += "Proxy-Authorization: " + authorization + "\r\n";
  request += "\r\n";
  auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(request), use_tuple);
  if (write_error) co_return Error{"proxy: " + write_error.message()};

  std::string head;
  while (!head.ends_with(kHeadEnd)) {
    if (head.size() >= kHeadMax) co_return Error{"proxy: the answer's head has no end"};
    // Look first and take only up to the empty line: after a 2xx the next byte is not the proxy's.
    char peeked[4096];
    auto [peek_error, size] = co_await socket.async_receive(asio::buffer(peeked), tcp::socket::message_peek, use_tuple);
    if (peek_error) co_return Error{"proxy: " + peek_error.message()};
    const std::size_t before = head.size();
    head.append(peeked, size);
    const std::size_t from = before < kHeadEnd.size() ? 0 : before - kHeadEnd.size();
    if (std::size_t end = head.find(kHeadEnd, from); end != std::string::npos) head.resize(end + kHeadEnd.size());
    std::string taken(head.size() - before, '\0');
    boost::system::error_code code;
    asio::mutable_buffer room = asio::buffer(taken);
    while (room.size() > 0 && !code) room += socket.receive(room, 0, code);
    if (code) co_return Error{"proxy: " + code.message()};
  }
  co_return parse_proxy_reply(head);
}

}  // namespace sluice::agent
