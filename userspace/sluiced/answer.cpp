// SPDX-License-Identifier: Apache-2.0
#include "sluiced/answer.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

#include "sluiced/router.hpp"

namespace sluice::gateway {
namespace {

// RFC 1122, 3.2.2.1 and RFC 1812, 5.2.7.1: codes 0 to 15 of ICMP destination unreachable.
constexpr unsigned v4_code_max = 15;
// RFC 4443, 3.1 and RFC 7115: codes 0 to 7 of ICMPv6 destination unreachable.
constexpr unsigned v6_code_max = 7;
// Time exceeded ends a SYN as well, and a loop behind the agent must look like one: codes 0 and 1 (RFC 792; RFC
// 4443, 3.3).
constexpr unsigned exceeded_code_max = 1;
// The contract's range for a next-hop MTU.
constexpr unsigned mtu_min = 68;
constexpr unsigned mtu_max = 65535;

bool is_allowed(const session::v1::Answer& answer, bool v4) {
  const bool has_mtu = answer.icmp_mtu() >= mtu_min && answer.icmp_mtu() <= mtu_max;
  if (answer.icmp_type() == (v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED))
    return answer.icmp_code() <= exceeded_code_max && answer.icmp_mtu() == 0;
  if (v4) {
    if (answer.icmp_type() != ICMP_DEST_UNREACH || answer.icmp_code() > v4_code_max) return false;
    return answer.icmp_mtu() == 0 || has_mtu;
  }
  if (answer.icmp_type() == ICMP6_PACKET_TOO_BIG) return answer.icmp_code() == 0 && has_mtu;
  return answer.icmp_type() == ICMP6_DST_UNREACH && answer.icmp_code() <= v6_code_max;
}

// The agent and we are routers on the reply's way, too.
constexpr unsigned hops_of_ours = 2;

bool is_echo(const netlink::Parked& parked) { return parked.protocol != IPPROTO_TCP; }

void judge_unreachable(const session::v1::Answer& answer, bool v4, UnreachableSource source, Judgement& judgement) {
  judgement.verdict = netlink::Verdict::unreachable;
  judgement.icmp = net_unreachable(v4);
  if (!is_allowed(answer, v4)) {
    judgement.warning = "ICMP type " + std::to_string(answer.icmp_type()) + " code " +
                        std::to_string(answer.icmp_code()) + " mtu " + std::to_string(answer.icmp_mtu()) +
                        " is no unreachable of the client's family";
    return;
  }
  judgement.icmp->type = static_cast<std::uint8_t>(answer.icmp_type());
  judgement.icmp->code = static_cast<std::uint8_t>(answer.icmp_code());
  const bool carries_mtu = v4 ? answer.icmp_code() == ICMP_FRAG_NEEDED : answer.icmp_type() == ICMP6_PACKET_TOO_BIG;
  if (carries_mtu && answer.icmp_mtu() != 0) judgement.icmp->mtu = answer.icmp_mtu();
  if (answer.icmp_source().empty()) return;
  auto reporter = Address::from_bytes(answer.icmp_source());
  if (!reporter) {
    judgement.warning = "the reporter's address has " + std::to_string(answer.icmp_source().size()) + " bytes";
    return;
  }
  judgement.reporter = *reporter;
  // A packet has one family: a reporter of the other can be told to people, but not be a source.
  if (source == UnreachableSource::reporter && reporter->is_v4() == v4) judgement.icmp->source = *reporter;
}

}  // namespace

Judgement judge(const session::v1::Answer& answer, const netlink::Parked& parked, UnreachableSource source) {
  const bool client_is_v4 = parked.source.address.is_v4();
  Judgement judgement;
  const bool exceeded = answer.icmp_type() == (client_is_v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
  if (is_echo(parked) || exceeded) source = UnreachableSource::reporter;
  switch (answer.verdict()) {
    case session::v1::ACCEPT:
      judgement.verdict = is_echo(parked) ? netlink::Verdict::reply : netlink::Verdict::accept;
      if (is_echo(parked) && answer.ttl() != 0)
        judgement.ttl = static_cast<std::uint8_t>(std::clamp(answer.ttl(), hops_of_ours + 1, 255U) - hops_of_ours);
      return judgement;
    case session::v1::REFUSE:
      judgement.verdict = netlink::Verdict::refuse;
      return judgement;
    case session::v1::TIMEOUT:
      judgement.verdict = netlink::Verdict::timeout;
      return judgement;
    case session::v1::UNREACHABLE:
      judge_unreachable(answer, client_is_v4, source, judgement);
      return judgement;
    default:
      judgement.verdict = netlink::Verdict::unreachable;
      judgement.icmp = net_unreachable(client_is_v4);
      judgement.warning = "verdict " + std::to_string(answer.verdict()) + " is unknown";
      return judgement;
  }
}

}  // namespace sluice::gateway
