#include "server/api/elastic.h"

#include "base/json/builder.h"
#include "server/api/embed.h"

namespace sightline::api {
namespace {

std::string render(const serving::Embeddings& embeddings, const char* member) {
  json::Builder answer;
  answer.object().array(member);
  for (const serving::Embedding& embedding : embeddings) answer.object().member("embedding", embedding.values).end();
  return answer.text();
}

void embed_for_task(const Context& context, ExchangePtr exchange, const char* task, const char* member) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  refuse_members(fields, task, {"query", "top_n", "return_documents"});
  const std::string model = exchange->wildcards.front();
  EmbedFields inputs = read_embed_fields(fields, context, model);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  embed_and_reply(
      context, std::move(exchange), model, std::move(inputs),
      [member](const serving::Embeddings& embeddings) { return json_answer(render(embeddings, member), embeddings); });
}

}  // namespace

void refuse_members(FieldReader& fields, std::string_view task, std::initializer_list<const char*> members) {
  for (const char* const member : members) {
    if (!fields.has(member)) continue;
    fields.fail(member,
                {ErrorCode::invalid_argument,
                 std::string("Field [") + member + "] cannot be specified for task type [" + std::string(task) + "]"});
  }
}

void elastic_text_embedding(const Context& context, ExchangePtr exchange) {
  embed_for_task(context, std::move(exchange), "text_embedding", "text_embedding");
}

void elastic_embedding(const Context& context, ExchangePtr exchange) {
  embed_for_task(context, std::move(exchange), "embedding", "embeddings");
}

}  // namespace sightline::api
