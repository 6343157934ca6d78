#include "server/api/openai.h"

#include <bit>

#include "base/base64.h"
#include "base/float_text.h"

namespace sightline::api {
namespace {

enum class Encoding { float_array, base64 };

Encoding read_encoding(FieldReader& fields) {
  const auto format = fields.string("encoding_format");
  if (!format || *format == "float") return Encoding::float_array;
  if (*format != "base64") {
    fields.fail("encoding_format", {ErrorCode::invalid_argument, "[encoding_format] may be float or base64"});
  }
  return Encoding::base64;
}

/// A shorter vector would be a different one: these models were not trained to be cut.
void check_dimensions(FieldReader& fields, const serving::EmbeddingService& service, std::string_view model) {
  const auto wanted = fields.integer("dimensions");
  if (!wanted) return;
  for (const serving::ModelStatus& status : service.models()) {
    if (status.name != model || !status.info || status.info->dims == *wanted) continue;
    fields.fail("dimensions",
                {ErrorCode::invalid_argument, "model [" + status.name + "] gives vectors of " +
                                                  std::to_string(status.info->dims) + " floats, not of " +
                                                  std::to_string(*wanted) + ": leave [dimensions] out"});
  }
}

void append_vector(std::string& out, const std::vector<float>& values, Encoding encoding) {
  if (encoding == Encoding::float_array) return append_float_array(out, values);
  static_assert(std::endian::native == std::endian::little, "the bytes go out as they lie in memory");
  out.push_back('"');
  out += base64_encode(std::as_bytes(std::span(values)));
  out.push_back('"');
}

std::string render(const serving::Embeddings& embeddings, const std::string& model, Encoding encoding) {
  std::string out = "{\"object\":\"list\",\"model\":" + json_string(model) + ",\"data\":[";
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    out += (i == 0 ? "" : ",") + std::string("{\"object\":\"embedding\",\"index\":") + std::to_string(i) +
           ",\"embedding\":";
    append_vector(out, embeddings[i].values, encoding);
    out.push_back('}');
    tokens += embeddings[i].tokens;
  }
  const std::string count = std::to_string(tokens);
  out += "],\"usage\":{\"prompt_tokens\":" + count + ",\"total_tokens\":" + count + "}";
  const std::string truncated = truncated_positions(embeddings);
  if (!truncated.empty()) out += ",\"truncated\":[" + truncated + "]";
  out.push_back('}');
  return out;
}

}  // namespace

void openai_embeddings(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  const std::string model(fields.string("model").value_or(""));
  if (model.empty()) {
    fields.fail("model", {ErrorCode::invalid_argument,
                          "[model] is missing: name one of those that GET /v1/models lists"});
  }
  const Encoding encoding = read_encoding(fields);
  check_dimensions(fields, context.service, model);
  EmbedFields inputs = read_embed_fields(fields, context.limits.inputs);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  embed_and_reply(context, std::move(exchange), model, std::move(inputs),
                  [model, encoding](const auto& embeddings) { return render(embeddings, model, encoding); });
}

}  // namespace sightline::api
