// Where pipelines are kept, what stands for them in the cluster, and trying them out.
#include <doctest/doctest.h>
#include <utility>

#include "base/cancellation.h"
#include "pipeline_bench.h"

using namespace sightline;
using namespace sightline::elastic;

// ---- what is kept where

TEST_CASE("pipelines without inference are the cluster's, in its own words") {
  PipelineBench gateway;
  CHECK(gateway.put("plain", set("a")).status == 200);
  CHECK(!gateway.keeps("plain"));
  CHECK(gateway.passed_on == 1);
  CHECK(reason(gateway.put("wrong", R"({"grok":{}})")) == "No processor type exists with name [grok]");
  CHECK(reason(gateway.call(http::Method::put, "/_ingest/pipeline/broken", "{")).find("Unexpected") !=
        std::string::npos);
  CHECK(gateway.passed_on == 3);
}

TEST_CASE("what the cluster does not accept of a pipeline that is kept here is refused in its words") {
  PipelineBench gateway;
  CHECK(reason(gateway.put("p", k_embed + R"(,{"grok":{"tag":"g"}})")) == "No processor type exists with name [grok]");
  CHECK(
      reason(gateway.put(
          "p",
          R"({"inference":{"model_id":"clip","if":"nonsense","input_output":{"input_field":"t","output_field":"v"}}})")) ==
      "compile error");
  CHECK(reason(gateway.put("p", k_embed, R"(,"on_failure":[{"set":{"field":"a"}}])")) ==
        "[value] required property is missing");
  CHECK(reason(gateway.put("p", R"({"inference":{"model_id":"clip"}})"))
            .starts_with("[clip] is configured for the _inference API"));
  CHECK(reason(gateway.put("p", k_embed + R"(,{"reroute":{}})")).starts_with("[reroute] cannot be"));
  CHECK(reason(gateway.put("p", R"({"foreach":{"field":"l","processor":)" + k_embed + "}}"))
            .starts_with("[foreach] cannot repeat"));
  CHECK(!gateway.keeps("p"));
}

TEST_CASE("models of a cluster that can do inference are left to it") {
  PipelineBench gateway;
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
  PipelineBench gateway;
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

  CHECK(reason(gateway.put("plain", k_embed)).starts_with("the cluster has a pipeline [plain] itself"));
  CHECK(gateway.put("own", set("a")).status == 200);
  CHECK(!gateway.keeps("own"));
  CHECK(parsed(gateway.get("/_ingest/pipeline/own"))["own"]["processors"][0].HasMember("set"));
}

TEST_CASE("a change that the cluster refuses leaves the pipeline that is kept here") {
  PipelineBench gateway;
  gateway.put("own", k_embed);
  CHECK(gateway.put("own", R"({"grok":{}})").status == 400);
  CHECK(gateway.keeps("own"));
}

TEST_CASE("pipelines are deleted where they are") {
  PipelineBench gateway;
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
std::string stand_in(PipelineBench& gateway, const std::string& name) {
  const auto all = parsed(gateway.cluster.handle(store_request({}, http::Method::get, "/_ingest/pipeline/" + name)));
  if (!all.HasMember(name.c_str())) return "none";
  const auto& processors = all[name.c_str()]["processors"];
  return processors.Empty() ? "empty" : processors[0].MemberBegin()->name.GetString();
}

/// Answers every request to put a pipeline into the cluster.
void answer_puts(PipelineBench& gateway, const ElasticError& error) {
  gateway.cluster.on_request = [error](const http::Request& request) -> std::optional<http::Response> {
    const bool puts = request.method == http::Method::put && request.path.starts_with("/_ingest/pipeline/");
    return puts ? std::optional(error.response()) : std::nullopt;
  };
}

}  // namespace

TEST_CASE("a pipeline that is kept here has a guard in the cluster, which is never shown") {
  PipelineBench gateway;
  const auto response = gateway.put("own", k_embed);
  CHECK(response.status == 200);
  CHECK_FALSE(response.headers.get("Warning"));
  CHECK(stand_in(gateway, "own") == "remove");
  CHECK(std::string(parsed(gateway.get("/_ingest/pipeline"))["own"]["processors"][0].MemberBegin()->name.GetString()) ==
        "inference");
  CHECK(gateway.put("own", k_embed + "," + set("a")).status == 200);
  CHECK(gateway.call(http::Method::delete_, "/_ingest/pipeline/own").status == 200);
  CHECK(stand_in(gateway, "own") == "none");
}

TEST_CASE("a guard that was not there when the pipeline was stored comes when it is stored again") {
  PipelineBench gateway;
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
  PipelineBench gateway;
  answer_puts(gateway, {503, "master_not_discovered_exception", "no master"});
  CHECK(gateway.put("own", k_embed).status == 503);
  CHECK_FALSE(gateway.keeps("own"));
}

TEST_CASE("a pipeline that is refused leaves no guard behind, and one that the cluster has is left alone") {
  PipelineBench gateway;
  CHECK(gateway.call(http::Method::put, "/_ingest/pipeline/own?if_version=1", "{\"processors\":[" + k_embed + "]}")
            .status == 400);
  CHECK(stand_in(gateway, "own") == "none");
  gateway.put("plain", set("a"));
  CHECK(*gateway.stubs.ensure({}, "plain", true) == PipelineStubs::InCluster::pipeline);
  CHECK(reason(gateway.put("plain", k_embed)).starts_with("the cluster has a pipeline [plain] itself"));
  CHECK(!gateway.stubs.remove({}, "plain"));
  CHECK(gateway.get("/_ingest/pipeline/plain").status == 200);
}

TEST_CASE("whatever ends the storing of a pipeline, no guard stays without one") {
  PipelineBench gateway;
  const std::string definition = "/.sightline/_create/pipeline%3Aown";
  const auto end_at = [&](const std::string& path, std::function<http::Response()> answer) {
    gateway.cluster.on_request = [path, answer](const http::Request& request) -> std::optional<http::Response> {
      if (request.path == path && request.method == http::Method::put) return answer();
      return {};
    };
  };
  SUBCASE("the index cannot be created") {
    gateway.cluster.on_request = [](const http::Request& request) -> std::optional<http::Response> {
      if (request.path != "/.sightline" || request.method != http::Method::head) return {};
      return ElasticError{503, "unavailable_shards_exception", "busy"}.response();
    };
    gateway.cluster.documents.instead = [](const http::Request& request) -> std::optional<http::Response> {
      if (request.path != "/.sightline" || request.method != http::Method::put) return {};
      return ElasticError{503, "unavailable_shards_exception", "busy"}.response();
    };
    CHECK(gateway.put("own", k_embed).status == 503);
  }
  SUBCASE("the definition is refused") {
    end_at(definition, [] { return ElasticError{503, "unavailable_shards_exception", "busy"}.response(); });
    CHECK(gateway.put("own", k_embed).status == 503);
  }
  SUBCASE("the client leaves") {
    const auto client = std::make_shared<Cancellation>();
    const CancellationScope scope(client);
    end_at(definition, [client]() -> http::Response {
      client->cancel(CancelReason::client_left);
      check_cancelled();
      return {};
    });
    CHECK_THROWS_AS(gateway.put("own", k_embed), WorkCancelled);
  }
  SUBCASE("the client leaves while the guard is made") {
    const auto client = std::make_shared<Cancellation>();
    const CancellationScope scope(client);
    bool made = false;
    gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
      const bool is_it = request.path == "/_ingest/pipeline/own" && request.method == http::Method::put;
      if (!is_it || std::exchange(made, true)) return {};
      auto answer = gateway.cluster.handle(request);
      client->cancel(CancelReason::client_left);
      check_cancelled();
      return answer;
    };
    CHECK_THROWS_AS(gateway.put("own", k_embed), WorkCancelled);
    CHECK(made);
  }
  gateway.cluster.on_request = {};
  gateway.cluster.documents.instead = {};
  CHECK(!gateway.keeps("own"));
  CHECK(stand_in(gateway, "own") == "none");
  CHECK(gateway.put("own", k_embed).status == 200);
  CHECK(stand_in(gateway, "own") == "remove");
}

TEST_CASE("a definition that was stored though its answer was lost keeps its guard") {
  PipelineBench gateway;
  gateway.cluster.on_request = [&](const http::Request& request) -> std::optional<http::Response> {
    if (request.path != "/.sightline/_create/pipeline%3Aown") return {};
    gateway.cluster.documents.handle(request);
    return ElasticError{502, "connection_closed_exception", "lost"}.response();
  };
  CHECK(gateway.put("own", k_embed).status == 502);
  gateway.cluster.on_request = {};
  CHECK(gateway.keeps("own"));
  CHECK(stand_in(gateway, "own") == "remove");
}

TEST_CASE("a pipeline with flexible fields is the cluster's, or refused if it needs the gateway") {
  PipelineBench gateway;
  const std::string flexible = R"(,"field_access_pattern":"flexible")";
  CHECK(
      reason(gateway.put("own", k_embed, flexible)).starts_with("pipeline [own] doesn't support value of [flexible]"));
  CHECK(!gateway.keeps("own"));
  CHECK(stand_in(gateway, "own") == "none");
  CHECK(gateway.passed_on == 0);
  const auto tried = gateway.call(
      http::Method::post, "/_ingest/pipeline/_simulate",
      "{\"pipeline\":{\"processors\":[" + k_embed + "]" + flexible + R"(},"docs":[{"_source":{"t":"hi"}}]})");
  CHECK(tried.status == 400);
  CHECK(gateway.put("own", k_embed, R"(,"field_access_pattern":"classic")").status == 200);
  gateway.put("plain", set("a"), flexible);
  CHECK(gateway.passed_on == 1);
}

TEST_CASE("a summary of pipelines has their names only") {
  PipelineBench gateway;
  gateway.put("own", k_embed);
  CHECK(gateway.get("/_ingest/pipeline/own?summary=true").body == R"({"own":{}})");
  CHECK(gateway.get("/_ingest/pipeline/own?summary=false").body.find("inference") != std::string::npos);
  CHECK(gateway.get("/_ingest/pipeline/own?summary=x").status == 400);
  FrontBench bench;
  bench.set_up();
  CHECK(bench.get("/_ingest/pipeline?summary").body == R"({"embed":{}})");
  CHECK(bench.get("/_ingest/pipeline/e*?summary=true").body == R"({"embed":{}})");
  CHECK(bench.get("/_ingest/pipeline/nope?summary=true").status == 404);
}

// ---- versions and parameters

TEST_CASE("if_version is compared with the version of a pipeline that is kept here, and counts it up") {
  PipelineBench gateway;
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
  CHECK(put("1") == "400 version conflict, required version [1] for pipeline [p] but current version is [null]");
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
  PipelineBench gateway;
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
  PipelineBench gateway;
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
