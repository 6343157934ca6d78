#include "server/api/input.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/base64.h"
#include "base/data_url.h"
#include "base/file_kind.h"
#include "base/picture_text.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

using serving::Input;
using serving::Modality;

// What Elasticsearch sends when an endpoint is made, to learn the length of its vectors
// (TextEmbeddingModelValidator). An endpoint for pictures alone must pass this test too.
constexpr std::string_view k_validation_text = "how big";

Error bad(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}
Error unsupported(std::string message) {
  return {ErrorCode::unsupported, std::move(message)};
}

/// As much of `text` as a message bears, in brackets.
std::string shown(std::string_view text) {
  constexpr std::size_t k_shown = 80;
  std::size_t end = std::min(text.size(), k_shown);
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not inside a character
  return "[" + std::string(text.substr(0, end)) + (end < text.size() ? "...]" : "]");
}

Result<Input> text_input(std::string_view text, const InputLimits& limits) {
  if (text.size() > limits.max_text_bytes) {
    return Error{ErrorCode::too_large, "the text has " + std::to_string(text.size()) +
                                           " bytes, the limit is " + std::to_string(limits.max_text_bytes) +
                                           ": cut it into shorter ones"};
  }
  return Input{Modality::text, std::string(text)};
}

Error too_large_picture(std::size_t bytes, const InputLimits& limits) {
  return {ErrorCode::too_large, "the picture has about " + std::to_string(bytes) + " bytes, the limit is " +
                                    std::to_string(limits.max_image_bytes) + ": send a smaller one"};
}

/// Encoded data that cannot become less than the limit are refused before memory is taken for them.
Status check_encoded_size(std::string_view encoded, const InputLimits& limits) {
  constexpr std::size_t k_most_blanks = 32;  // one in so many characters, with lines of 76
  const std::size_t bytes = encoded.size() / 4 * 3;
  if (bytes <= limits.max_image_bytes + limits.max_image_bytes / k_most_blanks + 4) return {};
  return too_large_picture(bytes, limits);
}

Result<Input> checked_picture(std::string bytes, const InputLimits& limits) {
  if (bytes.empty()) return bad("the picture is empty");
  if (bytes.size() > limits.max_image_bytes) return too_large_picture(bytes.size(), limits);
  return Input{Modality::image, std::move(bytes)};
}

Error no_picture(const DataUrl& url, std::string_view bytes) {
  const auto kind = other_kind(bytes);
  const std::string what = kind ? "are " + std::string(*kind) : "begin with " + first_bytes(bytes);
  return bad("the data URL " + shown_header(url) +
             " holds no picture: its header does not say ;base64, and its data " + what +
             "; send data:image/jpeg;base64,..., or set [modality] to text if this is a text");
}

Result<Input> data_url_picture(const DataUrl& url, const InputLimits& limits) {
  const bool may_shrink = url.payload.find('%') != std::string_view::npos;
  if (const Status fits = check_encoded_size(url.payload, limits); !fits && !may_shrink) return fits.error();
  constexpr std::string_view k_usual = "data:image/";
  const bool is_usual = url.header.starts_with(k_usual) && url.has_comma;
  auto bytes = decode_payload(url);
  if (!bytes) {
    return bad((is_usual ? "the picture is " : "the data URL " + shown_header(url) + " cannot be read: ") +
               bytes.error().message);
  }
  if (!url.is_base64 && !picture_format(*bytes)) return no_picture(url, *bytes);
  auto picture = checked_picture(*std::move(bytes), limits);
  // What is wrong with the bytes shows when they are decoded: a header that hides what they are is named
  // then.
  if (picture && !is_usual) picture->place = " " + shown_header(url);
  return picture;
}

/// `text` is meant to be a picture.
Result<Input> picture(std::string_view text, const InputLimits& limits) {
  if (const auto url = read_data_url(text)) return data_url_picture(*url, limits);
  if (is_picture_address(text)) {
    return unsupported(
        "this looks like the address of a picture, " + shown(text) +
        ": this server fetches nothing; send the picture itself, as data:image/jpeg;base64,... or "
        "in bare base64");
  }
  text = without_outer_blanks(text);
  if (text.empty()) {
    return bad(
        "the picture is empty; where Elasticsearch's inference processor has several inputs it sends an "
        "empty "
        "string for a missing field: give each field a processor of its own");
  }
  if (const Status fits = check_encoded_size(text, limits); !fits) return fits.error();
  // Words are base64 too if their blanks do not count.
  const bool begins_as_picture = base64_picture_format(text).has_value();
  const bool may_be_words = !begins_as_picture && text.find_first_of(" \t") != std::string_view::npos;
  auto bytes = may_be_words ? base64_decode(text) : base64_decode_leniently(text);
  if (!bytes) {
    const char* const form =
        begins_as_picture ? "" : "; a picture is sent as data:image/jpeg;base64,... or in bare base64";
    return bad("the picture is " + bytes.error().message + form);
  }
  return checked_picture(*std::move(bytes), limits);
}

Result<Input> string_input(std::string_view text, ModalityRule rule, const InputLimits& limits) {
  if (rule == ModalityRule::image && text != k_validation_text) return picture(text, limits);
  if (rule != ModalityRule::automatic) return text_input(text, limits);
  const TextKind kind = kind_of_text(text);
  const bool is_picture = kind == TextKind::data_url || kind == TextKind::base64_picture;
  return is_picture ? picture(text, limits) : text_input(text, limits);
}

/// What a content object calls a text.
Result<Input> declared_text(std::string_view text, ModalityRule rule, const InputLimits& limits) {
  const TextKind kind = rule == ModalityRule::text ? TextKind::text : kind_of_text(text);
  if (kind == TextKind::data_url || kind == TextKind::base64_picture) {
    return bad("a content object of type text holds a picture, " + shown(text.substr(0, 24)) +
               ": send it as {\"type\":\"image\",\"image\":...}, or set [modality] to text to embed the "
               "characters");
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

Result<Input> typed_object(const rapidjson::Value& object, std::string_view type, ModalityRule rule,
                           const InputLimits& limits) {
  if (type == "text" || type == "input_text") {
    const auto text = text_member(object, first_member(object, {"text", "value"}));
    return text ? declared_text(*text, rule, limits) : text.error();
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
    return typed_object(part, as_view(type->value), rule, limits);
  }
  const bool text = part.HasMember("text"), image = part.HasMember("image");
  if (text && image) {
    return unsupported(
        "both [text] and [image] in one object: for one vector of both send "
        "{\"content\":[{\"text\":...},{\"image\":...}]}");
  }
  if (text || image) return typed_object(part, text ? "text" : "image", rule, limits);
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
  Content content{place, {}, false};
  content.parts.reserve(count);
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    const std::string part_place = count == 1 ? place : place + ", part " + std::to_string(i);
    auto part = part_input(many ? (*only)[i] : *only, rule, limits);
    if (!part) return at_place(part_place, part.error());
    part->place.insert(0, part_place);
    if (rule != ModalityRule::text && part->modality == Modality::text && is_picture_address(part->bytes))
      content.has_address = true;
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
