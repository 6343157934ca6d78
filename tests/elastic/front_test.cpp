#include <doctest/doctest.h>
#include <functional>
#include <future>

#include "definition_bench.h"
#include "front_bench.h"
#include "server/elastic/inference/settings_reader.h"

using namespace sightline;
using namespace sightline::elastic;

// ---- endpoints

TEST_CASE("an endpoint is measured when it is made, and shown without its secrets") {
  FrontBench bench;
  auto made = bench.put("/_inference/text_embedding/clip",
                        bench.endpoint_body(R"(,"dimensions":99,"secret_parameters":{"api_key":"hush"})"));
  REQUIRE(made.status == 200);
  REQUIRE(bench.upstream.count() == 1);
  CHECK(bench.upstream.requests()[0].body == R"({"input":["how big"],"type":""})");
  const auto body = parsed(made);
  CHECK(body["inference_id"].GetString() == std::string("clip"));
  CHECK(body["service_settings"]["dimensions"].GetInt() == 3);
  CHECK(body["service_settings"]["similarity"].GetString() == std::string("dot_product"));
  CHECK(made.body.find("hush") == std::string::npos);

  auto shown = bench.get("/_inference/clip");
  CHECK(shown.body == "{\"endpoints\":[" + made.body + "]}");
  CHECK(bench.get("/_inference/text_embedding/clip").body == shown.body);
  CHECK(bench.get("/_inference").body == shown.body);
  CHECK(bench.get("/_inference/_all").body == shown.body);
  CHECK(bench.get("/_inference/rerank/_all").body == R"({"endpoints":[]})");
  CHECK(bench.store.source(".sightline", "endpoint:clip").find("hush") != std::string::npos);
}

TEST_CASE("an endpoint is made once, deleted, and then is not found") {
  FrontBench bench;
  CHECK(bench.put("/_inference/text_embedding/clip", bench.endpoint_body()).status == 200);
  auto again = bench.put("/_inference/text_embedding/clip", bench.endpoint_body());
  CHECK(again.status == 400);
  CHECK(parsed(again)["error"]["type"].GetString() == std::string("resource_already_exists_exception"));
  CHECK(reason(again) == "Inference endpoint [clip] already exists");
  CHECK(bench.remove("/_inference/clip").body == R"({"acknowledged":true,"pipelines":[]})");
  for (const auto& response : {bench.get("/_inference/clip"), bench.remove("/_inference/clip"),
                               bench.post("/_inference/text_embedding/clip", R"({"input":"x"})")}) {
    CHECK(response.status == 404);
    CHECK(reason(response) == "Inference endpoint not found [clip]");
  }
  CHECK(bench.put("/_inference/clip", R"({"task_type":"text_embedding",)" + bench.endpoint_body().substr(1)).status ==
        200);
}

TEST_CASE("an endpoint that cannot be called is not created, and the error has the cause") {
  FrontBench bench([](const http::Request&) {
    http::Response response;
    response.status = 404;
    response.body = "no model [clip]";
    return response;
  });
  auto made = bench.put("/_inference/text_embedding/clip", bench.endpoint_body());
  CHECK(made.status == 400);
  CHECK(reason(made) ==
        "Could not complete inference endpoint creation as validation call to service threw an exception.");
  const auto body = parsed(made);
  const std::string cause =
      "Received an unsuccessful status code for request from inference entity id [clip] status [404]. Error "
      "message: "
      "[no model [clip]]";
  CHECK(body["error"]["caused_by"]["reason"].GetString() == cause);
  CHECK(body["error"]["root_cause"][0]["reason"].GetString() == cause);
  CHECK(bench.get("/_inference/clip").status == 404);
}

TEST_CASE("wrong endpoint requests are refused before anything is called") {
  FrontBench bench;
  CHECK(reason(bench.put("/_inference/text_embedding/Clip", bench.endpoint_body())).find("lowercase alphanumeric") !=
        std::string::npos);
  CHECK(reason(bench.put("/_inference/text_embedding/clip", "")) == "request body is required");
  CHECK(reason(bench.put("/_inference/text_embedding/clip", "{")).find("Unexpected") != std::string::npos);
  CHECK(reason(bench.put("/_inference/text_embedding/clip", R"({"service":"nope","service_settings":{}})")) ==
        "Unknown service [nope]");
  CHECK(reason(bench.put("/_inference/text_embedding/clip?timeout=soon", bench.endpoint_body()))
            .find("as a time value") != std::string::npos);
  auto leftover = bench.endpoint_body(R"(,"headers":{"A":"${nope}"})");
  CHECK(reason(bench.put("/_inference/text_embedding/clip", leftover))
            .starts_with("Validation Failed: 1: Failed to validate model configuration: Found placeholder "
                         "[${nope}] in field [header.A]"));
  CHECK(bench.upstream.count() == 0);
}

TEST_CASE("inference by hand validates, calls and answers as Elasticsearch does") {
  FrontBench bench;
  bench.set_up();
  CHECK(bench.post("/_inference/text_embedding/clip", R"({"input":["a","abc"]})").body ==
        R"({"text_embedding":[{"embedding":[1,1,0.5]},{"embedding":[3,1,0.5]}]})");
  CHECK(bench.post("/_inference/clip", R"({"input":"abcd","input_type":"search"})").body ==
        R"({"text_embedding":[{"embedding":[4,1,0.5]}]})");
  const auto fault = [&](const char* body) { return reason(bench.post("/_inference/text_embedding/clip", body)); };
  CHECK(fault("{}") == "Validation Failed: 1: Field [input] cannot be null;");
  CHECK(fault(R"({"input":[]})") == "Validation Failed: 1: Field [input] cannot be an empty array;");
  CHECK(fault(R"({"input":"x","query":"y"})") ==
        "Validation Failed: 1: Field [query] cannot be specified for task type [text_embedding];");
  CHECK(fault(R"({"input":"x","input_type":"internal_search"})") == "Unrecognized input_type [internal_search]");
  CHECK(fault(R"({"input":[1]})").find("entry [0]") != std::string::npos);
  auto wrong_task = bench.post("/_inference/rerank/clip", R"({"input":"x"})");
  CHECK(wrong_task.status == 400);
  CHECK(reason(wrong_task) ==
        "Incompatible task_type, the requested type [rerank] does not match the model type [text_embedding]");
  auto refused = bench.post("/_inference/clip", R"({"input":["ok","bad"]})");
  CHECK(refused.status == 400);
  CHECK(reason(refused).find(R"(Error message: [{"error":"input 1: not an image"}])") != std::string::npos);
}

TEST_CASE("an endpoint that a pipeline uses is deleted by force only") {
  FrontBench bench;
  bench.set_up();
  CHECK(bench.remove("/_inference/clip?dry_run=true").body ==
        R"({"acknowledged":false,"pipelines":["embed"],"indexes":[]})");
  auto refused = bench.remove("/_inference/clip");
  CHECK(refused.status == 409);
  CHECK(reason(refused).find("referenced by pipelines: [embed]") != std::string::npos);
  CHECK(bench.remove("/_inference/clip?force=true").status == 200);
}

TEST_CASE("an endpoint is deleted by force also if its pipelines cannot be listed") {
  FrontBench bench;
  bench.set_up();
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (request.path != "/.sightline/_search") return {};
    return ElasticError{413, "content_too_long_exception", "too much"}.response();
  };
  CHECK(bench.remove("/_inference/clip").status == 413);
  CHECK(bench.remove("/_inference/clip?force=true&dry_run=true").status == 413);
  CHECK(bench.remove("/_inference/clip?force=true").status == 200);
}

TEST_CASE("definitions are limited, so that all of them can be listed") {
  FrontBench bench;
  bench.set_up();
  const std::string text(k_max_definition_bytes, 'x');
  const auto pipeline = bench.put("/_ingest/pipeline/large", R"({"description":")" + text + R"(","processors":[]})");
  CHECK(pipeline.status == 400);
  CHECK(reason(pipeline).find("and the limit is [1048576]") != std::string::npos);
  CHECK(bench.get("/_ingest/pipeline/large").status == 404);
  std::string headers;
  for (std::size_t i = 0; i <= SettingsReader::k_max_pairs; ++i)
    headers += (i > 0 ? ",\"h" : "\"h") + std::to_string(i) + R"(":"v")";
  for (const char* setting : {"headers", "secret_parameters"}) {
    const auto endpoint = bench.put("/_inference/text_embedding/more",
                                    bench.endpoint_body(",\"" + std::string(setting) + "\":{" + headers + "}"));
    CHECK(endpoint.status == 400);
    CHECK(reason(endpoint).find("[201] entries, the limit is [200]") != std::string::npos);
  }
  const auto update =
      bench.put("/_inference/clip/_update", R"({"service_settings":{"secret_parameters":{)" + headers + "}}}");
  CHECK(update.status == 400);
}

// ---- pipelines

TEST_CASE("pipelines are stored, listed, found by wildcard and deleted") {
  FrontBench bench;
  CHECK(bench.put("/_ingest/pipeline/a-1", R"({"description":"x","processors":[]})").body ==
        R"({"acknowledged":true})");
  bench.put("/_ingest/pipeline/b", R"({"processors":[]})");
  auto one = parsed(bench.get("/_ingest/pipeline/a-1"));
  CHECK(one["a-1"]["description"].GetString() == std::string("x"));
  CHECK(one["a-1"]["created_date_millis"].GetInt64() > 0);
  CHECK(parsed(bench.get("/_ingest/pipeline")).MemberCount() == 2);
  CHECK(parsed(bench.get("/_ingest/pipeline/a*,b")).MemberCount() == 2);
  CHECK(parsed(bench.get("/_ingest/pipeline/a*")).MemberCount() == 1);
  CHECK(bench.remove("/_ingest/pipeline/b").status == 200);
  auto gone = bench.remove("/_ingest/pipeline/b");
  CHECK(gone.status == 404);
  CHECK(reason(gone) == "pipeline [b] is missing");
  CHECK(bench.get("/_ingest/pipeline/b").status == 404);
  CHECK(bench.get("/_ingest/pipeline/b").body == "{}");
  auto bad = bench.put("/_ingest/pipeline/c", R"({"processors":[{"nope":{}}]})");
  CHECK(bad.status == 400);
  CHECK(parsed(bad)["error"]["processor_type"].GetString() == std::string("nope"));
  CHECK(bench.get("/_ingest/pipeline/c").status == 404);
}

TEST_CASE("a pipeline is tried out on documents, each with its own outcome") {
  FrontBench bench;
  bench.set_up();
  auto simulated = bench.post(
      "/_ingest/pipeline/embed/_simulate",
      R"({"docs":[{"_index":"pics","_id":"1","_source":{"t":"abc"}},{"_source":{"t":"bad"}},{"_source":{}}]})");
  CHECK(simulated.status == 200);
  const auto body = parsed(simulated);
  const auto& first = body["docs"][0]["doc"];
  CHECK(first["_index"].GetString() == std::string("pics"));
  CHECK(first["_version"].GetString() == std::string("-3"));
  CHECK(first["_source"]["v"][0].GetDouble() == 3);
  CHECK(first["_source"]["model_id"].GetString() == std::string("clip"));
  CHECK(first["_ingest"]["timestamp"].IsString());
  CHECK(std::string(body["docs"][1]["error"]["reason"].GetString()).find("not an image") != std::string::npos);
  CHECK(body["docs"][1]["error"]["root_cause"][0]["type"].GetString() == std::string("status_exception"));
  CHECK(body["docs"][2]["error"]["reason"].GetString() == std::string("field [t] not present as part of path [t]"));

  auto inline_one = bench.post(
      "/_ingest/pipeline/_simulate",
      R"({"pipeline":{"processors":[{"set":{"field":"a","value":"{{_index}}/{{_id}}"}},{"drop":{"ignore_failure":true}}]},)"
      R"("docs":[{"_source":{}}]})");
  CHECK(inline_one.body == R"({"docs":[null]})");
  CHECK(reason(bench.post("/_ingest/pipeline/nope/_simulate", R"({"docs":[{"_source":{}}]})")) ==
        "pipeline [nope] does not exist");
  CHECK(reason(bench.post("/_ingest/pipeline/embed/_simulate", "{}")) == "[docs] required property is missing");
  CHECK(reason(bench.post("/_ingest/pipeline/embed/_simulate", R"({"docs":[]})")) ==
        "must specify at least one document in [docs]");
}

TEST_CASE("a simulation of many documents holds a part of them at once") {
  Limits limits;
  limits.max_pipeline_growth_bytes = 8u << 20;
  FrontBench bench({}, limits);
  std::string docs;
  for (int i = 0; i < 2'000; ++i) docs += R"(,{"_id":")" + std::to_string(i) + R"(","_source":{}})";
  const std::string value(10'000, 'x');
  const auto response =
      bench.post("/_ingest/pipeline/_simulate", R"({"pipeline":{"processors":[{"set":{"field":"a","value":")" + value +
                                                    R"("}}]},"docs":[)" + docs.substr(1) + "]}");
  REQUIRE(response.status == 200);
  CHECK(response.body.find("error") == std::string::npos);
  const auto body = parsed(response);
  REQUIRE(body["docs"].Size() == 2'000);
  for (const rapidjson::SizeType i : {0U, 255U, 256U, 1'999U})
    CHECK(body["docs"][i]["doc"]["_id"].GetString() == std::to_string(i));
}

TEST_CASE("the answer to a simulation has a limit, and a wrong document is found before any runs") {
  Limits limits;
  limits.max_answer_bytes = 1u << 20;
  FrontBench bench({}, limits);
  bench.set_up();
  std::string docs = R"({"_source":{"t":"abc"}})";
  for (int i = 0; i < 20; ++i) docs += R"(,{"_source":{"t":"abc","x":")" + std::string(100'000, 'x') + "\"}}";
  const auto response = bench.post("/_ingest/pipeline/embed/_simulate", "{\"docs\":[" + docs + "]}");
  CHECK(response.status == 413);
  CHECK(reason(response).find("--elasticsearch-max-answer-bytes") != std::string::npos);
  const auto calls = bench.upstream.count();
  CHECK(bench.post("/_ingest/pipeline/embed/_simulate", "{\"docs\":[" + docs + ",{}]}").status == 400);
  CHECK(bench.upstream.count() == calls);
}

// ---- writes

TEST_CASE("documents of a bulk go through the pipeline, and only a failing one fails, in its place") {
  FrontBench bench;
  bench.set_up();
  auto response =
      bench.post("/_bulk?pipeline=embed&refresh=true",
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"1\"}}\n{\"t\":\"a\"}\n"
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"2\"}}\n{\"t\":\"bad\"}\n"
                 "{\"delete\":{\"_index\":\"pics\",\"_id\":\"9\"}}\n"
                 "{\"create\":{\"_index\":\"pics\"}}\n{\"no\":\"text\"}\n"
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"4\",\"pipeline\":\"nope\"}}\n{\"t\":\"a\"}\n"
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"5\",\"pipeline\":\"_none\"}}\n{\"t\":\"plain\"}\n"
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"6\"}}\n{broken\n"
                 "{\"index\":{\"_index\":\"pics\",\"_id\":\"7\"}}\n{\"t\":\"abc\"}\n");
  REQUIRE(response.status == 200);
  const auto body = parsed(response);
  CHECK(body["errors"].IsTrue());
  CHECK(body["took"].GetInt() == 5);
  CHECK(body["ingest_took"].IsInt());
  const auto& items = body["items"];
  REQUIRE(items.Size() == 8);
  CHECK(items[0]["index"]["status"].GetInt() == 201);
  CHECK(items[1]["index"]["_id"].GetString() == std::string("2"));
  CHECK(items[1]["index"]["status"].GetInt() == 400);
  CHECK(items[1]["index"]["error"]["type"].GetString() == std::string("status_exception"));
  CHECK(items[1]["index"]["error"]["reason"].GetString() ==
        std::string("Received an unsuccessful status code for request from inference entity id [clip] status "
                    "[400]. Error message: "
                    "[{\"error\":\"input 0: not an image\"}]"));
  CHECK(!items[1]["index"]["error"].HasMember("root_cause"));
  CHECK(items[2].HasMember("delete"));
  CHECK(items[3]["create"]["error"]["reason"].GetString() == std::string("field [t] not present as part of path [t]"));
  CHECK(items[4]["index"]["error"]["reason"].GetString() == std::string("pipeline with id [nope] does not exist"));
  CHECK(items[5]["index"]["status"].GetInt() == 201);
  CHECK(items[6]["index"]["error"]["type"].GetString() == std::string("document_parsing_exception"));
  CHECK(items[7]["index"]["_id"].GetString() == std::string("7"));
  CHECK(bench.store.source("pics", "1") == R"({"t":"a","model_id":"clip","v":[1.0,1.0,0.5]})");
  CHECK(bench.store.source("pics", "7") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})");
  CHECK(bench.store.source("pics", "5") == R"({"t":"plain"})");
  CHECK(bench.store.source("pics", "2").empty());
  CHECK(bench.store.seen("/_bulk").size() == 1);
  CHECK(bench.store.seen("/_bulk")[0].query == "refresh=true");
}

TEST_CASE("the index of a bulk may stand among its parameters") {
  FrontBench bench;
  bench.set_up();
  const auto response =
      bench.post("/_bulk?index=pics&pipeline=none&pipeline=embed", "{\"index\":{\"_id\":\"1\"}}\n{\"t\":\"a\"}\n");
  CHECK(response.status == 200);
  CHECK(bench.store.source("pics", "1") == R"({"t":"a","model_id":"clip","v":[1.0,1.0,0.5]})");
}

TEST_CASE("a bulk whose documents all fail does not reach the store") {
  FrontBench bench;
  auto response = bench.post("/pics/_bulk?pipeline=nope", "{\"index\":{\"_id\":\"13\"}}\n{\"a\":1}\n");
  CHECK(response.status == 200);
  CHECK(response.body.find(R"("errors":true,"took":0,"ingest_took":)") != std::string::npos);
  CHECK(parsed(response)["items"][0]["index"]["_index"].GetString() == std::string("pics"));
  CHECK(bench.store.seen("/pics/_bulk").empty());
}

TEST_CASE("a bulk without pipelines goes to the store as it came") {
  FrontBench bench;
  const std::string body = "{\"index\":{\"_index\":\"pics\",\"_id\":\"1\"}}\n{\"t\" : 1.50}\n";
  bench.post("/_bulk?refresh=wait_for", body);
  REQUIRE(bench.store.seen("/_bulk").size() == 1);
  CHECK(bench.store.seen("/_bulk")[0].body == body);
  CHECK(bench.store.seen("/_bulk")[0].query == "refresh=wait_for");
}

TEST_CASE("all documents of a bulk are with the inference server before the first is answered") {
  FrontBench bench;
  bench.set_up();
  bench.upstream.hold();
  std::string body;
  for (int i = 0; i < 20; ++i) {
    body += "{\"index\":{\"_index\":\"pics\",\"_id\":\"" + std::to_string(i) + "\"}}\n{\"t\":\"" +
            std::string(static_cast<std::size_t>(i), 'x') + "\"}\n";
  }
  auto response = std::async(std::launch::async, [&] { return bench.post("/_bulk?pipeline=embed", body); });
  CHECK(bench.upstream.wait_for_held(20));
  bench.upstream.release();
  const auto answer = parsed(response.get());
  CHECK(answer["errors"].IsFalse());
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(i);
    CHECK(answer["items"][static_cast<rapidjson::SizeType>(i)]["index"]["_id"].GetString() == id);
    CHECK(bench.store.source("pics", id).find("\"v\":[" + id + ".0,1.0,0.5]") != std::string::npos);
  }
}

namespace {

/// Calls `during` before a change of settings is done.
struct SlowStore final : Store {
  http::Response handle(const http::Request& request) override {
    if (during && request.method == http::Method::put && request.path == "/pics/_settings") during();
    return memory.handle(request);
  }
  MemoryStore memory;
  std::function<void()> during;
};

}  // namespace

TEST_CASE("what a write has seen during a change of settings ends with the change") {
  SlowStore store;
  GatewayFront front(store);
  const auto tick = [&] { front.timer.advance(std::chrono::milliseconds(1)); };
  front.put("/_ingest/pipeline/mark", R"({"processors":[{"set":{"field":"last","value":"x"}}]})");
  front.put("/pics", "{}");
  store.during = [&] {
    tick();
    front.put("/pics/_doc/1", R"({"t":"a"})");
    store.memory.index_settings["pics"] = R"({"default_pipeline":"mark"})";
  };
  CHECK(front.put("/pics/_settings", R"({"default_pipeline":"mark"})").status == 200);
  tick();
  front.put("/pics/_doc/2", R"({"t":"a"})");
  CHECK(store.memory.source("pics", "1") == R"({"t":"a"})");
  CHECK(store.memory.source("pics", "2") == R"({"t":"a","last":"x"})");
}

TEST_CASE("a pipeline whose name is not UTF-8 is refused") {
  FrontBench bench;
  const auto named = bench.put("/_ingest/pipeline/%FF", R"({"processors":[]})");
  CHECK(named.status == 400);
  CHECK(reason(named) == "the name of pipeline [\uFFFD] must be UTF-8");
  CHECK(bench.get("/_ingest/pipeline").body == "{}");
}

TEST_CASE("default and final pipelines of an index are found, and read again when its settings change") {
  FrontBench bench;
  bench.set_up();
  bench.put("/_ingest/pipeline/mark", R"({"processors":[{"set":{"field":"last","value":"{{v.0}}"}}]})");
  bench.put("/pics", R"({"settings":{"index":{"default_pipeline":"embed","final_pipeline":"mark"}}})");
  auto made = bench.put("/pics/_doc/1", R"({"t":"abc"})");
  CHECK(made.status == 201);
  CHECK(bench.store.source("pics", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5],"last":"3.0"})");
  bench.put("/pics/_doc/2?pipeline=_none", R"({"t":"abc"})");
  CHECK(bench.store.source("pics", "2") == R"({"t":"abc","last":""})");
  bench.store.index_settings["pics"] = "{}";
  bench.put("/pics/_settings", "{}");
  bench.timer.advance(std::chrono::milliseconds(1));
  bench.put("/pics/_doc/3", R"({"t":"abc"})");
  CHECK(bench.store.source("pics", "3") == R"({"t":"abc"})");
  // Another front changed the settings: seen after a second.
  bench.store.index_settings["pics"] = R"({"default_pipeline":"mark"})";
  bench.put("/pics/_doc/4", R"({"t":"abc"})");
  CHECK(bench.store.source("pics", "4") == R"({"t":"abc"})");
  bench.timer.advance(std::chrono::milliseconds(1001));
  bench.put("/pics/_doc/5", R"({"t":"abc"})");
  CHECK(bench.store.source("pics", "5") == R"({"t":"abc","last":""})");
}

TEST_CASE("a single document that fails in its pipeline is not written, and answers with the failure's status") {
  FrontBench bench;
  bench.set_up();
  auto bad = bench.put("/pics/_doc/1?pipeline=embed", R"({"t":"bad"})");
  CHECK(bad.status == 400);
  CHECK(reason(bad).find("not an image") != std::string::npos);
  CHECK(reason(bench.put("/pics/_doc/1?pipeline=nope", R"({"t":"a"})")) == "pipeline with id [nope] does not exist");
  CHECK(parsed(bench.put("/pics/_doc/1?pipeline=embed", "{bad")).IsObject());
  bench.put(
      "/_ingest/pipeline/lost",
      R"({"processors":[{"inference":{"model_id":"gone","input_output":{"input_field":"t","output_field":"v"}}}]})");
  auto lost = bench.put("/pics/_doc/1?pipeline=lost", R"({"t":"a"})");
  CHECK(lost.status == 404);
  CHECK(reason(lost) == "[gone] is not an inference service model or a deployed ml model");
  CHECK(bench.store.source("pics", "1").empty());
}

TEST_CASE("a pipeline may send a document elsewhere or drop it") {
  FrontBench bench;
  bench.put(
      "/_ingest/pipeline/move",
      R"({"processors":[{"set":{"field":"_index","value":"other"}},{"set":{"field":"_id","value":"x{{_id}}"}}]})");
  bench.put("/_ingest/pipeline/drop", R"({"processors":[{"drop":{}}]})");
  CHECK(bench.put("/pics/_doc/1?pipeline=move", R"({"a":1})").status == 201);
  CHECK(bench.store.source("other", "x1") == R"({"a":1})");
  auto dropped = bench.put("/pics/_doc/2?pipeline=drop", R"({"a":1})");
  CHECK(dropped.status == 200);
  CHECK(parsed(dropped)["result"].GetString() == std::string("noop"));
  auto bulk = parsed(bench.post("/_bulk",
                                "{\"index\":{\"_index\":\"pics\",\"_id\":\"3\",\"pipeline\":\"move\"}}\n{\"a\":2}\n"
                                "{\"index\":{\"_index\":\"pics\",\"_id\":\"4\",\"pipeline\":\"drop\"}}\n{\"a\":3}\n"));
  CHECK(bulk["errors"].IsFalse());
  CHECK(bench.store.source("other", "x3") == R"({"a":2})");
  CHECK(bulk["items"][1]["index"]["result"].GetString() == std::string("noop"));
  CHECK(bench.store.source("pics", "4").empty());
}

TEST_CASE("metadata of which a pipeline makes what no store takes fails its document alone") {
  FrontBench bench;
  struct Case {
    const char *field, *value, *reason;
  };
  for (const auto& [field, value, why] : {Case{"_routing", "x", "[routing]"},
                                          {"_index", "", "must not be empty"},
                                          {"_id", "", "_id"},
                                          {"_version", "5", "[_version] cannot be set"},
                                          {"_if_seq_no", "5", "[_if_seq_no] cannot be set"},
                                          {"_dynamic_templates", "x", "[_dynamic_templates] cannot be set"},
                                          {"_type", "x", "[_type] cannot be set"}}) {
    CAPTURE(field);
    bench.put("/_ingest/pipeline/meta", std::string(R"({"processors":[{"set":{"field":")") + field +
                                            R"(","value":"{{value}}"}},{"remove":{"field":"value"}}]})");
    const auto bulk = parsed(bench.post("/pics/_bulk?pipeline=meta",
                                        std::string("{\"index\":{\"_id\":\"1\"}}\n{\"value\":\"") + value + "\"}\n"));
    REQUIRE(bulk.HasMember("items"));
    const auto& item = bulk["items"][0]["index"];
    CHECK(item["status"].GetInt() == 400);
    CHECK(std::string(item["error"]["reason"].GetString()).find(why) != std::string::npos);
    CHECK(bench.put(std::string("/pics/_doc/1?pipeline=meta"), std::string("{\"value\":\"") + value + "\"}").status ==
          400);
  }
  CHECK(bench.store.seen("/_bulk").empty());
}

TEST_CASE("numbers and texts of a document are the same after a pipeline") {
  FrontBench bench;
  bench.put("/_ingest/pipeline/mark", R"({"processors":[{"set":{"field":"m","value":1}}]})");
  bench.put(
      "/pics/_doc/1?pipeline=mark",
      R"({"a":0.10000000149011612,"b":9007199254740993,"c":"\u00e9\ud83d\ude00","d":-0.5,"e":18446744073709551615})");
  CHECK(bench.store.source("pics", "1") ==
        "{\"a\":0.10000000149011612,\"b\":9007199254740993,\"c\":\"\u00e9\U0001F600\",\"d\":-0.5,\"e\":"
        "18446744073709551615,\"m\":1}");
}

// ---- the index of definitions

TEST_CASE("the index that holds the secrets cannot be reached") {
  FrontBench bench;
  bench.put("/_inference/text_embedding/clip", bench.endpoint_body(R"(,"secret_parameters":{"api_key":"hush"})"));
  for (const auto& response :
       {bench.get("/.sightline/_search"), bench.get("/.sightline/_doc/endpoint:clip"),
        bench.get("/a,.sightline/_search"), bench.get("/*,.sightline/_search?expand_wildcards=all"),
        bench.put("/pics/_clone/.sightline", "{}"), bench.post("/_query", R"({"query":"FROM .sightline"})"),
        bench.remove("/.sightline"),
        bench.post("/_mget", R"({"docs":[{"_index":".sightline","_id":"endpoint:clip"}]})"),
        bench.post("/_mget", R"({"docs":[{"_\u0069ndex":"\u002esightline","_id":"endpoint:clip"}]})"),
        bench.post("/_msearch", "{\"index\":[\".s*\"]}\n{}\n"),
        bench.post("/_bulk", "{\"delete\":{\"_index\":\".sightline\",\"_id\":\"endpoint:clip\"}}\n"),
        bench.get("/%2Esightline/_search")}) {
    CHECK(response.status == 403);
    CHECK(response.body.find("hush") == std::string::npos);
  }
  CHECK(bench.get("/*/_search").status == 200);
  CHECK(bench.get("/_search").status == 200);
}

TEST_CASE("a command in the place of an index is refused, whatever follows it") {
  FrontBench bench;
  bench.set_up();
  const std::string get = R"({"docs":[{"_index":".sightline","_id":"endpoint:clip"}]})";
  const std::string written = "{\"index\":{\"_index\":\"pics\",\"_id\":\"1\"}}\n{\"t\":\"x\"}\n";
  const std::size_t before = bench.store.requests.size();
  for (const char* path : {"/_doc/_mget", "/_foo/_mget", "/%5Fdoc/_mget", "/_source/_msearch",
                           "/_all,.sightline/_search", "/pics,_all/_mapping", "/_all,x", "/_doc/_bulk",
                           "/_search/_bulk", "/_foo/_doc/1", "/_foo/_update/1", "/_foo/_search", "/_foo/_pit"}) {
    CAPTURE(path);
    for (const auto& response : {bench.get(path), bench.post(path, std::string(path).ends_with("bulk") ? written : get),
                                 bench.put(path, get), bench.remove(path)}) {
      CHECK(response.status == 400);
      CHECK(response.body.find("invalid_index_name_exception") != std::string::npos);
    }
  }
  CHECK(bench.store.requests.size() == before);
  for (const char* path : {"/_all/_search", "/_cluster/stats", "/_nodes/_all/stats", "/_data_stream/_stats",
                           "/_snapshot/_status", "/_search/scroll", "/pics,*/_search", "/pics/_doc/_mget"})
    CHECK(bench.get(path).body.find("invalid_index_name_exception") == std::string::npos);
}

TEST_CASE("the index of definitions cannot be reached by another spelling of its name") {
  FrontBench bench;
  bench.put("/_inference/text_embedding/clip", bench.endpoint_body());
  const std::string header = R"({"index":"*","expand_wildcards":["all"]})";
  for (const auto& response :
       {bench.get("/%3C.sightline%3E/_search"), bench.get("/%3C.sight%7Bnow%7B'line'%7D%7D%3E/_search"),
        bench.get("/.sightline::data/_search"), bench.get("/here:.sightline/_search"), bench.get("/.sightline//"),
        bench.get("/_search?index=.sightline"), bench.get("/_count//?index=pics;index=.sightline"),
        bench.put("/_alias/a", R"({"index":".sightline"})"), bench.put("/pics/_alias/a", R"({"index":".sightline"})"),
        bench.post("/_msearch/template", "{\"index\":\".sightline\"}\n{}\n"),
        bench.post("/_msearch", header + "\n{}\n"),
        bench.post("/_msearch?expand_wildcards=open&expand_wildcards=all", "{\"index\":\"*\"}\n{}\n"),
        bench.post("/_sql", R"({"query":"select * from \"\u002esightline\""})"),
        bench.post("/_bulk//?index=.sightline", "{\"index\":{\"_id\":\"1\"}}\n{}\n"),
        bench.post("/_bulk", "{\"index\":{\"_index\":\"<.sightline>\"}}\n{}\n"),
        bench.post("/_bulk", "{/**/\"index\":{\"_index\":\".sightline\"}}\n{}\n")}) {
    CHECK(response.status == 403);
  }
}

TEST_CASE("an index expression without a name means all indices, and is no way to the index of definitions") {
  FrontBench bench;
  bench.put("/_inference/text_embedding/clip", bench.endpoint_body());
  const std::size_t before = bench.store.requests.size();
  for (const char* target :
       {"/,/_search?expand_wildcards=all", "/%2C/_search?expand_wildcards=all", "/,,/_pit?expand_wildcards=all",
        "//_search?expand_wildcards=all", "//_search", "/::data/_search?expand_wildcards=all", "/,",
        "/,::data/_count?expand_wildcards=hidden", "/,/_doc/1"}) {
    CAPTURE(target);
    for (const auto& refused : {bench.get(target), bench.post(target, "{}"), bench.put(target, "{}")}) {
      CHECK(refused.status == 400);
      CHECK(refused.body.find("invalid_index_name_exception") != std::string::npos);
    }
  }
  CHECK(bench.store.requests.size() == before);
  for (const char* header :
       {R"({"index":""})", R"({"index":[]})", R"({"index":[""]})", R"({"index":","})", R"({"index":["",""]})",
        R"({"index":null})", R"({"indices":[]})", R"({"index":"::data"})", R"({"index":["a","*"]})"}) {
    CAPTURE(header);
    CHECK(bench.post("/_msearch?expand_wildcards=all", std::string(header) + "\n{}\n").status == 403);
    const std::string open(header, std::string(header).size() - 1);
    for (const char* expand : {R"(,"expand_wildcards":"all"})", R"(,"expandWildcards":["open","HIDDEN"]})"})
      CHECK(bench.post("/_msearch", open + expand + "\n{}\n").status == 403);
    CHECK(bench.post("/_msearch", std::string(header) + "\n{}\n").status == 200);
  }
  CHECK(bench.post("/_msearch?expand_wildcards=all", "{\"index\":[\"pics\",\"\"]}\n{}\n").status == 200);
  CHECK(bench.get("/_search?index=&expand_wildcards=all").status == 403);
}

TEST_CASE("a search of an _msearch that names no index is one of its path's, with its own hidden indices") {
  FrontBench bench;
  const std::string all = "{\"expand_wildcards\":\"all\"}\n{}\n";
  for (const char* path :
       {"/_msearch", "/*/_msearch", "/_all/_msearch", "/_msearch/template", "/_fleet/_fleet_msearch"})
    CHECK(bench.post(path, all).status == 403);
  for (const char* path : {"/pics/_msearch", "/logs-*/_msearch"}) CHECK(bench.post(path, all).status == 200);
  CHECK(bench.post("/_msearch", "{\"expand_wildcards\":\"open\"}\n{}\n").status == 200);
  CHECK(bench.post("/_msearch?expand_wildcards=all", all).status == 200);  // its path is narrowed
  CHECK(bench.store.requests.back().path == "/*,-.sightline*/_msearch");
}

TEST_CASE("the index of definitions is not reached by a body in the parameter source") {
  FrontBench bench;
  bench.store.is_cluster = true;
  const auto target = [](const std::string& path, const std::string& source, const std::string& type) {
    return path + "source=" + http::percent_encode(source) + "&source_content_type=" + http::percent_encode(type);
  };
  const std::string get = R"({"docs":[{"_index":".sightline","_id":"endpoint:clip"}]})";
  CHECK(bench.get(target("/_mget?", get, "application/json")).status == 403);
  CHECK(bench.get(target("/_mget?", "docs: [{_index: .sightline}]", "application/yaml")).status == 403);
  CHECK(bench.get(target("/_msearch?", "{\"index\":\".s*\"}\n{}\n", "application/x-ndjson")).status == 403);
  CHECK(bench.get("/_mget?%73ource=" + http::percent_encode(get) + "&source_content_type=application/json").status ==
        403);
  CHECK(bench.get(target("/_mget?", R"({"docs":[{"_index":"pics","_id":"1"}]})", "application/json")).status == 200);
}

TEST_CASE("query languages, rank evaluation and the like do not reach the index of definitions by a wildcard") {
  FrontBench bench;
  bench.store.is_cluster = true;
  for (const char* query : {"FROM .s*", "FROM pics,.sight*", "from \\\".*\\\"", "FROM .si*::data | LIMIT 1",
                            "FROM east:.sightlin*", "FROM \\\"<.sight{now/d}>\\\"", "FROM .sightline"}) {
    CAPTURE(query);
    for (const char* path : {"/_query", "/_sql", "/_query/async"})
      CHECK(bench.post(path, "{\"query\":\"" + std::string(query) + "\"}").status == 403);
  }
  CHECK(bench
            .post("/_query",
                  R"({"query":"FROM pics","filter":{"terms":{"u":{"index":".sightline","id":"endpoint:clip",)"
                  R"("path":"config"}}}})")
            .status == 403);
  for (const char* query :
       {"FROM pics | KEEP user.*", "FROM logs* | WHERE a <.5 AND b < 3 AND m RLIKE \\\".*error.*\\\"", "FROM .kibana*",
        "SELECT t.* FROM pics t"}) {
    CAPTURE(query);
    CHECK(bench.post("/_query", "{\"query\":\"" + std::string(query) + "\"}").status == 200);
  }
  const std::string look_up = R"({"terms":{"u":{"index":".sightline","id":"endpoint:clip","path":"config"}}})";
  for (const char* path :
       {"/pics/_eql/search", "/pics/_rank_eval", "/pics/_field_caps", "/pics/_terms_enum", "/pics/_pit"})
    CHECK(bench.post(path, "{\"filter\":" + look_up + "}").status == 403);
  CHECK(bench.post("/_transform/_preview", R"({"source":{"index":".s*"}})").status == 403);
  CHECK(bench.post("/_reindex", R"({"source":{"index":[".s*"]},"dest":{"index":"mine"}})").status == 403);
  CHECK(bench.post("/.s*/_update_by_query", "{}").status != 403);
  CHECK(bench.store.requests.back().path == "/.s*,-.sightline*/_update_by_query");
}

TEST_CASE("no index gets the name of the index of definitions as an alias") {
  FrontBench bench;
  for (const auto& response :
       {bench.put("/foo", R"({"aliases":{".sightline":{}}})"), bench.put("/foo/_alias/.sightline", ""),
        bench.put("/foo/_aliases/%2Esightline", "{}"), bench.post("/_alias/.sightline", R"({"index":"foo"})"),
        bench.post("/_aliases", R"({"actions":[{"add":{"index":"foo","alias":".sightline"}}]})"),
        bench.post("/_aliases", R"({"actions":[{"add":{"index":"foo","aliases":["a","\u002esightline"]}}]})"),
        bench.post("/foo/_rollover", R"({"aliases":{".sightline":{}}})"),
        bench.put("/foo/_clone/bar", R"({"aliases":{".sightline":{}}})"),
        bench.put("/_index_template/t", R"({"index_patterns":["a*"],"template":{"aliases":{".sightline":{}}}})")}) {
    CHECK(response.status == 403);
  }
  for (const auto& response :
       {bench.put("/foo", R"({"aliases":{"pics":{}},"mappings":{"properties":{"alias":{"type":"keyword"}}}})"),
        bench.post("/_aliases", R"({"actions":[{"remove":{"index":"foo","alias":".sightline"}}]})"),
        bench.remove("/foo/_alias/.sightline"), bench.put("/foo/_alias/pics", "")}) {
    CHECK(response.status != 403);
  }
}

TEST_CASE("a body that only a cluster can read is refused if it may spell the index of definitions") {
  FrontBench bench;
  bench.store.is_cluster = true;
  const auto status = [&](const char* path, const std::string& body, const char* type = "application/json") {
    auto request = store_request({}, http::Method::post, path, {}, body);
    request.headers.set("Content-Type", type);
    const auto outcome = bench.front.decide(std::move(request));
    const auto* answer = std::get_if<http::Response>(&outcome);
    return answer ? answer->status : 0;  // 0: left to the cluster
  };
  const std::string named = R"({/**/"docs":[{"_index":".sightline","_id":"endpoint:clip"}]})";
  std::string wide;
  for (const char c : named) wide += c, wide += '\0';
  for (const std::string& body :
       {named, wide, std::string(R"({/**/"docs":[{"_index":".\u0073ight\u006C\u0069ne","_id":"endpoint:clip"}]})"),
        std::string(R"({"docs":[{"_index":"\u002esightline"}],"docs":[]})")}) {
    CAPTURE(body);
    CHECK(status("/_mget", body) == 403);
    CHECK(status("/_aliases", body) == 403);
    CHECK(status("/pics/_search", body) == 403);
  }
  for (const char* header :
       {R"({/**/"index":"*","expand_wildcards":"all"})", R"({/**/"index":"*","expand\u0057ildcards":"all"})",
        R"({/**/"index":"\u002es\u002a"})", R"({/**/"index":"<.sight{now/d}>"})"}) {
    CAPTURE(header);
    CHECK(status("/_msearch", std::string(header) + "\n{}\n") == 403);
    CHECK(status("/_msearch", header, "application/smile") == 403);
  }
  CHECK(status("/_msearch", "{/**/\"index\":\"logs-*\"}\n{\"size\":1.5}\n") == 0);
  for (const char* yaml :
       {"docs: [{_index: \"\\x2esight\\U0000006cine\"}]", "docs: [{_index: \".sight\\\n  line\"}]"}) {
    CAPTURE(yaml);
    CHECK(status("/_mget", yaml, "application/yaml") == 403);
    CHECK(status("/pics/_search", yaml, "application/yaml") == 403);
  }
  CHECK(status("/pics/_search", "query: {match: {text: sightline}}", "application/yaml") == 0);
  for (const char* broken : {R"({"query":{"term":{"k":"caf\u00e9"}})", R"({"k":"\u0073","k":"ightline"})"}) {
    CAPTURE(broken);
    for (const char* path : {"/pics/_search", "/_aliases", "/_mget", "/_msearch"}) CHECK(status(path, broken) != 403);
  }
}

TEST_CASE("a store that reads as the front does tells itself what is wrong in a body") {
  FrontBench bench;
  for (const char* broken :
       {R"({"query":{"term":{"k":"caf\u00e9"}})", R"({"query":{"match":{"k":"where is .sightline"}})",
        R"({"query":1,"query":".sightline"})"}) {
    CAPTURE(broken);
    for (const char* path : {"/pics/_search", "/_aliases", "/_mget"}) CHECK(bench.post(path, broken).status != 403);
  }
  const std::string out_of_range = R"({"n":1e999,"docs":[{"_index":".sightline","_id":"endpoint:clip"}]})";
  CHECK(bench.post("/_mget", out_of_range).status == 403);
  CHECK(bench
            .post("/_mget",
                  "{\"docs\":[\n{\"_index\":\".sightline\",\"_id\":\"endpoint:clip\"},\n{\"_index\":\"x\",\"_id\":"
                  "1e999}\n]}\n")
            .status == 403);
}

TEST_CASE("queries that take something from the index of definitions are refused, and words are not") {
  FrontBench bench;
  bench.put("/_inference/text_embedding/clip", bench.endpoint_body());
  for (const char* query :
       {R"({"terms":{"user":{"index":".sightline","id":"endpoint:clip","path":"config"}}})",
        R"({"terms":{"user":{"index":"\u002esightline","id":"endpoint:clip","path":"config"}}})",
        R"({"bool":{"must":[{"more_like_this":{"like":[{"_index":".sightline","_id":"endpoint:clip"}]}}]}})",
        R"({"percolate":{"field":"q","index":".sightline","id":"endpoint:clip"}})"}) {
    CAPTURE(query);
    for (const char* path : {"/pics/_search", "/_search", "/pics/_count", "/pics/_delete_by_query"})
      CHECK(bench.post(path, "{\"query\":" + std::string(query) + "}").status == 403);
  }
  CHECK(bench.post("/pics/_search", R"({"query":{"match":{"text":"where is the .sightline index? \u00e9"}}})").status ==
        200);
}

TEST_CASE("other names, and wildcards without hidden indices, are not affected") {
  FrontBench bench;
  for (const auto& response :
       {bench.get("/%3Clogs-%7Bnow%2Fd%7D%3E/_search"), bench.get("/logs::data/_search"),
        bench.get("/east:logs/_search"), bench.get("/_search?index=pics"),
        bench.put("/_alias/a", R"({"index":"pics"})"),
        bench.post("/_msearch", "{\"index\":\"*\"}\n{}\n{\"index\":\".kib*\",\"expand_wildcards\":\"all\"}\n{}\n"),
        bench.post("/_sql", R"({"query":"select 1"})")}) {
    CHECK(response.status != 403);
  }
}

TEST_CASE("wildcards that would take in the index of definitions are narrowed, and no others") {
  FrontBench bench;
  const auto seen = [&](const std::string& target) {
    bench.get(target);
    return bench.store.requests.back().path;
  };
  CHECK(seen("/.s*/_search") == "/.s*,-.sightline*/_search");
  CHECK(seen("/*/_stats?expand_wildcards=all") == "/*,-.sightline*/_stats");
  CHECK(seen("/_all/_search?expand_wildcards=open,hidden") == "/*,-.sightline*/_search");
  CHECK(seen("/_search?expand_wildcards=open&expand_wildcards=all") == "/*,-.sightline*/_search");
  CHECK(seen("/_search?expand_wildcards=hidden") == "/*,-.sightline*/_search");
  CHECK(seen("/*?expand_wildcards=all") == "/*,-.sightline*");
  CHECK(seen("/*?expand_wildcards=ALL") == "/*,-.sightline*");
  CHECK(seen("/_all::data/_search?expand_wildcards=all") == "/*%3A%3Adata,-.sightline*/_search");
  CHECK(seen("/%5Fall%3A%3Adata/_stats?expand_wildcards=all") == "/*%3A%3Adata,-.sightline*/_stats");
  CHECK(seen("/_search/template?expand_wildcards=all") == "/*,-.sightline*/_search/template");
  CHECK(seen("/_rank_eval?expand_wildcards=all") == "/*,-.sightline*/_rank_eval");
  CHECK(seen("/_field_caps?fields=*&expand_wildcards=all") == "/*,-.sightline*/_field_caps");
  CHECK(seen("/_search/scroll?expand_wildcards=all") == "/_search/scroll");
  bench.put("/_settings?expand_wildcards=all", R"({"index.blocks.write":true})");
  CHECK(bench.store.requests.back().path == "/*,-.sightline*/_settings");
  CHECK(seen("/*/_search") == "/*/_search");
  CHECK(seen("/_search?expand_wildcards=open") == "/_search");
  CHECK(seen("/pics/_search?expand_wildcards=all") == "/pics/_search");
  CHECK(seen("/_cat/indices?expand_wildcards=all") == "/_cat/indices");
  CHECK(seen("/pics/_doc/.sightline") == "/pics/_doc/.sightline");
}

TEST_CASE("what is none of the front's business is passed on") {
  FrontBench bench;
  CHECK(bench.get("/_cluster/health").body == R"({"passed":"on"})");
  CHECK(bench.get("/_inference/a/b/c").body == R"({"passed":"on"})");
  CHECK(bench.call(http::Method::patch, "/_inference/x").body == R"({"passed":"on"})");
}
