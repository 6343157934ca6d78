// The cluster, as far as one machine has one: GET /, health, _cat.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "server/elastic/local/api.h"
#include "server/elastic/local/cat_table.h"
#include "server/elastic/local/index_names.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

Response root(StoreCore& store, const Request&, const PathParameters&) {
  return json_answer(
      R"({"name":"sightline","cluster_name":"sightline","cluster_uuid":")" + store.cluster_uuid() +
      R"(","version":{"number":"9.2.0","build_flavor":"default","build_type":"tar",)"
      R"("build_hash":"0000000000000000000000000000000000000000","build_date":"2025-10-21T00:00:00.000000000Z",)"
      R"("build_snapshot":false,"lucene_version":"10.3.1","minimum_wire_compatibility_version":"8.19.0",)"
      R"("minimum_index_compatibility_version":"8.0.0"},"tagline":"You Know, for Search"})");
}

Response health(StoreCore& store, const Request& request, const PathParameters& path) {
  const std::string& name = path.get("index");
  IndicesOptions options;
  options.expand_hidden = true;
  const auto indices = store.find_all(name, options);
  if (!indices && indices.error().status != 404) return indices.error().response();
  std::size_t primaries = 0, replicas = 0;
  if (indices) {
    for (const IndexPtr& index : *indices) {
      ++primaries;
      replicas += static_cast<std::size_t>(replicas_of(index->settings()));
    }
  }
  const char* status = !indices ? "red" : replicas > 0 ? "yellow" : "green";
  // A better status than this machine can reach is not waited for.
  const std::string wanted = rest::query_parameter(request, "wait_for_status").value_or("red");
  const bool timed_out = !indices || (wanted == "green" && replicas > 0);
  const std::size_t all = primaries + replicas;
  std::array<char, 32> percent{};
  std::snprintf(percent.data(), percent.size(), "%.1f",
                all == 0 ? 100.0 : 100.0 * static_cast<double>(primaries) / static_cast<double>(all));
  const std::string active = std::to_string(primaries);
  return json_answer(
      std::string(R"({"cluster_name":"sightline","status":")") + status + R"(","timed_out":)" +
          (timed_out ? "true" : "false") +
          R"(,"number_of_nodes":1,"number_of_data_nodes":1,"active_primary_shards":)" + active +
          R"(,"active_shards":)" + active +
          R"(,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":)" +
          std::to_string(replicas) +
          R"(,"unassigned_primary_shards":0,"delayed_unassigned_shards":0,"number_of_pending_tasks":0,)"
          R"("number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,"active_shards_percent_as_number":)" +
          percent.data() + "}",
      timed_out ? 408 : 200);
}

Response cat_indices(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto options = indices_options_of(request);
  if (!options) return options.error().response();
  const auto indices = store.find_all(path.get("index"), *options);
  if (!indices) return indices.error().response();
  CatTable table({{"health"},
                  {"status"},
                  {"index"},
                  {"uuid"},
                  {"pri", true},
                  {"rep", true},
                  {"docs.count", true},
                  {"docs.deleted", true},
                  {"store.size", true},
                  {"pri.store.size", true},
                  {"dataset.size", true}});
  for (const IndexPtr& index : *indices) {
    const auto bytes = index->source_bytes();
    if (!bytes) return storage_error(bytes.error()).response();
    const int replicas = replicas_of(index->settings());
    const std::string size = human_bytes(*bytes);
    table.add({replicas > 0 ? "yellow" : "green", "open", index->name(), index->uuid(), "1",
               std::to_string(replicas), std::to_string(index->document_count()), "0", size, size, size});
  }
  return table.answer(request);
}

Response cat_count(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto options = indices_options_of(request);
  if (!options) return options.error().response();
  const auto indices = store.find_all(path.get("index"), *options);
  if (!indices) return indices.error().response();
  std::int64_t count = 0;
  {
    const auto lock = store.read_lock();
    for (const IndexPtr& index : *indices) count += index->search().visible_count();
  }
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
  std::array<char, 16> time{};
  std::snprintf(time.data(), time.size(), "%02d:%02d:%02d", static_cast<int>(now / 3600 % 24),
                static_cast<int>(now / 60 % 60), static_cast<int>(now % 60));
  CatTable table({{"epoch"}, {"timestamp"}, {"count"}});
  table.add({std::to_string(now), time.data(), std::to_string(count)});
  return table.answer(request);
}

}  // namespace

void add_cluster_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  add({get, head}, "/", "", root);
  for (const char* pattern : {"/_cluster/health", "/_cluster/health/{index}"}) {
    add({get}, pattern,
        "wait_for_status wait_for_active_shards wait_for_nodes wait_for_no_relocating_shards "
        "wait_for_no_initializing_shards "
        "wait_for_events timeout level local master_timeout expand_wildcards",
        health);
  }
  const std::string cat =
      "v h s help bytes time local master_timeout ignore_unavailable allow_no_indices expand_wildcards";
  for (const char* pattern : {"/_cat/indices", "/_cat/indices/{index}"})
    add({get}, pattern, cat + " health pri include_unloaded_segments", cat_indices);
  for (const char* pattern : {"/_cat/count", "/_cat/count/{index}"}) add({get}, pattern, cat, cat_count);
}

}  // namespace sightline::elastic
