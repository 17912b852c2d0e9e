// SPDX-License-Identifier: Apache-2.0
//
// Configuration files: whatever is in one, the getters keep their promises, and the same file gives the same errors.
#include "config/config.hpp"

#include "require.hpp"

using sluice::fuzz::require;
namespace config = sluice::config;

namespace {

/// Asks for all that can be asked for, with keys that the seeds have.
void ask(config::Table table, int depth) {
  const std::int64_t number = table.integer("n", -5, 70000);
  require(number >= -5 && number <= 70000, "a number is within its bounds");
  const std::int64_t other = table.integer("m", 0, 9, 3);
  require(other >= 0 && other <= 9, "a number that may be absent is within its bounds");
  (void)table.boolean("b", true);
  (void)table.string("s");
  (void)table.string("t", "x");
  const sluice::Duration duration = table.duration("d", sluice::Duration(7));
  require(duration.count() >= 0, "a duration has no sign");
  const auto again = sluice::parse_duration(sluice::to_string(duration));
  require(again.ok() && *again == duration, "a duration is the same when written and read again");
  const std::size_t count = table.strings("l").size();
  require(count == 0 || table.has("l"), "what is absent is empty");
  if (count > 0) table.error("l", "noted", count - 1);
  for (const auto& list : table.string_lists("ll")) require(list.size() < 65536, "a list is one of the file's");
  if (depth == 0) return;
  if (auto inner = table.table("u")) ask(*inner, depth - 1);
  for (const config::Table& inner : table.tables("a")) ask(inner, depth - 1);
}

std::string judged(std::string_view text) {
  auto file = config::File::parse(text, "f");
  if (!file) {
    require(file.error().message.starts_with("f:"), "an error names its file");
    return file.error().message;
  }
  ask(file->root(), 2);
  const sluice::Result<void> done = file->finish();
  if (done) return "";
  require(done.error().message.starts_with("f:"), "an error names its file");
  return done.error().message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Of characters beyond ASCII outside of strings, and behind a backslash that ends a line, toml++ 3.3 has undefined
  // behaviour (its issues 190 and 295).  Configuration is written by who may do anything on the host, so that is not
  // guarded against; what reads ASCII is tried.
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) return 0;
  require(judged(text) == judged(text), "the same file has the same errors");
  return 0;
}
