#include "listings.h"

namespace {
struct Mistake {
  const char* body;
  const char* type;
  const char* reason;
};
}  // namespace

TEST_CASE_FIXTURE(Listings, "mistakes in a body are told in Elasticsearch's words") {
  const Mistake mistakes[] = {
      {R"({"query":{"matchh":{"title":"x"}}})", "parsing_exception",
       "unknown query [matchh] did you mean any of [match, match_all]?"},
      {R"({"query":{"match":{"title":"x"},"term":{"city":"y"}}})", "parsing_exception",
       "[match] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"},
      {R"({"kn":{}})", "parsing_exception", "Unknown key for a START_OBJECT in [kn]."},
      {R"({"query":"text"})", "parsing_exception", "Unknown key for a VALUE_STRING in [query]."},
      {R"({"query":{}})", "illegal_argument_exception", "query malformed, empty clause found at [1:11]"},
      {R"({"query":{"match":"x"}})", "parsing_exception",
       "[match] query malformed, no start_object after query name"},
      {R"({"query":{"bool":{"mustt":[]}}})", "x_content_parse_exception",
       "[1:19] [bool] unknown field [mustt] did you mean any of [must, mustNot, must_not]?"},
      {R"({"query":{"term":{"a":1,"b":2}}})", "parsing_exception",
       "[term] query doesn't support multiple fields, found [a] and [b]"},
      {R"({"query":{"term":{"a":[1]}}})", "parsing_exception",
       "[term] query does not support array of values"},
      {R"({"from":-1})", "illegal_argument_exception", "[from] parameter cannot be negative but was [-1]"},
      {R"({"size":-5})", "illegal_argument_exception", "[size] parameter cannot be negative, found [-5]"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":0}})", "illegal_argument_exception",
       "[k] must be greater than 0"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":5,"num_candidates":2}})",
       "illegal_argument_exception", "[num_candidates] cannot be less than [k]"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":5,"num_candidates":20000}})",
       "illegal_argument_exception", "[num_candidates] cannot exceed [10000]"},
      {R"({"knn":{"field":"v","k":3}})", "illegal_argument_exception",
       "either [query_vector_builder] or [query_vector] must be provided"},
      {R"({"query":{"bool":{"must":[{"matchh":{}}]}}})", "x_content_parse_exception",
       "unknown query [matchh] did you mean any of [match, match_all]?"},
      {R"({"query":{"geo_distance":{"distance":"1km","place":{"lat":1,"lon":2}}}})",
       "illegal_argument_exception",
       "[query] parameter [geo_distance] is not supported by the embedded store; it runs match_all, "
       "match_none, match, multi_match, term, terms, range, exists, ids, prefix, bool, constant_score, dis_max "
       "and knn; for this use an Elasticsearch cluster, directly or behind --elasticsearch-gateway"},
      {R"({"sort":[{"_geo_distance":{"place":{"lat":1,"lon":2}}}]})", "illegal_argument_exception",
       "sort by [_geo_distance] is not supported by the embedded store; for this use an Elasticsearch "
       "cluster, directly or behind --elasticsearch-gateway"},
      {R"({"sort":[{"price":{"ordr":"asc"}}]})", "x_content_parse_exception",
       "[1:20] [field_sort] unknown field [ordr] did you mean [order]?"},
  };
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.body);
    const auto answer = search(mistake.body);
    CHECK(answer.status == 400);
    CHECK(answer.type() == mistake.type);
    CHECK(answer.reason() == mistake.reason);
  }
}

TEST_CASE_FIXTURE(Listings, "what does not fit the mapping fails on the index, with its name") {
  const Mistake mistakes[] = {
      {R"({"knn":{"field":"v","query_vector":[1,0],"k":3,"num_candidates":50}})", "dfs",
       "failed to create query: The query vector has a different number of dimensions [2] than the document "
       "vectors [4]."},
      {R"({"knn":{"field":"title","query_vector":[1,0,0,0],"k":1,"num_candidates":2}})", "dfs",
       "failed to create query: [knn] queries are only supported on [dense_vector] fields"},
      {R"({"knn":{"field":"v","query_vector":[0,0,0,0],"k":3,"num_candidates":50}})", "dfs",
       "failed to create query: The [cosine] similarity does not support vectors with zero magnitude. "
       "Preview of invalid vector: [0.0, 0.0, 0.0, 0.0]"},
      {R"({"query":{"term":{"price":"abc"}}})", "query", "failed to create query: For input string: \"abc\""},
      {R"({"query":{"range":{"listed":{"gte":"yesterday"}}}})", "query",
       "failed to parse date field [yesterday] with format "
       "[strict_date_optional_time||epoch_millis]: "
       "[failed to parse date field [yesterday] with format [strict_date_optional_time||epoch_millis]]"},
      {R"({"query":{"prefix":{"price":"1"}}})", "query",
       "Can only use prefix queries on keyword, text and wildcard fields - not on [price] which is of type "
       "[long]"},
      {R"({"sort":[{"nofield":"asc"}]})", "query", "No mapping found for [nofield] in order to sort on"},
  };
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.body);
    const auto answer = search(mistake.body);
    CHECK(answer.status == 400);
    CHECK(answer.type() == "search_phase_execution_exception");
    CHECK(std::string(answer.json["error"]["phase"].GetString()) == mistake.type);
    CHECK(answer.reason() == mistake.reason);
    CHECK(std::string(answer.json["error"]["failed_shards"][0]["index"].GetString()) == "l");
  }
}

TEST_CASE_FIXTURE(Listings, "what this store does not do is refused, never guessed") {
  for (
      const char* body :
      {R"({"query":{"match_phrase":{"title":"white house"}}})", R"({"query":{"wildcard":{"city":"L*"}}})",
       R"({"query":{"match":{"title":{"query":"whit","fuzziness":1}}}})", R"({"query":{"script_score":{}}})",
       R"({"highlight":{}})", R"({"collapse":{"field":"city"}})",
       R"({"aggs":{"x":{"cardinality":{"field":"city"}}}})",
       R"({"aggs":{"x":{"terms":{"field":"city"},"aggs":{}}}})", R"({"retriever":{"rrf":{}}})",
       R"({"terminate_after":1})",
       R"({"knn":{"field":"v","query_vector_builder":{"text_embedding":{"model_id":"m","model_text":"x"}},"k":1,"num_candidates":2}})"}) {
    CAPTURE(body);
    const auto answer = search(body);
    CHECK(answer.status == 400);
    CHECK(answer.type() == "illegal_argument_exception");
  }
}

TEST_CASE_FIXTURE(Listings, "nesting and numbers out of all bounds do no harm") {
  std::string deep = R"({"match_all":{}})";
  for (int i = 0; i < 200; ++i) deep = R"({"bool":{"must":)" + deep + "}}";
  CHECK(search(R"({"query":)" + deep + "}").status == 400);
  CHECK(search(R"({"size":99999999999999999999})").status == 400);
  CHECK(search(R"({"size":9999999999})").status == 400);
  CHECK(search(R"({"from":2147483647,"size":2147483647})").status == 400);
  CHECK(search(R"({"query":{"term":{"price":99999999999999999999}}})").ids().empty());
  CHECK(search(R"({"query":{"range":{"listed":{"gte":"2026-01-01||+99999999999999999999y"}}}})").status ==
        400);
  CHECK(search(R"({"query":{"match_all":{"boost":-1}}})").status == 400);
  CHECK(search(R"({"knn":{"field":"v","query_vector":[1e400,0,0,0],"k":1,"num_candidates":2}})").status ==
        400);
}

TEST_CASE_FIXTURE(Listings, "q takes plain words and refuses the rest of its language") {
  const auto q = [&](const char* text) { return search("", "l", std::string("q=") + text); };
  CHECK(q("city:Lyon").ids() == Ids{"1", "4"});
  CHECK(q("title:white+AND+city:Lyon").ids().size() == 2);
  CHECK(q("title:pool+-city:Rome").ids().size() == 2);
  CHECK(q("*").ids().size() == 7);
  CHECK(q("Lyon").ids() == Ids{"1", "4"});
  for (const char* text :
       {"title:whi*", "%22two+words%22", "title:(a+b)", "price:[1+TO+2]", "x~1", "AND+x"}) {
    CAPTURE(text);
    CHECK(q(text).status == 400);
  }
}
