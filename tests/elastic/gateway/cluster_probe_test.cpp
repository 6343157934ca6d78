// What a cluster can do by itself, by what it answers.
#include "server/elastic/gateway/cluster_probe.h"

#include <doctest/doctest.h>
#include <map>

#include "server/elastic/definitions/definition_index.h"
#include "tests/base/manual_timer.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// A cluster by its answers; it counts what it is asked.
class Described : public Store {
 public:
  http::Response handle(const http::Request& request) override {
    ++asked[request.path];
    if (request.headers.get("Authorization") == "nobody")
      return ElasticError{403, "security_exception", "no"}.response();
    const auto found = answers.find(request.path);
    if (found != answers.end()) return json_response(found->second);
    return ElasticError{status, "some_exception", "no handler"}.response();
  }
  std::map<std::string, std::string> answers;
  std::map<std::string, int> asked;
  int status = 404;
};

struct Bench {
  explicit Bench(const std::string& version = "9.1.0", const std::string& licence = "enterprise",
                 const std::string& status = "active", GatewayMode mode = GatewayMode::automatic)
      : probe(cluster, timer, mode) {
    cluster.answers["/"] = R"({"version":{"number":")" + version + R"(","build_flavor":"default"}})";
    cluster.answers["/_license"] =
        R"({"license":{"status":")" + status + R"(","uid":"u","type":")" + licence + R"("}})";
    cluster.answers["/_inference/_all"] = R"({"endpoints":[]})";
  }
  Described cluster;
  ManualTimer timer;
  ClusterProbe probe;
};

Caller caller(const char* authorization) {
  Caller made;
  made.headers.add("Authorization", authorization);
  return made;
}

}  // namespace

TEST_CASE("inference is the cluster's where version, licence and API allow it") {
  for (const char* version : {"8.19.0", "8.20.1", "9.1.0", "9.2.0-SNAPSHOT", "10.0.0"})
    CHECK_MESSAGE(Bench(version).probe.available({}), version);
  for (const char* version : {"7.17.29", "8.18.9", "9.0.4", "", "nine"})
    CHECK_MESSAGE(!Bench(version).probe.available({}), version);
  CHECK(Bench("9.2.0", "trial").probe.available({}));
  for (const char* licence : {"basic", "gold", "platinum"})
    CHECK_MESSAGE(!Bench("9.2.0", licence).probe.available({}), licence);
  CHECK(!Bench("9.2.0", "trial", "expired").probe.available({}));
  Bench without_api;
  without_api.cluster.answers.erase("/_inference/_all");
  CHECK(!without_api.probe.available({}));
  CHECK(!Bench("9.2.0", "enterprise", "active", GatewayMode::always).probe.available({}));
}

TEST_CASE("a serverless cluster gets no request except for its API") {
  Bench bench("8.11.0");
  bench.cluster.answers["/"] = R"({"version":{"number":"8.11.0","build_flavor":"serverless"}})";
  bench.cluster.answers.erase("/_license");
  CHECK(bench.probe.available({}));
}

TEST_CASE("the reason names what is missing") {
  CHECK(Bench("8.17.1").probe.findings({}).reason.find("8.17.1") != std::string::npos);
  CHECK(Bench("9.2.0", "basic").probe.findings({}).reason.find("basic") != std::string::npos);
  Bench down;
  down.cluster.answers.clear();
  down.cluster.status = 503;
  CHECK(!down.probe.findings({}).reachable);
  CHECK(down.probe.findings({}).reason == "no handler");
  const auto told = Bench("9.2.0", "enterprise", "active", GatewayMode::always).probe.findings({});
  CHECK(told.version == "9.2.0");
  CHECK(told.licence == "enterprise");
  CHECK(told.reachable);
}

TEST_CASE("findings are kept for a minute, and those of a cluster that is down for seconds") {
  Bench bench;
  for (int i = 0; i < 3; ++i) CHECK(bench.probe.available({}));
  CHECK(bench.cluster.asked["/"] == 1);
  Bench down;
  down.cluster.answers.clear();
  down.cluster.status = 503;
  CHECK(!down.probe.available({}));
  CHECK(!down.probe.available({}));
  CHECK(down.cluster.asked["/"] == 1);
  down.timer.advance(std::chrono::seconds(6));
  CHECK(!down.probe.available({}));
  CHECK(down.cluster.asked["/"] == 2);
}

TEST_CASE("a cluster that does not answer for a moment counts as what it was") {
  Bench bench;
  REQUIRE(bench.probe.available({}));
  const auto answers = bench.cluster.answers;
  bench.timer.advance(std::chrono::seconds(61));
  for (const int status : {503, 429}) {
    for (const char* path : {"/", "/_license", "/_inference/_all"}) {
      CAPTURE(path);
      bench.cluster.answers = answers;
      bench.cluster.answers.erase(path);
      bench.cluster.status = status;
      const int before = bench.cluster.asked["/"];
      CHECK(bench.probe.available({}));
      CHECK(bench.probe.available({}));
      CHECK(bench.cluster.asked["/"] == before + 1);
      CHECK(!bench.probe.available(caller("another")));
      bench.timer.advance(std::chrono::seconds(6));
    }
  }
  CHECK(!bench.probe.findings({}).native);  // the page of the gateway shows what is now
  bench.timer.advance(std::chrono::seconds(6));
  bench.cluster.answers = answers;
  bench.cluster.answers.erase("/_inference/_all");
  bench.cluster.status = 404;
  CHECK(!bench.probe.available({}));  // it has said so
  bench.timer.advance(std::chrono::seconds(61));
  bench.cluster.status = 503;
  CHECK(!bench.probe.available({}));
}

TEST_CASE("what one caller may see is not shown to another") {
  Bench bench;
  CHECK(bench.probe.available(caller("somebody")));
  CHECK(!bench.probe.available(caller("nobody")));
  CHECK(bench.probe.available(caller("somebody")));
}

TEST_CASE("the cluster knows its endpoints and its trained models, and patterns name none") {
  Bench bench;
  bench.cluster.answers["/_inference/clip"] = R"({"endpoints":[{}]})";
  bench.cluster.answers["/_ml/trained_models/lang%2Fident/_stats"] = R"({"count":1})";
  bench.cluster.answers["/_ml/trained_models/%2A/_stats"] = R"({"count":1})";
  CHECK(*bench.probe.knows({}, "clip"));
  CHECK(*bench.probe.knows({}, "lang/ident"));
  CHECK(!*bench.probe.knows({}, "other"));
  CHECK(!*bench.probe.knows({}, "*"));
  CHECK(!*bench.probe.knows({}, ""));
  CHECK(*bench.probe.knows({}, "clip"));
  CHECK(bench.cluster.asked["/_inference/clip"] == 1);
  bench.timer.advance(std::chrono::seconds(2));
  CHECK(*bench.probe.knows({}, "clip"));
  CHECK(bench.cluster.asked["/_inference/clip"] == 2);
}

TEST_CASE("endpoints that the licence does not cover are not the cluster's; its trained models are") {
  Bench bench("9.2.0", "basic");
  bench.cluster.answers["/_inference/clip"] = R"({"endpoints":[{}]})";
  bench.cluster.answers["/_ml/trained_models/lang_ident/_stats"] = R"({"count":1})";
  CHECK(!*bench.probe.knows({}, "clip"));
  CHECK(*bench.probe.knows({}, "lang_ident"));
}

TEST_CASE("whether the cluster has an endpoint is an error while it cannot be reached") {
  Bench bench;
  REQUIRE(bench.probe.available({}));
  bench.cluster.answers.clear();
  bench.cluster.status = 503;
  const auto known = bench.probe.knows({}, "clip");
  REQUIRE(!known.ok());
  CHECK(known.error().status == 503);
}
