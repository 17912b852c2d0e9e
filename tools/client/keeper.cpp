// SPDX-License-Identifier: Apache-2.0
#include "client/keeper.hpp"

#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace sluice::client::keeper {
namespace {

using Clock = std::chrono::steady_clock;

// RFC 3948, 2.3 and 4: one byte, every 20 seconds.  Sent whether or not packets went out: the kernel sends those, and
// asking it for their number costs more than the byte.
constexpr std::uint8_t keepalive = 0xff;
constexpr std::chrono::seconds keepalive_interval{20};

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Descriptors close on exec; these two are to outlive it.
bool inherit(int fd) { return fd < 0 || ::fcntl(fd, F_SETFD, 0) == 0; }

// What is no ESP (IKE, keepalives of the gateway) is for us, and is dropped; so are ICMP errors, as the next packet
// tells.
void drain(int socket) {
  char packet[64];
  while (::recv(socket, packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == ECONNREFUSED ||
         errno == EHOSTUNREACH || errno == ENETUNREACH) {
  }
}

}  // namespace

Result<UniqueFd> open_socket(const Address& local, const Endpoint& gateway) {
  UniqueFd fd(::socket(local.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("UDP socket", errno);
  sockaddr_storage address;
  socklen_t length = Endpoint{local, 0}.to_sockaddr(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return system_error("UDP socket at " + local.to_string(), errno);
  const int type = UDP_ENCAP_ESPINUDP;
  if (::setsockopt(fd.get(), IPPROTO_UDP, UDP_ENCAP, &type, sizeof type) != 0)
    return system_error("UDP_ENCAP: the kernel does not take ESP from UDP", errno);
  // Connected: nobody but the gateway gets a packet as far as decryption.
  length = gateway.to_sockaddr(address);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return system_error("UDP to " + gateway.to_string(), errno);
  return fd;
}

std::uint16_t local_port(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  return endpoint ? endpoint->port : 0;
}

void hold_signals() {
  const sigset_t set = ending_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Error exec(const Descriptors& descriptors) {
  if (!inherit(descriptors.pid_file) || !inherit(descriptors.socket)) return system_error("fcntl", errno);
  std::string pid_file = std::to_string(descriptors.pid_file), socket = std::to_string(descriptors.socket);
  std::string name = "sluice-client", verb = "keep";
  char* words[] = {name.data(), verb.data(), pid_file.data(), socket.data(), nullptr};
  ::execv("/proc/self/exe", words);
  return system_error("cannot start the process that stays", errno);
}

Result<pid_t> spawn(const Descriptors& descriptors) {
  // exec() that succeeds closes it, one that fails writes its reason.
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", errno);
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("fork", errno);
  if (pid == 0) {
    ::setsid();
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(nothing, fd);
    if (nothing > 2) ::close(nothing);
    if (::chdir("/") != 0) ::_exit(1);
    const int number = exec(descriptors).number;
    [[maybe_unused]] const ssize_t size = ::write(write_end.get(), &number, sizeof number);
    ::_exit(1);
  }
  write_end.reset();
  int number = 0;
  ssize_t size = 0;
  while ((size = ::read(read_end.get(), &number, sizeof number)) < 0 && errno == EINTR) {
  }
  if (size <= 0) return pid;
  ::waitpid(pid, nullptr, 0);
  return system_error("cannot start the process that stays", number);
}

Result<void> run(const Descriptors& descriptors) {
  hold_signals();
  const sigset_t set = ending_signals();
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals) return system_error("signalfd", errno);
  auto due = Clock::now();
  for (;;) {
    int wait = -1;
    if (descriptors.socket >= 0) {
      if (Clock::now() >= due) {
        // An error is an ICMP that came back, or a link that is away: the next one may get through.
        [[maybe_unused]] const ssize_t size = ::send(descriptors.socket, &keepalive, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        due = Clock::now() + keepalive_interval;
      }
      wait = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count());
    }
    pollfd waiting[2] = {{signals.get(), POLLIN, 0}, {descriptors.socket, POLLIN, 0}};
    if (::poll(waiting, 2, wait) < 0 && errno != EINTR) return system_error("poll", errno);
    if (waiting[0].revents != 0) return {};
    if (waiting[1].revents != 0) drain(descriptors.socket);
  }
}

}  // namespace sluice::client::keeper
