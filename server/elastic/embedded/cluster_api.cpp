// The cluster, as far as one machine has one: GET /, health, _cat, nodes, licence.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/number_text.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/cat_table.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/search/search_errors.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

/// What builds of Elasticsearch say of themselves, in GET / and of each node.
constexpr const char* k_build =
    R"("build_flavor":"default","build_type":"tar","build_hash":"0000000000000000000000000000000000000000")";

Response root(StoreCore& store, const Request&, const PathParameters&, const NoParameters&) {
  return json_answer(
      R"({"name":"sightline","cluster_name":"sightline","cluster_uuid":")" + store.cluster_uuid() +
      R"(","version":{"number":"9.2.0",)" + k_build + R"(,"build_date":"2025-10-21T00:00:00.000000000Z",)"
      R"("build_snapshot":false,"lucene_version":"10.3.1","minimum_wire_compatibility_version":"8.19.0",)"
      R"("minimum_index_compatibility_version":"8.0.0"},"tagline":"You Know, for Search"})");
}

/// The licence that tools ask for before they start: nothing here depends on it, and it has no end.
Response license(StoreCore& store, const Request&, const PathParameters&, const NoParameters&) {
  return json_answer(
      R"({"license":{"status":"active","uid":")" + store.cluster_uuid() +
      R"(","type":"basic","issue_date":"2025-10-21T00:00:00.000Z","issue_date_in_millis":1761004800000,)"
      R"("max_nodes":1,"max_resource_units":null,"issued_to":"sightline","issuer":"sightline",)"
      R"("start_date_in_millis":-1}})");
}

/// Where clients find this node: the address by which this one did, whatever lies between (a container's
/// port, a proxy). Nothing if the request names none.
std::optional<std::string> publish_address(const Request& request) {
  const auto host = request.headers.get("Host");
  if (!host || host->empty()) return std::nullopt;
  const bool has_port = host->find(':', host->starts_with('[') ? host->find(']') : 0) != std::string_view::npos;
  if (has_port) return std::string(*host);
  return std::string(*host) + (request.headers.get("X-Forwarded-Proto") == "https" ? ":443" : ":80");
}

/// What clients that sniff ask for.
Response nodes_http(StoreCore& store, const Request& request, const PathParameters&, const NoParameters&) {
  std::string out =
      R"({"_nodes":{"total":1,"successful":1,"failed":0},"cluster_name":"sightline","nodes":{)";
  append_key(out, store.cluster_uuid());
  out += R"({"name":"sightline","version":"9.2.0",)" + std::string(k_build) +
         R"(,"roles":["data","ingest","master"])";
  if (const auto address = publish_address(request)) {
    out += R"(,"http":{"publish_address":)";
    rest::append_json_string(out, *address);
    out += R"(,"max_content_length_in_bytes":)" + std::to_string(store.limits().max_body_bytes) + "}";
  }
  return json_answer(out + "}}}");
}

/// Copies of shards: here, and those that one machine has no place for.
struct Copies {
  std::size_t active = 0, unassigned = 0;
  const char* status() const { return unassigned > 0 ? "yellow" : "green"; }
  double percent() const {
    const std::size_t all = active + unassigned;
    return all == 0 ? 100.0 : 100.0 * static_cast<double>(active) / static_cast<double>(all);
  }
  std::string percent_text() const {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%.1f%%", percent());
    return text.data();
  }
};

Copies copies_of(const LocalIndex& index) {
  return {1, static_cast<std::size_t>(replicas_of(index.settings()))};
}

Copies copies_of(const std::vector<IndexPtr>& indices) {
  Copies all;
  for (const IndexPtr& index : indices) {
    const Copies copies = copies_of(*index);
    all.active += copies.active;
    all.unassigned += copies.unassigned;
  }
  return all;
}

/// How bad a status is; nothing if it is none.
std::optional<int> rank_of(std::string_view status) {
  constexpr std::array<std::string_view, 3> k_ranks = {"green", "yellow", "red"};
  const auto found = std::find(k_ranks.begin(), k_ranks.end(), status);
  if (found == k_ranks.end()) return std::nullopt;
  return static_cast<int>(found - k_ranks.begin());
}

/// What a health request waits for.
struct HealthParameters : IndicesParameters {
  HealthParameters() { indices.expand_hidden = true; }
  int worst_rank = 2;  ///< wait_for_status
  bool enough_nodes = true;
  bool wants_all_shards = false;
  std::int64_t wanted_shards = 0;
  std::string level = "cluster";
  bool human = false;
};

/// `wait_for_nodes` (`2`, `>=2`, `ge(2)`, ...) of a cluster of one node.
Answer<bool> has_nodes(std::string_view wanted) {
  struct Comparison {
    std::string_view begin, end;
    bool (*holds)(std::size_t nodes, std::size_t wanted);
  };
  constexpr auto k_ge = [](std::size_t nodes, std::size_t number) { return nodes >= number; };
  constexpr auto k_le = [](std::size_t nodes, std::size_t number) { return nodes <= number; };
  constexpr auto k_gt = [](std::size_t nodes, std::size_t number) { return nodes > number; };
  constexpr auto k_lt = [](std::size_t nodes, std::size_t number) { return nodes < number; };
  constexpr auto k_same = [](std::size_t nodes, std::size_t number) { return nodes == number; };
  constexpr std::array<Comparison, 9> k_comparisons = {{{">=", "", k_ge},
                                                        {"ge(", ")", k_ge},
                                                        {"<=", "", k_le},
                                                        {"le(", ")", k_le},
                                                        {">", "", k_gt},
                                                        {"gt(", ")", k_gt},
                                                        {"<", "", k_lt},
                                                        {"lt(", ")", k_lt},
                                                        {"", "", k_same}}};
  for (const auto& [begin, end, holds] : k_comparisons) {
    if (!wanted.starts_with(begin) || !wanted.ends_with(end) || wanted.size() <= begin.size() + end.size())
      continue;
    const auto digits = wanted.substr(begin.size(), wanted.size() - begin.size() - end.size());
    const auto number = number_from<std::size_t>(digits);
    if (!number)
      return ElasticError{400, "number_format_exception",
                          "For input string: \"" + std::string(digits) + "\""};
    return holds(1, *number);
  }
  return ElasticError{400, "number_format_exception", "For input string: \"" + std::string(wanted) + "\""};
}

/// True if all that a health request waits for is there. What is not will never come on one machine, so
/// nothing is waited for.
bool reached(const HealthParameters& wanted, std::string_view status, const Copies& copies) {
  if (*rank_of(status) > wanted.worst_rank || !wanted.enough_nodes) return false;
  if (wanted.wants_all_shards) return copies.unassigned == 0;
  return static_cast<std::int64_t>(copies.active) >= wanted.wanted_shards;
}

/// `"active_shards":..` to `"unassigned_primary_shards":0`, which every level has.
std::string shards_members(const Copies& copies) {
  return "\"active_shards\":" + std::to_string(copies.active) +
         R"(,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":)" +
         std::to_string(copies.unassigned) + R"(,"unassigned_primary_shards":0)";
}

/// `,"indices":{..}` of the levels below the cluster's.
std::string indices_member(const std::vector<IndexPtr>& indices, bool shards) {
  std::string out = ",\"indices\":{";
  for (const IndexPtr& index : indices) {
    const Copies copies = copies_of(*index);
    const std::string status = std::string("{\"status\":\"") + copies.status() + "\",";
    if (out.back() != '{') out += ',';
    append_key(out, index->name());
    out += status + "\"number_of_shards\":1,\"number_of_replicas\":" + std::to_string(copies.unassigned) +
           ",\"active_primary_shards\":1," + shards_members(copies);
    if (shards)
      out += ",\"shards\":{\"0\":" + status + "\"primary_active\":true," + shards_members(copies) + "}}";
    out += '}';
  }
  return out + "}";
}

Response health(StoreCore& store, const Request&, const PathParameters& path,
                const HealthParameters& parameters) {
  const std::string& level = parameters.level;
  auto found = store.find_all(path.get("index"), parameters.indices);
  if (!found && found.error().status != 404) return found.error().response();
  const bool missing = !found;
  const std::vector<IndexPtr> indices = missing ? std::vector<IndexPtr>() : *std::move(found);
  const Copies all = copies_of(indices);
  const char* status = missing || !store.problem().empty() ? "red" : all.status();
  const bool timed_out = missing || !reached(parameters, status, all);
  std::string out = std::string(R"({"cluster_name":"sightline","status":")") + status + R"(","timed_out":)" +
                    (timed_out ? "true" : "false") +
                    R"(,"number_of_nodes":1,"number_of_data_nodes":1,"active_primary_shards":)" +
                    std::to_string(all.active) + "," + shards_members(all) +
                    R"(,"delayed_unassigned_shards":0,"number_of_pending_tasks":0,)"
                    R"("number_of_in_flight_fetch":0,)" +
                    (parameters.human ? R"("task_max_waiting_in_queue":"0s",)" : "") +
                    R"("task_max_waiting_in_queue_millis":0,)";
  if (parameters.human) out += R"("active_shards_percent":")" + all.percent_text() + "\",";
  out += R"("active_shards_percent_as_number":)";
  append_decimal(out, all.percent());
  if (level != "cluster") out += indices_member(indices, level == "shards");
  return json_answer(out + "}", timed_out ? 408 : 200);
}

struct CatIndicesParameters : CatParameters, IndicesParameters {
  std::string health;  ///< empty: any
};

Response cat_indices(StoreCore& store, const Request& request, const PathParameters& path,
                     const CatIndicesParameters& parameters) {
  const auto indices = store.find_all(path.get("index"), parameters.indices);
  if (!indices) return indices.error().response();
  CatTable table({{"health", {"h"}, "current health status"},
                  {"status", {"s"}, "open/close status"},
                  {"index", {"i", "idx"}, "index name"},
                  {"uuid", {"id", "uuid"}, "index uuid"},
                  {"pri", {"p", "shards.primary", "shardsPrimary"}, "number of primary shards", true},
                  {"rep", {"r", "shards.replica", "shardsReplica"}, "number of replica shards", true},
                  {"docs.count", {"dc", "docsCount"}, "available docs", true},
                  {"docs.deleted", {"dd", "docsDeleted"}, "deleted docs", true},
                  {"store.size", {"ss", "storeSize"}, "store size of primaries & replicas", true},
                  {"pri.store.size", {}, "store size of primaries", true},
                  {"dataset.size", {}, "total size of dataset", true}});
  for (const IndexPtr& index : *indices) {
    const Copies copies = copies_of(*index);
    if (!parameters.health.empty() && parameters.health != copies.status()) continue;
    const auto bytes = index->source_bytes();
    if (!bytes) return storage_error(bytes.error()).response();
    const std::string size = human_bytes(*bytes, parameters.size_unit);
    table.add({copies.status(), "open", index->name(), index->uuid(), "1", std::to_string(copies.unassigned),
               std::to_string(index->document_count()), "0", size, size, size});
  }
  return table.answer(request, parameters, store.limits());
}

/// "1795899832" and "21:03:52".
std::array<std::string, 2> epoch_and_time() {
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
  std::array<char, 16> time{};
  std::snprintf(time.data(), time.size(), "%02d:%02d:%02d", static_cast<int>(now / 3600 % 24),
                static_cast<int>(now / 60 % 60), static_cast<int>(now % 60));
  return {std::to_string(now), time.data()};
}

Response cat_count(StoreCore& store, const Request& request, const PathParameters& path,
                   const CatParameters& parameters) {
  const auto indices = store.find_all(path.get("index"), {});
  if (!indices) return indices.error().response();
  std::int64_t count = 0;
  {
    const auto lock = store.read_lock();
    for (const IndexPtr& index : *indices) count += index->search().visible_count();
  }
  CatTable table({{"epoch", {"t", "time"}, "seconds since 1970-01-01 00:00:00"},
                  {"timestamp", {"ts", "hms", "hhmmss"}, "time in HH:MM:SS"},
                  {"count", {"dc", "docs.count", "docsCount"}, "the document count"}});
  const auto [epoch, time] = epoch_and_time();
  table.add({epoch, time, std::to_string(count)});
  return table.answer(request, parameters, store.limits());
}

struct CatHealthParameters : CatParameters {
  bool with_time = true;  ///< `ts`
};

Response cat_health(StoreCore& store, const Request& request, const PathParameters&,
                    const CatHealthParameters& parameters) {
  IndicesOptions every;
  every.expand_hidden = true;
  const auto indices = store.find_all("", every);
  if (!indices) return indices.error().response();
  const Copies all = copies_of(*indices);
  const std::string shards = std::to_string(all.active);
  std::vector<CatTable::Column> columns = {
      {"cluster", {"cl"}, "cluster name"},
      {"status", {"st"}, "health status"},
      {"node.total", {"nt", "nodeTotal"}, "total number of nodes", true},
      {"node.data", {"nd", "nodeData"}, "number of nodes that can store data", true},
      {"shards", {"t", "sh", "shards.total", "shardsTotal"}, "total number of shards", true},
      {"pri", {"p", "shards.primary", "shardsPrimary"}, "number of primary shards", true},
      {"relo", {"r", "shards.relocating", "shardsRelocating"}, "number of relocating nodes", true},
      {"init", {"i", "shards.initializing", "shardsInitializing"}, "number of initializing nodes", true},
      {"unassign", {"u", "shards.unassigned", "shardsUnassigned"}, "number of unassigned shards", true},
      {"unassign.pri",
       {"up", "shards.unassigned.primary", "shardsUnassignedPrimary"},
       "number of unassigned primary shards",
       true},
      {"pending_tasks", {"pt", "pendingTasks"}, "number of pending tasks", true},
      {"max_task_wait_time", {"mtwt", "maxTaskWaitTime"}, "wait time of longest task pending", true},
      {"active_shards_percent", {"asp", "activeShardsPercent"}, "active number of shards in percent", true}};
  std::vector<std::string> row = {"sightline", store.problem().empty() ? all.status() : "red", "1", "1", shards, shards,
                                  "0", "0", std::to_string(all.unassigned), "0", "0", "-", all.percent_text()};
  if (parameters.with_time) {
    columns.insert(columns.begin(), {{"epoch", {"t", "time"}, "seconds since 1970-01-01 00:00:00"},
                                     {"timestamp", {"ts", "hms", "hhmmss"}, "time in HH:MM:SS"}});
    const auto now = epoch_and_time();
    row.insert(row.begin(), now.begin(), now.end());
  }
  CatTable table(std::move(columns));
  table.add(std::move(row));
  return table.answer(request, parameters, store.limits());
}

// The tables of parameters

int worst_rank(std::string_view, const std::string& text) {
  if (const auto rank = rank_of(text)) return *rank;
  refuse(illegal_argument("wait_for_status must be one of [green], [yellow] or [red] but was [" +
                          shortened(text) + "]"));
}

bool enough_nodes(std::string_view, const std::string& text) {
  if (text.empty()) return true;
  auto enough = has_nodes(text);
  if (!enough) refuse(std::move(enough).error());
  return *enough;
}

void read_wanted_shards(std::string_view, const std::string& text, HealthParameters& parameters) {
  parameters.wants_all_shards = text == "all";
  if (text == "all") return;
  const auto number = number_from<std::int64_t>(text);
  if (!number || *number < 0)
    refuse(not_a_number("cannot parse ActiveShardCount[" + shortened(text) + "]", text));
  parameters.wanted_shards = *number;
}

std::string known_level(std::string_view, const std::string& text) {
  if (text == "cluster" || text == "indices" || text == "shards") return text;
  refuse(illegal_argument("level parameter must be one of [cluster] or [indices] or [shards] but was [" +
                          shortened(text) + "]"));
}

void check_priority(std::string_view name, const std::string& text) {
  for (const char* known : {"immediate", "urgent", "high", "normal", "low", "languid"}) {
    if (text == known) return;
  }
  refuse(illegal_argument("No enum constant for [" + std::string(name) + "]: [" + shortened(text) + "]"));
}

std::string known_health(std::string_view, const std::string& text) {
  if (rank_of(text)) return text;
  refuse(illegal_argument("unknown cluster health status [" + shortened(text) + "]"));
}

std::vector<rest::Parameter<HealthParameters>> health_rows() {
  using namespace rest::parameter;
  using P = HealthParameters;
  constexpr std::string_view k_settled = "nothing moves on one machine";
  return {{"wait_for_status", "green, yellow or red", into<&P::worst_rank, worst_rank>,
           "what is not there will never come: 408 at once"},
          {"wait_for_nodes", "text", into<&P::enough_nodes, enough_nodes>, "likewise"},
          {"wait_for_active_shards", "number or all", read_wanted_shards, "likewise"},
          {"level", "cluster, indices or shards", into<&P::level, known_level>},
          {"human", "flag", into<&P::human, flag>},
          no_effect("wait_for_no_relocating_shards", "flag", check_flag, k_settled),
          no_effect("wait_for_no_initializing_shards", "flag", check_flag, k_settled),
          no_effect("wait_for_events", "priority", check_priority, "there is no queue of tasks")};
}

const rest::ParameterTable<NoParameters> k_no_parameters{{}};
const rest::ParameterTable<HealthParameters> k_health_parameters{{health_rows(),
                                                                  indices_rows<HealthParameters>(),
                                                                  timeout_rows<HealthParameters>(true),
                                                                  local_rows<HealthParameters>()}};

std::vector<rest::Parameter<CatIndicesParameters>> cat_indices_rows() {
  using namespace rest::parameter;
  return {{"health", "green, yellow or red", into<&CatIndicesParameters::health, known_health>},
          no_effect("pri", "flag", check_text, "the only copies are the primaries"),
          no_effect("include_unloaded_segments", "flag", check_flag, "there are no segments")};
}

const rest::ParameterTable<CatIndicesParameters> k_cat_indices_parameters{
    {cat_rows<CatIndicesParameters>(true), cat_indices_rows(), indices_rows<CatIndicesParameters>(),
     timeout_rows<CatIndicesParameters>(false), local_rows<CatIndicesParameters>()}};
const rest::ParameterTable<CatParameters> k_cat_count_parameters{{cat_rows<CatParameters>(false)}};

std::vector<rest::Parameter<CatHealthParameters>> cat_health_rows() {
  using namespace rest::parameter;
  return {{"ts", "flag", into<&CatHealthParameters::with_time, flag>, "`false` leaves the time out"}};
}

const rest::ParameterTable<CatHealthParameters> k_cat_health_parameters{
    {cat_rows<CatHealthParameters>(false), cat_health_rows()}};

std::vector<rest::Parameter<NoParameters>> license_rows() {
  using namespace rest::parameter;
  return {no_effect("accept_enterprise", "flag", check_flag, "the licence is a basic one")};
}

std::vector<rest::Parameter<NoParameters>> nodes_rows() {
  using namespace rest::parameter;
  return {no_effect("flat_settings", "flag", check_flag, "no settings are shown"),
          no_effect("timeout", "time", check_time, "no other node is asked")};
}

const rest::ParameterTable<NoParameters> k_license_parameters{
    {license_rows(), local_rows<NoParameters>(), timeout_rows<NoParameters>(false)}};
const rest::ParameterTable<NoParameters> k_nodes_parameters{{nodes_rows()}};

}  // namespace

void add_cluster_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  add({get, head}, "/", k_no_parameters, root);
  for (const char* pattern : {"/_cluster/health", "/_cluster/health/{index}"})
    add({get}, pattern, k_health_parameters, health);
  for (const char* pattern : {"/_cat/indices", "/_cat/indices/{index}"})
    add({get}, pattern, k_cat_indices_parameters, cat_indices);
  for (const char* pattern : {"/_cat/count", "/_cat/count/{index}"})
    add({get}, pattern, k_cat_count_parameters, cat_count);
  add({get}, "/_cat/health", k_cat_health_parameters, cat_health);
  add({get}, "/_license", k_license_parameters, license);
  for (const char* pattern : {"/_nodes/http", "/_nodes/_all/http"})
    add({get}, pattern, k_nodes_parameters, nodes_http);
}

}  // namespace sightline::elastic
