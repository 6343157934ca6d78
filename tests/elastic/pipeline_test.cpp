#include "server/elastic/pipelines/pipeline.h"

#include <doctest/doctest.h>
#include <map>
#include <utility>

#include "server/elastic/rest/json_tape.h"

using namespace sightline::elastic;

namespace {

rapidjson::Document json(std::string_view text) {
  return std::move(*rest::parse_as_written(text));
}

/// Surroundings without a cluster, and inference whose answers the test gives itself.
struct Inference : PipelineHost {
  struct Call {
    std::string model_id;
    std::vector<std::string> texts;
    std::function<void(Answer<Embeddings>)> answer;
  };
  std::vector<Call> calls;
  bool answers_at_once = false;
  std::map<std::string, std::shared_ptr<const Pipeline>> pipelines;

  void infer(const std::string& id, std::vector<std::string_view> texts,
             std::function<void(Answer<Embeddings>)> answer) override {
    if (answers_at_once) return answer(Embeddings(texts.size(), {2.0F}));
    calls.push_back({id, {texts.begin(), texts.end()}, std::move(answer)});
  }
  std::optional<Answer<std::shared_ptr<const Pipeline>>> pipeline(const std::string& name) override {
    if (!pipelines.contains(name)) return {};
    return pipelines[name];
  }
  void look_up_pipeline(const std::string& name, std::function<void()> found) override {
    pipelines.emplace(name, nullptr);
    found();
  }
  bool has_cluster() const override { return false; }
  bool leaves_model(const std::string&) override { return false; }
  void run_in_cluster(std::string, IngestDocument&, bool,
                      std::function<void(std::optional<IngestFailure>)> done) override {
    done(IngestFailure{{500, "exception", "there is no cluster"}, {}, {}, {}});
  }
  void evaluate(const std::string&, const IngestDocument&, std::function<void(Answer<bool>)> done) override {
    done(ElasticError{500, "exception", "there is no cluster"});
  }

  void keep(const std::string& id, std::string_view config) { pipelines[id] = *Pipeline::parse(id, json(config)); }
};

/// A run that waits keeps its host, and the host the answers that end the run: at its end a test drops them.
struct OwnedInference : std::shared_ptr<Inference> {
  OwnedInference() : std::shared_ptr<Inference>(std::make_shared<Inference>()) {}
  OwnedInference(const OwnedInference&) = delete;
  ~OwnedInference() { const auto dropped = std::move(get()->calls); }
};

std::string config_fault(std::string_view config) {
  auto pipeline = Pipeline::parse("p", json(config));
  if (!pipeline) return pipeline.error().reason;
  const Refusal refusal = (*pipeline)->refusal_without_cluster();
  return refusal ? refusal->reason : "none";
}

/// The source after `processors` ran on it, or what failed.
std::string after(std::string_view processors, std::string_view source,
                  const std::shared_ptr<Inference>& inference = OwnedInference()) {
  auto pipeline = Pipeline::parse("p", json("{\"processors\":" + std::string(processors) + "}"));
  if (!pipeline) return "config: " + pipeline.error().reason;
  IngestDocument document({"pics", "7", {}}, json(source));
  std::string outcome = "unfinished";
  run_pipeline(*pipeline, document, inference, [&](Refusal refusal) {
    outcome = refusal            ? refusal->type + " " + std::to_string(refusal->status) + ": " + refusal->reason
              : document.dropped ? "dropped"
                                 : document.source_json();
  });
  return outcome;
}

}  // namespace

TEST_CASE("set writes values and templates, and respects override and empty values") {
  CHECK(after(R"([{"set":{"field":"a.b","value":{"x":[1,"{{s}}"]}}}])", R"({"s":"y"})") ==
        R"({"s":"y","a":{"b":{"x":[1,"y"]}}})");
  CHECK(after(R"([{"set":{"field":"{{s}}","value":true}}])", R"({"s":"y"})") == R"({"s":"y","y":true})");
  CHECK(after(R"([{"set":{"field":"a","value":2,"override":false}},{"set":{"field":"n","value":2,"override":false}}])",
              R"({"a":1,"n":null})") == R"({"a":1,"n":2})");
  CHECK(after(R"([{"set":{"field":"b","copy_from":"a.x"}}])", R"({"a":{"x":[1,2]}})") ==
        R"({"a":{"x":[1,2]},"b":[1,2]})");
  CHECK(
      after(
          R"([{"set":{"field":"b","value":"{{none}}","ignore_empty_value":true}},{"set":{"field":"c","value":"{{none}}"}}])",
          "{}") == R"({"c":""})");
  CHECK(after(R"([{"set":{"field":"b","copy_from":"x"}}])", "{}") ==
        "illegal_argument_exception 400: field [x] not present as part of path [x]");
  CHECK(after(R"([{"set":{"field":"q","value":"{{{s}}}"}}])", R"({"s":"a\"b"})") == R"({"s":"a\"b","q":"a\"b"})");
}

TEST_CASE("set renders the names in an object, and encodes by its media type") {
  CHECK(after(R"([{"set":{"field":"a","value":{"{{k}}":{"x{{k}}":1},"b":["{{k}}"]}}}])", R"({"k":"key"})") ==
        R"({"k":"key","a":{"key":{"xkey":1},"b":["key"]}})");
  CHECK(after(R"([{"set":{"field":"a","value":{"x":1,"{{k}}":2,"y":3,"{{k}}{{none}}":4}}}])", R"({"k":"x"})") ==
        R"({"k":"x","a":{"y":3,"x":4}})");
  const auto encoded = [](const std::string& media_type) {
    return after(
        R"([{"set":{"field":"a","value":"q={{s}}","media_type":")" + media_type + R"("}},{"remove":{"field":"s"}}])",
        R"({"s":"a \"b\"/ü~*"})");
  };
  CHECK(encoded("application/json") == R"({"a":"q=a \\\"b\\\"/ü~*"})");
  CHECK(encoded("text/plain") == R"({"a":"q=a \"b\"/ü~*"})");
  CHECK(encoded("application/x-www-form-urlencoded") == R"({"a":"q=a+%22b%22%2F%C3%BC%7E*"})");
  CHECK(config_fault(R"({"processors":[{"set":{"field":"a","value":1,"media_type":"foo"}}]})") ==
        "[media_type] property does not contain a supported media type [foo]");
}

TEST_CASE("set ignores an empty value that a template makes, and sets one that is written") {
  CHECK(after(R"([{"set":{"field":"a","value":"","ignore_empty_value":true}}])", "{}") == R"({"a":""})");
  CHECK(after(R"([{"set":{"field":"a","value":"{{none}}","ignore_empty_value":true}}])", R"({"a":1})") == R"({"a":1})");
  CHECK(after(R"([{"set":{"field":"a","value":["{{none}}"],"ignore_empty_value":true}}])", "{}") == R"({"a":[""]})");
}

TEST_CASE("rename takes the field away before it sets the target, and puts it back if that fails") {
  const auto renamed = [](const std::string& from, const std::string& to, std::string_view source,
                          const std::string& more = "") {
    return after(R"([{"rename":{"field":")" + from + R"(","target_field":")" + to + "\"" + more + "}}]", source);
  };
  CHECK(renamed("a", "a.b", R"({"a":1,"z":2})") == R"({"z":2,"a":{"b":1}})");
  CHECK(renamed("host", "host.name", R"({"host":"h"})") == R"({"host":{"name":"h"}})");
  CHECK(renamed("new.vector", "new", R"({"new":{"vector":[1.50],"t":1}})", R"(,"override":true)") ==
        R"({"new":[1.50]})");
  CHECK(renamed("a", "a", R"({"a":1,"b":2})", R"(,"override":true)") == R"({"a":1,"b":2})");
  const std::string kept = R"("on_failure":[{"set":{"field":"why","value":"{{_ingest.on_failure_message}}"}}])";
  CHECK(
      renamed("b", "c.d", R"({"a":1,"b":{"x":2},"c":3,"e":4})", "," + kept) ==
      R"({"a":1,"b":{"x":2},"c":3,"e":4,"why":"cannot set [d] with parent object of type [java.lang.Integer] as part of path [c.d]"})");
  CHECK(renamed("l.1", "l.9", R"({"l":[1,2,3]})", R"(,"override":true,)" + kept) ==
        R"({"l":[1,2,3],"why":"[9] is out of bounds for array with length [2] as part of path [l.9]"})");
  CHECK(renamed("l.0", "m", R"({"l":[1,2,3]})") == R"({"l":[2,3],"m":1})");
}

TEST_CASE("a pipeline that looks up its fields flexibly is refused") {
  const auto refusal = [](const std::string& pattern) {
    return (*Pipeline::parse("p", json(R"({"processors":[],"field_access_pattern":)" + pattern + "}")))
        ->refusal_of_access();
  };
  CHECK(!refusal("\"classic\""));
  CHECK(!refusal("null"));
  const auto refused = refusal("\"flexible\"");
  REQUIRE(refused);
  CHECK(refused->status == 400);
  CHECK(refused->type == "parse_exception");
  CHECK(refused->reason.starts_with(
      "pipeline [p] doesn't support value of [flexible] for parameter [field_access_pattern]"));
  CHECK(config_fault(R"({"processors":[],"field_access_pattern":1})") ==
        "[field_access_pattern] property isn't a string, but of type [java.lang.Integer]");
}

TEST_CASE("remove, rename, fail and drop do what they say") {
  CHECK(after(R"([{"remove":{"field":["a","b.c"]}}])", R"({"a":1,"b":{"c":2,"d":3}})") == R"({"b":{"d":3}})");
  CHECK(after(R"([{"remove":{"field":"x"}}])", "{}") ==
        "illegal_argument_exception 400: field [x] not present as part of path [x]");
  CHECK(after(R"([{"remove":{"field":"x","ignore_missing":true}}])", R"({"a":1})") == R"({"a":1})");
  CHECK(after(R"([{"remove":{"keep":["a","b.c"]}}])", R"({"a":1,"b":{"c":2,"d":3},"e":4,"abc":5})") ==
        R"({"a":1,"b":{"c":2}})");
  CHECK(after(R"([{"remove":{"keep":["b.c","a","x-y","b"]}}])",
              R"({"a.b":1,"a":{"z":1},"b":{"c":1,"d":2},"x":1,"x-y":2,"x-y.z":3,"c":4})") ==
        R"({"a.b":1,"a":{"z":1},"b":{"c":1,"d":2},"x-y":2,"x-y.z":3})");
  CHECK(after(R"([{"remove":{"keep":["{{n}}.c.d","e..f","g.h"]}}])",
              R"({"n":"b","b":{"c":{"d":1,"e":2},"c.d":3,"x":4},"b.c":{"d":5,"f":6},"b.c.d":7,"e.":{"f":8},"g":9})") ==
        R"({"b":{"c":{"d":1},"c.d":3},"b.c":{"d":5},"b.c.d":7,"e.":{"f":8},"g":9})");
  CHECK(after(R"([{"rename":{"field":"a","target_field":"b.c"}}])", R"({"a":1})") == R"({"b":{"c":1}})");
  CHECK(after(R"([{"rename":{"field":"x","target_field":"b"}}])", "{}") ==
        "illegal_argument_exception 400: field [x] doesn't exist");
  CHECK(after(R"([{"rename":{"field":"x","target_field":"b","ignore_missing":true}}])", "{}") == "{}");
  CHECK(after(R"([{"rename":{"field":"a","target_field":"b"}}])", R"({"a":1,"b":2})") ==
        "illegal_argument_exception 400: field [b] already exists");
  CHECK(after(R"([{"rename":{"field":"a","target_field":"b","override":true}}])", R"({"a":1,"b":2})") == R"({"b":1})");
  CHECK(after(R"([{"fail":{"message":"no {{a}}"}}])", R"({"a":1})") == "fail_processor_exception 500: no 1");
  CHECK(after(R"([{"drop":{}},{"fail":{"message":"not reached"}}])", "{}") == "dropped");
}

TEST_CASE("a failing processor is skipped, rescued by its own list, or ends the document") {
  CHECK(after(R"([{"fail":{"message":"x","ignore_failure":true}},{"set":{"field":"a","value":1}}])", "{}") ==
        R"({"a":1})");
  CHECK(after(R"([{"fail":{"message":"x","tag":"t1","on_failure":[{"set":{"field":"why",
               "value":"{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_type}}/{{_ingest.on_failure_processor_tag}}"}}]}},
               {"set":{"field":"after","value":"{{_ingest.on_failure_message}}."}}])",
              "{}") == R"({"why":"x/fail/t1","after":"."})");
  CHECK(
      after(R"([{"fail":{"message":"x","on_failure":[{"fail":{"message":"worse"}}]}},{"set":{"field":"a","value":1}}])",
            "{}") == "fail_processor_exception 500: worse");
}

TEST_CASE("a pipeline's own list takes the place of the rest") {
  auto pipeline = Pipeline::parse("p", json(R"({"processors":[{"set":{"field":"a","value":1}},{"fail":{"message":"x"}},
      {"set":{"field":"b","value":1}}],"on_failure":[{"set":{"field":"error","value":"{{_ingest.on_failure_message}}"}}]})"));
  IngestDocument document({"pics", {}, {}}, json("{}"));
  bool good = false;
  run_pipeline(*pipeline, document, std::make_shared<Inference>(), [&](Refusal refusal) { good = !refusal; });
  CHECK(good);
  CHECK(document.source_json() == R"({"a":1,"error":"x"})");
}

TEST_CASE("inference writes its vectors and the model's id beside the first of them") {
  auto pipeline = Pipeline::parse("p", json(R"({"processors":[{"inference":{"model_id":"clip","input_output":[
      {"input_field":"image","output_field":"v.image"},{"input_field":"text","output_field":"text_vector"}]}},{"remove":{"field":"image"}}]})"));
  REQUIRE(pipeline);
  IngestDocument document({"pics", {}, {}}, json(R"({"image":"data:image/png;base64,AAAA","text":"bike"})"));
  const OwnedInference inference;
  int finished = 0;
  run_pipeline(*pipeline, document, inference, [&](Refusal refusal) { finished += refusal ? 100 : 1; });
  REQUIRE(inference->calls.size() == 1);
  CHECK(finished == 0);
  CHECK(inference->calls[0].model_id == "clip");
  CHECK(inference->calls[0].texts == std::vector<std::string>{"data:image/png;base64,AAAA", "bike"});
  inference->calls[0].answer(Embeddings{{0.1F, -2}, {3}});
  CHECK(finished == 1);
  CHECK(document.source_json() == R"({"text":"bike","v":{"model_id":"clip","image":[0.1,-2.0]},"text_vector":[3.0]})");
}

TEST_CASE("an output that is there already is added to, as Elasticsearch does") {
  const OwnedInference inference;
  auto pipeline = Pipeline::parse(
      "p",
      json(R"({"processors":[{"inference":{"model_id":"m","input_output":{"input_field":"t","output_field":"v"}}}]})"));
  IngestDocument document({"pics", {}, {}}, json(R"({"t":"x","v":[9]})"));
  run_pipeline(*pipeline, document, inference, [](Refusal) {});
  inference->calls.at(0).answer(Embeddings{{1, 2}});
  CHECK(document.source_json() == R"({"t":"x","v":[9,1.0,2.0],"model_id":"m"})");
}

TEST_CASE("inputs that are missing or no text") {
  const std::string one = R"([{"inference":{"model_id":"m","input_output":{"input_field":"t","output_field":"v"}}}])";
  CHECK(after(one, "{}") == "illegal_argument_exception 400: field [t] not present as part of path [t]");
  CHECK(after(one, R"({"t":[1]})") ==
        "illegal_argument_exception 400: input field [t] cannot be processed because it is not a text field");
  CHECK(after(one, R"({"t":null})") == R"({"t":null})");
  const std::string ignoring = R"([{"inference":{"model_id":"m","ignore_missing":true,"input_output":[
      {"input_field":"t","output_field":"v"},{"input_field":"u","output_field":"w"}]}}])";
  CHECK(after(ignoring, "{}") == "{}");
  CHECK(after(ignoring, R"({"t":null,"u":null})") == R"({"t":null,"u":null})");
  // What is there is embedded, whichever it is; nothing is sent for what is not.
  for (const auto& [source, then] : std::vector<std::pair<std::string, std::string>>{
           {R"({"t":"x"})", R"({"t":"x","model_id":"m","v":[1.0]})"},
           {R"({"t":"x","u":null})", R"({"t":"x","u":null,"model_id":"m","v":[1.0]})"},
           {R"({"u":"x"})", R"({"u":"x","model_id":"m","w":[1.0]})"},
           {R"({"t":null,"u":"x"})", R"({"t":null,"u":"x","model_id":"m","w":[1.0]})"}}) {
    const OwnedInference inference;
    auto pipeline = Pipeline::parse("p", json(R"({"processors":)" + ignoring + "}"));
    IngestDocument document({"pics", {}, {}}, json(source));
    run_pipeline(*pipeline, document, inference, [](Refusal refusal) { CHECK(!refusal); });
    CHECK(inference->calls.at(0).texts == std::vector<std::string>{"x"});
    inference->calls[0].answer(Embeddings{{1}});
    CHECK(document.source_json() == then);
  }
  const OwnedInference inference;
  CHECK(after(ignoring, R"({"t":"x","u":""})", inference) == "unfinished");
  CHECK(inference->calls.at(0).texts == std::vector<std::string>{"x", ""});  // an empty text is one
}

TEST_CASE("failed inference is handled like every failure, and the innermost reason is reported") {
  const OwnedInference inference;
  auto pipeline =
      Pipeline::parse("p", json(R"({"processors":[{"inference":{"model_id":"m","input_output":{"input_field":"t",
      "output_field":"v"},"on_failure":[{"set":{"field":"why","value":"{{_ingest.on_failure_message}}"}}]}}]})"));
  IngestDocument document({"pics", {}, {}}, json(R"({"t":"x"})"));
  bool good = false;
  run_pipeline(*pipeline, document, inference, [&](Refusal refusal) { good = !refusal; });
  ElasticError error{400, "status_exception", "outer"};
  error.causes.push_back(illegal_argument("inner"));
  inference->calls.at(0).answer(error);
  CHECK(good);
  CHECK(document.source_json() == R"({"t":"x","why":"inner"})");
}

TEST_CASE("configurations that cannot run are refused when they are stored") {
  CHECK(config_fault("{}") == "[processors] required property is missing");
  CHECK(config_fault(R"({"processors":{}})") == "[processors] property isn't a list, but of type [java.util.HashMap]");
  CHECK(config_fault(R"({"processors":[],"foo":1,"bar":2})") ==
        "pipeline [p] doesn't support one or more provided configuration parameters [foo, bar]");
  CHECK(config_fault(R"({"processors":[],"on_failure":[]})") ==
        "pipeline [p] cannot have an empty on_failure option defined");
  CHECK(config_fault(R"({"processors":[{"nope":{}}]})") == "No processor type exists with name [nope]");
  CHECK(config_fault(R"({"processors":[{"set":{"value":1}}]})") == "[field] required property is missing");
  CHECK(config_fault(R"({"processors":[{"set":{"field":"a"}}]})") == "[value] required property is missing");
  CHECK(config_fault(R"({"processors":[{"set":{"field":1,"value":1}}]})") ==
        "[field] property isn't a string, but of type [java.lang.Integer]");
  CHECK(config_fault(R"({"processors":[{"set":{"field":"a","value":1,"x":1}}]})") ==
        "processor [set] doesn't support one or more provided configuration parameters [x]");
  CHECK(config_fault(R"({"processors":[{"set":{"field":"a","value":1,"if":"ctx.a == 1"}}]})")
            .starts_with("[if] conditions are scripts"));
  CHECK(config_fault(R"({"processors":[{"set":{"field":"a","value":1,"on_failure":[]}}]})") ==
        "[on_failure] processors list cannot be empty");
  CHECK(config_fault(R"({"processors":[{"inference":{}}]})") == "[model_id] required property is missing");
  CHECK(config_fault(R"({"processors":[{"inference":{"model_id":"m","input_output":[]}}]})") ==
        "[input_output] property cannot be empty at least one is required");
  CHECK(config_fault(R"({"processors":[{"inference":{"model_id":"m","input_output":{"input_field":"a"}}}]})") ==
        "[output_field] required property is missing");
  CHECK(config_fault(
            R"({"processors":[{"inference":{"model_id":"m","input_output":[{"input_field":"a","output_field":"b"},
        {"input_field":"a","output_field":"c"}]}}]})") == "[input_field] names must be unique but [a] is repeated");
  CHECK(config_fault(R"({"processors":[{"inference":{"model_id":"m","field_map":{}}}]})")
            .starts_with("[m] is configured for the _inference API and does not accept documents as input"));
  auto error = *(*Pipeline::parse("p", json(R"({"processors":[{"remove":{"tag":"t"}}]})")))->refusal_without_cluster();
  CHECK(error.type == "parse_exception");
  CHECK(error.details == std::vector<std::pair<std::string, std::string>>{
                             {"property_name", "keep"}, {"processor_type", "remove"}, {"processor_tag", "t"}});
}

TEST_CASE("a pipeline lists its models, including those of its on_failure lists") {
  auto pipeline = Pipeline::parse(
      "p", json(R"({"processors":[{"set":{"field":"a","value":1,"on_failure":[{"inference":{"model_id":"b",
      "input_output":{"input_field":"x","output_field":"y"}}}]}}],"on_failure":[{"inference":{"model_id":"c","input_output":{"input_field":"x",
      "output_field":"y"}}}]})"));
  CHECK((*pipeline)->model_ids() == std::vector<std::string>{"b", "c"});
}

TEST_CASE("a pipeline runs inside another, and its failures are reported as its own") {
  const OwnedInference host;
  host->keep(
      "inner",
      R"({"processors":[{"set":{"field":"in","value":"{{_ingest.pipeline}}"}},{"fail":{"message":"x","tag":"t"}}]})");
  host->keep("fine",
             R"({"processors":[{"set":{"field":"f","value":1}},{"terminate":{}},{"set":{"field":"g","value":1}}]})");
  host->keep("dropping", R"({"processors":[{"drop":{}}]})");
  CHECK(after(R"([{"pipeline":{"name":"{{which}}"}},{"set":{"field":"p","value":"{{_ingest.pipeline}}"}}])",
              R"({"which":"fine"})", host) == R"({"which":"fine","f":1,"p":"p"})");
  CHECK(after(R"([{"pipeline":{"name":"dropping"}},{"fail":{"message":"not reached"}}])", "{}", host) == "dropped");
  CHECK(after(R"([{"pipeline":{"name":"inner"}}])", "{}", host) == "fail_processor_exception 500: x");
  CHECK(after(R"([{"pipeline":{"name":"inner","tag":"outer","on_failure":[{"set":{"field":"why","value":
      "{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_type}}/{{_ingest.on_failure_processor_tag}}/{{_ingest.on_failure_pipeline}}"}}]}}])",
              "{}", host) == R"({"in":"inner","why":"x/fail/t/inner"})");
  CHECK(after(R"([{"pipeline":{"name":"inner","ignore_failure":true}},{"set":{"field":"b","value":1}}])", "{}", host) ==
        R"({"in":"inner","b":1})");
}

TEST_CASE("pipelines that are missing, or call themselves") {
  const OwnedInference host;
  host->keep("p", R"({"processors":[{"pipeline":{"name":"p"}}]})");
  host->keep("q", R"({"processors":[{"pipeline":{"name":"r"}}]})");
  host->keep("r", R"({"processors":[{"pipeline":{"name":"q"}}]})");
  CHECK(after(R"([{"pipeline":{"name":"nope"}}])", "{}", host) ==
        "illegal_state_exception 500: Pipeline processor configured for non-existent pipeline [nope]");
  CHECK(after(R"([{"pipeline":{"name":"nope","ignore_missing_pipeline":true}}])", "{}", host) == "{}");
  CHECK(after(R"([{"pipeline":{"name":"p"}}])", "{}", host) ==
        "graph_structure_exception 500: Cycle detected for pipeline: p");
  CHECK(after(R"([{"pipeline":{"name":"q"}}])", "{}", host) ==
        "graph_structure_exception 500: Cycle detected for pipeline: q");
  std::string name = "last";
  host->keep("last", R"({"processors":[{"set":{"field":"deep","value":1}}]})");
  for (int depth = 1; depth < 100; ++depth) {
    const std::string outer = "n" + std::to_string(depth);
    host->keep(outer, R"({"processors":[{"pipeline":{"name":")" + name + R"("}}]})");
    if (depth == 99) CHECK(after(R"([{"pipeline":{"name":")" + name + R"("}}])", "{}", host) == R"({"deep":1})");
    name = outer;
  }
  CHECK(after(R"([{"pipeline":{"name":")" + name + R"("}}])", "{}", host) ==
        "graph_structure_exception 500: Too many nested pipelines. Cannot have more than 100 nested pipelines");
}

// ---- what no pipeline may do to the server

namespace {

std::string repeated(const std::string& processors, int times) {
  std::string list = "[" + processors;
  for (int i = 1; i < times; ++i) list += "," + processors;
  return list + "]";
}

/// A processor that fails, with a list that fails as well, and so on; the innermost sets `a`.
std::string rescues(int depth) {
  std::string processor = R"({"set":{"field":"a","value":1}})";
  for (int i = 0; i < depth; ++i) processor = R"({"fail":{"message":"x","on_failure":[)" + processor + "]}}";
  return processor;
}

}  // namespace

TEST_CASE("steps that end at once take no more of the stack, however many they are") {
  const OwnedInference inference;
  inference->answers_at_once = true;
  inference->keep("empty", R"({"processors":[]})");
  inference->keep("small", R"({"processors":[{"set":{"field":"a","value":1}}]})");
  const std::string steps =
      R"({"inference":{"model_id":"clip","input_output":{"input_field":"none","output_field":"v"},"ignore_missing":true}},)"
      R"({"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}},{"remove":{"field":"v"}},)"
      R"({"inference":{"model_id":"clip","input_output":{"input_field":"none","output_field":"v"},"ignore_failure":true}},)"
      R"({"fail":{"message":"x","on_failure":[{"set":{"field":"b","value":1}}]}},)"
      R"({"pipeline":{"name":"empty"}},{"pipeline":{"name":"small"}},{"pipeline":{"name":"none","ignore_missing_pipeline":true}})";
  CHECK(after(repeated(steps, 50'000), R"({"t":"hi"})", inference) == R"({"t":"hi","model_id":"clip","b":1,"a":1})");
}

TEST_CASE("lists that rescue each other deeply end as they should") {
  CHECK(after("[" + rescues(320) + "]", "{}") == R"({"a":1})");
}

TEST_CASE("pipelines that are absurdly long or deep are refused when they are stored") {
  const auto size_fault = [](const std::string& processors) {
    const Refusal refusal = (*Pipeline::parse("p", json("{\"processors\":" + processors + "}")))->refusal_of_size();
    return refusal ? std::to_string(refusal->status) + " " + refusal->reason : "none";
  };
  const std::string advice = "; move parts of it to separate pipelines and call them with [pipeline] processors";
  CHECK(size_fault("[" + rescues(100) + "]") == "none");
  CHECK(size_fault("[" + rescues(101) + "]") ==
        "400 pipeline [p] has [on_failure] lists 101 levels deep, the limit is 100" + advice);
  CHECK(size_fault(repeated(R"({"drop":{}})", 10'000)) == "none");
  CHECK(size_fault(repeated(rescues(1), 5'001)) ==
        "400 pipeline [p] has 10002 processors, the limit is 10000" + advice);
}

TEST_CASE("a step that throws ends the document with an error, wherever it runs") {
  Pipeline pipeline;
  pipeline.id = "p";
  pipeline.processors.resize(2);
  pipeline.processors[0].step = InferenceStep{"clip", {{"t", "v"}}};
  pipeline.processors[1].step = DocumentStep([](IngestDocument&) -> Refusal { throw std::bad_alloc(); });
  IngestDocument document({"pics", "7", {}}, json(R"({"t":"hi"})"));
  const OwnedInference inference;
  int ends = 0;
  std::string outcome;
  run_pipeline(std::make_shared<const Pipeline>(std::move(pipeline)), document, inference, [&](Refusal refusal) {
    ++ends;
    outcome = refusal ? refusal->reason : "none";
  });
  CHECK(ends == 0);
  inference->calls.at(0).answer(Embeddings{{1.0F}});
  CHECK(ends == 1);
  CHECK(outcome == "internal error of Sightline: std::bad_alloc");
}

// ---- numbers and half characters

TEST_CASE("a number leaves a pipeline as it came, byte by byte, wherever it is moved") {
  const std::string numbers =
      R"("parcel":12345678901234567890123,"price":1234567.8900,"ratio":1e-7,"z":-0,"e":1E400,"n":[0.1000000000000000055511151231257827,{"m":-12345678901234567890}])";
  CHECK(after("[]", "{" + numbers + "}") == "{" + numbers + "}");
  CHECK(after(R"([{"set":{"field":"t","value":"x"}},{"rename":{"field":"a","target_field":"b"}},
                  {"set":{"field":"copy","copy_from":"n"}},{"remove":{"field":"gone"}}])",
              R"({"a":1.50,"gone":2.0,"n":[12345678901234567890123,1e5]})") ==
        R"({"n":[12345678901234567890123,1e5],"t":"x","b":1.50,"copy":[12345678901234567890123,1e5]})");
  CHECK(after(R"([{"remove":{"keep":["a"]}}])", R"({"a":1.50,"b":2.50})") == R"({"a":1.50})");
  CHECK(after(R"([{"set":{"field":"a","value":1.50,"override":false}}])", R"({"a":-0})") == R"({"a":-0})");
}

TEST_CASE("a number of a pipeline's configuration is set as it was written") {
  CHECK(
      after(
          R"([{"set":{"field":"a","value":12345678901234567890123}},{"set":{"field":"b","value":[1.50,{"c":1E400}]}}])",
          "{}") == R"({"a":12345678901234567890123,"b":[1.50,{"c":1E400}]})");
  CHECK(config_fault(R"({"processors":[{"set":{"field":1.5,"value":1}}]})") ==
        "[field] property isn't a string, but of type [java.lang.Double]");
  CHECK(config_fault(R"({"processors":[{"set":{"field":12345678901234567890123,"value":1}}]})") ==
        "[field] property isn't a string, but of type [java.math.BigInteger]");
  CHECK(config_fault(R"({"processors":[],"version":1.5})") == "[version] property cannot be converted to an int");
  CHECK(config_fault(R"({"processors":[{"remove":{"field":[1.5]}}]})") == "[field] property isn't a list of strings");
}

TEST_CASE("a template prints a number as Java prints it") {
  CHECK(
      after(R"([{"set":{"field":"t","value":"{{a}} {{b}} {{c}} {{d}} {{n}}"}}])",
            R"({"a":1.50,"b":1e5,"c":12345678901234567890123,"d":-0,"n":[1.0,{"x":1e-7}]})") ==
      R"({"a":1.50,"b":1e5,"c":12345678901234567890123,"d":-0,"n":[1.0,{"x":1e-7}],"t":"1.5 100000.0 12345678901234567890123 0 [1.0, {x=1.0E-7}]"})");
}

TEST_CASE("a number is no text, however it is kept") {
  const std::string one = R"([{"inference":{"model_id":"m","input_output":{"input_field":"t","output_field":"v"}}}])";
  for (const char* number : {"1.50", "12345678901234567890123", "1E400", "-0"}) {
    CHECK(after(one, std::string(R"({"t":)") + number + "}") ==
          "illegal_argument_exception 400: input field [t] cannot be processed because it is not a text field");
    CHECK(after(R"([{"set":{"field":"_id","copy_from":"t"}}])", std::string(R"({"t":)") + number + "}") ==
          "illegal_argument_exception 400: [_id] must be a string, like all metadata that a pipeline sets");
  }
  CHECK(after(R"([{"set":{"field":"t.x","value":1}}])", R"({"t":1.50})") ==
        "illegal_argument_exception 400: cannot set [x] with parent object of type [java.lang.Double] as part of "
        "path [t.x]");
}

TEST_CASE("an id that is no UTF-8 never becomes JSON of its own") {
  auto pipeline = Pipeline::parse(
      "p",
      json(R"({"processors":[{"set":{"field":"a","copy_from":"_id"}},{"set":{"field":"b","value":"{{{_id}}}"}}]})"));
  IngestDocument document({"pics",
                           "\xFF"
                           "1,\"x\":2",
                           {}},
                          json("{}"));
  run_pipeline(*pipeline, document, std::make_shared<Inference>(), [](Refusal refusal) { CHECK(!refusal); });
  CHECK(document.source_json() ==
        "{\"a\":\"\xEF\xBF\xBD"
        "1,\\\"x\\\":2\",\"b\":\"\xEF\xBF\xBD"
        "1,\\\"x\\\":2\"}");
}

TEST_CASE("half an emoji passes through a pipeline, and is written as Elasticsearch writes it") {
  // Elasticsearch 9.2.0 answers {"\uDE00":1,"t":"a \uD83D b"} in _simulate.
  CHECK(after(R"([{"set":{"field":"copy","copy_from":"t"}},{"set":{"field":"in","value":"[{{t}}]"}}])",
              R"({"t":"a \ud83d b","\ude00":1})") ==
        R"({"t":"a \uD83D b","\uDE00":1,"copy":"a \uD83D b","in":"[a \uD83D b]"})");
}
