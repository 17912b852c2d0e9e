// SPDX-License-Identifier: Apache-2.0
#include "netlink/host.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::netlink {
namespace {

constexpr const char* device_kind = "sluice";
constexpr std::uint8_t v4_mapped_bits = 96;

using UniqueLink = Handle<rtnl_link, rtnl_link_put>;
using UniqueAddr = Handle<rtnl_addr, rtnl_addr_put>;
using UniqueNlAddr = Handle<nl_addr, nl_addr_put>;
using UniqueRule = Handle<rtnl_rule, rtnl_rule_put>;
using UniqueRoute = Handle<rtnl_route, rtnl_route_put>;
using UniqueCache = Handle<nl_cache, nl_cache_free>;

Error failure(const std::string& what, int code) {
  // libnl folds errno into numbers of its own; these are the ones that callers tell apart.
  int number = EIO;
  switch (-code) {
    case NLE_EXIST:
      number = EEXIST;
      break;
    case NLE_NODEV:
      number = ENODEV;
      break;
    case NLE_OBJ_NOTFOUND:
      number = ENOENT;
      break;
    case NLE_PERM:
      number = EPERM;
      break;
    case NLE_NOACCESS:
      number = EACCES;
      break;
    case NLE_OPNOTSUPP:
      number = EOPNOTSUPP;
      break;
    case NLE_AF_NOSUPPORT:
      number = EAFNOSUPPORT;
      break;
    case NLE_NOMEM:
      number = ENOMEM;
      break;
  }
  return {what + ": " + nl_geterror(code), number};
}

UniqueNlAddr make_address(const Prefix& prefix) {
  const bool v4 = prefix.address.is_v4();
  const Address::Bytes& raw = prefix.address.raw();
  UniqueNlAddr address(v4 ? nl_addr_build(AF_INET, raw.data() + 12, 4) : nl_addr_build(AF_INET6, raw.data(), 16));
  if (address) nl_addr_set_prefixlen(address.get(), v4 ? prefix.length - v4_mapped_bits : prefix.length);
  return address;
}

std::optional<Prefix> from_nl_address(const nl_addr* address) {
  if (!address) return std::nullopt;
  auto parsed = Address::from_bytes(
      {static_cast<const char*>(nl_addr_get_binary_addr(address)), static_cast<std::size_t>(nl_addr_get_len(address))});
  if (!parsed) return std::nullopt;
  const unsigned length = nl_addr_get_prefixlen(address) + (parsed->is_v4() ? v4_mapped_bits : 0);
  return Prefix{*parsed, static_cast<std::uint8_t>(length)};
}

bool is_link_local(const Prefix& prefix) {
  const Address::Bytes& raw = prefix.address.raw();
  return raw[0] == 0xfe && (raw[1] & 0xc0) == 0x80;
}

UniqueRule make_rule(int family, const Steering& steering) {
  UniqueRule rule(rtnl_rule_alloc());
  if (!rule) return rule;
  rtnl_rule_set_family(rule.get(), family);
  rtnl_rule_set_prio(rule.get(), steering.table);
  rtnl_rule_set_mark(rule.get(), steering.mark);
  rtnl_rule_set_mask(rule.get(), steering.mask);
  rtnl_rule_set_table(rule.get(), steering.table);
  rtnl_rule_set_action(rule.get(), FR_ACT_TO_TBL);
  return rule;
}

UniqueRoute make_route(int family, const Steering& steering, int loopback) {
  UniqueRoute route(rtnl_route_alloc());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  if (!route || !hop) return nullptr;
  rtnl_route_nh_set_ifindex(hop, loopback);
  rtnl_route_add_nexthop(route.get(), hop);  // the route owns it now
  const Prefix everything = *Prefix::parse(family == AF_INET ? "0.0.0.0/0" : "::/0");
  UniqueNlAddr destination = make_address(everything);
  if (!destination) return nullptr;
  rtnl_route_set_dst(route.get(), destination.get());
  rtnl_route_set_family(route.get(), static_cast<std::uint8_t>(family));
  rtnl_route_set_table(route.get(), steering.table);
  rtnl_route_set_type(route.get(), RTN_LOCAL);
  rtnl_route_set_scope(route.get(), RT_SCOPE_HOST);
  rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
  return route;
}

UniqueRoute make_route(const DeviceRoute& wanted) {
  UniqueRoute route(rtnl_route_alloc());
  UniqueNlAddr destination = make_address(wanted.prefix);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  if (!route || !destination || !hop) return nullptr;
  const bool v4 = wanted.prefix.address.is_v4();
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(wanted.ifindex));
  rtnl_route_add_nexthop(route.get(), hop);  // the route owns it now
  rtnl_route_set_dst(route.get(), destination.get());
  rtnl_route_set_family(route.get(), v4 ? AF_INET : AF_INET6);
  rtnl_route_set_table(route.get(), RT_TABLE_MAIN);
  rtnl_route_set_type(route.get(), RTN_UNICAST);
  rtnl_route_set_scope(route.get(), v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  rtnl_route_set_protocol(route.get(), route_protocol);
  return route;
}

std::optional<DeviceRoute> ours(rtnl_route* route, int family) {
  if (rtnl_route_get_family(route) != family || rtnl_route_get_protocol(route) != route_protocol ||
      rtnl_route_get_table(route) != RT_TABLE_MAIN || rtnl_route_get_type(route) != RTN_UNICAST ||
      rtnl_route_get_nnexthops(route) != 1)
    return std::nullopt;
  const auto prefix = from_nl_address(rtnl_route_get_dst(route));
  if (!prefix) return std::nullopt;
  return DeviceRoute{static_cast<std::uint32_t>(rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0))), *prefix};
}

struct Dump {
  int family;
  std::vector<DeviceRoute> found;
};

int on_route(nl_msg* message, void* argument) {
  auto* dump = static_cast<Dump*>(argument);
  rtnl_route* parsed = nullptr;
  // What libnl cannot read is not ours.
  if (rtnl_route_parse(nlmsg_hdr(message), &parsed) < 0) return NL_OK;
  UniqueRoute route(parsed);
  if (const auto found = ours(route.get(), dump->family)) dump->found.push_back(*found);
  return NL_OK;
}

// Has the kernel tell only the routes of our protocol, as a gateway may have a million others.  On a socket of its
// own, because everything else on it would be checked as strictly.
int dump_routes(Dump& dump) {
  UniqueNlSock socket(nl_socket_alloc());
  if (!socket) return -NLE_NOMEM;
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0) return code;
  const int on = 1;
  if (::setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
    return -NLE_OPNOTSUPP;
  nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, on_route, &dump);
  rtmsg request{};
  request.rtm_family = static_cast<unsigned char>(dump.family);
  request.rtm_protocol = route_protocol;
  if (const int code = nl_send_simple(socket.get(), RTM_GETROUTE, NLM_F_DUMP, &request, sizeof(request)); code < 0)
    return code;
  return nl_recvmsgs_default(socket.get());
}

// A kernel without IPv6, or with it switched off, says one of these.
bool no_such_family(int code) {
  return code == -NLE_AF_NOSUPPORT || code == -NLE_OPNOTSUPP || code == -NLE_NODEV || code == -NLE_PERM ||
         code == -NLE_NOACCESS;
}

}  // namespace

Result<Host> Host::open() {
  UniqueNlSock socket(nl_socket_alloc());
  if (!socket) return Error{"out of memory", ENOMEM};
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0) return failure("rtnetlink", code);
  return Host(std::move(socket));
}

Result<std::uint32_t> Host::device_index(const std::string& name) {
  rtnl_link* found = nullptr;
  if (const int code = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found); code < 0)
    return Error{"there is no device \"" + name + "\"", ENODEV};
  UniqueLink link(found);
  return static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get()));
}

Result<std::string> Host::device_name(std::uint32_t ifindex) {
  char name[IF_NAMESIZE];
  if (!::if_indextoname(ifindex, name)) return system_error("device " + std::to_string(ifindex), errno);
  return std::string(name);
}

Result<std::uint32_t> Host::ensure_network_device(const std::string& name) {
  rtnl_link* found = nullptr;
  if (rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found) == 0) {
    UniqueLink link(found);
    const char* kind = rtnl_link_get_type(link.get());
    if (!kind || std::strcmp(kind, device_kind) != 0)
      return Error{"a device \"" + name + "\" is there already and is not of kind sluice", EEXIST};
    return static_cast<std::uint32_t>(rtnl_link_get_ifindex(link.get()));
  }
  UniqueLink link(rtnl_link_alloc());
  if (!link) return Error{"out of memory", ENOMEM};
  rtnl_link_set_name(link.get(), name.c_str());
  if (const int code = rtnl_link_set_type(link.get(), device_kind); code < 0) return failure("device " + name, code);
  if (const int code = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL); code < 0) {
    if (code == -NLE_OPNOTSUPP)
      return Error{"the kernel knows no devices of kind \"sluice\": is sluice.ko loaded?", EOPNOTSUPP};
    return failure("cannot make the device " + name, code);
  }
  return device_index(name);
}

Result<void> Host::delete_network_device(const std::string& name) {
  rtnl_link* found = nullptr;
  if (rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found) < 0)
    return Error{"there is no device \"" + name + "\"", ENODEV};
  UniqueLink link(found);
  const char* kind = rtnl_link_get_type(link.get());
  if (!kind || std::strcmp(kind, device_kind) != 0)
    return Error{"the device \"" + name + "\" is not of kind sluice", EINVAL};
  if (const int code = rtnl_link_delete(socket_.get(), link.get()); code < 0)
    return failure("cannot delete the device " + name, code);
  return {};
}

Result<std::vector<Prefix>> Host::addresses(std::uint32_t ifindex) {
  nl_cache* allocated = nullptr;
  if (const int code = rtnl_addr_alloc_cache(socket_.get(), &allocated); code < 0) return failure("addresses", code);
  UniqueCache cache(allocated);
  std::vector<Prefix> found;
  for (nl_object* object = nl_cache_get_first(cache.get()); object; object = nl_cache_get_next(object)) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    if (static_cast<std::uint32_t>(rtnl_addr_get_ifindex(address)) != ifindex) continue;
    auto prefix = from_nl_address(rtnl_addr_get_local(address));
    if (prefix && !is_link_local(*prefix)) found.push_back(*prefix);
  }
  return found;
}

Result<void> Host::set_addresses(std::uint32_t ifindex, const std::vector<Prefix>& wanted) {
  auto present = addresses(ifindex);
  if (!present) return present.error();
  auto change = [&](const Prefix& prefix, bool add) -> Result<void> {
    UniqueAddr address(rtnl_addr_alloc());
    UniqueNlAddr local = make_address(prefix);
    if (!address || !local) return Error{"out of memory", ENOMEM};
    rtnl_addr_set_ifindex(address.get(), static_cast<int>(ifindex));
    rtnl_addr_set_local(address.get(), local.get());
    // The address is answered for by the module alone: there is no neighbour to collide with.
    if (!prefix.address.is_v4()) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    const int code = add ? rtnl_addr_add(socket_.get(), address.get(), NLM_F_CREATE | NLM_F_REPLACE)
                         : rtnl_addr_delete(socket_.get(), address.get(), 0);
    if (code < 0) return failure((add ? "cannot add address " : "cannot remove address ") + prefix.to_string(), code);
    return {};
  };
  // What is not wanted goes first: the module takes the first address of a family for the gateway's.
  for (const Prefix& prefix : *present)
    if (std::ranges::find(wanted, prefix) == wanted.end())
      if (auto changed = change(prefix, false); !changed) return changed;
  for (const Prefix& prefix : wanted)
    if (std::ranges::find(*present, prefix) == present->end())
      if (auto changed = change(prefix, true); !changed) return changed;
  return {};
}

Result<void> Host::set_up(const std::string& name) {
  rtnl_link* found = nullptr;
  if (const int code = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found); code < 0)
    return failure("device " + name, code);
  UniqueLink link(found);
  if (rtnl_link_get_flags(link.get()) & IFF_UP) return {};
  UniqueLink change(rtnl_link_alloc());
  if (!change) return Error{"out of memory", ENOMEM};
  rtnl_link_set_flags(change.get(), IFF_UP);
  if (const int code = rtnl_link_change(socket_.get(), link.get(), change.get(), 0); code < 0)
    return failure("cannot set " + name + " up", code);
  return {};
}

Result<std::vector<DeviceRoute>> Host::routes() {
  constexpr int attempts = 5;  // when routes change meanwhile
  std::vector<DeviceRoute> all;
  for (const int family : {AF_INET, AF_INET6}) {
    Dump dump{family, {}};
    int code = dump_routes(dump);
    for (int i = 1; code == -NLE_DUMP_INTR && i < attempts; ++i) {
      dump.found.clear();
      code = dump_routes(dump);
    }
    if (family == AF_INET6 && no_such_family(code)) continue;
    if (code < 0) return failure("routes", code);
    all.insert(all.end(), dump.found.begin(), dump.found.end());
  }
  return all;
}

std::uint32_t Host::device_towards(const Address& address) {
  UniqueNlAddr destination = make_address({address, 128});
  rtnl_route* found = nullptr;
  if (!destination || rtnl_route_lookup(socket_.get(), destination.get(), &found) < 0) return 0;
  UniqueRoute route(found);
  rtnl_nexthop* hop = rtnl_route_nexthop_n(route.get(), 0);
  return hop ? static_cast<std::uint32_t>(rtnl_route_nh_get_ifindex(hop)) : 0;
}

Result<void> Host::add_route(const DeviceRoute& wanted) {
  UniqueRoute route = make_route(wanted);
  if (!route) return Error{"out of memory", ENOMEM};
  const int code = rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (code == -NLE_EXIST) {
    const std::uint32_t device = device_towards(wanted.prefix.address);
    if (device == wanted.ifindex) return {};
    const auto name = device_name(device);
    return Error{"there is a route to " + wanted.prefix.to_string() + " already, and it leads " +
                     (name ? "to the device \"" + *name + "\"" : std::string("nowhere")),
                 EEXIST};
  }
  if (code < 0) return failure("cannot add the route to " + wanted.prefix.to_string(), code);
  return {};
}

Result<void> Host::remove_route(const DeviceRoute& unwanted) {
  UniqueRoute route = make_route(unwanted);
  if (!route) return Error{"out of memory", ENOMEM};
  const int code = rtnl_route_delete(socket_.get(), route.get(), 0);
  if (code == 0 || code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV) return {};
  return failure("cannot remove the route to " + unwanted.prefix.to_string(), code);
}

Result<void> Host::add_steering(const Steering& steering) {
  const int loopback = static_cast<int>(::if_nametoindex("lo"));
  for (const int family : {AF_INET, AF_INET6}) {
    const char* which = family == AF_INET ? "IPv4" : "IPv6";
    UniqueRoute route = make_route(family, steering, loopback);
    UniqueRule rule = make_rule(family, steering);
    if (!route || !rule) return Error{"out of memory", ENOMEM};
    int code = rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE | NLM_F_REPLACE);
    if (family == AF_INET6 && no_such_family(code)) return {};
    if (code < 0) return failure(std::string("cannot add the ") + which + " local route (is the device lo up?)", code);
    code = rtnl_rule_add(socket_.get(), rule.get(), NLM_F_CREATE | NLM_F_EXCL);
    if (code < 0 && code != -NLE_EXIST) return failure(std::string("cannot add the ") + which + " rule", code);
  }
  return {};
}

Result<void> Host::remove_steering(const Steering& steering) {
  const int loopback = static_cast<int>(::if_nametoindex("lo"));
  Result<void> outcome;
  for (const int family : {AF_INET, AF_INET6}) {
    UniqueRoute route = make_route(family, steering, loopback);
    UniqueRule rule = make_rule(family, steering);
    if (!route || !rule) return Error{"out of memory", ENOMEM};
    auto gone = [&](int code) {
      return code == 0 || code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV || code == -NLE_NOADDR ||
             (family == AF_INET6 && no_such_family(code));
    };
    // Both are tried whatever becomes of the first.
    if (const int code = rtnl_rule_delete(socket_.get(), rule.get(), 0); !gone(code))
      outcome = failure("cannot remove the rule", code);
    if (const int code = rtnl_route_delete(socket_.get(), route.get(), 0); !gone(code) && code != -NLE_FAILURE)
      outcome = failure("cannot remove the local route", code);
  }
  return outcome;
}

}  // namespace sluice::netlink
