#include "ingest/file_names.h"

#include <algorithm>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>
#include <vector>

#include "base/json/utf8.h"
#include "base/split.h"

namespace sightline::ingest {
namespace {

void append_escaped(std::string& out, char c) {
  constexpr char k_hex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += {'\\', 'x', k_hex[byte >> 4], k_hex[byte & 15]};
}

std::string escaped(std::string_view bytes, bool control_characters) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto first = static_cast<unsigned char>(bytes.front());
    const std::size_t length = first < 0x80 ? 1 : json::utf8_sequence(bytes.substr(0, 4));
    const bool control = first < 0x20 || first == 0x7F || (first == 0xC2 && length == 2 && bytes[1] < '\xA0');
    if (length == 0 || (control && control_characters)) {
      for (const char c : bytes.substr(0, std::max<std::size_t>(1, length))) append_escaped(out, c);
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

/// Also what no one sees: the byte order mark and the space of no width.
bool is_blank(UChar32 c) {
  return u_isUWhiteSpace(c) || u_iscntrl(c) || c == 0xFEFF || c == 0x200B;
}

std::string_view trimmed(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  int begin = 0, end = static_cast<int>(text.size());
  while (begin < end) {
    int next = begin;
    UChar32 c = 0;
    U8_NEXT(bytes, next, end, c);
    if (c < 0 || !is_blank(c)) break;
    begin = next;
  }
  while (end > begin) {
    int before = end;
    UChar32 c = 0;
    U8_PREV(bytes, begin, before, c);
    if (c < 0 || !is_blank(c)) break;
    end = before;
  }
  return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::string composed(const icu::UnicodeString& text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const nfc = icu::Normalizer2::getNFCInstance(error);
  const icu::UnicodeString normal = U_SUCCESS(error) ? nfc->normalize(text, error) : text;
  std::string utf8;
  (U_SUCCESS(error) ? normal : text).toUTF8String(utf8);
  return utf8;
}

}  // namespace

std::string utf8_name(std::string_view bytes) {
  return escaped(bytes, false);
}

std::string printable(std::string_view bytes) {
  return escaped(bytes, true);
}

std::string canonical_path(std::string_view path) {
  std::string slashed(trimmed(path));
  std::replace(slashed.begin(), slashed.end(), '\\', '/');
  std::vector<std::string> parts;
  for (std::string& part : split(slashed, '/')) {
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".") {
      parts.push_back(std::move(part));
    }
  }
  std::string clean = slashed.starts_with('/') ? "/" : "";
  for (const std::string& part : parts) {
    if (&part != &parts.front()) clean += '/';
    clean += part;
  }
  return composed(icu::UnicodeString::fromUTF8(clean));
}

std::string folded_path(std::string_view path) {
  return composed(icu::UnicodeString::fromUTF8(canonical_path(path)).foldCase(U_FOLD_CASE_DEFAULT));
}

std::string_view file_name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return limit + 1;
  // Wagner and Fischer, 1974, row by row.
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) row[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    std::size_t diagonal = row[0], best = row[0] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[i];
      row[i] = std::min({replaced, row[i] + 1, row[i - 1] + 1});
      best = std::min(best, row[i]);
    }
    if (best > limit) return limit + 1;
  }
  return std::min(row[a.size()], limit + 1);
}

}  // namespace sightline::ingest
