// `/_inference` before a cluster: what is made here, what is left to it, and what nobody is shown.
#include <doctest/doctest.h>

#include "definition_bench.h"
#include "front_bench.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

struct Bench {
  Bench() : gateway(store, std::string(64, 'a')) {
    store.is_cluster = true;
    store.instead = [this](const http::Request& request) -> std::optional<http::Response> {
      if (!request.path.starts_with("/_inference")) return {};
      passed.push_back(request);
      return json_response(
          R"({"endpoints":[{"inference_id":"theirs","n":1.50},{"inference_id":"clip","service":"elser"}]})");
    };
  }
  std::string body(const std::string& more = {}) { return endpoint_at(upstream.url(), more); }
  http::Response make(const std::string& more = {}) {
    return gateway.put("/_inference/text_embedding/clip", body(more));
  }

  Upstream upstream;
  MemoryStore store;
  GatewayFront gateway;
  std::vector<http::Request> passed;
};

const char* const k_secret = R"(,"secret_parameters":{"api_key":"hush","other":"quiet"})";

}  // namespace

TEST_CASE("nothing is called for a caller whom the cluster refuses, nor for an endpoint that exists") {
  using http::Method;
  Bench bench;
  const auto refuse = [&](Method method) {
    bench.store.instead = [method](const http::Request& request) -> std::optional<http::Response> {
      if (request.method != method || !request.path.starts_with("/.sightline/_doc/")) return {};
      return json_response(R"({"error":{"type":"security_exception","reason":"no"},"status":403})", 403);
    };
  };
  // `read` is enough to use endpoints; to make them takes `write`, too.
  for (const Method method : {Method::get, Method::delete_}) {
    CAPTURE(http::to_string(method));
    refuse(method);
    const auto refused = bench.make();
    CHECK(refused.status == 403);
    CHECK(parsed(refused)["error"]["type"] == "security_exception");
    CHECK(bench.upstream.count() == 0);
  }
  bench.store.instead = {};
  REQUIRE(bench.make(k_secret).status == 200);
  CHECK(bench.upstream.count() == 1);
  CHECK(parsed(bench.make())["error"]["type"] == "resource_already_exists_exception");
  CHECK(bench.upstream.count() == 1);
  refuse(Method::delete_);
  const std::string changes = R"({"service_settings":{"secret_parameters":{"api_key":"other"}}})";
  CHECK(bench.gateway.put("/_inference/clip/_update", changes).status == 403);
  CHECK(bench.upstream.count() == 1);
  bench.store.instead = {};
  CHECK(bench.gateway.put("/_inference/clip/_update", changes).status == 200);
  CHECK(bench.upstream.count() == 2);
}

TEST_CASE("a definition that is too large to be stored is not called") {
  Bench bench;
  const auto large = bench.make(R"(,"headers":{"X":")" + std::string(1u << 20, 'x') + "\"}");
  CHECK(large.status == 400);
  CHECK(reason(large).find("and the limit is [1048576]") != std::string::npos);
  CHECK(bench.upstream.count() == 0);
  REQUIRE(bench.make().status == 200);
  const auto update = bench.gateway.put(
      "/_inference/clip/_update", R"({"task_settings":{"parameters":{"x":")" + std::string(1u << 20, 'x') + "\"}}}");
  CHECK(reason(update).find("and the limit is [1048576]") != std::string::npos);
  CHECK(bench.upstream.count() == 1);
}

TEST_CASE("URL, query parameters and headers of a call have a limit together") {
  Bench bench;
  const std::string url = bench.upstream.url("/?a=${p:-x}");
  const auto with = [](std::size_t bytes) {
    return R"({"input":"a","task_settings":{"parameters":{"p":")" + std::string(bytes, 'x') + "\"}}}";
  };
  for (const std::string more : {R"(,"query_parameters":[["a","${p:-x}"],["b","${p:-x}"],["c","${p:-x}"]])",
                                 R"(,"headers":{"A":"${p:-x}","B":"${p:-x}","C":"${p:-x}"})",
                                 R"(,"headers":{"A":"${p:-x}","B":"${p:-x}"},"query_parameters":[["a","${p:-x}"]])"}) {
    CAPTURE(more);
    REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", endpoint_at(url, more)).status == 200);
    const auto calls = bench.upstream.count();
    const auto refused = bench.gateway.post("/_inference/clip", with(300'000));
    CHECK(refused.status == 400);
    CHECK(refused.body.find("the URL, query parameters and headers grow over 1048576 bytes when placeholders are "
                            "replaced") != std::string::npos);
    CHECK(bench.upstream.count() == calls);
    CHECK(bench.gateway.post("/_inference/clip", with(100)).status == 200);
    REQUIRE(bench.gateway.remove("/_inference/clip").status == 200);
  }
}

TEST_CASE("no parameter sends an endpoint's secrets to another server") {
  Bench bench;
  Upstream other;
  const std::string port = bench.upstream.url("").substr(std::string("http://127.0.0.1").size());
  const auto task = [](const std::string& name, const std::string& value) {
    return R"("task_settings":{"parameters":{")" + name + R"(":")" + value + "\"}}";
  };
  const std::string keyed = std::string(k_secret) + R"(,"headers":{"X-Key":"${api_key}"})";
  struct Row {
    std::string url, name, good, bad;
  };
  const std::string at_other = other.url("").substr(std::string("http://").size());
  for (const Row& row :
       {Row{"http://${host:-127.0.0.1}" + port + "/v1", "host", "127.0.0.1", at_other + "/?"},
        Row{bench.upstream.url("") + "${path:-/v1}", "path", "/v2", "@" + at_other + "/"},
        Row{"${all:-" + bench.upstream.url("/v1") + "}", "all", bench.upstream.url("/v2"), other.url()}}) {
    CAPTURE(row.url);
    REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", endpoint_at(row.url, keyed)).status == 200);
    const auto call = [&](const std::string& value) {
      return bench.gateway.post("/_inference/clip", R"({"input":"a",)" + task(row.name, value) + "}");
    };
    CHECK(call(row.good).status == 200);
    const auto refused = call(row.bad);
    CHECK(refused.status == 400);
    CHECK(reason(refused).find("make another endpoint for that server") != std::string::npos);
    const auto update = [&](const std::string& value) {
      return bench.gateway.put("/_inference/clip/_update", "{" + task(row.name, value) + "}");
    };
    CHECK(reason(update(row.bad)).find("make another endpoint for that server") != std::string::npos);
    CHECK(update(row.good).status == 200);
    REQUIRE(bench.gateway.remove("/_inference/clip").status == 200);
  }
  // A secret that is part of the host is one, too: the others would go where a new one says.
  REQUIRE(
      bench.gateway
          .put("/_inference/text_embedding/clip",
               endpoint_at("http://${other}", R"(,"headers":{"X-Key":"${api_key}"},"secret_parameters":{"api_key":)"
                                              R"("hush","other":")" +
                                                  bench.upstream.url("").substr(std::string("http://").size()) + "\"}"))
          .status == 200);
  CHECK(reason(bench.gateway.put("/_inference/clip/_update",
                                 R"({"service_settings":{"secret_parameters":{"other":")" + at_other + "\"}}}"))
            .find("make another endpoint for that server") != std::string::npos);
  CHECK(other.count() == 0);
  REQUIRE(bench.gateway.remove("/_inference/clip").status == 200);
  // Without secrets there is nothing to keep.
  REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", endpoint_at("${all:-" + bench.upstream.url() + "}"))
              .status == 200);
  CHECK(bench.gateway.post("/_inference/clip", R"({"input":"a",)" + task("all", other.url()) + "}").status == 200);
  CHECK(other.count() == 1);
}

TEST_CASE("a cluster that runs inference makes, shows, calls and deletes its own endpoints") {
  Bench bench;
  bench.gateway.native.on = true;
  bench.gateway.native.ids = {"theirs"};
  const std::string anything = R"({"query":"x","top_n":3)";  // not even JSON: the cluster's word counts
  bench.gateway.put("/_inference/rerank/theirs?timeout=5s", anything);
  bench.gateway.get("/_inference/theirs");
  bench.gateway.post("/_inference/rerank/theirs?timeout=5s", anything);
  bench.gateway.put("/_inference/rerank/theirs/_update", anything);
  bench.gateway.remove("/_inference/theirs?force=true");
  bench.gateway.get("/_inference/_services");
  bench.gateway.get("/_inference");
  REQUIRE(bench.passed.size() == 7);
  CHECK(bench.passed[0].body == anything);
  CHECK(bench.passed[0].query == "timeout=5s");
  CHECK(bench.passed[2].body == anything);
  CHECK(bench.upstream.count() == 0);
}

TEST_CASE("endpoints kept here stay here when the cluster can run inference too") {
  Bench bench;
  REQUIRE(bench.make().status == 200);
  bench.gateway.native.on = true;
  CHECK(parsed(bench.make())["error"]["type"] == "resource_already_exists_exception");
  CHECK(parsed(bench.gateway.get("/_inference/clip"))["endpoints"][0]["service"] == "custom");
  CHECK(bench.gateway.post("/_inference/clip", R"({"input":"abc"})").body ==
        R"({"text_embedding":[{"embedding":[3,1,0.5]}]})");
  CHECK(bench.passed.empty());
  const auto all = bench.gateway.get("/_inference/text_embedding/_all");
  REQUIRE(bench.passed.size() == 1);
  CHECK(bench.passed[0].path == "/_inference/text_embedding/_all");
  const auto list = parsed(all);
  REQUIRE(list["endpoints"].Size() == 2);
  CHECK(list["endpoints"][0]["inference_id"] == "clip");
  CHECK(list["endpoints"][0]["service"] == "custom");
  CHECK(list["endpoints"][1]["inference_id"] == "theirs");
  CHECK(list["endpoints"][1]["n"].GetDouble() == 1.5);
  bench.passed.clear();
  CHECK(bench.gateway.remove("/_inference/clip").status == 200);
  CHECK(bench.passed.empty());
}

TEST_CASE("a parameter that is not known here is refused for endpoints kept here, and left to the cluster else") {
  Bench bench;
  REQUIRE(bench.make().status == 200);
  bench.gateway.native.on = true;
  bench.gateway.native.ids = {"theirs"};
  const std::string text = R"({"input":"abc"})";
  for (const auto& response :
       {bench.gateway.put("/_inference/text_embedding/clip?new=1", bench.body()),
        bench.gateway.put("/_inference/clip/_update?new=1", bench.body()), bench.gateway.get("/_inference/clip?new=1"),
        bench.gateway.get("/_inference?new=1"), bench.gateway.post("/_inference/clip?new=1", text),
        bench.gateway.remove("/_inference/clip?new=1")}) {
    CHECK(response.status == 400);
    CHECK(response.body.find("contains unrecognized parameter: [new]") != std::string::npos);
  }
  CHECK(bench.passed.empty());
  bench.gateway.put("/_inference/text_embedding/theirs?new=1", bench.body());
  bench.gateway.put("/_inference/theirs/_update?new=1", bench.body());
  bench.gateway.get("/_inference/theirs?new=1");
  bench.gateway.post("/_inference/theirs?new=1", text);
  bench.gateway.remove("/_inference/theirs?new=1");
  REQUIRE(bench.passed.size() == 5);
  for (const auto& request : bench.passed) CHECK(request.query == "new=1");
}

TEST_CASE("an id that the cluster has as well is called there") {
  Bench bench;
  REQUIRE(bench.make().status == 200);
  const auto calls = bench.upstream.count();
  bench.gateway.native.on = true;
  bench.gateway.native.ids = {"clip"};
  bench.gateway.post("/_inference/clip", R"({"input":"abc"})");
  CHECK(bench.passed.size() == 1);
  CHECK(bench.upstream.count() == calls);
}

TEST_CASE("if the cluster runs no inference, it gets no request for an unknown id") {
  Bench bench;
  for (const auto& response : {bench.gateway.get("/_inference/nope"), bench.gateway.remove("/_inference/nope"),
                               bench.gateway.post("/_inference/nope", R"({"input":"x"})"),
                               bench.gateway.put("/_inference/nope/_update", "{}")}) {
    CHECK(response.status == 404);
    CHECK(reason(response) == "Inference endpoint not found [nope]");
  }
  CHECK(bench.gateway.get("/_inference").body == R"({"endpoints":[]})");
  CHECK(bench.passed.empty());
}

TEST_CASE("an update changes the settings that it names, is measured, and keeps the rest and the secrets") {
  Bench bench;
  REQUIRE(bench.make(std::string(k_secret) + R"(,"headers":{"X-Key":"${api_key} ${other}"})").status == 200);
  const auto updated = bench.gateway.put(
      "/_inference/text_embedding/clip/_update",
      R"({"service_settings":{"rate_limit":{"requests_per_minute":1999999999},"secret_parameters":{"api_key":"hush2"}}})");
  REQUIRE(updated.status == 200);
  const auto shown = parsed(updated);
  CHECK(shown["inference_id"] == "clip");
  CHECK(shown["service_settings"]["rate_limit"]["requests_per_minute"].GetInt() == 1999999999);
  CHECK(shown["service_settings"]["url"].GetString() == bench.upstream.url());
  CHECK(bench.upstream.requests().back().headers.get("X-Key") == "hush2 quiet");
  CHECK(bench.gateway.get("/_inference/clip").body == "{\"endpoints\":[" + updated.body + "]}");
  CHECK(updated.body.find("hush") == std::string::npos);
  CHECK(bench.store.source(".sightline", "endpoint:clip").find("hush") == std::string::npos);
  bench.gateway.post("/_inference/clip", R"({"input":"abc"})");
  CHECK(bench.upstream.requests().back().headers.get("X-Key") == "hush2 quiet");
}

TEST_CASE("an update keeps the parameters that it does not name") {
  Bench bench;
  const std::string request =
      R"({"service":"custom","task_settings":{"parameters":{"a":"1","b":2}},"service_settings":)"
      R"({"url":")" +
      bench.upstream.url() +
      R"(","headers":{"X-A":"${a}${c:-}"},"request":"{\"input\":${input},\"b\":${b}}",)"
      R"("response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},"rate_limit":{"requests_per_minute":2000000000}}})";
  REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", request).status == 200);
  const auto updated =
      bench.gateway.put("/_inference/clip/_update", R"({"task_settings":{"parameters":{"b":3,"c":"4"}}})");
  REQUIRE_MESSAGE(updated.status == 200, updated.body);
  CHECK(updated.body.find(R"("task_settings":{"parameters":{"a":"1","b":3,"c":"4"}})") != std::string::npos);
  CHECK(bench.upstream.requests().back().headers.get("X-A") == "14");
  CHECK(bench.gateway.put("/_inference/clip/_update", R"({"task_settings":null})").body == updated.body);
  CHECK(reason(bench.gateway.put("/_inference/clip/_update", R"({"task_settings":{"parameters":{"b":"${a}"}}})"))
            .find("holds a placeholder") != std::string::npos);
}

TEST_CASE("secret parameters that a service does not have are refused in updates, too") {
  Bench bench;
  const std::string settings = R"({"service":"openai","service_settings":{"url":")" + bench.upstream.url() +
                               R"(","model_id":"m","api_key":"k"}})";
  REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", settings).status == 200);
  const auto updated = bench.gateway.put("/_inference/text_embedding/clip/_update",
                                         R"({"service_settings":{"secret_parameters":{"a":"b"}}})");
  CHECK(updated.status == 400);
  CHECK(reason(updated).find("secret_parameters") != std::string::npos);
}

TEST_CASE("an update takes a timeout, which bounds the measuring call") {
  Bench bench;
  REQUIRE(bench.make().status == 200);
  for (const std::string timeout : {"?timeout=5s", "?timeout=500ms&master_timeout=1s"})
    CHECK(bench.gateway.put("/_inference/text_embedding/clip/_update" + timeout, "{}").status == 200);
  CHECK(reason(bench.gateway.put("/_inference/clip/_update?timeout=soon", "{}")).find("[timeout]") !=
        std::string::npos);
}

TEST_CASE("no request may set a parameter of the name of a secret") {
  Bench bench;
  const auto task = [](const std::string& name) {
    return R"({"input":"a","task_settings":{"parameters":{")" + name + R"(":"x"}}})";
  };
  REQUIRE(bench.make(k_secret).status == 200);
  const std::string shared =
      "Validation Failed: 1: [secret_parameters] and [task_settings.parameters] both contain [api_key], give it one of "
      "the names only;";
  const auto calls = bench.upstream.count();
  CHECK(reason(bench.gateway.post("/_inference/clip", task("api_key"))) == shared);
  CHECK(reason(bench.gateway.put("/_inference/clip/_update", R"({"task_settings":{"parameters":{"api_key":1}}})")) ==
        shared);
  CHECK(bench.upstream.count() == calls);
  CHECK(bench.gateway.post("/_inference/clip", task("another")).status == 200);
  // The other way round: a secret of the name of a parameter.
  REQUIRE(bench.gateway.put("/_inference/clip/_update", R"({"task_settings":{"parameters":{"late":1}}})").status ==
          200);
  CHECK(reason(
            bench.gateway.put("/_inference/clip/_update", R"({"service_settings":{"secret_parameters":{"late":"x"}}})"))
            .find("both contain [late]") != std::string::npos);
}

TEST_CASE("an update that cannot be called, or would give other vectors, changes nothing") {
  Bench bench;
  Upstream keyed([](const http::Request& request) {
    const bool wide = request.headers.get("X-Key") == "wide";
    return json_response(wide ? R"({"data":[{"embedding":[1,2,3,4]}]})" : R"({"data":[{"embedding":[1,2,3]}]})");
  });
  const auto keyed_endpoint = endpoint_at(keyed.url(), std::string(k_secret) + R"(,"headers":{"X-Key":"${api_key}"})");
  REQUIRE(bench.gateway.put("/_inference/text_embedding/clip", keyed_endpoint).status == 200);
  const auto before = bench.gateway.get("/_inference/clip").body;
  const auto fault = [&](const std::string& changes) {
    return reason(bench.gateway.put("/_inference/clip/_update", changes));
  };
  CHECK(fault(R"({"service_settings":{"secret_parameters":{"api_key":"wide"}}})").find("would now give [4]") !=
        std::string::npos);
  // The secrets were given for that address and that request.
  for (const std::string setting : {"url", "headers", "query_parameters", "request", "dimensions", "nope"}) {
    CHECK(fault(R"({"service_settings":{")" + setting + R"(":"x"}})") ==
          "[service_settings] [" + setting + "] cannot be updated: make another endpoint");
  }
  CHECK(fault(R"({"service":"openai"})") ==
        "[service] cannot be updated, only [service_settings], [task_settings] and [chunking_settings] can");
  CHECK(fault(R"({"service_settings":[]})").find("[service_settings]") != std::string::npos);
  CHECK(bench.gateway.put("/_inference/rerank/clip/_update", "{}").status == 400);
  CHECK(bench.gateway.get("/_inference/clip").body == before);
}

TEST_CASE("no error shows a secret") {
  Bench bench;
  const auto check = [&](const http::Response& response) {
    CHECK(response.status >= 400);
    CHECK_MESSAGE(response.body.find("hush") == std::string::npos, response.body);
    CHECK_MESSAGE(response.body.find("4711") == std::string::npos, response.body);
  };
  check(bench.make(R"(,"secret_parameters":{"pin":4711})"));
  check(bench.make(R"(,"secret_parameters":"hush")"));
  check(bench.make(R"(,"secret_parameters":["hush"])"));
  check(bench.gateway.put("/_inference/text_embedding/clip",
                          endpoint_at("${api_key}://host", R"(,"secret_parameters":{"api_key":"hush"})")));
  check(bench.gateway.put(
      "/_inference/text_embedding/clip",
      endpoint_at(bench.upstream.url("/?key=${api_key}"), R"(,"secret_parameters":{"api_key":"hush hush"})")));
  check(bench.gateway.put("/_inference/text_embedding/clip",
                          endpoint_at("http://" + std::string(300, 'a') + "/?key=${api_key}",
                                      R"(,"secret_parameters":{"api_key":"hush"})")));
  check(bench.make(R"(,"headers":{"A":"${api_key}"},"secret_parameters":{"api_key":"hush\nB: c"})"));
}

TEST_CASE("a text that looks like a placeholder is sent as it is, and a parameter is refused") {
  Bench bench;
  REQUIRE(bench.make(k_secret).status == 200);
  for (const std::string text : {"${api_key}", "a ${api_key:-x}", "${input}"}) {
    CHECK(bench.gateway.post("/_inference/clip", R"({"input":")" + text + "\"}").status == 200);
    CHECK(bench.upstream.requests().back().body.find(text) != std::string::npos);
  }
  const auto calls = bench.upstream.count();
  const auto refused =
      bench.gateway.post("/_inference/clip", R"({"input":"a","task_settings":{"parameters":{"p":"${api_key}"}}})");
  CHECK(refused.status == 400);
  CHECK(refused.body.find("holds a placeholder") != std::string::npos);
  CHECK(bench.upstream.count() == calls);
}

TEST_CASE("an inference server that repeats what it was sent shows no secret in an error") {
  Bench bench;
  Upstream echo([](const http::Request& request) {
    http::Response response;
    response.status = 400;
    response.body = std::string(request.headers.get("X-Key").value_or("")) + " was sent with " + request.body;
    return response;
  });
  const auto refused =
      bench.gateway.put("/_inference/text_embedding/clip",
                        endpoint_at(echo.url(), std::string(k_secret) + R"(,"headers":{"X-Key":"Bearer ${api_key}"})"));
  CHECK(refused.status >= 400);
  CHECK(refused.body.find("was sent with") != std::string::npos);
  CHECK(refused.body.find("[hidden]") != std::string::npos);
  CHECK(refused.body.find("hush") == std::string::npos);
}

// ---- semantic_text

TEST_CASE("semantic_text is refused where the cluster could not fill it, and accepted where it can") {
  Bench bench;
  REQUIRE(bench.make().status == 200);
  const std::string field = R"({"properties":{"a":{"properties":{"t":{"type":"semantic_text"}}}}})";
  const std::string ours = R"({"properties":{"t":{"type":"semantic_text","inference_id":"clip"}}})";
  const std::string ours_for_search =
      R"({"properties":{"t":{"type":"semantic_text","inference_id":"theirs","search_inference_id":"clip"}}})";
  const std::string theirs = R"({"properties":{"t":{"type":"semantic_text","inference_id":"theirs"}}})";
  const auto in_index = [](const std::string& mapping) { return "{\"mappings\":" + mapping + "}"; };
  const auto refused = [&](const std::string& target, const std::string& body) {
    const auto response = bench.gateway.put(target, body);
    const bool is_ours = response.body.find("use a [dense_vector] field with an ingest pipeline") != std::string::npos;
    if (is_ours) CHECK(response.status == 400);
    return is_ours;
  };
  for (const bool native : {false, true}) {
    CAPTURE(native);
    bench.gateway.native.on = native;
    CHECK(refused("/pics", in_index(ours)));
    CHECK(refused("/pics", in_index(ours_for_search)));
    CHECK(refused("/pics/_mapping", ours));
    CHECK(refused("/_index_template/x", "{\"template\":" + in_index(ours) + "}"));
    CHECK(refused("/_component_template/x", "{\"template\":" + in_index(ours) + "}"));
    CHECK(refused("/_template/x", in_index(ours)));
    CHECK(refused("/pics", in_index(R"({"dynamic_templates":[{"a":{"mapping":)" +
                                    std::string(R"({"type":"semantic_text","inference_id":"clip"}}}]})"))));
    CHECK(refused("/pics", in_index(field)) == !native);
    CHECK(refused("/pics/_mapping", theirs) == !native);
    CHECK(!refused("/pics", R"({"aliases":{"a":{"filter":{"term":{"type":"semantic_text"}}}}})"));
    CHECK(!refused("/pics", in_index(R"({"properties":{"semantic_text":{"type":"text"}}})")));
    CHECK(!refused("/pics", "{semantic_text"));
    CHECK(!refused("/pics/_doc/1", in_index(ours)));
    // Elasticsearch 9.5's type for pictures and texts.
    const std::string semantic = R"({"properties":{"p":{"type":"semantic","inference_id":"clip"}}})";
    CHECK(refused("/pics", in_index(semantic)));
    CHECK(refused("/_index_template/x", "{\"template\":" + in_index(semantic) + "}"));
    CHECK(reason(bench.gateway.put("/pics/_mapping", semantic)).starts_with("field [p] of type [semantic] cannot"));
    CHECK(refused("/pics", in_index(R"({"properties":{"p":{"type":"semantic","inference_id":"theirs",)"
                                    R"("search_inference_id":"clip"}}})")));
    CHECK(refused("/pics", in_index(R"({"properties":{"p":{"type":"semantic","inference_id":"theirs"}}})")) == !native);
    CHECK(!refused("/pics", in_index(R"({"_meta":{"type":"semantic"},"properties":{"semantic":{"type":"text"}}})")));
  }
}
