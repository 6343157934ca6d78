#include "server/api/embed.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "base/cancellation.h"
#include "base/picture_url.h"
#include "server/api/picture_fetcher.h"
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

  /// Leaves it to the model to make one vector of several parts: how many parts each content has; empty: one each.
  std::vector<std::size_t> give_up_parts() {
    std::vector<std::size_t> counts;
    for (Group& group : groups_) counts.push_back(std::exchange(group.parts, 1));
    return counts.size() == inputs.size() ? std::vector<std::size_t>() : counts;
  }

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
                                             "picture per vector, not several parts (embed-v4.0 accepts them)"};
  }
  return {};
}

/// Of a header `Warning`, as Elasticsearch writes it; empty: there are no places to warn of.
std::string warning(const std::vector<std::string>& places, std::string_view what) {
  constexpr std::size_t k_most_named = 20;
  if (places.empty()) return {};
  std::string named;
  for (std::size_t i = 0; i < std::min(places.size(), k_most_named); ++i) named += (i > 0 ? ", " : "") + places[i];
  if (places.size() > k_most_named) named += " and " + std::to_string(places.size() - k_most_named) + " more";
  return "299 Sightline-" SIGHTLINE_VERSION " \"" + named + ": " + std::string(what) + "\"";
}

std::string warning_of_addresses(const std::vector<Content>& contents, bool fetches_links) {
  std::vector<std::string> places;
  for (const Content& content : contents) {
    if (content.has_address) places.push_back(content.place);
  }
  return warning(places, std::string("embedded as text, but looks like a link to a picture; Sightline does not "
                                     "download it: send the file itself, as data:image/jpeg;base64,...") +
                             (fetches_links ? ", or its URL in a content object of type image_url" : ""));
}

/// The work of a request whose client gave a time for the answer.
struct TimedWork {
  /// Cancelled when the client disconnects, or when the time has passed.
  const std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
  Cancellation::Registration client;
  std::optional<Expiries::Registration> expiry;
  std::atomic<bool> expired{false};  // and answered
};

Error not_in_time(const WantedTime& wanted) {
  return {ErrorCode::deadline_exceeded, "there was no answer within [" + std::string(wanted.given_as) + "], " +
                                            std::to_string(wanted.time.count()) +
                                            " ms, so the work was cancelled: allow more time, or retry later"};
}

/// When the time has passed the request is refused and its work cancelled, even if that has begun. Until then what is
/// returned must live.
std::shared_ptr<TimedWork> timed_work(const Context& context, const ExchangePtr& exchange, const WantedTime& wanted) {
  auto work = std::make_shared<TimedWork>();
  work->client = Cancellation::follow(exchange->request.cancellation, work->cancellation);
  const auto expire = [wanted, of = std::weak_ptr(work), request = std::weak_ptr(exchange)] {
    const auto unfinished = of.lock();
    const auto unanswered = request.lock();
    if (!unfinished || !unanswered) return;
    unfinished->expired = true;
    unanswered->guard([&] { unanswered->fail(not_in_time(wanted)); });
    unfinished->cancellation->cancel(CancelReason::client_left);
  };
  work->expiry.emplace(context.expiries.add(exchange->arrived() + wanted.time, expire));
  return work;
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

/// The pictures that are given by URL, in order.
std::vector<PictureFetcher::Link> links_of(const std::vector<Content>& contents) {
  std::vector<PictureFetcher::Link> links;
  for (const Content& content : contents) {
    for (const std::size_t part : content.links)
      links.push_back({content.parts[part].place, content.parts[part].bytes});
  }
  return links;
}

std::size_t bytes_of(const std::vector<serving::Input>& inputs) {
  std::size_t bytes = 0;
  for (const serving::Input& input : inputs) bytes += input.bytes.size();
  return bytes;
}

std::size_t bytes_of(const std::vector<Content>& contents) {
  std::size_t bytes = 0;
  for (const Content& content : contents) bytes += bytes_of(content.parts);
  return bytes;
}

/// From now on errors of these parts name the host, too.
void put_in_place(std::vector<std::string> pictures, std::vector<Content>& contents) {
  auto picture = pictures.begin();
  for (Content& content : contents) {
    for (const std::size_t part : content.links) {
      serving::Input& input = content.parts[part];
      input.place += " [" + host_of(input.bytes) + "]";
      input.bytes = std::move(*picture++);
    }
    content.links.clear();
  }
}

struct TimedOptions {
  serving::EmbedOptions options;
  std::shared_ptr<TimedWork> timed;  ///< must live as long as the work; null: the client gave no time
};

/// For a part of a request's work. Errors: invalid_argument (the time that the client gives).
Result<TimedOptions> timed_options(const Context& context, const ExchangePtr& exchange, const EmbedFields& fields) {
  const auto wanted = read_timeout(exchange->request);
  if (!wanted) return wanted.error();
  const auto limit =
      fields.lane == serving::Lane::query ? context.limits.query_timeout : context.limits.document_timeout;
  TimedOptions made;
  made.options.lane = fields.lane;
  made.options.truncate = fields.truncate;
  made.options.deadline = exchange->arrived() + (*wanted ? std::min(limit, (*wanted)->time) : limit);
  if (*wanted) made.timed = timed_work(context, exchange, **wanted);
  made.options.cancellation = made.timed ? made.timed->cancellation : exchange->request.cancellation;
  made.options.trace = exchange->request.trace;
  return made;
}

}  // namespace

std::string truncated_positions(std::span<const Embedding> inputs) {
  std::string positions;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].truncated) positions += (positions.empty() ? "" : ",") + std::to_string(i);
  }
  return positions;
}

void warn_of_cuts(http::Response& response, const std::vector<std::string>& places) {
  const std::string text = warning(places, "longer than the model's limit, so it was cut: send a shorter text");
  if (!text.empty()) response.headers.add("Warning", text);
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

namespace {

/// Embeds contents without links.
void embed_fetched(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                   const Render& render) {
  auto work = timed_options(context, exchange, fields);
  if (!work) return exchange->fail(work.error(), "timeout");
  auto& [options, timed] = *work;
  if (is_upstream(context, model))
    options.dimensions = std::exchange(fields.dimensions, std::nullopt);  // made there, and not cut here
  std::string of_addresses = warning_of_addresses(fields.contents, context.fetcher != nullptr);
  Flattened flattened(std::move(fields.contents));
  options.input_type = std::move(fields.input_type);
  const bool known = is_known(context, model);
  exchange->describe(known ? model : "", flattened.inputs.size());
  if (known) count_inputs(context, model, flattened.inputs);
  if (options.trace) options.trace->describe(known ? model : "", flattened.inputs.size());
  // A body of base64 is not needed any more; it may be large and the queue long.
  exchange->drop_body(bytes_of(flattened.inputs));
  if (is_upstream(context, model)) options.parts = flattened.give_up_parts();
  std::vector<serving::Input> inputs = std::move(flattened.inputs);
  auto done = [exchange, timed = std::move(timed), flattened = std::move(flattened), dimensions = fields.dimensions,
               of_addresses = std::move(of_addresses), render](Result<Embeddings> embeddings) {
    if (timed && timed->expired) return;
    const auto fail = [&](const Error& error) { exchange->fail(error, blamed_field(error.code)); };
    exchange->guard([&] {
      if (!embeddings) return fail(embeddings.error());
      auto contents = flattened.joined(*std::move(embeddings), dimensions);
      if (!contents) return fail(contents.error());
      auto response = render(*std::move(contents));
      if (!response) return fail(response.error());
      if (!of_addresses.empty()) response->headers.add("Warning", of_addresses);
      exchange->reply(*std::move(response));
    });
  };
  embed_by_name(context, exchange, model, std::move(inputs), std::move(options), std::move(done));
  exchange->drop_body();  // the queue counts what it has taken
}

}  // namespace

void fetch_pictures(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                    std::function<void(ExchangePtr, EmbedFields)> next) {
  std::vector<PictureFetcher::Link> links = links_of(fields.contents);
  // Without such a model the request fails anyway.
  const bool fetches = context.fetcher && (is_known(context, model) || is_upstream(context, model));
  if (links.empty() || !fetches) return next(std::move(exchange), std::move(fields));
  auto work = timed_options(context, exchange, fields);
  if (!work) return exchange->fail(work.error(), "timeout");
  exchange->drop_body(bytes_of(fields.contents));
  if (is_known(context, model)) exchange->describe(model, 0);
  const auto fetching = std::make_shared<StageSpan>(work->options.trace, Stage::fetch);
  auto done = [exchange, fetching, timed = std::move(work->timed), fields = std::move(fields),
               next = std::move(next)](Result<PictureFetcher::Fetched> fetched) mutable {
    fetching->end();
    if (timed && timed->expired) return;
    exchange->guard([&] {
      if (!fetched) return exchange->fail(fetched.error(), blamed_field(fetched.error().code));
      put_in_place(std::move(fetched->pictures), fields.contents);
      next(exchange, std::move(fields));
    });
  };
  context.fetcher->fetch(std::move(links), work->options, std::move(done));
}

void embed_and_reply(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                     Render render) {
  if (is_upstream(context, model) && !context.upstream->fuses(model)) {
    if (const Status single = check_single_parts(fields.contents); !single)
      return exchange->fail(single.error(), "input");
  }
  fetch_pictures(context, std::move(exchange), model, std::move(fields),
                 [&context, model, render = std::move(render)](ExchangePtr fetched, EmbedFields whole) {
                   embed_fetched(context, std::move(fetched), model, std::move(whole), render);
                 });
}

}  // namespace sightline::api
