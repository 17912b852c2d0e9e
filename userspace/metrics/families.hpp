// SPDX-License-Identifier: Apache-2.0
//
// Families: metrics of one moment, gathered value by value, and their text for Prometheus.  Values of one name are one
// family, wherever between others they were added.  Pure.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Families {
 public:
  /// What only grows, until its subject begins anew; *name* ends in "_total".
  void counter(const std::string& name, const std::string& help, std::uint64_t value, Labels labels = {});
  void gauge(const std::string& name, const std::string& help, double value, Labels labels = {});

  [[nodiscard]] const std::vector<prometheus::MetricFamily>& all() const { return all_; }
  /// Text-based exposition format 0.0.4.
  [[nodiscard]] std::string to_text() const;

 private:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                Labels labels);

  std::vector<prometheus::MetricFamily> all_;
  std::unordered_map<std::string, std::size_t> places_;  // in all_, by name
};

}  // namespace sluice::metrics
