// SPDX-License-Identifier: Apache-2.0
//
// Frames of the session protocol: a 4-byte big-endian length and that many bytes of Envelope.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/async.hpp"
#include "base/result.hpp"
#include "session.pb.h"
#include "tls/stream.hpp"

namespace sluice::session {

using v1::Envelope;

inline constexpr std::size_t kMaxFrame = 65536;  ///< bytes of Envelope in one frame
inline constexpr std::size_t kFrameHeader = 4;
inline constexpr unsigned kVersion = 1;

/// Appends one frame to *out*.  An Envelope beyond kMaxFrame is an error and leaves *out* as it was.
Result<void> append_frame(std::string& out, const Envelope& envelope);

/// Takes one whole frame from the front of *data* (and shortens *data*); nothing if it is not all there.
/// An error (too long, empty, not an Envelope with a body) ends the session.
Result<std::optional<Envelope>> take_frame(std::span<const std::byte>& data);

/// For the opening Hello and HelloReply: never reads beyond the frame, so the bytes after it stay in the
/// stream.
Task<Result<Envelope>> read_frame(tls::Stream& stream);
Task<Result<void>> write_frame(tls::Stream& stream, const Envelope& envelope);

}  // namespace sluice::session
