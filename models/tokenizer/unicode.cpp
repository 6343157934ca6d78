#include "models/tokenizer/unicode.h"

#include <algorithm>
#include <array>
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

using Instance = const icu::Normalizer2* (*)(UErrorCode&);

/// Null where ICU's data cannot be loaded: load_tokenizer finds out before any text is encoded.
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

std::string normalized(const icu::Normalizer2* form, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = form == nullptr ? U_INTERNAL_PROGRAM_ERROR : U_ZERO_ERROR;
  if (U_SUCCESS(status)) form->normalizeUTF8(0, text, sink, nullptr, status);
  return U_SUCCESS(status) ? out : std::string(text);
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    if (next_code_point(text, at) < 0) return start;
  }
  return std::nullopt;
}

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

void append_code_point(std::string& out, UChar32 c) {
  std::array<std::uint8_t, U8_MAX_LENGTH> bytes{};
  std::size_t length = 0;
  U8_APPEND_UNSAFE(bytes.data(), length, c);
  out.append(reinterpret_cast<const char*>(bytes.data()), length);
}

std::string to_nfc(std::string_view text) {
  static const auto form = reference_normalizer(&icu::Normalizer2::getNFCInstance);
  return normalized(form.get(), text);
}

std::string to_nfd(std::string_view text) {
  static const auto form = reference_normalizer(&icu::Normalizer2::getNFDInstance);
  return normalized(form.get(), text);
}

void append_lower(std::string& out, UChar32 c) {
  constexpr UChar32 k_capital_i_with_dot = 0x130;  // the one code point whose lower case is two
  append_code_point(out, c == k_capital_i_with_dot ? U'i' : u_tolower(c));
  if (c == k_capital_i_with_dot) append_code_point(out, 0x307);
}

}  // namespace sightline::models
