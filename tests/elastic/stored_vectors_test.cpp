#include "server/elastic/query_vectors/stored_vectors.h"

#include <doctest/doctest.h>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/embedded/embedded_store.h"
#include "tests/base/temporary_folder.h"

using namespace sightline::elastic;

namespace {

/// A store with vectors in it.
struct VectorBench {
  VectorBench() {
    auto opened = open_embedded_store(folder.path());
    REQUIRE(opened.ok());
    store = std::move(*opened);
    put("/pics",
        R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":3},"n":{"type":"float"},"t":{"type":"keyword"}}}})");
    put("/pics/_doc/1", R"({"v":[0.25,-1.5,3],"t":"x"})");
    put("/pics/_doc/none", R"({"t":"x"})");
    call(sightline::http::Method::post, "/pics/_refresh");
    put("/pics/_doc/late", R"({"v":[1,2,3]})");
  }
  sightline::http::Response call(sightline::http::Method method, const std::string& path, std::string body = {}) {
    return store->handle(store_request({}, method, path, {}, std::move(body)));
  }
  void put(const std::string& path, std::string body) {
    const auto response = call(sightline::http::Method::put, path, std::move(body));
    REQUIRE_MESSAGE(response.status < 300, response.body);
  }
  Answer<std::string> vector(StoredVector wanted) { return stored_vectors(*store, {}, {std::move(wanted)})[0]; }

  sightline::TemporaryFolder folder;
  std::unique_ptr<Store> store;
};

/// Answers as it was told.
struct ToldStore : Store {
  sightline::http::Response handle(const sightline::http::Request& request) override {
    asked.push_back(request);
    return json_response(answer, status);
  }
  std::vector<sightline::http::Request> asked;
  std::string answer;
  int status = 200;
};

}  // namespace

TEST_CASE("a stored vector comes as it was stored, though sources leave it out") {
  VectorBench bench;
  const auto vector = bench.vector({"1", "pics", "v"});
  REQUIRE(vector.ok());
  CHECK(*vector == "[0.25,-1.5,3.0]");
}

TEST_CASE("each vector that is not there is an error of its own") {
  VectorBench bench;
  const std::vector<StoredVector> wanted{{"gone", "pics", "v"}, {"1", "pics", "v"}, {"none", "pics", "v"},
                                         {"1", "nowhere", "v"}, {"1", "pics", "t"}, {"1", "pics", "responses"}};
  const auto vectors = stored_vectors(*bench.store, {}, wanted);
  REQUIRE(vectors.size() == 6);
  REQUIRE(!vectors[0].ok());
  CHECK(vectors[0].error().status == 404);
  CHECK(
      vectors[0].error().reason.starts_with("Document with id [gone] not found in index [pics] for lookup "
                                            "query vector builder. Documents are found "
                                            "after a refresh"));
  CHECK(vectors[1].ok());
  REQUIRE(!vectors[2].ok());
  CHECK(vectors[2].error().status == 404);
  CHECK(vectors[2].error().reason == "Field [v] not found in document with id [none] for lookup query vector builder.");
  REQUIRE(!vectors[3].ok());
  CHECK(vectors[3].error().status == 404);
  CHECK(vectors[3].error().type == "index_not_found_exception");
  REQUIRE(!vectors[4].ok());
  CHECK(vectors[4].error().status == 400);
  CHECK(vectors[4].error().reason.find("unsupported type") != std::string::npos);
  REQUIRE(!vectors[5].ok());
  CHECK(vectors[5].error().status == 404);
}

TEST_CASE("the index of definitions gives nothing away") {
  ToldStore store;
  for (const char* index :
       {".sightline", ".*", "pics,.sight*", "far:.sightline", "<.sightline{now/d}>", ".sightline::data"}) {
    const auto vectors = stored_vectors(store, {}, {{"endpoint:clip", index, "created"}});
    REQUIRE(!vectors[0].ok());
    CHECK(vectors[0].error().status == 400);
  }
  CHECK(store.asked.empty());
}

TEST_CASE("the store is asked once, as the caller, with routing") {
  ToldStore store;
  store.answer =
      R"({"took":1,"responses":[{"hits":{"hits":[{"_id":"a","fields":{"v":[1.50,2e0]}}]}},{"hits":{"hits":[{"fields":{"v":[[1],[2]]}}]}}]})";
  Caller caller;
  caller.headers.add("Authorization", "ApiKey k");
  const auto vectors = stored_vectors(store, caller, {{"a\"", "pics", "v", "r"}, {"b", "other", "v"}});
  REQUIRE(vectors[0].ok());
  CHECK(*vectors[0] == "[1.50,2e0]");
  REQUIRE(!vectors[1].ok());
  CHECK(vectors[1].error().reason.find("holds several vectors") != std::string::npos);
  REQUIRE(store.asked.size() == 1);
  CHECK(store.asked[0].path == "/_msearch");
  CHECK(store.asked[0].headers.get("Authorization") == "ApiKey k");
  CHECK(store.asked[0].body ==
        "{\"index\":\"pics\",\"routing\":\"r\"}\n"
        "{\"query\":{\"ids\":{\"values\":[\"a\\\"\"]}},\"fields\":[\"v\"],\"_source\":false,\"size\":1}\n"
        "{\"index\":\"other\"}\n"
        "{\"query\":{\"ids\":{\"values\":[\"b\"]}},\"fields\":[\"v\"],\"_source\":false,\"size\":1}\n");
}

TEST_CASE("a store that fails or answers nonsense is not taken for a missing document") {
  ToldStore store;
  const auto error = [&](int status, const std::string& answer) {
    store.status = status;
    store.answer = answer;
    const auto vectors = stored_vectors(store, {}, {{"1", "pics", "v"}});
    return vectors[0].ok() ? 200 : vectors[0].error().status;
  };
  CHECK(error(503, "down") == 503);
  CHECK(error(403, R"({"error":{"type":"security_exception","reason":"no"},"status":403})") == 403);
  CHECK(error(200, "nonsense") == 502);
  CHECK(error(200, R"({"responses":[]})") == 502);
  CHECK(error(200, R"({"responses":[{}]})") == 502);
  CHECK(error(200, R"({"responses":[{"error":{"type":"t","reason":"r"},"status":429}]})") == 429);
  CHECK(error(200, R"({"responses":[{"_shards":{"failed":1},"hits":{"hits":[]}}]})") == 503);
  CHECK(error(200, R"({"responses":[{"_shards":{"failed":0},"hits":{"hits":[]}}]})") == 404);
  CHECK(error(200, R"({"responses":[{"hits":{"hits":[{"fields":{"v":[]}}]}}]})") == 404);
  CHECK(error(200, R"({"responses":[{"hits":{"hits":[{"fields":{"v":[1,null]}}]}}]})") == 400);
}
