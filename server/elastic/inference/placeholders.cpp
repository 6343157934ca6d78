#include "server/elastic/inference/placeholders.h"

#include <optional>
#include <vector>

namespace sightline::elastic {
namespace {

constexpr std::string_view k_prefix = "${";
constexpr std::string_view k_default_mark = ":-";

ElasticError illegal_state(std::string reason) {
  return {500, "illegal_state_exception", std::move(reason)};
}

/// A template taken apart: texts to put behind each other, of the template and of the values.
struct Pieces {
  std::vector<std::string_view> texts;
  std::string_view left;  ///< the first placeholder without a value, on one line
};

/// What replaces the inside of a placeholder; nothing if there is no such name.
std::optional<std::string_view> value_of(std::string_view expression, const PlaceholderValues& values) {
  std::string_view name = expression;
  std::optional<std::string_view> otherwise;
  // A nested placeholder ends the search for a default, as in StringSubstitutor without substitution in
  // names.
  const std::size_t mark = expression.find(k_default_mark);
  if (mark != std::string_view::npos && expression.find(k_prefix) >= mark) {
    name = expression.substr(0, mark);
    otherwise = expression.substr(mark + k_default_mark.size());
  }
  if (const auto found = values.find(name); found != values.end()) return found->second;
  return otherwise;
}

Pieces taken_apart(std::string_view text, const PlaceholderValues& values) {
  Pieces pieces;
  const auto leave = [&](std::string_view placeholder) {
    pieces.texts.push_back(placeholder);
    if (pieces.left.empty() && placeholder.find_first_of("\n\r") == std::string_view::npos) pieces.left = placeholder;
  };
  while (true) {
    const std::size_t begin = text.find(k_prefix);
    const std::size_t end = begin == std::string_view::npos ? begin : text.find('}', begin);
    if (end == std::string_view::npos) break;
    const auto placeholder = text.substr(begin, end + 1 - begin);
    const auto plain = text.substr(0, begin);
    text.remove_prefix(end + 1);
    if (plain.ends_with('$')) {  // an escape: the placeholder stays as it is, without this `$`
      pieces.texts.push_back(plain.substr(0, plain.size() - 1));
      leave(placeholder);
      continue;
    }
    pieces.texts.push_back(plain);
    const auto expression = placeholder.substr(k_prefix.size(), placeholder.size() - k_prefix.size() - 1);
    if (const auto value = value_of(expression, values)) {
      pieces.texts.push_back(*value);
    } else {
      leave(placeholder);
    }
  }
  pieces.texts.push_back(text);
  return pieces;
}

}  // namespace

bool holds_placeholder(std::string_view text) {
  const std::size_t begin = text.find(k_prefix);
  return begin != std::string_view::npos && text.find('}', begin) != std::string_view::npos;
}

Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values, std::string_view field,
                                      FillLimit& limit) {
  const Pieces pieces = taken_apart(text, values);
  if (!pieces.left.empty()) {
    return illegal_state(
        "Found placeholder [" + std::string(pieces.left.substr(0, 256)) + "] in field [" + std::string(field) +
        "] after replacement call, please check that all templates have a corresponding field definition.");
  }
  std::size_t bytes = 0;
  for (const auto piece : pieces.texts) {
    if (piece.size() > limit.max_bytes - limit.used - bytes) {
      return illegal_argument(std::string(limit.texts) + " over " + std::to_string(limit.max_bytes) +
                              " bytes when placeholders are replaced");
    }
    bytes += piece.size();
  }
  limit.used += bytes;
  std::string filled;
  filled.reserve(bytes);
  for (const auto piece : pieces.texts) filled += piece;
  return filled;
}

Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values, std::string_view field) {
  FillLimit limit;
  return fill_placeholders(text, values, field, limit);
}

}  // namespace sightline::elastic
