// SPDX-License-Identifier: Apache-2.0
#include "sluice/kds_text.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <cstdio>

#include "evidence/base64url.hpp"
#include "evidence/claims.hpp"
#include "realm/reader.hpp"
#include "sluice/table.hpp"
#include "tls/error.hpp"
#include "tls/handle.hpp"

namespace sluice::cli {
namespace {

using realm::Reader;

constexpr std::size_t page_most = 1000;
constexpr std::size_t roles_most = 64, keys_most = 65536, gateways_most = 65536, generations_most = 64;
constexpr std::uint64_t number_most = 0xffffffff;
constexpr std::uint64_t sequence_most = std::uint64_t{1} << 53;
constexpr std::uint64_t seconds_most = std::uint64_t{100} * 366 * 24 * 3600;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + realm::printable(word);
  return text.empty() ? "none" : text;
}

std::string duration(Reader& reader, const char* name) {
  return human_duration(static_cast<double>(reader.number(name, 0, seconds_most)) * 1000);
}

std::vector<std::string> device_row(Reader& reader) {
  std::vector<std::string> row{reader.name("name"), joined(reader.texts("roles", roles_most, 63))};
  const bool enabled = reader.boolean("enabled"), banned = reader.boolean("banned");
  row.push_back(std::string(enabled ? "" : "disabled") + (!enabled && banned ? ", " : "") + (banned ? "banned" : ""));
  if (row.back().empty()) row.back() = "enabled";
  row.push_back(reader.number("health_in", 0, seconds_most) == 0 ? "none" : "for " + duration(reader, "health_in"));
  row.push_back(joined(reader.texts("postures", page_most, 256)));
  return row;
}

std::vector<std::string> key_row(Reader& reader) {
  char spi[16];
  std::vector<std::string> row{reader.name("gateway"), reader.name("network"),
                               std::to_string(reader.number("generation", 0, number_most))};
  std::snprintf(spi, sizeof spi, "0x%08x", static_cast<unsigned>(reader.number("spi", 1, number_most)));
  row.emplace_back(spi);
  const bool revoked = reader.boolean("revoked");
  const std::string lease = duration(reader, "lease_in");
  row.emplace_back(revoked ? "revoked" : "good");
  row.push_back(revoked ? "" : lease);
  return row;
}

std::vector<std::string> gateway_row(Reader& reader) {
  std::vector<std::string> row{reader.name("name")};
  if (!reader.boolean("booted")) {
    row.insert(row.end(), {"never", "none", ""});
    return row;
  }
  row.push_back(duration(reader, "seen_ago") + " ago");
  std::string generations;
  for (Reader& one : reader.list("generations", generations_most))
    generations += (generations.empty() ? "" : ", ") + std::to_string(one.number("number", 0, number_most)) + " " +
                   one.name("state") + " for " + duration(one, "ends_in");
  row.push_back(generations.empty() ? "none" : generations);
  row.push_back(std::to_string(reader.number("acknowledged", 0, sequence_most)) + " of " +
                std::to_string(reader.number("sequence", 0, sequence_most)) + " done");
  return row;
}

// "keys 1, roles [\"staff\"]": what it is, a person looks up.
std::string detail_text(const nlohmann::json& detail) {
  std::string text;
  for (const auto& [name, value] : detail.items()) {
    text += (text.empty() ? "" : ", ") + name + " ";
    text += value.is_string() ? value.get<std::string>()
                              : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return realm::printable(text);
}

std::vector<std::string> audit_row(Reader& reader, std::uint64_t& after) {
  const std::uint64_t sequence = reader.number("sequence", 0, sequence_most);
  if (sequence <= after) reader.wrong("sequence", "is not behind the one before");
  after = sequence;
  std::vector<std::string> row{std::to_string(sequence)};
  for (const char* name : {"time", "actor", "action", "subject", "outcome"})
    row.push_back(realm::printable(reader.text(name, 256)));
  row.push_back(detail_text(reader.object("detail").json()));
  return row;
}

Result<std::string> encoded(const std::vector<std::uint8_t>& bytes) { return evidence::to_base64url(bytes); }

}  // namespace

Result<Rows> device_rows(const nlohmann::json& answer, std::optional<std::string>& last) {
  std::optional<Error> error;
  Reader root(answer, "", error);
  Rows rows;
  if (!root.has("devices")) root.wrong("devices", "is missing");
  for (Reader& one : root.list("devices", page_most)) {
    rows.push_back(device_row(one));
    // Or it would never end.
    if (last && rows.back().front() <= *last) one.wrong("name", "is not behind the one before");
    last = rows.back().front();
  }
  if (error) return *error;
  return rows;
}

Result<DeviceShown> read_device(const nlohmann::json& answer) {
  std::optional<Error> error;
  Reader root(answer, "", error);
  DeviceShown shown;
  shown.device = device_row(root);
  for (Reader& one : root.list("keys", keys_most)) shown.keys.push_back(key_row(one));
  if (root.has("attestation_key")) {
    shown.tpm = "attestation key enrolled, ";
    std::string numbers;
    if (const auto pcrs = answer.find("pcrs"); pcrs != answer.end() && pcrs->is_object())
      for (const auto& [number, value] : pcrs->items())
        numbers += (numbers.empty() ? "" : ", ") + realm::printable(number, 8);
    shown.tpm += numbers.empty() ? "no PCRs seen yet" : "PCRs " + numbers;
  }
  if (error) return *error;
  return shown;
}

Result<Rows> gateway_rows(const nlohmann::json& answer) {
  std::optional<Error> error;
  Reader root(answer, "", error);
  Rows rows;
  if (!root.has("gateways")) root.wrong("gateways", "is missing");
  for (Reader& one : root.list("gateways", gateways_most)) rows.push_back(gateway_row(one));
  if (error) return *error;
  return rows;
}

Result<Rows> audit_rows(const nlohmann::json& answer, std::uint64_t& after) {
  std::optional<Error> error;
  Reader root(answer, "", error);
  Rows rows;
  if (!root.has("audit")) root.wrong("audit", "is missing");
  for (Reader& one : root.list("audit", page_most)) rows.push_back(audit_row(one, after));
  if (error) return *error;
  return rows;
}

Result<std::string> parse_fingerprint(std::string_view text) {
  const Error wrong{"a fingerprint is a SHA-256: 64 hexadecimal digits, colons between them or not", EINVAL};
  std::vector<std::uint8_t> bytes;
  std::string digits(text);
  if (digits.size() == 95) {
    for (std::size_t i = 2; i < digits.size(); i += 3)
      if (digits[i] != ':') return wrong;
    std::erase(digits, ':');
  }
  const auto value = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (digits.size() != 64 || std::ranges::any_of(digits, [&](char c) { return value(c) < 0; })) return wrong;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(value(digits[i]) * 16 + value(digits[i + 1])));
  return encoded(bytes);
}

Result<std::string> fingerprint_of(const std::string& path) {
  tls::UniqueX509 certificate;
  tls::UniqueBio file(BIO_new_file(path.c_str(), "r"));
  if (file) certificate.reset(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (!certificate) return tls::take_error("certificate " + path);
  auto fingerprint = evidence::fingerprint_of(certificate.get());
  if (!fingerprint) return fingerprint.error();
  return encoded({fingerprint->begin(), fingerprint->end()});
}

}  // namespace sluice::cli
