#include "server/api/openai.h"

#include "base/json/builder.h"
#include "server/api/embed.h"
#include "server/api/vector_text.h"

namespace sightline::api {
namespace {

VectorType read_encoding(FieldReader& fields) {
  const auto format = fields.string("encoding_format");
  if (!format || *format == "float") return VectorType::float32;
  if (*format != "base64") {
    fields.fail("encoding_format", {ErrorCode::invalid_argument, "[encoding_format] may be float or base64"});
  }
  return VectorType::base64;
}

std::string render(const serving::Embeddings& embeddings, const std::string& model, VectorType encoding) {
  json::Builder answer;
  answer.object().member("object", "list").member("model", model).array("data");
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    answer.object().member("object", "embedding").member("index", i);
    answer.member("embedding", vector_json(embeddings[i].values, encoding)).end();
  }
  const std::size_t tokens = total_tokens(embeddings);
  answer.end().object("usage").member("prompt_tokens", tokens).member("total_tokens", tokens).end();
  const std::string truncated = truncated_positions(embeddings);
  if (!truncated.empty()) answer.array("truncated").list(truncated);
  return answer.text();
}

}  // namespace

void openai_embeddings(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  const std::string model = read_model(fields);
  const VectorType encoding = read_encoding(fields);
  EmbedFields inputs = read_embed_fields(fields, context, model);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  embed_and_reply(context, std::move(exchange), model, std::move(inputs),
                  [model, encoding](const serving::Embeddings& embeddings) {
                    return json_answer(render(embeddings, model, encoding), embeddings);
                  });
}

}  // namespace sightline::api
