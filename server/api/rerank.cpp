#include "server/api/rerank.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/json/builder.h"
#include "server/api/elastic.h"
#include "server/api/embed.h"
#include "server/api/vectors.h"

namespace sightline::api {
namespace {

struct RerankRequest {
  EmbedFields fields;  ///< the query's content, then the documents'
  std::size_t top_n = std::numeric_limits<std::size_t>::max();
  bool return_documents = false;
  std::vector<std::string> documents;  ///< as they are returned; empty without return_documents
};

void read_settings(FieldReader& fields, RerankRequest& request) {
  if (const auto top_n = fields.integer("top_n")) {
    if (*top_n < 1) fields.fail("top_n", {ErrorCode::invalid_argument, "[top_n] must be 1 or more"});
    request.top_n = static_cast<std::size_t>(*top_n);
  }
  request.return_documents = fields.boolean("return_documents").value_or(request.return_documents);
}

std::string document_text(const rapidjson::Value& document) {
  return document.IsString() ? std::string(as_view(document)) : json::text_of(document);
}

void read_query(FieldReader& fields, const InputLimits& limits, EmbedFields& read) {
  const rapidjson::Value* const query = fields.any("query");
  if (!query) {
    return fields.fail("query", {ErrorCode::invalid_argument, "Field [query] cannot be null for task type [rerank]"});
  }
  auto content = read_content(*query, read.modality, limits, "query");
  if (!content) return fields.fail("query", content.error());
  read.contents.push_back(*std::move(content));
}

RerankRequest read_request(FieldReader& fields, const InputLimits& limits) {
  RerankRequest request;
  refuse_members(fields, "rerank", {"input_type"});
  if (const rapidjson::Value* const settings = fields.object("task_settings")) {
    FieldReader nested(*settings);
    read_settings(nested, request);
    if (!nested.ok()) fields.fail("task_settings", nested.error());
  }
  read_settings(fields, request);
  request.fields.lane = serving::Lane::query;  // someone waits for a search
  request.fields.modality = read_modality(fields);
  request.fields.truncate = read_truncate(fields);
  if (fields.ok()) read_query(fields, limits, request.fields);
  std::vector<Content> documents = read_input(fields, request.fields.modality, limits);
  if (!fields.ok()) return request;
  std::move(documents.begin(), documents.end(), std::back_inserter(request.fields.contents));
  if (!request.return_documents) return request;
  const rapidjson::Value& input = *fields.any("input");
  if (!input.IsArray()) {
    request.documents.push_back(document_text(input));
  } else {
    for (const rapidjson::Value& document : input.GetArray()) request.documents.push_back(document_text(document));
  }
  return request;
}

http::Response render(const RerankRequest& request, const serving::Embeddings& embeddings) {
  const std::span<const serving::Embedding> documents = std::span(embeddings).subspan(1);
  std::vector<double> scores;
  for (const serving::Embedding& document : documents) {
    scores.push_back(cosine(embeddings.front().values, document.values));
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), request.top_n));
  json::Builder answer;
  answer.object().array("rerank");
  for (const std::size_t index : order) {
    answer.object().member("index", index).member("relevance_score", static_cast<float>(scores[index]));
    if (request.return_documents) answer.member("text", request.documents[index]);
    answer.end();
  }
  http::Response response = json_answer(answer.text(), documents);
  if (embeddings.front().truncated) warn_of_cuts(response, {"query"});
  return response;
}

}  // namespace

void elastic_rerank(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  const std::string model = exchange->wildcards.front();
  if (is_upstream(context, model)) {
    fields.fail("model",
                {ErrorCode::unsupported, "model [" + model +
                                             "] runs at Cohere, which embeds queries and "
                                             "documents separately: rerank with a model that runs on Sightline"});
  }
  RerankRequest request = read_request(fields, context.limits.inputs);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  EmbedFields inputs = std::move(request.fields);
  embed_and_reply(
      context, std::move(exchange), model, std::move(inputs),
      [request = std::move(request)](const serving::Embeddings& embeddings) { return render(request, embeddings); });
}

}  // namespace sightline::api
