// SPDX-License-Identifier: Apache-2.0
#include "policy/ask.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "base/unique_fd.hpp"
#include "policy/message.hpp"

namespace sluice::policy {
namespace {

using Blob = std::optional<std::vector<std::uint8_t>>;
using Clock = std::chrono::steady_clock;

Result<bool> readable_before(int fd, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{fd, POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(left));
    if (count >= 0) return count > 0;
    if (errno != EINTR) return system_error("poll", errno);
  }
}

// What comes in answer to one question, if it comes in time.  Nobody at the port (ICMP) ends the waiting at once.
Result<Blob> ask_once(int fd, const Nonce& nonce, Clock::time_point end) {
  const auto bytes = question(nonce);
  // An ICMP error that came late from the try before is told here, and takes the place of sending.
  ssize_t sent = -1;
  for (int i = 0; i < 3 && sent < 0; ++i) {
    sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != ECONNREFUSED && errno != EINTR) return system_error("the question cannot be sent", errno);
  }
  for (;;) {
    auto ready = readable_before(fd, end);
    if (!ready) return ready.error();
    if (!*ready) return Blob();
    std::array<std::uint8_t, question_size + 1> buffer;
    const auto size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ECONNREFUSED) return Blob();
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size < 0) return system_error("the answer cannot be received", errno);
    auto blob = parse_answer(std::span(buffer).first(static_cast<std::size_t>(size)), nonce);
    if (blob) return blob;
  }
}

}  // namespace

Result<Blob> ask(const Endpoint& gateway, const Patience& patience, std::uint32_t interface) {
  sockaddr_storage to{};
  const socklen_t size = gateway.to_sockaddr(to);
  if (to.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&to)->sin6_scope_id = interface;
  const UniqueFd fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connected: only what comes from there is received.
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) < 0)
    return system_error(gateway.to_string(), errno);
  for (int i = 0; i < patience.tries; ++i) {
    Nonce nonce;
    if (::getentropy(nonce.data(), nonce.size()) < 0) return system_error("random bytes", errno);
    auto answer = ask_once(fd.get(), nonce, Clock::now() + patience.each);
    if (!answer) return answer.error().in(gateway.to_string());
    if (*answer) return answer;
  }
  return Blob();
}

}  // namespace sluice::policy
