#include "models/tokenizer/unicode.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>
#include <vector>

#include "base/json/utf8.h"

namespace sightline::models {
namespace {

using Instance = const icu::Normalizer2* (*)(UErrorCode&);

/// Null if ICU's data cannot be loaded. load_tokenizer detects that before any text is encoded.
std::unique_ptr<const icu::Normalizer2> reference_normalizer(Instance instance) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* current = instance(status);
  static const icu::UnicodeSet known = [] {
    UErrorCode error = U_ZERO_ERROR;
    icu::UnicodeSet set(UNICODE_STRING_SIMPLE("[:Age=9.0:]"), error);
    if (U_SUCCESS(error)) set.freeze();
    return set;
  }();
  if (U_FAILURE(status) || !known.isFrozen()) return nullptr;
  return std::make_unique<icu::FilteredNormalizer2>(*current, known);
}

/// A character's combining class in a form, 0 if none moves it, and the marks it decomposes to if it has no class itself
/// (U+0F73, a vowel sign; U+FF9E, a halfwidth sound mark, in NFKC).
struct Mark {
  std::uint8_t combining_class = 0;
  icu::UnicodeString parts{};

  Mark(const icu::Normalizer2& form, UChar32 c) {
    constexpr UChar32 k_first = 0x300, k_halfwidth_voiced = 0xFF9E, k_halfwidth_semi_voiced = 0xFF9F;
    if (c < k_first) return;
    if ((U_GET_GC_MASK(c) & U_GC_M_MASK) == 0 && c != k_halfwidth_voiced && c != k_halfwidth_semi_voiced) return;
    combining_class = form.getCombiningClass(c);
    if (combining_class != 0 || !form.getDecomposition(c, parts)) return;
    for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      combining_class = form.getCombiningClass(parts.char32At(i));
      if (combining_class == 0) return;
    }
  }
};

/// Sorts long sequences of marks by their combining class, as every form does. ICU inserts mark by mark, which takes time
/// in proportion to the square of a sequence's length, and a text may consist of nothing else.
std::string with_sorted_marks(const icu::Normalizer2& form, std::string_view text) {
  constexpr std::size_t k_many = 64;  // written words have a few
  struct Piece {
    std::uint8_t combining_class;
    std::string bytes;
  };
  std::string out;
  std::vector<Piece> marks;
  std::size_t copied = 0, first = 0;  // what `out` holds; where the sequence begins
  const auto end_sequence = [&](std::size_t end) {
    if (marks.size() > k_many) {
      std::stable_sort(marks.begin(), marks.end(),
                       [](const Piece& a, const Piece& b) { return a.combining_class < b.combining_class; });
      out.append(text, copied, first - copied);
      for (const Piece& mark : marks) out += mark.bytes;
      copied = end;
    }
    marks.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const Mark mark(form, next_code_point(text, at));
    if (mark.combining_class == 0) {
      end_sequence(begin);
      continue;
    }
    if (marks.empty()) first = begin;
    if (mark.parts.isEmpty()) {
      marks.push_back({mark.combining_class, std::string(text.substr(begin, at - begin))});
    }
    for (std::int32_t i = 0; i < mark.parts.length(); i = mark.parts.moveIndex32(i, 1)) {
      const UChar32 part = mark.parts.char32At(i);
      marks.push_back({form.getCombiningClass(part), {}});
      json::append_utf8(marks.back().bytes, static_cast<char32_t>(part));
    }
  }
  end_sequence(text.size());
  out.append(text, copied);
  return out;
}

std::string normalized(const icu::Normalizer2* form, std::string_view text) {
  std::string out;
  std::string sorted;
  if (form != nullptr && !is_ascii(text)) text = sorted = with_sorted_marks(*form, text);
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = form == nullptr ? U_INTERNAL_PROGRAM_ERROR : U_ZERO_ERROR;
  if (U_SUCCESS(status)) form->normalizeUTF8(0, text, sink, nullptr, status);
  return U_SUCCESS(status) ? out : std::string(text);
}

using Casing = void (*)(const char*, std::uint32_t, icu::StringPiece, icu::ByteSink&, icu::Edits*, UErrorCode&);

/// `text` in the casing of no language in particular.
std::string cased(Casing casing, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  casing("", 0, text, sink, nullptr, status);
  return U_SUCCESS(status) ? out : std::string(text);
}

/// Code points from `first` to `last`.
struct Range {
  UChar32 first, last;
};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, UChar32 c) {
  const auto* found = std::upper_bound(ranges.begin(), ranges.end(), c,
                                       [](UChar32 value, const Range& range) { return value < range.first; });
  return found != ranges.begin() && c <= (found - 1)->last;
}

bool is_known_to(UChar32 c, std::uint8_t major_version) {
  UVersionInfo version{};
  u_charAge(c, version);
  return version[0] > 0 && (version[0] < major_version || (version[0] == major_version && version[1] == 0));
}

// What Unicode 15.1 and 16.0 added, for ICU with the tables of 15.0 (Debian 12's): from Unicode's
// DerivedAge.txt and DerivedGeneralCategory.txt. tests/models/tokenizer compares all code points with the
// reference.
constexpr std::array<Range, 22> k_letters_after_15{{
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65},
    {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E},
    {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0},
    {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
    {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D},
}};
constexpr std::array<Range, 7> k_numbers_after_15{{
    {0x10D40, 0x10D49},
    {0x116D0, 0x116E3},
    {0x11BF0, 0x11BF9},
    {0x16130, 0x16139},
    {0x16D70, 0x16D79},
    {0x1CCF0, 0x1CCF9},
    {0x1E5F1, 0x1E5FA},
}};

struct Lower {
  UChar32 first, last;  ///< capitals
  UChar32 lower;        ///< of the first capital; those of the others follow
};
/// From Unicode 17.0's UnicodeData.txt: the additions since 15.0.
constexpr std::array<Lower, 10> k_lower_after_15{{
    {0x1C89, 0x1C89, 0x1C8A},
    {0xA7CB, 0xA7CB, 0x264},
    {0xA7CC, 0xA7CC, 0xA7CD},
    {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},
    {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},
    {0xA7DC, 0xA7DC, 0x19B},
    {0x10D50, 0x10D65, 0x10D70},
    {0x16EA0, 0x16EB8, 0x16EBB},
}};

UChar32 simple_lower(UChar32 c) {
  for (const Lower& lower : k_lower_after_15) {
    if (c >= lower.first && c <= lower.last) return lower.lower + (c - lower.first);
  }
  return u_tolower(c);
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool has_unicode_tables() {
  return to_nfc("e\u0301") == "\u00E9" && to_nfd("\u00E9") == "e\u0301";
}

UChar32 next_code_point(std::string_view text, std::size_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT(bytes, at, text.size(), c);
  return c;
}

std::string to_nfc(std::string_view text) {
  static const auto form = reference_normalizer(&icu::Normalizer2::getNFCInstance);
  return normalized(form.get(), text);
}

std::string to_nfd(std::string_view text) {
  static const auto form = reference_normalizer(&icu::Normalizer2::getNFDInstance);
  return normalized(form.get(), text);
}

std::string to_current_nfc(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const form = icu::Normalizer2::getNFCInstance(status);
  return normalized(U_SUCCESS(status) ? form : nullptr, text);
}

std::string to_current_nfkc(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const form = icu::Normalizer2::getNFKCInstance(status);
  return normalized(U_SUCCESS(status) ? form : nullptr, text);
}

std::string to_lower(std::string_view text) {
  return cased(&icu::CaseMap::utf8ToLower, text);
}

std::string to_upper(std::string_view text) {
  return cased(&icu::CaseMap::utf8ToUpper, text);
}

bool is_ascii_punctuation(UChar32 c) {
  return c < 0x80 && u_isgraph(c) && !u_isalnum(c);
}

bool is_python_space(UChar32 c) {
  return u_isUWhiteSpace(c) || (c >= 0x1C && c <= 0x1F);
}

void append_lower(std::string& out, UChar32 c) {
  constexpr UChar32 k_capital_i_with_dot = 0x130;  // the one code point whose lower case is two
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
    return;
  }
  json::append_utf8(out, c == k_capital_i_with_dot ? U'i' : simple_lower(c));
  if (c == k_capital_i_with_dot) json::append_utf8(out, 0x307);
}

std::uint32_t category_in_unicode_8(UChar32 c) {
  switch (c) {     // those whose category changed later
    case 0x166D:   // Canadian syllabics chi sign
    case 0x111C9:  // Sharada sandhi mark
      return U_GC_PO_MASK;
    case 0x1734:   // Hanunoo sign pamudpod
    case 0x1171E:  // Ahom consonant sign medial ra, with ICU's tables of Unicode 16 (Debian 13's)
      return U_GC_MN_MASK;
    case 0x1885:  // Mongolian letters Ali Gali baluda and three baluda
    case 0x1886:
      return U_GC_LO_MASK;
    case 0xA9BD:  // Javanese consonant sign keret
      return U_GC_MC_MASK;
    default:
      return is_known_to(c, 8) ? U_GET_GC_MASK(c) : U_GC_CN_MASK;
  }
}

std::uint32_t category_in_unicode_16(UChar32 c) {
  if (is_in(k_letters_after_15, c)) return U_GC_LO_MASK;
  if (is_in(k_numbers_after_15, c)) return U_GC_ND_MASK;
  return is_known_to(c, 16) ? U_GET_GC_MASK(c) : U_GC_CN_MASK;
}

}  // namespace sightline::models
