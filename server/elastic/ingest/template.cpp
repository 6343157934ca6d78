#include "server/elastic/ingest/template.h"

#include <algorithm>

#include "server/elastic/inference/settings_reader.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string escaped(const std::string& text) {
  std::string json;
  rest::append_json_string(json, text);
  return json.substr(1, json.size() - 2);
}

}  // namespace

Answer<Template> Template::compile(std::string_view text) {
  Template compiled;
  const std::string whole(text);
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    if (open != 0) compiled.parts_.push_back({std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    text.remove_prefix(open + 2);
    const bool triple = text.starts_with('{');
    if (triple) text.remove_prefix(1);
    const std::string_view mark = triple ? "}}}" : "}}";
    const std::size_t close = text.find(mark);
    if (close == std::string_view::npos)
      return illegal_argument("template [" + whole + "] has a tag that is not closed");
    std::string_view tag = trimmed(text.substr(0, close));
    text.remove_prefix(close + mark.size());
    const bool ampersand = !triple && tag.starts_with('&');
    if (ampersand) tag = trimmed(tag.substr(1));
    if (tag.empty() || std::string_view("#^/>!=").find(tag.front()) != std::string_view::npos) {
      return illegal_argument("template [" + whole +
                              "] has a tag other than {{field}}, which is not supported here");
    }
    compiled.parts_.push_back({std::string(tag), true, triple || ampersand});
  }
  return compiled;
}

bool Template::is_plain() const {
  return std::none_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.is_path; });
}

std::string Template::render(const IngestDocument& document, bool json_escape) const {
  std::string text;
  for (const auto& part : parts_) {
    if (!part.is_path) {
      text += part.text;
      continue;
    }
    const auto value = document.get(part.text);
    if (!value || (*value)->IsNull()) continue;
    const std::string shown = java_text(**value);
    text += json_escape && !part.raw ? escaped(shown) : shown;
  }
  return text;
}

}  // namespace sightline::elastic
