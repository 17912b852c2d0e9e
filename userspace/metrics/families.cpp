// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.hpp"

#include <prometheus/text_serializer.h>

#include <utility>

namespace sluice::metrics {

void Families::counter(const std::string& name, const std::string& help, std::uint64_t value, Labels labels) {
  add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = static_cast<double>(value);
}

void Families::gauge(const std::string& name, const std::string& help, double value, Labels labels) {
  add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

prometheus::ClientMetric& Families::add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                        Labels labels) {
  const auto [place, is_new] = places_.try_emplace(name, all_.size());
  if (is_new) all_.push_back({name, help, type, {}});
  prometheus::ClientMetric& metric = all_[place->second].metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}

std::string Families::to_text() const { return prometheus::TextSerializer().Serialize(all_); }

}  // namespace sluice::metrics
