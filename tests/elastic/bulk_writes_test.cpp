// Bulks before a cluster: parts, failures, order, and what is left to the cluster.
#include <doctest/doctest.h>
#include <future>

#include "front_bench.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// A bench before a cluster that has the pipeline `theirs`; `clip` and `embed` are kept by the front.
struct ClusterBench : FrontBench {
  explicit ClusterBench(Upstream::Respond respond = {}) : FrontBench(std::move(respond)) {
    store.is_cluster = true;
    store.own_pipelines = {"theirs"};
    set_up();
  }
  std::vector<http::Request> bulks(const std::string& path = "/_bulk") { return store.seen(path); }
};

std::string line(const std::string& id, const std::string& text, const std::string& more = "") {
  return "{\"index\":{\"_index\":\"pics\",\"_id\":\"" + id + "\"" + more + "}}\n{\"t\":\"" + text + "\"}\n";
}

std::string numbered(int count) {
  std::string body;
  for (int i = 0; i < count; ++i) body += line(std::to_string(i), std::string(static_cast<std::size_t>(i % 7), 'x'));
  return body;
}

/// Answers the n-th bulk (from 0) with `response`.
void answer_bulk(MemoryStore& store, int n, http::Response response) {
  store.instead = [n, response, seen = 0](const http::Request& request) mutable -> std::optional<http::Response> {
    if (!request.path.ends_with("_bulk") || seen++ != n) return {};
    return response;
  };
}

std::string text_at(const rapidjson::Value& item, const char* name) {
  return item["index"][name].GetString();
}

}  // namespace

TEST_CASE("what ran here reaches a cluster with the pipeline _none, and its own pipelines stay with it") {
  ClusterBench bench;
  const auto answer = parsed(bench.post("/_bulk?pipeline=theirs&refresh=true&pretty&filter_path=items",
                                        line("1", "abc", R"(,"pipeline":"embed","if_seq_no":3)") + line("2", "plain") +
                                            line("3", "plain", R"(,"pipeline":"_none")") +
                                            "{\"delete\":{\"_index\":\"pics\",\"_id\":\"4\"}}\n"));
  CHECK(answer["errors"].IsFalse());
  REQUIRE(bench.bulks().size() == 1);
  const auto sent = bench.bulks()[0];
  CHECK(sent.query == "pipeline=theirs&refresh=true");
  CHECK(sent.body ==
        "{\"index\":{\"_index\":\"pics\",\"_id\":\"1\",\"pipeline\":\"_none\",\"if_seq_no\":3}}\n"
        "{\"t\":\"abc\",\"model_id\":\"clip\",\"v\":[3.0,1.0,0.5]}\n" +
            line("2", "plain") + line("3", "plain", R"(,"pipeline":"_none")") +
            "{\"delete\":{\"_index\":\"pics\",\"_id\":\"4\"}}\n");
}

TEST_CASE("a bulk that needs nothing here goes to the cluster as it came, readable or not") {
  ClusterBench bench;
  for (const std::string& body :
       {line("1", "a") + line("2", "b", R"(,"pipeline":"theirs")"), line("1", "a") + "{\"nonsense\":{}}\n{}\n",
        std::string("\x01\x02 no json"), line("1", "a", R"(,"of_later_version":1)")}) {
    CAPTURE(body);
    bench.store.requests.clear();
    bench.post("/_bulk?pipeline=theirs&pretty", body);
    REQUIRE(bench.bulks().size() == 1);
    CHECK(bench.bulks()[0].body == body);
    CHECK(bench.bulks()[0].query == "pipeline=theirs&pretty");
  }
  CHECK(bench.upstream.count() == 1);  // when the endpoint was made
}

TEST_CASE("a bulk without its last newline is refused for that, whatever escapes it holds") {
  ClusterBench bench;
  const auto refused = bench.post("/a/_bulk", "{\"index\":{}}\n{\"t\":\"\\u002esightline\"}");
  CHECK(refused.status == 400);
  CHECK(refused.body.find("must be terminated by a newline") != std::string::npos);
  CHECK(bench.bulks("/a/_bulk").empty());
}

TEST_CASE("an index's pipelines are read once for a whole bulk") {
  ClusterBench bench;
  bench.store.index_settings["pics"] = R"({"default_pipeline":"theirs"})";
  bench.store.indices["pics"];
  bench.post("/_bulk", numbered(1000));
  CHECK(bench.store.seen("/pics/_settings").size() == 1);
  CHECK(bench.bulks().size() == 1);
}

TEST_CASE("a fault in the lines after a document that would go through a pipeline refuses the bulk, unwritten") {
  ClusterBench bench;
  const auto refused = bench.post("/_bulk?pipeline=embed", numbered(300) + "{\"nonsense\":{}}\n{}\n");
  CHECK(refused.status == 400);
  CHECK(reason(refused).find("Malformed action/metadata line [601]") != std::string::npos);
  CHECK(bench.bulks().empty());
}

TEST_CASE("a large bulk is written in parts, in order, and the last of two documents of one id stays") {
  ClusterBench bench;
  std::string body = numbered(200) + line("twice", "first") + numbered(400) + line("twice", "second");
  const auto answer = parsed(bench.post("/pics/_bulk?pipeline=embed&refresh=wait_for", body));
  CHECK(answer["errors"].IsFalse());
  CHECK(answer["items"].Size() == 602);
  CHECK(answer["took"].GetInt() == 15);  // of three parts
  CHECK(answer["ingest_took"].IsInt());
  const auto parts = bench.bulks("/pics/_bulk");
  REQUIRE(parts.size() == 3);
  for (const auto& part : parts) CHECK(part.query == "refresh=wait_for");
  for (rapidjson::SizeType i = 0; i < 200; ++i) CHECK(text_at(answer["items"][i], "_id") == std::to_string(i));
  CHECK(text_at(answer["items"][200], "_id") == "twice");
  for (rapidjson::SizeType i = 0; i < 400; ++i) CHECK(text_at(answer["items"][201 + i], "_id") == std::to_string(i));
  CHECK(bench.store.source("pics", "twice").find("second") != std::string::npos);
}

TEST_CASE("parts stay small where documents are large") {
  ClusterBench bench;
  const std::string picture(700'000, 'p');
  std::string body;
  for (int i = 0; i < 40; ++i) body += line(std::to_string(i), picture);
  const auto answer = parsed(bench.post("/_bulk?pipeline=embed", body));
  CHECK(answer["errors"].IsFalse());
  CHECK(answer["items"].Size() == 40);
  std::size_t largest = 0;
  for (const auto& part : bench.bulks()) largest = std::max(largest, part.body.size());
  CHECK(bench.bulks().size() == 7);  // six documents fill one of 4 MB
  CHECK(largest < (5u << 20));
}

TEST_CASE("documents of the next part are embedded while the store writes one") {
  std::promise<void> of_second_part;
  std::atomic<bool> told = false;
  ClusterBench bench([&](const http::Request& request) {
    if (request.body.find("behind") != std::string::npos && !told.exchange(true)) of_second_part.set_value();
    return Upstream::embed(request);
  });
  bench.timer.advance(std::chrono::milliseconds(1));  // so that the lookups for the first part count for the next
  auto embedded = of_second_part.get_future();
  bool first = true;
  std::future_status status = std::future_status::timeout;
  bench.store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
    if (request.path == "/_bulk" && std::exchange(first, false)) status = embedded.wait_for(std::chrono::seconds(10));
    return {};
  };
  const auto answer = parsed(bench.post("/_bulk?pipeline=embed", numbered(256) + line("b", "behind")));
  CHECK(answer["errors"].IsFalse());
  CHECK(status == std::future_status::ready);
}

TEST_CASE("items of the store's answer are the client's byte by byte") {
  ClusterBench bench;
  const std::string item = R"({"index":{"_id":"1", "_seq_no":90071992547409931234,"x":1.50,"status":201}})";
  http::Response made = json_response(R"({"took":7,"errors":false,"ingest_took":2,"items":[ )" + item + " ]}");
  made.headers.add("Warning", "299 - \"old\"");
  answer_bulk(bench.store, 0, made);
  const auto response = bench.post("/_bulk?pipeline=embed", line("1", "a"));
  CHECK(response.body.ends_with(",\"items\":[" + item + "]}"));
  CHECK(response.body.starts_with("{\"errors\":false,\"took\":7,\"ingest_took\":"));
  CHECK(response.headers.get("Warning") == "299 - \"old\"");
}

TEST_CASE("a first part that is refused whole is the answer to the bulk, as the store gave it") {
  ClusterBench bench;
  http::Response refusal = json_response(R"({"error":{"type":"security_exception","reason":"who"},"status":401})", 401);
  refusal.headers.add("WWW-Authenticate", "Basic");
  answer_bulk(bench.store, 0, refusal);
  const auto response = bench.post("/_bulk?pipeline=embed", numbered(600));
  CHECK(response.status == 401);
  CHECK(response.body == refusal.body);
  CHECK(response.headers.get("WWW-Authenticate") == "Basic");
  CHECK(bench.bulks().size() == 1);
}

TEST_CASE("a later part that is refused fails its own items with that status, and the next is still written") {
  ClusterBench bench;
  answer_bulk(bench.store, 1, ElasticError{429, "es_rejected_execution_exception", "too many operations"}.response());
  const auto response = bench.post("/_bulk?pipeline=embed", numbered(600));
  CHECK(response.status == 200);
  const auto answer = parsed(response);
  CHECK(answer["errors"].IsTrue());
  REQUIRE(answer["items"].Size() == 600);
  CHECK(bench.bulks().size() == 3);
  for (rapidjson::SizeType i = 0; i < 600; ++i) {
    const auto& item = answer["items"][i]["index"];
    const bool refused = i >= 256 && i < 512;
    CHECK(item["_id"].GetString() == std::to_string(i));
    CHECK(item["status"].GetInt() == (refused ? 429 : 201));
    if (refused) CHECK(item["error"]["reason"].GetString() == std::string("too many operations"));
    CHECK(bench.store.source("pics", std::to_string(i)).empty() == refused);
  }
}

TEST_CASE("of a later part that is refused with 400 only the faulty items fail") {
  ClusterBench bench;
  const auto faulty = [](const http::Request& request) {
    return request.body.find("\"_id\":\"300\"") != std::string::npos;
  };
  bench.store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_bulk") || !faulty(request)) return {};
    return ElasticError{400, "illegal_argument_exception", "what is wrong with 300"}.response();
  };
  const auto answer = parsed(bench.post("/_bulk?pipeline=embed", numbered(600)));
  CHECK(answer["errors"].IsTrue());
  REQUIRE(answer["items"].Size() == 600);
  for (rapidjson::SizeType i = 0; i < 600; ++i) {
    const auto& item = answer["items"][i]["index"];
    CHECK(item["_id"].GetString() == std::to_string(i));
    CHECK(item["status"].GetInt() == (i == 300 ? 400 : 201));
    CHECK(bench.store.source("pics", std::to_string(i)).empty() == (i == 300));
  }
  CHECK(answer["items"][300]["index"]["error"]["reason"].GetString() == std::string("what is wrong with 300"));
  CHECK(bench.bulks().size() < 30);
}

TEST_CASE("items without an id are not sent again: a cluster may have written some of what it refuses") {
  ClusterBench bench;
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_bulk") || request.body.find("wrong") == std::string::npos) return {};
    return ElasticError{400, "illegal_argument_exception", "why"}.response();
  };
  const auto nameless = [](const std::string& text) {
    return "{\"index\":{\"_index\":\"pics\"}}\n{\"t\":\"" + text + "\"}\n";
  };
  const auto answer = parsed(bench.post(
      "/_bulk?pipeline=embed", numbered(256) + line("a", "x") + nameless("x") + nameless("wrong") + line("b", "x")));
  REQUIRE(answer["items"].Size() == 260);
  for (const auto& [at, status] : {std::pair(256u, 201), {257u, 400}, {258u, 400}, {259u, 201}})
    CHECK(answer["items"][at]["index"]["status"].GetInt() == status);
  int sent = 0;
  for (const auto& request : bench.bulks()) sent += request.body.find("wrong") != std::string::npos ? 1 : 0;
  CHECK(sent == 1);
}

TEST_CASE("a store that is lost while items are sent again gets no more of them") {
  ClusterBench bench;
  bench.store.instead = [seen = 0](const http::Request& request) mutable -> std::optional<http::Response> {
    if (!request.path.ends_with("_bulk") || ++seen == 1) return {};
    if (seen == 2) return ElasticError{400, "illegal_argument_exception", "why"}.response();
    return ElasticError{502, "connect_exception", "the outcome is not known"}.response();
  };
  const auto answer = parsed(bench.post("/_bulk?pipeline=embed", numbered(900)));
  REQUIRE(answer["items"].Size() == 900);
  CHECK(bench.bulks().size() == 3);
  for (rapidjson::SizeType i = 0; i < 900; ++i)
    CHECK(answer["items"][i]["index"]["status"].GetInt() == (i < 256 ? 201 : 502));
}

TEST_CASE("after the store is lost, no more is sent, and every item has its known result") {
  ClusterBench bench;
  answer_bulk(bench.store, 1, ElasticError{502, "connect_exception", "the outcome is not known"}.response());
  const auto answer = parsed(bench.post("/_bulk?pipeline=embed", numbered(900)));
  REQUIRE(answer["items"].Size() == 900);
  CHECK(bench.bulks().size() == 2);
  CHECK(answer["items"][255]["index"]["status"].GetInt() == 201);
  for (rapidjson::SizeType i = 256; i < 900; ++i) {
    const auto& item = answer["items"][i]["index"];
    CHECK(item["status"].GetInt() == 502);
    CHECK(std::string(item["error"]["reason"].GetString()).starts_with("not sent") == (i >= 512));
  }
}

TEST_CASE("an answer that cannot be read fails the items that it is about") {
  for (const std::string& body : {std::string("<html>"), std::string(R"({"took":1,"errors":false,"items":[]})")}) {
    ClusterBench bench;
    answer_bulk(bench.store, 0, json_response(body));
    const auto answer = parsed(bench.post("/_bulk?pipeline=embed", line("1", "a") + line("2", "bad")));
    CHECK(answer["errors"].IsTrue());
    REQUIRE(answer["items"].Size() == 2);
    CHECK(answer["items"][0]["index"]["status"].GetInt() == 500);
    CHECK(std::string(answer["items"][0]["index"]["error"]["reason"].GetString()).find("not known") !=
          std::string::npos);
    CHECK(answer["items"][1]["index"]["status"].GetInt() == 400);
  }
}

TEST_CASE("an index whose settings the caller may not see is written to all the same") {
  ClusterBench bench;
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (request.path != "/secret/_settings") return {};
    return ElasticError{403, "security_exception", "action is unauthorized"}.response();
  };
  const auto answer = parsed(bench.post(
      "/_bulk?pipeline=embed", line("1", "a") + "{\"index\":{\"_index\":\"secret\",\"_id\":\"2\"}}\n{\"t\":\"a\"}\n"));
  CHECK(answer["items"][0]["index"]["status"].GetInt() == 201);
  CHECK(answer["items"][1]["index"]["status"].GetInt() == 201);
  const auto plain = bench.post("/secret/_bulk", "{\"index\":{\"_id\":\"3\"}}\n{\"t\":\"a\"}\n");
  CHECK(plain.status == 200);
}

TEST_CASE("who may not look at kept pipelines still writes through those of the cluster, but past no final one") {
  ClusterBench bench;
  bench.store.index_settings["pics"] = R"({"default_pipeline":"theirs"})";
  bench.store.index_settings["last"] = R"({"final_pipeline":"embed"})";
  for (const char* index : {"pics", "last"}) bench.store.indices[index];
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.starts_with("/.sightline/")) return {};
    return ElasticError{403, "security_exception", "action is unauthorized"}.response();
  };
  bench.timer.advance(std::chrono::seconds(2));  // what was asked before is forgotten
  bench.put("/pics/_doc/1", R"({"t":"a"})");
  CHECK_FALSE(bench.store.seen("/pics/_doc/1").empty());
  CHECK(bench.put("/last/_doc/1", R"({"t":"a"})").status == 403);
  CHECK(bench.store.seen("/last/_doc/1").empty());
}

TEST_CASE("the first documents of updates in a bulk go through pipelines, changes of documents do not") {
  ClusterBench bench;
  bench.store.index_settings["pics"] = R"({"default_pipeline":"embed"})";
  bench.store.indices["pics"];
  const auto update = [](const std::string& id, const std::string& body, const std::string& more = "") {
    return "{\"update\":{\"_index\":\"pics\",\"_id\":\"" + id + "\"" + more + "}}\n" + body + "\n";
  };
  const std::string plain = update("1", R"({"doc":{"t":"abc"}})");
  const std::string theirs = update("5", R"({"doc":{"t":"abc"},"upsert":{"t":"a"}})", R"(,"pipeline":"theirs")");
  const auto answer = parsed(
      bench.post("/_bulk", plain + update("2", R"({"doc":{"t":"abc"},"upsert":{"t":"a"},"_source":true})") +
                               update("3", R"({"doc":{"t":"ab"},"doc_as_upsert":true})", R"(,"retry_on_conflict":3)") +
                               update("4", R"({"doc":{"t":"bad"},"doc_as_upsert":true})") + theirs));
  CHECK(answer["errors"].IsTrue());
  REQUIRE(answer["items"].Size() == 5);
  CHECK(answer["items"][3]["update"]["status"].GetInt() == 400);
  REQUIRE(bench.bulks().size() == 1);
  CHECK(
      bench.bulks()[0].body ==
      plain +
          update("2", R"({"doc":{"t":"abc"},"_source":true,"upsert":{"t":"a","model_id":"clip","v":[1.0,1.0,0.5]}})",
                 R"(,"pipeline":"_none")") +
          "{\"update\":{\"_index\":\"pics\",\"_id\":\"3\",\"pipeline\":\"_none\",\"retry_on_conflict\":3}}\n"
          R"({"doc":{"t":"ab","model_id":"clip","v":[2.0,1.0,0.5]},"upsert":{"t":"ab","model_id":"clip","v":[2.0,1.0,0.5]}})"
          "\n" +
          theirs);
}

TEST_CASE(
    "a pipeline of the front that is final runs after the first, and a final one of the cluster is left to "
    "it") {
  ClusterBench bench;
  bench.put(
      "/_ingest/pipeline/mark",
      R"({"processors":[{"inference":{"model_id":"clip","input_output":{"input_field":"model_id","output_field":"w"}}}]})");
  bench.store.index_settings["ours"] = R"({"default_pipeline":"embed","final_pipeline":"mark"})";
  bench.store.index_settings["theirs"] = R"({"default_pipeline":"embed","final_pipeline":"theirs"})";
  bench.store.indices["ours"], bench.store.indices["theirs"];
  bench.put("/ours/_doc/1", R"({"t":"abc"})");
  CHECK(bench.store.source("ours", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5],"w":[4.0,1.0,0.5]})");
  bench.put("/theirs/_doc/1", R"({"t":"abc"})");
  CHECK(bench.store.source("theirs", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})");
  for (const char* path : {"/ours/_doc/1", "/theirs/_doc/1"}) {
    REQUIRE(bench.store.seen(path).size() == 1);
    CHECK(bench.store.seen(path)[0].query == "pipeline=_none");
  }
}

// ---- guards

namespace {

/// A cluster with the index `last`, whose final pipeline `embed` is kept by the front.
struct GuardedBench : ClusterBench {
  GuardedBench() {
    store.index_settings["last"] = R"({"final_pipeline":"embed"})";
    store.indices["last"], store.indices["pics"];
  }
};

const std::string k_bypassed =
    "field [sent through the Sightline gateway] not present as part of path [sent through the Sightline "
    "gateway]";

}  // namespace

TEST_CASE("documents that went through a final pipeline here get past its guard, and show no trace of it") {
  GuardedBench bench;
  const std::string embedded = R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})";
  CHECK(bench.put("/last/_doc/1", R"({"t":"abc"})").status == 201);
  CHECK(bench.store.source("last", "1") == embedded);
  CHECK(bench.put("/last/_doc/2", "{}").status == 400);  // no text to embed: the pipeline's own word
  const auto answer = parsed(bench.post("/last/_bulk", "{\"index\":{\"_id\":\"3\"}}\n{\"t\":\"abc\"}\n"));
  CHECK(answer["errors"].IsFalse());
  CHECK(bench.store.source("last", "3") == embedded);
  CHECK(bench.post("/last/_update/1", R"({"doc":{"n":1}})").status == 200);
  CHECK(bench.store.source("last", "1").find("Sightline") == std::string::npos);
}

TEST_CASE("a document without anything in it carries the mark as well") {
  GuardedBench bench;
  bench.put("/_ingest/pipeline/mark", R"({"processors":[{"pipeline":{"name":"embed","ignore_failure":true}}]})");
  bench.store.index_settings["last"] = R"({"final_pipeline":"mark"})";
  CHECK(bench.put("/last/_doc/1", "{}").status == 201);
  CHECK(bench.store.source("last", "1") == "{}");
}

TEST_CASE("in updates of a bulk only what the cluster runs its final pipeline on carries the mark") {
  GuardedBench bench;
  const auto update = [](const std::string& id, const std::string& body, const std::string& pipeline = "") {
    return "{\"update\":{\"_index\":\"last\",\"_id\":\"" + id + "\"" + pipeline + "}}\n" + body + "\n";
  };
  const std::string plain = update("1", R"({"doc":{"t":"abc"}})"), none = R"(,"pipeline":"_none")";
  bench.post("/_bulk", plain + update("2", R"({"doc":{"n":1},"upsert":{"t":"a"}})") +
                           update("3", R"({"doc":{"t":"ab"},"doc_as_upsert":true})"));
  REQUIRE(bench.bulks().size() == 1);
  CHECK(
      bench.bulks()[0].body ==
      plain +
          update(
              "2",
              R"({"doc":{"n":1},"upsert":{"t":"a","model_id":"clip","v":[1.0,1.0,0.5],"sent through the Sightline gateway":true}})",
              none) +
          update(
              "3",
              R"({"doc":{"t":"ab","model_id":"clip","v":[2.0,1.0,0.5]},"upsert":{"t":"ab","model_id":"clip","v":[2.0,1.0,0.5],"sent through the Sightline gateway":true}})",
              none));
}

TEST_CASE("writes that bypass a final pipeline of the gateway fail for all callers") {
  GuardedBench bench;
  const auto direct = store_request({}, http::Method::put, "/last/_doc/1", "", R"({"t":"abc"})");
  CHECK(reason(bench.store.handle(direct)) == k_bypassed);
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("/_settings")) return {};
    return ElasticError{403, "security_exception", "action is unauthorized"}.response();
  };
  bench.timer.advance(std::chrono::seconds(2));
  CHECK(reason(bench.put("/last/_doc/1", R"({"t":"abc"})")) == k_bypassed);
  CHECK(bench.store.source("last", "1").empty());
}

TEST_CASE("who may not look at pipelines writes through a final one all the same") {
  GuardedBench bench;
  bench.store.instead = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.starts_with("/_ingest/")) return {};
    return ElasticError{403, "security_exception", "action is unauthorized"}.response();
  };
  bench.timer.advance(std::chrono::seconds(2));
  CHECK(bench.put("/last/_doc/1", R"({"t":"abc"})").status == 201);
  CHECK(bench.store.source("last", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})");
}

TEST_CASE("a final pipeline that the cluster has one of as well is run by neither") {
  GuardedBench bench;
  bench.store.pipelines["embed"] = R"({"processors":[]})";
  const auto response = bench.put("/last/_doc/1", R"({"t":"abc"})");
  CHECK(response.status == 400);
  CHECK(reason(response).starts_with("the cluster has a pipeline [embed] itself"));
  CHECK(bench.store.source("last", "1").empty());
}

TEST_CASE("a guard that somebody has deleted comes back with the next write") {
  GuardedBench bench;
  bench.store.pipelines.clear();
  CHECK(bench.put("/last/_doc/1", R"({"t":"abc"})").status == 201);
  CHECK(bench.store.source("last", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})");
  CHECK(bench.store.pipelines.at("embed").find("remove") != std::string::npos);
}

TEST_CASE("a final pipeline does not send documents to another index") {
  GuardedBench bench;
  bench.put("/_ingest/pipeline/move",
            R"({"processors":[{"pipeline":{"name":"embed"}},{"set":{"field":"_index","value":"pics"}}]})");
  bench.store.index_settings["last"] = R"({"final_pipeline":"move"})";
  const auto response = bench.put("/last/_doc/1", R"({"t":"abc"})");
  CHECK(response.status == 500);
  CHECK(reason(response) ==
        "final pipeline [move] can't change the target index (from [last] to [pics]) for document [1]");
  CHECK(bench.store.source("pics", "1").empty());
}

TEST_CASE("a body that is not JSON is refused where a pipeline would have to read it") {
  GuardedBench bench;
  const auto send = [&](http::Method method, const std::string& path) {
    auto request = store_request({}, method, path.substr(0, path.find('?')),
                                 path.find('?') == std::string::npos ? "" : path.substr(path.find('?') + 1),
                                 "\xa1"
                                 "at");
    request.headers.set("Content-Type", "application/cbor");
    Outcome outcome = bench.front.decide(std::move(request));
    const auto* response = std::get_if<http::Response>(&outcome);
    return response ? std::to_string(response->status) + " " + reason(*response) : "passed on";
  };
  const std::string refused =
      "406 Content-Type header [application/cbor] is not supported for documents that go through the "
      "pipeline "
      "[embed], which Sightline runs and which reads only JSON; send them as application/json, or as "
      "application/x-ndjson in _bulk";
  CHECK(send(http::Method::put, "/last/_doc/1") == refused);
  CHECK(send(http::Method::post, "/last/_doc") == refused);
  CHECK(send(http::Method::post, "/last/_update/1") == refused);
  CHECK(send(http::Method::post, "/last/_bulk") == refused);
  CHECK(send(http::Method::put, "/pics/_create/1?pipeline=embed") == refused);
  CHECK(send(http::Method::put, "/pics/_doc/1") == "passed on");
  CHECK(send(http::Method::put, "/pics/_doc/1?pipeline=theirs") == "passed on");
  CHECK(send(http::Method::post, "/last/_search") == "passed on");
}
