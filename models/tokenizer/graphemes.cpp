#include "models/tokenizer/graphemes.h"

#include <unicode/uchar.h>

#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

/// Combining marks that Unicode 16.0 and 17.0 added, for ICU with older tables (Debian 12's are of 15.0). Those above
/// U+FFFF are missing, so a cluster ends before them there: one of up to 5 bytes may then be mapped as a whole, which the
/// reference maps by code points, because it is longer there.
bool is_new_mark(UChar32 c) {
  return c == 0x897 || (c >= 0x1ACF && c <= 0x1ADD) || (c >= 0x1AE0 && c <= 0x1AEB);
}

UGraphemeClusterBreak class_of(UChar32 c) {
  if (is_new_mark(c)) return U_GCB_EXTEND;
  return static_cast<UGraphemeClusterBreak>(u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK));
}

bool is_control(UGraphemeClusterBreak kind) {
  return kind == U_GCB_CONTROL || kind == U_GCB_CR || kind == U_GCB_LF;
}

/// Rules GB6 to GB8: parts of a Korean syllable.
bool is_syllable(UGraphemeClusterBreak before, UGraphemeClusterBreak after) {
  switch (before) {
    case U_GCB_L:
      return after == U_GCB_L || after == U_GCB_V || after == U_GCB_LV || after == U_GCB_LVT;
    case U_GCB_LV:
    case U_GCB_V:
      return after == U_GCB_V || after == U_GCB_T;
    case U_GCB_LVT:
    case U_GCB_T:
      return after == U_GCB_T;
    default:
      return false;
  }
}

/// What a cluster has had so far, for the rules that look further back than one code point.
struct Seen {
  bool pictograph = false;    ///< a pictograph, then only extending code points
  bool joined = false;        ///< such a pictograph, then a zero-width joiner
  bool odd_regional = false;  ///< an odd number of regional indicators up to here

  void add(UChar32 c, UGraphemeClusterBreak kind) {
    joined = pictograph && kind == U_GCB_ZWJ;
    pictograph = u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) || (pictograph && kind == U_GCB_EXTEND);
    odd_regional = kind == U_GCB_REGIONAL_INDICATOR && !odd_regional;
  }
};

bool is_one_cluster(UGraphemeClusterBreak before, const Seen& seen, UChar32 c, UGraphemeClusterBreak after) {
  if (before == U_GCB_CR && after == U_GCB_LF) return true;
  if (is_control(before) || is_control(after)) return false;
  if (after == U_GCB_EXTEND || after == U_GCB_ZWJ || after == U_GCB_SPACING_MARK || before == U_GCB_PREPEND)
    return true;
  if (is_syllable(before, after)) return true;
  if (seen.joined && u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC)) return true;
  return seen.odd_regional && after == U_GCB_REGIONAL_INDICATOR;
}

bool is_printable_ascii(char c) {
  return c >= 0x20 && c < 0x7F;
}

}  // namespace

std::size_t grapheme_end(std::string_view text, std::size_t at) {
  if (is_printable_ascii(text[at]) && (at + 1 == text.size() || is_printable_ascii(text[at + 1]))) return at + 1;
  Seen seen;
  const UChar32 first = next_code_point(text, at);
  UGraphemeClusterBreak before = class_of(first);
  seen.add(first, before);
  while (at < text.size()) {
    std::size_t next = at;
    const UChar32 c = next_code_point(text, next);
    const UGraphemeClusterBreak after = class_of(c);
    if (!is_one_cluster(before, seen, c, after)) break;
    seen.add(c, after);
    before = after;
    at = next;
  }
  return at;
}

}  // namespace sightline::models
