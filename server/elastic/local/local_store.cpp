#include "server/elastic/local/local_store.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "server/elastic/local/answer_size.h"
#include "server/elastic/local/api.h"
#include "server/elastic/local/search/search_handler.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/http/answer_budget.h"

namespace sightline::elastic {
namespace {

constexpr std::chrono::seconds k_watch_interval{1};

class LocalStore : public Store {
 public:
  explicit LocalStore(std::unique_ptr<StoreCore> core) : core_(std::move(core)) {
    add_cluster_routes(router_, *core_);
    add_index_routes(router_, *core_);
    add_document_routes(router_, *core_);
    add_bulk_routes(router_, *core_);
    add_search_routes(router_, *core_);
    watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  std::string problem() override { return core_->problem(); }

  http::Response handle(const http::Request& request) override {
    try {
      return router_.handle(request);
    } catch (const AnswerTooLarge&) {
      return rest::answer_too_large(core_->limits().max_answer_bytes).response();
    } catch (const http::AnswersFull&) {
      return rest::error_response(429, http::k_answers_full);
    }
  }

 private:
  void watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock<std::mutex> lock(mutex);
    while (!stopped.wait_for(lock, stop, k_watch_interval, [&] { return stop.stop_requested(); })) {
      core_->check();
    }
  }

  std::unique_ptr<StoreCore> core_;
  rest::Router router_;
  std::jthread watch_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_local_store(const std::filesystem::path& folder, StoreCore::Now now,
                                                const Limits& limits, Warn warn) {
  auto core = StoreCore::open(folder, std::move(now), limits, std::move(warn));
  if (!core) return core.error();
  return std::unique_ptr<Store>(std::make_unique<LocalStore>(*std::move(core)));
}

void AddRoute::operator()(std::initializer_list<http::Method> methods, std::string_view pattern,
                          std::string_view parameters, Handler handler) const {
  router_.add(methods, pattern, parameters,
              [&store = store_, handler](const http::Request& request, const rest::PathParameters& path) {
                return handler(store, request, path);
              });
}

void add_search_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  constexpr const char* k_search =
      "q df default_operator size from sort _source _source_includes _source_excludes "
      "_source_exclude_vectors track_total_hits "
      "track_scores include_named_queries_score typed_keys rest_total_hits_as_int timeout preference routing search_type request_cache "
      "ignore_unavailable "
      "allow_no_indices expand_wildcards ignore_throttled ccs_minimize_roundtrips "
      "max_concurrent_shard_requests explain version "
      "seq_no_primary_term allow_partial_search_results batched_reduce_size pre_filter_shard_size scroll "
      "terminate_after "
      "stored_fields docvalue_fields analyzer analyze_wildcard lenient";
  constexpr const char* k_count =
      "q df default_operator analyzer analyze_wildcard lenient min_score preference routing terminate_after "
      "ignore_unavailable "
      "allow_no_indices expand_wildcards ignore_throttled";
  constexpr const char* k_multi =
      "typed_keys rest_total_hits_as_int max_concurrent_searches max_concurrent_shard_requests search_type "
      "ignore_unavailable "
      "allow_no_indices expand_wildcards ignore_throttled ccs_minimize_roundtrips pre_filter_shard_size "
      "routing";
  const auto add = [&](std::string_view name, const char* parameters,
                       http::Response (*handler)(IndexLookup&, const http::Request&)) {
    const auto call = [&store, handler](const http::Request& request, const rest::PathParameters&) {
      return handler(store, request);
    };
    router.add({get, post}, "/" + std::string(name), parameters, call);
    router.add({get, post}, "/{index}/" + std::string(name), parameters, call);
  };
  add("_search", k_search, handle_search);
  add("_count", k_count, handle_count);
  add("_msearch", k_multi, handle_msearch);
  add("_analyze", "index", handle_analyze);
  router.add({post}, "/{index}/_delete_by_query",
             "refresh conflicts timeout q slices scroll_size ignore_unavailable allow_no_indices "
             "expand_wildcards wait_for_completion requests_per_second routing max_docs",
             [](const http::Request&, const rest::PathParameters&) {
               return illegal_argument(
                          "[_delete_by_query] is not supported by this server; delete documents by their _id")
                   .response();
             });
}

http::Response json_answer(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

http::Response acknowledged() {
  return json_answer("{\"acknowledged\":true}");
}

std::string write_shards_json(int total) {
  return "\"_shards\":{\"total\":" + std::to_string(total) + ",\"successful\":" + (total > 0 ? "1" : "0") +
         ",\"failed\":0}";
}

void append_key(std::string& out, std::string_view name) {
  rest::append_json_string(out, name);
  out += ':';
}

}  // namespace sightline::elastic
