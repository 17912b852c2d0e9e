// SPDX-License-Identifier: Apache-2.0
#include "session/framing.hpp"

#include <array>
#include <vector>

namespace sluice::session {
namespace {

using Header = std::array<std::byte, kFrameHeader>;

Header encode_length(std::size_t length) {
  Header header;
  for (std::size_t i = 0; i < kFrameHeader; ++i) {
    header[i] = static_cast<std::byte>(length >> (8 * (kFrameHeader - 1 - i)));
  }
  return header;
}

Result<std::size_t> decode_length(std::span<const std::byte, kFrameHeader> header) {
  std::size_t length = 0;
  for (std::byte byte : header) length = length << 8 | std::to_integer<std::size_t>(byte);
  if (length == 0 || length > kMaxFrame) {
    return Error{"a frame of " + std::to_string(length) + " bytes; 1 to " + std::to_string(kMaxFrame) + " are allowed"};
  }
  return length;
}

Result<Envelope> decode(std::span<const std::byte> body) {
  Envelope envelope;
  if (!envelope.ParseFromArray(body.data(), static_cast<int>(body.size())) ||
      envelope.body_case() == Envelope::BODY_NOT_SET) {
    return Error{"a frame that holds no known message"};
  }
  return envelope;
}

}  // namespace

Result<void> append_frame(std::string& out, const Envelope& envelope) {
  const std::size_t length = envelope.ByteSizeLong();
  if (length == 0 || length > kMaxFrame) {
    return Error{"a message of " + std::to_string(length) + " bytes does not fit a frame"};
  }
  const Header header = encode_length(length);
  out.append(reinterpret_cast<const char*>(header.data()), header.size());
  envelope.AppendToString(&out);
  return {};
}

Result<std::optional<Envelope>> take_frame(std::span<const std::byte>& data) {
  if (data.size() < kFrameHeader) return std::optional<Envelope>{};
  // The length is judged before the body is there, so a wrong one cannot make us wait or gather.
  Result<std::size_t> length = decode_length(data.first<kFrameHeader>());
  if (!length) return length.error();
  if (data.size() < kFrameHeader + *length) return std::optional<Envelope>{};
  Result<Envelope> envelope = decode(data.subspan(kFrameHeader, *length));
  if (!envelope) return envelope.error();
  data = data.subspan(kFrameHeader + *length);
  return std::optional<Envelope>(*std::move(envelope));
}

Task<Result<Envelope>> read_frame(tls::Stream& stream) {
  Header header;
  if (auto done = co_await stream.read_exactly(header); !done) co_return done.error();
  Result<std::size_t> length = decode_length(header);
  if (!length) co_return length.error();
  std::vector<std::byte> body(*length);
  if (auto done = co_await stream.read_exactly(body); !done) co_return done.error();
  co_return decode(body);
}

Task<Result<void>> write_frame(tls::Stream& stream, const Envelope& envelope) {
  std::string frame;
  if (auto done = append_frame(frame, envelope); !done) co_return done.error();
  auto written = co_await stream.write_all(std::as_bytes(std::span(frame)));
  if (!written) co_return written.error();
  co_return Result<void>{};
}

}  // namespace sluice::session
