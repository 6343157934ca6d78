#include "models/tokenizer/clip_pieces.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

namespace sightline::models {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// The code point at `at`, which is moved past it.
UChar32 next_code_point(std::string_view text, std::size_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT(bytes, at, text.size(), c);
  return c;
}

void append_code_point(std::string& out, UChar32 c) {
  std::array<std::uint8_t, U8_MAX_LENGTH> bytes{};
  std::size_t length = 0;
  U8_APPEND_UNSAFE(bytes.data(), length, c);
  out.append(reinterpret_cast<const char*>(bytes.data()), length);
}

/// The reference normalises with the tables of Unicode 9.0: later combining marks neither move nor compose.
const icu::Normalizer2* reference_nfc() {
  static const std::unique_ptr<const icu::Normalizer2> normalizer =
      []() -> std::unique_ptr<icu::Normalizer2> {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
    static icu::UnicodeSet known(UNICODE_STRING_SIMPLE("[:Age=9.0:]"), status);
    // Fails only where ICU's data cannot be loaded: load_tokenizer finds out before any text is encoded.
    if (U_FAILURE(status)) return nullptr;
    known.freeze();
    return std::make_unique<icu::FilteredNormalizer2>(*nfc, known);
  }();
  return normalizer.get();
}

std::string to_nfc(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = reference_nfc() == nullptr ? U_INTERNAL_PROGRAM_ERROR : U_ZERO_ERROR;
  if (U_SUCCESS(status)) reference_nfc()->normalizeUTF8(0, text, sink, nullptr, status);
  return U_SUCCESS(status) ? out : std::string(text);
}

enum class Kind { letter, number, space, other };

Kind kind_of(UChar32 c) {
  const std::uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK) return Kind::letter;
  if (category & U_GC_N_MASK) return Kind::number;
  return u_isUWhiteSpace(c) ? Kind::space : Kind::other;
}

/// Length of the contraction that `text` begins with, or 0.
std::size_t contraction_length(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  constexpr std::string_view k_one_letter = "stmd";
  if (k_one_letter.find(text[1]) != std::string_view::npos) return 2;
  const std::string_view two_letters = text.substr(1, 2);
  return two_letters == "re" || two_letters == "ve" || two_letters == "ll" ? 3 : 0;
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    if (next_code_point(text, at) < 0) return start;
  }
  return std::nullopt;
}

std::string clip_normalize(std::string_view text) {
  std::string out;
  if (is_ascii(text)) {
    out.resize(text.size());
    std::transform(text.begin(), text.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; });
    return out;
  }
  const std::string composed = to_nfc(text);
  out.reserve(composed.size() + 8);
  for (std::size_t at = 0; at < composed.size();) {
    const UChar32 c = next_code_point(composed, at);
    constexpr UChar32 k_capital_i_with_dot = 0x130;  // the one code point whose lower case is two
    append_code_point(out, c == k_capital_i_with_dot ? U'i' : u_tolower(c));
    if (c == k_capital_i_with_dot) append_code_point(out, 0x307);
  }
  return out;
}

void for_each_clip_piece(std::string_view text, const std::function<void(std::string_view)>& take) {
  std::size_t at = 0;
  // Moves past the code points of `kind` that begin at `at`.
  const auto skip_run = [&](Kind kind) {
    for (std::size_t next = at; next < text.size(); at = next) {
      if (kind_of(next_code_point(text, next)) != kind) return;
    }
  };
  while (at < text.size()) {
    const std::size_t start = at;
    if (const std::size_t length = contraction_length(text.substr(at)); length > 0) {
      at += length;
    } else {
      const Kind kind = kind_of(next_code_point(text, at));
      if (kind == Kind::space) continue;
      if (kind != Kind::number) skip_run(kind);  // numbers go digit by digit
    }
    take(text.substr(start, at - start));
  }
}

}  // namespace sightline::models
