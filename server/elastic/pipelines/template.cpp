#include "server/elastic/pipelines/template.h"

#include "base/json/document.h"
#include "base/json/utf8.h"
#include "base/json/writer.h"
#include "base/trimmed.h"
#include "server/elastic/inference/settings_reader.h"

namespace sightline::elastic {

namespace {

std::string escaped_for_json(std::string_view whole) {
  std::string escaped;
  const auto append = [&escaped](std::string_view part) {
    const std::string json = json::json_string(part);
    escaped.append(json, 1, json.size() - 2);
  };
  // Half of a surrogate pair is a character like others.
  std::size_t done = 0;
  for (std::size_t at = whole.find('\xED'); at != std::string_view::npos; at = whole.find('\xED', at + 1)) {
    if (json::lone_surrogate(whole.substr(at)) == 0) continue;
    append(whole.substr(done, at - done));
    done = at + json::k_surrogate_bytes;
    escaped += whole.substr(at, json::k_surrogate_bytes);
  }
  append(whole.substr(done));
  return escaped;
}

/// As Java's URLEncoder leaves it.
bool stays_in_form(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '*' || c == '_';
}

std::string encoded_for_form(std::string_view text) {
  constexpr std::string_view k_digits = "0123456789ABCDEF";
  std::string made;
  for (const char c : text) {
    if (stays_in_form(c) || c == ' ') {
      made += c == ' ' ? '+' : c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      made += {'%', k_digits[byte >> 4], k_digits[byte & 15]};
    }
  }
  return made;
}

std::size_t encoded_size(std::string_view text, Encoding encoding) {
  if (encoding == Encoding::plain) return text.size();
  if (encoding == Encoding::json) return json_size(text);
  std::size_t bytes = 0;
  for (const char c : text) bytes += stays_in_form(c) || c == ' ' ? 1 : 3;
  return bytes;
}

}  // namespace

std::optional<Encoding> encoding_of(std::string_view media_type) {
  if (media_type == "application/json") return Encoding::json;
  if (media_type == "text/plain") return Encoding::plain;
  if (media_type == "application/x-www-form-urlencoded") return Encoding::form;
  return {};
}

std::string encoded(std::string_view text, Encoding encoding) {
  if (encoding == Encoding::json) return escaped_for_json(text);
  return encoding == Encoding::form ? encoded_for_form(text) : std::string(text);
}

std::optional<TemplateTag> next_tag(std::string_view text, std::size_t from) {
  TemplateTag tag;
  tag.begin = text.find("{{", from);
  if (tag.begin == std::string_view::npos) return {};
  const bool triple = text.substr(tag.begin + 2).starts_with('{');
  const std::size_t inside = tag.begin + (triple ? 3 : 2);
  const std::string_view mark = triple ? "}}}" : "}}";
  const std::size_t close = text.find(mark, inside);
  if (close == std::string_view::npos) return tag;
  tag.end = close + mark.size();
  tag.text = trimmed(text.substr(inside, close - inside), " ");
  const bool ampersand = !triple && tag.text.starts_with('&');
  if (ampersand) tag.text = trimmed(tag.text.substr(1), " ");
  tag.raw = triple || ampersand;
  return tag;
}

Answer<Template> Template::compile(std::string_view text) {
  Template compiled;
  const std::string whole(text);
  std::size_t at = 0;
  while (const auto tag = next_tag(text, at)) {
    if (tag->begin > at) compiled.parts_.push_back({whole.substr(at, tag->begin - at)});
    if (tag->end == 0) return illegal_argument("template [" + whole + "] has a tag that is not closed");
    if (tag->text.empty() || std::string_view("#^/>!=").find(tag->text.front()) != std::string_view::npos) {
      return illegal_argument("template [" + whole + "] has a tag other than {{field}}, which is not supported");
    }
    compiled.parts_.push_back({std::string(tag->text), true, tag->raw});
    at = tag->end;
  }
  if (at < text.size()) compiled.parts_.push_back({whole.substr(at)});
  return compiled;
}

std::optional<std::string> Template::plain_text() const {
  std::string text;
  for (const auto& part : parts_) {
    if (part.is_path) return {};
    text += part.text;
  }
  return text;
}

std::optional<std::string> Template::render(const IngestDocument& document, Encoding encoding,
                                            std::size_t max_bytes) const {
  std::string text;
  document.count_members(parts_.size());
  const auto fits = [&](std::size_t bytes) { return bytes <= max_bytes - text.size(); };
  for (const auto& part : parts_) {
    if (!part.is_path) {
      if (!fits(part.text.size())) return {};
      text += part.text;
      continue;
    }
    const auto value = document.get(part.text);
    if (!value || (*value)->IsNull()) continue;
    std::string made;
    std::string_view shown;
    if (json::is_text(**value)) {
      shown = {(*value)->GetString(), (*value)->GetStringLength()};
    } else {
      shown = made = java_text(**value);
    }
    document.count_bytes(shown.size());
    const Encoding own = part.raw ? Encoding::plain : encoding;
    if (!fits(encoded_size(shown, own))) return {};
    if (own == Encoding::plain) {
      text += shown;
    } else {
      text += encoded(shown, own);
    }
  }
  return text;
}

Answer<std::string> Template::name(const IngestDocument& document) const {
  if (auto text = render(document, Encoding::plain, k_longest_name)) return *std::move(text);
  return illegal_argument("a path, name or message that a template produces from the document has more than [" +
                          std::to_string(k_longest_name) + "] bytes");
}

}  // namespace sightline::elastic
