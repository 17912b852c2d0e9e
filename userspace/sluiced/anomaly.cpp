// SPDX-License-Identifier: Apache-2.0
#include "sluiced/anomaly.hpp"

#include <nlohmann/json.hpp>

#include "netlink/esp_text.hpp"

namespace sluice::gateway {
namespace {

const char* words_for(netlink::AnomalyKind kind) {
  switch (kind) {
    case netlink::AnomalyKind::moved:
      return "has moved";
    case netlink::AnomalyKind::alternates:
      return "comes from two addresses by turns: two hosts may have its key";
    case netlink::AnomalyKind::fingerprint:
      return "sends as two instances would: two hosts may have its key";
    case netlink::AnomalyKind::spoofed:
      return "sent a packet with another client's inner source address";
    case netlink::AnomalyKind::exhausting:
      return "has nearly used up its key: it is due for a new one";
  }
  return "did something that this version does not know";
}

}  // namespace

bool is_worth_a_warning(const netlink::Anomaly& anomaly) { return anomaly.kind != netlink::AnomalyKind::moved; }

std::string to_log_line(const netlink::Anomaly& anomaly, const std::string& network) {
  std::string line = "ESP client " + std::to_string(anomaly.id);
  if (!network.empty()) line += " of network " + network;
  line += std::string(" ") + words_for(anomaly.kind) + " (" + std::string(netlink::to_string(anomaly.kind));
  if (const std::string now = netlink::outer_text(anomaly.address, anomaly.port); !now.empty()) line += ", at " + now;
  if (const std::string old = netlink::outer_text(anomaly.old_address, anomaly.old_port); !old.empty())
    line += ", before at " + old;
  return line + ", generation " + std::to_string(anomaly.generation) + ", incarnation " +
         std::to_string(anomaly.incarnation) + ")";
}

nlohmann::json to_json(const netlink::Anomaly& anomaly, const std::string& network) {
  nlohmann::json json = {{"event", "anomaly"},
                         {"anomaly", netlink::to_string(anomaly.kind)},
                         {"id", anomaly.id},
                         {"generation", anomaly.generation},
                         {"incarnation", anomaly.incarnation}};
  if (!network.empty()) json["network"] = network;
  if (const std::string now = netlink::outer_text(anomaly.address, anomaly.port); !now.empty()) json["outer"] = now;
  if (const std::string old = netlink::outer_text(anomaly.old_address, anomaly.old_port); !old.empty())
    json["old_outer"] = old;
  return json;
}

}  // namespace sluice::gateway
