#include "server/web/projection/projections.h"

#include <doctest/doctest.h>
#include <future>
#include <rapidjson/document.h>
#include <set>

#include "base/cancellation.h"
#include "tests/web/projection/fake_elasticsearch.h"

using namespace sightline;
using namespace sightline::web;

namespace {

/// The answer, or the refusal's code.
std::string ask(Projections& projections, const ProjectionRequest& request, const std::string& key = {}) {
  elastic::Caller caller;
  if (!key.empty()) caller.headers.add("Authorization", key);
  std::promise<Projections::Answer> promise;
  projections.answer(request, caller, [&](Projections::Answer answer) { promise.set_value(std::move(answer)); });
  auto answer = promise.get_future().get();
  return std::holds_alternative<std::string>(answer) ? std::get<std::string>(answer)
                                                     : std::get<ReadRefusal>(answer).code;
}

ProjectionRequest request_for(std::size_t max = 5'000) {
  return {"pictures", "v", max, ProjectionRequest::Method::tsne};
}

std::string refusal_of(const std::string& index, const std::string& query) {
  http::Request request;
  request.query = query;
  auto read = read_projection_request(index, request);
  return std::holds_alternative<ReadRefusal>(read) ? std::get<ReadRefusal>(read).message : "";
}

}  // namespace

TEST_CASE("requests are read, and what they cannot say is refused by name") {
  http::Request request;
  request.query = "field=a.b&max=20000&method=pca";
  auto read = read_projection_request("clip-images", request);
  REQUIRE(std::holds_alternative<ProjectionRequest>(read));
  const auto& asked = std::get<ProjectionRequest>(read);
  CHECK(asked.field == "a.b");
  CHECK(asked.max == 20'000);
  CHECK(asked.method == ProjectionRequest::Method::pca);
  for (const char* name : {"", "*", "a*", "a,b", "a/b", "_all", "_search", "-a", "+a", "a b", "a?b", "<now>"})
    CHECK(refusal_of(name, "").find("is not the name of one index") != std::string::npos);
  for (const char* max : {"max=0", "max=20001", "max=-1", "max=", "max=1e3", "max=99999999999999999999"})
    CHECK(refusal_of("a", max).find("is not a number from 1 to 20000") != std::string::npos);
  CHECK(refusal_of("a", "method=umap").find("neither tsne nor pca") != std::string::npos);
  CHECK(refusal_of("a", "fields=v").find("unknown parameter [fields]") != std::string::npos);
}

TEST_CASE("the answer has a point for each document, whatever its name") {
  FakeElasticsearch cluster;
  cluster.add(30);
  cluster.documents[0].name = "\"quoted\" \\ <script>\n\xF0\x9F\x98\x80.jpg";
  cluster.documents[1].id = "\" id } \xE2\x80\xA8";
  Projections projections(cluster.ask());
  rapidjson::Document answer;
  answer.Parse(ask(projections, request_for()).c_str());
  REQUIRE(answer.IsObject());
  CHECK(answer["index"].GetString() == std::string("pictures"));
  CHECK(answer["method"].GetString() == std::string("tsne"));
  CHECK(answer["documents"].GetInt() == 30);
  CHECK(answer["shown"].GetInt() == 30);
  CHECK_FALSE(answer["sampled"].GetBool());
  std::set<std::string> ids, names;
  for (const auto& point : answer["points"].GetArray()) {
    ids.insert(point["id"].GetString());
    names.insert(point["name"].GetString());
    CHECK(point["x"].GetDouble() >= 0);
    CHECK(point["y"].GetDouble() <= 1);
  }
  CHECK(ids.size() == 30);
  CHECK(ids.contains(cluster.documents[1].id));
  CHECK(names.contains(cluster.documents[0].name));
  answer.Parse(ask(projections, request_for(20)).c_str());
  CHECK(answer["shown"].GetInt() == 20);
  CHECK(answer["documents"].GetInt() == 30);
  CHECK(answer["sampled"].GetBool());
}

TEST_CASE("few documents are placed along their components, one in the middle, and none is an error") {
  FakeElasticsearch cluster;
  Projections projections(cluster.ask());
  CHECK(ask(projections, request_for()) == "no_vectors");
  cluster.add(1);
  CHECK(ask(projections, request_for()).find("\"x\":0.50000,\"y\":0.50000") != std::string::npos);
  cluster.add(3);
  CHECK(ask(projections, request_for()).find("\"method\":\"pca\"") != std::string::npos);
}

TEST_CASE("a second look is answered from memory, until a document changes") {
  FakeElasticsearch cluster;
  cluster.add(40);
  Projections projections(cluster.ask());
  const std::string first = ask(projections, request_for());
  const std::size_t searches = cluster.searches();
  CHECK(ask(projections, request_for()) == first);
  CHECK(cluster.searches() == searches + 1);  // the ids alone
  cluster.documents[5].seq_no = 99;
  cluster.documents[5].vector = {9, 1, 1};
  CHECK(ask(projections, request_for()) != first);
  CHECK(cluster.searches() == searches + 3);
}

TEST_CASE("what one caller was told is not told another from memory") {
  FakeElasticsearch cluster;
  cluster.add(40);
  Projections projections(cluster.ask());
  const std::string first = ask(projections, request_for(), "ApiKey a");
  const std::size_t searches = cluster.searches();
  CHECK(ask(projections, request_for(), "ApiKey b") == first);
  CHECK(cluster.searches() == searches + 2);
}

TEST_CASE("memory for answers is bounded: the one that was not used longest goes") {
  FakeElasticsearch cluster;
  cluster.add(40);
  Projections projections(cluster.ask(), {.max_cached_bytes = 4'000});
  ask(projections, request_for());
  ask(projections, request_for(39));
  const std::size_t searches = cluster.searches();
  ask(projections, request_for());
  CHECK(cluster.searches() == searches + 2);
  ask(projections, request_for());
  CHECK(cluster.searches() == searches + 3);  // the ids alone
}

TEST_CASE("one map is made at a time, a few wait, and those whose clients leave are not made") {
  FakeElasticsearch cluster;
  cluster.add(40);
  std::promise<void> begun, go;
  std::atomic<int> reads = 0;
  const auto slow = [&, gate = go.get_future().share(), plain = cluster.ask()](http::Request request) {
    if (request.path == "/pictures/_search" && reads++ == 0) {
      begun.set_value();
      gate.wait();
    }
    return plain(std::move(request));
  };
  Projections projections(slow, {.max_waiting = 1});
  std::promise<Projections::Answer> first, third;
  projections.answer(request_for(30), {}, [&](Projections::Answer answer) { first.set_value(std::move(answer)); });
  begun.get_future().wait();
  const auto left = std::make_shared<Cancellation>();
  bool told = false;
  {
    const CancellationScope scope(left);
    projections.answer(request_for(31), {}, [&](Projections::Answer) { told = true; });
  }
  CHECK(ask(projections, request_for(32)) == "overloaded");
  left->cancel(CancelReason::client_left);
  projections.answer(request_for(33), {}, [&](Projections::Answer answer) { third.set_value(std::move(answer)); });
  go.set_value();
  CHECK(std::holds_alternative<std::string>(first.get_future().get()));
  CHECK(std::holds_alternative<std::string>(third.get_future().get()));
  CHECK_FALSE(told);
  CHECK(reads == 2);
}

TEST_CASE("ending it ends the map that is being made") {
  FakeElasticsearch cluster;
  cluster.add(3'000);
  bool told = false;
  {
    Projections projections(cluster.ask());
    projections.answer(request_for(), {}, [&](Projections::Answer) { told = true; });
  }
  CHECK_FALSE(told);
}
