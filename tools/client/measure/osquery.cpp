// SPDX-License-Identifier: Apache-2.0
//
// What osquery answers to questions in SQL that the options name: rows, each an object of text by column.
#include <cerrno>

#include "client/measure/measurements.hpp"
#include "evidence/json.hpp"

namespace sluice::client::measure {
namespace {

constexpr std::size_t queries_most = 16;
constexpr std::size_t output_max = 4096;
constexpr std::size_t depth_max = 4;

Result<Json> rows_of(const Result<Output>& output) {
  if (!output) return output.error();
  if (output->code != 0) return Error{"osqueryi exits with " + std::to_string(output->code)};
  auto rows = evidence::parse_json(output->text, output_max, {.depth = depth_max});
  if (!rows) return rows.error().in("its output");
  if (!rows->is_array()) return Error{"its output: is no JSON list"};
  return rows;
}

}  // namespace

Plan plan_osquery(const Host& host) {
  Plan plan;
  std::vector<std::string> names;
  const auto program = host.program("osqueryi");
  for (const auto& [name, sql] : host.options.osquery) {
    if (!program || names.size() == queries_most) break;
    names.push_back(name);
    Limits limits;
    limits.time = host.options.plugin_time;
    limits.processor = 4;
    // It has the kernel reserve much more than it uses.
    limits.address_space = std::uint64_t{8} << 30;
    plan.commands.push_back({{*program, "--json", "--disable_database", "--config_path=/dev/null", sql}, limits});
  }
  const bool all = names.size() == host.options.osquery.size(), here = program.has_value();
  plan.conclude = [names, all, here](Outputs outputs, Unmeasured& unmeasured) -> Result<Json> {
    if (!here && !all) return Error{"osqueryi is not here"};
    Json queries = Json::object();
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto rows = rows_of(outputs[i]);
      if (rows)
        queries[names[i]] = *std::move(rows);
      else
        unmeasured["plugins.osquery." + names[i]] = rows.error().message;
    }
    if (!all) unmeasured["plugins.osquery"] = "only the first " + std::to_string(queries_most) + " questions are asked";
    return queries;
  };
  return plan;
}

}  // namespace sluice::client::measure
