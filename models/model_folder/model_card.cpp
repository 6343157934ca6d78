#include "models/model_folder/model_card.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <span>
#include <sstream>
#include <string_view>

#include "base/ascii_lower.h"
#include "base/json/utf8.h"
#include "base/trimmed.h"
#include "models/files/file.h"

namespace sightline::models {
namespace {

constexpr std::size_t k_max_card_bytes = 64u << 10;
constexpr std::size_t k_max_description_bytes = 400;
constexpr std::size_t k_max_license_bytes = 100;

std::string kept(std::string_view text, std::size_t max_bytes) {
  return text.size() <= max_bytes && !json::find_invalid_utf8(text) ? std::string(text) : std::string();
}

std::string_view unquoted(std::string_view value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return quoted ? value.substr(1, value.size() - 2) : value;
}

/// A line of the YAML between the two "---". Only plain `key: value` lines without indentation count.
void read_front_matter_line(std::string_view line, ModelCard& card) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view value = unquoted(trimmed(line.substr(colon + 1), " \t\r\n"));
  const std::string_view key = line.substr(0, colon);
  const bool is_unnamed = card.license.empty() || card.license == "other";
  // "license: other" has its name in license_name.
  if ((key == "license" && (is_unnamed || value != "other")) || (key == "license_name" && is_unnamed))
    card.license = kept(value, k_max_license_bytes);
  if (key == "demo") card.demo = value == "true";
}

/// Ends at the first full stop before a space or the end.
std::string_view first_sentence(std::string_view paragraph) {
  for (std::size_t i = 0; i < paragraph.size(); ++i) {
    const bool stop = paragraph[i] == '.' || paragraph[i] == '!' || paragraph[i] == '?';
    if (stop && (i + 1 == paragraph.size() || paragraph[i + 1] == ' ')) return paragraph.substr(0, i + 1);
  }
  return paragraph;
}

/// Excludes headings, tables, lists, quotes, HTML, pictures and code.
bool is_prose(std::string_view line) {
  return !line.empty() && std::string_view("#|-*+>!<`=[").find(line.front()) == std::string_view::npos;
}

}  // namespace

ModelCard read_model_card(const std::filesystem::path& folder) {
  ModelCard card;
  const auto file = File::open(folder / "README.md");
  if (!file) return card;
  std::string beginning(std::min<std::uint64_t>((*file)->size(), k_max_card_bytes), '\0');
  if (!(*file)->read(0, std::as_writable_bytes(std::span(beginning)))) return card;
  std::istringstream lines(std::move(beginning));

  std::string line, paragraph;
  bool front_matter = false;
  for (std::size_t number = 0; std::getline(lines, line); ++number) {
    const std::string_view text = trimmed(line, " \t\r\n");
    if (text == "---" && (number == 0 || front_matter)) {
      front_matter = number == 0;
    } else if (front_matter) {
      read_front_matter_line(line, card);
    } else if (is_prose(text)) {
      paragraph += (paragraph.empty() ? "" : " ") + std::string(text);
    } else if (!paragraph.empty()) {
      break;
    }
  }
  card.description = kept(first_sentence(paragraph), k_max_description_bytes);
  return card;
}

bool is_non_commercial(std::string_view license) {
  const std::string name = ascii_lower(license);
  // "cc-by-nc-4.0", "CC BY-NC-SA 4.0", "cc_by_nc4"
  std::string plain;
  std::copy_if(name.begin(), name.end(), std::back_inserter(plain),
               [](char c) { return c != '-' && c != '_' && c != ' '; });
  const std::size_t at = plain.find("ccbync");
  constexpr std::size_t k_size = 6;
  if (at == std::string::npos) return false;
  const std::string_view rest = std::string_view(plain).substr(at + k_size);
  return rest.empty() || !std::isalpha(static_cast<unsigned char>(rest.front())) || rest.starts_with("sa") ||
         rest.starts_with("nd");
}

}  // namespace sightline::models
