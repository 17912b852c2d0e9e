// SPDX-License-Identifier: Apache-2.0
//
// Frames of the session protocol, of both kinds: reading goes forward, never asks for more than a frame may have, and
// what was read is the same when written and read again.
//
// Input: an even byte and frames of a control session, or an odd byte and frames of a datagram session.
#include "require.hpp"
#include "session/datagram_frame.hpp"
#include "session/framing.hpp"

using sluice::fuzz::require;
namespace session = sluice::session;

namespace {

using Bytes = std::span<const std::byte>;

void control(Bytes rest) {
  for (;;) {
    const Bytes before = rest;
    const auto frame = session::take_frame(rest);
    if (!frame || !*frame) {
      require(rest.size() == before.size(), "what is no whole frame stays");
      require(!frame || rest.size() < session::kMaxFrame + session::kFrameHeader, "no frame is waited for forever");
      return;
    }
    require(rest.size() < before.size(), "a frame that was taken is gone");
    const std::size_t taken = before.size() - rest.size();
    Bytes part = before.first(taken - 1);
    const auto incomplete = session::take_frame(part);
    require(incomplete.ok() && !*incomplete, "a frame that lacks a byte is waited for");

    std::string written;
    // Encodings that protobuf does not use itself may be the shorter ones.
    if (!session::append_frame(written, **frame)) {
      require((*frame)->ByteSizeLong() > session::kMaxFrame && written.empty(), "a frame that fits is written");
      continue;
    }
    Bytes again = std::as_bytes(std::span(written));
    const auto reread = session::take_frame(again);
    require(reread.ok() && *reread && again.empty(), "what was written is one frame");
    require((*reread)->SerializeAsString() == (*frame)->SerializeAsString(), "what was written is read as the same");
  }
}

void datagrams(Bytes rest) {
  for (;;) {
    const Bytes before = rest;
    const auto taken = session::take_datagram_frame(rest);
    if (!taken || !*taken) {
      require(rest.size() == before.size(), "what is no whole frame stays");
      require(!taken || rest.size() < session::kDatagramMax + session::kDatagramHeader,
              "no frame is waited for forever");
      return;
    }
    require(rest.size() < before.size(), "a frame that was taken is gone");
    const session::DatagramFrame& frame = **taken;
    std::string written;
    switch (frame.kind) {
      case session::DatagramKind::datagram:
        session::append_datagram(written, frame.datagram);
        break;
      case session::DatagramKind::error:
        session::append_error(written, frame.datagram.association, frame.error);
        break;
      case session::DatagramKind::unbind:
        session::append_unbind(written, frame.datagram.association);
        break;
      case session::DatagramKind::acknowledge:
        session::append_acknowledge(written, frame.taken);
        break;
    }
    const Bytes was = before.first(before.size() - rest.size());
    require(std::ranges::equal(std::as_bytes(std::span(written)), was), "a datagram frame has one encoding");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  const bool of_datagrams = input.number<std::uint8_t>() % 2 == 1;
  (of_datagrams ? datagrams : control)(std::as_bytes(input.rest()));
  return 0;
}
