#include <cmath>

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

TEST_CASE_FIXTURE(StoreBench, "whole numbers are searched in the range of an integer or a long") {
  put("/m", R"({"mappings":{"properties":{"b":{"type":"byte"},"l":{"type":"long"}}}})");
  put("/m/_doc/1", R"({"b":7,"l":7})");
  const auto status = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "m").status; };
  CHECK(status(R"({"range":{"b":{"lte":32767}}})") == 200);
  CHECK(status(R"({"range":{"b":{"lte":2147483648}}})") == 400);
  CHECK(status(R"({"terms":{"b":[7,9223372036854775807]}})") == 400);
  CHECK(status(R"({"terms":{"b":[7,1.5,32767]}})") == 200);
  CHECK(status(R"({"terms":{"l":[7,1e19]}})") == 400);
  CHECK(search(R"({"query":{"terms":{"l":[7,9223372036854775807]}}})", "m").ids() == Ids{"1"});
}

TEST_CASE_FIXTURE(StoreBench, "numbers in queries for dates are milliseconds, whatever the format") {
  put("/m", R"({"mappings":{"properties":{"dt":{"type":"date"},"s":{"type":"date","format":"epoch_second"},
      "y":{"type":"date","format":"yyyy/MM/dd"}}}})");
  put("/m/_doc/1", R"({"dt":"2020-01-01","s":1577836800.5,"y":"2020/01/01"})");
  const auto count = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "m").ids().size(); };
  CHECK(count(R"({"range":{"dt":{"gte":2021}}})") == 1);
  CHECK(count(R"({"range":{"dt":{"gte":"2021"}}})") == 0);
  CHECK(count(R"({"range":{"s":{"gte":"1577836800","lt":"1577836801"}}})") == 1);
  CHECK(count(R"({"range":{"s":{"lt":"1577836800.5"}}})") == 0);
  CHECK(count(R"({"range":{"s":{"gte":1577836800}}})") == 1);
  CHECK(count(R"({"term":{"s":1577836800500}})") == 1);
  CHECK(count(R"({"term":{"s":1577836800}})") == 0);
  CHECK(count(R"({"term":{"s":"1577836800.5"}})") == 1);
  CHECK(count(R"({"terms":{"y":[1577836800000,"2021/01/01"]}})") == 1);
  const auto mixed = search(R"({"query":{"range":{"y":{"gte":"2020/01/01","lte":1577836800000}}}})", "m");
  CHECK(mixed.reason() == "failed to parse date field [2020/01/01] with format [epoch_millis]");
  const auto after = search(R"({"sort":["s"],"search_after":[1577836800499],"fields":["s"]})", "m");
  CHECK(after.ids() == Ids{"1"});
  CHECK(after.text.find(R"("s":["1577836800.5"])") != std::string::npos);
}

TEST_CASE_FIXTURE(StoreBench, "a terms query finds each value of its list, in any order and also twice") {
  put("/m", R"({"mappings":{"properties":{"t":{"type":"date"},"d":{"type":"double"},"h":{"type":"half_float"},
      "b":{"type":"boolean"},"w":{"type":"text"},"k":{"type":"keyword"},"none":{"type":"binary"}}}})");
  put("/m/_doc/1", R"({"t":"2026-03-01T10:00:00Z","d":-0.0,"h":0.1,"b":true,"w":"red house","k":"a"})");
  put("/m/_doc/2", R"({"t":"2026-03-02","d":0.0,"h":2.5,"b":false,"w":"blue house","k":"b"})");
  put("/m/_doc/3", R"({"t":["2020-01-01","2026-03-04T23:59:59.999Z"],"d":[7.5,1e300],"b":[true,false],"k":["c","a"]})");
  const auto terms = [&](const std::string& list) { return search(R"({"query":{"terms":{)" + list + "}}}", "m"); };
  CHECK(terms(R"("t":["2026-03-04","2026-03-01T10:00","2026-03-01"])").ids() == Ids{"1", "3"});
  CHECK(terms(R"("t":["2026-03-01","2026-03-01T08","2026-03-01T09:00:00"])").ids() == Ids{"1"});
  CHECK(terms(R"("t":["2026-03-01T09",1772409600000])").ids() == Ids{"2"});
  CHECK(terms(R"("t":["2026-03-03","2025"])").ids().empty());
  CHECK(terms(R"("t":["2026-03-01","never"])").status == 400);
  CHECK(terms(R"("d":[7.5,"-0.0"])").ids() == Ids{"1", "3"});
  CHECK(terms(R"("d":[0,8,0,1e300])").ids() == Ids{"2", "3"});
  CHECK(terms(R"("d":["x"])").status == 400);
  CHECK(terms(R"("h":[0.1,9])").ids() == Ids{"1"});
  CHECK(terms(R"("b":[false,"false"])").ids() == Ids{"2", "3"});
  CHECK(terms(R"("b":[true,false])").ids() == Ids{"1", "2", "3"});
  CHECK(terms(R"("w":["house","red","house"])").ids() == Ids{"1", "2"});
  CHECK(terms(R"("k":["c","a","c","none"])").ids() == Ids{"1", "3"});
  for (const char* field : {"t", "d", "b", "w", "k", "none", "unknown"})
    CHECK_MESSAGE(terms("\"" + std::string(field) + "\":[]").ids().empty(), field);
  CHECK(terms(R"("none":["x"])").status == 400);
}

TEST_CASE_FIXTURE(StoreBench, "a negative zero is less than zero, as in Java") {
  put("/m", R"({"mappings":{"properties":{"d":{"type":"double"},"f":{"type":"float"}}}})");
  put("/m/_doc/1", R"({"d":0.0,"f":0.0})");
  put("/m/_doc/2", R"({"d":-0.0,"f":-0.0})");
  put("/m/_doc/3", R"({"d":-0,"f":0})");
  const auto ids = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "m").ids(); };
  for (const std::string field : {"d", "f"}) {
    CHECK(ids(R"({"term":{")" + field + R"(":0}})") == Ids{"1", "3"});
    CHECK(ids(R"({"term":{")" + field + R"(":-0}})") == Ids{"1", "3"});
    CHECK(ids(R"({"term":{")" + field + R"(":-0.0}})") == Ids{"2"});
    CHECK(ids(R"({"range":{")" + field + R"(":{"lt":0}}})") == Ids{"2"});
    CHECK(ids(R"({"range":{")" + field + R"(":{"gte":0}}})") == Ids{"1", "3"});
    const auto sorted = search(R"({"sort":[")" + field + R"("],"aggs":{"a":{"terms":{"field":")" + field +
                                   R"("}},"m":{"min":{"field":")" + field + R"("}}}})",
                               "m");
    CHECK(sorted.ids() == Ids{"2", "1", "3"});
    CHECK(sorted.json["aggregations"]["a"]["buckets"].Size() == 2);
    CHECK(std::signbit(sorted.json["aggregations"]["m"]["value"].GetDouble()));
    CHECK(search(R"({"sort":[")" + field + R"("],"search_after":[-0.0]})", "m").ids() == Ids{"1", "3"});
  }
}

TEST_CASE_FIXTURE(StoreBench, "a field without an index is searched by its doc values, with a constant score") {
  put("/m", R"({"mappings":{"properties":{"k":{"type":"keyword","index":false},"b":{"type":"boolean","index":false},
      "i":{"type":"long","index":false},"none":{"type":"keyword","index":false,"doc_values":false}}}})");
  put("/m/_doc/1", R"({"k":"7","b":true,"i":7})");
  put("/m/_doc/2", R"({"k":"x"})");
  for (const char* query : {R"({"match":{"k":"7"}})", R"({"term":{"b":true}})", R"({"multi_match":{"query":"7"}})",
                            R"({"multi_match":{"query":"7","fields":["k*"]}})"}) {
    const auto found = search(R"({"query":)" + std::string(query) + "}", "m");
    CHECK_MESSAGE(found.ids() == Ids{"1"}, query);
    CHECK_MESSAGE(found.score(0) == 1, query);
  }
}

TEST_CASE_FIXTURE(Listings, "of the data about documents, _id and _index are searched; the rest is refused") {
  put("/other/_doc/1", "{}");
  put("/other/_alias/others", "");
  const auto total = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "l,other").total(); };
  CHECK(total(R"({"term":{"_index":"l"}})") == 7);
  CHECK(total(R"({"terms":{"_index":["l","o*"]}})") == 8);
  CHECK(total(R"({"match":{"_index":"others"}})") == 1);
  CHECK(total(R"({"bool":{"must_not":{"term":{"_index":"l"}}}})") == 1);
  CHECK(total(R"({"exists":{"field":"_index"}})") == 8);
  CHECK(total(R"({"term":{"_id":"1"}})") == 2);
  CHECK(total(R"({"terms":{"_id":["1","2"]}})") == 3);
  for (const char* body :
       {R"({"query":{"range":{"_id":{"gte":"1"}}}})", R"({"query":{"prefix":{"_index":"l"}}})",
        R"({"query":{"term":{"_seq_no":1}}})", R"({"query":{"exists":{"field":"_version"}}})",
        R"({"query":{"multi_match":{"query":"1","fields":["title","_id"]}}})", R"({"fields":["_id"]})",
        R"({"aggs":{"a":{"terms":{"field":"_index"}}}})", R"({"aggs":{"a":{"value_count":{"field":"_seq_no"}}}})"}) {
    const auto refused = search(body);
    CHECK_MESSAGE(refused.status == 400, body);
    CHECK_MESSAGE(refused.reason().find("is not supported by") != std::string::npos, refused.text);
  }
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

TEST_CASE_FIXTURE(StoreBench, "letters of any case are the same only in ASCII") {
  put("/m", R"({"mappings":{"properties":{"k":{"type":"keyword"}}}})");
  put("/m/_doc/1", R"({"k":"\u00c9tage"})");
  const auto count = [&](const std::string& query) { return search(R"({"query":)" + query + "}", "m").ids().size(); };
  CHECK(count(R"({"term":{"k":{"value":"\u00c9TAGE","case_insensitive":true}}})") == 1);
  CHECK(count(R"({"term":{"k":{"value":"\u00e9tage","case_insensitive":true}}})") == 0);
  CHECK(count(R"({"prefix":{"k":{"value":"\u00c9TA","case_insensitive":true}}})") == 1);
  CHECK(count(R"({"prefix":{"k":{"value":"\u00e9ta","case_insensitive":true}}})") == 0);
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
  // Without a should clause, its minimum matters only next to a must or a filter.
  CHECK(found(R"({"bool":{"must_not":{"term":{"city":"Lyon"}},"minimum_should_match":1}})").size() == 5);
  CHECK(found(R"({"bool":{"filter":{"match_all":{}},"minimum_should_match":1}})").empty());
  CHECK(found(R"({"bool":{"must":{"match_all":{}},"minimum_should_match":1}})").empty());
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
