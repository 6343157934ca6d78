#include "models/tokenizer/bert_words.h"

#include <unicode/uchar.h>

#include "base/json/utf8.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

/// Unassigned code points count as letters here, and so do those added after Unicode 8.0: the reference's table of
/// "other" characters does not have them.
bool is_dropped(UChar32 c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == 0 || c == 0xFFFD || (category_in_unicode_8(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

/// The CJK blocks of the reference, with its gap from U+2B820 to U+2B91F.
bool is_chinese_letter(UChar32 c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_punctuation(UChar32 c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return (category_in_unicode_8(c) & U_GC_P_MASK) != 0;
}

template <class Each>
void for_each_code_point(std::string_view text, Each each) {
  for (std::size_t at = 0; at < text.size();) each(next_code_point(text, at));
}

}  // namespace

std::string BertNormalizer::operator()(std::string_view text) const {
  std::string cleaned;
  cleaned.reserve(text.size() + 8);
  for_each_code_point(text, [&](UChar32 c) {
    if (clean_text && is_dropped(c)) return;
    const bool chinese = space_chinese_letters && is_chinese_letter(c);
    if (chinese) cleaned += ' ';
    if (clean_text && u_isUWhiteSpace(c)) {
      cleaned += ' ';
    } else {
      json::append_utf8(cleaned, c);
    }
    if (chinese) cleaned += ' ';
  });
  const bool has_accents = strip_accents && !is_ascii(cleaned);
  if (!has_accents && !lowercase) return cleaned;
  const std::string decomposed = has_accents ? to_nfd(cleaned) : std::move(cleaned);
  std::string out;
  out.reserve(decomposed.size());
  for_each_code_point(decomposed, [&](UChar32 c) {
    if (has_accents && (category_in_unicode_8(c) & U_GC_MN_MASK) != 0) return;
    if (lowercase) {
      append_lower(out, c);
    } else {
      json::append_utf8(out, c);
    }
  });
  return out;
}

void for_each_bert_word(std::string_view text, const std::function<void(std::string_view)>& take) {
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) take(text.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const UChar32 c = next_code_point(text, at);
    const bool alone = is_punctuation(c);
    if (!alone && !u_isUWhiteSpace(c)) continue;
    end_word(start);
    if (alone) take(text.substr(start, at - start));
    begin = at;
  }
  end_word(text.size());
}

}  // namespace sightline::models
