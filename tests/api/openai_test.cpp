#include "server/api/openai.h"

#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "server/api/vectors.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

TEST_CASE("a string gets OpenAI's answer with its unit vector") {
  ApiBench bench;
  const auto response = bench.embeddings(R"({"model":"hash","input":"how big"})");
  CHECK(response.status == 200);
  CHECK(response.content_type == "application/json");
  const auto body = parsed(response);
  CHECK(std::string(body["object"].GetString()) == "list");
  CHECK(std::string(body["model"].GetString()) == "hash");
  REQUIRE(body["data"].Size() == 1);
  CHECK(std::string(body["data"][0]["object"].GetString()) == "embedding");
  CHECK(body["data"][0]["index"].GetInt() == 0);
  CHECK(floats(body["data"][0]["embedding"]) == bench.embedder->expected("how big"));
  CHECK(body["usage"]["prompt_tokens"].GetInt() == 9);
  CHECK(body["usage"]["total_tokens"].GetInt() == 9);
  CHECK_FALSE(body.HasMember("truncated"));
}

TEST_CASE("an array keeps its order, and the empty string is a text") {
  ApiBench bench;
  const auto body =
      parsed(bench.embeddings(R"({"model":"hash","input":["b","","a"],"user":{"any":1},"new_member":[2]})"));
  REQUIRE(body["data"].Size() == 3);
  const char* texts[] = {"b", "", "a"};
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(body["data"][i]["index"].GetInt() == i);
    CHECK(floats(body["data"][i]["embedding"]) == bench.embedder->expected(texts[i]));
  }
}

TEST_CASE("base64 holds the same floats, little-endian") {
  ApiBench bench;
  const auto body = parsed(bench.embeddings(R"({"model":"hash","input":"x","encoding_format":"base64"})"));
  const auto bytes = base64_decode(body["data"][0]["embedding"].GetString());
  REQUIRE(bytes.ok());
  REQUIRE(bytes->size() == 32);
  std::vector<float> values(8);
  std::memcpy(values.data(), bytes->data(), bytes->size());
  CHECK(values == bench.embedder->expected("x"));
}

// From Elasticsearch's sources: all inputs are strings in one array, and an `embedding` endpoint is measured with a text
// and, in newer versions, with a picture of one black pixel.
TEST_CASE("what Elasticsearch's services send for fields of type semantic and semantic_text is embedded") {
  ApiBench bench;
  const std::string base64 = base64_encode(std::string_view("picture:house"));
  const std::string uri = "data:image/jpeg;base64," + base64;
  const auto expected = [&](unsigned i) {
    return i % 2 == 0 ? bench.embedder->expected_image("picture:house") : bench.embedder->expected("how big");
  };
  std::string inputs;  // of a bulk's shard: ten documents, the batch_size of `custom`
  for (int i = 0; i < 10; ++i) inputs += (i > 0 ? "," : "") + std::string("\"") + (i % 2 == 0 ? uri : "how big") + '"';
  const std::string openai = R"({"input":[)" + inputs + R"(],"model":"hash","user":"elastic")";
  for (const std::string more : {"}", R"(,"dimensions":8})"}) {
    const auto body = parsed(bench.embeddings(openai + more));
    REQUIRE(body["data"].Size() == 10);
    for (unsigned i = 0; i < 10; ++i) CHECK(floats(body["data"][i]["embedding"]) == expected(i));
  }
  const auto packed = parsed(bench.embeddings(openai + R"(,"dimensions":8,"encoding_format":"base64"})"));
  REQUIRE(packed["data"].Size() == 10);
  for (unsigned i = 0; i < 10; ++i) {
    const auto bytes = base64_decode(packed["data"][i]["embedding"].GetString());
    REQUIRE(bytes.ok());
    std::vector<float> values(8);
    REQUIRE(bytes->size() == values.size() * sizeof(float));
    std::memcpy(values.data(), bytes->data(), bytes->size());
    CHECK(values == expected(i));
  }
}

TEST_CASE("pictures come as data URI, as content object, and in bare base64 where the request says so") {
  ApiBench bench;
  const std::string base64 = base64_encode(std::string_view("picture:house"));
  const std::string uri = "data:image/png;base64," + base64;
  const std::string inputs[] = {
      R"("input":")" + uri + R"(")",
      R"("input":["DATA:image/jpeg;base64,)" + base64 + R"("])",
      R"("input":")" + base64 + R"(","modality":"image")",
      R"("input":")" + uri + R"(","modality":"IMAGE")",
      R"("input":{"type":"image","image":")" + uri + R"("})",
      R"("input":[{"type":"image","format":"base64","value":")" + base64 + R"("}])",
      R"("input":[{"type":"image_url","image_url":{"url":")" + uri + R"("}}])",
      R"("input":[{"type":"image_url","image_url":")" + uri + R"("}])",
      R"("input":[{"image":")" + uri + R"("}])",
      R"("input":{"content":{"type":"image","format":"base64","value":")" + uri + R"("}})",
      R"("input":[{"content":[{"type":"image_url","image_url":{"url":")" + uri + R"("}}]}])",
  };
  for (const std::string& input : inputs) {
    const auto response = bench.embeddings(R"({"model":"hash",)" + input + "}");
    REQUIRE_MESSAGE(response.status == 200, input << " -> " << response.body);
    const auto body = parsed(response);
    CHECK(floats(body["data"][0]["embedding"]) == bench.embedder->expected_image("picture:house"));
    CHECK(body["usage"]["total_tokens"].GetInt() == 0);
  }
}

TEST_CASE("texts come as content objects, mixed with pictures") {
  ApiBench bench;
  const std::string uri = "data:image/png;base64," + base64_encode(std::string_view("picture:1"));
  const auto body =
      parsed(bench.embeddings(R"({"model":"hash","input":[{"type":"text","text":"a"},{"type":"image","image":")" + uri +
                              R"("},{"content":{"type":"text","value":"b"}},{"text":"c"},"d"]})"));
  REQUIRE(body["data"].Size() == 5);
  CHECK(floats(body["data"][0]["embedding"]) == bench.embedder->expected("a"));
  CHECK(floats(body["data"][1]["embedding"]) == bench.embedder->expected_image("picture:1"));
  CHECK(floats(body["data"][2]["embedding"]) == bench.embedder->expected("b"));
  CHECK(floats(body["data"][3]["embedding"]) == bench.embedder->expected("c"));
  CHECK(floats(body["data"][4]["embedding"]) == bench.embedder->expected("d"));
}

TEST_CASE("a text over the limit is cut and reported, or refused with NONE") {
  ApiBench bench;
  const std::string inputs = R"("input":["0123456789abcdef","short","fedcba9876543210"])";
  const auto response = bench.embeddings(R"({"model":"hash",)" + inputs + "}");
  CHECK(response.status == 200);
  CHECK(response.headers.get("X-Truncated-Inputs") == "0,2");
  const auto body = parsed(response);
  REQUIRE(body["truncated"].Size() == 2);
  CHECK(body["truncated"][1].GetInt() == 2);
  CHECK(bench.get("/metrics").body.find("sightline_inputs_truncated_total{model=\"hash\"} 2") != std::string::npos);
  const auto refused = bench.embeddings(R"({"model":"hash","truncate":"NONE",)" + inputs + "}");
  CHECK(refused.status == 400);
  CHECK(message_of(refused) == "input 0: 18 tokens; the model takes 16");
}

TEST_CASE("a text over the limit can be cut at its start") {
  ApiBench bench;
  const auto response = bench.embeddings(R"({"model":"hash","truncate":"START","input":["0123456789abcdef","short"]})");
  CHECK(response.headers.get("X-Truncated-Inputs") == "0");
  CHECK(floats(parsed(response)["data"][0]["embedding"]) == bench.embedder->expected("23456789abcdef"));
}

TEST_CASE("several parts of one content get one vector: the mean of theirs, at unit length") {
  ApiBench bench;
  const auto body = parsed(bench.embeddings(
      R"({"model":"hash","input":["x",{"content":[{"type":"text","text":"a"},"b",{"type":"image_url","image_url":{"url":")" +
      picture_uri("1") + R"("}}]}]})"));
  REQUIRE(body["data"].Size() == 2);
  CHECK(floats(body["data"][0]["embedding"]) == bench.embedder->expected("x"));
  const std::vector<float> parts[] = {bench.embedder->expected("a"), bench.embedder->expected("b"),
                                      bench.embedder->expected_image("picture:1")};
  CHECK(floats(body["data"][1]["embedding"]) == *fused(parts));
  CHECK(body["usage"]["total_tokens"].GetInt() == 9);  // 1 + 1 + 1 letters, BOS and EOS thrice
}

TEST_CASE("dimensions are the first so many floats, at unit length") {
  ApiBench bench;
  const auto body = parsed(bench.embeddings(R"({"model":"hash","input":["a","b"],"dimensions":3})"));
  for (unsigned i = 0; i < 2; ++i) {
    const auto values = floats(body["data"][i]["embedding"]);
    const auto whole = bench.embedder->expected(i == 0 ? "a" : "b");
    REQUIRE(values.size() == 3);
    const double norm = std::hypot(whole[0], whole[1], whole[2]);
    for (unsigned k = 0; k < 3; ++k) CHECK(values[k] == doctest::Approx(whole[k] / norm).epsilon(1e-6));
  }
  const auto all = parsed(bench.embeddings(R"({"model":"hash","input":"a","dimensions":8})"));
  CHECK(floats(all["data"][0]["embedding"]) == bench.embedder->expected("a"));
}

TEST_CASE("a model of texts alone refuses a picture, with its position") {
  ApiBench bench;
  bench.embedder->keep_only(serving::Modality::text);
  const auto picture = bench.embeddings(R"({"model":"hash","input":["a",")" + picture_uri("1") + R"("]})");
  CHECK(picture.status == 400);
  CHECK(message_of(picture) == "input 1: model [hash] has no vision tower: it embeds only texts");
}

TEST_CASE("a model of pictures alone refuses a text, with its position") {
  ApiBench bench;
  bench.embedder->keep_only(serving::Modality::image);
  const auto text = bench.embeddings(R"({"model":"hash","input":[")" + picture_uri("1") + R"(","a"]})");
  CHECK(text.status == 400);
  CHECK(message_of(text) == "input 1: model [hash] has no text tower: it embeds only pictures");
}

struct Refusal {
  const char* body;
  int status;
  const char* message;  // the beginning of it
  const char* param = nullptr;
};

TEST_CASE("what is wrong is said, with its place") {
  ApiBench bench;
  const Refusal refusals[] = {
      {"", 400, "the body is not JSON: the text is empty (at byte 0 of the body)"},
      {"{", 400, "the body is not JSON: a key of an object is missing or not in quotes (at byte 1 of the body)"},
      {R"({"model":"hash","input":"a"} x)", 400, "the body is not JSON: more text follows the value (at byte 29"},
      {R"({"model":"hash","input":"a")", 400,
       "the body is not JSON: a comma or } is missing after a member of an object"},
      {R"({"model":"hash","input":NaN})", 400, "the body is not JSON: a value is missing (at byte 24"},
      {R"({"model":"hash","input":1e999})", 400,
       "the body is not JSON: a number is too large for a double (at byte 24"},
      {"[]", 400, "the body must be a JSON object, not an array"},
      {"null", 400, "the body must be a JSON object, not null"},
      {R"({"model":"hash","model":"hash","input":"a"})", 400, "[model] appears twice in the body", "model"},
      {R"({"input":"a"})", 400, "[model] is missing", "model"},
      {R"({"model":null,"input":"a"})", 400, "[model] is missing", "model"},
      {R"({"model":"","input":"a"})", 400, "[model] is missing", "model"},
      {R"({"model":7,"input":"a"})", 400, "[model] must be a string, not a number", "model"},
      {R"({"model":"clip","input":"a"})", 404, "no model [clip]; available: hash", "model"},
      {R"({"model":"hash"})", 400, "[input] is missing", "input"},
      {R"({"model":"hash","input":null})", 400, "[input] is missing", "input"},
      {R"({"model":"hash","input":[]})", 400, "[input] is an empty array", "input"},
      {R"({"model":"hash","input":7})", 400, "input 0: a number instead of a string", "input"},
      {R"({"model":"hash","input":true})", 400, "input 0: must be a string or a content object, not a boolean",
       "input"},
      {R"({"model":"hash","input":["a",null]})", 400, "input 1: must be a string or a content object, not null",
       "input"},
      {R"({"model":"hash","input":["a",["b"]]})", 400, "input 1: an array instead of a string", "input"},
      {R"({"model":"hash","input":[1,2,3]})", 400, "[input] contains token ids", "input"},
      {R"({"model":"hash","input":[[1,2],[3]]})", 400,
       "[input] contains token ids: send texts or pictures instead (LangChain's OpenAIEmbeddings does with "
       "check_embedding_ctx_length=False)",
       "input"},
      {R"({"model":"hash","input":{}})", 400, "input 0: an object without [type]", "input"},
      {R"({"model":"hash","input":["a",{"type":"text"}]})", 400, "input 1: [text] is missing", "input"},
      {R"({"model":"hash","input":{"type":"text","text":7}})", 400, "input 0: [text] must be a string, not a number",
       "input"},
      {R"({"model":"hash","input":{"type":7}})", 400, "input 0: [type] must be a string", "input"},
      {R"({"model":"hash","input":{"type":"audio","audio":"x"}})", 400, "input 0: content of type [audio]", "input"},
      {R"({"model":"hash","input":{"type":"image"}})", 400, "input 0: [image_url] is missing", "input"},
      {R"({"model":"hash","input":{"type":"image_url","image_url":{}}})", 400, "input 0: [url] is missing", "input"},
      {R"({"model":"hash","input":{"text":"a","image":"b"}})", 400, "input 0: both [text] and [image]", "input"},
      {R"({"model":"hash","input":{"content":[]}})", 400, "input 0: [content] has no parts", "input"},
      {R"({"model":"hash","input":["x",{"content":[{"text":"a"},{"text":7}]}]})", 400,
       "input 1, part 1: [text] must be a string, not a number", "input"},
      {R"({"model":"hash","input":[{"content":[{"text":"a"},{"image":"aGVsbG8="}]}]})", 400,
       "input 0, part 1: not a picture", "input"},
      {R"({"model":"hash","input":{"content":{"content":{"text":"a"}}}})", 400, "input 0: [content] must be an object",
       "input"},
      {R"({"model":"hash","input":{"content":7}})", 400, "input 0: [content] must be an object", "input"},
      {R"({"model":"hash","input":"a","encoding_format":"int8"})", 400, "[encoding_format] may be float or base64",
       "encoding_format"},
      {R"({"model":"hash","input":"a","encoding_format":1})", 400, "[encoding_format] must be a string",
       "encoding_format"},
      {R"({"model":"hash","input":"a","dimensions":9})", 400,
       "model [hash] gives vectors of 8 floats, not of 9: ask for 1 to 8, or leave [dimensions] out", "dimensions"},
      {R"({"model":"hash","input":"a","dimensions":0})", 400, "model [hash] gives vectors of 8 floats, not of 0",
       "dimensions"},
      {R"({"model":"hash","input":"a","dimensions":8.5})", 400, "[dimensions] must be a whole number", "dimensions"},
      {R"({"model":"hash","input":"a","dimensions":-8})", 400, "model [hash] gives vectors of 8 floats, not of -8",
       "dimensions"},
      {R"({"model":"hash","input":"a","input_type":"internal_ingest"})", 400,
       "[input_type] is [internal_ingest]; it may be one of: document, query", "input_type"},
      {R"({"model":"hash","input":"a","input_type":[]})", 400, "[input_type] must be a string, not an array",
       "input_type"},
      {R"({"model":"hash","input":"a","modality":"audio"})", 400,
       "[modality] is [audio]; it may be one of: auto, text, image", "modality"},
      {R"({"model":"hash","input":"a","truncate":"MIDDLE"})", 400,
       "[truncate] is [middle]; it may be one of: end, start, none", "truncate"},
      {R"({"model":"hash","input":"a","truncate":true})", 400, "[truncate] must be a string, not a boolean",
       "truncate"},
      {R"({"model":"hash","input":["a","data:image/png;base64,AA*A"]})", 400,
       "input 1: the picture is not base64: '*' at offset 2", "input"},
      {R"({"model":"hash","input":["a","data:;base64,AA*A"]})", 400,
       "input 1: the data URL [data:;base64] cannot be read: not base64: '*' at offset 2", "input"},
      {R"({"model":"hash","input":["data:;base64,aGVsbG8="]})", 400, "input 0 [data:;base64]: not a picture", "input"},
      {R"({"model":"hash","input":["data:image/png;base64"]})", 400,
       "input 0: the data URL [data:image/png;base64] cannot be read: it has no comma", "input"},
      {R"({"model":"hash","input":["data:text/plain,a%20house"]})", 400,
       "input 0: the data URL [data:text/plain] holds no picture: its header does not say ;base64, and its "
       "data begin "
       "with 61 20 68 6f 75 73 65 (\"a house\")",
       "input"},
      {R"({"model":"hash","input":["data:image/png;base64,"]})", 400, "input 0: the picture is empty", "input"},
      {R"({"model":"hash","input":["data:image/png;base64,aGVsbG8="]})", 400, "input 0: not a picture", "input"},
      {R"({"model":"hash","input":["data:image/svg+xml,<svg/>"]})", 400,
       "input 0: the data URL [data:image/svg+xml] holds no picture: its header does not say ;base64, and "
       "its data are "
       "SVG",
       "input"},
      {R"({"model":"hash","input":"https://example.org/a.jpg","modality":"image"})", 400,
       "input 0: this looks like a link to a picture, [https://example.org/a.jpg]", "input"},
      {R"({"model":"hash","input":"/home/me/my house.jpg","modality":"image"})", 400,
       "input 0: this looks like a link to a picture, [/home/me/my house.jpg]", "input"},
      {R"({"model":"hash","input":{"type":"image_url","image_url":{"url":"http://x/a.jpg"}}})", 400,
       "input 0: this looks like a link to a picture, [http://x/a.jpg]", "input"},
      {R"({"model":"hash","input":{"type":"text","text":"data:image/png;base64,iVBORw0KGgo="}})", 400,
       "input 0: a content object of type text contains a picture, [data:image/png;base64,iV]", "input"},
      {R"({"model":"hash","input":"a red house","modality":"image"})", 400,
       "input 0: the picture is not base64: ' ' at offset 1; send a picture as data:image/jpeg;base64,...", "input"},
      {"{\"model\":\"hash\",\"input\":\"caf\xE9\"}", 400, "the body is not UTF-8 (at byte 28 of the body)"},
      {"{\"model\":\"hash\",\"input\":\"\xED\xA0\x80\"}", 400, "the body is not UTF-8 (at byte 25 of the body)"},
      {R"({"model":"hash","input":"\ud800"})", 400, "the body is not JSON: a \\u escape is malformed"},
      {R"({"model":"hash","input":"\udc00"})", 400, "the body is not JSON: a \\u escape is malformed"},
      {"{\"model\":\"hash\",\"input\":\"a\nb\"}", 400,
       "the body is not JSON: a string contains a control character that is not escaped (at byte 26"},
  };
  for (const Refusal& refusal : refusals) {
    const auto response = bench.embeddings(refusal.body);
    CAPTURE(std::string(refusal.body));
    CAPTURE(response.body);
    CHECK(response.status == refusal.status);
    const auto body = parsed(response);
    CHECK(std::string(body["error"]["message"].GetString()).find(refusal.message) == 0);
    CHECK(std::string(body["error"]["type"].GetString()) == "invalid_request_error");
    CHECK(body["error"]["code"].IsString());
    if (refusal.param) {
      REQUIRE(body["error"]["param"].IsString());
      CHECK(std::string(body["error"]["param"].GetString()) == refusal.param);
    } else {
      CHECK(body["error"]["param"].IsNull());
    }
  }
}

TEST_CASE("a zero byte after the JSON is refused") {
  ApiBench bench;
  const auto response = bench.embeddings(std::string(R"({"model":"hash","input":"a"})") + '\0' + "more");
  CHECK(response.status == 400);
  CHECK(message_of(response) == "the body is not JSON: more text follows the value (at byte 28 of the body)");
}

TEST_CASE("nesting without end and values without number are refused before they cost memory") {
  ApiBench bench;
  const auto deep = bench.embeddings(R"({"model":"hash","input":)" + std::string(1'000'000, '['));
  CHECK(deep.status == 413);
  CHECK(message_of(deep).find("the body nests deeper than 32 levels") == 0);
  std::string zeros = R"({"model":"hash","input":[0)";
  for (int i = 0; i < 1'000'000; ++i) zeros += ",0";
  const auto wide = bench.embeddings(zeros + "]}");
  CHECK(wide.status == 413);
  CHECK(message_of(wide).find("the body has more than 65536 JSON values") == 0);
}

TEST_CASE("limits on inputs, text and pictures are kept") {
  Api::Options options;
  options.limits.inputs = {3, 20, 30};
  ApiBench bench(options);
  const auto many = bench.embeddings(R"({"model":"hash","input":["a","b","c","d"]})");
  CHECK(many.status == 413);
  CHECK(message_of(many) == "[input] has 4 inputs, the limit is 3: send several requests");
  const auto text = bench.embeddings(R"({"model":"hash","input":["a","123456789012345678901"]})");
  CHECK(text.status == 413);
  CHECK(message_of(text) == "input 1: the text has 21 bytes, the limit is 20: split it into shorter texts");
  const auto picture =
      bench.embeddings(R"({"model":"hash","input":"data:image/png;base64,)" + std::string(48, 'A') + R"("})");
  CHECK(picture.status == 413);
  CHECK(message_of(picture) == "input 0: the picture has about 36 bytes, the limit is 30: send a smaller picture");
}

TEST_CASE("overload is 429 at once, with the model still busy") {
  serving::EmbeddingService::Options serving;
  serving.queue.places.max_items = 2;
  serving.queue.places.query_share = 0;
  ApiBench bench({}, serving);
  bench.hold_model();
  auto running = bench.send_post("/v1/embeddings", R"({"model":"hash","input":["a","b"]})");
  bench.gate.await_arrival();
  const auto refused = bench.embeddings(R"({"model":"hash","input":"c"})");
  CHECK(refused.status == 429);
  CHECK(refused.headers.get("Retry-After") == "1");
  const auto body = parsed(refused);
  CHECK(std::string(body["error"]["code"].GetString()) == "overloaded");
  CHECK(std::string(body["error"]["type"].GetString()) == "rate_limit_error");
  bench.gate.open();
  CHECK(running.get().status == 200);
}

TEST_CASE("a deadline that passes in the queue is 429, so that Elasticsearch tries again") {
  ApiBench bench;
  bench.hold_model();
  auto blocked = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"block"})");
  bench.gate.await_arrival();
  auto query = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"q","input_type":"search_query"})");
  auto hasty = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"d"})", "timeout=9s");
  auto document = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"d"})", "timeout=5m");
  bench.timer.advance(std::chrono::seconds(10));
  bench.gate.open();
  for (auto* late : {&query, &hasty}) {
    const auto response = late->get();
    CHECK(response.status == 429);
    CHECK(std::string(parsed(response)["error"]["code"].GetString()) == "deadline_exceeded");
  }
  CHECK(document.get().status == 200);
  CHECK(bench.post("/v1/embeddings", R"({"model":"hash","input":"d"})", "timeout=soon").status == 400);
}

http::Request timed_request(const std::string& input, const std::string& time) {
  http::Request request;
  request.method = http::Method::post;
  request.path = "/v1/embeddings";
  request.headers.set("X-Request-Timeout", time);
  request.body = R"({"model":"hash","input":")" + input + "\"}";
  return request;
}

TEST_CASE("a request is answered when the time of its client has passed, and its work is cancelled") {
  ApiBench bench;
  std::atomic<std::size_t> steps{0};
  bench.embedder->steps = 1'000'000;
  std::promise<void> began;
  bench.embedder->on_step = [&](auto, std::size_t step) {
    if (step == 0) began.set_value();
    steps = step + 1;
    std::this_thread::yield();
  };
  auto running = bench.send(timed_request("d", "2.5"));
  began.get_future().wait();
  CHECK(running.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  bench.timer.advance(std::chrono::milliseconds(2500));
  const auto late = running.get();  // while the model would run for a million steps
  CHECK(late.status == 429);
  CHECK(std::string(parsed(late)["error"]["code"].GetString()) == "deadline_exceeded");
  CHECK(message_of(late) ==
        "there was no answer within [X-Request-Timeout], 2500 ms, so the work was cancelled: allow more time, or retry "
        "later");
  bench.service->stop(Timer::TimePoint::max());  // the batch was abandoned
  CHECK(steps < 1'000'000);
  const auto metrics = bench.get("/metrics").body;
  CHECK_MESSAGE(metrics.find("sightline_requests_refused_total{code=\"deadline_exceeded\"} 1") != std::string::npos,
                metrics);
  CHECK(metrics.find("{code=\"cancelled\"}") == std::string::npos);
}

TEST_CASE("the time of a client is seconds or has a unit, and only shortens the server's limit") {
  ApiBench bench;
  for (const char* good : {"30", "0.5", "500ms", "1.5s", "2m", "999999999m"}) {
    CAPTURE(good);
    CHECK(bench.send(timed_request("d", good)).get().status == 200);
  }
  CHECK(bench.send(timed_request("new", "0")).get().status == 429);
  for (const char* bad : {"", "soon", "-1", "1h", "1e3", "10 s", "inf", "nan", "1000000000", "5s5"}) {
    CAPTURE(bad);
    const auto refused = bench.send(timed_request("d", bad)).get();
    CHECK(refused.status == 400);
    CHECK(message_of(refused) == "the header [X-Request-Timeout] is [" + std::string(bad) +
                                     "]; it must be a number of seconds, like 2.5, or a number with ms, s or m, like "
                                     "500ms");
  }
  for (const char* bad : {"timeout=1.5s", "timeout=10", "timeout="}) {
    CAPTURE(bad);
    CHECK(bench.post("/v1/embeddings", R"({"model":"hash","input":"d"})", bad).status == 400);
  }
  // The shorter of parameter and header, and the server's own limit where both are longer.
  bench.hold_model();
  auto blocked = bench.send(timed_request("block", "1m"));
  bench.gate.await_arrival();
  auto both = timed_request("a", "20");
  both.query = "timeout=9s";
  auto by_parameter = bench.send(std::move(both));
  auto query = timed_request("q", "30");
  query.body = R"({"model":"hash","input":"q","input_type":"query"})";
  auto by_server = bench.send(std::move(query));
  bench.timer.advance(std::chrono::seconds(9));
  CHECK(message_of(by_parameter.get()).find("there was no answer within [timeout], 9000 ms") == 0);
  bench.timer.advance(std::chrono::seconds(1));
  bench.gate.open();
  const auto late = by_server.get();  // which part of the server notices first depends on its threads
  CHECK(parsed(late)["error"]["code"].GetString() == std::string("deadline_exceeded"));
  CHECK(message_of(late).find("retry later") != std::string::npos);
  CHECK(message_of(late).find("there was no answer within") == std::string::npos);
  CHECK(blocked.get().status == 200);
}

TEST_CASE("a client that left costs no inference") {
  ApiBench bench;
  bench.hold_model();
  auto blocked = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"block"})");
  bench.gate.await_arrival();
  bench.client = std::make_shared<Cancellation>();
  auto abandoned = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"x"})");
  bench.client->cancel(CancelReason::client_left);
  bench.gate.open();
  CHECK(abandoned.get().status == 499);
}

TEST_CASE("a request that waits for the model holds no body: first its inputs are charged, then the queue has them") {
  ApiBench bench;
  bench.hold_model();
  const std::string whitespace(100'000, ' ');
  auto answer = bench.send_post("/v1/embeddings", R"({"model":"hash","input":["some","text"]})" + whitespace);
  CHECK(bench.kept_of_body == std::vector<std::size_t>{8, 0});
  CHECK(answer.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  bench.gate.open();
  CHECK(answer.get().status == 200);
}

}  // namespace
}  // namespace sightline::api
