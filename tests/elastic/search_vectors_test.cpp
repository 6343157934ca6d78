#include <doctest/doctest.h>
#include <future>

#include "front_bench.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

std::string builder(const std::string& text) {
  return R"("query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":")" + text + R"("}})";
}

std::string sent_search(FrontBench& bench, const std::string& body) {
  const auto response = bench.post("/pics/_search", body);
  const auto seen = bench.store.seen("/pics/_search");
  return seen.empty() ? reason(response) : seen.back().body;
}

}  // namespace

TEST_CASE("builders become vectors wherever a knn stands") {
  FrontBench bench;
  bench.set_up();
  CHECK(sent_search(bench, R"({"knn":{"field":"v","k":3,)" + builder("abc") + R"(},"size":5})") ==
        R"({"knn":{"field":"v","k":3,"query_vector":[3.0,1.0,0.5]},"size":5})");
  CHECK(sent_search(bench, R"({"knn":[{"field":"v",)" + builder("a") + R"(},{"field":"w",)" + builder("ab") +
                               "}]}") ==
        R"({"knn":[{"field":"v","query_vector":[1.0,1.0,0.5]},{"field":"w","query_vector":[2.0,1.0,0.5]}]})");
  CHECK(sent_search(bench, R"({"query":{"bool":{"must":[{"knn":{"field":"v",)" +
                               builder("data:image/png;base64,AA==") + "}}]}}}") ==
        R"({"query":{"bool":{"must":[{"knn":{"field":"v","query_vector":[26.0,1.0,0.5]}}]}}})");
  CHECK(sent_search(bench, R"({"retriever":{"knn":{"field":"v","k":1,)" + builder("a") + "}}}")
            .find("query_vector\":[1.0,") != std::string::npos);
}

TEST_CASE("searches without a builder go to the store as they came") {
  FrontBench bench;
  const std::string body = R"({"knn":{"field":"v","query_vector":[1.50]}})";
  CHECK(sent_search(bench, body) == body);
}

TEST_CASE("builders that cannot be resolved are errors, and the store is not asked") {
  FrontBench bench;
  bench.set_up();
  const auto fault = [&](const std::string& knn) {
    return reason(bench.post("/pics/_search", "{\"knn\":{\"field\":\"v\"," + knn + "}}"));
  };
  CHECK(fault(R"("query_vector":[1],)" + builder("a")) ==
        "cannot provide both [query_vector_builder] and [query_vector]");
  CHECK(fault(R"("query_vector_builder":{"text_embedding":{"model_id":"clip"}})") == "Required [model_text]");
  CHECK(fault(R"("query_vector_builder":{"text_embedding":{"model_text":"x"}})") ==
        "[model_id] must not be null");
  CHECK(fault(R"("query_vector_builder":{"lookup":{"id":"1"}})").find("[lookup] is not supported") !=
        std::string::npos);
  CHECK(fault(R"("query_vector_builder":{"text_embedding":{"model_id":"gone","model_text":"x"}})") ==
        "[gone] is not an inference service model or a deployed ml model");
  CHECK(fault(builder("bad")).find("not an image") != std::string::npos);
  CHECK(bench.store.seen("/pics/_search").empty());
}

TEST_CASE("a search of many fails alone when its vector cannot be built") {
  FrontBench bench;
  bench.set_up();
  auto response =
      bench.post("/_msearch", "{\"index\":\"pics\"}\n{\"knn\":{\"field\":\"v\"," + builder("bad") + "}}\n");
  CHECK(response.status == 200);
  const auto body = parsed(response);
  REQUIRE(body["responses"].Size() == 1);
  CHECK(body["responses"][0]["status"].GetInt() == 400);
}

TEST_CASE("a query gives up after ten seconds") {
  FrontBench bench;
  bench.set_up();
  bench.upstream.hold();
  auto response = std::async(std::launch::async, [&] {
    return bench.post("/pics/_search", "{\"knn\":{\"field\":\"v\"," + builder("a") + "}}");
  });
  CHECK(bench.upstream.wait_for_held(1));
  bench.timer.advance(std::chrono::milliseconds(10'000));
  CHECK(reason(response.get()) == "Request timed out after [10s]");
  bench.upstream.release();
}
