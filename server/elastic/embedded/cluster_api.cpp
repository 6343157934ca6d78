// Information about the cluster, which has one node here: GET /, health, _cat, nodes, licence.
#include <algorithm>
#include <chrono>

#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/date.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

/// Build information, as Elasticsearch gives it in GET / and for each node.
constexpr const char* k_build =
    R"("build_flavor":"default","build_type":"tar","build_hash":"0000000000000000000000000000000000000000")";

Response root(StoreCore& store, const Request&, const PathParameters&, const NoParameters&) {
  return json_answer(
      R"({"name":"sightline","cluster_name":"sightline","cluster_uuid":")" + store.cluster_uuid() +
      R"(","version":{"number":"9.2.0",)" + k_build +
      R"(,"build_date":"2025-10-21T00:00:00.000000000Z",)"
      R"("build_snapshot":false,"lucene_version":"10.3.1","minimum_wire_compatibility_version":"8.19.0",)"
      R"("minimum_index_compatibility_version":"8.0.0"},"tagline":"You Know, for Search"})");
}

/// Some tools request the licence before they start. Nothing here depends on it, and it does not expire.
Response license(StoreCore& store, const Request&, const PathParameters&, const NoParameters&) {
  return json_answer(R"({"license":{"status":"active","uid":")" + store.cluster_uuid() +
                     R"(","type":"basic","issue_date":"2025-10-21T00:00:00.000Z","issue_date_in_millis":1761004800000,)"
                     R"("max_nodes":1,"max_resource_units":null,"issued_to":"sightline","issuer":"sightline",)"
                     R"("start_date_in_millis":-1}})");
}

/// The address of this node for clients: the one by which this request reached it, which is correct even with a
/// container's port mapping or a proxy. Nothing if the request has no Host.
std::optional<std::string> publish_address(const Request& request) {
  const auto host = request.headers.get("Host");
  if (!host || host->empty()) return std::nullopt;
  const bool has_port = host->find(':', host->starts_with('[') ? host->find(']') : 0) != std::string_view::npos;
  if (has_port) return std::string(*host);
  return std::string(*host) + (request.headers.get("X-Forwarded-Proto") == "https" ? ":443" : ":80");
}

/// For clients that sniff.
Response nodes_http(StoreCore& store, const Request& request, const PathParameters&, const NoParameters&) {
  json::Builder out;
  out.object().object("_nodes").member("total", 1).member("successful", 1).member("failed", 0).end();
  out.member("cluster_name", "sightline").object("nodes").object(store.cluster_uuid());
  out.member("name", "sightline").member("version", "9.2.0").list(k_build);
  out.array("roles").value("data").value("ingest").value("master").end();
  if (const auto address = publish_address(request)) {
    out.object("http").member("publish_address", *address);
    out.member("max_content_length_in_bytes", store.limits().max_body_bytes);
  }
  return json_answer(out.text());
}

/// Replicas, which one node cannot assign.
std::size_t unassigned_of(const StoredIndex& index) {
  return static_cast<std::size_t>(replicas_of(index.settings()));
}

const char* status_of(std::size_t unassigned) {
  return unassigned > 0 ? "yellow" : "green";
}

// _cluster/health

/// How bad a status is.
int rank_of(std::string_view status) {
  return status == "green" ? 0 : status == "yellow" ? 1 : 2;
}

struct HealthParameters : IndicesParameters {
  HealthParameters() { indices.expand_hidden = true; }
  int worst_rank = 2;  ///< wait_for_status
};

/// Does not wait: on one node a status that is not reached now will not be reached later.
Response health(StoreCore& store, const Request&, const PathParameters& path, const HealthParameters& parameters) {
  const auto found = answer_of([&] { return store.find_all(path.get("index"), parameters.indices); });
  if (!found && found.error().status != 404) refuse(found.error());
  std::size_t active = 0, unassigned = 0;
  if (found) {
    active = found->size();
    for (const IndexPtr& index : *found) unassigned += unassigned_of(*index);
  }
  const char* status = !found || !store.problem().empty() ? "red" : status_of(unassigned);
  const bool timed_out = !found || rank_of(status) > parameters.worst_rank;
  const std::size_t all = active + unassigned;
  json::Builder out;
  out.object().member("cluster_name", "sightline").member("status", status).member("timed_out", timed_out);
  out.member("number_of_nodes", 1).member("number_of_data_nodes", 1).member("active_primary_shards", active);
  out.member("active_shards", active).member("unassigned_shards", unassigned);
  for (const char* none :
       {"relocating_shards", "initializing_shards", "unassigned_primary_shards", "delayed_unassigned_shards",
        "number_of_pending_tasks", "number_of_in_flight_fetch", "task_max_waiting_in_queue_millis"})
    out.member(none, 0);
  out.member("active_shards_percent_as_number",
             all == 0 ? 100.0 : 100.0 * static_cast<double>(active) / static_cast<double>(all));
  return json_answer(out.text(), timed_out ? 408 : 200);
}

// _cat

struct CatParameters : IndicesParameters {
  bool headed = false, as_json = false;
  std::optional<std::string> shown, sorted;
  bool in_bytes = false;  ///< `bytes=b`; without it sizes have a unit
};

/// A table: text for terminals, or JSON for programs.
class CatTable {
 public:
  CatTable(std::vector<std::string> columns, std::size_t first_number)
      : columns_(std::move(columns)), first_number_(first_number) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// The answer: text in columns, or JSON if `format=json` is given or Accept has only JSON. Throws AnswerTooLarge,
  /// Refused.
  Response answer(const Request& request, const CatParameters& parameters, const Limits& limits) {
    if (parameters.sorted) sort_by(*parameters.sorted);
    std::vector<std::size_t> shown(columns_.size());
    for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = i;
    if (parameters.shown) shown = columns_named(*parameters.shown);
    const auto accept = request.headers.get("Accept").value_or("");
    const bool accepts_json =
        accept.find("json") != std::string_view::npos && accept.find("text/plain") == std::string_view::npos;
    if (parameters.as_json || accepts_json) return json_answer(json(shown, limits));
    Response response;
    response.content_type = "text/plain; charset=UTF-8";
    response.body = text(shown, parameters.headed, limits);
    return response;
  }

 private:
  std::vector<std::size_t> columns_named(const std::string& names) const {
    std::vector<std::size_t> found;
    for (const std::string& name : split_expression(names)) {
      const auto column = std::find(columns_.begin(), columns_.end(), name);
      if (column == columns_.end()) refuse(illegal_argument("there is no column [" + shortened(name) + "]"));
      found.push_back(static_cast<std::size_t>(column - columns_.begin()));
      if (found.size() > columns_.size()) refuse(illegal_argument("a column is named twice"));
    }
    return found;
  }

  /// Numbers are compared by their number of digits first, since they have no sign.
  void sort_by(const std::string& names) {
    const std::vector<std::size_t> keys = columns_named(names);
    std::sort(rows_.begin(), rows_.end(), [&](const auto& a, const auto& b) {
      for (const std::size_t key : keys) {
        if (key >= first_number_ && a[key].size() != b[key].size()) return a[key].size() < b[key].size();
        if (a[key] != b[key]) return a[key] < b[key];
      }
      return false;
    });
  }

  std::string json(const std::vector<std::size_t>& shown, const Limits& limits) const {
    std::string rows;
    for (const auto& row : rows_) {
      json::Builder out;
      out.object();
      for (const std::size_t column : shown) out.member(columns_[column], row[column]);
      rows += (rows.empty() ? "" : ",") + out.text();
      check_answer_size(rows, limits);
    }
    return "[" + rows + "]";
  }

  /// Each column is as wide as its widest cell. Numbers are right-aligned.
  std::string text(const std::vector<std::size_t>& shown, bool headed, const Limits& limits) const {
    std::vector<std::vector<std::string>> lines = rows_;
    if (headed) lines.insert(lines.begin(), columns_);
    std::string out;
    for (const auto& line : lines) {
      for (const std::size_t column : shown) {
        std::size_t width = 0;
        for (const auto& other : lines) width = std::max(width, other[column].size());
        const std::string padding(width - line[column].size(), ' ');
        const bool last = column == shown.back();
        out += column >= first_number_ ? padding + line[column] : line[column] + (last ? "" : padding);
        out += last ? '\n' : ' ';
      }
      check_answer_size(out, limits);
    }
    return out;
  }

  std::vector<std::string> columns_;
  std::size_t first_number_;  // first column of numbers; all later ones are numbers too
  std::vector<std::vector<std::string>> rows_;
};

Response cat_indices(StoreCore& store, const Request& request, const PathParameters& path,
                     const CatParameters& parameters) {
  CatTable table({"health", "status", "index", "uuid", "pri", "rep", "docs.count", "docs.deleted", "store.size",
                  "pri.store.size", "dataset.size"},
                 4);
  for (const IndexPtr& index : store.find_all(path.get("index"), parameters.indices)) {
    const std::size_t unassigned = unassigned_of(*index);
    const auto [documents, bytes] = index->size();
    const std::string size = std::to_string(bytes) + (parameters.in_bytes ? "" : "b");
    table.add({status_of(unassigned), "open", index->name(), index->uuid(), "1", std::to_string(unassigned),
               std::to_string(documents), "0", size, size, size});
  }
  return table.answer(request, parameters, store.limits());
}

Response cat_count(StoreCore& store, const Request& request, const PathParameters& path,
                   const CatParameters& parameters) {
  const auto indices = store.find_all(path.get("index"), {});
  std::size_t count = 0;
  {
    const auto lock = store.read_lock();
    for (const IndexPtr& index : indices) count += index->search().memory().live_count();
  }
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
  CatTable table({"epoch", "timestamp", "count"}, 2);
  table.add({std::to_string(now), format_date(now * 1000).substr(11, 8), std::to_string(count)});
  return table.answer(request, parameters, store.limits());
}

// The tables of parameters

void check_word(std::string_view name, const std::string& text, std::initializer_list<std::string_view> words) {
  if (std::find(words.begin(), words.end(), text) != words.end()) return;
  refuse(illegal_argument("[" + std::string(name) + "] cannot be [" + shortened(text) + "]"));
}

int worst_rank(std::string_view name, const std::string& text) {
  check_word(name, text, {"green", "yellow", "red"});
  return rank_of(text);
}

bool is_json(std::string_view name, const std::string& text) {
  check_word(name, text, {"json", "text"});
  return text == "json";
}

bool is_bytes(std::string_view name, const std::string& text) {
  check_word(name, text, {"b"});
  return true;
}

const std::vector<rest::Parameter<CatParameters>> k_cat_rows{
    {"v", "flag", rest::parameter::into<&CatParameters::headed, rest::parameter::flag>, "adds a header"},
    {"h", "list", rest::parameter::into<&CatParameters::shown, rest::parameter::text>, "the columns to show"},
    {"s", "list", rest::parameter::into<&CatParameters::sorted, rest::parameter::text>, "the columns to sort by"},
    {"format", "text or json", rest::parameter::into<&CatParameters::as_json, is_json>, "also by the Accept header"}};

const rest::ParameterTable<NoParameters> k_no_parameters{{}};
const rest::ParameterTable<NoParameters> k_nodes_parameters{{{rest::parameter::no_effect(
    "timeout", "time", rest::parameter::check_time, "no other node is asked; clients that sniff send it")}}};
const rest::ParameterTable<HealthParameters> k_health_parameters{
    {{{"wait_for_status", "green, yellow or red", rest::parameter::into<&HealthParameters::worst_rank, worst_rank>,
       "what is not there will never come: 408 at once"}},
     indices_rows<HealthParameters>(),
     timeout_rows<HealthParameters>(true)}};
const rest::ParameterTable<CatParameters> k_cat_indices_parameters{
    {k_cat_rows,
     {{"bytes", "b", rest::parameter::into<&CatParameters::in_bytes, is_bytes>, "sizes without a unit"}},
     indices_rows<CatParameters>()}};
const rest::ParameterTable<CatParameters> k_cat_count_parameters{{k_cat_rows}};

}  // namespace

void add_cluster_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add{router, store};
  add({get, head}, {"/"}, k_no_parameters, root);
  add({get}, {"/_cluster/health", "/_cluster/health/{index}"}, k_health_parameters, health);
  add({get}, {"/_cat/indices", "/_cat/indices/{index}"}, k_cat_indices_parameters, cat_indices);
  add({get}, {"/_cat/count", "/_cat/count/{index}"}, k_cat_count_parameters, cat_count);
  add({get}, {"/_license"}, k_no_parameters, license);
  add({get}, {"/_nodes/http", "/_nodes/_all/http"}, k_nodes_parameters, nodes_http);
}

}  // namespace sightline::elastic
