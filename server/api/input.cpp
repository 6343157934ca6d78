#include "server/api/input.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>

#include "base/base64.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

using serving::Input;
using serving::Modality;

constexpr std::string_view k_data_image = "data:image/";
constexpr std::string_view k_base64_marker = ";base64";
constexpr std::size_t k_longest_data_header = 256;  // "data:image/svg+xml;charset=utf-8;base64,"
constexpr std::size_t k_sniffed_characters = 40;    // 30 bytes, what picture_format wants
constexpr std::size_t k_base64_line = 4;
// What Elasticsearch sends when an endpoint is made, to learn the length of its vectors
// (TextEmbeddingModelValidator). An endpoint for pictures alone must pass this test too.
constexpr std::string_view k_validation_text = "how big";

Error bad(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}
Error unsupported(std::string message) {
  return {ErrorCode::unsupported, std::move(message)};
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

bool is_url(std::string_view text) {
  return begins_with(text, "http://") || begins_with(text, "https://");
}

Result<Input> text_input(std::string_view text, const InputLimits& limits) {
  if (text.size() > limits.max_text_bytes) {
    return Error{ErrorCode::too_large, "the text has " + std::to_string(text.size()) +
                                           " bytes, the limit is " + std::to_string(limits.max_text_bytes) +
                                           ": cut it into shorter ones"};
  }
  return Input{Modality::text, std::string(text)};
}

Result<Input> base64_picture(std::string_view base64, const InputLimits& limits) {
  if (base64.empty()) return bad("the picture is empty");
  if (base64.size() / 4 * 3 > limits.max_image_bytes + k_base64_line) {
    return Error{ErrorCode::too_large, "the picture has about " + std::to_string(base64.size() / 4 * 3) +
                                           " bytes, the limit is " + std::to_string(limits.max_image_bytes) +
                                           ": send a smaller one"};
  }
  auto bytes = base64_decode(base64);
  if (!bytes) return bad("the picture is " + bytes.error().message);
  return Input{Modality::image, *std::move(bytes)};
}

/// The part after the comma of `data:image/...;base64,`. Nullopt: no data URI of a picture, a text that
/// begins so.
std::optional<Result<std::string_view>> data_uri_payload(std::string_view text) {
  if (!begins_with(text, k_data_image)) return std::nullopt;
  const std::size_t comma = text.substr(0, k_longest_data_header).find(',');
  const std::string_view header = text.substr(0, comma);
  if (comma == std::string_view::npos || header.find(' ') != std::string_view::npos) return std::nullopt;
  if (header.size() < k_base64_marker.size() ||
      !begins_with(header.substr(header.size() - k_base64_marker.size()), k_base64_marker)) {
    return Result<std::string_view>(
        unsupported("a data URI of a picture must end its header in ;base64 (it is [" +
                    std::string(header.substr(0, 80)) + "])"));
  }
  return Result<std::string_view>(text.substr(comma + 1));
}

bool looks_like_base64_picture(std::string_view text) {
  if (text.size() < k_sniffed_characters) return false;
  const auto head = base64_decode(text.substr(0, k_sniffed_characters));
  return head.ok() && !picture_format(*head).empty();
}

/// `text` is meant to be a picture.
Result<Input> picture(std::string_view text, const InputLimits& limits) {
  if (auto payload = data_uri_payload(text)) {
    if (!*payload) return payload->error();
    return base64_picture(**payload, limits);
  }
  if (is_url(text)) {
    return unsupported(
        "a URL: this server does not fetch pictures; send the picture itself, as data:image/...;base64,");
  }
  return base64_picture(text, limits);
}

Result<Input> string_input(std::string_view text, ModalityRule rule, const InputLimits& limits) {
  if (rule == ModalityRule::image && text != k_validation_text) return picture(text, limits);
  if (rule == ModalityRule::automatic && (data_uri_payload(text) || looks_like_base64_picture(text))) {
    return picture(text, limits);
  }
  return text_input(text, limits);
}

/// The string behind `name`, or behind `name`.`inner` if that is an object.
Result<std::string_view> text_member(const rapidjson::Value& object, const char* name,
                                     const char* inner = nullptr) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd()) return bad(std::string("[") + name + "] is missing");
  if (inner && member->value.IsObject()) return text_member(member->value, inner);
  if (!member->value.IsString()) {
    return bad(std::string("[") + name + "] must be a string, not " + type_name(member->value));
  }
  return as_view(member->value);
}

const char* first_member(const rapidjson::Value& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (object.HasMember(name)) return name;
  }
  return *names.begin();
}

Result<Input> typed_object(const rapidjson::Value& object, std::string_view type, const InputLimits& limits) {
  if (type == "text" || type == "input_text") {
    const auto text = text_member(object, first_member(object, {"text", "value"}));
    return text ? text_input(*text, limits) : text.error();
  }
  if (type == "image" || type == "image_url" || type == "input_image") {
    const auto text = text_member(object, first_member(object, {"image_url", "image", "value"}), "url");
    return text ? picture(*text, limits) : text.error();
  }
  return unsupported("content of type [" + std::string(type.substr(0, 40)) + "]: there are text and image");
}

/// One text or picture: a string, or an object that says what it is.
Result<Input> part_input(const rapidjson::Value& part, ModalityRule rule, const InputLimits& limits) {
  if (part.IsString()) return string_input(as_view(part), rule, limits);
  if (!part.IsObject() || part.HasMember("content")) {
    return bad(std::string("[content] must be an object with type and value, not ") + type_name(part));
  }
  if (const auto type = part.FindMember("type"); type != part.MemberEnd()) {
    if (!type->value.IsString())
      return bad(std::string("[type] must be a string, not ") + type_name(type->value));
    return typed_object(part, as_view(type->value), limits);
  }
  const bool text = part.HasMember("text"), image = part.HasMember("image");
  if (text && image) {
    return unsupported(
        "both [text] and [image] in one object: for one vector of both send "
        "{\"content\":[{\"text\":...},{\"image\":...}]}");
  }
  if (text || image) return typed_object(part, text ? "text" : "image", limits);
  return bad(
      "an object without [type]: send {\"type\":\"text\",\"text\":...} or "
      "{\"type\":\"image\",\"image\":...}");
}

/// What is wrong with something that is neither a string nor an object.
Error neither(const rapidjson::Value& value) {
  if (value.IsNumber() || value.IsArray()) {
    return bad(std::string(type_name(value)) +
               " where a string or a content object belongs: token ids are not accepted");
  }
  return bad(std::string("must be a string or a content object, not ") + type_name(value));
}

Error at_place(const std::string& place, const Error& error) {
  return {error.code, place + ": " + error.message};
}

std::size_t parts_of(const rapidjson::Value& value) {
  if (!value.IsObject()) return 1;
  const auto content = value.FindMember("content");
  return content != value.MemberEnd() && content->value.IsArray() ? content->value.Size() : 1;
}

}  // namespace

std::string_view picture_format(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 30) return {};
  // A JPEG's first marker is followed by another one.
  if (bytes.substr(0, 3) == "\xFF\xD8\xFF") return at(3) >= 0xC0 && at(3) != 0xFF ? "jpeg" : "";
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1A\n") return "png";
  if (bytes.substr(0, 6) == "GIF87a" || bytes.substr(0, 6) == "GIF89a") return "gif";
  if (bytes.substr(0, 4) == "RIFF") return bytes.substr(8, 4) == "WEBP" ? "webp" : "";
  if (bytes.substr(0, 2) != "BM") return {};
  // Two letters prove nothing: BMP's reserved bytes are zero and its second header has one of a few sizes.
  const auto sizes = {12, 40, 52, 56, 64, 108, 124};
  const bool bmp = at(6) + at(7) + at(8) + at(9) == 0 && at(15) + at(16) + at(17) == 0 &&
                   std::find(sizes.begin(), sizes.end(), at(14)) != sizes.end();
  return bmp ? "bmp" : "";
}

Result<Content> read_content(const rapidjson::Value& value, ModalityRule rule, const InputLimits& limits,
                             const std::string& place) {
  if (!value.IsString() && !value.IsObject()) return at_place(place, neither(value));
  const rapidjson::Value* only = &value;
  if (value.IsObject()) {
    if (const auto content = value.FindMember("content"); content != value.MemberEnd()) {
      only = &content->value;
    }
  }
  const bool many = only->IsArray();
  if (many && only->Empty()) return at_place(place, bad("[content] has no parts: send a text or a picture"));
  const rapidjson::SizeType count = many ? only->Size() : 1;
  Content content{place, {}};
  content.parts.reserve(count);
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    const std::string part_place = count == 1 ? place : place + ", part " + std::to_string(i);
    auto part = part_input(many ? (*only)[i] : *only, rule, limits);
    if (!part) return at_place(part_place, part.error());
    part->place = part_place;
    content.parts.push_back(*std::move(part));
  }
  return content;
}

Result<std::vector<Content>> read_contents(const rapidjson::Value& input, ModalityRule rule,
                                           const InputLimits& limits, const InputWords& words) {
  const bool many = input.IsArray();
  const std::string member = std::string("[") + words.member + "]";
  const rapidjson::SizeType count = many ? input.Size() : 1;
  if (count == 0) return bad(member + " is an empty array: send at least one text or picture");
  if (many && (input[0].IsNumber() || input[0].IsArray())) {
    return bad(member + " holds token ids: this server takes texts and pictures, not tokens");
  }
  std::size_t parts = 0;
  for (rapidjson::SizeType i = 0; i < count; ++i) parts += parts_of(many ? input[i] : input);
  if (parts > limits.max_inputs) {
    return Error{ErrorCode::too_large, member + " has " + std::to_string(parts) + " inputs, the limit is " +
                                           std::to_string(limits.max_inputs) + ": send several requests"};
  }
  std::vector<Content> contents;
  contents.reserve(count);
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    const std::string place = words.item + (" " + std::to_string(i));
    auto content = read_content(many ? input[i] : input, rule, limits, place);
    if (!content) return content.error();
    contents.push_back(*std::move(content));
  }
  return contents;
}

}  // namespace sightline::api
