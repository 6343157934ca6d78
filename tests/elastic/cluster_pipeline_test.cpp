// Pipelines of which a cluster runs a part.
#include <doctest/doctest.h>

#include "base/json/writer.h"
#include "pipeline_bench.h"

using namespace sightline;
using namespace sightline::elastic;

// ---- order

TEST_CASE("processors of the cluster run in their place between those that run here") {
  PipelineBench gateway;
  CHECK(gateway.after(R"({"x_set":{"field":"t","value":"{{a}}!"}},)" + k_embed +
                          R"(,{"x_rename":{"field":"v","target_field":"w"}},{"remove":{"field":"a"}},)" + set("z"),
                      R"({"a":"x"})") == R"({"t":"x!","model_id":"clip","w":[2.0,1.0,0.5],"z":1})");
  CHECK(gateway.upstream.count() == 1);
}

TEST_CASE("consecutive processors of the cluster go there together") {
  PipelineBench gateway;
  CHECK(gateway.put("p", set("a") + "," + set("b") + "," + k_embed + "," + set("c")).status == 200);
  const auto before = gateway.cluster.simulations();
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == R"({"t":"hi","a":1,"b":1,)" + k_vector + R"(,"c":1})");
  CHECK(gateway.cluster.simulations() == before + 2);
}

TEST_CASE("what the cluster drops is dropped, and nothing after it runs") {
  PipelineBench gateway;
  CHECK(gateway.after(R"({"x_drop":{}},)" + k_embed, R"({"t":"hi"})") == "dropped");
  CHECK(gateway.after(k_embed + R"(,{"x_drop":{}})", R"({"t":"hi"})") == "dropped");
  CHECK(gateway.upstream.count() == 1);
}

TEST_CASE("the cluster may move a document, and numbers and texts come back as they went") {
  PipelineBench gateway;
  const std::string source =
      R"({"t":"hi","long":9007199254740993,"least":-9223372036854775808,"tenth":0.1,"tiny":5e-324,"text":"é\n\u0001\"","none":null,"list":[{"a":[]}]})";
  const std::string same = gateway.after(set("x") + "," + k_embed, source);
  CHECK(same == source.substr(0, source.size() - 1) + R"(,"x":1,)" + k_vector + "}");
  gateway.put("move",
              R"({"x_set":{"field":"_index","value":"other"}},{"x_set":{"field":"_routing","value":"r"}},)" + k_embed);
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

TEST_CASE("what processors set below _ingest goes to the cluster and comes back") {
  PipelineBench gateway;
  CHECK(gateway.after(R"({"set":{"field":"_ingest.mine.a","value":"h{{t}}"}},)"
                      R"({"x_set":{"field":"b","copy_from":"_ingest.mine"}},)"
                      R"({"x_set":{"field":"_ingest.theirs","value":[1,"x"]}},)" +
                          k_embed +
                          R"(,{"set":{"field":"c","copy_from":"_ingest.theirs"}},)"
                          R"({"x_set":{"field":"d","value":"{{_ingest.mine.a}}{{_ingest.theirs.1}}"}})",
                      R"({"t":"hi"})") == R"({"t":"hi","b":{"a":"hhi"},)" + k_vector + R"(,"c":[1,"x"],"d":"hhix"})");
  CHECK(gateway.after(R"({"set":{"field":"_ingest.mine","value":1}},{"x_remove":{"field":"_ingest.mine"}},)" + k_embed +
                          R"(,{"set":{"field":"c","copy_from":"_ingest.mine"}})",
                      R"({"t":"hi"})") ==
        "illegal_argument_exception 400: field [mine] not present as part of path [_ingest.mine]");
  gateway.put("p", R"({"set":{"field":"_ingest.mine","copy_from":"raw"}},)" + set("a") + "," + k_embed);
  gateway.outcome("p", R"({"t":"hi","raw":{"k{{t}}":"{{t}}"}})");
  const std::string sent = gateway.cluster.ingest_requests.back().body;
  CHECK(sent.find(R"("field":"_ingest.mine")") != std::string::npos);
  CHECK(sent.find(R"("value":{"k{{=<% %>=}}{{<%={{ }}=%>t}}":"{{=<% %>=}}{{<%={{ }}=%>t}}"})") != std::string::npos);
}

TEST_CASE("a document whose version a processor of the cluster sets fails instead of losing it") {
  PipelineBench gateway;
  CHECK(gateway.put("p", set("a") + "," + k_embed).status == 200);
  std::string metadata;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_simulate")) return {};
    return json_response(R"({"docs":[{"doc":{"_index":"pics","_id":"7",)" + metadata +
                         R"("_source":{"t":"hi"},"_ingest":{"timestamp":"x"}}}]})");
  };
  for (const char* none : {"", R"("_version":"-3",)", R"("_version":-3,"_version_type":null,)"}) {
    metadata = none;
    CHECK(gateway.outcome("p", R"({"t":"hi"})") == R"({"t":"hi",)" + k_vector + "}");
  }
  for (const char* name : {"_version", "_version_type", "_if_seq_no", "_if_primary_term", "_dynamic_templates"}) {
    metadata = "\"" + std::string(name) + R"(":"7",)";
    CHECK(gateway.outcome("p", R"({"t":"hi"})")
              .starts_with("illegal_argument_exception 400: a processor of the cluster has set [" + std::string(name) +
                           "]"));
  }
}

// ---- failures

TEST_CASE("a failing processor of the cluster fails the document in the cluster's words") {
  PipelineBench gateway;
  CHECK(gateway.after(k_embed + "," + k_boom, R"({"t":"hi"})") == "fail_processor_exception 500: boom");
  CHECK(gateway.after(R"({"x_remove":{"field":"nope"}},)" + k_embed, R"({"t":"hi"})") ==
        "illegal_argument_exception 400: field [nope] not present as part of path [nope]");
}

TEST_CASE("ignore_failure and on_failure of the cluster's processors go with them") {
  PipelineBench gateway;
  CHECK(gateway.after(R"({"x_fail":{"message":"m","ignore_failure":true}},)" + k_embed, R"({"t":"hi"})") ==
        R"({"t":"hi",)" + k_vector + "}");
  CHECK(
      gateway.after(
          R"({"x_fail":{"message":"m","tag":"g","on_failure":[{"x_set":{"field":"why","value":"{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_tag}}"}}]}},)" +
              k_embed,
          R"({"t":"hi"})") == R"({"t":"hi","why":"m/g",)" + k_vector + "}");
}

TEST_CASE("a pipeline's list sees which processor of the cluster failed, and what those before it did") {
  PipelineBench gateway;
  const std::string lost = R"(,"on_failure":[)" + k_why + "]";
  CHECK(gateway.after(set("a") + "," + k_boom + "," + set("c") + "," + k_embed, R"({"t":"hi"})", lost) ==
        R"({"t":"hi","a":1,"why":"boom/x_fail/b/tried"})");
  CHECK(gateway.after(k_embed + "," + k_boom + "," + set("c"), R"({"t":"hi"})", lost) ==
        R"({"t":"hi",)" + k_vector + R"(,"why":"boom/x_fail/b/tried"})");
  CHECK(gateway.after(k_embed, R"({"t":"bad"})", lost).find("bad") != std::string::npos);
}

TEST_CASE("a list that holds inference comes to the rescue of a processor of the cluster") {
  PipelineBench gateway;
  CHECK(gateway.after(set("a") + R"(,{"x_fail":{"message":"m","tag":"g","on_failure":[)" + k_why + "," + k_embed + "," +
                          set("b") + R"(]}},)" + set("c"),
                      R"({"t":"hi"})") ==
        R"({"t":"hi","a":1,"why":"m/x_fail/g/tried",)" + k_vector + R"(,"b":1,"c":1})");
  CHECK(
      gateway.after(R"({"x_fail":{"message":"m","ignore_failure":true,"on_failure":[)" + k_embed + R"(]}},)" + set("c"),
                    R"({"t":"hi"})") == R"({"t":"hi","c":1})");
  CHECK(gateway.after(R"({"x_fail":{"message":"m","on_failure":[)" + k_embed + "," + k_boom + R"(]}},)" + set("c"),
                      R"({"t":"hi"})") == "fail_processor_exception 500: boom");
}

TEST_CASE("a cluster's processor in a list that runs in the gateway gets the failure") {
  PipelineBench gateway;
  const std::string failing =
      R"({"inference":{"model_id":"clip","tag":"g","input_output":{"input_field":"none","output_field":"v"},"on_failure":[)";
  CHECK(
      gateway.after(
          failing +
              R"({"x_set":{"field":"why","value":"{{{_ingest.on_failure_message}}} {{t}} {{_ingest.on_failure_processor_tag}}"}}]}},)" +
              set("c"),
          R"({"t":"hi"})") == R"({"t":"hi","why":"field [none] not present as part of path [none] hi g","c":1})");
  CHECK(gateway.after(failing + R"({"x_set":{"field":"why","copy_from":"_ingest.on_failure_message"}}]}})", "{}")
            .find("can read the failure only as {{_ingest.on_failure_message}}") != std::string::npos);
}

// ---- conditions

TEST_CASE("a condition of a processor that runs here is evaluated by the cluster") {
  PipelineBench gateway;
  gateway.cluster.scripts["ctx.t != null"] = [](const rapidjson::Value& source) { return source.HasMember("t"); };
  const std::string embed =
      R"({"inference":{"if":"ctx.t != null","model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
  CHECK(gateway.after(embed + "," + set("c"), R"({"t":"hi"})") == R"({"t":"hi",)" + k_vector + R"(,"c":1})");
  CHECK(gateway.after(embed + "," + set("c"), R"({"u":"hi"})") == R"({"u":"hi","c":1})");
  CHECK(gateway.after(R"({"terminate":{"if":"ctx.t != null"}},)" + k_embed, R"({"t":"hi"})") == R"({"t":"hi"})");
  CHECK(gateway.after(set("s", R"(,"if":"ctx.t != null")", "set") + "," + k_embed, R"({"t":"hi"})") ==
        R"({"t":"hi","s":1,)" + k_vector + "}");
}

TEST_CASE("a condition that fails is not caught by its own processor, but by the pipeline") {
  PipelineBench gateway;
  gateway.cluster.scripts["ctx.x.y"] = [](const rapidjson::Value&) { return true; };
  const std::string embed =
      R"({"inference":{"if":"ctx.x.y","tag":"g","ignore_failure":true,"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
  CHECK(gateway.put("p", embed, R"(,"on_failure":[)" + k_why + "]").status == 200);
  gateway.cluster.on_request = [](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("_simulate")) return {};
    return json_response(R"({"docs":[{"error":{"root_cause":[],"type":"script_exception","reason":"runtime error",)"
                         R"("caused_by":{"type":"null_pointer_exception","reason":"y of null"}}}]})");
  };
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == R"({"t":"hi","why":"y of null/conditional/g/p"})");
  CHECK(gateway.put("q", embed).status == 200);
  CHECK(gateway.outcome("q", R"({"t":"hi"})") == "script_exception 400: runtime error");
}

// ---- pipelines in pipelines

TEST_CASE("pipelines of cluster and gateway call each other") {
  PipelineBench gateway;
  CHECK(gateway.put("theirs", set("a") + "," + set("b", R"(,"tag":"later")")).status == 200);
  CHECK(!gateway.keeps("theirs"));
  CHECK(gateway.put("own", k_embed).status == 200);
  CHECK(gateway.after(R"({"pipeline":{"name":"theirs"}},{"pipeline":{"name":"own"}},{"pipeline":{"name":"{{which}}"}})",
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
  PipelineBench gateway;
  CHECK(gateway.put("theirs", set("a")).status == 200);
  CHECK(gateway.outcome("theirs", "{}") == R"({"a":1})");
  CHECK(gateway.outcome("nope", "{}") == "illegal_argument_exception 400: pipeline with id [nope] does not exist");
}

// ---- many at once, and the end

TEST_CASE("steps of many documents are with the cluster at once, as the caller, and no more than a few") {
  PipelineBench gateway;
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
    documents.push_back(std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", {}, {}}, std::move(source)));
    tasks.push_back({documents.back().get(), "p"});
  }
  Caller caller;
  caller.headers.add("Authorization", "Basic bWU=");
  gateway.ingest.run(caller, tasks);
  CHECK(most == 16);
  CHECK(as_caller);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(!tasks[i].failure);
    CHECK(json::text_as_written(documents[i]->source()["v"][0]) == std::to_string(i + 1) + ".0");
    CHECK(documents[i]->source()["a"].GetInt() == 1);
  }
}

TEST_CASE("a cluster that refuses, breaks off or talks nonsense fails the documents, and no answer is lost") {
  PipelineBench gateway;
  CHECK(gateway.put("p", set("a") + "," + k_embed).status == 200);
  http::Response answer;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    return request.path.ends_with("_simulate") ? std::optional(answer) : std::nullopt;
  };
  answer = ElasticError{403, "security_exception", "not allowed"}.response();
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == "security_exception 403: not allowed");
  answer = json_response(R"({"error":{"type":"script_exception","reason":"compile error","lang":"painless",)"
                         R"("caused_by":{"type":"illegal_argument_exception","reason":"no such field"}},"status":400})",
                         400);
  IngestDocument document({"pics", "7", {}}, *rest::parse_as_written(R"({"t":"hi"})"));
  std::vector<IngestTask> tasks;
  tasks.push_back({&document, "p"});
  gateway.ingest.run({}, tasks);
  REQUIRE(tasks[0].failure);
  CHECK(tasks[0].failure->item_json() ==
        R"({"type":"script_exception","reason":"compile error","lang":"painless",)"
        R"("caused_by":{"type":"illegal_argument_exception","reason":"no such field"}})");
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
  CHECK(gateway.outcome("p", R"({"t":"hi"})") == "exception 500: internal error of Sightline: a fault");
}

TEST_CASE("only the document whose pipeline throws fails, on any thread") {
  PipelineBench gateway;
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
  for (const auto& pipeline : {throwing(), throwing(embed), throwing(look_up), std::shared_ptr<const Pipeline>()}) {
    rapidjson::Document source;
    source.Parse(R"({"t":"embed"})");
    documents.push_back(std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", "7", {}}, std::move(source)));
    tasks.push_back({documents.back().get(), "embed", pipeline});
  }
  gateway.ingest.run({}, tasks);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    REQUIRE(tasks[i].failure);
    CHECK(tasks[i].failure->reason == "internal error of Sightline: std::bad_alloc");
  }
  CHECK_FALSE(tasks[3].failure);
  CHECK(documents[3]->source_json() == R"({"t":"embed","model_id":"clip","v":[5.0,1.0,0.5]})");
}

TEST_CASE("a pipeline that is absurdly long is refused, unless it is the cluster's") {
  PipelineBench gateway;
  std::string list = set("a");
  for (int i = 0; i < 10'000; ++i) list += "," + set("a");
  const auto response = gateway.put("long", list + "," + k_embed);
  CHECK(response.status == 400);
  CHECK(reason(response).starts_with("pipeline [long] has 10002 processors, the limit is 10000"));
  CHECK_FALSE(gateway.keeps("long"));
  CHECK(gateway.passed_on == 0);
  gateway.put("long", list);
  CHECK(gateway.passed_on == 1);
}

TEST_CASE("steps that wait when the server stops fail, and those that run go on") {
  PipelineBench gateway;
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
    documents.push_back(std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", {}, {}}, std::move(source)));
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

// ---- numbers

namespace {

const std::string k_embed_if_there =
    R"({"inference":{"model_id":"clip","ignore_missing":true,"input_output":{"input_field":"t","output_field":"v"}}})";

/// The cluster's next simulation answers with these members in `_source`.
void answer_with(PipelineBench& gateway, const std::string& source, std::string* sent = nullptr) {
  gateway.cluster.on_request = [=](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("/_simulate")) return {};
    if (sent) *sent = request.body;
    return json_response(R"({"docs":[{"doc":{"_index":"pics","_id":"7","_source":)" + source + R"(,"_ingest":{}}}]})");
  };
}

}  // namespace

TEST_CASE("what the cluster prints of a number is put back as the document wrote it") {
  PipelineBench gateway;
  CHECK(gateway.put("p", set("x") + "," + k_embed_if_there).status == 200);
  const auto after = [&](const std::string& source, const std::string& shown) {
    answer_with(gateway, shown);
    return gateway.outcome("p", source);
  };
  // At its place, as Elasticsearch prints a Double and an Integer.
  CHECK(after(R"({"a":1.50,"b":1e5,"c":-0,"d":1E400,"e":0.1000000000000000055511151231257827,"f":[1e-7,2.0]})",
              R"({"a":1.5,"b":100000.0,"c":0,"d":"Infinity","e":0.1,"f":[1.0E-7,2.0]})") ==
        R"({"a":1.50,"b":1e5,"c":-0,"d":1E400,"e":0.1000000000000000055511151231257827,"f":[1e-7,2.0]})");
  // Moved: by what it is worth, if it was written in one way.
  CHECK(after(R"({"a":1.50})", R"({"moved":{"to":[1.5]}})") == R"({"moved":{"to":[1.50]}})");
  CHECK(after(R"({"a":1.50,"b":1.500})", R"({"a":1.5,"b":1.5,"c":1.5})") == R"({"a":1.50,"b":1.500,"c":1.5})");
  // Changed: the cluster's answer.
  CHECK(after(R"({"a":1.50,"b":1e5,"c":-0})", R"({"a":"1.5","b":100000,"c":"0","x":0})") ==
        R"({"a":"1.5","b":100000,"c":"0","x":0})");
  CHECK(after(R"({"a":1.50})", R"({"a":2.5E10,"n":12345678901234567890123})") ==
        R"({"a":2.5E10,"n":12345678901234567890123})");
}

TEST_CASE("an integer beyond 64 bits goes as a text where no processor looks at it") {
  PipelineBench gateway;
  CHECK(gateway.put("p", set("x") + "," + k_embed_if_there).status == 200);
  std::string sent;
  answer_with(gateway, R"({"moved":"sightline-integer-0-0","n":["sightline-integer-0-1"],"x":1})", &sent);
  CHECK(
      gateway.outcome("p", R"({"parcel":12345678901234567890123,"n":[9223372036854775808],"s":9223372036854775807})") ==
      R"({"moved":12345678901234567890123,"n":[9223372036854775808],"x":1})");
  CHECK(sent.find(
            R"("_source":{"parcel":"sightline-integer-0-0","n":["sightline-integer-0-1"],"s":9223372036854775807})") !=
        std::string::npos);
  // A document that holds such a text itself gets another one.
  answer_with(gateway, R"({"parcel":"sightline-integer-1-0","t2":"sightline-integer-0-0"})", &sent);
  CHECK(gateway.outcome("p", R"({"parcel":12345678901234567890123,"t2":"sightline-integer-0-0"})") ==
        R"({"parcel":12345678901234567890123,"t2":"sightline-integer-0-0"})");
}

TEST_CASE(
    "an integer beyond 64 bits that a processor may look at goes as it is, and the cluster's error is explained") {
  const std::string explained =
      "illegal_argument_exception 400: field [parcel] contains an integer beyond 64 bits, which cannot be passed to "
      "the cluster's processors of this pipeline by simulation; send it as a string, or run those processors in a "
      "pipeline of the cluster";
  const std::string source = R"({"parcel":12345678901234567890123})";
  for (const std::string& processors : {std::string(R"({"x_set":{"field":"a","value":"{{parcel}}"}},)"),
                                        std::string(R"({"x_rename":{"field":"parcel","target_field":"b"}},)")}) {
    PipelineBench gateway;
    CHECK(gateway.put("p", processors + k_embed_if_there).status == 200);
    std::string sent;
    gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
      if (!request.path.ends_with("/_simulate")) return {};
      sent = request.body;
      // Elasticsearch 9.2.0 answers this.
      return json_response(
          R"({"docs":[{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"unexpected value type [class java.math.BigInteger]"}],"type":"illegal_argument_exception","reason":"unexpected value type [class java.math.BigInteger]"}}]})");
    };
    CHECK(gateway.outcome("p", source) == explained);
    CHECK(sent.find(R"("_source":{"parcel":12345678901234567890123})") != std::string::npos);
  }
  // One that reads every text changes what stands for the integer.
  PipelineBench gateway;
  CHECK(gateway.put("p", set("x") + "," + k_embed_if_there).status == 200);
  answer_with(gateway, R"({"parcel":"SIGHTLINE-INTEGER-0-0"})");
  CHECK(gateway.outcome("p", source) == explained);
  answer_with(gateway, R"({"all":"a sightline-integer-0-0"})");
  CHECK(gateway.outcome("p", source) == explained);
}
