// What pipelines may make of documents, and how long they may take.
#include <doctest/doctest.h>
#include <string>
#include <thread>

#include "base/cancellation.h"
#include "front_bench.h"
#include "server/elastic/pipelines/processor.h"
#include "server/elastic/rest/json_tape.h"

using namespace sightline;
using namespace sightline::elastic;
using namespace std::chrono_literals;

namespace {

Limits limits_with(std::size_t Limits::*limit, std::size_t value) {
  Limits limits;
  limits.*limit = value;
  return limits;
}

/// `count` times the same processor; `%` in it is the number of the time.
std::string repeated(int count, const std::string& processor) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    std::string one = processor;
    for (std::size_t at = one.find('%'); at != std::string::npos; at = one.find('%'))
      one.replace(at, 1, std::to_string(i));
    list += (i > 0 ? "," : "") + one;
  }
  return "{\"processors\":[" + list + "]}";
}

/// What becomes of a document of 16 letters in the field `a`.
http::Response after(FrontBench& bench, const std::string& pipeline) {
  REQUIRE(bench.put("/_ingest/pipeline/p", pipeline).status == 200);
  return bench.put("/pics/_doc/1?pipeline=p", R"({"a":"0123456789abcdef","o":{"l":"x"}})");
}

IngestDocument document_of(const char* json) {
  rapidjson::Document source;
  source.Parse(json);
  return IngestDocument({"pics", {}, {}}, std::move(source));
}

}  // namespace

TEST_CASE("a document that processors double again and again is refused at its bound") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_document_bytes, 2u << 20));
  for (const char* doubling :
       {R"({"set":{"field":"a","value":"{{a}}{{a}}"}})",
        R"({"set":{"field":"a","value":"{{{a}}}{{{a}}}","media_type":"text/plain"}})",
        R"({"set":{"field":"o.%","copy_from":"o"}})", R"({"set":{"field":"a","value":["{{a}}","{{a}}"]}})"}) {
    CAPTURE(doubling);
    const auto response = after(bench, repeated(22, doubling));
    CHECK(response.status == 400);
    CHECK(reason(response).find("[--elasticsearch-max-pipeline-document-bytes]") != std::string::npos);
  }
}

TEST_CASE("a document within its bound grows as before, and one that came larger may still get a vector") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_document_bytes, 1u << 20));
  CHECK(after(bench, repeated(8, R"({"set":{"field":"a","value":"{{a}}{{a}}"}})")).status == 201);
  bench.set_up();
  const std::string large = R"({"t":"abc","picture":")" + std::string(3u << 20, 'A') + "\"}";
  CHECK(bench.call(http::Method::put, "/pics/_doc/2?pipeline=embed", large).status == 201);
}

TEST_CASE("a template that escapes what it puts in counts what comes out") {
  CHECK(json_size("ab") == 2);
  CHECK(json_size("\"\\\n") == 3 + 1 + 1 + 5);
  FrontBench bench({}, limits_with(&Limits::max_pipeline_document_bytes, 1u << 20));
  const std::string quotes = R"({"a":")" + [] {
    std::string text;
    for (int i = 0; i < 300'000; ++i) text += "\\\"";
    return text;
  }() + "\"}";
  bench.put("/_ingest/pipeline/p", R"({"processors":[{"set":{"field":"b","value":"{{a}}"}}]})");
  const auto response = bench.call(http::Method::put, "/pics/_doc/1?pipeline=p", quotes);
  CHECK(response.status == 400);
  CHECK(reason(response).find("[--elasticsearch-max-pipeline-document-bytes]") != std::string::npos);
}

TEST_CASE("a template computes the size of its result before it builds it") {
  const auto document = document_of(R"({"a":"\"\"\""})");
  const auto quoting = Template::compile("{{a}}");
  REQUIRE(quoting);
  CHECK(quoting->render(document, Encoding::json, 6) == R"(\"\"\")");
  CHECK_FALSE(quoting->render(document, Encoding::json, 5));
  CHECK(quoting->render(document, Encoding::plain, 3) == R"(""")");
  CHECK_FALSE(quoting->render(document, Encoding::plain, 2));
  CHECK_FALSE(Template::compile("abc")->render(document, Encoding::plain, 2));
}

TEST_CASE("a vector is written only where the document has room for it") {
  auto document = document_of(R"({"a":"x"})");
  document.bound({1u << 20, {}});
  const InferenceStep step{"m", {{"a", "v"}}, false};
  CHECK_FALSE(step.write(document, {std::vector<float>(1'000, 0.5F)}));
  const Refusal refusal = step.write(document, {std::vector<float>(100'000, 0.5F)});
  REQUIRE(refusal);
  CHECK(refusal->reason.find("[--elasticsearch-max-pipeline-document-bytes]") != std::string::npos);
}

TEST_CASE("a pipeline that writes a field over and over is charged with little more than the field") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_growth_bytes, 32u << 20));
  bench.put("/_ingest/pipeline/p", repeated(200, R"({"set":{"field":"b","value":"{{a}}"}})"));
  const std::string document = R"({"a":")" + std::string(400'000, 'x') + "\"}";
  CHECK(bench.call(http::Method::put, "/pics/_doc/1?pipeline=p", document).status == 201);
}

TEST_CASE("fields that are written over and over leave no memory behind") {
  auto document = document_of(R"({"a":1})");
  for (int i = 0; i < 200; ++i) {
    auto text = document.text_value(std::string(1u << 20, 'x'));
    REQUIRE(text);
    REQUIRE(!document.set("a", std::move(*text)));
    document.tidy();
  }
  CHECK(document.allocator().Size() < (16u << 20));
  CHECK(document.source()["a"].GetStringLength() == 1u << 20);
  CHECK(document.metadata().index == "pics");
  CHECK(document.has("_ingest.timestamp"));
}

TEST_CASE("what was removed makes room") {
  auto document = document_of(R"({"a":1})");
  document.bound({4u << 20, {}});
  for (int i = 0; i < 20; ++i) {
    auto text = document.text_value(std::string(3u << 20, 'x'));
    REQUIRE(text);
    REQUIRE(!document.set("b", std::move(*text)));
    REQUIRE(!document.remove("b"));
  }
}

TEST_CASE("documents of all requests share what they may grow by, and give it back") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_growth_bytes, 1u << 20));
  bench.put("/_ingest/pipeline/p", repeated(15, R"({"set":{"field":"a","value":"{{a}}{{a}}"}})"));
  std::string bulk;
  for (int i = 0; i < 8; ++i) bulk += "{\"index\":{\"_index\":\"pics\"}}\n{\"a\":\"0123456789\"}\n";
  for (int round = 0; round < 2; ++round) {
    const auto answer = parsed(bench.call(http::Method::post, "/_bulk?pipeline=p", bulk));
    int refused = 0, written = 0;
    for (const auto& item : answer["items"].GetArray()) {
      const int status = item["index"]["status"].GetInt();
      refused += status == 429 ? 1 : 0;
      written += status == 201 ? 1 : 0;
      if (status == 429) {
        const std::string why = item["index"]["error"]["reason"].GetString();
        CHECK(why.find("[--elasticsearch-max-pipeline-growth-bytes]") != std::string::npos);
      }
    }
    CHECK(refused > 0);
    CHECK(written > 0);
    CHECK(refused + written == 8);
  }
}

namespace {

/// A store that says when it is given a bulk, once.
struct WatchedStore : Store {
  explicit WatchedStore(Store& store) : inner(store) {}
  http::Response handle(const http::Request& request) override {
    const auto say = request.path == "/_bulk" ? std::exchange(at_bulk, nullptr) : nullptr;
    if (say) say();
    return inner.handle(request);
  }
  Store& inner;
  std::function<void()> at_bulk;
};

}  // namespace

TEST_CASE("what documents have grown by counts until the store has them") {
  FrontBench bench;
  WatchedStore store(bench.store);
  Front front(store, bench.native, bench.executor, bench.timer, nullptr,
              limits_with(&Limits::max_pipeline_growth_bytes, 1u << 20));
  const auto call = [&](http::Method method, const std::string& path, const std::string& query,
                        const std::string& body) {
    Outcome outcome = front.decide(store_request({}, method, path, query, body));
    if (auto* response = std::get_if<http::Response>(&outcome)) return std::move(*response);
    return store.handle(std::get<http::Request>(outcome));
  };
  call(http::Method::put, "/_ingest/pipeline/p", "", repeated(15, R"({"set":{"field":"a","value":"{{a}}{{a}}"}})"));
  const auto one = [&] { return call(http::Method::put, "/pics/_doc/1", "pipeline=p", R"({"a":"0123456789"})"); };
  CHECK(one().status == 201);
  int meanwhile = 0;
  store.at_bulk = [&] { meanwhile = one().status; };
  const auto bulk =
      call(http::Method::post, "/_bulk", "pipeline=p", "{\"index\":{\"_index\":\"pics\"}}\n{\"a\":\"0123456789\"}\n");
  CHECK(bulk.status == 200);
  CHECK(meanwhile == 429);
  CHECK(one().status == 200);
}

TEST_CASE("a bulk that goes through a pipeline has so many actions at most") {
  FrontBench bench({}, limits_with(&Limits::max_bulk_items, 3));
  bench.put("/_ingest/pipeline/p", R"({"processors":[{"set":{"field":"a","value":1}}]})");
  const std::string action = "{\"index\":{\"_index\":\"pics\"}}\n{}\n";
  CHECK(bench.post("/_bulk?pipeline=p", action + action + action).status == 200);
  const auto refused = bench.post("/_bulk?pipeline=p", action + action + action + action);
  CHECK(refused.status == 413);
  CHECK(reason(refused).find("--elasticsearch-max-bulk-items") != std::string::npos);
}

TEST_CASE("an answer to a bulk does not repeat long errors without end") {
  FrontBench bench;
  bench.put("/_ingest/pipeline/p", R"({"processors":[{"fail":{"message":"{{a}}"}}]})");
  std::string bulk;
  for (int i = 0; i < 2'500; ++i)  // an error quotes 8 kB at most
    bulk += "{\"index\":{\"_index\":\"pics\"}}\n{\"a\":\"" + std::string(9'000, 'x') + "\"}\n";
  const auto answer = bench.post("/_bulk?pipeline=p", bulk);
  CHECK(answer.status == 200);
  CHECK(answer.body.size() < 24u << 20);
  CHECK(answer.body.find("omitted, because the answer is already large") != std::string::npos);
}

TEST_CASE("what an error shows of a text is cut once, however often it is passed on") {
  for (const std::size_t size : {8'100u, 8'192u, 8'193u, 100'000u}) {
    CAPTURE(size);
    const std::string once = shortened(std::string(size, 'x'));
    CHECK(once.size() <= 8'192);
    CHECK(shortened(once) == once);
  }
}

TEST_CASE("nothing is set deeper than JSON may be") {
  auto document = document_of(R"({"a":{"a":1}})");
  std::string deep = "b";
  for (int i = 0; i < rest::k_max_json_depth; ++i) deep += ".b";
  CHECK(document.set(deep, rapidjson::Value(1)));
  CHECK_FALSE(document.has("b"));
  // The innermost object gets a copy of the whole: twice as deep each time.
  std::string path = "a.a";
  std::optional<ElasticError> refusal;
  for (int i = 0; i < 12 && !refusal; ++i) {
    auto copy = document.copy_of(document.source()["a"]);
    REQUIRE(copy);
    const std::string before = path;
    refusal = document.set(path, std::move(*copy));
    path += path.substr(1);
  }
  REQUIRE(refusal);
  CHECK(refusal->reason.find("nested in more than [") != std::string::npos);
}

TEST_CASE("paths and messages that a template makes are bounded") {
  FrontBench bench;
  const std::string large = R"({"a":")" + std::string(70'000, 'x') + "\"}";
  for (const char* processor :
       {R"({"set":{"field":"{{a}}","value":1}})", R"({"remove":{"field":"{{a}}"}})", R"({"fail":{"message":"{{a}}"}})",
        R"({"pipeline":{"name":"{{a}}"}})", R"({"rename":{"field":"a","target_field":"{{a}}"}})"}) {
    CAPTURE(processor);
    bench.put("/_ingest/pipeline/p", "{\"processors\":[" + std::string(processor) + "]}");
    const auto response = bench.call(http::Method::put, "/pics/_doc/1?pipeline=p", large);
    CHECK(response.status == 400);
    CHECK(reason(response).find("[65536] bytes") != std::string::npos);
  }
}

namespace {

/// Pipelines p0, p1, ...: each calls the next twice, the last sets a field.
void put_chain(FrontBench& bench, int length) {
  for (int i = length - 1; i >= 0; --i) {
    const std::string next = R"({"pipeline":{"name":"p)" + std::to_string(i + 1) + "\"}}";
    const std::string list = i + 1 == length ? R"({"set":{"field":"b","value":1}})" : next + "," + next;
    const auto put = bench.put("/_ingest/pipeline/p" + std::to_string(i), "{\"processors\":[" + list + "]}");
    REQUIRE(put.status == 200);
  }
}

}  // namespace

TEST_CASE("a document may take so many steps and no more, whatever would rescue it") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_steps, 1000));
  put_chain(bench, 8);
  CHECK(bench.call(http::Method::put, "/pics/_doc/1?pipeline=p0", "{}").status == 201);
  put_chain(bench, 16);
  bench.put("/_ingest/pipeline/rescued",
            R"({"processors":[{"pipeline":{"name":"p0","ignore_failure":true}},{"set":{"field":"c","value":1}}],)"
            R"("on_failure":[{"set":{"field":"d","value":1}}]})");
  for (const char* pipeline : {"p0", "rescued"}) {
    const auto response = bench.call(http::Method::put, std::string("/pics/_doc/1?pipeline=") + pipeline, "{}");
    CHECK(response.status == 400);
    CHECK(reason(response).find("[--elasticsearch-max-pipeline-steps]") != std::string::npos);
  }
}

TEST_CASE("fields that steps look at and bytes that they copy count as steps") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_steps, 1'000));
  std::string wide = R"({"text":")" + std::string(1u << 20, 'x') + '"';
  for (int i = 0; i < 10'000; ++i) wide += ",\"m" + std::to_string(i) + "\":1";
  wide += '}';
  const std::string names = [] {
    std::string list = "\"n0\"";
    for (int i = 1; i < 2'000; ++i) list += ",\"n" + std::to_string(i) + '"';
    return list;
  }();
  for (const std::string& pipeline :
       {repeated(20, R"({"set":{"field":"a%","value":1}})"),
        repeated(20, R"({"set":{"field":"m0","copy_from":"text"}})"),
        repeated(1, R"({"remove":{"field":[)" + names + R"(],"ignore_missing":true}})")}) {
    REQUIRE(bench.put("/_ingest/pipeline/p", pipeline).status == 200);
    const auto refused = bench.put("/pics/_doc/1?pipeline=p", wide);
    CHECK(refused.status == 400);
    CHECK(reason(refused).find("[--elasticsearch-max-pipeline-steps]") != std::string::npos);
    CHECK(bench.store.source("pics", "1").empty());
    CHECK(bench.put("/pics/_doc/2?pipeline=p", R"({"text":"x","m0":1})").status == 201);
    bench.remove("/pics/_doc/2");
  }
}

TEST_CASE("a document and a list of kept paths may both be long") {
  FrontBench bench;
  std::string document, keep;
  for (int i = 0; i < 40'000; ++i) {
    document += ",\"m" + std::to_string(i) + "\":1";
    keep += ",\"k" + std::to_string(i) + "\"";
  }
  bench.put("/_ingest/pipeline/p", R"({"processors":[{"remove":{"keep":["m7")" + keep + "]}}]}");
  const auto begun = std::chrono::steady_clock::now();
  CHECK(bench.put("/pics/_doc/1?pipeline=p", "{" + document.substr(1) + "}").status == 201);
  CHECK(std::chrono::steady_clock::now() - begun < 15s);  // each with each: minutes
  CHECK(bench.store.source("pics", "1") == R"({"m7":1})");
}

TEST_CASE("a chain of pipelines may be of any length, and a list of missing ones too") {
  FrontBench bench;
  auto& stored = bench.store.indices[".sightline"];
  for (int i = 0; i < 50'000; ++i) {
    const std::string name = "c" + std::to_string(i), next = "c" + std::to_string(i + 1);
    stored["pipeline:" + name] = R"({"kind":"pipeline","name":")" + name +
                                 R"(","config":"{\"processors\":[{\"pipeline\":{\"name\":\")" + next +
                                 R"(\"}}]}","created":1,"modified":1})";
  }
  const auto response = bench.put("/pics/_doc/1?pipeline=c0", R"({"a":1})");
  CHECK(response.status == 500);
  CHECK(reason(response).starts_with("Too many nested pipelines"));
  stored.clear();
  bench.put("/_ingest/pipeline/p", repeated(3'000, R"({"pipeline":{"name":"none%","ignore_missing_pipeline":true}})"));
  const auto before = bench.store.requests.size();
  CHECK(bench.put("/pics/_doc/1?pipeline=p", R"({"a":1})").status == 201);
  CHECK(bench.store.requests.size() - before < 3'100);
}

TEST_CASE("a large document with room left is not looked through for each small value") {
  auto document = document_of(R"({"a":1})");
  document.bound({64u << 20, {}});
  document.allow_steps(200'000);
  auto text = document.text_value(std::string(40u << 20, 'x'));
  REQUIRE(text);
  REQUIRE(!document.set("t", std::move(*text)));
  for (int i = 0; i < 10'000; ++i) {
    auto value = document.text_value("x");
    REQUIRE(value);
    REQUIRE(!document.set("a", std::move(*value)));
    document.tidy();
  }
  CHECK(!document.is_out_of_steps());
}

TEST_CASE("a document on a way without end stops when its request is cancelled") {
  FrontBench bench({}, limits_with(&Limits::max_pipeline_steps, std::size_t(1) << 62));
  put_chain(bench, 99);
  const auto work = std::make_shared<Cancellation>();
  std::thread client([&] {
    std::this_thread::sleep_for(20ms);  // so that it is on its way
    work->cancel(CancelReason::client_left);
  });
  {
    const CancellationScope scope(work);
    CHECK_THROWS_AS(bench.put("/pics/_doc/1?pipeline=p0", "{}"), WorkCancelled);
    CHECK_THROWS_AS(bench.post("/_bulk?pipeline=p0", "{\"index\":{\"_index\":\"pics\"}}\n{}\n"), WorkCancelled);
  }
  client.join();
}
