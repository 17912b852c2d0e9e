// SPDX-License-Identifier: Apache-2.0
#include "client/xfrm.hpp"

#include <arpa/inet.h>
#include <linux/ipsec.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::client {
namespace {

constexpr std::size_t mapped_prefix = 12;
constexpr std::uint8_t mapped_bits = 96;
constexpr unsigned tag_bits = 128;      // RFC 4106, section 6: 16 bytes
constexpr std::uint32_t window = 1024;  // packets; as the design's stock client
// Far under the birthday bound of what one GCM key may carry, and no wrap of the 32-bit sequence number (RFC
// 4303, 3.3.3).
constexpr std::uint64_t soft_packets = 1ULL << 28;
constexpr std::uint64_t hard_packets = 0xffff0000;

std::uint16_t family_of(const Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

xfrm_address_t to_xfrm(const Address& address) {
  xfrm_address_t out{};
  const Address::Bytes& raw = address.raw();
  if (address.is_v4())
    std::memcpy(&out, raw.data() + mapped_prefix, 4);
  else
    std::memcpy(&out, raw.data(), raw.size());
  return out;
}

std::uint8_t length_of(const Prefix& prefix) {
  return is_v4(prefix) ? static_cast<std::uint8_t>(prefix.length - mapped_bits) : prefix.length;
}

xfrm_selector selector(const Step& step) {
  xfrm_selector selector{};
  selector.family = is_v4(step.source) ? AF_INET : AF_INET6;
  selector.saddr = to_xfrm(step.source.address);
  selector.daddr = to_xfrm(step.destination.address);
  selector.prefixlen_s = length_of(step.source);
  selector.prefixlen_d = length_of(step.destination);
  return selector;
}

std::uint8_t direction(Step::Way way) {
  switch (way) {
    case Step::Way::in:
      return XFRM_POLICY_IN;
    case Step::Way::out:
      return XFRM_POLICY_OUT;
    case Step::Way::forward:
      return XFRM_POLICY_FWD;
  }
  return XFRM_POLICY_IN;
}

const Address& outer_source(const Tunnel& tunnel, bool out) { return out ? tunnel.local : tunnel.gateway; }
const Address& outer_destination(const Tunnel& tunnel, bool out) { return out ? tunnel.gateway : tunnel.local; }

xfrm_usersa_id state_id(const Tunnel& tunnel, derivation::Spi spi, bool out) {
  xfrm_usersa_id id{};
  id.daddr = to_xfrm(outer_destination(tunnel, out));
  id.spi = htonl(spi.value());
  id.family = family_of(tunnel.gateway);
  id.proto = IPPROTO_ESP;
  return id;
}

void set_limits(xfrm_lifetime_cfg& limits, bool count) {
  limits.soft_byte_limit = limits.hard_byte_limit = XFRM_INF;
  limits.soft_packet_limit = count ? soft_packets : XFRM_INF;
  limits.hard_packet_limit = count ? hard_packets : XFRM_INF;
}

void put_interface(Request& request, std::uint32_t id) {
  if (id != 0) request.put(SLUICE_ATTRIBUTE(XFRMA_IF_ID), id);
}

xfrm_usersa_info state_info(const Tunnel& tunnel, bool out) {
  xfrm_usersa_info info{};
  info.id.daddr = to_xfrm(outer_destination(tunnel, out));
  info.id.spi = htonl(tunnel.spi(out).value());
  info.id.proto = IPPROTO_ESP;
  info.saddr = to_xfrm(outer_source(tunnel, out));
  info.family = family_of(tunnel.gateway);
  info.mode = XFRM_MODE_TUNNEL;
  // Ties the policies to these SAs, and to no others with the same gateway.
  info.reqid = tunnel.tie;
  // The selector stays without a family, and the flag keeps the kernel from giving it the outer one: one SA carries
  // both.
  info.flags = XFRM_STATE_AF_UNSPEC;
  set_limits(info.lft, true);
  return info;
}

void put_state(Request& request, const Tunnel& tunnel, bool out, const derivation::Secret& keying) {
  put_interface(request, tunnel.interface_id());

  // The key, with its salt, stands right behind the header.
  xfrm_algo_aead aead{};
  std::strcpy(aead.alg_name, "rfc4106(gcm(aes))");
  aead.alg_key_len = static_cast<unsigned>(8 * keying.size());
  aead.alg_icv_len = tag_bits;
  derivation::Secret both(sizeof aead + keying.size());
  std::memcpy(both.data(), &aead, sizeof aead);
  std::memcpy(both.data() + sizeof aead, keying.bytes().data(), keying.size());
  request.put_bytes(SLUICE_ATTRIBUTE(XFRMA_ALG_AEAD), std::as_bytes(both.bytes()));
  if (!out) {
    // Not XFRM_STATE_ESN: the gateway sends 32-bit sequence numbers.  This attribute is the only way to a window beyond
    // 32, and with it replay_window of the SA itself has to be 0.
    // The bitmap stands behind the header.
    std::array<std::byte, sizeof(xfrm_replay_state_esn) + window / 8> replay{};
    xfrm_replay_state_esn state{};
    state.bmp_len = window / 32;
    state.replay_window = window;
    std::memcpy(replay.data(), &state, sizeof state);
    request.put(SLUICE_ATTRIBUTE(XFRMA_REPLAY_ESN_VAL), replay);
  }
  if (tunnel.udp_port) {
    xfrm_encap_tmpl encap{};
    encap.encap_type = UDP_ENCAP_ESPINUDP;  // RFC 3948
    encap.encap_sport = htons(out ? tunnel.local_port : *tunnel.udp_port);
    encap.encap_dport = htons(out ? *tunnel.udp_port : tunnel.local_port);
    request.put(SLUICE_ATTRIBUTE(XFRMA_ENCAP), encap);
  }
}

Request state_request(const Tunnel& tunnel, bool out, const derivation::Secret& keying) {
  Request request(XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, state_info(tunnel, out));
  put_state(request, tunnel, out, keying);
  return request;
}

// Counted from when the SA was added: what was added in the future, by a clock that was set back since, wraps, as in
// the kernel.  0 would be without end.
std::uint64_t lifetime(std::uint64_t added, std::chrono::seconds time) {
  const auto end = std::chrono::system_clock::now() + time;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(end.time_since_epoch()).count();
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(seconds) - added, 1);
}

Request policy_request(const Tunnel& tunnel, const Step& step) {
  const bool out = step.way == Step::Way::out;
  xfrm_userpolicy_info info{};
  info.sel = selector(step);
  info.dir = direction(step.way);
  const bool block = step.kind == Step::Kind::block;
  info.action = block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
  set_limits(info.lft, false);
  Request request(XFRM_MSG_NEWPOLICY, NLM_F_CREATE | NLM_F_EXCL, info);
  if (block) return request;  // not of the interface: it is about all that does not come by it
  put_interface(request, tunnel.interface_id());
  // Required, not optional: outbound nothing leaves in clear, inbound nothing comes in that was not in the tunnel.
  xfrm_user_tmpl way{};
  way.id.daddr = to_xfrm(outer_destination(tunnel, out));
  way.id.proto = IPPROTO_ESP;
  way.saddr = to_xfrm(outer_source(tunnel, out));
  way.family = family_of(tunnel.gateway);
  way.reqid = tunnel.tie;
  way.mode = XFRM_MODE_TUNNEL;
  way.aalgos = way.ealgos = way.calgos = ~0U;
  request.put(SLUICE_ATTRIBUTE(XFRMA_TMPL), way);
  return request;
}

Result<void> unless_gone(Result<void> done) {
  if (!done && (done.error().number == ESRCH || done.error().number == ENOENT)) return {};
  return done;
}

}  // namespace

Result<Xfrm> Xfrm::open() {
  auto netlink = Netlink::open(NETLINK_XFRM);
  if (!netlink) return netlink.error();
  return Xfrm(*std::move(netlink));
}

Result<void> Xfrm::make(const Tunnel& tunnel, const Step& step, const derivation::Secret& keying) {
  if (step.kind != Step::Kind::state) return netlink_.ask(policy_request(tunnel, step));
  const bool out = step.way == Step::Way::out;
  auto done = netlink_.ask(state_request(tunnel, out, keying));
  if (done) return done;
  const std::string spi = tunnel.spi(out).to_string();
  if (done.error().number == EPROTONOSUPPORT || done.error().number == ENOSYS)
    return Error{"SPI " + spi + ": " + done.error().message + "; are the modules esp4 and esp6, and gcm, there?",
                 done.error().number};
  return done.error().in("SPI " + spi);
}

Result<void> Xfrm::undo(const Tunnel& tunnel, const Step& step) {
  if (step.kind == Step::Kind::state) {
    const bool out = step.way == Step::Way::out;
    if (tunnel.before)
      if (auto done = remove(tunnel, out ? *tunnel.before : tunnel.before->reverse(), out); !done) return done;
    return remove(tunnel, tunnel.spi(out), out);
  }
  xfrm_userpolicy_id id{};
  id.sel = selector(step);
  id.dir = direction(step.way);
  Request request(XFRM_MSG_DELPOLICY, 0, id);
  if (step.kind == Step::Kind::policy) put_interface(request, tunnel.interface_id());
  return unless_gone(netlink_.ask(std::move(request)));
}

Result<void> Xfrm::remove(const Tunnel& tunnel, derivation::Spi spi, bool out) {
  return unless_gone(netlink_.ask(Request(XFRM_MSG_DELSA, 0, state_id(tunnel, spi, out))));
}

Result<void> Xfrm::limit(const Tunnel& tunnel, bool out, std::optional<std::chrono::seconds> time) {
  auto there = counters(tunnel, out);
  if (!there) return there.error();
  if (!*there) return {};
  xfrm_usersa_info info = state_info(tunnel, out);
  if (time) info.lft.hard_add_expires_seconds = lifetime((*there)->added, *time);
  Request request(XFRM_MSG_UPDSA, 0, info);
  // The kernel makes a whole SA of the message, and takes of it the lifetime alone: any key will do.
  put_state(request, tunnel, out, derivation::Secret(derivation::keying_size(tunnel.algorithm)));
  return unless_gone(netlink_.ask(std::move(request)));
}

Result<std::optional<Xfrm::Counters>> Xfrm::counters(const Tunnel& tunnel, bool out) {
  std::optional<Counters> counters;
  // The answer has the key in it; only the head is looked at.
  auto done = netlink_.ask(Request(XFRM_MSG_GETSA, 0, state_id(tunnel, tunnel.spi(out), out)), [&](Bytes answer) {
    xfrm_usersa_info info;
    if (answer.size() < sizeof info) return;
    std::memcpy(&info, answer.data(), sizeof info);
    counters = Counters{info.curlft.packets, info.curlft.bytes, info.stats.replay, info.stats.integrity_failed,
                        info.curlft.add_time};
  });
  if (auto there = unless_gone(done); !there) return there.error();
  return counters;
}

}  // namespace sluice::client
