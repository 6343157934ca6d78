#include "server/elastic/inference/inference_input.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/data_url.h"
#include "base/file_kind.h"
#include "base/json/builder.h"

namespace sightline::elastic {
namespace {

constexpr std::array<std::pair<std::string_view, InputType>, 5> k_input_types{
    {{"ingest", InputType::ingest},
     {"search", InputType::search},
     {"classification", InputType::classification},
     {"clustering", InputType::clustering},
     {"unspecified", InputType::unspecified}}};
constexpr std::size_t k_units_per_token = 3;

/// Half a picture is none: what only begins as one is not cut either.
bool is_picture(std::string_view text) {
  return read_data_url(text) || marked_base64_picture_format(text);
}

/// UTF-16 units that begin with that byte of UTF-8; Java counts text in them.
std::size_t units_of(char byte) {
  const auto c = static_cast<unsigned char>(byte);
  return (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
}

/// The text's beginning, of at most so many UTF-16 units; no character is split.
std::string_view first_units(std::string_view text, std::size_t max_units) {
  std::size_t units = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    units += units_of(text[i]);
    if (units > max_units) return text.substr(0, i);
  }
  return text;
}

}  // namespace

std::optional<InputType> input_type_of(std::string_view word) {
  for (const auto& [name, type] : k_input_types) {
    if (name == word) return type;
  }
  return {};
}

std::string_view word_of(InputType type) {
  for (const auto& [name, known] : k_input_types) {
    if (known == type) return name;
  }
  return {};
}

std::string inputs_json(const InferenceInput& input) {
  if (!input.one_vector) return json::Builder().value(input.texts).text();
  json::Builder out;
  out.array().object().array("content");
  for (const std::string_view text : input.texts) {
    out.object();
    if (is_picture(text)) {
      out.member("type", "image_url").object("image_url").member("url", text).end();
    } else {
      out.member("type", "text").member("text", text);
    }
    out.end();
  }
  return out.text();
}

void cut_to_tokens(InferenceInput& input, int max_tokens) {
  const auto max_units = static_cast<std::size_t>(std::max(max_tokens, 0)) * k_units_per_token;
  for (auto& text : input.texts) {
    if (!is_picture(text)) text = first_units(text, max_units);
  }
}

bool cut_in_half(InferenceInput& input) {
  if (std::any_of(input.texts.begin(), input.texts.end(), is_picture)) return false;
  for (auto& text : input.texts) {
    std::size_t units = 0;
    for (const char byte : text) units += units_of(byte);
    text = first_units(text, units / 2);
  }
  return true;
}

}  // namespace sightline::elastic
