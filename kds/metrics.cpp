// SPDX-License-Identifier: Apache-2.0
#include "kds/metrics.hpp"

namespace sluice::kds {

metrics::Families measure(const http::ServerCounters& server, const AuditCounts& decisions) {
  metrics::Families families;
  families.gauge("sluice_kds_connections", "Connections that are open.", static_cast<double>(server.connections));
  families.counter("sluice_kds_connections_total", "Connections that were accepted.", server.accepted);
  families.counter("sluice_kds_connections_crowded_out_total", "Connections closed or refused by a limit.",
                   server.crowded_out);
  for (const auto& [kind, count] : {std::pair{"full", server.sessions_full},
                                    {"resumed", server.sessions_resumed},
                                    {"failed", server.handshakes_failed}})
    families.counter("sluice_kds_handshakes_total", "TLS handshakes, by how they ended.", count, {{"kind", kind}});
  families.counter("sluice_kds_no_longer_trusted_total", "Sessions closed because a certificate was revoked or ended.",
                   server.no_longer_trusted);
  families.counter("sluice_kds_requests_total", "Requests that were looked at.", server.requests);
  families.counter("sluice_kds_requests_refused_total", "Requests refused unseen: no HTTP, or another realm.",
                   server.refused);
  // Every series is there from the start, or its first increase would not be seen.
  for (std::size_t action = 0; action < audit_actions; ++action)
    for (std::size_t outcome = 0; outcome < audit_outcomes; ++outcome)
      families.counter("sluice_kds_decisions_total", "Lines of the audit log, by action and outcome.",
                       decisions.at(static_cast<AuditAction>(action), static_cast<AuditOutcome>(outcome)),
                       {{"action", std::string(to_string(static_cast<AuditAction>(action)))},
                        {"outcome", std::string(to_string(static_cast<AuditOutcome>(outcome)))}});
  return families;
}

}  // namespace sluice::kds
