#include "server/api/input.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoded_picture.h"
#include "base/picture_text.h"
#include "base/picture_url.h"
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

/// A part of a content.
struct Part {
  Input input;
  bool is_link = false;  ///< the input's bytes are the URL of the picture
};

Result<Part> text_input(std::string_view text, const InputLimits& limits) {
  if (text.size() > limits.max_text_bytes) {
    return Error{ErrorCode::too_large, "the text has " + std::to_string(text.size()) + " bytes, the limit is " +
                                           std::to_string(limits.max_text_bytes) + ": split it into shorter texts"};
  }
  return Part{{Modality::text, std::string(text)}};
}

Result<Part> linked_picture(std::string_view link, const InputLimits& limits) {
  if (!limits.fetches_links) {
    return unsupported("this looks like a link to a picture, " + shown(link.substr(0, link.find('?'))) +
                       ": Sightline downloads pictures only with --allow-picture-urls; send the file itself, as "
                       "data:image/jpeg;base64,... or in bare base64");
  }
  auto url = picture_url(link);
  if (!url) return url.error();
  return Part{{Modality::image, *std::move(url)}, /*is_link=*/true};
}

/// `text` is meant to be a picture.
Result<Part> picture(std::string_view text, const InputLimits& limits) {
  if (is_web_link(text)) return linked_picture(text, limits);
  auto read = read_encoded_picture(text, limits.max_image_bytes);
  if (!read) return read.error();
  return Part{{Modality::image, std::move(read->bytes), std::move(read->place)}};
}

Result<Part> string_input(std::string_view text, ModalityRule rule, const InputLimits& limits) {
  if (rule == ModalityRule::image && text != k_validation_text) return picture(text, limits);
  if (rule != ModalityRule::automatic) return text_input(text, limits);
  const TextKind kind = kind_of_text(text);
  const bool is_picture = kind == TextKind::data_url || kind == TextKind::base64_picture;
  return is_picture ? picture(text, limits) : text_input(text, limits);
}

/// What a content object calls a text.
Result<Part> declared_text(std::string_view text, ModalityRule rule, const InputLimits& limits) {
  const TextKind kind = rule == ModalityRule::text ? TextKind::text : kind_of_text(text);
  if (kind == TextKind::data_url || kind == TextKind::base64_picture) {
    return bad("a content object of type text contains a picture, " + shown(text.substr(0, 24)) +
               ": send it as {\"type\":\"image\",\"image\":...}, or set [modality] to text to embed the "
               "characters");
  }
  return text_input(text, limits);
}

/// The string behind `name`, or behind `name`.`inner` if that is an object.
Result<std::string_view> text_member(const rapidjson::Value& object, const char* name, const char* inner = nullptr) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd()) return bad(std::string("[") + name + "] is missing");
  const auto same = [&](const auto& other) { return as_view(other.name) == name; };
  if (std::count_if(object.MemberBegin(), object.MemberEnd(), same) > 1)
    return bad(std::string("[") + name + "] appears twice in one object");
  if (inner && member->value.IsObject()) return text_member(member->value, inner);
  if (!member->value.IsString()) {
    return bad(std::string("[") + name + "] must be a string, not " + type_name(member->value));
  }
  return as_view(member->value);
}

/// The one of `names` that the object has; the first of them if it has none. Errors: it has several.
Result<const char*> only_member(const rapidjson::Value& object, std::initializer_list<const char*> names) {
  const char* found = nullptr;
  for (const char* name : names) {
    if (!object.HasMember(name)) continue;
    if (found) return bad(std::string("[") + found + "] and [" + name + "] in one content object: send one of them");
    found = name;
  }
  return found ? found : *names.begin();
}

/// Nothing that an object holds may be left out of its vector unnoticed: a member twice, or a text or picture beside the
/// content.
Status check_members(const rapidjson::Value& object) {
  constexpr std::array<std::string_view, 6> k_names{"type", "content", "text", "value", "image", "image_url"};
  std::array<int, k_names.size()> counts{};
  for (const auto& member : object.GetObject()) {
    const auto known = std::find(k_names.begin(), k_names.end(), as_view(member.name));
    if (known == k_names.end()) continue;
    const auto name = "[" + std::string(*known) + "]";
    if (++counts[static_cast<std::size_t>(known - k_names.begin())] > 1)
      return bad(name + " appears twice in one content object");
  }
  for (std::size_t i = 2; counts[1] > 0 && i < counts.size(); ++i) {
    if (counts[i] > 0)
      return bad("[" + std::string(k_names[i]) + "] beside [content]: put it into [content], as a part of its array");
  }
  return {};
}

/// A member of the other kind than the object's type says.
Status refuse_other_kind(const rapidjson::Value& object, std::string_view type,
                         std::initializer_list<const char*> others) {
  for (const char* other : others) {
    if (!object.HasMember(other)) continue;
    return unsupported(std::string("[") + other + "] in a content object of type " + std::string(type) +
                       ": for one vector from both, send {\"content\":[{\"text\":...},{\"image\":...}]}");
  }
  return {};
}

Result<Part> typed_object(const rapidjson::Value& object, std::string_view type, ModalityRule rule,
                          const InputLimits& limits) {
  if (type == "text" || type == "input_text") {
    if (const Status good = refuse_other_kind(object, type, {"image", "image_url"}); !good) return good.error();
    const auto name = only_member(object, {"text", "value"});
    if (!name) return name.error();
    const auto text = text_member(object, *name);
    return text ? declared_text(*text, rule, limits) : text.error();
  }
  if (type == "image" || type == "image_url" || type == "input_image") {
    if (const Status good = refuse_other_kind(object, type, {"text"}); !good) return good.error();
    const auto name = only_member(object, {"image_url", "image", "value"});
    if (!name) return name.error();
    const auto text = text_member(object, *name, "url");
    return text ? picture(*text, limits) : text.error();
  }
  return unsupported("content of type [" + std::string(type.substr(0, 40)) + "]: use text or image");
}

/// One text or picture: a string, or an object that says what it is.
Result<Part> part_input(const rapidjson::Value& part, ModalityRule rule, const InputLimits& limits) {
  if (part.IsString()) return string_input(as_view(part), rule, limits);
  if (!part.IsObject() || part.HasMember("content")) {
    return bad(std::string("[content] must be an object with type and value, not ") + type_name(part));
  }
  if (const Status good = check_members(part); !good) return good.error();
  if (const auto type = part.FindMember("type"); type != part.MemberEnd()) {
    if (!type->value.IsString()) return bad(std::string("[type] must be a string, not ") + type_name(type->value));
    return typed_object(part, as_view(type->value), rule, limits);
  }
  const bool text = part.HasMember("text"), image = part.HasMember("image");
  if (text && image) {
    return unsupported(
        "both [text] and [image] in one object: for one vector from both, send "
        "{\"content\":[{\"text\":...},{\"image\":...}]}");
  }
  if (text || image) return typed_object(part, text ? "text" : "image", rule, limits);
  return bad(
      "an object without [type]: send {\"type\":\"text\",\"text\":...} or "
      "{\"type\":\"image\",\"image\":...}");
}

// LangChain's OpenAIEmbeddings tokenizes texts by itself unless it is told not to.
constexpr const char* k_send_texts =
    "send texts or pictures instead (LangChain's OpenAIEmbeddings does with check_embedding_ctx_length=False)";

/// What is wrong with something that is neither a string nor an object.
Error neither(const rapidjson::Value& value) {
  if (value.IsNumber() || value.IsArray()) {
    return bad(std::string(type_name(value)) +
               " instead of a string or a content object: token ids are not accepted, " + k_send_texts);
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
    if (const Status good = check_members(value); !good) return at_place(place, good.error());
    if (const auto content = value.FindMember("content"); content != value.MemberEnd()) {
      only = &content->value;
    }
  }
  const bool many = only->IsArray();
  if (many && only->Empty()) return at_place(place, bad("[content] has no parts: send a text or a picture"));
  const rapidjson::SizeType count = many ? only->Size() : 1;
  if (count > limits.max_inputs) {
    return at_place(place, {ErrorCode::too_large, "[content] has " + std::to_string(count) + " parts, the limit is " +
                                                      std::to_string(limits.max_inputs) + ": send fewer"});
  }
  Content content{place, {}, {}, false};
  content.parts.reserve(count);
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    const std::string part_place = count == 1 ? place : place + ", part " + std::to_string(i);
    auto part = part_input(many ? (*only)[i] : *only, rule, limits);
    if (!part) return at_place(part_place, part.error());
    Input& input = part->input;
    input.place.insert(0, part_place);
    if (rule != ModalityRule::text && input.modality == Modality::text && is_picture_address(input.bytes))
      content.has_address = true;
    if (part->is_link) content.links.push_back(content.parts.size());
    content.parts.push_back(std::move(input));
  }
  return content;
}

Result<std::vector<Content>> read_contents(const rapidjson::Value& input, ModalityRule rule, const InputLimits& limits,
                                           const InputWords& words) {
  const bool many = input.IsArray();
  const std::string member = std::string("[") + words.member + "]";
  const rapidjson::SizeType count = many ? input.Size() : 1;
  if (count == 0) return bad(member + " is an empty array: send at least one text or picture");
  if (many && (input[0].IsNumber() || input[0].IsArray())) {
    return bad(member + " contains token ids: " + k_send_texts);
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
