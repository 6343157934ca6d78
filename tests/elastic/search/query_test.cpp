#include "listings.h"

TEST_CASE_FIXTURE(Listings, "words are found with Elasticsearch's scores") {
  const auto pool = search(R"({"query":{"match":{"title":"pool"}},"_source":false})");
  CHECK(pool.ids() == Ids{"6", "2"});
  CHECK(pool.score(0) == doctest::Approx(1.5277206).epsilon(1e-7));
  CHECK(pool.score(1) == doctest::Approx(0.9656346).epsilon(1e-7));
  const auto two = search(R"({"query":{"match":{"title":"white pool"}}})");
  CHECK(two.ids() == Ids{"2", "6", "1", "4"});
  CHECK(two.score(0) == doctest::Approx(1.6519337).epsilon(1e-7));
  CHECK(two.json["hits"]["max_score"].GetDouble() == two.score(0));
  const auto half = search(R"({"query":{"match":{"title":{"query":"white pool","boost":0.5}}}})");
  CHECK(half.score(0) == doctest::Approx(1.6519337 / 2).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Listings, "an operator narrows a match") {
  CHECK(found(R"({"match":{"title":{"query":"white pool","operator":"and"}}})") == Ids{"2"});
  CHECK(found(R"({"match":{"title":"..."}})").empty());
}

TEST_CASE_FIXTURE(Listings, "terms of keywords score by rarity; lists, prefixes and ranges are constant") {
  const auto lyon = search(R"({"query":{"term":{"city":"Lyon"}}})");
  CHECK(lyon.ids() == Ids{"1", "4"});
  CHECK(lyon.score(0) == doctest::Approx(1.1631508).epsilon(1e-7));
  CHECK(search(R"({"query":{"term":{"city":{"value":"lyon","case_insensitive":true,"boost":3}}}})").score(0) == 3);
  CHECK(found(R"({"term":{"city":"lyon"}})").empty());
  CHECK(search(R"({"query":{"terms":{"city":["Lyon","Nice","Rome"],"boost":2}}})").score(0) == 2);
  CHECK(found(R"({"prefix":{"city":"P"}})") == Ids{"5", "7"});
  CHECK(found(R"({"prefix":{"title":"gara"}})") == Ids{"6"});
  CHECK(found(R"({"range":{"city":{"gt":"Lyon","lte":"Nice"}}})") == Ids{"2", "6"});
}

TEST_CASE_FIXTURE(Listings, "ranges of numbers keep their ends, decimals round the right way") {
  CHECK(found(R"({"range":{"price":{"gte":320000,"lt":640000}}})") == Ids{"1", "4"});
  CHECK(found(R"({"range":{"price":{"gt":320000,"lte":640000}}})") == Ids{"4", "5"});
  CHECK(found(R"({"range":{"price":{"lt":1.5}}})") == Ids{"7"});
  CHECK(found(R"({"range":{"price":{"gt":0.5,"lt":1}}})").empty());
  CHECK(search(R"({"query":{"range":{"price":{"gte":1e30}}}})").status == 400);
  CHECK(found(R"({"range":{"price":{"lte":9223372036854775807}}})").size() == 7);
  CHECK(found(R"({"term":{"price":1e30}})").empty());
  CHECK(found(R"({"range":{"area":{"gt":70.25,"lte":85.5}}})") == Ids{"1"});
  CHECK(found(R"({"term":{"area":70.25}})") == Ids{"3"});
  CHECK(found(R"({"term":{"price":210000.0}})") == Ids{"3"});
  CHECK(found(R"({"term":{"price":210000.5}})").empty());
  CHECK(found(R"({"terms":{"price":[1,"210000"]}})") == Ids{"3", "7"});
}

TEST_CASE_FIXTURE(Listings, "dates may leave parts out") {
  CHECK(found(R"({"range":{"listed":{"gte":"2026-03-01"}}})") == Ids{"4", "5", "6", "7"});
  CHECK(found(R"({"range":{"listed":{"lte":"2026-03"}}})") ==
        Ids{"1", "2", "3", "4"});  // until the first's last millisecond
  CHECK(found(R"({"range":{"listed":{"lt":"2026-03"}}})") == Ids{"1", "2", "3"});
  CHECK(found(R"({"range":{"listed":{"gt":"2026-03"}}})") == Ids{"5", "6", "7"});
  CHECK(found(R"({"term":{"listed":"2026-04-02"}})") == Ids{"6", "7"});
  CHECK(found(R"({"range":{"listed":{"gte":1775088000000}}})") == Ids{"6", "7"});
}

TEST_CASE_FIXTURE(Listings, "bool: must and should score, filter and must_not do not") {
  const auto filtered =
      search(R"({"query":{"bool":{"filter":[{"term":{"garden":true}}],"must_not":{"term":{"city":"Nice"}}}}})");
  CHECK(filtered.ids() == Ids{"1"});
  CHECK(filtered.score(0) == 0);
  CHECK(found(R"({"bool":{"must":{"match":{"title":"house"}},"filter":{"term":{"city":"Nice"}}}})") == Ids{"6", "2"});
  // Beside a must or a filter, should only adds; alone, one of it must match.
  CHECK(found(R"({"bool":{"must":{"match":{"title":"house"}},"should":{"term":{"city":"Lyon"}}}})").size() == 3);
  CHECK(found(R"({"bool":{"should":[{"term":{"city":"Lyon"}},{"term":{"city":"Nice"}}]}})").size() == 4);
  CHECK(found(R"({"bool":{"filter":{"match_all":{}},"should":{"term":{"city":"Lyon"}},"minimum_should_match":1}})") ==
        Ids{"1", "4"});
  CHECK(found(R"({"bool":{"should":{"term":{"city":"Lyon"}},"minimum_should_match":2}})").empty());
  CHECK(found(R"({"bool":{"must_not":{"term":{"city":"Lyon"}}}})") == Ids{"2", "3", "5", "6", "7"});
  CHECK(search(R"({"query":{"bool":{"must_not":{"term":{"city":"Lyon"}}}}})").score(0) == 0);
  CHECK(search(R"({"query":{"bool":{"boost":2}}})").score(0) == 2);
  CHECK(search(R"({"query":{"bool":{"should":[],"minimum_should_match":1}}})").ids().size() == 7);
  const auto mixed = search(
      R"({"query":{"bool":{"should":[{"match":{"title":"pool"}},{"match":{"title":"garden"}},{"term":{"city":"Nice"}}],"minimum_should_match":2}}})");
  CHECK(mixed.ids() == Ids{"6", "2"});
  CHECK(mixed.score(0) == doctest::Approx(3.7797785).epsilon(1e-7));
  CHECK(mixed.score(1) == doctest::Approx(3.09442).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Listings, "the other queries") {
  CHECK(found(R"({"match_none":{}})").empty());
  CHECK(found(R"({"ids":{"values":["2","5","99"]}})") == Ids{"2", "5"});
  CHECK(found(R"({"term":{"_id":"4"}})") == Ids{"4"});
  CHECK(found(R"({"exists":{"field":"v"}})").size() == 7);
  CHECK(found(R"({"exists":{"field":"nothing"}})").empty());
  CHECK(found(R"({"match":{"nothing":"x"}})").empty());
  CHECK(found(R"({"range":{"nothing":{"gte":1}}})").empty());
  CHECK(search(R"({"query":{"constant_score":{"filter":{"term":{"city":"Nice"}},"boost":2}}})").score(1) == 2);
  CHECK(found(R"({"multi_match":{"query":"white pool","fields":["title","city"]}})") == Ids{"2", "6", "1", "4"});
  CHECK(found(R"({"multi_match":{"query":"Lyon","fields":["c*^2"]}})") == Ids{"1", "4"});
}

TEST_CASE_FIXTURE(StoreBench, "a vector exists whether it is indexed or not") {
  put("/m", R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":2,"index":false}}}})");
  put("/m/_doc/1", R"({"v":[1,2]})");
  put("/m/_doc/2", R"({"other":1})");
  CHECK(search(R"({"query":{"exists":{"field":"v"}}})", "m").ids() == Ids{"1"});
}

TEST_CASE_FIXTURE(StoreBench, "absent, null and several values of a field") {
  put("/m",
      R"({"mappings":{"properties":{"tags":{"type":"keyword"},"n":{"type":"integer"},"t":{"type":"text"},
      "o":{"properties":{"x":{"type":"keyword"}}},"b":{"type":"boolean"}}}})");
  put("/m/_doc/1", R"({"tags":["a","b","a"],"n":[1,5],"t":["red house","blue house"],"o":{"x":"y"},"b":true})");
  put("/m/_doc/2", R"({"tags":[],"n":null,"t":"","b":false})");
  put("/m/_doc/3", R"({"tags":"b","n":3})");
  const auto ids = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "m").ids(); };
  CHECK(ids(R"({"term":{"tags":"b"}})").size() == 2);
  CHECK(ids(R"({"exists":{"field":"tags"}})") == Ids{"1", "3"});
  CHECK(ids(R"({"exists":{"field":"t"}})") == Ids{"1", "2"});
  CHECK(ids(R"({"exists":{"field":"o"}})") == Ids{"1"});
  CHECK(ids(R"({"range":{"n":{"gte":4}}})") == Ids{"1"});
  CHECK(ids(R"({"match":{"t":{"query":"red blue","operator":"and"}}})") == Ids{"1"});
  CHECK(ids(R"({"term":{"b":"false"}})") == Ids{"2"});
  const auto fields = search(R"({"query":{"ids":{"values":["1"]}},"fields":["*"],"_source":false})", "m");
  CHECK(fields.text.find(R"("tags":["a","b","a"])") != std::string::npos);
  CHECK(fields.text.find(R"("t":["red house","blue house"])") != std::string::npos);
  CHECK(fields.text.find(R"("o.x":["y"])") != std::string::npos);
  CHECK(fields.text.find(R"("b":[true])") != std::string::npos);
}
