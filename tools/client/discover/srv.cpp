// SPDX-License-Identifier: Apache-2.0
#include "client/discover/srv.hpp"

#include <arpa/nameser.h>
#include <resolv.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "client/discover/domains.hpp"

namespace sluice::client::discover {
namespace {

constexpr std::size_t fixed_size = 6;  // priority, weight, port; the target's name behind them

// The name at the end of the record's data, with pointers into the message (RFC 1035, 4.1.4); dn_expand() follows no
// more of them than the message has bytes.  "": the root.
std::optional<std::string> target_of(std::span<const std::uint8_t> message, const ns_rr& record) {
  const std::uint8_t* data = ns_rr_rdata(record);
  char name[NS_MAXDNAME];
  const int size = ::dn_expand(message.data(), message.data() + message.size(), data + fixed_size, name, sizeof name);
  if (size < 0 || static_cast<std::size_t>(size) + fixed_size != ns_rr_rdlen(record)) return std::nullopt;
  std::string target = name;
  if (target == ".") target.clear();
  for (char& c : target)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return target;
}

// The records of one priority, drawn one after the other.
void draw(std::span<SrvRecord> records, const Random& random) {
  // "Arrange all SRV RRs in any order, except that all those with weight 0 are placed at the beginning of the list."
  std::stable_partition(records.begin(), records.end(), [](const SrvRecord& record) { return record.weight == 0; });
  for (; records.size() > 1; records = records.subspan(1)) {
    std::uint32_t sum = 0;
    for (const SrvRecord& record : records) sum += record.weight;
    const std::uint32_t drawn = random(sum);
    // "... the RR whose running sum value is the first in the selected order which is greater than or equal to the
    // random number selected."
    std::uint32_t running = 0;
    auto chosen = records.begin();
    while ((running += chosen->weight) < drawn && chosen + 1 != records.end()) ++chosen;
    // To the front, the others staying in their order.
    std::rotate(records.begin(), chosen, chosen + 1);
  }
}

}  // namespace

Result<SrvAnswer> parse_srv(std::span<const std::uint8_t> message) {
  ns_msg parsed;
  if (message.size() > NS_MAXMSG || ::ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) != 0)
    return Error{"the DNS server's answer is malformed", EBADMSG};
  if (ns_msg_getflag(parsed, ns_f_qr) == 0) return Error{"the DNS server's answer is none", EBADMSG};
  if (ns_msg_getflag(parsed, ns_f_tc) != 0) return Error{"the DNS server's answer is cut", EMSGSIZE};
  const int code = ns_msg_getflag(parsed, ns_f_rcode);
  if (code == ns_r_nxdomain) return SrvAnswer();
  if (code != ns_r_noerror) return Error{"the DNS server refuses, with response code " + std::to_string(code), EPROTO};
  SrvAnswer answer;
  std::size_t count = 0, roots = 0;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&parsed, ns_s_an, i, &record) != 0) return Error{"the DNS server's answer is malformed", EBADMSG};
    // A CNAME on the way, perhaps.
    if (ns_rr_type(record) != ns_t_srv || ns_rr_class(record) != ns_c_in) continue;
    if (ns_rr_rdlen(record) <= fixed_size) return Error{"the DNS server's answer has a malformed record", EBADMSG};
    auto target = target_of(message, record);
    if (!target) return Error{"the DNS server's answer has a malformed record", EBADMSG};
    ++count;
    if (target->empty()) ++roots;
    const std::uint8_t* data = ns_rr_rdata(record);
    SrvRecord one{static_cast<std::uint16_t>(ns_get16(data)), static_cast<std::uint16_t>(ns_get16(data + 2)),
                  static_cast<std::uint16_t>(ns_get16(data + 4)), *std::move(target)};
    if (answer.records.size() < records_most && one.port != 0 && is_host_name(one.target))
      answer.records.push_back(std::move(one));
  }
  answer.unavailable = count == 1 && roots == 1;
  return answer;
}

std::uint32_t system_random(std::uint32_t most) {
  const std::uint64_t values = std::uint64_t{most} + 1;
  // What is left of 2^32 beyond a whole multiple of *values* is drawn again, so that none is more likely.
  const std::uint64_t limit = (std::uint64_t{1} << 32) / values * values;
  for (;;) {
    std::uint32_t drawn = 0;
    if (::getentropy(&drawn, sizeof drawn) != 0) return 0;  // Linux has it since 3.17; an order is an order
    if (drawn < limit) return static_cast<std::uint32_t>(drawn % values);
  }
}

std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, const Random& random) {
  std::ranges::stable_sort(records, {}, &SrvRecord::priority);
  for (auto begin = records.begin(); begin != records.end();) {
    const auto end =
        std::find_if(begin, records.end(), [&](const auto& one) { return one.priority != begin->priority; });
    draw(std::span(begin, end), random);
    begin = end;
  }
  return records;
}

}  // namespace sluice::client::discover
