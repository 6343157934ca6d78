#include "server/api/hugging_face.h"

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

/// All but the inputs.
EmbedFields read_parameters(FieldReader& fields, const Context& context, const std::string& model) {
  EmbedFields read;
  read.truncate = read_truncation(fields);
  read.dimensions = read_dimensions(fields, "dimensions", context, model);
  read_input_type(fields, read);
  read.modality = read_modality(fields);
  refuse_other_vectors(fields);
  return read;
}

EmbedFields read_request(FieldReader& fields, const Context& context, const std::string& model) {
  EmbedFields read;
  if (const rapidjson::Value* const parameters = fields.object("parameters")) {
    FieldReader nested(*parameters);
    read = read_parameters(nested, context, model);
    if (!nested.ok()) fields.fail("parameters", nested.error());
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
