#include "models/tokenizer/text_cleaning.h"

#include <algorithm>
#include <array>
#include <unicode/uchar.h>
#include <utility>

#include "base/json/utf8.h"
#include "models/tokenizer/html_entities.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

/// Calls `replace` with each code point and the text to append to.
template <class Replace>
std::string each_replaced(std::string_view text, Replace replace) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) replace(next_code_point(text, at), out);
  return out;
}

/// Letters of two or three, taken apart.
const char* ligature(UChar32 c) {
  constexpr std::array<std::pair<UChar32, const char*>, 22> k_ligatures{{
      {0x132, "IJ"},   {0x133, "ij"},   {0x149, "\u02BCn"},  {0x1C4, "D\u017D"}, {0x1C5, "D\u017E"}, {0x1C6, "d\u017E"},
      {0x1C7, "LJ"},   {0x1C8, "Lj"},   {0x1C9, "lj"},       {0x1CA, "NJ"},      {0x1CB, "Nj"},      {0x1CC, "nj"},
      {0x1F1, "DZ"},   {0x1F2, "Dz"},   {0x1F3, "dz"},       {0xFB00, "ff"},     {0xFB01, "fi"},     {0xFB02, "fl"},
      {0xFB03, "ffi"}, {0xFB04, "ffl"}, {0xFB05, "\u017Ft"}, {0xFB06, "st"},
  }};
  if (c < k_ligatures.front().first) return nullptr;
  const auto found =
      std::find_if(k_ligatures.begin(), k_ligatures.end(), [&](const auto& entry) { return entry.first == c; });
  return found == k_ligatures.end() ? nullptr : found->second;
}

std::string without_ligatures(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    if (const char* letters = ligature(c)) {
      out += letters;
    } else {
      json::append_utf8(out, c);
    }
  });
}

/// Halfwidth and fullwidth forms in their usual width.
std::string in_usual_width(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    constexpr UChar32 k_first = 0xFF01, k_last = 0xFFEF, k_ideographic_space = 0x3000;
    std::string letter;
    json::append_utf8(letter, static_cast<std::uint32_t>(c == k_ideographic_space ? UChar32{0x20} : c));
    out += c >= k_first && c <= k_last ? to_current_nfkc(letter) : letter;
  });
}

std::string with_straight_quotes(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    if (c >= 0x201C && c <= 0x201F) {
      out += '"';
    } else if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) {
      out += '\'';
    } else {
      json::append_utf8(out, c);
    }
  });
}

/// CR LF, CR, and the separators of Unicode become LF.
std::string with_unix_line_breaks(std::string_view text) {
  bool after_cr = false;
  return each_replaced(text, [&](UChar32 c, std::string& out) {
    const bool ends_pair = std::exchange(after_cr, c == '\r') && c == '\n';
    if (c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85) {
      out += '\n';
    } else if (!ends_pair) {
      json::append_utf8(out, c);
    }
  });
}

/// The length of a sequence ESC [ digits and semicolons, letter, that `text` begins with; 0: none.
std::size_t terminal_escape(std::string_view text) {
  if (!text.starts_with("\x1B[")) return 0;
  for (std::size_t at = 2; at < text.size();) {
    const std::size_t start = at;
    const UChar32 c = next_code_point(text, at);
    if (u_charType(c) == U_DECIMAL_DIGIT_NUMBER || c == ';') continue;
    const char letter = text[start];
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ? at : 0;
  }
  return 0;
}

std::string without_terminal_escapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t length = terminal_escape(text.substr(at)); length > 0) {
      at += length;
    } else {
      out += text[at++];
    }
  }
  return out;
}

bool is_removed_control(UChar32 c) {
  return c <= 8 || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

std::string without_control_characters(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    if (!is_removed_control(c)) json::append_utf8(out, c);
  });
}

/// C1 control characters are what Windows-1252 has at their bytes; HTML's numbers have the same rule.
std::string without_c1_controls(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    if (c >= 0x80 && c <= 0x9F) {
      out += unescape_html("&#" + std::to_string(c) + ";");
    } else {
      json::append_utf8(out, c);
    }
  });
}

/// One line, until nothing changes any more, but at most k_max_passes times: each layer of "&amp;amp;" takes a pass over
/// the whole line.
std::string fixed_line(std::string text, bool unescapes_html) {
  constexpr int k_max_passes = 8;
  for (int pass = 1;; ++pass) {
    std::string fixed = unescapes_html ? unescape_complete_html(text) : text;
    if (is_ascii(fixed)) {
      fixed = with_unix_line_breaks(fixed);
    } else {
      fixed =
          with_unix_line_breaks(with_straight_quotes(in_usual_width(without_ligatures(without_c1_controls(fixed)))));
    }
    fixed = without_control_characters(without_terminal_escapes(fixed));
    if (!is_ascii(fixed)) fixed = to_current_nfc(fixed);
    if (fixed == text || pass == k_max_passes) return fixed;
    text = std::move(fixed);
  }
}

/// ftfy's fix_text. A "<" in a line is taken for a tag: references in it and in all later lines stay.
std::string fixed_text(std::string_view text) {
  std::string out;
  bool unescapes_html = true;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t length = std::min(line.size() + 1, text.size());
    unescapes_html = unescapes_html && line.find('<') == std::string_view::npos;
    out += fixed_line(std::string(text.substr(0, length)), unescapes_html);
    text.remove_prefix(length);
  }
  return out;
}

std::string without_punctuation(std::string_view text) {
  return each_replaced(text, [](UChar32 c, std::string& out) {
    if (c == '_') {
      out += ' ';
    } else if (!is_ascii_punctuation(c)) {
      json::append_utf8(out, c);
    }
  });
}

}  // namespace

std::string with_single_spaces(std::string_view text) {
  bool blank = false;
  return each_replaced(text, [&](UChar32 c, std::string& out) {
    if (is_python_space(c)) {
      blank = !out.empty();
      return;
    }
    if (std::exchange(blank, false)) out += ' ';
    json::append_utf8(out, c);
  });
}

std::string cleaned(std::string_view text, Cleaning cleaning) {
  const std::string basic = unescape_html(unescape_html(fixed_text(text)));
  switch (cleaning) {
    case Cleaning::lower:
      return to_lower(with_single_spaces(basic));
    case Cleaning::whitespace:
      break;
    case Cleaning::canonicalize:
      return with_single_spaces(to_lower(without_punctuation(basic)));
  }
  return with_single_spaces(basic);
}

}  // namespace sightline::models
