// SPDX-License-Identifier: Apache-2.0
#include "kds/text.hpp"

#include <cstdint>
#include <cstdio>

namespace sluice::kds {
namespace {

constexpr std::string_view kEllipsis = "...";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

struct Character {
  std::uint32_t point = 0;
  std::size_t size = 0;  // in bytes; 0: none begins here
};

// The character that *text*, which is not empty, begins with (RFC 3629, 4: no overlong form, no surrogate).
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  std::uint32_t point = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = point << 6 | (byte(i) & 0x3fU);
  }
  const std::uint32_t least = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0x80;
  if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return {};
  return {point, size};
}

bool does_things(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xe0000 && point <= 0xe007f);
}

std::string escape(std::uint32_t point) {
  if (point == '\n') return "\\n";
  if (point == '\t') return "\\t";
  if (point == '\r') return "\\r";
  char text[16];
  std::snprintf(text, sizeof text, point < 0x100 ? "\\x%02x" : "\\u{%x}", point);
  return text;
}

std::string copy(std::string_view text, std::size_t most, bool for_people) {
  std::string out;
  std::size_t fits = 0;  // of *out*, with an ellipsis behind it
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::size_t size = character.size == 0 ? 1 : character.size;
    std::string piece(character.size == 0 ? kReplacement : text.substr(0, size));
    if (for_people && character.size != 0) {
      if (does_things(character.point)) piece = escape(character.point);
      if (piece == "\\" || piece == "\"") piece.insert(0, 1, '\\');
    }
    if (out.size() + piece.size() > most) {
      out.resize(fits);
      return out.append(kEllipsis.substr(0, most - fits));
    }
    out += piece;
    if (out.size() + kEllipsis.size() <= most) fits = out.size();
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string bounded(std::string_view text, std::size_t most) { return copy(text, most, false); }
std::string printable(std::string_view text, std::size_t most) { return copy(text, most, true); }

}  // namespace sluice::kds
