// Partial updates of documents that go through pipelines, and writes by query.
#include <doctest/doctest.h>

#include "front_bench.h"
#include "server/elastic/embedded/embedded_store.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// A cluster with the index `pics`, whose default pipeline `embed` is kept by the front.
struct UpdateBench : FrontBench {
  UpdateBench() {
    store.is_cluster = true;
    set_up();
    store.index_settings["pics"] = R"({"default_pipeline":"embed"})";
    store.indices["pics"];
    put("/pics/_doc/1", R"({"t":"abc","n":{"a":1.50,"b":[1,2]}})");
    store.requests.clear();
  }
  http::Response update(const std::string& body, const std::string& id = "1", const std::string& query = "") {
    return post("/pics/_update/" + id + query, body);
  }
  std::string written(const std::string& id = "1") { return store.source("pics", id); }
};

/// A real embedded store in a folder that is gone with it, behind a front.
struct EmbeddedBench : FrontBench {
  EmbeddedBench() {
    local = std::move(*open_embedded_store(folder.path()));
    embedded_front = std::make_unique<Front>(*local, native, executor, timer);
  }
  rapidjson::Document ask(http::Method method, const std::string& target, const std::string& body = "") {
    const auto mark = target.find('?');
    Outcome outcome = embedded_front->decide(store_request(
        {}, method, target.substr(0, mark), mark == std::string::npos ? "" : target.substr(mark + 1), body));
    auto* response = std::get_if<http::Response>(&outcome);
    return parsed(response ? *response : local->handle(std::get<http::Request>(outcome)));
  }

  TemporaryFolder folder;
  std::unique_ptr<Store> local;
  std::unique_ptr<Front> embedded_front;
};

}  // namespace

TEST_CASE("a partial update runs the pipeline on the whole document, and writes what was read or nothing") {
  UpdateBench bench;
  const auto response = bench.update(R"({"doc":{"t":"abcde","n":{"b":[3]}}})", "1", "?refresh=true&pretty");
  CHECK(response.status == 200);
  CHECK(bench.written() == R"({"t":"abcde","n":{"a":1.50,"b":[3]},"model_id":"clip","v":[3.0,1.0,0.5,5.0,1.0,0.5]})");
  const auto seen = bench.store.seen("/pics/_doc/1");
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].query == "_source_exclude_vectors=false");
  CHECK(seen[1].query == "refresh=true&pipeline=_none&if_seq_no=1&if_primary_term=1");
}

TEST_CASE("an update that changes nothing writes nothing, unless it is told to") {
  UpdateBench bench;
  const auto same = parsed(bench.update(R"({"doc":{"t":"abc"},"_source":["t"]})"));
  CHECK(same["result"].GetString() == std::string("noop"));
  CHECK(same["_seq_no"].GetInt() == 1);
  CHECK(same["get"]["_source"].MemberCount() == 1);
  CHECK(bench.upstream.count() == 2);  // the endpoint and the first document
  const auto shown = [&](const std::string& source, const std::string& parameters = "") {
    return parsed(bench.update(R"({"doc":{"t":"abc"})" + source + "}", "1", parameters))["get"]["_source"]
        .MemberCount();
  };
  CHECK(shown(R"(,"_source":{"includes":"*","exclude":["t","model_id"]})") == 2);
  CHECK(shown("", "?_source_exclude_vectors=true") == 4);
  CHECK(bench.update(R"({"doc":{"t":"abc"},"_source":{"enabled":true}})").status == 400);
  CHECK(bench.update(R"({"doc":{"t":"abc"},"detect_noop":false})").status == 200);
  CHECK(bench.upstream.count() == 3);
}

TEST_CASE("an update of what is not there makes the document that it brings for that") {
  UpdateBench bench;
  const auto made = bench.update(R"({"doc":{"t":"ab"},"doc_as_upsert":true})", "2");
  CHECK(made.status == 201);
  CHECK(bench.written("2") == R"({"t":"ab","model_id":"clip","v":[2.0,1.0,0.5]})");
  bench.update(R"({"doc":{"t":"x"},"upsert":{"t":"abcd"}})", "3");
  CHECK(bench.written("3") == R"({"t":"abcd","model_id":"clip","v":[4.0,1.0,0.5]})");
  CHECK(bench.store.seen("/pics/_create/3")[0].query == "pipeline=_none");
  // Without one the store says what is missing.
  bench.update(R"({"doc":{"t":"x"}})", "4");
  CHECK(bench.store.seen("/pics/_update/4").size() == 1);
}

TEST_CASE("a document that changed in between is read again as often as the request says") {
  for (const int retries : {0, 2}) {
    UpdateBench bench;
    int writes = 0;
    bench.store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
      if (request.method != http::Method::put || ++writes > 2) return {};
      return ElasticError{409, "version_conflict_engine_exception", "changed"}.response();
    };
    const auto response = bench.update(R"({"doc":{"t":"ab"}})", "1", "?retry_on_conflict=" + std::to_string(retries));
    CHECK(response.status == (retries == 0 ? 409 : 200));
    CHECK(writes == retries + 1);
  }
}

TEST_CASE("the client's own condition holds") {
  UpdateBench bench;
  CHECK(bench.update(R"({"doc":{"t":"abc"}})", "1", "?if_seq_no=7&if_primary_term=1").status == 409);
  CHECK(bench.update(R"({"doc":{"t":"ab"}})", "1", "?if_seq_no=1&if_primary_term=1").status == 200);
}

TEST_CASE("a cluster that knows nothing of vectors left out of _source is asked without that") {
  UpdateBench bench;
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (request.query.find("_source_exclude_vectors") == std::string::npos) return {};
    return illegal_argument("request [/pics/_doc/1] contains unrecognized parameter: [_source_exclude_vectors]")
        .response();
  };
  CHECK(bench.update(R"({"doc":{"t":"abcd"}})").status == 200);
  CHECK(bench.written().find("abcd") != std::string::npos);
}

TEST_CASE("an update that fails on its way writes nothing and says why") {
  UpdateBench bench;
  const std::string before = bench.written();
  CHECK(reason(bench.update(R"({"doc":{"t":"bad"}})")).find("not an image") != std::string::npos);
  CHECK(reason(bench.update(R"({"script":"ctx._source.t='x'"})"))
            .find("before a script of the cluster can change them") != std::string::npos);
  bench.update("{broken");
  CHECK(bench.store.seen("/pics/_update/1").size() == 1);  // its word counts
  CHECK(bench.written() == before);
}

TEST_CASE("an update of an index without pipelines of the front is the store's as it came") {
  UpdateBench bench;
  const std::string body = R"({"script":"x"})";
  bench.post("/plain/_update/1?refresh", body);
  REQUIRE(bench.store.seen("/plain/_update/1").size() == 1);
  CHECK(bench.store.seen("/plain/_update/1")[0].body == body);
}

TEST_CASE("updates before the embedded store: vectors are made anew, and the document keeps its versions") {
  EmbeddedBench bench;
  using enum http::Method;
  bench.ask(put, "/_inference/text_embedding/clip", bench.endpoint_body());
  bench.ask(put, "/_ingest/pipeline/embed",
            R"({"processors":[{"remove":{"field":["v","model_id"],"ignore_missing":true}},)"
            R"({"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
  bench.ask(put, "/pics",
            R"({"settings":{"index":{"default_pipeline":"embed"}},)"
            R"("mappings":{"properties":{"v":{"type":"dense_vector","dims":3,"similarity":"l2_norm"}}}})");
  const auto made = bench.ask(post, "/pics/_update/1?_source=true", R"({"doc":{"t":"abc"},"doc_as_upsert":true})");
  REQUIRE(made.HasMember("result"));
  CHECK(made["result"].GetString() == std::string("created"));
  CHECK(made["get"]["_source"]["t"].GetString() == std::string("abc"));
  const auto changed = bench.ask(post, "/pics/_update/1", R"({"doc":{"t":"abcdef","o":{"x":1}}})");
  CHECK(changed["result"].GetString() == std::string("updated"));
  CHECK(changed["_version"].GetInt() == 2);
  const auto same = bench.ask(post, "/pics/_update/1", R"({"doc":{"o":{"x":1}}})");
  CHECK(same["result"].GetString() == std::string("noop"));
  CHECK(same["_version"].GetInt() == 2);
  const auto stored = bench.ask(get, "/pics/_doc/1?_source_exclude_vectors=false");
  CHECK(stored["_source"]["v"][0].GetDouble() == 6.0);
  CHECK(stored["_source"]["v"].Size() == 3);
  CHECK(bench.ask(post, "/pics/_update/2", R"({"doc":{"t":"a"}})")["error"]["type"].GetString() ==
        std::string("document_missing_exception"));

  const auto bulk = bench.ask(post, "/pics/_bulk",
                              "{\"update\":{\"_id\":\"3\"}}\n{\"doc\":{\"t\":\"abcd\"},\"doc_as_upsert\":true}\n"
                              "{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{\"o\":{\"x\":2}}}\n"
                              "{\"index\":{\"_id\":\"4\"}}\n{\"t\":\"ab\"}\n");
  CHECK(bulk["errors"].IsFalse());
  CHECK(bench.ask(get, "/pics/_doc/3?_source_exclude_vectors=false")["_source"]["v"][0].GetDouble() == 4.0);
  CHECK(bench.ask(get, "/pics/_doc/1?_source_exclude_vectors=false")["_source"]["v"][0].GetDouble() == 6.0);
  CHECK(bench.ask(get, "/pics/_doc/4?_source_exclude_vectors=false")["_source"]["v"][0].GetDouble() == 2.0);
}

// ---- by query

TEST_CASE("writes by query are refused where a pipeline of the front would have to run, else passed on") {
  UpdateBench bench;
  bench.store.own_pipelines = {"theirs"};
  const auto reindex = [&](const std::string& dest) {
    return bench.post("/_reindex", R"({"source":{"index":"a"},"dest":)" + dest + "}");
  };
  for (const auto& response :
       {reindex(R"({"index":"pics"})"), reindex(R"({"index":"b","pipeline":"embed"})"),
        bench.post("/pics/_update_by_query", ""), bench.post("/b/_update_by_query?pipeline=embed", "")}) {
    CHECK(response.status == 400);
    CHECK(reason(response).find("through the pipeline [embed]") != std::string::npos);
  }
  for (const auto& response :
       {reindex(R"({"index":"b"})"), reindex(R"({"index":"b","pipeline":"theirs"})"),
        reindex(R"({"index":"pics","pipeline":"_none"})"), bench.post("/_reindex", "{broken"),
        bench.post("/b/_update_by_query", "{}"), bench.post("/pics/_update_by_query?pipeline=theirs", "")}) {
    CHECK(response.body == R"({"passed":"on"})");
  }
}
