// SPDX-License-Identifier: Apache-2.0
#include "client/route.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::client {
namespace {

constexpr std::size_t mapped_prefix = 12;
constexpr std::uint8_t mapped_bits = 96;
// What the design ships in the tunnel: room for ESP, UDP and IPv6 outside on any path of 1,500 bytes.  TCP's MSS
// follows.
constexpr std::uint32_t inner_mtu = 1400;
constexpr std::uint32_t v6_metric = 1024;   // the kernel's default; asked for by deletion, which else takes any
constexpr std::uint32_t last_metric = ~0U;  // of a barrier: after every other route

std::uint8_t family_of(bool v4) { return v4 ? AF_INET : AF_INET6; }

void put_address(Request& request, Attribute attribute, const Address& address) {
  const auto bytes = std::as_bytes(std::span{address.raw()});
  request.put_bytes(attribute, address.is_v4() ? bytes.subspan(mapped_prefix) : bytes);
}

Result<std::uint32_t> index_of(const std::string& device) {
  const unsigned index = ::if_nametoindex(device.c_str());
  if (index == 0) return Error{"there is no device \"" + device + "\"", ENODEV};
  return index;
}

// An XFRM interface and no dummy: what comes out of the tunnel shows on it, so that programs that read packets raw
// (tcpdump, nmap -sS, DHCP) find them where they went; and IP fragments for it before ESP, which no IP packet is then
// too long for.  It has no underlying device: the outer packets take whatever route there is.
Request device_request(const std::string& name, std::uint32_t id) {
  ifinfomsg info{};
  info.ifi_flags = info.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, info);
  request.put_string(SLUICE_ATTRIBUTE(IFLA_IFNAME), name);
  request.put(SLUICE_ATTRIBUTE(IFLA_MTU), inner_mtu);
  request.nest(SLUICE_ATTRIBUTE(IFLA_LINKINFO), [&] {
    request.put_bytes(SLUICE_ATTRIBUTE(IFLA_INFO_KIND), std::as_bytes(std::span{"xfrm", 4}));
    request.nest(SLUICE_ATTRIBUTE(IFLA_INFO_DATA), [&] { request.put(SLUICE_ATTRIBUTE(IFLA_XFRM_IF_ID), id); });
  });
  return request;
}

Request address_request(const Step& step, std::uint32_t ifindex, bool add) {
  const Address& address = step.destination.address;
  ifaddrmsg info{};
  info.ifa_family = family_of(address.is_v4());
  info.ifa_prefixlen = address.is_v4() ? 32 : 128;
  // Nobody else is behind the device: there is no one to find a duplicate with.
  if (!address.is_v4()) info.ifa_flags = IFA_F_NODAD;
  info.ifa_index = ifindex;
  Request request(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0, info);
  put_address(request, SLUICE_ATTRIBUTE(IFA_LOCAL), address);
  put_address(request, SLUICE_ATTRIBUTE(IFA_ADDRESS), address);
  return request;
}

Request route_request(const Step& step, std::uint32_t ifindex, bool add) {
  const bool v4 = is_v4(step.destination);
  rtmsg info{};
  info.rtm_family = family_of(v4);
  info.rtm_dst_len = static_cast<std::uint8_t>(step.destination.length - (v4 ? mapped_bits : 0));
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  info.rtm_type = RTN_UNICAST;
  Request request(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, info);
  if (info.rtm_dst_len != 0) put_address(request, SLUICE_ATTRIBUTE(RTA_DST), step.destination.address);
  request.put(SLUICE_ATTRIBUTE(RTA_OIF), ifindex);
  if (!v4) request.put(SLUICE_ATTRIBUTE(RTA_PRIORITY), v6_metric);
  if (step.prefer) put_address(request, SLUICE_ATTRIBUTE(RTA_PREFSRC), *step.prefer);
  request.nest(SLUICE_ATTRIBUTE(RTA_METRICS), [&] { request.put(SLUICE_ATTRIBUTE(RTAX_MTU), inner_mtu); });
  return request;
}

Request barrier_request(const Step& step, bool add) {
  const bool v4 = is_v4(step.destination);
  rtmsg info{};
  info.rtm_family = family_of(v4);
  info.rtm_dst_len = static_cast<std::uint8_t>(step.destination.length - (v4 ? mapped_bits : 0));
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_type = RTN_UNREACHABLE;
  Request request(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, info);
  if (info.rtm_dst_len != 0) put_address(request, SLUICE_ATTRIBUTE(RTA_DST), step.destination.address);
  request.put(SLUICE_ATTRIBUTE(RTA_PRIORITY), last_metric);
  return request;
}

bool is_gone(const Result<void>& done) {
  const int number = done.ok() ? 0 : done.error().number;
  return number == ENODEV || number == ESRCH || number == ENOENT || number == EADDRNOTAVAIL;
}

}  // namespace

Result<Routing> Routing::open() {
  auto netlink = Netlink::open(NETLINK_ROUTE);
  if (!netlink) return netlink.error();
  return Routing(*std::move(netlink));
}

Result<Routing::Path> Routing::path_to(const Address& address) {
  rtmsg info{};
  info.rtm_family = family_of(address.is_v4());
  info.rtm_dst_len = address.is_v4() ? 32 : 128;
  Request request(RTM_GETROUTE, 0, info);
  put_address(request, SLUICE_ATTRIBUTE(RTA_DST), address);
  std::optional<Address> source;
  std::uint32_t index = 0;
  auto done = netlink_.ask(std::move(request), [&](Bytes answer) {
    if (answer.size() < NLMSG_ALIGN(sizeof(rtmsg))) return;
    for_each_attribute(answer.subspan(NLMSG_ALIGN(sizeof(rtmsg))), [&](std::uint16_t type, Bytes payload) {
      if (type == RTA_OIF && payload.size() == sizeof index) std::memcpy(&index, payload.data(), sizeof index);
      if (type != RTA_PREFSRC) return;
      auto parsed = Address::from_bytes({reinterpret_cast<const char*>(payload.data()), payload.size()});
      if (parsed) source = *parsed;
    });
  });
  const std::string what = "no way to the gateway " + address.to_string();
  if (!done) return done.error().in(what);
  char device[IF_NAMESIZE];
  if (!source || ::if_indextoname(index, device) == nullptr)
    return Error{what + ": no source address for it", ENETUNREACH};
  return Path{*source, device};
}

Result<std::vector<Routing::NextHop>> Routing::default_gateways() {
  struct Found {
    std::uint32_t metric;
    NextHop hop;
  };
  std::vector<NextHop> all;
  for (const bool v4 : {true, false}) {
    std::vector<Found> found;
    rtmsg info{};
    info.rtm_family = family_of(v4);
    auto done = netlink_.ask(Request(RTM_GETROUTE, NLM_F_DUMP, info), [&](Bytes answer) {
      rtmsg about;
      if (answer.size() < NLMSG_ALIGN(sizeof about)) return;
      std::memcpy(&about, answer.data(), sizeof about);
      if (about.rtm_dst_len != 0 || about.rtm_table != RT_TABLE_MAIN || about.rtm_type != RTN_UNICAST) return;
      std::vector<NextHop> hops;
      NextHop one;
      std::uint32_t metric = 0;
      const auto read = [](NextHop& hop, std::uint16_t type, Bytes payload) {
        if (type != RTA_GATEWAY) return;
        auto parsed = Address::from_bytes({reinterpret_cast<const char*>(payload.data()), payload.size()});
        if (parsed) hop.address = *parsed;
      };
      for_each_attribute(answer.subspan(NLMSG_ALIGN(sizeof about)), [&](std::uint16_t type, Bytes payload) {
        read(one, type, payload);
        if (type == RTA_OIF && payload.size() == 4) std::memcpy(&one.interface, payload.data(), 4);
        if (type == RTA_PRIORITY && payload.size() == 4) std::memcpy(&metric, payload.data(), 4);
        // Several at one metric: each is a header with attributes of its own behind it.
        while (type == RTA_MULTIPATH && payload.size() >= sizeof(rtnexthop)) {
          rtnexthop next;
          std::memcpy(&next, payload.data(), sizeof next);
          if (next.rtnh_len < sizeof next || next.rtnh_len > payload.size()) break;
          NextHop hop{{}, static_cast<std::uint32_t>(next.rtnh_ifindex)};
          for_each_attribute(payload.subspan(sizeof next, next.rtnh_len - sizeof next),
                             [&](std::uint16_t of, Bytes inner) { read(hop, of, inner); });
          hops.push_back(hop);
          payload = payload.subspan(std::min<std::size_t>(RTNH_ALIGN(next.rtnh_len), payload.size()));
        }
      });
      hops.push_back(one);
      for (const NextHop& hop : hops)
        if (hop.address != Address()) found.push_back({metric, hop});
    });
    if (!done) return done.error().in("default routes");
    std::ranges::stable_sort(found, {}, &Found::metric);
    for (const Found& each : found)
      if (std::ranges::find(all, each.hop) == all.end()) all.push_back(each.hop);
  }
  return all;
}

Result<bool> Routing::is_loopback(const std::string& interface) {
  auto index = index_of(interface);
  if (!index) return index.error();
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(*index);
  unsigned flags = 0;
  auto done = netlink_.ask(Request(RTM_GETLINK, 0, info), [&](Bytes answer) {
    ifinfomsg about;
    if (answer.size() < sizeof about) return;
    std::memcpy(&about, answer.data(), sizeof about);
    flags = about.ifi_flags;
  });
  if (!done) return done.error().in("device " + interface);
  return (flags & IFF_LOOPBACK) != 0;
}

Result<std::optional<std::uint32_t>> Routing::make(const Tunnel& tunnel, const Step& step) {
  using Index = std::optional<std::uint32_t>;
  if (step.kind == Step::Kind::barrier) {
    auto done = netlink_.ask(barrier_request(step, true));
    if (!done && done.error().number == EEXIST) return Index{};
    if (!done) return done.error();
    return Index{0U};
  }
  if (step.kind == Step::Kind::device) {
    auto done = netlink_.ask(device_request(step.device, tunnel.interface_id()));
    if (!done && done.error().number == EEXIST)
      return Error{"there is a device \"" + step.device + "\" already, and it is not ours; --interface uses it",
                   EEXIST};
    if (!done && done.error().number == EOPNOTSUPP)
      return Error{"the kernel has no XFRM interfaces; --interface takes a device that is there, as lo", EOPNOTSUPP};
    if (!done) return done.error();
    auto made = index_of(step.device);
    if (!made) return made.error();
    return Index{*made};
  }
  auto index = index_of(step.device);
  if (!index) return index.error();
  const bool address = step.kind == Step::Kind::address;
  auto done = netlink_.ask(address ? address_request(step, *index, true) : route_request(step, *index, true));
  // The user may have given the interface its address before.
  if (!done && address && done.error().number == EEXIST) return Index{};
  if (!done && done.error().number == EEXIST) return Error{"there is one already, and it is not ours", EEXIST};
  if (!done) return done.error();
  return Index{*index};
}

Result<void> Routing::undo(const Step& step) {
  Result<void> done;
  if (step.kind == Step::Kind::device) {
    ifinfomsg info{};
    info.ifi_index = static_cast<int>(step.ifindex);
    done = netlink_.ask(Request(RTM_DELLINK, 0, info));
  } else if (step.kind == Step::Kind::address) {
    done = netlink_.ask(address_request(step, step.ifindex, false));
  } else if (step.kind == Step::Kind::barrier) {
    done = netlink_.ask(barrier_request(step, false));
  } else {
    done = netlink_.ask(route_request(step, step.ifindex, false));
  }
  return is_gone(done) ? Result<void>() : done;
}

// Of routes alone: addresses are told anew with each router advertisement, whether or not anything has changed.
Result<UniqueFd> watch_routes() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl ours{};
  ours.nl_family = AF_NETLINK;
  ours.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&ours), sizeof ours) != 0)
    return system_error("netlink", errno);
  return fd;
}

bool routes_changed(const UniqueFd& watch) {
  bool told = false;
  std::array<char, 4096> buffer;
  // ENOBUFS: so much that some of it was lost.
  while (::recv(watch.get(), buffer.data(), buffer.size(), 0) >= 0 || errno == ENOBUFS || errno == EINTR) told = true;
  return told;
}

}  // namespace sluice::client
