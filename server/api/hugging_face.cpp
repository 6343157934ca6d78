#include "server/api/hugging_face.h"

#include <array>

#include "base/ascii_lower.h"
#include "base/json/builder.h"
#include "server/api/embed.h"

namespace sightline::api {
namespace {

models::Truncate read_truncation(FieldReader& fields) {
  const std::string direction = ascii_lower(fields.string("truncation_direction").value_or("right"));
  if (direction != "right" && direction != "left") {
    fields.fail("truncation_direction", {ErrorCode::invalid_argument, "[truncation_direction] may be right or left"});
  }
  if (!fields.boolean("truncate").value_or(true)) return models::Truncate::none;
  return direction == "left" ? models::Truncate::start : models::Truncate::end;
}

void refuse_other_vectors(FieldReader& fields) {
  if (!fields.boolean("normalize").value_or(true)) {
    fields.fail("normalize", {ErrorCode::unsupported, "[normalize] is false: all vectors have unit length"});
  }
  if (fields.has("prompt_name")) {
    fields.fail("prompt_name",
                {ErrorCode::unsupported, "[prompt_name]: the models have no prompts; put the prompt before the text"});
  }
}

constexpr std::array k_options{"truncate",  "truncation_direction", "dimensions", "input_type", "modality",
                               "normalize", "prompt_name"};

/// The options of `parameters`, and those of the body that `parameters` does not have. Refers to the values of both.
rapidjson::Document options_of(const FieldReader& body, const FieldReader& parameters) {
  rapidjson::Document options(rapidjson::kObjectType);
  for (const char* const name : k_options) {
    const rapidjson::Value* const own = parameters.any(name);
    const rapidjson::Value* const value = own ? own : body.any(name);
    if (!value) continue;
    rapidjson::Value copy(*value, options.GetAllocator());
    options.AddMember(rapidjson::StringRef(name), copy, options.GetAllocator());
  }
  return options;
}

/// All but the inputs.
EmbedFields read_parameters(FieldReader& fields, const Context& context, const std::string& model) {
  EmbedFields read;
  read.truncate = read_truncation(fields);
  read.dimensions = read_dimensions(fields, "dimensions", context, model);
  read_input_type(fields, read);
  refuse_other_vectors(fields);
  return read;
}

EmbedFields read_request(FieldReader& fields, const Context& context, const std::string& model) {
  EmbedFields read;
  if (const rapidjson::Value* const parameters = fields.object("parameters")) {
    const FieldReader nested(*parameters);
    const rapidjson::Document merged = options_of(fields, nested);
    FieldReader options(merged);
    read = read_parameters(options, context, model);
    if (!nested.ok()) fields.fail("parameters", nested.error());
    if (!options.ok()) fields.fail(options.field(), options.error());
  } else {
    read = read_parameters(fields, context, model);
  }
  const rapidjson::Value* const inputs = fields.any("inputs");
  if (!inputs) {
    fields.fail("inputs", {ErrorCode::invalid_argument, "[inputs] is missing: send a string or an array of strings"});
    return read;
  }
  if (!fields.ok()) return read;
  auto contents = read_contents(*inputs, read.modality, context.limits.inputs, {"inputs", "input"});
  contents ? void(read.contents = *std::move(contents)) : fields.fail("inputs", contents.error());
  return read;
}

std::string render(const serving::Embeddings& embeddings) {
  json::Builder answer;
  answer.array();
  for (const serving::Embedding& embedding : embeddings) answer.value(embedding.values);
  return answer.text();
}

}  // namespace

void hugging_face_embeddings(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  const std::string model = exchange->wildcards.front();
  EmbedFields inputs = read_request(fields, context, model);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  embed_and_reply(context, std::move(exchange), model, std::move(inputs),
                  [](const serving::Embeddings& embeddings) { return json_answer(render(embeddings), embeddings); });
}

}  // namespace sightline::api
