// SPDX-License-Identifier: Apache-2.0
#include "sluice/ask.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"

namespace sluice::cli {
namespace {

Result<UniqueFd> connect(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.string().size() >= sizeof address.sun_path) return Error{path.string() + ": the path is too long"};
  std::strcpy(address.sun_path, path.c_str());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  Error error = system_error(path.string(), errno);
  error.message += errno == EACCES ? "; this needs root or the socket's group" : ": is sluiced running?";
  return error;
}

Result<void> send_line(int fd, const nlohmann::json& request) {
  const std::string line = request.dump() + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t size = ::send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("sluiced", errno);
    sent += static_cast<std::size_t>(size);
  }
  return {};
}

}  // namespace

Result<void> follow(const std::filesystem::path& socket, const nlohmann::json& request,
                    const std::function<bool(const nlohmann::json&)>& each) {
  auto fd = connect(socket);
  if (!fd) return fd.error();
  if (auto sent = send_line(fd->get(), request); !sent) return sent;
  std::string buffer;
  char chunk[16384];
  for (;;) {
    const ssize_t size = ::recv(fd->get(), chunk, sizeof chunk, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("sluiced", errno);
    if (size == 0) return Error{"sluiced closed the connection"};
    buffer.append(chunk, static_cast<std::size_t>(size));
    std::size_t start = 0;
    for (std::size_t end; (end = buffer.find('\n', start)) != buffer.npos; start = end + 1) {
      const auto line = nlohmann::json::parse(buffer.begin() + static_cast<std::ptrdiff_t>(start),
                                              buffer.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      if (!line.is_object()) return Error{"sluiced sent a line that is no JSON object"};
      if (line.contains("error") && line["error"].is_string()) return Error{line["error"].get<std::string>()};
      if (!each(line)) return {};
    }
    buffer.erase(0, start);
  }
}

Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request) {
  nlohmann::json answer;
  auto done = follow(socket, request, [&](const nlohmann::json& line) {
    answer = line;
    return false;
  });
  if (!done) return done.error();
  return answer;
}

}  // namespace sluice::cli
