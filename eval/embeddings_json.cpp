// Requests and answers of /v1/embeddings.
#include <bit>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "eval/embedding_client.h"

namespace sightline::eval {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors must be little-endian float32");

using Value = rapidjson::Value;
constexpr json::Limits k_limits{.max_values = 10'000'000};  // vectors may be lists of numbers

Error bad_answer(const std::string& what) {
  return {ErrorCode::unavailable, "the server's answer " + what};
}

Result<std::vector<float>> read_vector(const Value& json) {
  std::vector<float> vector;
  if (json.IsString()) {
    const auto bytes = base64_decode({json.GetString(), json.GetStringLength()});
    if (!bytes.ok() || bytes->size() % sizeof(float) != 0) return bad_answer("has a vector that is not base64");
    vector.resize(bytes->size() / sizeof(float));
    if (!vector.empty()) std::memcpy(vector.data(), bytes->data(), bytes->size());
  } else if (json.IsArray()) {
    for (const Value& number : json.GetArray()) {
      if (!number.IsNumber()) return bad_answer("has a vector with an element that is not a number");
      vector.push_back(static_cast<float>(number.GetDouble()));
    }
  } else {
    return bad_answer("has no vector in an entry");
  }
  double square = 0;
  for (const float x : vector) square += static_cast<double>(x) * static_cast<double>(x);
  if (!std::isfinite(square)) return bad_answer("has a vector with a number that is not finite");
  if (square == 0) return bad_answer("has a vector of zeros");
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / std::sqrt(square));
  return vector;
}

}  // namespace

std::string embeddings_request(const std::string& model, EmbeddingClient::Kind kind,
                               const std::vector<std::string>& inputs) {
  json::Builder body;
  body.object().member("model", model).member("encoding_format", "base64");
  body.member("input_type", kind == EmbeddingClient::Kind::query_text ? "query" : "document");
  body.member("modality", kind == EmbeddingClient::Kind::picture ? "image" : "text").member("input", inputs);
  return body.text();
}

Result<EmbeddingsAnswer> read_embeddings(const std::string& body, std::size_t count) {
  rapidjson::Document document;
  json::read_document(body, document, k_limits);
  const Value& data = json::member(document, "data");
  if (!data.IsArray()) return bad_answer("is not JSON with a list `data`");
  if (data.Size() != count) {
    return bad_answer("has " + std::to_string(data.Size()) + " vectors for " + std::to_string(count) + " inputs");
  }
  EmbeddingsAnswer answer;
  answer.vectors.resize(count);
  for (rapidjson::SizeType i = 0; i < data.Size(); ++i) {
    const Value& embedding = json::member(data[i], "embedding");
    if (embedding.IsNull()) return bad_answer("has an entry without a vector");
    const Value& place = json::member(data[i], "index");
    if (!place.IsUint() || place.GetUint() >= count || !answer.vectors[place.GetUint()].empty())
      return bad_answer("does not number its vectors from 0, each once");
    auto vector = read_vector(embedding);
    if (!vector.ok()) return vector.error();
    if (i > 0 && vector->size() != answer.vectors[data[0]["index"].GetUint()].size())
      return bad_answer("has vectors of different lengths");
    answer.vectors[place.GetUint()] = std::move(*vector);
  }
  if (const Value& truncated = json::member(document, "truncated"); truncated.IsArray())
    answer.truncated = truncated.Size();
  return answer;
}

}  // namespace sightline::eval
