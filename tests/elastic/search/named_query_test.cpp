// `_name` and what hits say of it, boosts, and fields that are asked for twice. The answers are what
// Elasticsearch 9.2.0 gave for the same documents and requests.
#include "tests/elastic/search/listings.h"

namespace {

/// Three documents of which the node's answers are recorded below.
class Houses : public StoreBench {
 public:
  Houses() {
    put("/h",
        R"({"settings":{"number_of_replicas":0},"mappings":{"properties":{"title":{"type":"text"},
      "city":{"type":"keyword"},"price":{"type":"long"},"listed":{"type":"date"},
      "v":{"type":"dense_vector","dims":2,"similarity":"cosine","index_options":{"type":"hnsw"}}}}})");
    put("/h/_doc/1",
        R"({"title":"white house","city":"Lyon","price":3,"listed":"2026-01-05","v":[1,0.1]})");
    put("/h/_doc/2",
        R"({"title":"red house garden","city":"Nice","price":9,"listed":"2026-02-05","v":[0.2,1]})");
    put("/h/_doc/3", R"({"title":"pool","city":"Lyon","price":5,"listed":"2026-03-05","v":[0.5,0.5]})");
  }

  /// `matched_queries` of each hit as text, best first; "-" for a hit that has none.
  std::vector<std::string> named(const std::string& body, const std::string& parameters = {}) {
    const Answer answer = search(body, "h", parameters);
    REQUIRE_MESSAGE(answer.status == 200, answer.text);
    std::vector<std::string> out;
    for (const auto& hit : answer.hits().GetArray()) {
      std::string names = hit.HasMember("matched_queries") ? "" : "-";
      if (names.empty() && hit["matched_queries"].IsArray()) {
        for (const auto& name : hit["matched_queries"].GetArray())
          names += (names.empty() ? "" : ",") + std::string(name.GetString());
      } else if (names.empty()) {
        for (const auto& [name, score] : hit["matched_queries"].GetObject()) {
          names += (names.empty() ? "" : ",") + std::string(name.GetString()) + "=" +
                   std::to_string(score.GetDouble()).substr(0, 5);
        }
      }
      out.push_back(std::move(names));
    }
    return out;
  }
};

constexpr const char* k_three_names =
    R"({"query":{"bool":{"should":[{"match":{"title":{"query":"house","_name":"by name"}}},
  {"term":{"city":{"value":"Lyon","_name":"city","boost":2}}},{"range":{"price":{"gte":5,"_name":"price"}}}],
  "filter":[{"exists":{"field":"city","_name":"flt"}}],"must_not":[{"ids":{"values":["9"],"_name":"mn"}}],
  "_name":"all","boost":3}}})";

}  // namespace

TEST_CASE_FIXTURE(Houses, "hits list the named queries that they match, in Elasticsearch's order") {
  CHECK(named(k_three_names) == std::vector<std::string>{"all,city,price,flt", "all,city,by name,flt",
                                                         "all,price,by name,flt"});
  CHECK(named(
            R"({"size":1,"query":{"constant_score":{"filter":{"prefix":{"city":{"value":"L","_name":"p"}}},"_name":"c"}}})") ==
        std::vector<std::string>{"p,c"});
  CHECK(
      named(
          R"({"size":1,"query":{"dis_max":{"queries":[{"multi_match":{"query":"house","fields":["title","city"],"_name":"mm"}},
    {"match_none":{"_name":"none"}}],"_name":"d"}}})") == std::vector<std::string>{"mm,d"});
  CHECK(named(R"({"query":{"match_all":{"_name":""}},"size":1})") == std::vector<std::string>{""});
  // Two of one name: the last counts.
  CHECK(named(R"({"query":{"bool":{"should":[{"match_all":{"_name":"x"}},
    {"term":{"city":{"value":"Lyon","_name":"x"}}}]}}})") == std::vector<std::string>{"x", "x", "-"});
  CHECK(named(R"({"size":1,"query":{"bool":{"must":[{"match_all":{"_name":"a"}},{"match_all":{"_name":"b"}},
    {"match_all":{"_name":"zeta"}},{"match_all":{"_name":"alpha"}},{"match_all":{"_name":"name_3"}},
    {"match_all":{"_name":"first"}},{"match_all":{"_name":"second"}}]}}})") ==
        std::vector<std::string>{"zeta,name_3,a,b,alpha,first,second"});
  CHECK(named(R"({"query":{"match_all":{"_name":"m"}},"post_filter":{"term":{"city":{"value":"Lyon","_name":"pf"}}},
    "sort":["price"]})") == std::vector<std::string>{"pf,m", "pf,m"});
  CHECK(named(R"({"query":{"terms":{"city":["Nice"],"_name":"t"}}})") == std::vector<std::string>{"t"});
}

TEST_CASE_FIXTURE(Houses, "the score of each named query is its own") {
  CHECK(named(k_three_names, "include_named_queries_score=true") ==
        std::vector<std::string>{"all=5.820,city=0.940,price=1.000,flt=1.000",
                                 "all=4.230,city=0.940,by name=0.470,flt=1.000",
                                 "all=4.170,price=1.000,by name=0.390,flt=1.000"});
  CHECK(named(R"({"size":1,"query":{"constant_score":{"filter":{"match":{"title":{"query":"house","_name":"p"}}},
    "_name":"c"}}})",
              "include_named_queries_score=true") == std::vector<std::string>{"p=0.470,c=1.000"});
  CHECK(search("{}", "h", "include_named_queries_score=snow").status == 400);
  CHECK(search(R"({"include_named_queries_score":true})", "h").type() == "parsing_exception");
}

TEST_CASE_FIXTURE(Houses, "named kNN clauses are listed, at the top and as queries") {
  CHECK(named(R"({"knn":{"field":"v","query_vector":[1,0],"k":2,"num_candidates":5,"_name":"near"}})") ==
        std::vector<std::string>{"near", "near"});
  // Names within the filter of a top-level clause are not shown.
  CHECK(named(R"({"query":{"match_all":{"_name":"m"}},"knn":{"field":"v","query_vector":[1,0],"k":2,
    "num_candidates":5,"boost":2,"_name":"near","filter":{"term":{"city":{"value":"Lyon","_name":"in"}}}}})",
              "include_named_queries_score=true") ==
        std::vector<std::string>{"near=1.995,m=1.000", "near=1.707,m=1.000", "m=1.000"});
  CHECK(named(R"({"query":{"knn":{"field":"v","query_vector":[1,0],"k":2,"num_candidates":5,"boost":2,
    "_name":"near","filter":{"term":{"city":{"value":"Lyon","_name":"inknn"}}}}}})",
              "include_named_queries_score=true") ==
        std::vector<std::string>{"near=1.995,inknn=0.470", "near=1.707,inknn=0.470"});
}

TEST_CASE_FIXTURE(Houses, "boosts that are negative or not finite are refused wherever they stand") {
  const auto places = [](const std::string& boost) {
    const std::string knn =
        R"("knn":{"field":"v","query_vector":[1,0],"k":2,"num_candidates":5,"boost":)" + boost + "}";
    return std::vector<std::string>{
        "{" + knn + "}",
        R"({"query":{)" + knn + "}}",
        R"({"query":{"match_all":{}},)" + knn + "}",
        R"({"query":{"match_all":{"boost":)" + boost + "}}}",
        R"({"query":{"match_none":{"boost":)" + boost + "}}}",
        R"({"query":{"match":{"title":{"query":"house","boost":)" + boost + "}}}}",
        R"({"query":{"multi_match":{"query":"house","boost":)" + boost + "}}}",
        R"({"query":{"term":{"city":{"value":"Lyon","boost":)" + boost + "}}}}",
        R"({"query":{"terms":{"city":["Lyon"],"boost":)" + boost + "}}}",
        R"({"query":{"range":{"price":{"gt":1,"boost":)" + boost + "}}}}",
        R"({"query":{"exists":{"field":"city","boost":)" + boost + "}}}",
        R"({"query":{"ids":{"values":["1"],"boost":)" + boost + "}}}",
        R"({"query":{"prefix":{"city":{"value":"L","boost":)" + boost + "}}}}",
        R"({"query":{"bool":{"must":{"match_all":{}},"boost":)" + boost + "}}}",
        R"({"query":{"constant_score":{"filter":{"match_all":{}},"boost":)" + boost + "}}}",
        R"({"query":{"dis_max":{"queries":[{"match_all":{}}],"boost":)" + boost + "}}}"};
  };
  for (const char* boost : {"-1", "-0.0", R"("-1")", R"("NaN")", R"("Infinity")", "1e39"}) {
    for (const std::string& body : places(boost)) {
      CAPTURE(body);
      // What matches nothing has no score for an infinite boost to spoil: 9.2 answers it.
      const bool negative = std::string(boost).find('-') != std::string::npos;
      const bool answered = body.find("match_none") != std::string::npos && !negative;
      CHECK(search(body, "h").status == (answered ? 200 : 400));
    }
  }
  for (const std::string& body : places("0.5")) {
    CAPTURE(body);
    CHECK(search(body, "h").status == 200);
  }
  // At the top the shards refuse it, in a query the parser.
  CHECK(search(places("-1")[0], "h").type() == "search_phase_execution_exception");
  CHECK(search(places("-1")[1], "h").type() == "x_content_parse_exception");
  CHECK(search(places("-1")[7], "h").type() == "illegal_argument_exception");
  for (const char* field : {"title^-1", "title^NaN", "title^Infinity", "title^1e39", "title^", "title^abc"}) {
    CAPTURE(field);
    CHECK(search(R"({"query":{"multi_match":{"query":"house","fields":[")" + std::string(field) + "\"]}}}", "h")
              .status == 400);
  }
}

TEST_CASE_FIXTURE(Houses, "of two formats for one field the last counts") {
  const auto listed = [&](const std::string& fields) {
    const Answer answer = search(R"({"query":{"ids":{"values":["1"]}},"fields":)" + fields + "}", "h");
    REQUIRE_MESSAGE(answer.status == 200, answer.text);
    return std::string(answer.hits()[0]["fields"]["listed"][0].GetString());
  };
  CHECK(listed(R"([{"field":"listed","format":"yyyy"},{"field":"listed","format":"MM"}])") == "01");
  CHECK(listed(R"(["listed",{"field":"listed","format":"MM"}])") == "01");
  CHECK(listed(R"([{"field":"listed","format":"MM"},"list*"])") == "2026-01-05T00:00:00.000Z");
}

TEST_CASE_FIXTURE(Houses, "explain and profile are refused by name unless they are false") {
  for (const char* member : {"explain", "profile"}) {
    const std::string name(member);
    CHECK(search("{\"" + name + "\":false}", "h").status == 200);
    const Answer answer = search("{\"" + name + "\":true}", "h");
    CHECK(answer.status == 400);
    CHECK(answer.reason().starts_with("[" + name + ": true] is not supported by the embedded store; for "));
  }
}

TEST_CASE_FIXTURE(Houses, "a bool of nothing but must_not matches all others, unless told not to") {
  const std::string query = R"({"query":{"bool":{"must_not":{"term":{"city":"Nice"}})";
  CHECK(search(query + "}}}", "h").total() == 2);
  CHECK(search(query + R"(,"adjust_pure_negative":true}}})", "h").total() == 2);
  CHECK(search(query + R"(,"adjust_pure_negative":false}}})", "h").total() == 0);
}
