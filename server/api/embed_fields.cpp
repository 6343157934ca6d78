#include "server/api/embed_fields.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace sightline::api {
namespace {

using serving::Lane;
using serving::Modality;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

template <class T>
struct Word {
  std::string_view word;
  T meaning;
};

// The words of OpenAI-like servers, of Elasticsearch and of Cohere.
constexpr Word<Lane> k_input_types[] = {
    {"document", Lane::document},   {"query", Lane::query},
    {"passage", Lane::document},    {"ingest", Lane::document},
    {"search", Lane::query},        {"search_document", Lane::document},
    {"search_query", Lane::query},  {"classification", Lane::document},
    {"clustering", Lane::document}, {"image", Lane::document},
};
constexpr Word<ModalityRule> k_modalities[] = {
    {"auto", ModalityRule::automatic}, {"text", ModalityRule::text}, {"image", ModalityRule::image}};
constexpr Word<models::Truncate> k_truncates[] = {{"end", models::Truncate::end},
                                                  {"none", models::Truncate::none}};

/// The meaning of a member that is one of a few words; the case of letters does not count, and "" is as good
/// as absent.
template <class T, std::size_t N>
T read_word(FieldReader& fields, const char* name, const Word<T> (&words)[N], T otherwise) {
  const auto given = fields.string(name);
  if (!given || given->empty()) return otherwise;
  const std::string word = lower(*given);
  std::string known;
  for (const auto& candidate : words) {
    if (candidate.word == word) return candidate.meaning;
    known += (known.empty() ? "" : ", ") + std::string(candidate.word);
  }
  fields.fail(name, {ErrorCode::invalid_argument, std::string("[") + name + "] is [" + word.substr(0, 40) +
                                                      "]; it may be one of: " + known});
  return otherwise;
}

void count_inputs(const Context& context, const std::string& model,
                  const std::vector<serving::Input>& inputs) {
  const auto texts = static_cast<std::size_t>(std::count_if(
      inputs.begin(), inputs.end(), [](const auto& input) { return input.modality == Modality::text; }));
  if (texts > 0) context.metrics.inputs_received(model, Modality::text, texts);
  if (texts < inputs.size()) context.metrics.inputs_received(model, Modality::image, inputs.size() - texts);
}

bool is_known(const Context& context, const std::string& model) {
  const auto all = context.service.models();
  return std::any_of(all.begin(), all.end(), [&](const auto& status) { return status.name == model; });
}

/// The member of the body that an error of the serving part speaks of.
std::string_view blamed_field(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return "model";
    case ErrorCode::invalid_argument:
    case ErrorCode::too_large:
    case ErrorCode::unsupported:
      return "input";
    default:
      return {};
  }
}

}  // namespace

EmbedFields read_embed_fields(FieldReader& fields, const InputLimits& limits) {
  EmbedFields read;
  read.lane = read_word(fields, "input_type", k_input_types, Lane::document);
  read.truncate = read_word(fields, "truncate", k_truncates, models::Truncate::end);
  const ModalityRule rule = read_word(fields, "modality", k_modalities, ModalityRule::automatic);
  const rapidjson::Value* input = fields.any("input");
  if (!input) {
    fields.fail("input", {ErrorCode::invalid_argument,
                          "[input] is missing: send a string, an array of strings, or content objects"});
    return read;
  }
  if (!fields.ok()) return read;  // no work for a request that is refused anyway
  auto inputs = read_inputs(*input, rule, limits);
  if (!inputs) {
    fields.fail("input", inputs.error());
  } else {
    read.inputs = *std::move(inputs);
  }
  return read;
}

Result<std::optional<std::chrono::milliseconds>> read_timeout(const http::Request& request) {
  using std::chrono::milliseconds;
  for (const auto& [name, value] : request.query_parameters()) {
    if (name != "timeout") continue;
    std::uint32_t count = 0;
    const char* const end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, count);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    const std::int64_t unit_ms = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
    if (error != std::errc{} || unit_ms == 0) {
      return Error{ErrorCode::invalid_argument, "[timeout] must be a whole number with ms, s or m, like 10s"};
    }
    return std::optional(milliseconds(count * unit_ms));
  }
  return std::optional<milliseconds>();
}

std::string truncated_positions(const serving::Embeddings& embeddings) {
  std::string positions;
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    if (embeddings[i].truncated) positions += (positions.empty() ? "" : ",") + std::to_string(i);
  }
  return positions;
}

void embed_and_reply(const Context& context, ExchangePtr exchange, const std::string& model,
                     EmbedFields fields, std::function<std::string(const serving::Embeddings&)> render) {
  const auto wish = read_timeout(exchange->request);
  if (!wish) return exchange->fail(wish.error(), "timeout");
  const auto limit =
      fields.lane == Lane::query ? context.limits.query_timeout : context.limits.document_timeout;
  serving::EmbedOptions options;
  options.lane = fields.lane;
  options.truncate = fields.truncate;
  options.deadline = exchange->arrived() + std::min(limit, wish->value_or(limit));
  options.cancelled = [exchange] { return exchange->client_left(); };
  exchange->inputs = fields.inputs.size();
  if (is_known(context, model)) {
    exchange->model = model;
    count_inputs(context, model, fields.inputs);
  }
  exchange->request.body = {};  // a body of base64 is not needed any more; it may be large and the queue long
  context.service.embed(model, std::move(fields.inputs), std::move(options),
                        [exchange, render = std::move(render)](Result<serving::Embeddings> embeddings) {
                          if (!embeddings) {
                            return exchange->fail(embeddings.error(), blamed_field(embeddings.error().code));
                          }
                          http::Response response;
                          response.body = render(*embeddings);
                          const std::string positions = truncated_positions(*embeddings);
                          if (!positions.empty()) response.headers.set("X-Truncated-Inputs", positions);
                          exchange->reply(std::move(response));
                        });
}

}  // namespace sightline::api
