// SPDX-License-Identifier: Apache-2.0
#include "kds/metrics.hpp"

#include <gtest/gtest.h>

namespace sluice::kds {
namespace {

TEST(KdsMetrics, TellWhatWasCountedAndWhatHasNotComeYet) {
  http::ServerCounters server;
  server.connections = 3;
  server.sessions_full = 5;
  server.sessions_resumed = 7;
  AuditCounts decisions;
  decisions.add(AuditAction::issue, AuditOutcome::done);
  decisions.add(AuditAction::issue, AuditOutcome::done);
  decisions.add(AuditAction::anomaly, AuditOutcome::failed);
  const std::string text = measure(server, decisions).to_text();
  for (const char* line : {"sluice_kds_connections 3\n", "sluice_kds_handshakes_total{kind=\"full\"} 5\n",
                           "sluice_kds_handshakes_total{kind=\"resumed\"} 7\n",
                           "sluice_kds_decisions_total{action=\"issue\",outcome=\"done\"} 2\n",
                           "sluice_kds_decisions_total{action=\"issue\",outcome=\"refused\"} 0\n",
                           "sluice_kds_decisions_total{action=\"anomaly\",outcome=\"failed\"} 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

}  // namespace
}  // namespace sluice::kds
