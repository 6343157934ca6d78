#include "server/api/cohere.h"

#include <algorithm>

#include "base/file_kind.h"
#include "base/json/builder.h"
#include "server/api/embed.h"
#include "server/api/vector_text.h"

namespace sightline::api {
namespace {

enum class Version { v1, v2 };

struct CohereRequest {
  Version version;
  std::string id, model;
  std::vector<VectorType> types;  ///< empty: v1's bare floats
  EmbedFields fields;
  bool returns_texts = false;         ///< they are those of [texts]
  std::string texts;                  ///< as they came, in JSON
  std::vector<std::string> pictures;  ///< of each picture, in order: its format and bit depth in JSON
};

std::vector<VectorType> read_types(FieldReader& fields, Version version) {
  const auto names = fields.strings("embedding_types");
  if (!names) return version == Version::v1 ? std::vector<VectorType>{} : std::vector{VectorType::float32};
  std::vector<VectorType> types;
  for (const std::string_view name : *names) {
    const auto type = vector_type(name);
    if (!type) {
      fields.fail("embedding_types",
                  {ErrorCode::invalid_argument, "[embedding_types] holds [" + std::string(name.substr(0, 40)) +
                                                    "]; it may hold float, int8, uint8, binary, ubinary, base64"});
      return types;
    }
    if (std::find(types.begin(), types.end(), *type) == types.end()) types.push_back(*type);
  }
  return types;
}

/// Cohere makes small integers by a scale of its own, which its floats do not tell.
void check_types(FieldReader& fields, const CohereRequest& request, const Context& context) {
  if (!is_upstream(context, request.model)) return;
  for (const VectorType type : request.types) {
    if (type != VectorType::int8 && type != VectorType::uint8) continue;
    fields.fail("embedding_types", {ErrorCode::unsupported,
                                    "[embedding_types] int8 and uint8 are not available from Cohere: request "
                                    "float, base64, binary or ubinary"});
  }
}

/// Where the inputs are and what they are called.
struct Source {
  InputWords words;
  const rapidjson::Value* value = nullptr;
};

Source find_source(FieldReader& fields) {
  Source found;
  for (const InputWords& words :
       {InputWords{"texts", "text"}, InputWords{"images", "image"}, InputWords{"inputs", "input"}}) {
    const rapidjson::Value* const value = fields.array(words.member);
    if (!value || value->Empty()) continue;
    if (found.value) {
      fields.fail(words.member, {ErrorCode::invalid_argument, std::string("[") + found.words.member + "] and [" +
                                                                  words.member + "]: send one of them"});
    }
    found = {words, value};
  }
  if (!found.value) {
    fields.fail("texts", {ErrorCode::invalid_argument, "no input: send [texts], [images] or [inputs]"});
  }
  return found;
}

/// What Cohere's API says, and Elasticsearch's cohere service looks for, when there are too many.
Error too_many(const Source& source) {
  return {ErrorCode::invalid_argument, std::string("invalid request: total number of ") + source.words.member +
                                           " must be at most " + std::to_string(k_cohere_max_inputs) + " - received " +
                                           std::to_string(source.value->Size())};
}

/// Texts and images are strings; only inputs are objects.
Status check_items(const Source& source) {
  const bool strings = source.words.member != std::string_view("inputs");
  for (rapidjson::SizeType i = 0; i < source.value->Size(); ++i) {
    const rapidjson::Value& item = (*source.value)[i];
    if (strings ? item.IsString() : item.IsObject()) continue;
    return Error{ErrorCode::invalid_argument, source.words.item + (" " + std::to_string(i)) + ": must be " +
                                                  (strings ? "a string" : "an object with [content]") + ", not " +
                                                  type_name(item)};
  }
  return {};
}

std::string picture_json(std::string_view bytes) {
  const auto known = sure_picture_format(bytes);
  const std::string_view format = known ? name_of(*known) : "";
  // PNG alone can have more than 8 bits a sample: the byte after its header's width and height says how many.
  const int bit_depth = format == "png" ? static_cast<unsigned char>(bytes[24]) : 8;
  return json::Builder().member("format", format).member("bit_depth", bit_depth).text();
}

void read_contents_of(FieldReader& fields, const Source& source, ModalityRule rule, const Context& context,
                      CohereRequest& request) {
  if (source.value->Size() > k_cohere_max_inputs) return fields.fail(source.words.member, too_many(source));
  if (const Status good = check_items(source); !good) return fields.fail(source.words.member, good.error());
  auto contents = read_contents(*source.value, rule, context.limits.inputs, source.words);
  if (!contents) return fields.fail(source.words.member, contents.error());
  request.fields.contents = *std::move(contents);
  request.returns_texts = source.words.member == std::string_view("texts");
}

/// What the answer repeats of the inputs, once all pictures are there.
void note_inputs(const std::vector<Content>& contents, CohereRequest& request) {
  json::Builder texts;
  for (const Content& content : contents) {
    const serving::Input& first = content.parts.front();
    const bool lone_picture = content.parts.size() == 1 && first.modality == serving::Modality::image;
    if (lone_picture) request.pictures.push_back(picture_json(first.bytes));
    if (!lone_picture && request.returns_texts) texts.value(first.bytes);
  }
  request.texts = texts.text();
}

CohereRequest read_request(FieldReader& fields, Version version, const Context& context) {
  CohereRequest request{version, {}, read_model(fields), {}, {}, false, {}, {}};
  request.types = read_types(fields, version);
  check_types(fields, request, context);
  const bool has_role = !fields.string("input_type").value_or("").empty();
  if (version == Version::v2 && !has_role) {
    fields.fail("input_type", {ErrorCode::invalid_argument,
                               "[input_type] is missing: send search_document, search_query, classification, "
                               "clustering or image"});
  }
  read_input_type(fields, request.fields);
  request.fields.truncate = read_truncate(fields);
  request.fields.dimensions = read_dimensions(fields, "output_dimension", context, request.model);
  const Source source = find_source(fields);
  if (!fields.ok()) return request;
  const bool pictures = source.words.member == std::string_view("images") || request.fields.input_type == "image";
  const ModalityRule rule = pictures ? ModalityRule::image : request.fields.modality;
  read_contents_of(fields, source, rule, context, request);
  return request;
}

void add_vectors(json::Builder& answer, const char* name, const serving::Embeddings& embeddings, VectorType type) {
  answer.array(name);
  for (const serving::Embedding& embedding : embeddings) answer.value(vector_json(embedding.values, type));
  answer.end();
}

std::string render(const CohereRequest& request, const serving::Embeddings& embeddings, std::size_t pictures) {
  json::Builder answer;
  answer.object().member("id", request.id);
  const bool bare = request.types.empty();
  if (bare) {
    add_vectors(answer, "embeddings", embeddings, VectorType::float32);
  } else {
    answer.object("embeddings");
    for (const VectorType type : request.types) add_vectors(answer, to_string(type), embeddings, type);
    answer.end();
  }
  answer.array("texts").list(request.texts).end();
  if (!request.pictures.empty()) {
    answer.array("images");
    auto picture = request.pictures.begin();
    for (const serving::Embedding& embedding : embeddings) {
      if (embedding.width == 0) continue;
      answer.object().member("width", embedding.width).member("height", embedding.height).list(*picture++).end();
    }
    answer.end();
  }
  answer.object("meta");
  answer.object("api_version").member("version", request.version == Version::v1 ? "1" : "2").end();
  answer.object("billed_units");  // what Cohere would charge for: tokens of texts, and pictures
  if (const std::size_t tokens = total_tokens(embeddings)) answer.member("input_tokens", tokens);
  if (pictures > 0) answer.member("images", pictures);
  answer.end().end().member("response_type", bare ? "embeddings_floats" : "embeddings_by_type");
  return answer.text();
}

std::size_t count_pictures(const std::vector<Content>& contents) {
  std::size_t count = 0;
  for (const Content& content : contents) {
    for (const serving::Input& part : content.parts) count += part.modality == serving::Modality::image;
  }
  return count;
}

void cohere_embed(const Context& context, ExchangePtr exchange, Version version) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  CohereRequest request = read_request(fields, version, context);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  request.id = exchange->request_id();
  const std::string model = request.model;
  EmbedFields inputs = std::move(request.fields);
  const auto embed = [&context, model, request = std::move(request)](ExchangePtr fetched, EmbedFields whole) mutable {
    note_inputs(whole.contents, request);
    const std::size_t pictures = count_pictures(whole.contents);
    embed_and_reply(context, std::move(fetched), model, std::move(whole),
                    [request = std::move(request), pictures](const serving::Embeddings& embeddings) {
                      return json_answer(render(request, embeddings, pictures), embeddings);
                    });
  };
  fetch_pictures(context, std::move(exchange), model, std::move(inputs), embed);
}

}  // namespace

void cohere_embed_v2(const Context& context, ExchangePtr exchange) {
  cohere_embed(context, std::move(exchange), Version::v2);
}

void cohere_embed_v1(const Context& context, ExchangePtr exchange) {
  cohere_embed(context, std::move(exchange), Version::v1);
}

}  // namespace sightline::api
