#include <doctest/doctest.h>
#include <future>

#include "base/base64.h"
#include "front_bench.h"
#include "server/elastic/query_vectors/query_vector_builder.h"
#include "server/elastic/query_vectors/query_vectors.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

std::string builder(const std::string& text, const std::string& model = "clip") {
  return R"("query_vector_builder":{"text_embedding":{"model_id":")" + model + R"(","model_text":")" + text + R"("}})";
}

std::string embedding(const std::string& input) {
  return R"("query_vector_builder":{"embedding":{"inference_id":"clip","input":)" + input + "}}";
}

std::string sent_search(FrontBench& bench, const std::string& body) {
  const auto response = bench.post("/pics/_search", body);
  const auto seen = bench.store.seen("/pics/_search");
  return seen.empty() ? reason(response) : seen.back().body;
}

/// Of a store that runs inference itself.
struct WithInference : NativeInference {
  bool available(const Caller&) override { return true; }
  Answer<bool> knows(const Caller&, const std::string& id) override { return id != "clip"; }
};

/// The searches alone, before a store that may have inference.
struct SearchBench : FrontBench {
  explicit SearchBench(NativeInference& inference)
      : endpoints(store, timer, inference), searches(store, inference, endpoints, executor, 4) {
    set_up();
  }
  static http::Request request(const std::string& path, std::string body, std::string query = {}) {
    return store_request({}, http::Method::post, path, std::move(query), std::move(body));
  }
  /// The body that is passed on, or the error's reason.
  static std::string outcome(Outcome outcome) {
    if (const auto* response = std::get_if<http::Response>(&outcome)) return reason(*response);
    return std::get<http::Request>(outcome).body;
  }
  std::string search(const std::string& body) { return outcome(searches.search(request("/pics/_search", body))); }
  std::string search_template(const std::string& path, const std::string& body) {
    return outcome(searches.search_template(request(path, body)));
  }

  Endpoints endpoints;
  QueryVectors searches;
};

/// Notes what it is asked and answers as told.
struct AnsweringStore : MemoryStore {
  http::Response handle(const http::Request& request) override {
    if (!request.path.ends_with("_msearch")) return MemoryStore::handle(request);
    asked.push_back(request);
    http::Response response = json_response(answer, status);
    response.headers.add("Warning", "299 old");
    response.headers.add("ETag", "x");
    return response;
  }
  std::vector<http::Request> asked;
  std::string answer;
  int status = 200;
};

}  // namespace

TEST_CASE("builders become vectors wherever a knn stands") {
  FrontBench bench;
  bench.set_up();
  CHECK(sent_search(bench, R"({"knn":{"field":"v","k":3,)" + builder("abc") + R"(},"size":5})") ==
        R"({"knn":{"field":"v","k":3,"query_vector":[3,1,0.5]},"size":5})");
  CHECK(sent_search(bench, R"({"knn":[{"field":"v",)" + builder("a") + R"(},{"field":"w",)" + builder("ab") + "}]}") ==
        R"({"knn":[{"field":"v","query_vector":[1,1,0.5]},{"field":"w","query_vector":[2,1,0.5]}]})");
  CHECK(sent_search(bench, R"({"query":{"bool":{"must":[{"knn":{"field":"v",)" + builder("data:image/png;base64,AA==") +
                               "}}]}}}") ==
        R"({"query":{"bool":{"must":[{"knn":{"field":"v","query_vector":[26,1,0.5]}}]}}})");
  CHECK(sent_search(bench, R"({"retriever":{"knn":{"field":"v","k":1,)" + builder("a") + "}}}")
            .find("query_vector\":[1,") != std::string::npos);
}

TEST_CASE("all other bytes of a search stay as they are") {
  NoNativeInference none;
  SearchBench searches(none);
  const std::string before =
      "\r\n{ \"min_score\":1e400,\"boost\" : 0.10000000000000000001, "
      "\"size\":1,\"size\":2,\"x\":\"\\/\\u00e9\",\n\"knn\":{ ";
  const std::string after = " , \"k\":010e0 }}\n";
  // 010 is no number: passed on as it came.
  const std::string broken = before + builder("abc") + after;
  CHECK(searches.search(broken) == broken);
  CHECK(searches.search(before + builder("abc") + " , \"k\":1.0e0 }}\n") ==
        before + "\"query_vector\":[3,1,0.5] , \"k\":1.0e0 }}\n");
  CHECK(
      searches.search(
          R"({"knn":{"query\u005fvector_builder":{"text_embedding":{"model_id":"cl\u0069p","model_text":"\u00e9a"}}}})") ==
      R"({"knn":{"query_vector":[3,1,0.5]}})");
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
  CHECK(fault(R"("query_vector_builder":{"text_embedding":{"model_text":"x"}})") == "[model_id] must not be null");
  CHECK(fault(R"("query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":["x"]}})") ==
        "[text_embedding] model_text must be a string");
  CHECK(fault(R"("query_vector_builder":{"lookup":{"id":"1"}})") == "Required [index]");
  CHECK(fault(R"("query_vector_builder":7)") == "[query_vector_builder] must be an object with exactly one builder");
  CHECK(fault(builder("x", "gone")) == "[gone] is not an inference service model or a deployed ml model");
  CHECK(fault(builder("bad")).find("not an image") != std::string::npos);
  std::string many = "0";
  for (int i = 0; i < 200; ++i) many += ",0";
  CHECK(fault(R"("query_vector_builder":{"text_embedding":[)" + many + "]}").find("more than any builder") !=
        std::string::npos);
  CHECK(bench.store.seen("/pics/_search").empty());
}

TEST_CASE("an embedding builder takes a text or a picture in each of its forms") {
  NoNativeInference none;
  SearchBench bench(none);
  const auto vector = [&](const std::string& input) {
    const auto sent = bench.search("{\"knn\":{" + embedding(input) + "}}");
    return sent;
  };
  const auto length = [](std::size_t size) {
    return "{\"knn\":{\"query_vector\":[" + std::to_string(size) + ",1,0.5]}}";
  };
  CHECK(vector(R"("abcd")") == length(4));
  CHECK(vector(R"(["abcd"])") == length(4));
  CHECK(vector(R"({"type":"text","value":"abcd"})") == length(4));
  CHECK(vector(R"({"content":{"type":"text","format":"text","value":"abcd"}})") == length(4));
  CHECK(vector(R"([{"content":[{"type":"image","format":"base64","value":"data:image/png;base64,AA=="}]}])") ==
        length(26));
  const std::pair<const char*, std::string> pictures[] = {
      {"image/png", "\x89PNG\r\n\x1a\n0000"}, {"image/jpeg", "\xff\xd8\xff\xe0 0000000"},
      {"image/gif", "GIF89a000000"},          {"image/webp", "RIFF0000WEBP"},
      {"image/bmp", "BM0000000000"},          {"image/heic", std::string(4, '\0') + "ftypheic"}};
  for (const auto& [type, bytes] : pictures) {
    const std::string base64 = base64_encode(bytes);
    CHECK(vector(R"({"type":"image","value":")" + base64 + "\"}") ==
          length(std::string("data:;base64,").size() + std::string(type).size() + base64.size()));
    CHECK(bench.upstream.requests().back().body.find(std::string("data:") + type + ";base64," + base64) !=
          std::string::npos);
  }
}

TEST_CASE("several inputs of an embedding builder are sent as one content and get one vector") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string picture = "data:image/png;base64,AA==",
                    parts =
                        R"({"type":"text","value":"this \"\u00e9\""},{"type":"image","value":")" + picture + R"("})";
  const std::string sent = R"({"input":[{"content":[{"type":"text","text":"this \"\u00e9\""},{"type":"image_url",)" +
                           (R"("image_url":{"url":")" + picture) + R"("}}]}],"type":""})";
  for (const std::string& input : {"[" + parts + "]", R"({"content":[)" + parts + "]}", "[[" + parts + "]]"}) {
    CAPTURE(input);
    CHECK(bench.search("{\"knn\":{\"field\":\"v\"," + embedding(input) + "}}") ==
          "{\"knn\":{\"field\":\"v\",\"query_vector\":[" + std::to_string(9 + picture.size()) + ",1,0.5]}}");
    CHECK(parsed(json_response(bench.upstream.requests().back().body)) == parsed(json_response(sent)));
  }
}

TEST_CASE("an embedding builder waits 30 s for its vector, or as long as it says, and a text_embedding builder 10 s") {
  const auto wait_of = [](const std::string& body) {
    const auto builder = read_query_vector_builder(body);
    REQUIRE(builder);
    return std::get<EmbeddedInput>(*builder).timeout;
  };
  CHECK(wait_of(R"({"embedding":{"inference_id":"clip","input":"a"}})") == std::chrono::seconds(30));
  CHECK(wait_of(R"({"embedding":{"inference_id":"clip","input":"a","timeout":"2s"}})") == std::chrono::seconds(2));
  CHECK(wait_of(R"({"text_embedding":{"model_id":"clip","model_text":"a"}})") == std::chrono::seconds(10));
}

TEST_CASE("inputs of an embedding builder that are neither text nor picture are refused") {
  NoNativeInference none;
  SearchBench bench(none);
  const auto fault = [&](const std::string& input) { return bench.search("{\"knn\":{" + embedding(input) + "}}"); };
  const std::string no_object = "[embedding] each of several inputs must be an object with [type] and [value]";
  CHECK(fault(R"(["a","b"])") == no_object);
  CHECK(fault(R"([{"type":"text","value":"a"},7])") == no_object);
  CHECK(
      fault(R"([{"type":"text","value":"a"},{"content":[{"type":"text","value":"b"},{"type":"text","value":"c"}]}])") ==
      no_object);
  CHECK(fault("[]") == "[embedding] [input] is an empty array: it must hold at least one text or picture");
  CHECK(fault(R"([{"type":"text","value":"a"},[]])").find("is an empty array") != std::string::npos);
  CHECK(fault(R"([{"type":"text","value":"a"},{"type":"image","value":"AAAAAAAAAAAAAAAA"}])").find("a data URI") !=
        std::string::npos);
  CHECK(fault(R"({"type":"image","value":"AAAAAAAAAAAAAAAA"})").find("must be a data URI") != std::string::npos);
  CHECK(
      fault(R"({"type":"image","value":"http://x/y.png"})").find("looks like a link to a picture, [http://x/y.png]") !=
      std::string::npos);
  CHECK(fault(R"({"type":"image","format":"text","value":"data:x"})").find("has format [base64], not [text]") !=
        std::string::npos);
  CHECK(fault(R"({"type":"video","value":"x"})").find("[video] are not supported") != std::string::npos);
  CHECK(fault(R"({"type":"text"})") == "Required [value]");
  CHECK(fault("[[[[[\"x\"]]]]]").find("must be a string") != std::string::npos);
  CHECK(fault("7").find("must be a string") != std::string::npos);
  CHECK(bench.search(R"({"knn":{"query_vector_builder":{"embedding":{"input":"x"}}}})") ==
        "[inference_id] must not be null");
}

TEST_CASE("where the store has inference, what is its own is left to it") {
  WithInference native;
  SearchBench bench(native);
  const std::string foreign = builder("x", "theirs"),
                    unnamed = R"("query_vector_builder":{"text_embedding":{"model_text":"x"}})";
  CHECK(bench.search("{\"knn\":[{" + foreign + "},{" + builder("ab") + "},{" + unnamed + "}]}") ==
        "{\"knn\":[{" + foreign + "},{\"query_vector\":[2,1,0.5]},{" + unnamed + "}]}");
  for (const std::string body :
       {R"({"query":{"semantic":{"field":"s","query":"q"}}})", R"({"knn":{"query_vector_builder":{"new":{}}}})",
        R"({"knn":{"query_vector_builder":{"embedding":{"inference_id":"theirs","input":["a","b"]}}}})"}) {
    CHECK(bench.search(body) == body);
  }
  const std::string inline_template = R"({"source":{"knn":{)" + foreign + "}}}";
  CHECK(bench.search_template("/_search/template", inline_template) == inline_template);
}

TEST_CASE("where it has none, queries that need it are refused with a way out") {
  NoNativeInference none;
  SearchBench bench(none);
  CHECK(bench.search(R"({"query":{"semantic":{"field":"s","query":"q"}}})") ==
        "[semantic] requires inference by the store itself, which is not available; use [knn] with a "
        "[query_vector_builder] on a [dense_vector] field");
  const std::string named = R"({"query":{"term":{"semantic":"sparse_vector text_expansion"}}})";
  CHECK(bench.search(named) == named);
}

TEST_CASE("inline templates with a builder are refused, others are passed on") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string as_object = R"({"source":{"knn":{)" + builder("{{q}}") + R"(}},"params":{"q":"x"}})";
  const std::string as_text =
      R"({"source":"{\"knn\":{\"query_vector_builder\":{\"text_embedding\":{\"model_id\":\"clip\",\"model_text\":\"{{q}}\"}}}}"})";
  for (const auto& body : {as_object, as_text}) {
    CHECK(bench.search_template("/pics/_search/template", body).find("cannot be resolved in a search template") !=
          std::string::npos);
    CHECK(bench.search_template("/_render/template", body) == body);
  }
  for (const std::string body :
       {R"({"id":"stored","params":{"query_vector_builder":{"text_embedding":{}}}})",
        R"({"source":{"knn":{"query_vector_builder":{"lookup":{"id":"1"}}}}})", R"({"source":"query_vector_builder)"}) {
    CHECK(bench.search_template("/_search/template", body) == body);
  }
  auto outcome = bench.searches.search_template(
      SearchBench::request("/_msearch/template", "{}\n" + as_text + "\n{}\n" + as_object + "\n"));
  const auto answer = parsed(std::get<http::Response>(outcome));
  REQUIRE(answer["responses"].Size() == 2);
  CHECK(answer["responses"][1]["status"].GetInt() == 400);
}

TEST_CASE("a search in the parameter source becomes a body when its vector is put in") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string source = "{\"knn\":{" + builder("abc") + "}}";
  auto outcome = bench.searches.search(SearchBench::request(
      "/pics/_search", "",
      "pretty&source=" + http::percent_encode(source) + "&source_content_type=application%2Fjson&size=3"));
  const auto& request = std::get<http::Request>(outcome);
  CHECK(request.body == R"({"knn":{"query_vector":[3,1,0.5]}})");
  CHECK(request.query == "pretty&size=3");
  CHECK(request.headers.get("Content-Type") == "application/json");
  const std::string plain =
      "source=" + http::percent_encode(R"({"query":{}})") + "&source_content_type=application/json";
  auto untouched = bench.searches.search(SearchBench::request("/pics/_search", "", plain));
  CHECK(std::get<http::Request>(untouched).query == plain);
}

TEST_CASE("a search of many fails alone when its vector cannot be built") {
  FrontBench bench;
  bench.set_up();
  auto response = bench.post("/_msearch", "{\"index\":\"pics\"}\n{\"knn\":{\"field\":\"v\"," + builder("bad") + "}}\n");
  CHECK(response.status == 200);
  const auto body = parsed(response);
  REQUIRE(body["responses"].Size() == 1);
  CHECK(body["responses"][0]["status"].GetInt() == 400);
}

TEST_CASE("an _msearch without failures is passed on with its vectors") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string body = "\r\n{\"knn\":{" + builder("ab") +
                           "}}\r\n{\"index\":\"x\"}\n{\"size\":1e0}\n{}\n{\"knn\":{" + builder("a") + "}}\n\n";
  CHECK(SearchBench::outcome(bench.searches.multi_search(SearchBench::request("/_msearch", body))) ==
        "\r\n{\"knn\":{\"query_vector\":[2,1,0.5]}}\r\n{\"index\":\"x\"}\n{\"size\":1e0}\n{}\n{\"knn\":{"
        "\"query_vector\":[1,1,0.5]}}\n\n");
  const std::string unended = "{}\n{\"knn\":{" + builder("ab") + "}}";
  CHECK(SearchBench::outcome(bench.searches.multi_search(SearchBench::request("/_msearch", unended))) == unended);
}

TEST_CASE("an _msearch of too many searches is refused before it is taken apart") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string body = "{}\n{\"knn\":{\"field\":\"v\"," + builder("abc") + "}}\n\n\n\n\n\n\n";
  CHECK(
      SearchBench::outcome(bench.searches.multi_search(SearchBench::request("/_msearch", body))).starts_with("{}\n{"));
  const auto refused =
      SearchBench::outcome(bench.searches.multi_search(SearchBench::request("/_msearch", body + "\n\n")));
  CHECK(refused.find("--elasticsearch-max-searches") != std::string::npos);
}

TEST_CASE("failures of an _msearch are put between the store's own answers") {
  FrontBench bench;
  bench.set_up();
  AnsweringStore store;
  Endpoints endpoints(bench.store, bench.timer, bench.native);
  QueryVectors searches(store, bench.native, endpoints, bench.executor, 100);
  const auto knn = [](const std::string& text) { return "{\"knn\":{" + builder(text) + "}}\n"; };
  http::Request request = SearchBench::request(
      "/pics/_msearch",
      "{}\n" + knn("bad") + "{\"preference\":\"x\"}\n" + knn("ab") + "{}\n" + knn("bad2") + "\n{\"size\":1.50}\n",
      "filter_path=responses.status&pretty&human=true&typed_keys=true&format=yaml&error_"
      "trace&search_type=dfs_query_then_fetch");
  request.headers.add("Accept-Encoding", "gzip");
  request.headers.add("Accept", "application/yaml");
  request.headers.add("Content-Length", "1");
  store.answer = R"({"took":9,"responses":[{"hits":{"max_score":0.10000000000000000001}}, {"status":200}]})";
  auto outcome = searches.multi_search(request);
  const auto& response = std::get<http::Response>(outcome);
  REQUIRE(store.asked.size() == 1);
  CHECK(store.asked[0].query == "typed_keys=true&search_type=dfs_query_then_fetch");
  CHECK(store.asked[0].body == "{\"preference\":\"x\"}\n{\"knn\":{\"query_vector\":[2,1,0.5]}}\n\n{\"size\":1.50}\n");
  CHECK(store.asked[0].headers.get("Content-Length") == std::to_string(store.asked[0].body.size()));
  CHECK_FALSE(store.asked[0].headers.get("Accept-Encoding").has_value());
  CHECK(store.asked[0].headers.get("Accept") == "application/json");
  CHECK(response.headers.get("Warning") == "299 old");
  CHECK_FALSE(response.headers.get("ETag").has_value());
  const auto body = parsed(response);
  REQUIRE(body["responses"].Size() == 4);
  CHECK(body["responses"][0]["status"].GetInt() == 400);
  CHECK(body["responses"][2]["error"]["reason"].IsString());
  CHECK(response.body.find(R"(,{"hits":{"max_score":0.10000000000000000001}},{"error")") != std::string::npos);
  CHECK(response.body.ends_with(R"(,{"status":200}]})"));

  request.query = "typed_keys;filter_path=took;%70retty&a=b";
  CHECK(std::get<http::Response>(searches.multi_search(request)).status == 200);
  CHECK(store.asked.back().query == "typed_keys&a=b");
  request.query.clear();
  store.answer = R"({"took":9,"responses":[{}]})";
  CHECK(std::get<http::Response>(searches.multi_search(request)).status == 502);
  store.answer = "busy";
  store.status = 429;
  CHECK(std::get<http::Response>(searches.multi_search(request)).body == "busy");
}

TEST_CASE("all vectors of a request are asked for at once") {
  FrontBench bench;
  bench.set_up();
  bench.upstream.hold();
  const std::string knn = "{\"knn\":{" + builder("a") + "}}\n";
  auto response = std::async(std::launch::async, [&] { return bench.post("/_msearch", "{}\n" + knn + "{}\n" + knn); });
  CHECK(bench.upstream.wait_for_held(2));
  bench.upstream.release();
  CHECK(response.get().status == 200);
}

TEST_CASE("a picture of many megabytes is a query, and its escaped form too") {
  NoNativeInference none;
  SearchBench bench(none);
  const std::string picture(20u << 20, 'A');
  CHECK(bench.search("{\"knn\":{" + builder("data:image/png;base64," + picture) + "}}") ==
        "{\"knn\":{\"query_vector\":[20971542,1,0.5]}}");
  CHECK(bench.search("{\"knn\":{" + builder("data:image\\/png;base64," + picture) + "}}") ==
        "{\"knn\":{\"query_vector\":[20971542,1,0.5]}}");
}

TEST_CASE("a query gives up after ten seconds, or after the time that its builder names") {
  FrontBench bench;
  bench.set_up();
  const auto timed = [&](const std::string& knn, int milliseconds) {
    bench.upstream.hold();
    auto response = std::async(std::launch::async,
                               [&] { return bench.post("/pics/_search", "{\"knn\":{\"field\":\"v\"," + knn + "}}"); });
    CHECK(bench.upstream.wait_for_held(1));
    bench.timer.advance(std::chrono::milliseconds(milliseconds - 1));
    CHECK(response.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    bench.timer.advance(std::chrono::milliseconds(1));
    const std::string why = reason(response.get());
    bench.upstream.release();
    return why;
  };
  CHECK(timed(builder("a"), 10'000) == "Request timed out after [10s]");
  CHECK(timed(R"("query_vector_builder":{"embedding":{"inference_id":"clip","input":"a","timeout":"30s"}})", 30'000) ==
        "Request timed out after [30s]");
}
