// Every row of every table that requests are read by: wrong kinds of values are refused, unknown members beside
// it too, and what is done changes the answer. So a row whose reader ignores the value fails here.
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "server/elastic/embedded/api.h"
#include "server/elastic/rest/member_table.h"
#include "tests/elastic/embedded/store_fixture.h"
#include "tests/elastic/embedded/store_requests_page.h"
#include "tests/source_folder.h"

namespace sightline::elastic {
namespace {

using http::Method;
using rest::Treatment;

/// All routes of a store.
class Routes {
 public:
  Routes() {
    auto core = StoreCore::open(folder_.path(), [] { return std::chrono::steady_clock::now(); });
    REQUIRE(core.ok());
    core_ = *std::move(core);
    add_routes(router, *core_);
  }
  rest::Router router;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<StoreCore> core_;
};

constexpr const char* k_index =
    R"({"mappings":{"properties":{"title":{"type":"text"},"city":{"type":"keyword"},"price":{"type":"long"},
  "listed":{"type":"date"},"tags":{"type":"keyword"},
  "v":{"type":"dense_vector","dims":2,"similarity":"cosine","index_options":{"type":"hnsw"}}}}})";
constexpr const char* k_search =
    R"({"query":{"match":{"title":{"query":"house"}}},"sort":["price"],
  "aggs":{"a":{"terms":{"field":"city"}}}})";

/// A store with two indices, and one request at a time.
class RequestBench : public StoreFixture {
 public:
  RequestBench() {
    REQUIRE(put("/l", k_index).status == 200);
    REQUIRE(put("/m", k_index).status == 200);
    fill();
  }
  void fill() {
    put("/l/_doc/1",
        R"({"title":"white house","city":"Lyon","price":3,"listed":"2026-01-05","v":[1,0.1],"tags":["a","z"]})");
    put("/l/_doc/2", R"({"title":"red house garden","city":"Nice","price":9,"listed":"2026-02-05","v":[0.2,1]})");
    put("/l/_doc/3", R"({"title":"pool","city":"Lyon","price":5,"v":[0.5,0.5],"tags":["b"]})");
    put("/l/_doc/4", R"({"title":"the pool of a house","tags":["pool"]})");
    put("/l/_alias/al");
    post("/l/_refresh");
  }

  /// Status and answer, without what differs from call to call. `$SCROLL` and `$PIT` stand for new ones.
  std::string ask(Method method, const std::string& target, const std::string& body) {
    const Reply reply = call(method, with_contexts(target), with_contexts(body));
    static const std::regex k_changing(
        R"re("_id":"[\w-]{20}"|"(took|_seq_no|_version|creation_date|uuid|index_uuid|creation_date_string)":("[^"]*"|\d+)|"result":"\w+"|\d{10} \d\d:\d\d:\d\d)re");
    static const std::regex k_context_id(R"re("(_scroll_id|pit_id|id)":"[\w-]{32}")re");
    return std::to_string(reply.status) +
           std::regex_replace(std::regex_replace(reply.body, k_changing, ""), k_context_id, "\"$1\":\"\"");
  }

 private:
  std::string with_contexts(std::string text) const {
    const auto fill_in = [&](const std::string& mark, const auto& open) {
      if (const std::size_t at = text.find(mark); at != text.npos) text.replace(at, mark.size(), open());
    };
    fill_in("$SCROLL", [&] { return get("/l/_search?scroll=10m&size=1").at("/_scroll_id"); });
    fill_in("$PIT", [&] { return post("/l/_pit?keep_alive=10m").at("/id"); });
    return text;
  }
};

bool is_refused(const std::string& answer) {
  return answer[0] == '4' || answer.find("\"error\":{") != std::string::npos;
}

/// Where the members of one table are sent: `@` stands for them.
struct Place {
  Method method = Method::post;
  std::string target = "/l/_search";
  std::string body;
  bool makes_index = false;  ///< the request makes the index `x`, which is looked at
};

Place query(const std::string& kind, const std::string& inner) {
  return {Method::post, "/l/_search", R"({"query":{")" + kind + R"(":)" + inner + "}}"};
}

Place creation(const std::string& body) {
  return {Method::put, "/x", body, true};
}

/// By table; by table and member where the usual place does not do.
const std::map<std::string, Place>& places() {
  const std::string knn = R"("field":"v","query_vector":[1,0])";
  static const std::map<std::string, Place> table = {
      {"search body", {.body = "{@}"}},
      {"search body|search_after", {.body = R"({"sort":["price"],@})"}},
      {"search body|pit", {.target = "/_search", .body = "{@}"}},
      {"search body, `pit`", {.target = "/_search", .body = R"({"pit":{"id":"$PIT",@}})"}},
      {"search body, `pit`|id", {.target = "/_search", .body = R"({"pit":{@}})"}},
      {"`_search/scroll` body", {.target = "/_search/scroll", .body = R"({"scroll_id":"$SCROLL",@})"}},
      {"`_search/scroll` body|scroll_id", {.target = "/_search/scroll", .body = "{@}"}},
      {"`_search/scroll` body of a DELETE", {.method = Method::delete_, .target = "/_search/scroll", .body = "{@}"}},
      {"`_pit` body of a DELETE", {.method = Method::delete_, .target = "/_pit", .body = "{@}"}},
      {"`knn`", {.body = R"({"knn":{)" + knn + ",@}}"}},
      {"`knn`|field", {.body = R"({"knn":{"query_vector":[1,0],@}})"}},
      {"`knn`|query_vector", {.body = R"({"knn":{"field":"v",@}})"}},
      {"`knn`|query_vector_builder", {.body = R"({"knn":{"field":"v",@}})"}},
      {"`knn`|k", {.body = R"({"knn":{"num_candidates":9,)" + knn + ",@}}"}},
      {"search body, `retriever`", {.body = R"({"retriever":{@}})"}},
      {"retriever `knn`", {.body = R"({"retriever":{"knn":{)" + knn + R"(,"k":2,"num_candidates":9,@}}})"}},
      {"retriever `knn`|field", {.body = R"({"retriever":{"knn":{"query_vector":[1,0],"k":2,"num_candidates":9,@}}})"}},
      {"retriever `knn`|query_vector", {.body = R"({"retriever":{"knn":{"field":"v","k":2,"num_candidates":9,@}}})"}},
      {"retriever `knn`|query_vector_builder",
       {.body = R"({"retriever":{"knn":{"field":"v","k":2,"num_candidates":9,@}}})"}},
      {"retriever `knn`|k", {.body = R"({"retriever":{"knn":{"num_candidates":9,)" + knn + ",@}}}"}},
      {"retriever `knn`|num_candidates", {.body = R"({"retriever":{"knn":{"k":2,)" + knn + ",@}}}"}},
      {"retriever `standard`", {.body = R"({"retriever":{"standard":{@}}})"}},
      {"query", {.body = R"({"query":{@}})"}},
      {"query `match_all`", query("match_all", "{@}")},
      {"query `match_none`", query("bool", R"({"should":[{"match_all":{}},{"match_none":{@}}]})")},
      {"query `match`", query("match", R"({"title":{"query":"white pool",@}})")},
      {"query `match`|query", query("match", R"({"title":{@}})")},
      {"query `multi_match`", query("multi_match", R"({"query":"white pool","fields":["title"],@})")},
      {"query `multi_match`|query", query("multi_match", R"({"fields":["title"],@})")},
      {"query `multi_match`|fields", query("multi_match", R"({"query":"white",@})")},
      {"query `term`", query("term", R"({"city":{"value":"lyon",@}})")},
      {"query `term`|value", query("term", R"({"city":{@}})")},
      {"query `term`|boost", query("term", R"({"city":{"value":"Lyon",@}})")},
      {"query `terms`, beside the field", query("terms", R"({"city":["Lyon"],@})")},
      {"query `range`", query("range", R"({"price":{@}})")},
      {"query `exists`", query("exists", R"({"field":"city",@})")},
      {"query `exists`|field", query("exists", "{@}")},
      {"query `ids`", query("ids", R"({"values":["1"],@})")},
      {"query `ids`|values", query("ids", "{@}")},
      {"query `prefix`", query("prefix", R"({"city":{"value":"L",@}})")},
      {"query `prefix`|value", query("prefix", R"({"city":{@}})")},
      {"query `prefix`|case_insensitive", query("prefix", R"({"city":{"value":"l",@}})")},
      {"query `bool`", query("bool", "{@}")},
      {"query `bool`|minimum_should_match",
       query("bool", R"({"must":{"match_all":{}},"should":{"term":{"city":"Lyon"}},@})")},
      {"query `bool`|boost", query("bool", R"({"must":{"match_all":{}},@})")},
      {"query `constant_score`", query("constant_score", R"({"filter":{"match_all":{}},@})")},
      {"query `constant_score`|filter", query("constant_score", "{@}")},
      {"sort", {.body = R"({"sort":[{"price":{@}}]})"}},
      {"sort|missing", {.body = R"({"sort":[{"tags":{@}}]})"}},
      {"sort|unmapped_type", {.body = R"({"sort":[{"nofield":{@}}]})"}},
      {"`_source`", {.body = R"({"_source":{@}})"}},
      {"aggregation", {.body = R"({"size":0,"aggs":{"a":{@}}})"}},
      {"aggregation `terms`", {.body = R"({"size":0,"aggs":{"a":{"terms":{"field":"city",@}}}})"}},
      {"aggregation `terms`|field", {.body = R"({"size":0,"aggs":{"a":{"terms":{@}}}})"}},
      {"aggregations `stats`, `avg`, `min`, `max`, `sum`, `value_count`",
       {.body = R"({"size":0,"aggs":{"a":{"stats":{@}}}})"}},
      {"`_count` body", {.target = "/l/_count", .body = "{@}"}},
      {"`_msearch` header", {.target = "/l/_msearch", .body = "{@}\n{\"size\":1}\n"}},
      {"`_mget` body", {.target = "/l/_mget", .body = "{@}"}},
      {"`_mget` body, `docs`", {.target = "/l/_mget", .body = R"({"docs":[{"_id":"1",@}]})"}},
      {"`_mget` body, `docs`|_id", {.target = "/l/_mget", .body = R"({"docs":[{@}]})"}},
      {"`_update` body", {.target = "/l/_update/1", .body = R"({"doc":{"price":3},@})"}},
      {"`_update` body|doc", {.target = "/l/_update/1?_source=true", .body = "{@}"}},
      {"`_update` body|upsert", {.target = "/l/_update/new?_source=true", .body = R"({"doc":{"price":3},@})"}},
      {"`_update` body|doc_as_upsert", {.target = "/l/_update/new", .body = R"({"doc":{"price":3},@})"}},
      {"index creation body", creation("{@}")},
      {"alias", creation(R"({"aliases":{"ax":{@}}})")},
      {"`_aliases` body", {.target = "/_aliases", .body = "{@}"}},
      {"`_aliases` actions", {.target = "/_aliases", .body = R"({"actions":[{@}]})"}},
      {"`_aliases` action `add`",
       {.target = "/_aliases", .body = R"({"actions":[{"add":{"index":"l","alias":"al",@}}]})"}},
      {"`_aliases` action `add`|index", {.target = "/_aliases", .body = R"({"actions":[{"add":{"alias":"al",@}}]})"}},
      {"`_aliases` action `add`|indices", {.target = "/_aliases", .body = R"({"actions":[{"add":{"alias":"al",@}}]})"}},
      {"`_aliases` action `add`|alias", {.target = "/_aliases", .body = R"({"actions":[{"add":{"index":"l",@}}]})"}},
      {"`_aliases` action `add`|aliases", {.target = "/_aliases", .body = R"({"actions":[{"add":{"index":"l",@}}]})"}},
      {"`_aliases` action `remove`",
       {.target = "/_aliases", .body = R"({"actions":[{"remove":{"index":"l","alias":"al",@}}]})"}},
      {"`_aliases` action `remove`|index",
       {.target = "/_aliases", .body = R"({"actions":[{"remove":{"alias":"al",@}}]})"}},
      {"`_aliases` action `remove`|indices",
       {.target = "/_aliases", .body = R"({"actions":[{"remove":{"alias":"al",@}}]})"}},
      {"`_aliases` action `remove`|alias",
       {.target = "/_aliases", .body = R"({"actions":[{"remove":{"index":"l",@}}]})"}},
      {"`_aliases` action `remove`|aliases",
       {.target = "/_aliases", .body = R"({"actions":[{"remove":{"index":"l",@}}]})"}},
      {"index settings", creation(R"({"settings":{@}})")},
      {"mapping", creation(R"({"mappings":{@}})")},
      {"mapping of an object", creation(R"({"mappings":{"properties":{"o":{"dynamic":true,"properties":{},@}}}})")},
      {"mapping of an object|properties", creation(R"({"mappings":{"properties":{"o":{"type":"object",@}}}})")},
      {"mapping of an object|dynamic", creation(R"({"mappings":{"properties":{"o":{"type":"object",@}}}})")},
      {"mapping of a `text` field", creation(R"({"mappings":{"properties":{"f":{"type":"text",@}}}})")},
      {"mapping of a `keyword` field", creation(R"({"mappings":{"properties":{"f":{"type":"keyword",@}}}})")},
      {"mapping of a number or `boolean` field", creation(R"({"mappings":{"properties":{"f":{"type":"long",@}}}})")},
      {"mapping of a `date` field", creation(R"({"mappings":{"properties":{"f":{"type":"date",@}}}})")},
      {"mapping of a `binary` field", creation(R"({"mappings":{"properties":{"f":{"type":"binary",@}}}})")},
      {"mapping of a `dense_vector` field",
       creation(R"({"mappings":{"properties":{"f":{"type":"dense_vector",@}}}})")}};
  return table;
}

/// Values that a member of that name takes, besides the usual ones.
std::vector<std::string> values_for(const std::string& name) {
  static const std::map<std::string, std::vector<std::string>> known = {
      {"query", {R"("white")", R"("pool")", R"({"match_all":{}})", R"({"term":{"city":"Lyon"}})"}},
      {"filter", {R"({"match_all":{}})", R"({"term":{"city":"Nice"}})"}},
      {"pit", {R"({"id":"$PIT"})"}},
      {"id", {R"("$PIT")"}},
      {"scroll_id", {R"("$SCROLL")"}},
      {"post_filter", {R"({"term":{"city":"Lyon"}})"}},
      {"must", {R"({"term":{"city":"Lyon"}})"}},
      {"must_not", {R"({"term":{"city":"Lyon"}})"}},
      {"should", {R"({"term":{"city":"Lyon"}})"}},
      {"knn",
       {R"({"field":"v","query_vector":[1,0],"k":2,"num_candidates":4})", R"({"field":"v","query_vector":[0,1]})"}},
      {"retriever", {R"({"standard":{}})", R"({"standard":{"query":{"term":{"city":"Lyon"}}}})"}},
      {"standard", {R"({})", R"({"query":{"term":{"city":"Lyon"}}})"}},
      {"aggs", {R"({"a":{"max":{"field":"price"}}})"}},
      {"aggregations", {R"({"a":{"max":{"field":"price"}}})"}},
      {"sort", {R"(["price"])", R"([{"price":"desc"}])"}},
      {"search_after", {"[3]", "[5]"}},
      {"fields", {R"({"k":{"type":"keyword"}})", R"(["city"])", R"(["price"])", R"(["title"])"}},
      {"query_vector", {"[1,0]", "[0,1]"}},
      {"field", {R"("city")", R"("v")", R"("price")", R"("listed")", R"("title")"}},
      {"format", {R"("epoch_millis")", R"("epoch_second")"}},
      {"order", {R"("asc")", R"("desc")"}},
      {"unmapped_type", {R"("long")", R"("keyword")"}},
      {"operator", {R"("and")"}},
      {"type", {R"("object")", R"("text")", R"("keyword")", R"("long")"}},
      {"index", {R"("l")", R"("m")"}},
      {"indices", {R"("l")", R"("m")"}},
      {"ignore_unavailable", {}},
      {"analyzer", {R"("standard")"}},
      {"docs", {R"([{"_id":"1"}])", R"([{"_id":"2"}])"}},
      {"ids", {R"(["1"])", R"(["2"])"}},
      {"values", {R"(["1"])", R"(["2"])"}},
      {"_index", {R"("l")", R"("m")"}},
      {"_id", {R"("1")", R"("2")"}},
      {"includes", {R"("city")"}},
      {"excludes", {R"("city")"}},
      {"include", {R"("city")"}},
      {"exclude", {R"("city")"}},
      {"_source", {R"(["city"])", R"({"enabled":true})"}},
      {"value", {R"("Lyon")", R"("Nice")"}},
      {"doc", {R"({"price":4})", R"({"price":3})"}},
      {"upsert", {R"({"price":1})"}},
      {"alias", {R"("al")", R"("am")"}},
      {"aliases", {R"("al")", R"("am")", R"({"ax":{}})"}},
      {"actions", {R"([{"add":{"index":"l","alias":"al"}}])", R"([{"add":{"index":"l","alias":"am"}}])"}},
      {"add", {R"({"index":"l","alias":"al"})"}},
      {"remove", {R"({"index":"l","alias":"al"})"}},
      {"settings", {R"({"number_of_replicas":0})"}},
      {"mappings", {R"({"properties":{"a":{"type":"long"}}})"}},
      {"properties", {R"({"a":{"type":"long"}})", "{}"}},
      {"_meta", {R"({"a":1})"}},
      {"meta", {R"({"a":"b"})", "{}"}},
      {"similarity", {R"("l2_norm")", "0.9", "0.1"}},
      {"index_options", {R"({"type":"flat"})"}},
      {"element_type", {R"("float")"}},
      {"dims", {"4", "8"}},
      {"auto_expand_replicas", {R"("0-1")"}},
      {"missing", {R"("_last")", R"("_first")"}}};
  const auto found = known.find(name);
  return found == known.end() ? std::vector<std::string>() : found->second;
}

std::string filled(const std::string& body, const std::string& member) {
  std::string out = body;
  std::size_t at = out.find('@');
  if (!member.empty()) return out.replace(at, 1, member);
  if (at > 0 && out[at - 1] == ',') return out.erase(at - 1, 2);
  return out.erase(at, 1);
}

/// One of each kind of JSON value.
const std::vector<std::pair<rest::Kinds, std::string>> k_kinds = {
    {rest::k_null, "null"},     {rest::k_flag, "true"},        {rest::k_number, "7"},
    {rest::k_text, "\"snow\""}, {rest::k_array, "[\"snow\"]"}, {rest::k_object, "{\"snow\":1}"}};

/// Members of which one value alone is taken here, or none: that they are read shows in what is refused.
bool shows_by_refusal(const std::string& where) {
  static const std::set<std::string> rows = {"`_aliases` action `remove`, aliases",
                                             "`_aliases` action `remove`, alias",
                                             "`_aliases` action `remove`, index",
                                             "`_aliases` action `remove`, indices",
                                             "`_update` body, doc_as_upsert",
                                             "search body, `pit`, id",
                                             "search body, `pit`, keep_alive",
                                             "`_search/scroll` body, scroll_id",
                                             "`_search/scroll` body of a DELETE, scroll_id",
                                             "`_pit` body of a DELETE, id"};
  return rows.contains(where);
}

/// Tables whose queries and kinds have tables of their own, so that one value tells nothing.
bool is_list_of_names(const std::string& place) {
  return place == "query" || place == "aggregation" || place == "`_aliases` actions" ||
         place == "search body, `retriever`";
}

class MemberCheck {
 public:
  MemberCheck(RequestBench& bench, const rest::MemberTableBase& table) : bench_(bench), table_(table) {}

  void check(const rest::MemberInfo& row) {
    name_ = row.name;
    if (const std::size_t star = name_.find('*'); star != name_.npos) name_.replace(star, 1, "x");
    const auto own = places().find(std::string(table_.place()) + "|" + std::string(row.name));
    const auto usual = places().find(std::string(table_.place()));
    REQUIRE_MESSAGE(usual != places().end(), "no request for the table " << table_.place());
    place_ = own != places().end() ? own->second : usual->second;
    const std::string where = std::string(table_.place()) + ", " + name_;
    for (const auto& [kind, value] : k_kinds) {
      if ((row.kinds & kind) == 0) CHECK_MESSAGE(is_refused(send(value)), where << ": " << value);
    }
    // An unknown member beside it.
    CHECK_MESSAGE(is_refused(ask(filled(place_.body, "\"snowflake\":7"))), where << ": unknown member beside it");
    if (is_list_of_names(std::string(table_.place()))) return;
    check_values(row, where);
  }

 private:
  std::string ask(const std::string& body) {
    if (place_.makes_index) bench_.remove("/x");
    std::string answer = bench_.ask(place_.method, place_.target, body);
    if (place_.makes_index) answer += bench_.ask(Method::get, "/x", "");
    if (place_.target.starts_with("/l/_update") || place_.target == "/l/_bulk") {
      bench_.remove("/l/_doc/new");
      bench_.fill();
    }
    if (place_.target == "/_aliases") {
      answer += bench_.ask(Method::get, "/_alias", "");
      bench_.remove("/l/_alias/am");
      bench_.remove("/m/_alias/al");
      bench_.put("/l/_alias/al");
    }
    return answer;
  }
  std::string send(const std::string& value) { return ask(filled(place_.body, "\"" + name_ + "\":" + value)); }

  void check_values(const rest::MemberInfo& row, const std::string& where) {
    std::vector<std::string> values = values_for(name_);
    for (const auto& [kind, more] : std::vector<std::pair<rest::Kinds, std::vector<std::string>>>{
             {rest::k_flag, {"true", "false"}},
             {rest::k_number, {"0", "1", "2", "7"}},
             {rest::k_text, {"\"7\"", "\"1s\"", "\"snow\"", "\"true\""}},
             {rest::k_array, {"[]", "[\"snow\"]"}},
             {rest::k_object, {"{}"}}}) {
      if ((row.kinds & kind) != 0) values.insert(values.end(), more.begin(), more.end());
    }
    const std::string without = ask(filled(place_.body, ""));
    std::set<std::string> taken;
    for (const std::string& value : values) {
      const std::string answer = send(value);
      if (!is_refused(answer) || shows_by_refusal(where)) taken.insert(answer);
    }
    if (!is_refused(without)) taken.insert(without);
    if (row.treatment == Treatment::done) {
      CHECK_MESSAGE(taken.size() > 1, where << ": no value changes the answer");
    } else if (!place_.makes_index) {  // mappings and settings show what they keep
      CHECK_MESSAGE(taken.size() == 1, where << ": a value changes the answer, or none is taken");
    }
  }

  RequestBench& bench_;
  const rest::MemberTableBase& table_;
  std::string name_;
  Place place_;
};

}  // namespace

TEST_CASE_FIXTURE(RequestBench, "each member that a body may have is read, refused, or checked and without effect") {
  const Routes routes;  // all tables are linked in
  REQUIRE(rest::MemberTableBase::all().size() > 35);
  // What needs an endpoint, a graph of vectors, indices or fields that are not there, and the type that names its table.
  const std::set<std::string> elsewhere = {"query_vector_builder", "num_candidates",     "type",
                                           "unmapped_type",        "ignore_unavailable", "allow_no_indices"};
  for (const rest::MemberTableBase* table : rest::MemberTableBase::all()) {
    if (table->place() == "index settings") continue;  // has names with dots; below
    MemberCheck check(*this, *table);
    for (const rest::MemberInfo& row : table->members()) {
      if (!elsewhere.contains(std::string(row.name))) check.check(row);
    }
  }
}

namespace {

/// A request of the route, in which `{index}` is `index`.
struct RouteCall {
  Method method;
  std::string target, body;
};

RouteCall call_of(const rest::Router::RouteInfo& route, const std::string& index) {
  RouteCall call{route.methods.front(), route.pattern, ""};
  for (const auto& [part, text] :
       {std::pair<std::string, std::string>{"{index}", index}, {"{id}", "1"}, {"{name}", "*"}}) {
    if (const std::size_t at = call.target.find(part); at != call.target.npos)
      call.target.replace(at, part.size(), text);
  }
  const auto has = [&](const char* part) { return route.pattern.find(part) != route.pattern.npos; };
  const bool writes = call.method == Method::put || call.method == Method::post;
  if (has("_search")) call.body = k_search;
  if (has("/_search/scroll")) call.body = call.method == Method::get ? R"({"scroll_id":"$SCROLL"})" : "";
  if (has("_msearch")) call.body = std::string("{}\n") + std::regex_replace(k_search, std::regex("\n"), "") + "\n";
  if (has("_mget")) call.body = R"({"docs":[{"_index":"l","_id":"1"}]})";
  if (writes && (has("_doc") || has("_create"))) call.body = R"({"title":"new"})";
  if (has("_update")) call.body = R"({"doc":{"price":4}})";
  if (has("_bulk"))
    call.body =
        "{\"update\":{\"_index\":\"l\",\"_id\":\"1\"}}\n{\"doc\":{\"price\":4}}\n{\"index\":{\"_index\":\"l\",\"_id\":"
        "\"1\"}}\n{}\n";
  if (writes && has("_mapping")) call.body = R"({"properties":{"more":{"type":"long"}}})";
  if (writes && has("_settings")) call.body = R"({"index.priority":2})";
  if (has("/_aliases")) call.body = R"({"actions":[{"add":{"index":"l","alias":"al"}}]})";
  if (has("_alias/") || has("_aliases/")) call.body.clear();
  return call;
}

/// Values that a parameter takes, of which some differ in their effect.
std::vector<std::string> values_of(const rest::ParameterInfo& row) {
  static const std::map<std::string, std::vector<std::string>> known = {{"sort", {"price", "price:desc"}},
                                                                        {"expand_wildcards", {"open", "none"}},
                                                                        {"wait_for_status", {"green", "red"}},
                                                                        {"h", {"index", "health"}},
                                                                        {"s", {"index", "docs.count"}},
                                                                        {"bytes", {"b"}},
                                                                        {"op_type", {"index", "create"}},
                                                                        {"refresh", {"true", "false"}},
                                                                        {"_source", {"true", "false"}},
                                                                        {"_source_includes", {"city", "price"}},
                                                                        {"_source_excludes", {"city", "price"}},
                                                                        {"pipeline", {"_none", "missing"}},
                                                                        {"if_seq_no", {"0", "70"}},
                                                                        {"if_primary_term", {"1", "2"}},
                                                                        {"scroll_id", {"$SCROLL", "one"}},
                                                                        {"format", {"json", "text"}}};
  if (const auto found = known.find(std::string(row.name)); found != known.end()) return found->second;
  if (row.type == "flag") return {"true", "false"};
  if (row.type == "time") return {"1s"};
  if (row.type.find("number") != row.type.npos) return {"1", "0", "2"};
  return {"one", "two"};
}

/// What a parameter needs beside it to show its effect.
std::string beside(std::string_view name) {
  if (name == "expand_wildcards") return "allow_no_indices=false&";
  if (name == "if_seq_no") return "if_primary_term=1&";
  if (name == "if_primary_term") return "if_seq_no=70&";
  if (name == "retry_on_conflict") return "if_seq_no=70&if_primary_term=1&";
  return "";
}

bool takes_any_text(const rest::ParameterInfo& row) {
  return row.type == "text" || row.type == "list" || row.type == "flag or list";
}

}  // namespace

TEST_CASE_FIXTURE(RequestBench, "each parameter that a URL may have is read, refused, or checked and without effect") {
  const Routes routes;
  REQUIRE(routes.router.routes().size() > 40);
  for (const auto& route : routes.router.routes()) {
    for (const rest::ParameterInfo& row : route.parameters->parameters()) {
      const bool of_indices =
          row.name == "ignore_unavailable" || row.name == "allow_no_indices" || row.name == "expand_wildcards";
      if (of_indices && route.pattern.find("{index}") == route.pattern.npos) continue;  // nothing is named
      // Nothing can be deleted by a pattern; the index of a path comes first; refresh_test has the refreshes.
      const Method method = route.methods.front();
      if (of_indices && method == Method::delete_ && row.name != "ignore_unavailable") continue;
      if (row.name == "refresh" && method == Method::get) continue;
      if (row.name == "op_type" && route.pattern == "/{index}/_doc") continue;  // a new id is always created
      const std::string index = row.name == "ignore_unavailable" ? "l,missing"
                                : row.name == "allow_no_indices" ? "missing*"
                                : row.name == "expand_wildcards" ? "l*"
                                : row.name == "s"                ? "l,m"
                                                                 : "l";
      const bool makes_index = route.methods.front() == Method::put && route.pattern == "/{index}";
      RouteCall request = call_of(route, makes_index ? "x" : index);
      if (row.name == "scroll_id") request.body.clear();  // the one in the body comes first
      const std::string needed = route.pattern == "/{index}/_pit" && row.name != "keep_alive" ? "keep_alive=1m&" : "";
      const auto ask = [&](const std::string& parameters) {
        if (makes_index) remove("/x");
        std::string answer =
            this->ask(request.method, request.target + (parameters.empty() ? "" : "?" + parameters), request.body);
        if (request.method == Method::delete_) put("/l", k_index);
        if (request.method != Method::get) fill();
        if (request.target.find("_create") != request.target.npos) remove("/l/_doc/1");
        if (makes_index) remove("/x");
        return answer;
      };
      const std::string where =
          std::string(to_string(request.method)) + " " + request.target + " " + std::string(row.name);
      const std::string name = needed + beside(row.name) + std::string(row.name) + "=";
      if (!takes_any_text(row)) {
        const std::string answer = ask(name + "snow");
        CHECK_MESSAGE(answer[0] == '4', where << "=snow: " << answer.substr(0, 200));
      }
      CHECK_MESSAGE(ask(name + "1&snowflake=1")[0] == '4', where << ": unknown beside it");
      std::set<std::string> answers;
      for (const std::string& value : values_of(row)) {
        const std::string answer = ask(name + value);
        if (row.treatment == Treatment::done || answer[0] != '4') answers.insert(answer);
      }
      answers.insert(ask(needed + beside(row.name)));
      if (row.treatment == Treatment::done) {
        CHECK_MESSAGE(answers.size() > 1, where << ": no value changes the answer");
      } else {
        const std::string only = *answers.begin();
        CHECK_MESSAGE(answers.size() == 1, where << ": a value changes the answer: " << only.substr(0, 150) << " / "
                                                 << answers.rbegin()->substr(0, 150));
      }
    }
  }
}

TEST_CASE_FIXTURE(RequestBench, "each setting of an index that does something checks its value") {
  const Routes routes;
  std::size_t settings = 0;
  for (const rest::MemberTableBase* table : rest::MemberTableBase::all()) {
    if (table->place() != "index settings") continue;
    for (const rest::MemberInfo& row : table->members()) {
      ++settings;
      const std::string name = std::regex_replace(std::string(row.name), std::regex("\\*"), "query.warn");
      const auto made = [&](const std::string& value) {
        remove("/x");
        return put("/x", "{\"settings\":{\"" + name + "\":" + value + "}}");
      };
      CAPTURE(name);
      const bool any_text = row.treatment == Treatment::no_effect || name.ends_with("_pipeline");
      if (!any_text) CHECK(made("\"snow\"").status == 400);
      CHECK(put("/x", "{\"settings\":{\"" + name + "\":null,\"snowflake\":1}}").status == 400);
    }
  }
  CHECK(settings > 15);
}

TEST_CASE("docs/store_requests.md says what the tables say") {
  const Routes routes;
  const std::string page = store_requests_page(routes.router);
  const auto path = source_folder() / "docs" / "store_requests.md";
  if (std::getenv("SIGHTLINE_WRITE_DOCS") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CHECK_MESSAGE(text.str() == page,
                "renew it: SIGHTLINE_WRITE_DOCS=1 embedded_store_tests -tc='docs/store_requests.md*'");
}

}  // namespace sightline::elastic
