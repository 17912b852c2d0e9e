// SPDX-License-Identifier: Apache-2.0
//
// For tests of datagrams: a namespace of our own with a router or server at the other end of a link, and sockets there.
#pragma once

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "agent/testing.hpp"
#include "base/address.hpp"

namespace sluice::agent::testing {

/// We are 10.9.0.1 and fd09::1, it is 10.9.0.2 and fd09::2.  It forwards; behind it 10.10.0.0/24 is unreachable,
/// 10.11.0.0/24 prohibited, and 10.12.0.0/24 and fd12::/64 lie behind a link whose MTU is 1400.  Not by routes of such
/// types, whose errors are limited to one a second.
class PeerNamespace {
 public:
  PeerNamespace() {
    if (!ours_.entered()) return;
    child_ = ::fork();
    if (child_ == 0) {
      // With a test that crashes it must go, for it holds our output open.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::unshare(CLONE_NEWNET) == 0) ::pause();
      ::_exit(1);
    }
    const std::string pid = std::to_string(child_);
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    for (int i = 0; i < 500 && !is_apart(pid); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    theirs_.reset(::open(("/proc/" + pid + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    ready_ = is_apart(pid) && ours_.run("ip link add veth0 type veth peer name veth1 netns " + pid + R"( &&
ip addr add 10.9.0.1/24 dev veth0 && ip addr add fd09::1/64 dev veth0 nodad && ip link set veth0 up &&
nsenter -t )" + pid + R"( -n sh -ec 'ip link set lo up
ip addr add 10.9.0.2/24 dev veth1; ip addr add fd09::2/64 dev veth1 nodad; ip link set veth1 up
ip link add thin type veth peer name end; ip link set end up; ip link set thin mtu 1400 arp off up; ip addr add 10.12.0.1/24 dev thin; ip addr add fd12::1/64 dev thin nodad
ip neigh add 10.12.0.5 lladdr 02:00:00:00:00:05 dev thin
ip neigh add fd12::5 lladdr 02:00:00:00:00:05 dev thin
echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
ip route add 10.10.0.0/15 dev thin
nft "add table inet route; add chain inet route forward { type filter hook forward priority 0; }
add rule inet route forward ip daddr 10.10.0.0/24 reject with icmp type host-unreachable
add rule inet route forward ip daddr 10.11.0.0/24 reject with icmp type admin-prohibited"' &&
ip route add 10.10.0.0/15 via 10.9.0.2 && ip route add 10.12.0.0/24 via 10.9.0.2 &&
ip -6 route add fd12::/64 via fd09::2)");
  }
  ~PeerNamespace() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  /// False when we may not make namespaces: the test is then skipped.
  [[nodiscard]] bool entered() const { return ours_.entered(); }
  [[nodiscard]] bool ready() const { return ready_; }
  /// Calls *body* over there.
  void there(const std::function<void()>& body) const {
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (::setns(theirs_.get(), CLONE_NEWNET) != 0) std::abort();
    body();
    if (::setns(here.get(), CLONE_NEWNET) != 0) std::abort();
  }
  bool run_there(const std::string& command) const {
    bool done = false;
    there([&] { done = Namespace::run(command); });
    return done;
  }

 private:
  static bool is_apart(const std::string& pid) {
    std::array<char, 64> ours{}, its{};
    (void)!::readlink("/proc/self/ns/net", ours.data(), ours.size() - 1);
    (void)!::readlink(("/proc/" + pid + "/ns/net").c_str(), its.data(), its.size() - 1);
    return std::strcmp(ours.data(), its.data()) != 0;
  }

  Namespace ours_;
  pid_t child_ = -1;
  UniqueFd theirs_;
  bool ready_ = false;
};

/// A socket of a server's: what it receives, and from whom.
class DatagramServer {
 public:
  struct Got {
    std::string payload;  ///< of IPv4's raw sockets with the IP header
    int ttl = 0, tos = 0;
    sockaddr_storage from{};
  };

  /// In the namespace where it is called; port 0: any.
  explicit DatagramServer(const Endpoint& at, int protocol = IPPROTO_UDP) : at_(at) {
    v4_ = at.address.is_v4();
    const int kind = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_RAW;
    fd_.reset(::socket(v4_ ? AF_INET : AF_INET6, kind | SOCK_CLOEXEC, protocol));
    option(v4_ ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
    option(v4_ ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
    const int buffer = 4 << 20;
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    sockaddr_storage storage;
    socklen_t length = at.to_sockaddr(storage);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) std::abort();
    if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) std::abort();
    if (protocol == IPPROTO_UDP) at_ = *Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
  }

  [[nodiscard]] const Endpoint& at() const { return at_; }
  void option(int name, int value) const {
    if (::setsockopt(fd_.get(), v4_ ? IPPROTO_IP : IPPROTO_IPV6, name, &value, sizeof value) != 0) std::abort();
  }
  [[nodiscard]] std::optional<Got> receive() const {
    static std::string buffer(70000, '\0');
    alignas(cmsghdr) std::array<char, 256> control;
    Got got;
    iovec io{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &got.from;
    message.msg_namelen = sizeof got.from;
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    got.payload = buffer.substr(0, static_cast<std::size_t>(size));
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
      int value = *CMSG_DATA(header);
      if (header->cmsg_type == (v4_ ? IP_TTL : IPV6_HOPLIMIT)) got.ttl = value;
      if (header->cmsg_type == (v4_ ? IP_TOS : IPV6_TCLASS)) got.tos = value;
    }
    return got;
  }
  bool reply(const Got& to, const std::string& payload) const {
    const socklen_t length = v4_ ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    sockaddr_storage address = to.from;
    return ::sendto(fd_.get(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                    length) == static_cast<ssize_t>(payload.size());
  }

 private:
  Endpoint at_;
  bool v4_;
  UniqueFd fd_;
};

}  // namespace sluice::agent::testing
