#include "server/elastic/query_vectors.h"

#include <algorithm>
#include <future>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <utility>
#include <vector>

#include "server/elastic/ingest/ingest_service.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

constexpr std::chrono::milliseconds k_query_timeout{10'000};
constexpr const char* k_builder = "query_vector_builder";
constexpr std::size_t k_most_builders = 100;  // of one request; each is a call of its own

std::string_view text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

bool has_builder(std::string_view body) {
  return body.find("query_vector_builder") != std::string_view::npos;
}

/// One knn object and what is to become of it.
struct Builder {
  Value* knn = nullptr;
  std::string model_id = {};
  std::string_view text = {};
  std::future<Answer<Embeddings>> outcome = {};
};

ElasticError parse_failed(std::string reason) {
  return {400, "x_content_parse_exception", std::move(reason)};
}

Answer<Builder> read_builder(Value& knn) {
  if (knn.HasMember("query_vector") && !knn["query_vector"].IsNull()) {
    return illegal_argument("cannot provide both [query_vector_builder] and [query_vector]");
  }
  const Value& builder = knn[k_builder];
  if (!builder.IsObject() || builder.MemberCount() != 1) {
    return parse_failed("[query_vector_builder] must be an object that holds exactly one builder");
  }
  const auto& member = *builder.MemberBegin();
  if (text_of(member.name) != "text_embedding") {
    return parse_failed("[query_vector_builder] builder [" + std::string(text_of(member.name)) +
                        "] is not supported here, use [text_embedding]");
  }
  if (!member.value.IsObject()) return parse_failed("[text_embedding] must be an object");
  Builder read{&knn};
  bool has_text = false;
  for (const auto& option : member.value.GetObject()) {
    const auto name = text_of(option.name);
    if (name != "model_id" && name != "model_text") {
      return parse_failed("[text_embedding] unknown field [" + std::string(name) + "]");
    }
    if (!option.value.IsString())
      return parse_failed("[text_embedding] " + std::string(name) + " must be a string");
    if (name == "model_id") read.model_id = text_of(option.value);
    if (name == "model_text") read.text = text_of(option.value), has_text = true;
  }
  if (!has_text) return illegal_argument("Required [model_text]");
  if (read.model_id.empty()) return illegal_argument("[model_id] must not be null");
  return read;
}

/// Finds the knn objects with a builder. The depth of the body was limited when it was parsed.
Refusal gather(Value& value, bool below_knn, std::vector<Builder>& builders) {
  if (value.IsArray()) {
    for (auto& item : value.GetArray()) {
      if (Refusal refusal = gather(item, below_knn, builders)) return refusal;
    }
    return {};
  }
  if (!value.IsObject()) return {};
  if (below_knn && value.HasMember(k_builder) && !value[k_builder].IsNull()) {
    auto builder = read_builder(value);
    if (!builder) return builder.error();
    if (builders.size() >= k_most_builders) {
      return illegal_argument("a request may hold " + std::to_string(k_most_builders) +
                              " query_vector_builders at most");
    }
    builders.push_back(std::move(*builder));
  }
  for (auto& member : value.GetObject()) {
    if (Refusal refusal = gather(member.value, text_of(member.name) == "knn", builders)) return refusal;
  }
  return {};
}

void set_vector(Value& knn, const std::vector<float>& vector, rapidjson::Document::AllocatorType& allocator) {
  knn.RemoveMember(k_builder);
  knn.RemoveMember("query_vector");
  Value list(rapidjson::kArrayType);
  list.Reserve(static_cast<rapidjson::SizeType>(vector.size()), allocator);
  for (const float number : vector) list.PushBack(shortest_double(number), allocator);
  knn.AddMember("query_vector", list, allocator);
}

std::string json_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Answer<std::string> QueryVectors::resolved(const Caller& caller, std::string_view body) {
  auto document = rest::parse_json(body);
  if (!document) return document.error();
  std::vector<Builder> builders;
  if (Refusal refusal = gather(*document, false, builders)) return *refusal;
  if (builders.empty()) return std::string(body);
  std::vector<std::shared_ptr<const Endpoint>> endpoints;
  for (const auto& builder : builders) {
    auto endpoint = definitions_.endpoint(caller, builder.model_id);
    if (!endpoint) return endpoint.error();
    if (!*endpoint) return unknown_model(builder.model_id);
    endpoints.push_back(*endpoint);
  }
  for (std::size_t i = 0; i < builders.size(); ++i) {
    auto promise = std::make_shared<std::promise<Answer<Embeddings>>>();
    builders[i].outcome = promise->get_future();
    executor_.infer(endpoints[i], {{builders[i].text}, InputType::internal_search}, k_query_timeout,
                    [promise](Answer<Embeddings> vectors) { promise->set_value(std::move(vectors)); });
  }
  // All are waited for, one that failed or not: they read their texts out of the document.
  Refusal failure;
  for (auto& builder : builders) {
    auto vectors = builder.outcome.get();
    if (!vectors) {
      if (!failure) failure = vectors.error();
    } else if (!failure) {
      set_vector(*builder.knn, vectors->front(), document->GetAllocator());
    }
  }
  if (failure) return *failure;
  return json_of(*document);
}

Outcome QueryVectors::search(http::Request request) {
  if (!has_builder(request.body)) return request;
  auto body = resolved(caller_of(request), request.body);
  if (!body) return body.error().response();
  request.body = std::move(*body);
  return request;
}

Outcome QueryVectors::search_template(http::Request request) {
  return request;
}

Outcome QueryVectors::multi_search(http::Request request) {
  if (!has_builder(request.body)) return request;
  const Caller caller = caller_of(request);
  http::Request changed = request;
  changed.body.clear();
  std::vector<std::optional<ElasticError>> failures;  // by search
  std::string_view rest = request.body;
  while (!rest.empty()) {
    const auto take_line = [&rest] {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      return line;
    };
    const auto header = take_line();
    if (header.find_first_not_of(" \r\t") == std::string_view::npos && rest.empty()) break;
    const auto body = take_line();
    auto changed_body = has_builder(body) ? resolved(caller, body) : Answer<std::string>(std::string(body));
    failures.push_back(changed_body ? std::nullopt : std::optional(changed_body.error()));
    if (changed_body) changed.body += std::string(header) + "\n" + *changed_body + "\n";
  }
  rapidjson::Document stored;
  const Value* responses = nullptr;
  if (!changed.body.empty()) {
    const auto response = store_.handle(changed);
    if (response.status >= 300) return response;
    stored.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
    if (!stored.HasParseError() && stored.IsObject() && stored.HasMember("responses"))
      responses = &stored["responses"];
    if (!responses || !responses->IsArray())
      return ElasticError{500, "exception", "the store's answer to _msearch cannot be read"}.response();
  }
  std::string merged;
  rapidjson::SizeType next = 0;
  for (const auto& failure : failures) {
    merged += merged.empty() ? "" : ",";
    if (failure) {
      merged += failure->envelope_json();
    } else if (responses && next < responses->Size()) {
      merged += json_of((*responses)[next++]);
    } else {
      return ElasticError{500, "exception", "the store answered fewer searches of _msearch than it was sent"}
          .response();
    }
  }
  const bool has_took = responses && stored.HasMember("took") && stored["took"].IsInt64();
  return json_response("{\"took\":" + std::to_string(has_took ? stored["took"].GetInt64() : 0) +
                       ",\"responses\":[" + merged + "]}");
}

}  // namespace sightline::elastic
