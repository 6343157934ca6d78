#include "listings.h"

namespace {
struct Mistake {
  const char* body;
  const char* type;
  const char* says;  // a part of the reason
};
}  // namespace

TEST_CASE_FIXTURE(Listings, "mistakes in a body have Elasticsearch's types and name what is wrong") {
  const Mistake mistakes[] = {
      {R"({"query":{"matchh":{"title":"x"}}})", "parsing_exception", "unknown field [matchh]"},
      {R"({"query":{"match":{"title":"x"},"term":{"city":"y"}}})", "parsing_exception", "one query"},
      {R"({"kn":{}})", "parsing_exception", "[1:2] [search] unknown field [kn]"},
      {R"({"query":"text"})", "parsing_exception", "[query] cannot be a VALUE_STRING"},
      {R"({"query":{}})", "illegal_argument_exception", "empty clause"},
      {R"({"query":{"match":"x"}})", "parsing_exception", "[match] cannot be a VALUE_STRING"},
      {R"({"query":{"bool":{"mustt":[]}}})", "x_content_parse_exception", "[1:19] [bool] unknown field [mustt]"},
      {R"({"query":{"term":{"a":1,"b":2}}})", "parsing_exception", "found [a] and [b]"},
      {R"({"query":{"term":{"a":[1]}}})", "parsing_exception", "a text, number or flag was expected"},
      {R"({"from":-1})", "illegal_argument_exception", "[from] parameter cannot be negative, found [-1]"},
      {R"({"size":-5})", "illegal_argument_exception", "[size] parameter cannot be negative, found [-5]"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":0}})", "illegal_argument_exception",
       "[k] must be greater than 0"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":5,"num_candidates":2}})", "illegal_argument_exception",
       "[num_candidates] cannot be less than [k]"},
      {R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":5,"num_candidates":20000}})", "illegal_argument_exception",
       "[num_candidates] cannot exceed [10000]"},
      {R"({"knn":{"field":"v","k":3}})", "illegal_argument_exception", "must be provided"},
      {R"({"query":{"bool":{"must":[{"matchh":{}}]}}})", "x_content_parse_exception", "unknown field [matchh]"},
      {R"({"sort":[{"price":{"ordr":"asc"}}]})", "x_content_parse_exception", "[field_sort] unknown field [ordr]"},
  };
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.body);
    const auto answer = search(mistake.body);
    CHECK(answer.status == 400);
    CHECK(answer.type() == mistake.type);
    CHECK_MESSAGE(answer.reason().find(mistake.says) != std::string::npos, answer.reason());
  }
}

TEST_CASE_FIXTURE(Listings, "what does not fit the mapping fails on the index, with its name") {
  const Mistake mistakes[] = {
      {R"({"knn":{"field":"v","query_vector":[1,0],"k":3,"num_candidates":50}})", "dfs",
       "number of dimensions [2] than the document vectors [4]"},
      {R"({"knn":{"field":"title","query_vector":[1,0,0,0],"k":1,"num_candidates":2}})", "dfs",
       "only supported on [dense_vector] fields"},
      {R"({"knn":{"field":"v","query_vector":[0,0,0,0],"k":3,"num_candidates":50}})", "dfs", "zero magnitude"},
      {R"({"query":{"term":{"price":"abc"}}})", "query", "For input string: \"abc\""},
      {R"({"query":{"range":{"listed":{"gte":"yesterday"}}}})", "query",
       "failed to parse date field [yesterday] with format [strict_date_optional_time||epoch_millis]"},
      {R"({"query":{"prefix":{"price":"1"}}})", "query", "not on [price] which is of type [long]"},
      {R"({"sort":[{"nofield":"asc"}]})", "query", "No mapping found for [nofield] in order to sort on"},
      {R"({"sort":[{"_geo_distance":"asc"}]})", "query", "No mapping found for [_geo_distance]"},
  };
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.body);
    const auto answer = search(mistake.body);
    CHECK(answer.status == 400);
    CHECK(answer.type() == "search_phase_execution_exception");
    CHECK(std::string(answer.json["error"]["phase"].GetString()) == mistake.type);
    CHECK_MESSAGE(answer.reason().find(mistake.says) != std::string::npos, answer.reason());
    CHECK(std::string(answer.json["error"]["failed_shards"][0]["index"].GetString()) == "l");
  }
}

TEST_CASE_FIXTURE(Listings, "what this store does not do is refused, never guessed") {
  for (
      const char* body :
      {R"({"query":{"match_phrase":{"title":"white house"}}})", R"({"query":{"wildcard":{"city":"L*"}}})",
       R"({"query":{"match":{"title":{"query":"whit","fuzziness":1}}}})", R"({"query":{"script_score":{}}})",
       R"({"highlight":{}})", R"({"collapse":{"field":"city"}})", R"({"aggs":{"x":{"cardinality":{"field":"city"}}}})",
       R"({"aggs":{"x":{"terms":{"field":"city"},"aggs":{}}}})", R"({"retriever":{"rrf":{}}})",
       R"({"terminate_after":1})", R"({"explain":true})", R"({"query":{"match":{"title":{"query":"x","_name":"n"}}}})",
       R"({"query":{"geo_distance":{"distance":"1km","place":{"lat":1,"lon":2}}}})",
       R"({"query":{"dis_max":{"queries":[]}}})", R"({"sort":[{"price":{"mode":"avg"}}]})",
       R"({"query":{"range":{"listed":{"gte":"now-1d"}}}})",
       R"({"knn":{"field":"v","query_vector_builder":{"text_embedding":{"model_id":"m","model_text":"x"}},"k":1,"num_candidates":2}})"}) {
    CAPTURE(body);
    const auto answer = search(body);
    CHECK(answer.status == 400);
  }
  CHECK(search("", "l", "q=city:Lyon").status == 400);
}

TEST_CASE_FIXTURE(Listings, "boosts that are negative or not finite are refused wherever they stand") {
  for (const char* boost : {"-1", "-0.0", "1e39"}) {
    for (const char* query : {R"({"match_all":{"boost":@}})", R"({"term":{"city":{"value":"Lyon","boost":@}}})",
                              R"({"knn":{"field":"v","query_vector":[1,0,0,0],"boost":@}})",
                              R"({"multi_match":{"query":"x","fields":["title^@"]}})"}) {
      std::string text = query;
      text.replace(text.find('@'), 1, boost);
      CAPTURE(text);
      CHECK(search(R"({"query":)" + text + "}").status == 400);
    }
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
  CHECK(search(R"({"query":{"match_all":{"boost":-1}}})").status == 400);
  CHECK(search(R"({"knn":{"field":"v","query_vector":[1e400,0,0,0],"k":1,"num_candidates":2}})").status == 400);
}
