// Endpoints and pipelines kept in a store that several fronts share.
#include <doctest/doctest.h>
#include <thread>
#include <vector>

#include "definition_bench.h"
#include "front_bench.h"
#include "server/elastic/embedded/embedded_store.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

const std::string k_key(64, 'a'), k_other_key(64, 'b');
const char* const k_header =
    R"(,"headers":{"Authorization":"Bearer ${api_key}"},"secret_parameters":{"api_key":"hush-hush"})";

/// An embedded store in a folder that is gone with the test.
struct EmbeddedStore {
  TemporaryFolder folder;
  std::unique_ptr<Store> store = std::move(*open_embedded_store(folder.path()));
};

std::string stored(MemoryStore& store) {
  return store.source(".sightline", "endpoint:clip");
}

bool shows_secret(const http::Response& response) {
  return response.body.find("hush") != std::string::npos;
}

Refusal put(DefinitionIndex& index, DefinitionIndex::Kind kind, const std::string& name, const std::string& config) {
  return index.change({}, kind, name, [&](const auto*) -> Answer<DefinitionIndex::Content> {
    return DefinitionIndex::Content{config};
  });
}

}  // namespace

TEST_CASE("secrets are sealed in the cluster, shown nowhere, and used in calls") {
  Upstream upstream;
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront one(store, k_key), two(store, k_key);
  const auto made = one.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header));
  REQUIRE(made.status == 200);
  CHECK(stored(store).find("hush") == std::string::npos);
  CHECK(stored(store).find("api_key") != std::string::npos);  // the template, which is in clear
  CHECK(stored(store).find(R"("secrets":"v1:)") != std::string::npos);
  for (const auto& request : store.requests) CHECK(request.body.find("hush") == std::string::npos);
  CHECK(!shows_secret(made));
  CHECK(!shows_secret(two.get("/_inference/clip")));
  CHECK(!shows_secret(two.get("/_inference")));
  const auto answer = two.post("/_inference/clip", R"({"input":"abc"})");
  CHECK(answer.body == R"({"text_embedding":[{"embedding":[3,1,0.5]}]})");
  CHECK(upstream.requests().back().headers.get("Authorization") == "Bearer hush-hush");
}

TEST_CASE("without a key a cluster is given no secret, and endpoints without secrets work") {
  Upstream upstream;
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront gateway(store);
  const auto refused = gateway.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header));
  CHECK(refused.status == 400);
  CHECK(reason(refused).find("openssl rand -hex 32 > FILE") != std::string::npos);
  CHECK(reason(refused).find("--secret-key-file FILE") != std::string::npos);
  CHECK(!shows_secret(refused));
  CHECK(upstream.count() == 0);
  for (const auto& request : store.requests) CHECK(request.body.find("hush") == std::string::npos);
  CHECK(gateway.put("/_inference/text_embedding/clip", endpoint_at(upstream.url())).status == 200);
  CHECK(gateway.post("/_inference/clip", R"({"input":"abc"})").status == 200);
}

TEST_CASE("a lost key is reported when the endpoint is used; the endpoint can still be shown and deleted") {
  Upstream upstream;
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront before(store, k_key);
  REQUIRE(before.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header)).status == 200);
  const auto calls = upstream.count();
  GatewayFront keyless(store), other(store, k_other_key);
  for (GatewayFront* gateway : {&keyless, &other}) {
    const auto failed = gateway->post("/_inference/clip", R"({"input":"abc"})");
    CHECK(failed.status == 500);
    CHECK(reason(failed).find("inference endpoint [clip] cannot be read") != std::string::npos);
    CHECK(reason(failed).find("--secret-key-file") != std::string::npos);
    CHECK(reason(failed).find("delete the endpoint and create it again") != std::string::npos);
    CHECK(gateway->get("/_inference/clip").body == before.get("/_inference/clip").body);
    CHECK(gateway->get("/_inference").status == 200);
  }
  CHECK(upstream.count() == calls);
  GatewayFront rotated(store, k_other_key + "\n" + k_key);
  CHECK(rotated.post("/_inference/clip", R"({"input":"abc"})").status == 200);
  CHECK(other.remove("/_inference/clip").status == 200);
  CHECK(other.get("/_inference/clip").status == 404);
  CHECK(other.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header)).status == 200);
  CHECK(other.post("/_inference/clip", R"({"input":"abc"})").status == 200);
}

TEST_CASE("sealed secrets open for no other endpoint and no other url") {
  Upstream upstream, thief;
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront gateway(store, k_key);
  REQUIRE(gateway.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header)).status == 200);
  std::string moved = stored(store);
  moved.replace(moved.find(R"("name":"clip")"), 13, R"("name":"mine")");
  std::string redirected = stored(store);
  const std::string port = upstream.url("").substr(upstream.url("").rfind(':'));
  redirected.replace(redirected.find(port), port.size(), thief.url("").substr(thief.url("").rfind(':')));
  store.indices[".sightline"]["endpoint:mine"] = moved;
  store.indices[".sightline"]["endpoint:clip"] = redirected;
  GatewayFront fresh(store, k_key);
  CHECK(fresh.post("/_inference/mine", R"({"input":"abc"})").status == 500);
  CHECK(fresh.post("/_inference/clip", R"({"input":"abc"})").status == 500);
  CHECK(thief.count() == 0);
}

TEST_CASE("an embedded store without a key keeps secrets in clear, and with one opens what is there") {
  Upstream upstream;
  EmbeddedStore local;
  {
    GatewayFront keyless(*local.store);
    REQUIRE(keyless.put("/_inference/text_embedding/clip", endpoint_at(upstream.url(), k_header)).status == 200);
    CHECK(keyless.post("/_inference/clip", R"({"input":"abc"})").status == 200);
  }
  GatewayFront keyed(*local.store, k_key);
  CHECK(keyed.post("/_inference/clip", R"({"input":"abc"})").status == 200);
  CHECK(upstream.requests().back().headers.get("Authorization") == "Bearer hush-hush");
}

TEST_CASE("if two fronts put one endpoint, one wins and the other gets an error") {
  Upstream upstream;
  EmbeddedStore local;
  GatewayFront one(*local.store, k_key), two(*local.store, k_key);
  http::Response answers[2];
  upstream.hold();  // both have been measured before either is stored
  std::thread first(
      [&] { answers[0] = one.put("/_inference/text_embedding/clip", endpoint_at(upstream.url("/one"), k_header)); });
  std::thread second(
      [&] { answers[1] = two.put("/_inference/text_embedding/clip", endpoint_at(upstream.url("/two"), k_header)); });
  CHECK(upstream.wait_for_held(2));
  upstream.release();
  first.join(), second.join();
  const int winner = answers[0].status == 200 ? 0 : 1;
  CHECK(answers[winner].status == 200);
  CHECK(answers[1 - winner].status == 400);
  CHECK(parsed(answers[1 - winner])["error"]["type"] == "resource_already_exists_exception");
  CHECK(one.get("/_inference/clip").body == "{\"endpoints\":[" + answers[winner].body + "]}");
}

TEST_CASE("another front sees a change after a second, when it reads again") {
  Upstream upstream;
  EmbeddedStore local;
  GatewayFront one(*local.store), two(*local.store);
  const std::string infer = R"({"input":"abc"})";
  CHECK(two.post("/_inference/clip", infer).status == 404);
  REQUIRE(one.put("/_inference/text_embedding/clip", endpoint_at(upstream.url())).status == 200);
  two.timer.advance(std::chrono::milliseconds(999));
  CHECK(two.post("/_inference/clip", infer).status == 404);
  two.timer.advance(std::chrono::milliseconds(1));
  CHECK(two.post("/_inference/clip", infer).status == 200);
  CHECK(one.remove("/_inference/clip").status == 200);
  CHECK(one.post("/_inference/clip", infer).status == 404);
  two.timer.advance(std::chrono::seconds(1));
  CHECK(two.post("/_inference/clip", infer).status == 404);
}

TEST_CASE("changes that many fronts make at once are all made, and the first date stays") {
  EmbeddedStore local;
  DefinitionIndex index(*local.store);
  const auto kind = DefinitionIndex::Kind::pipeline;
  REQUIRE(!put(index, kind, "count", "0"));
  const auto created = (*index.get({}, kind, "count"))->created;
  std::vector<std::thread> threads;
  constexpr int k_threads = 4, k_changes = 10;
  for (int i = 0; i < k_threads; ++i) {
    threads.emplace_back([&] {
      DefinitionIndex own(*local.store);
      for (int made = 0; made < k_changes;) {
        const Refusal refusal = own.change({}, kind, "count", [](const DefinitionIndex::Definition* old) {
          return Answer<DefinitionIndex::Content>({std::to_string(std::stoi(old->config) + 1)});
        });
        if (!refusal) ++made;
        if (refusal && refusal->status != 409) return;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto kept = index.get({}, kind, "count");
  REQUIRE(kept);
  CHECK((*kept)->config == std::to_string(k_threads * k_changes));
  CHECK((*kept)->created == created);
}

TEST_CASE("a change is made again on what another front wrote in between, and gives up with a conflict") {
  MemoryStore store;
  DefinitionIndex index(store), other(store);
  const auto kind = DefinitionIndex::Kind::pipeline;
  int calls = 0;
  REQUIRE(!put(index, kind, "p", "1"));
  const auto append = [&](const DefinitionIndex::Definition* old) {
    if (++calls == 1) CHECK(!put(other, kind, "p", "2"));
    return Answer<DefinitionIndex::Content>({old->config + "3"});
  };
  CHECK(!index.change({}, kind, "p", append));
  CHECK((*index.get({}, kind, "p"))->config == "23");
  CHECK(calls == 2);
  const auto always_late = [&](const DefinitionIndex::Definition* old) {
    CHECK(!put(other, kind, "p", old->config + "4"));
    return Answer<DefinitionIndex::Content>({"0"});
  };
  const auto refusal = index.change({}, kind, "p", always_late);
  REQUIRE(refusal);
  CHECK(refusal->status == 409);
  CHECK((*index.get({}, kind, "p"))->config.starts_with("234"));
}

TEST_CASE("a definition that could not be found or read again is refused") {
  MemoryStore store;
  DefinitionIndex index(store);
  for (const auto kind : {DefinitionIndex::Kind::pipeline, DefinitionIndex::Kind::endpoint}) {
    const auto made = index.create({}, kind, "p", {R"({"a":1,"a":2})"});
    REQUIRE(!made);
    CHECK(made.error().status == 400);
    CHECK(made.error().reason.find("could not be read again: ") != std::string::npos);
    CHECK(put(index, kind, "p", "{")->status == 400);
    CHECK(put(index, kind, "\xFF", "{}")->reason.ends_with("must be UTF-8"));
    CHECK(!put(index, kind, "p", "{}"));
  }
}

TEST_CASE("the index is hidden, copied where there is a second node, and maps nothing by itself") {
  MemoryStore store;
  GatewayFront gateway(store);
  REQUIRE(gateway.put("/_ingest/pipeline/p", R"({"processors":[]})").status == 200);
  CHECK(store.index_settings[".sightline"] == R"({"hidden":true,"number_of_shards":1,"auto_expand_replicas":"0-1"})");
  std::string body;
  for (const auto& request : store.seen("/.sightline")) body += request.body;
  CHECK(body.find(R"("dynamic":false)") != std::string::npos);
}

TEST_CASE("a store that cannot tell is an error, and never an endpoint or a pipeline that is not there") {
  Upstream upstream;
  MemoryStore store;
  store.is_cluster = true;
  struct Case {
    int status;
    std::string body, expected;
  };
  const std::vector<Case> cases = {
      {503, R"({"error":{"type":"no_shard_available_action_exception","reason":"red"},"status":503})",
       "which stores inference endpoints and ingest pipelines, does not answer: red"},
      {502, "bad gateway", "the store answered with status 502"},
      {404, "<html>who are you</html>", "the store answered with status 404"},
      {401, R"({"error":{"type":"security_exception","reason":"no token"},"status":401})", "no token"},
      {403, R"({"error":{"type":"security_exception","reason":"not yours"},"status":403})",
       "not yours; inference endpoints and ingest pipelines are stored in the index [.sightline], on which the "
       "caller needs the privileges [read]"},
      {429, R"({"error":{"type":"circuit_breaking_exception","reason":"full"},"status":429})", "full"},
      {200, R"({"hits":)", "cannot be read"}};
  for (const auto& one : cases) {
    GatewayFront gateway(store);
    store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
      if (!request.path.starts_with("/.sightline")) return {};
      return json_response(one.body, one.status);
    };
    CAPTURE(one.status);
    const int status = one.status == 200 ? 500 : one.status;
    for (const auto& response :
         {gateway.get("/_inference/clip"), gateway.get("/_inference"), gateway.remove("/_inference/clip"),
          gateway.post("/_inference/clip", R"({"input":"a"})"),
          gateway.put("/_inference/text_embedding/clip/_update", "{}")}) {
      CHECK(response.status == status);
      CHECK_MESSAGE(reason(response).find(one.expected) != std::string::npos, reason(response));
    }
  }
}

TEST_CASE("a list that is not whole is an error") {
  MemoryStore store;
  DefinitionIndex index(store);
  const auto kind = DefinitionIndex::Kind::endpoint;
  store.instead = [&](const http::Request&) -> std::optional<http::Response> {
    return json_response(R"({"hits":{"total":{"value":10001},"hits":[]}})");
  };
  CHECK(index.list({}, kind).error().reason.find("more than 10000") != std::string::npos);
  store.instead = [&](const http::Request&) -> std::optional<http::Response> {
    return json_response(R"({"_shards":{"failed":1},"hits":{"total":{"value":0},"hits":[]}})");
  };
  CHECK(index.list({}, kind).error().status == 503);
}

TEST_CASE("more definitions than can be listed are refused when they are added, and each is still read by its name") {
  MemoryStore store;
  Upstream upstream;
  GatewayFront front(store);
  const std::string pipeline = R"({"processors":[]})", url = endpoint_at(upstream.url());
  REQUIRE(front.put("/_ingest/pipeline/old", pipeline).status == 200);
  REQUIRE(front.put("/_inference/text_embedding/old", url).status == 200);
  int most = 10'000;
  store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
    if (request.path != "/.sightline/_search") return {};
    return json_response("{\"hits\":{\"total\":{\"value\":" + std::to_string(most) + "},\"hits\":[]}}");
  };
  for (const auto& response :
       {front.put("/_ingest/pipeline/new", pipeline), front.put("/_inference/text_embedding/new", url)}) {
    CHECK(response.status == 400);
    CHECK(reason(response).find("[10000] definitions of this kind, and the limit is [10000]") != std::string::npos);
  }
  CHECK(store.source(".sightline", "pipeline:new").empty());
  CHECK(store.source(".sightline", "endpoint:new").empty());
  CHECK(front.put("/_ingest/pipeline/old", R"({"description":"x","processors":[]})").status == 200);
  CHECK(reason(front.put("/_inference/text_embedding/old", url)).find("limit") == std::string::npos);
  most = 10'001;  // stored by an earlier version
  CHECK(front.get("/_ingest/pipeline").status == 500);
  CHECK(parsed(front.get("/_ingest/pipeline/old")).MemberCount() == 1);
  CHECK(parsed(front.get("/_ingest/pipeline/none,old,old")).MemberCount() == 1);
  CHECK(front.get("/_ingest/pipeline/none").status == 404);
  most = 9'999;
  CHECK(front.put("/_ingest/pipeline/new", pipeline).status == 200);
  CHECK(front.put("/_inference/text_embedding/new", url).status == 200);
  std::string names = "old";
  for (int i = 0; i < 1'024; ++i) names += ",old";
  CHECK(reason(front.get("/_ingest/pipeline/" + names)).find("--elasticsearch-max-patterns") != std::string::npos);
}

TEST_CASE("the caller's credentials go to the store, and into no answer") {
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront gateway(store);
  Caller caller;
  caller.headers.set("Authorization", "ApiKey top-secret");
  store.instead = [&](const http::Request& request) -> std::optional<http::Response> {
    CHECK(request.headers.get("Authorization") == "ApiKey top-secret");
    return json_response(R"({"error":{"type":"security_exception","reason":"no"},"status":403})", 403);
  };
  for (const auto method : {http::Method::get, http::Method::delete_}) {
    const auto response = gateway.call(method, "/_inference/clip", "", caller);
    CHECK(response.status == 403);
    CHECK(response.body.find("top-secret") == std::string::npos);
  }
}
