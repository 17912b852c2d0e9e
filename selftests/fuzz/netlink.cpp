// SPDX-License-Identifier: Apache-2.0
//
// The kernel's netlink messages: any bytes are read or refused, and what has a builder is the same when built and read
// again.
//
// Input: a byte that chooses the parser (of an acknowledgement 2 more: how many bytes are the message, the rest is the
// request), and attributes.
#include <linux/genetlink.h>
#include <linux/sluice.h>

#include <vector>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"
#include "require.hpp"

using sluice::fuzz::require;
namespace netlink = sluice::netlink;
using netlink::Bytes;
using netlink::Message;

namespace {

/// In memory of its own, aligned as a socket's buffer is: what is read beyond the end is seen.
class Buffer {
 public:
  explicit Buffer(std::span<const std::uint8_t> bytes) : bytes_(bytes.begin(), bytes.end()) { bytes_.shrink_to_fit(); }
  [[nodiscard]] Bytes bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::vector<std::uint8_t> bytes_;
};

template <class Parse>
void only_read(Bytes attributes, Parse parse) {
  const auto value = parse(attributes);
  if (!value) sluice::fuzz::require_printable(value.error().message);
}

/// *build* gives a message that holds the value and nothing else.
template <class Parse, class Build>
void round_trip(Bytes attributes, Parse parse, Build build) {
  const auto value = parse(attributes);
  if (!value) return sluice::fuzz::require_printable(value.error().message);
  const Message message = build(*value);
  if (!message.fits()) return;
  const auto again = parse(message.attributes());
  require(again.ok() && *again == *value, "what was built is read as the same");
}

template <class Put, class Value>
Message with(Put put, const Value& value) {
  Message message(0, 0, Message::large);
  put(message, value);
  return message;
}

void events(std::uint8_t command, Bytes attributes) {
  netlink::Events read;
  if (auto done = netlink::parse_events(command, attributes, read); !done) {
    return sluice::fuzz::require_printable(done.error().message);
  }
  Message message(command, 0, Message::large);
  for (const auto& parked : read.parked) netlink::put_parked(message, SLUICE_A_CONTROLLER_PARKED, parked);
  for (const auto& withdrawn : read.withdrawn)
    netlink::put_withdrawn(message, SLUICE_A_CONTROLLER_WITHDRAWN, withdrawn);
  for (const auto& anomaly : read.anomalies) netlink::put_anomaly(message, anomaly);
  if (!message.fits()) return;
  netlink::Events again;
  require(netlink::parse_events(command, message.attributes(), again).ok(), "what was built is read");
  require(again.parked == read.parked && again.withdrawn == read.withdrawn && again.anomalies == read.anomalies,
          "what was built is read as the same");
}

void acknowledgement(sluice::fuzz::Input input) {
  const Buffer message(input.bytes(input.number<std::uint16_t>()));
  const Buffer request(input.rest());
  // Its text is the kernel's own, or an attribute's name.
  (void)netlink::parse_acknowledgement(message.bytes(), request.bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  const unsigned which = input.number<std::uint8_t>() % 16;
  const Buffer buffer(input.rest());
  const Bytes attributes = buffer.bytes();
  switch (which) {
    case 0:
      only_read(attributes, netlink::parse_network);
      break;
    case 1:
      round_trip(attributes, netlink::parse_client, netlink::new_client);
      break;
    case 2:
      round_trip(attributes, netlink::parse_acl, netlink::set_acl);
      break;
    case 3:
      only_read(attributes, netlink::parse_acl_decision);
      break;
    case 4:
      only_read(attributes, netlink::parse_parked);
      break;
    case 5:
      only_read(attributes, netlink::parse_withdrawn);
      break;
    case 6:
      only_read(attributes, netlink::parse_counters);
      break;
    case 7:
      only_read(attributes, netlink::parse_controller);
      break;
    case 8:
      round_trip(attributes, netlink::parse_pool, netlink::new_pool);
      break;
    case 9:
      round_trip(attributes, netlink::parse_generation,
                 [](const auto& value) { return with(netlink::put_generation, value); });
      break;
    case 10:
      round_trip(attributes, netlink::parse_esp, [](const auto& value) { return with(netlink::put_esp, value); });
      break;
    case 11:
      round_trip(attributes, netlink::parse_esp_client,
                 [](const auto& value) { return with(netlink::put_esp_client, value); });
      break;
    case 12:
      only_read(attributes, netlink::parse_policy);
      break;
    case 13:
      events(SLUICE_CMD_PARKED_NTF, attributes);
      break;
    case 14:
      events(SLUICE_CMD_ANOMALY_NTF, attributes);
      break;
    default:
      acknowledgement(input);
  }
  return 0;
}
