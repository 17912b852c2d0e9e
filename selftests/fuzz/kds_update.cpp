// SPDX-License-Identifier: Apache-2.0
//
// What a gateway reads of a key server: updates come in order and within the kernel's bounds, and what the key server
// would write of them is read as the same.  And what a gateway writes, whatever its kernel says, a key server reads.
//
// Input: a byte that chooses, 8 bytes of the sequence after which updates were asked for, and the answer.
#include "sluiced/kds_update.hpp"

#include "kds/bodies.hpp"
#include "require.hpp"

using sluice::fuzz::require;
namespace derivation = sluice::derivation;
namespace gateway = sluice::gateway;
namespace kds = sluice::kds;
namespace netlink = sluice::netlink;

namespace {

kds::Generations::Outgoing outgoing(const gateway::Update& update) {
  using Kind = kds::Update::Kind;
  kds::Generations::Outgoing out;
  out.update.sequence = update.sequence;
  if (const auto* made = std::get_if<netlink::NewGeneration>(&update.change)) {
    require(made->number >= 1 && made->number <= kds::Generations::most_number && made->algorithm && made->lifetime &&
                made->lifetime->count() >= 1 && made->lifetime->count() <= 86400,
            "a generation is one that the kernel takes");
    out.update.kind = Kind::generation;
    out.update.number = made->number;
    out.algorithm = *made->algorithm == netlink::Algorithm::aes_128_gcm ? derivation::Algorithm::aes_128_gcm
                                                                        : derivation::Algorithm::aes_256_gcm;
    out.lifetime = *made->lifetime;
    const auto key = made->master_key.bytes();
    out.master = derivation::Secret::copy_of({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  } else if (const auto* promote = std::get_if<gateway::PromoteUpdate>(&update.change)) {
    require(promote->number >= 1 && promote->overlap.count() >= 1 && promote->overlap.count() <= 600,
            "a promotion is one that the kernel takes");
    out.update.kind = Kind::promote;
    out.update.number = promote->number;
    out.update.overlap = promote->overlap;
  } else if (const auto* revoke = std::get_if<gateway::RevokeUpdate>(&update.change)) {
    require(revoke->number >= 1 && revoke->id >= 1 && revoke->id <= netlink::esp_id_max &&
                revoke->incarnation_min <= netlink::esp_incarnation_end,
            "a revocation is one that the kernel takes");
    out.update.kind = Kind::revoke;
    out.update.number = revoke->number;
    out.update.id = revoke->id;
    out.update.incarnation_min = revoke->incarnation_min;
  } else if (const auto* ban = std::get_if<gateway::BanUpdate>(&update.change)) {
    require(ban->id >= 1 && ban->id <= netlink::esp_id_max, "a ban is one that the kernel takes");
    out.update.kind = ban->banned ? Kind::ban : Kind::unban;
    out.update.id = ban->id;
  } else {
    const auto& policy = std::get<gateway::PolicyUpdate>(update.change);
    require(!policy.blob.empty() && policy.blob.size() <= netlink::policy_blob_max,
            "a blob is one that the kernel takes");
    out.update.kind = Kind::policy;
    out.policy = policy.blob;
  }
  return out;
}

bool same(const gateway::Update& a, const gateway::Update& b) {
  if (a.sequence != b.sequence || a.change.index() != b.change.index()) return false;
  return std::visit(
      [&](const auto& change) {
        using Change = std::decay_t<decltype(change)>;
        const auto& other = std::get<Change>(b.change);
        if constexpr (std::is_same_v<Change, netlink::NewGeneration>)
          return change.number == other.number && change.algorithm == other.algorithm &&
                 change.lifetime == other.lifetime &&
                 std::ranges::equal(change.master_key.bytes(), other.master_key.bytes());
        else
          return change == other;
      },
      a.change);
}

void updates(std::string_view text, std::uint64_t after) {
  const auto read = gateway::parse_updates(text, after);
  if (!read) return sluice::fuzz::require_printable(read.error().message);
  require(read->size() <= gateway::updates_max, "so many updates and no more come at once");
  std::vector<kds::Generations::Outgoing> written;
  std::uint64_t before = after;
  for (const gateway::Update& update : *read) {
    require(update.sequence > before, "each update is behind the one before");
    before = update.sequence;
    require(gateway::name_of(update).find(gateway::update_kinds[gateway::kind_of(update)]) != std::string::npos,
            "an update is called by its kind");
    written.push_back(outgoing(update));
  }
  const auto again = gateway::parse_updates(kds::updates_body(written), after);
  require(again.ok() && std::ranges::equal(*again, *read, same), "what a key server writes of it is read as the same");
}

void boot_answer(std::string_view text) {
  const auto answer = gateway::parse_boot(text);
  if (!answer) return sluice::fuzz::require_printable(answer.error().message);
  require(answer->acknowledged <= std::uint64_t{1} << 53, "a sequence is a number that JSON has");
}

void problem(std::string_view text) {
  const std::string words = gateway::problem_words(text);
  require(words.size() <= 200, "a problem's words are bounded");
  if (!words.empty()) sluice::fuzz::require_printable(words);
}

void boot_question(sluice::fuzz::Input input) {
  gateway::KernelBoot boot;
  boot.newest = input.number<std::uint32_t>() % (kds::Generations::most_number + 1);
  std::ranges::copy(input.bytes(boot.nonce.size()), boot.nonce.begin());
  const auto read = kds::parse_boot(gateway::boot_json(boot));
  require(read.ok() && std::ranges::equal(read->nonce, boot.nonce) && read->newest == boot.newest,
          "a key server reads a gateway's boot");
}

void anomalies(sluice::fuzz::Input input) {
  std::vector<netlink::Anomaly> told;
  while (!input.rest().empty() && told.size() < 256) {
    netlink::Anomaly one;
    one.kind = static_cast<netlink::AnomalyKind>(input.number<std::uint8_t>() % 8);
    one.generation = input.number<std::uint32_t>();
    one.id = input.number<std::uint32_t>() % (netlink::esp_id_max + 1);
    one.incarnation = input.number<std::uint16_t>() % netlink::esp_incarnation_end;
    told.push_back(one);
  }
  const auto read = kds::parse_anomalies(gateway::anomalies_json(told));
  require(read.ok() && read->size() <= told.size(), "a key server reads a gateway's anomalies");
  auto next = told.begin();
  for (const kds::AnomalyReport& report : *read) {
    next = std::find_if(next, told.end(), [&](const netlink::Anomaly& one) {
      return one.generation == report.number && one.id == report.id && one.incarnation == report.incarnation;
    });
    require(next++ != told.end(), "each anomaly that is read was told, in this order");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  const unsigned which = input.number<std::uint8_t>() % 5;
  const std::uint64_t after = input.number<std::uint64_t>();
  if (which == 0) updates(input.text(), after);
  if (which == 1) boot_answer(input.text());
  if (which == 2) problem(input.text());
  if (which == 3) boot_question(input);
  if (which == 4) anomalies(input);
  return 0;
}
