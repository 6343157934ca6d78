#include "server/api/embed.h"

#include <algorithm>
#include <utility>

#include "server/api/vectors.h"

namespace sightline::api {
namespace {

using serving::Embedding;
using serving::Embeddings;
using serving::Modality;

/// The contents laid end to end, as models take them, and how to put them together again.
class Flattened {
 public:
  explicit Flattened(std::vector<Content> contents) {
    for (Content& content : contents) {
      groups_.push_back({content.parts.size(), std::move(content.place)});
      std::move(content.parts.begin(), content.parts.end(), std::back_inserter(inputs));
    }
  }

  /// One embedding a content. Errors: those of `fused` and `shortened`, with the content's place.
  Result<Embeddings> joined(Embeddings embeddings, std::optional<std::size_t> dimensions) const;

  std::vector<serving::Input> inputs;

 private:
  struct Group {
    std::size_t parts;
    std::string place;
  };
  std::vector<Group> groups_;
};

Result<Embedding> joined_parts(std::span<Embedding> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Embedding whole;
  std::vector<std::vector<float>> vectors;
  for (Embedding& part : parts) {
    whole.tokens += part.tokens;
    whole.truncated = whole.truncated || part.truncated;
    vectors.push_back(std::move(part.values));
  }
  auto vector = fused(vectors);
  if (!vector) return vector.error();
  whole.values = *std::move(vector);
  return whole;
}

Result<Embeddings> Flattened::joined(Embeddings embeddings, std::optional<std::size_t> dimensions) const {
  Embeddings contents;
  contents.reserve(groups_.size());
  std::span<Embedding> rest(embeddings);
  for (const Group& group : groups_) {
    const auto at_place = [&](const Error& error) { return Error{error.code, group.place + ": " + error.message}; };
    auto content = joined_parts(rest.first(group.parts));
    if (!content) return at_place(content.error());
    if (dimensions) {
      auto cut = shortened(std::move(content->values), *dimensions);
      if (!cut) return at_place(cut.error());
      content->values = *std::move(cut);
    }
    contents.push_back(*std::move(content));
    rest = rest.subspan(group.parts);
  }
  return contents;
}

void count_inputs(const Context& context, const std::string& model, const std::vector<serving::Input>& inputs) {
  const auto texts = static_cast<std::size_t>(
      std::count_if(inputs.begin(), inputs.end(), [](const auto& input) { return input.modality == Modality::text; }));
  if (texts > 0) context.metrics.inputs_received(model, Modality::text, texts);
  if (texts < inputs.size()) context.metrics.inputs_received(model, Modality::image, inputs.size() - texts);
}

/// Upstream models make one vector of several parts by themselves, if at all: what is done here for others
/// would be another vector.
Status check_single_parts(const std::vector<Content>& contents) {
  for (const Content& content : contents) {
    if (content.parts.size() == 1) continue;
    return Error{ErrorCode::unsupported, content.place +
                                             ": this model runs at Cohere, which accepts one text or one "
                                             "picture per vector, not several parts"};
  }
  return {};
}

/// Of a header `Warning`, as Elasticsearch writes it; empty: there is nothing to warn of.
std::string warning_of_addresses(const std::vector<Content>& contents) {
  constexpr std::size_t k_most_named = 20;
  std::string places;
  std::size_t count = 0;
  for (const Content& content : contents) {
    if (!content.has_address || ++count > k_most_named) continue;
    places += (places.empty() ? "" : ", ") + content.place;
  }
  if (count == 0) return {};
  if (count > k_most_named) places += " and " + std::to_string(count - k_most_named) + " more";
  return "299 Sightline-" SIGHTLINE_VERSION " \"" + places +
         ": embedded as text, but looks like a link to a picture; Sightline does not download it: send the "
         "file itself, as data:image/jpeg;base64,...\"";
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

std::string truncated_positions(std::span<const Embedding> inputs) {
  std::string positions;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].truncated) positions += (positions.empty() ? "" : ",") + std::to_string(i);
  }
  return positions;
}

std::size_t total_tokens(std::span<const Embedding> inputs) {
  std::size_t tokens = 0;
  for (const Embedding& input : inputs) tokens += input.tokens;
  return tokens;
}

http::Response json_answer(std::string body, std::span<const Embedding> inputs) {
  http::Response response;
  response.body = std::move(body);
  std::string positions = truncated_positions(inputs);
  if (!positions.empty()) response.headers.set("X-Truncated-Inputs", std::move(positions));
  return response;
}

void embed_and_reply(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                     Render render) {
  const auto wish = read_timeout(exchange->request);
  if (!wish) return exchange->fail(wish.error(), "timeout");
  const auto limit =
      fields.lane == serving::Lane::query ? context.limits.query_timeout : context.limits.document_timeout;
  serving::EmbedOptions options;
  options.lane = fields.lane;
  options.truncate = fields.truncate;
  options.deadline = exchange->arrived() + std::min(limit, wish->value_or(limit));
  options.cancellation = exchange->request.cancellation;
  options.trace = exchange->request.trace;
  if (is_upstream(context, model)) {
    if (const Status single = check_single_parts(fields.contents); !single)
      return exchange->fail(single.error(), "input");
    options.dimensions = std::exchange(fields.dimensions, std::nullopt);  // made there, and not cut here
  }
  std::string warning = warning_of_addresses(fields.contents);
  Flattened flattened(std::move(fields.contents));
  options.input_type = std::move(fields.input_type);
  exchange->inputs = flattened.inputs.size();
  if (is_known(context, model)) {
    exchange->model = model;
    count_inputs(context, model, flattened.inputs);
  }
  if (options.trace) options.trace->describe(exchange->model, exchange->inputs);
  exchange->request.body = {};  // a body of base64 is not needed any more; it may be large and the queue long
  std::vector<serving::Input> inputs = std::move(flattened.inputs);
  auto done = [exchange, flattened = std::move(flattened), dimensions = fields.dimensions, warning = std::move(warning),
               render = std::move(render)](Result<Embeddings> embeddings) {
    const auto fail = [&](const Error& error) { exchange->fail(error, blamed_field(error.code)); };
    exchange->guard([&] {
      if (!embeddings) return fail(embeddings.error());
      auto contents = flattened.joined(*std::move(embeddings), dimensions);
      if (!contents) return fail(contents.error());
      auto response = render(*std::move(contents));
      if (!response) return fail(response.error());
      if (!warning.empty()) response->headers.add("Warning", warning);
      exchange->reply(*std::move(response));
    });
  };
  embed_by_name(context, exchange, model, std::move(inputs), std::move(options), std::move(done));
}

}  // namespace sightline::api
