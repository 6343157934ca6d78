#include "server/api/elastic.h"

#include "base/float_text.h"

namespace sightline::api {
namespace {

std::string render(const serving::Embeddings& embeddings) {
  std::string out = "{\"text_embedding\":[";
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    out += i == 0 ? "{\"embedding\":" : ",{\"embedding\":";
    append_float_array(out, embeddings[i].values);
    out.push_back('}');
  }
  return out + "]}";
}

}  // namespace

void elastic_text_embedding(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  for (const char* foreign : {"query", "top_n", "return_documents"}) {
    if (!fields.has(foreign)) continue;
    fields.fail(foreign,
                {ErrorCode::invalid_argument,
                 std::string("Field [") + foreign + "] cannot be specified for task type [text_embedding]"});
  }
  EmbedFields inputs = read_embed_fields(fields, context.limits.inputs);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  const std::string model = exchange->wildcards.front();
  embed_and_reply(context, std::move(exchange), model, std::move(inputs), render);
}

}  // namespace sightline::api
