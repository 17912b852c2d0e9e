// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kds_update.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>

#include "derivation/wiped_heap.hpp"
#include "evidence/base64url.hpp"
#include "evidence/json.hpp"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

// The contract's limits (uapi/sluice.yaml), told before the kernel would refuse.
constexpr std::uint32_t number_max = 4294967292;
constexpr std::size_t live_max = 3;
constexpr std::uint64_t lifetime_max = 86400;
constexpr std::uint64_t overlap_max = 600;
constexpr std::uint64_t sequence_max = std::uint64_t{1} << 53;
constexpr std::size_t problem_words_max = 200;

// One object: its fields are asked for one after the other, the first error is kept, and what nobody asked for is
// one, too.
class Fields {
 public:
  Fields(Json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object_.is_object()) fail("", "should be an object");
  }

  std::uint64_t number(const char* name, std::uint64_t least, std::uint64_t most) {
    Json* value = find(name);
    if (!value) return least;
    if (value->is_number_unsigned()) {
      const auto number = value->get<std::uint64_t>();
      if (number >= least && number <= most) return number;
    }
    fail(name, "should be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return least;
  }

  bool boolean(const char* name) {
    Json* value = find(name);
    if (!value) return false;
    if (value->is_boolean()) return value->get<bool>();
    fail(name, "should be true or false");
    return false;
  }

  std::vector<std::uint32_t> numbers(const char* name, std::size_t most, std::uint32_t largest) {
    std::vector<std::uint32_t> list;
    const Json* value = find(name);
    if (!value) return list;
    bool good = value->is_array() && value->size() <= most;
    for (std::size_t i = 0; good && i < value->size(); ++i) {
      const Json& one = (*value)[i];
      good = one.is_number_unsigned() && one.get<std::uint64_t>() >= 1 && one.get<std::uint64_t>() <= largest;
      if (good) list.push_back(one.get<std::uint32_t>());
    }
    if (!good)
      fail(name, "should be at most " + std::to_string(most) + " whole numbers from 1 to " + std::to_string(largest));
    return list;
  }

  // Null after an error; the document's own.
  const std::string* text(const char* name) {
    Json* value = find(name);
    if (!value) return nullptr;
    if (value->is_string()) return value->get_ptr<const std::string*>();
    fail(name, "should be a string");
    return nullptr;
  }

  std::vector<std::uint8_t> bytes(const char* name, std::size_t least, std::size_t most) {
    const std::string* value = text(name);
    if (!value) return {};
    const std::string sizes =
        least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
    if (value->size() < evidence::base64url_length(least) || value->size() > evidence::base64url_length(most)) {
      fail(name, "should be " + sizes + " bytes of base64url");
      return {};
    }
    auto bytes = evidence::from_base64url(*value);
    if (!bytes) {
      // Not the decoder's words, which may repeat what it read.
      fail(name, "should be " + sizes + " bytes of base64url");
      return {};
    }
    return *std::move(bytes);
  }

  void fail(const std::string& name, const std::string& what) {
    if (error_) return;
    std::string at = path_;
    if (!name.empty()) at += (at.empty() ? "" : ".") + name;
    error_ = Error{(at.empty() ? "the answer" : at) + ": " + what};
  }

  Result<void> finish() {
    if (!error_ && asked_ != object_.size()) {
      for (const auto& [name, value] : object_.items())
        if (std::find(names_.begin(), names_.end(), name) == names_.end())
          fail("", evidence::in_quotes(name) + " is unknown");
    }
    return error_ ? Result<void>(*error_) : Result<void>();
  }

 private:
  Json* find(const char* name) {
    if (error_) return nullptr;
    const auto found = object_.find(name);
    if (found == object_.end()) {
      fail(name, "is missing");
      return nullptr;
    }
    names_.emplace_back(name);
    ++asked_;
    return &*found;
  }

  Json& object_;
  std::string path_;
  std::vector<std::string> names_;
  std::size_t asked_ = 0;
  std::optional<Error> error_;
};

std::uint32_t read_generation_number(Fields& fields) {
  return static_cast<std::uint32_t>(fields.number("number", 1, number_max));
}
std::uint32_t read_id(Fields& fields) {
  return static_cast<std::uint32_t>(fields.number("id", 1, netlink::esp_id_max));
}

netlink::NewGeneration read_generation(Fields& fields) {
  netlink::NewGeneration generation;
  generation.number = read_generation_number(fields);
  if (const std::string* algorithm = fields.text("algorithm")) {
    if (*algorithm == "aes-256-gcm")
      generation.algorithm = netlink::Algorithm::aes_256_gcm;
    else if (*algorithm == "aes-128-gcm")
      generation.algorithm = netlink::Algorithm::aes_128_gcm;
    else
      fields.fail("algorithm", "should be \"aes-256-gcm\" or \"aes-128-gcm\"");
  }
  generation.lifetime = std::chrono::seconds(fields.number("lifetime", 1, lifetime_max));
  constexpr std::size_t size = netlink::MasterKey::size;
  std::vector<std::uint8_t> key = fields.bytes("master_key", size, size);
  if (key.size() == size) std::ranges::copy(std::as_bytes(std::span(key)), generation.master_key.bytes().begin());
  return generation;
}

Update::Change read_change(Fields& fields, const std::string& kind) {
  if (kind == "generation") return read_generation(fields);
  if (kind == "promote") {
    const std::uint32_t number = read_generation_number(fields);
    return PromoteUpdate{number, std::chrono::seconds(fields.number("overlap", 1, overlap_max))};
  }
  if (kind == "revoke") {
    const std::uint32_t number = read_generation_number(fields);
    const std::uint32_t id = read_id(fields);
    return RevokeUpdate{number, id,
                        static_cast<std::uint16_t>(fields.number("incarnation_min", 0, netlink::esp_incarnation_end))};
  }
  if (kind == "ban" || kind == "unban") return BanUpdate{read_id(fields), kind == "ban"};
  if (kind == "policy") return PolicyUpdate{fields.bytes("blob", 0, netlink::policy_blob_max)};
  fields.fail("kind", evidence::in_quotes(kind) + " is unknown");
  return BanUpdate{};
}

Result<std::vector<Update>> read_updates(Json& document, std::uint64_t after) {
  Fields root(document, "");
  Json* list = nullptr;
  if (document.is_object() && document.contains("updates")) list = &document["updates"];
  if (!document.is_object() || !list) {
    root.fail("updates", "is missing");
    return root.finish().error();
  }
  if (document.size() != 1) return Error{"the answer: there is more in it than \"updates\""};
  if (!list->is_array()) return Error{"updates: should be an array"};
  if (list->size() > updates_max)
    return Error{"updates: " + std::to_string(list->size()) + " of them; at most " + std::to_string(updates_max) +
                 " are taken"};
  std::vector<Update> updates;
  updates.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    Fields fields((*list)[i], "updates[" + std::to_string(i) + "]");
    Update update;
    update.sequence = fields.number("sequence", 1, sequence_max);
    const std::uint64_t before = updates.empty() ? after : updates.back().sequence;
    if (update.sequence <= before) fields.fail("sequence", "should be greater than " + std::to_string(before));
    if (const std::string* kind = fields.text("kind")) update.change = read_change(fields, *kind);
    if (auto done = fields.finish(); !done) return done.error();
    updates.push_back(std::move(update));
  }
  return updates;
}

// As the KDS calls them: what it concludes, not how the kernel noticed.
const char* kds_name(netlink::AnomalyKind kind) {
  switch (kind) {
    case netlink::AnomalyKind::moved:
      return "moved";
    case netlink::AnomalyKind::alternates:
      return "clone";
    case netlink::AnomalyKind::fingerprint:
      return "fingerprint";
    case netlink::AnomalyKind::spoofed:
      return "inner-source";
    case netlink::AnomalyKind::exhausting:
      return "exhausting";
  }
  return nullptr;
}

}  // namespace

std::size_t kind_of(const Update& update) {
  if (const auto* ban = std::get_if<BanUpdate>(&update.change)) return ban->banned ? 3 : 4;
  return update.change.index() == 4 ? 5 : update.change.index();
}

std::string name_of(const Update& update) {
  return "update " + std::to_string(update.sequence) + " (" + std::string(update_kinds[kind_of(update)]) + ")";
}

Result<std::vector<Update>> parse_updates(std::string_view text, std::uint64_t after) {
  // Of a key there is the document's string, and what the lexer had of it before, some of it only in part.
  const derivation::WipedHeap wiped;
  auto document = evidence::parse_json(text, kds_answer_max);
  if (!document) return document.error();
  return read_updates(*document, after);
}

Result<BootAnswer> parse_boot(std::string_view text) {
  auto document = evidence::parse_json(text, kds_answer_max);
  if (!document) return document.error();
  Fields fields(*document, "");
  BootAnswer answer;
  answer.fresh = fields.boolean("fresh");
  answer.acknowledged = fields.number("acknowledged", 0, sequence_max);
  answer.live = fields.numbers("live", live_max, number_max);
  if (auto done = fields.finish(); !done) return done.error();
  return answer;
}

std::string boot_json(const KernelBoot& boot) {
  return Json{{"boot_nonce", evidence::to_base64url(boot.nonce)}, {"newest", boot.newest}}.dump();
}

std::string anomalies_json(std::span<const netlink::Anomaly> anomalies) {
  Json list = Json::array();
  for (const netlink::Anomaly& anomaly : anomalies) {
    // A kind of a newer module, that no KDS of ours could judge.
    const char* kind = kds_name(anomaly.kind);
    if (!kind) continue;
    list.push_back(
        {{"kind", kind}, {"generation", anomaly.generation}, {"id", anomaly.id}, {"incarnation", anomaly.incarnation}});
  }
  return Json{{"anomalies", std::move(list)}}.dump();
}

std::string problem_words(std::string_view text) {
  auto document = evidence::parse_json(text, 65536);
  if (!document || !document->is_object()) return {};
  std::string words;
  for (const char* name : {"title", "detail"}) {
    const auto found = document->find(name);
    if (found == document->end() || !found->is_string()) continue;
    words += (words.empty() ? "" : ": ") + found->get<std::string>();
  }
  if (words.size() > problem_words_max) words.resize(problem_words_max);
  std::ranges::replace_if(
      words, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return words;
}

}  // namespace sluice::gateway
