#include "models/tokenizer/clip_pieces.h"

#include <algorithm>
#include <cstdint>
#include <unicode/uchar.h>

#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

enum class Kind { letter, number, space, other };

Kind kind_of(UChar32 c) {
  const std::uint32_t category = category_in_unicode_16(c);
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
    append_lower(out, next_code_point(composed, at));
  }
  return out;
}

void for_each_clip_piece(std::string_view text, const std::function<void(std::string_view)>& take) {
  for_each_clip_piece(text, take, {});
}

void for_each_clip_piece(std::string_view text, const std::function<void(std::string_view)>& take,
                         std::span<const std::string> literals) {
  std::size_t at = 0;
  // Moves past the code points of `kind` that begin at `at`.
  const auto skip_run = [&](Kind kind) {
    for (std::size_t next = at; next < text.size(); at = next) {
      if (kind_of(next_code_point(text, next)) != kind) return;
    }
  };
  while (at < text.size()) {
    const std::size_t start = at;
    const auto literal = std::find_if(literals.begin(), literals.end(),
                                      [&](const std::string& content) { return text.substr(at).starts_with(content); });
    if (literal != literals.end()) {
      at += literal->size();
    } else if (const std::size_t length = contraction_length(text.substr(at)); length > 0) {
      at += length;
    } else {
      const Kind kind = kind_of(next_code_point(text, at));
      if (kind == Kind::space) continue;
      if (kind != Kind::number) skip_run(kind);  // each digit is a separate piece
    }
    take(text.substr(start, at - start));
  }
}

}  // namespace sightline::models
