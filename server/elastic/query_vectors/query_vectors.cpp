#include "server/elastic/query_vectors/query_vectors.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "base/json/members.h"
#include "server/elastic/pipelines/ingest_service.h"
#include "server/elastic/query_vectors/esql_embeddings.h"
#include "server/elastic/query_vectors/multi_search.h"
#include "server/elastic/query_vectors/query_vector_builder.h"
#include "server/elastic/query_vectors/search_scan.h"
#include "server/elastic/query_vectors/search_template.h"
#include "server/elastic/query_vectors/stored_vectors.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/request_changes.h"
#include "server/elastic/rest/router.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

constexpr std::size_t k_most_builders = 100;  // of one search; each is a separate call
constexpr std::size_t k_most_values = 100;    // of one builder

ElasticError needs_native(std::string_view query) {
  return illegal_argument("[" + std::string(query) +
                          "] requires inference by the store itself, which is not available; use [knn] with a "
                          "[query_vector_builder] on a [dense_vector] field");
}

/// In a store's own words.
ElasticError too_many_searches(std::size_t most) {
  return illegal_argument("an _msearch may hold [" + std::to_string(most) +
                          "] searches; send fewer, or raise --elasticsearch-max-searches");
}

/// Calls in flight. It waits for them however it ends, since they read their texts out of the request.
class Flights {
 public:
  Flights() = default;
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;
  ~Flights() {
    for (auto& flight : flights_) {
      if (flight.valid()) flight.wait();
    }
  }

  void start(InferenceExecutor& executor, std::shared_ptr<const Endpoint> endpoint, const EmbeddedInput& input,
             const Caller& caller) {
    auto promise = std::make_shared<std::promise<Answer<Embeddings>>>();
    flights_.push_back(promise->get_future());
    InferenceInput sent{{}, input.type, caller.hops, caller.ids(), input.parts.size() > 1};
    for (const EmbeddedInput::Part& part : input.parts) sent.texts.push_back(part.text());
    executor.infer(std::move(endpoint), std::move(sent), input.timeout,
                   [promise](Answer<Embeddings> vectors) { promise->set_value(std::move(vectors)); });
  }
  void wait() const {
    for (const auto& flight : flights_) flight.wait();
  }
  Answer<Embeddings> land(std::size_t flight) { return flights_[flight].get(); }

 private:
  std::vector<std::future<Answer<Embeddings>>> flights_;
};

}  // namespace

/// Makes the vectors of some searches.
class QueryVectors::Resolution {
 public:
  Resolution(QueryVectors& owner, const Caller& caller) : owner_(owner), caller_(caller) {}

  void run(std::vector<Search>& searches) {
    for (Search& search : searches) {
      check_cancelled();
      const std::size_t embedded = embedded_.size(), stored = stored_.size();
      search.failure = plan(search);
      if (!search.failure) continue;
      embedded_.resize(embedded);
      stored_.resize(stored);
      wanted_.resize(stored);
    }
    const http::NetworkWait wait(embedded_.empty() ? std::string() : embedded_.front().endpoint->id);
    const bool embeds = embedded_.empty() || wait.granted();
    Flights flights;
    if (embeds) {
      for (const Embedded& one : embedded_) flights.start(owner_.executor_, one.endpoint, one.input, caller_);
    }
    const auto vectors = stored_vectors(owner_.store_, caller_, wanted_);
    for (std::size_t i = 0; i < stored_.size(); ++i) {
      if (vectors[i]) {
        stored_[i].put(json::Raw{*vectors[i]});
      } else {
        stored_[i].fail(vectors[i].error());
      }
    }
    if (!embeds) {
      for (const Embedded& one : embedded_) one.target.fail(too_many_waiting());
      return;
    }
    if (!embedded_.empty()) {
      const http::NetworkWait::Lent lent(wait);
      flights.wait();
    }
    check_cancelled();
    for (std::size_t i = 0; i < embedded_.size(); ++i) {
      const auto made = flights.land(i);
      if (!made) {
        embedded_[i].target.fail(made.error());
        continue;
      }
      embedded_[i].target.put(made->front());
    }
  }

 private:
  /// Where a vector belongs.
  struct Target {
    Search* search = nullptr;
    std::size_t splice = 0;
    void put(const auto& vector) const {
      search->splices[splice].text = json::Builder().member("query_vector", vector).text();
    }
    void fail(const ElasticError& error) const {
      if (!search->failure) search->failure = error;
    }
  };
  struct Embedded {
    Target target = {};
    std::shared_ptr<const Endpoint> endpoint = {};
    EmbeddedInput input = {};
  };

  bool native() {
    if (!native_) native_ = owner_.native_.available(caller_);
    return *native_;
  }

  /// Reads a search's builders, and finds out who makes their vectors.
  Refusal plan(Search& search) {
    if (!may_need_inference(search.text)) return {};
    const auto scan = scan_search(search.text);
    if (!scan) return {};
    if (!scan->inference_query.empty() && !native()) return needs_native(scan->inference_query);
    if (scan->builders.size() > k_most_builders) {
      return illegal_argument("a search may hold " + std::to_string(k_most_builders) +
                              " query_vector_builders at most");
    }
    for (const BuilderPlace& place : scan->builders) {
      Refusal refusal = plan_builder(search, place);
      if (refusal && !native()) return refusal;
    }
    return {};
  }

  /// An error leaves the builder unchanged.
  Refusal plan_builder(Search& search, const BuilderPlace& place) {
    if (place.beside_vector) return illegal_argument("cannot provide both [query_vector_builder] and [query_vector]");
    if (place.values > k_most_values) {
      return ElasticError{
          400, "x_content_parse_exception",
          "[query_vector_builder] has " + std::to_string(place.values) + " values, more than any builder accepts"};
    }
    auto builder = read_query_vector_builder(search.text.substr(place.value_begin, place.end - place.value_begin));
    if (!builder) return builder.error();
    if (std::holds_alternative<UnknownBuilder>(*builder)) return {};
    const Target target{&search, search.splices.size()};
    if (auto* stored = std::get_if<StoredVector>(&*builder)) {
      stored_.push_back(target);
      wanted_.push_back(std::move(*stored));
    } else {
      auto& input = std::get<EmbeddedInput>(*builder);
      auto endpoint = owner_.endpoints_.get(caller_, input.endpoint_id);
      if (!endpoint) return endpoint.error();
      if (!*endpoint) {
        const auto deployed = owner_.native_.knows(caller_, input.endpoint_id);  // a model of the cluster's
        if (deployed && *deployed) return {};
        return unknown_model(input.endpoint_id);
      }
      embedded_.push_back({target, std::move(*endpoint), std::move(input)});
    }
    search.splices.push_back({search.offset + place.begin, search.offset + place.end});
    return {};
  }

  QueryVectors& owner_;
  const Caller& caller_;
  std::optional<bool> native_;
  std::vector<Embedded> embedded_;
  std::vector<Target> stored_;
  std::vector<StoredVector> wanted_;  ///< of stored_
};

void QueryVectors::resolve(const Caller& caller, std::vector<Search>& searches) {
  Resolution(*this, caller).run(searches);
}

Outcome QueryVectors::search(http::Request request) {
  auto sourced = rest::source_as_body(request);
  http::Request& searched = sourced ? *sourced : request;
  if (!may_need_inference(searched.body)) return request;
  std::vector<Search> searches{{searched.body}};
  resolve(caller_of(request), searches);
  const Search& search = searches.front();
  if (search.failure) return search.failure->response();
  if (search.splices.empty()) return request;
  rest::replace_body(searched, spliced(searched.body, search.splices));
  return std::move(searched);
}

Outcome QueryVectors::multi_search(http::Request request) {
  auto sourced = rest::source_as_body(request);
  http::Request& searched = sourced ? *sourced : request;
  // Without its last line break the whole request is refused, by every store.
  if (!may_need_inference(searched.body) || !searched.body.ends_with('\n')) return request;
  const std::string_view body = searched.body;
  const auto lines = search_lines(body, max_searches_ + 1);
  if (lines.size() > max_searches_) return too_many_searches(max_searches_).response();
  std::vector<Search> searches;
  searches.reserve(lines.size());
  for (const auto& one : lines) {
    searches.push_back({body.substr(one.search_begin, one.search_end - one.search_begin), one.search_begin});
  }
  resolve(caller_of(request), searches);
  std::vector<Splice> splices;
  std::vector<Refusal> failures;
  for (std::size_t i = 0; i < searches.size(); ++i) {
    if (searches[i].failure) searches[i].splices = {{lines[i].begin, lines[i].end}};
    std::move(searches[i].splices.begin(), searches[i].splices.end(), std::back_inserter(splices));
    failures.push_back(std::move(searches[i].failure));
  }
  if (splices.empty()) return request;
  return with_failures(std::move(searched), splices, failures);
}

Outcome QueryVectors::search_template(http::Request request) {
  const auto parts = request.path_parts();
  const auto has_part = [&](std::string_view name) {
    return std::find(parts.begin(), parts.end(), name) != parts.end();
  };
  auto sourced = rest::source_as_body(request);
  http::Request& searched = sourced ? *sourced : request;
  if (has_part("_render") || !may_need_inference(searched.body) || native_.available(caller_of(request)))
    return request;
  if (!has_part("_msearch")) {
    if (const Refusal refusal = refused_template(searched.body)) return refusal->response();
    return request;
  }
  std::vector<Splice> splices;
  std::vector<Refusal> failures;
  const auto lines = search_lines(searched.body, max_searches_ + 1);
  if (lines.size() > max_searches_) return too_many_searches(max_searches_).response();
  for (const auto& one : lines) {
    check_cancelled();
    const std::string_view search(searched.body.data() + one.search_begin, one.search_end - one.search_begin);
    failures.push_back(refused_template(search));
    if (failures.back()) splices.push_back({one.begin, one.end});
  }
  if (splices.empty()) return request;
  return with_failures(std::move(searched), splices, failures);
}

Outcome QueryVectors::query_language(http::Request request) {
  if (!store_.runs_pipelines() || !may_embed(request.body)) return request;  // a store without it has no ES|QL either
  const auto body = rest::parse_json(request.body);
  if (!body || !body->IsObject()) return request;
  const Caller caller = caller_of(request);
  const auto named = embedding_endpoints_in(json::text_at(*body, "query"));
  const std::set<std::string> ids(named.begin(), named.end());
  std::size_t left =
      k_most_builders;  // each is looked up in the cluster; of those beyond, the cluster says that it has none
  for (const std::string& id : ids) {
    if (left-- == 0) break;
    check_cancelled();
    const auto endpoint = endpoints_.get(caller, id);
    if (!endpoint || !*endpoint) continue;
    return illegal_argument("inference endpoint [" + id +
                            "] is stored by the gateway, and ES|QL runs in the cluster, which cannot call it; use "
                            "[knn] with a [query_vector_builder] in _search, or put the vector that POST "
                            "_inference/text_embedding/" +
                            id + " returns into the query")
        .response();
  }
  return request;
}

Outcome QueryVectors::with_failures(http::Request request, const std::vector<Splice>& splices,
                                    const std::vector<Refusal>& failures) {
  const auto failed = [](const Refusal& failure) { return failure.has_value(); };
  if (std::none_of(failures.begin(), failures.end(), failed)) {
    rest::replace_body(request, spliced(request.body, splices));
    return request;
  }
  if (std::all_of(failures.begin(), failures.end(), failed))
    return json_response(*merge_failures(R"({"took":0,"responses":[]})", failures));
  rest::replace_body(request, spliced(request.body, splices));
  // The answer must be one that can be read; what shapes it is done to the merged one.
  rest::take_out_shaping(request);
  auto answer = store_.handle(request);
  if (answer.status >= 300) return answer;
  auto merged = merge_failures(answer.body, failures);
  if (!merged) {
    return ElasticError{502, "exception", "the store's answer to _msearch cannot be read, or is not complete"}
        .response();
  }
  http::Response response = json_response(std::move(*merged));
  for (const auto& [name, value] : answer.headers.all()) {
    if (http::equal_ignoring_case(name, "Warning")) response.headers.add(name, value);
  }
  return response;
}

}  // namespace sightline::elastic
