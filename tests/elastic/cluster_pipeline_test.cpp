// Pipelines of which a cluster runs a part.
#include <doctest/doctest.h>

#include "front_bench.h"
#include "processing_cluster.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// A cluster that runs inference, and has the models "theirs" and no other.
struct InferringCluster final : NativeInference {
  bool on = false;
  bool available(const Caller&) override { return on; }
  Answer<bool> knows(const Caller&, const std::string& id) override { return on && id == "theirs"; }
};

/// The pipelines of a gateway, with all that they need: real HTTP to an inference server, and a cluster.
struct Gateway {
  Gateway()
      : client(std::move(*http::Client::create({}))),
        executor(*client, timer, without_chance()),
        definitions(cluster, timer, native),
        stubs(cluster, timer),
        ingest(definitions, executor, cluster, native),
        api(definitions, ingest, cluster, stubs) {
    api.add_routes(router);
    const std::string endpoint =
        R"({"task_type":"text_embedding","service":"custom","service_settings":{"url":")" + upstream.url() +
        R"(","request":"{\"input\":${input}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},)"
        R"("rate_limit":{"requests_per_minute":2000000000}}})";
    CHECK(*definitions.index().create({}, DefinitionIndex::Kind::endpoint, "clip", {endpoint}));
  }

  http::Response call(http::Method method, const std::string& target, const std::string& body = {}) {
    const auto mark = target.find('?');
    auto request = store_request({}, method, target.substr(0, mark),
                                 mark == std::string::npos ? "" : target.substr(mark + 1), body);
    request.headers.set("Authorization", "Basic bWU=");
    if (auto response = router.try_handle(request)) return *response;
    ++passed_on;
    return cluster.handle(request);
  }
  http::Response put(const std::string& name, const std::string& processors, const std::string& more = "") {
    return call(http::Method::put, "/_ingest/pipeline/" + name,
                "{\"processors\":[" + processors + "]" + more + "}");
  }
  http::Response get(const std::string& target) { return call(http::Method::get, target); }
  bool keeps(const std::string& name) {
    return !cluster.documents.source(std::string(k_definition_index), "pipeline:" + name).empty();
  }

  /// What a pipeline makes of a document: its source, "dropped", or its error.
  std::string outcome(const std::string& pipeline, const std::string& source) {
    rapidjson::Document parsed_source;
    parsed_source.Parse<rapidjson::kParseFullPrecisionFlag>(source.c_str());
    IngestDocument document({"pics", "7", {}}, std::move(parsed_source));
    std::vector<IngestTask> tasks;
    tasks.push_back({&document, pipeline});
    ingest.run({}, tasks);
    if (tasks[0].failure)
      return tasks[0].failure->type + " " + std::to_string(tasks[0].failure->status) + ": " +
             tasks[0].failure->reason;
    return document.dropped ? "dropped" : document.source_json();
  }

  /// The same for a pipeline that is stored first.
  std::string after(const std::string& processors, const std::string& source, const std::string& more = "") {
    const auto response = put("tried", processors, more);
    if (response.status != 200) return "refused: " + reason(response);
    CHECK(keeps("tried"));
    return outcome("tried", source);
  }

  Upstream upstream;
  ManualTimer timer;
  std::unique_ptr<http::Client> client;
  ProcessingCluster cluster;
  InferringCluster native;
  InferenceExecutor executor;
  Definitions definitions;
  PipelineStubs stubs;
  IngestService ingest;
  PipelineApi api;
  rest::Router router;
  int passed_on = 0;
};

const std::string k_embed =
    R"({"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
const std::string k_boom = R"({"x_fail":{"message":"boom","tag":"b"}})";
const std::string k_why =
    R"({"set":{"field":"why","value":"{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_type}}/{{_ingest.on_failure_processor_tag}}/{{_ingest.on_failure_pipeline}}"}})";
const std::string k_vector = R"("model_id":"clip","v":[2.0,1.0,0.5])";

std::string set(const std::string& field, const std::string& more = "", const std::string& type = "x_set") {
  return R"({")" + type + R"(":{"field":")" + field + R"(","value":1)" + more + "}}";
}

}  // namespace

// ---- order

TEST_CASE("processors of the cluster run in their place between those that run here") {
  Gateway gateway;
  CHECK(gateway.after(R"({"x_set":{"field":"t","value":"{{a}}!"}},)" + k_embed +
                          R"(,{"x_rename":{"field":"v","target_field":"w"}},{"remove":{"field":"a"}},)" +
                          set("z"),
                      R"({"a":"x"})") == R"({"t":"x!","model_id":"clip","w":[2.0,1.0,0.5],"z":1})");
  CHECK(gateway.upstream.count() == 1);
}

TEST_CASE("consecutive processors of the cluster go there together") {
  Gateway gateway;
  CHECK(gateway.put("p", set("a") + "," + set("b") + "," + k_embed + "," + set("c")).status == 200);
  const auto before = gateway.cluster.simulations();
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == R"({"t":"hi","a":1,"b":1,)" + k_vector + R"(,"c":1})");
  CHECK(gateway.cluster.simulations() == before + 2);
}

TEST_CASE("what the cluster drops is dropped, and nothing after it runs") {
  Gateway gateway;
  CHECK(gateway.after(R"({"x_drop":{}},)" + k_embed, R"({"t":"hi"})") == "dropped");
  CHECK(gateway.after(k_embed + R"(,{"x_drop":{}})", R"({"t":"hi"})") == "dropped");
  CHECK(gateway.upstream.count() == 1);
}

TEST_CASE("the cluster may move a document, and numbers and texts come back as they went") {
  Gateway gateway;
  const std::string source =
      R"({"t":"hi","long":9007199254740993,"least":-9223372036854775808,"tenth":0.1,"tiny":5e-324,"text":"é\n\u0001\"","none":null,"list":[{"a":[]}]})";
  const std::string same = gateway.after(set("x") + "," + k_embed, source);
  CHECK(same == source.substr(0, source.size() - 1) + R"(,"x":1,)" + k_vector + "}");
  gateway.put("move",
              R"({"x_set":{"field":"_index","value":"other"}},{"x_set":{"field":"_routing","value":"r"}},)" +
                  k_embed);
  rapidjson::Document source_of_one;
  source_of_one.Parse(R"({"t":"hi"})");
  IngestDocument document({"pics", {}, {}}, std::move(source_of_one));
  std::vector<IngestTask> tasks;
  tasks.push_back({&document, "move"});
  gateway.ingest.run({}, tasks);
  CHECK(!tasks[0].failure);
  CHECK(document.metadata().index == "other");
  CHECK(!document.metadata().id);  // the id that simulation invents is not taken over
  CHECK(document.metadata().routing == "r");
}

// ---- failures

TEST_CASE("a failing processor of the cluster fails the document in the cluster's words") {
  Gateway gateway;
  CHECK(gateway.after(k_embed + "," + k_boom, R"({"t":"hi"})") == "fail_processor_exception 500: boom");
  CHECK(gateway.after(R"({"x_remove":{"field":"nope"}},)" + k_embed, R"({"t":"hi"})") ==
        "illegal_argument_exception 400: field [nope] not present as part of path [nope]");
}

TEST_CASE("ignore_failure and on_failure of the cluster's processors go with them") {
  Gateway gateway;
  CHECK(gateway.after(R"({"x_fail":{"message":"m","ignore_failure":true}},)" + k_embed, R"({"t":"hi"})") ==
        R"({"t":"hi",)" + k_vector + "}");
  CHECK(
      gateway.after(
          R"({"x_fail":{"message":"m","tag":"g","on_failure":[{"x_set":{"field":"why","value":"{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_tag}}"}}]}},)" +
              k_embed,
          R"({"t":"hi"})") == R"({"t":"hi","why":"m/g",)" + k_vector + "}");
}

TEST_CASE("a pipeline's list sees which processor of the cluster failed, and what those before it did") {
  Gateway gateway;
  const std::string lost = R"(,"on_failure":[)" + k_why + "]";
  CHECK(gateway.after(set("a") + "," + k_boom + "," + set("c") + "," + k_embed, R"({"t":"hi"})", lost) ==
        R"({"t":"hi","a":1,"why":"boom/x_fail/b/tried"})");
  CHECK(gateway.after(k_embed + "," + k_boom + "," + set("c"), R"({"t":"hi"})", lost) ==
        R"({"t":"hi",)" + k_vector + R"(,"why":"boom/x_fail/b/tried"})");
  CHECK(gateway.after(k_embed, R"({"t":"bad"})", lost).find("bad") != std::string::npos);
}

TEST_CASE("a list that holds inference comes to the rescue of a processor of the cluster") {
  Gateway gateway;
  CHECK(gateway.after(set("a") + R"(,{"x_fail":{"message":"m","tag":"g","on_failure":[)" + k_why + "," +
                          k_embed + "," + set("b") + R"(]}},)" + set("c"),
                      R"({"t":"hi"})") ==
        R"({"t":"hi","a":1,"why":"m/x_fail/g/tried",)" + k_vector + R"(,"b":1,"c":1})");
  CHECK(gateway.after(R"({"x_fail":{"message":"m","ignore_failure":true,"on_failure":[)" + k_embed +
                          R"(]}},)" + set("c"),
                      R"({"t":"hi"})") == R"({"t":"hi","c":1})");
  CHECK(gateway.after(
            R"({"x_fail":{"message":"m","on_failure":[)" + k_embed + "," + k_boom + R"(]}},)" + set("c"),
            R"({"t":"hi"})") == "fail_processor_exception 500: boom");
}

TEST_CASE("a processor of the cluster in a list that runs here is told the failure") {
  Gateway gateway;
  const std::string failing =
      R"({"inference":{"model_id":"clip","tag":"g","input_output":{"input_field":"none","output_field":"v"},"on_failure":[)";
  CHECK(
      gateway.after(
          failing +
              R"({"x_set":{"field":"why","value":"{{{_ingest.on_failure_message}}} {{t}} {{_ingest.on_failure_processor_tag}}"}}]}},)" +
              set("c"),
          R"({"t":"hi"})") ==
      R"({"t":"hi","why":"field [none] not present as part of path [none] hi g","c":1})");
  CHECK(gateway
            .after(failing + R"({"x_set":{"field":"why","copy_from":"_ingest.on_failure_message"}}]}})", "{}")
            .find("can read the failure only as {{_ingest.on_failure_message}}") != std::string::npos);
}

// ---- conditions

TEST_CASE("a condition of a processor that runs here is evaluated by the cluster") {
  Gateway gateway;
  gateway.cluster.scripts["ctx.t != null"] = [](const rapidjson::Value& source) {
    return source.HasMember("t");
  };
  const std::string embed =
      R"({"inference":{"if":"ctx.t != null","model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
  CHECK(gateway.after(embed + "," + set("c"), R"({"t":"hi"})") == R"({"t":"hi",)" + k_vector + R"(,"c":1})");
  CHECK(gateway.after(embed + "," + set("c"), R"({"u":"hi"})") == R"({"u":"hi","c":1})");
  CHECK(gateway.after(R"({"terminate":{"if":"ctx.t != null"}},)" + k_embed, R"({"t":"hi"})") ==
        R"({"t":"hi"})");
  CHECK(gateway.after(set("s", R"(,"if":"ctx.t != null")", "set") + "," + k_embed, R"({"t":"hi"})") ==
        R"({"t":"hi","s":1,)" + k_vector + "}");
}

TEST_CASE("a condition that fails is not caught by its own processor, but by the pipeline") {
  Gateway gateway;
  gateway.cluster.scripts["ctx.x.y"] = [](const rapidjson::Value&) { return true; };
  const std::string embed =
      R"({"inference":{"if":"ctx.x.y","tag":"g","ignore_failure":true,"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
  CHECK(gateway.put("p", embed, R"(,"on_failure":[)" + k_why + "]").status == 200);
  gateway.cluster.on_request = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_simulate")) return {};
    return json_response(
        R"({"docs":[{"error":{"root_cause":[],"type":"script_exception","reason":"runtime error",)"
        R"("caused_by":{"type":"null_pointer_exception","reason":"y of null"}}}]})");
  };
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == R"({"t":"hi","why":"y of null/conditional/g/p"})");
  CHECK(gateway.put("q", embed).status == 200);
  CHECK(gateway.outcome("q", R"({"t":"hi"})") == "script_exception 400: runtime error");
}

// ---- pipelines in pipelines

TEST_CASE("pipelines call each other, whoever keeps them") {
  Gateway gateway;
  CHECK(gateway.put("theirs", set("a") + "," + set("b", R"(,"tag":"later")")).status == 200);
  CHECK(!gateway.keeps("theirs"));
  CHECK(gateway.put("own", k_embed).status == 200);
  CHECK(gateway.after(
            R"({"pipeline":{"name":"theirs"}},{"pipeline":{"name":"own"}},{"pipeline":{"name":"{{which}}"}})",
            R"({"t":"hi","which":"theirs"})") ==
        R"({"t":"hi","which":"theirs","a":1,"b":1,)" + k_vector + "}");
  CHECK(gateway.after(k_embed + R"(,{"pipeline":{"name":"nope","tag":"n"}},)" + set("c"), R"({"t":"hi"})") ==
        "illegal_state_exception 500: Pipeline processor configured for non-existent pipeline [nope]");
  CHECK(gateway.after(k_embed + R"(,{"pipeline":{"name":"nope","ignore_missing_pipeline":true}},)" + set("c"),
                      R"({"t":"hi"})") == R"({"t":"hi",)" + k_vector + R"(,"c":1})");
  CHECK(gateway.after(R"({"pipeline":{"name":"own","on_failure":[)" + k_why + R"(]}})", R"({"t":"bad"})")
            .find("/inference/") != std::string::npos);
}

TEST_CASE("a pipeline of the cluster's runs there, for a write that has one of both kinds") {
  Gateway gateway;
  CHECK(gateway.put("theirs", set("a")).status == 200);
  CHECK(gateway.outcome("theirs", "{}") == R"({"a":1})");
  CHECK(gateway.outcome("nope", "{}") ==
        "illegal_argument_exception 400: pipeline with id [nope] does not exist");
}

// ---- what is kept where

TEST_CASE("pipelines without inference are the cluster's, in its own words") {
  Gateway gateway;
  CHECK(gateway.put("plain", set("a")).status == 200);
  CHECK(!gateway.keeps("plain"));
  CHECK(gateway.passed_on == 1);
  CHECK(reason(gateway.put("wrong", R"({"grok":{}})")) == "No processor type exists with name [grok]");
  CHECK(reason(gateway.call(http::Method::put, "/_ingest/pipeline/broken", "{")).find("Unexpected") !=
        std::string::npos);
  CHECK(gateway.passed_on == 3);
}

TEST_CASE("what the cluster does not accept of a pipeline that is kept here is refused in its words") {
  Gateway gateway;
  CHECK(reason(gateway.put("p", k_embed + R"(,{"grok":{"tag":"g"}})")) ==
        "No processor type exists with name [grok]");
  CHECK(
      reason(gateway.put(
          "p",
          R"({"inference":{"model_id":"clip","if":"nonsense","input_output":{"input_field":"t","output_field":"v"}}})")) ==
      "compile error");
  CHECK(reason(gateway.put("p", k_embed, R"(,"on_failure":[{"set":{"field":"a"}}])")) ==
        "[value] required property is missing");
  CHECK(reason(gateway.put("p", R"({"inference":{"model_id":"clip"}})"))
            .starts_with("[clip] is configured for the _inference API"));
  CHECK(reason(gateway.put("p", k_embed + R"(,{"reroute":{}})")).starts_with("[reroute] cannot stand"));
  CHECK(reason(gateway.put("p", R"({"foreach":{"field":"l","processor":)" + k_embed + "}}"))
            .starts_with("[foreach] cannot repeat"));
  CHECK(!gateway.keeps("p"));
}

TEST_CASE("models of a cluster that can do inference are left to it") {
  Gateway gateway;
  gateway.native.on = true;
  const std::string theirs =
      R"({"inference":{"model_id":"theirs","input_output":{"input_field":"t","output_field":"v"}}})";
  gateway.put("p", theirs);
  CHECK(!gateway.keeps("p"));
  CHECK(gateway.passed_on == 1);
  CHECK(gateway.put("q", k_embed).status == 200);
  CHECK(gateway.keeps("q"));
}

TEST_CASE("lists show both kinds, and the last that was stored counts") {
  Gateway gateway;
  gateway.put("plain", set("a"));
  gateway.put("own", k_embed);
  auto both = parsed(gateway.get("/_ingest/pipeline"));
  CHECK(both.MemberCount() == 2);
  CHECK(both["plain"]["processors"].Size() == 1);
  CHECK(both["own"]["processors"][0].HasMember("inference"));
  CHECK(gateway.get("/_ingest/pipeline?summary=true").body.find("inference") == std::string::npos);
  CHECK(parsed(gateway.get("/_ingest/pipeline/own")).MemberCount() == 1);
  CHECK(parsed(gateway.get("/_ingest/pipeline/pl*,own")).MemberCount() == 2);
  CHECK(parsed(gateway.get("/_ingest/pipeline/plain")).HasMember("plain"));
  CHECK(gateway.get("/_ingest/pipeline/nope").status == 404);

  CHECK(reason(gateway.put("plain", k_embed)).starts_with("the cluster has a pipeline [plain] of its own"));
  CHECK(gateway.put("own", set("a")).status == 200);
  CHECK(!gateway.keeps("own"));
  CHECK(parsed(gateway.get("/_ingest/pipeline/own"))["own"]["processors"][0].HasMember("set"));
}

TEST_CASE("a change that the cluster refuses leaves the pipeline that is kept here") {
  Gateway gateway;
  gateway.put("own", k_embed);
  CHECK(gateway.put("own", R"({"grok":{}})").status == 400);
  CHECK(gateway.keeps("own"));
}

TEST_CASE("pipelines are deleted where they are") {
  Gateway gateway;
  const auto remove = [&](const std::string& id) {
    return gateway.call(http::Method::delete_, "/_ingest/pipeline/" + id);
  };
  gateway.put("plain", set("a"));
  gateway.put("own", k_embed);
  gateway.put("own2", k_embed);
  CHECK(remove("plain").status == 200);
  CHECK(gateway.get("/_ingest/pipeline/plain").status == 404);
  CHECK(remove("own*").status == 200);
  CHECK(!gateway.keeps("own"));
  CHECK(!gateway.keeps("own2"));
  CHECK(remove("own").status == 404);
}

namespace {

/// The first processor of what stands in the cluster; "none" if nothing does, "empty" if it has no processor.
std::string stand_in(Gateway& gateway, const std::string& name) {
  const auto all =
      parsed(gateway.cluster.handle(store_request({}, http::Method::get, "/_ingest/pipeline/" + name)));
  if (!all.HasMember(name.c_str())) return "none";
  const auto& processors = all[name.c_str()]["processors"];
  return processors.Empty() ? "empty" : processors[0].MemberBegin()->name.GetString();
}

/// Answers every request to put a pipeline into the cluster.
void answer_puts(Gateway& gateway, const ElasticError& error) {
  gateway.cluster.on_request = [error](const http::Request& request) -> std::optional<http::Response> {
    const bool puts = request.method == http::Method::put && request.path.starts_with("/_ingest/pipeline/");
    return puts ? std::optional(error.response()) : std::nullopt;
  };
}

}  // namespace

TEST_CASE("a pipeline that is kept here has a guard in the cluster, which nobody is shown") {
  Gateway gateway;
  const auto response = gateway.put("own", k_embed);
  CHECK(response.status == 200);
  CHECK_FALSE(response.headers.get("Warning"));
  CHECK(stand_in(gateway, "own") == "remove");
  CHECK(
      std::string(
          parsed(gateway.get("/_ingest/pipeline"))["own"]["processors"][0].MemberBegin()->name.GetString()) ==
      "inference");
  CHECK(gateway.put("own", k_embed + "," + set("a")).status == 200);
  CHECK(gateway.call(http::Method::delete_, "/_ingest/pipeline/own").status == 200);
  CHECK(stand_in(gateway, "own") == "none");
}

TEST_CASE("a guard that was not there when the pipeline was stored comes when it is stored again") {
  Gateway gateway;
  answer_puts(gateway, {400, "parse_exception", "No processor type exists with name [remove]"});
  const auto response = gateway.put("own", k_embed);
  CHECK(response.status == 200);
  REQUIRE(response.headers.get("Warning"));
  CHECK(response.headers.get("Warning")->find("final_pipeline") != std::string_view::npos);
  CHECK(stand_in(gateway, "own") == "none");
  gateway.cluster.on_request = {};
  gateway.timer.advance(std::chrono::milliseconds(1));
  CHECK(*gateway.stubs.ensure({}, "own", false) == PipelineStubs::InCluster::empty);
  const auto requests = gateway.cluster.ingest_requests.size();
  CHECK(*gateway.stubs.ensure({}, "own", false) == PipelineStubs::InCluster::empty);
  CHECK(gateway.cluster.ingest_requests.size() == requests);
  CHECK(stand_in(gateway, "own") == "empty");
  CHECK_FALSE(gateway.put("own", k_embed).headers.get("Warning"));
  CHECK(stand_in(gateway, "own") == "remove");
  CHECK(*gateway.stubs.ensure({}, "own", true) == PipelineStubs::InCluster::guard);
}

TEST_CASE("a pipeline is not kept while the cluster cannot say whether it takes the guard") {
  Gateway gateway;
  answer_puts(gateway, {503, "master_not_discovered_exception", "no master"});
  CHECK(gateway.put("own", k_embed).status == 503);
  CHECK_FALSE(gateway.keeps("own"));
}

TEST_CASE("a pipeline that is refused leaves no guard behind, and one that the cluster has is left alone") {
  Gateway gateway;
  CHECK(
      gateway
          .call(http::Method::put, "/_ingest/pipeline/own?if_version=1", "{\"processors\":[" + k_embed + "]}")
          .status == 400);
  CHECK(stand_in(gateway, "own") == "none");
  gateway.put("plain", set("a"));
  CHECK(*gateway.stubs.ensure({}, "plain", true) == PipelineStubs::InCluster::pipeline);
  CHECK(reason(gateway.put("plain", k_embed)).starts_with("the cluster has a pipeline [plain] of its own"));
  CHECK(!gateway.stubs.remove({}, "plain"));
  CHECK(gateway.get("/_ingest/pipeline/plain").status == 200);
}

// ---- versions and parameters

TEST_CASE("if_version is compared with the version of a pipeline that is kept here, and counts it up") {
  Gateway gateway;
  const auto put = [&](const std::string& if_version, const std::string& more = "") {
    const auto response = gateway.call(http::Method::put, "/_ingest/pipeline/p?if_version=" + if_version,
                                       "{\"processors\":[" + k_embed + "]" + more + "}");
    return response.status == 200 ? "ok" : std::to_string(response.status) + " " + reason(response);
  };
  const auto version = [&] {
    const auto shown = parsed(gateway.get("/_ingest/pipeline/p"));
    return shown["p"].HasMember("version") ? shown["p"]["version"].GetInt() : 0;
  };
  CHECK(put("1") == "400 version conflict, required version [1] for pipeline [p] but no pipeline was found");
  CHECK(gateway.put("p", k_embed).status == 200);
  CHECK(put("1") ==
        "400 version conflict, required version [1] for pipeline [p] but current version is [null]");
  CHECK(gateway.put("p", k_embed, R"(,"version":3)").status == 200);
  CHECK(put("2") == "400 version conflict, required version [2] for pipeline [p] but current version is [3]");
  CHECK(put("3", R"(,"version":3)") == "400 cannot update pipeline [p] with the same version [3]");
  CHECK(version() == 3);
  CHECK(put("3") == "ok");
  CHECK(version() == 4);
  CHECK(put("4", R"(,"version":9)") == "ok");
  CHECK(version() == 9);
  CHECK(put("x") == "400 invalid value [x] specified for [if_version]. must be an integer value");
  CHECK(gateway.passed_on == 0);
}

TEST_CASE(
    "a parameter that is not known here is refused for pipelines kept here, and left to the cluster for its "
    "own") {
  Gateway gateway;
  gateway.put("own", k_embed);
  gateway.put("plain", set("a"));
  gateway.passed_on = 0;
  const std::string own = "{\"processors\":[" + k_embed + "]}", plain = "{\"processors\":[" + set("a") + "]}";
  const auto refused = [&](http::Method method, const std::string& target, const std::string& body = "") {
    const auto response = gateway.call(method, target + "?new=1", body);
    return reason(response) == "request [" + target + "] contains unrecognized parameter: [new]" &&
           gateway.passed_on == 0;
  };
  CHECK(refused(http::Method::put, "/_ingest/pipeline/own", own));
  CHECK(refused(http::Method::get, "/_ingest/pipeline/own"));
  CHECK(refused(http::Method::get, "/_ingest/pipeline"));
  CHECK(refused(http::Method::delete_, "/_ingest/pipeline/own"));
  CHECK(refused(http::Method::delete_, "/_ingest/pipeline/o*"));
  CHECK(refused(http::Method::post, "/_ingest/pipeline/own/_simulate", R"({"docs":[]})"));
  CHECK(gateway.keeps("own"));
  gateway.call(http::Method::put, "/_ingest/pipeline/plain?new=1", plain);
  gateway.call(http::Method::get, "/_ingest/pipeline/plain?new=1");
  gateway.call(http::Method::delete_, "/_ingest/pipeline/plain?new=1");
  gateway.call(http::Method::post, "/_ingest/pipeline/plain/_simulate?new=1", R"({"docs":[]})");
  CHECK(gateway.passed_on == 4);
}

// ---- trying out

TEST_CASE("pipelines are tried out where they run") {
  Gateway gateway;
  gateway.put("plain", set("a"));
  gateway.put("own", k_embed + "," + k_boom);
  const std::string docs = R"("docs":[{"_source":{"t":"hi"}}])";
  const auto simulate = [&](const std::string& target, const std::string& body) {
    return gateway.call(http::Method::post, "/_ingest/pipeline" + target, "{" + body + docs + "}");
  };
  CHECK(simulate("/own/_simulate", "").body.find("boom") != std::string::npos);
  CHECK(simulate("/_simulate", R"("pipeline":{"processors":[)" + k_embed + "]},").body.find(k_vector) !=
        std::string::npos);
  CHECK(gateway.passed_on == 1);
  CHECK(simulate("/plain/_simulate", "").body.find(R"("a":1)") != std::string::npos);
  CHECK(simulate("/_simulate", R"("pipeline":{"processors":[)" + set("z") + "]},").body.find(R"("z":1)") !=
        std::string::npos);
  CHECK(gateway.passed_on == 3);
  CHECK(reason(simulate("/own/_simulate?verbose=true", "")).starts_with("[verbose] is not supported"));
  CHECK(reason(simulate("/_simulate", R"("pipeline":{"processors":[)" + k_embed + R"(,{"grok":{}}]},)")) ==
        "No processor type exists with name [grok]");
}

// ---- many at once, and the end

TEST_CASE("steps of many documents are with the cluster at once, as the caller, and no more than a few") {
  Gateway gateway;
  CHECK(gateway.put("p", set("a") + "," + k_embed).status == 200);
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0, most = 0;
  bool open = false, as_caller = true;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_simulate")) return {};
    std::unique_lock lock(mutex);
    as_caller = as_caller && request.headers.get("Authorization") == "Basic bWU=";
    most = std::max(most, ++waiting);
    open = open || waiting == 16;
    changed.notify_all();
    CHECK(changed.wait_for(lock, std::chrono::seconds(10), [&] { return open; }));
    --waiting;
    return {};
  };
  std::vector<std::unique_ptr<IngestDocument>> documents;
  std::vector<IngestTask> tasks;
  for (int i = 0; i < 100; ++i) {
    rapidjson::Document source;
    source.Parse((R"({"t":")" + std::string(static_cast<std::size_t>(i + 1), 'x') + "\"}").c_str());
    documents.push_back(
        std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", {}, {}}, std::move(source)));
    tasks.push_back({documents.back().get(), "p"});
  }
  Caller caller;
  caller.headers.add("Authorization", "Basic bWU=");
  gateway.ingest.run(caller, tasks);
  CHECK(most == 16);
  CHECK(as_caller);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(!tasks[i].failure);
    CHECK(documents[i]->source()["v"][0].GetDouble() == static_cast<double>(i + 1));
    CHECK(documents[i]->source()["a"].GetInt() == 1);
  }
}

TEST_CASE("a cluster that refuses, breaks off or talks nonsense fails the documents, and no answer is lost") {
  Gateway gateway;
  CHECK(gateway.put("p", set("a") + "," + k_embed).status == 200);
  http::Response answer;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    return request.path.ends_with("_simulate") ? std::optional(answer) : std::nullopt;
  };
  answer = ElasticError{403, "security_exception", "not allowed"}.response();
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == "security_exception 403: not allowed");
  for (const char* nonsense :
       {"", "{", "[]", R"({"docs":[]})", R"({"docs":[{}]})", R"({"docs":[{"doc":{"_source":[]}}]})",
        R"({"docs":["a"]})", R"({"docs":[{"doc":{"_index":"i"}}]})"}) {
    answer = json_response(nonsense);
    CHECK(gateway.outcome("p", R"({"t":"hi"})").starts_with("exception 502: the cluster's answer"));
  }
  gateway.cluster.on_request = [](const http::Request& request) -> std::optional<http::Response> {
    if (request.path.ends_with("_simulate")) throw std::runtime_error("a fault");
    return {};
  };
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == "exception 500: a fault of this server: a fault");
}

TEST_CASE("a document whose pipeline throws fails alone, on whichever thread that is") {
  Gateway gateway;
  const auto throwing = [](auto... first) {
    Pipeline pipeline;
    pipeline.id = "p";
    (pipeline.processors.push_back(first), ...);
    auto& last = pipeline.processors.emplace_back();
    last.step = DocumentStep([](IngestDocument&) -> Refusal { throw std::bad_alloc(); });
    return std::make_shared<const Pipeline>(std::move(pipeline));
  };
  Processor embed, look_up;
  embed.step = InferenceStep{"clip", {{"t", "v"}}};
  look_up.type = "pipeline";
  look_up.step = PipelineStep{*Template::compile("{{t}}"), true};
  CHECK(gateway.put("embed", k_embed).status == 200);
  std::vector<std::unique_ptr<IngestDocument>> documents;
  std::vector<IngestTask> tasks;
  for (const auto& pipeline :
       {throwing(), throwing(embed), throwing(look_up), std::shared_ptr<const Pipeline>()}) {
    rapidjson::Document source;
    source.Parse(R"({"t":"embed"})");
    documents.push_back(
        std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", "7", {}}, std::move(source)));
    tasks.push_back({documents.back().get(), "embed", pipeline});
  }
  gateway.ingest.run({}, tasks);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    REQUIRE(tasks[i].failure);
    CHECK(tasks[i].failure->reason == "a fault of this server: std::bad_alloc");
  }
  CHECK_FALSE(tasks[3].failure);
  CHECK(documents[3]->source_json() == R"({"t":"embed","model_id":"clip","v":[5.0,1.0,0.5]})");
}

TEST_CASE("a pipeline that is absurdly long is refused, unless it is the cluster's") {
  Gateway gateway;
  std::string list = set("a");
  for (int i = 0; i < 10'000; ++i) list += "," + set("a");
  const auto response = gateway.put("long", list + "," + k_embed);
  CHECK(response.status == 400);
  CHECK(reason(response).starts_with("pipeline [long] has 10002 processors, and this server takes 10000"));
  CHECK_FALSE(gateway.keeps("long"));
  CHECK(gateway.passed_on == 0);
  gateway.put("long", list);
  CHECK(gateway.passed_on == 1);
}

TEST_CASE("steps that wait when the server stops fail, and those that run go on") {
  Gateway gateway;
  CHECK(gateway.put("p", set("a") + "," + k_embed).status == 200);
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool open = false;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_simulate")) return {};
    std::unique_lock lock(mutex);
    if (++waiting == 16) {
      gateway.ingest.shut_down();
      open = true;
      changed.notify_all();
    }
    changed.wait(lock, [&] { return open; });
    return {};
  };
  std::vector<std::unique_ptr<IngestDocument>> documents;
  std::vector<IngestTask> tasks;
  for (int i = 0; i < 40; ++i) {
    rapidjson::Document source;
    source.Parse(R"({"t":"hi"})");
    documents.push_back(
        std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", {}, {}}, std::move(source)));
    tasks.push_back({documents.back().get(), "p"});
  }
  gateway.ingest.run({}, tasks);
  int done = 0, stopped = 0;
  for (const auto& task : tasks) {
    done += task.failure ? 0 : 1;
    stopped += task.failure && task.failure->status == 503 ? 1 : 0;
  }
  CHECK(done == 16);
  CHECK(stopped == 24);
}
