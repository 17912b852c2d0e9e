// SPDX-License-Identifier: Apache-2.0
//
// Text of others made fit for our messages and logs: bounded, valid UTF-8, and without characters that do things.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::kds {

/// At most *most* bytes of UTF-8, the last of them "..." where something was cut off; never half a character.  Bytes
/// that are no UTF-8 each become U+FFFD.  Control characters stay: for what JSON escapes.
std::string bounded(std::string_view text, std::size_t most);

/// As bounded(), and for people's eyes: control characters, and those that reorder or hide text (Unicode's Cc, Zl, Zp
/// and bidirectional and zero-width ones), become \n, \x1b or \u{202e}; a backslash and a quote get a backslash in
/// front.
std::string printable(std::string_view text, std::size_t most);

}  // namespace sluice::kds
