// Endpoints of the services `openai`, `hugging_face` and `cohere`: what is sent, read, kept, shown and
// refused.
#include <doctest/doctest.h>

#include "definition_bench.h"
#include "front_bench.h"
#include "server/elastic/inference/endpoint.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

constexpr const char* k_chunking =
    R"("chunking_settings":{"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1}})";

/// Answers each service in its own shape: a text's vector is {its length, 1, 0.5}.
http::Response answer(const http::Request& request) {
  rapidjson::Document body;
  body.Parse(request.body.data(), request.body.size());
  const auto vectors = [&](const char* key, const std::string& before, const std::string& after) {
    std::string list;
    for (const auto& text : body[key].GetArray()) {
      list += (list.empty() ? "" : ",") + before + "[" + std::to_string(text.GetStringLength()) + ",1,0.5]" + after;
    }
    return "[" + list + "]";
  };
  if (body.HasMember("inputs")) {
    const bool object = request.path == "/object";
    return json_response((object ? R"({"embeddings":)" : "") + vectors("inputs", "", "") + (object ? "}" : ""));
  }
  if (body.HasMember("texts"))
    return json_response(R"({"id":"x","embeddings":{"float":)" + vectors("texts", "", "") + "}}");
  return json_response(R"({"object":"list","data":)" + vectors("input", R"({"index":0,"embedding":)", "}") + "}");
}

struct Bench : FrontBench {
  Bench() : FrontBench(answer) {}

  /// PUTs endpoint `clip` of a service at the upstream's `path`. `more`: further members of its settings.
  http::Response make(const std::string& service, const std::string& path, const std::string& more = {},
                      const std::string& beside = {}) {
    return put("/_inference/text_embedding/clip",
               R"({"service":")" + service + R"(","service_settings":{"api_key":"hush","url":")" + upstream.url(path) +
                   R"(","rate_limit":{"requests_per_minute":2000000000})" + more + "}" + beside + "}");
  }
  http::Request last() { return upstream.requests().back(); }
};

Answer<Endpoint> parse(const std::string& service, const std::string& settings, const std::string& beside = {},
                       const std::string& task = "text_embedding") {
  rapidjson::Document body;
  const std::string json = R"({"service":")" + service + R"(","service_settings":)" + settings + beside + "}";
  body.Parse(json.data(), json.size());
  REQUIRE(!body.HasParseError());
  return parse_endpoint("clip", task, body);
}

std::string fault(const std::string& service, const std::string& settings, const std::string& beside = {}) {
  const auto endpoint = parse(service, settings, beside);
  return endpoint ? "none" : endpoint.error().reason;
}

/// Good settings of each service.
const std::string k_openai = R"("api_key":"k","model_id":"m")", k_cohere = k_openai,
                  k_hugging_face = R"("api_key":"k","url":"http://x/hugging_face/m")";

std::string json_of(const std::string& settings, const std::string& more = {}) {
  return "{" + settings + more + "}";
}

/// What a service makes of a status: "503 again: reason", "413 shorter: reason" or "400: reason".
std::string outcome(const Endpoint& endpoint, int status, const std::string& body) {
  http::Response response;
  response.status = status;
  response.body = body;
  const auto read = endpoint.service->read(response, endpoint);
  const auto* failure = std::get_if<Failure>(&read);
  if (!failure) return "vectors";
  return std::to_string(failure->error.status) +
         (failure->retryable  ? " again"
          : failure->too_long ? " shorter"
                              : "") +
         ": " + failure->error.reason;
}

std::string told(const char* lead, int status, const std::string& message = {}) {
  return std::string(lead) + " for request from inference entity id [clip] status [" + std::to_string(status) + "]" +
         (message.empty() ? "" : ". Error message: [" + message + "]");
}

constexpr const char* k_server_error = "Received a server error status code";
constexpr const char* k_rate_limit = "Received a rate limit status code";
constexpr const char* k_authentication = "Received an authentication error status code";
constexpr const char* k_unsuccessful = "Received an unsuccessful status code";
constexpr const char* k_too_large = "Received a content too large status code";

}  // namespace

// ---- openai

TEST_CASE("openai: what is sent, and what is shown") {
  Bench bench;
  const auto made = bench.make("openai", "/v1/embeddings?a=b", R"(,"model_id":"m \"1\"")");
  REQUIRE_MESSAGE(made.status == 200, made.body);
  CHECK(
      made.body ==
      R"({"inference_id":"clip","task_type":"text_embedding","service":"openai","service_settings":{"model_id":"m \"1\"",)"
      R"("url":")" +
          bench.upstream.url("/v1/embeddings?a=b") +
          R"(","similarity":"dot_product","dimensions":3,"rate_limit":{"requests_per_minute":2000000000}},)" +
          k_chunking);
  CHECK(bench.get("/_inference/clip").body == "{\"endpoints\":[" + made.body + "]}");
  CHECK(bench.last().body == R"({"input":["how big"],"model":"m \"1\""})");
  CHECK(bench.post("/_inference/clip", R"({"input":["abc","${api_key}"]})").body ==
        R"({"text_embedding":[{"embedding":[3,1,0.5]},{"embedding":[10,1,0.5]}]})");
  const auto sent = bench.last();
  CHECK(sent.method == http::Method::post);
  CHECK(sent.path == "/v1/embeddings");
  CHECK(sent.query == "a=b");
  CHECK(sent.body == R"({"input":["abc","${api_key}"],"model":"m \"1\""})");
  CHECK(sent.headers.get("Authorization") == "Bearer hush");
  CHECK(sent.headers.get("Content-Type") == "application/json");
  CHECK(!sent.headers.get("OpenAI-Organization"));
}

TEST_CASE("openai: organization, user, headers and dimensions go along") {
  Bench bench;
  const auto made =
      bench.make("openai", "/v1/embeddings",
                 R"(,"model_id":"m","organization_id":"org","dimensions":3,"similarity":"COSINE","max_input_tokens":2)",
                 R"(,"task_settings":{"user":"u","headers":{"X-Team":"a"}})");
  REQUIRE_MESSAGE(made.status == 200, made.body);
  CHECK(made.body.find(R"("organization_id":"org","similarity":"cosine","dimensions":3,"max_input_tokens":2,)") !=
        std::string::npos);
  CHECK(made.body.find(R"("task_settings":{"user":"u","headers":{"X-Team":"a"}})") != std::string::npos);
  CHECK(made.body.find("dimensions_set_by_user") == std::string::npos);
  CHECK(bench.last().body == R"({"input":["how bi"],"model":"m","user":"u","dimensions":3})");
  CHECK(bench.last().headers.get("OpenAI-Organization") == "org");
  CHECK(bench.last().headers.get("X-Team") == "a");
  bench.post("/_inference/clip", R"({"input":"abc","task_settings":{"user":"v","headers":{"Authorization":"mine"}}})");
  CHECK(bench.last().body == R"({"input":["abc"],"model":"m","user":"v","dimensions":3})");
  CHECK(bench.last().headers.get("Authorization") == "Bearer hush");
  CHECK(!bench.last().headers.get("X-Team"));
  bench.post("/_inference/clip", R"({"input":"abc"})");
  CHECK(bench.last().body == R"({"input":["abc"],"model":"m","user":"u","dimensions":3})");
}

TEST_CASE("openai: vectors of another length than the user asks for are refused") {
  Bench bench;
  const auto refused = bench.make("openai", "/", R"(,"model_id":"m","dimensions":4)");
  CHECK(refused.status == 400);
  CHECK(reason(refused) ==
        "The retrieved embeddings size [3] does not match the size specified in the settings [4]. Please "
        "recreate the [clip] configuration with the correct dimensions");
  CHECK(bench.get("/_inference/clip").status == 404);
}

TEST_CASE("openai: the vendor's URL is the default") {
  const auto endpoint = parse("openai", json_of(k_openai));
  REQUIRE(endpoint);
  CHECK(endpoint->service->target(*endpoint)->url == "https://api.openai.com/v1/embeddings");
  CHECK(endpoint->requests_per_minute == 3000);
  CHECK(endpoint_json(*endpoint).find("url") == std::string::npos);
}

TEST_CASE("openai: statuses") {
  const auto endpoint = *parse("openai", json_of(k_openai, R"(,"url":"http://x/e")"));
  const std::string body = R"({"error":{"message":"why","type":"t"}})";
  const auto check = [&](int status, const std::string& expected) {
    CHECK(outcome(endpoint, status, body) == expected);
  };
  check(429, "429 again: " + told("Received a rate limit status code. Token limit [unknown], remaining tokens "
                                  "[unknown]. Request limit [unknown], remaining requests [unknown]",
                                  429, "why"));
  check(500, "400 again: " + told(k_server_error, 500, "why"));
  check(503, "400 again: " + told("Received a server busy error status code", 503, "why"));
  check(502, "400: " + told(k_server_error, 502, "why"));
  check(413, "413 shorter: " + told(k_too_large, 413, "why"));
  check(401, "401: " + told(k_authentication, 401, "why"));
  check(307, "307: " + told("Unhandled redirection", 307, "why"));
  check(422, "422: " + told("Received an input validation error response", 422, "why"));
  check(400, "400: " + told("Received a bad request status code", 400, "why"));
  check(404, "404: " + told("Resource not found at [http://x/e]", 404, "why"));
  check(403, "403: " + told(k_unsuccessful, 403, "why"));
  const std::string too_long = "Please reduce your prompt; or completion length.";
  CHECK(outcome(endpoint, 400, R"({"error":{"message":")" + too_long + "\"}}") ==
        "400 shorter: " + told(k_too_large, 400, too_long));
  for (const char* other : {"", "why", R"({"error":"why"})", R"(["error"])", R"({"error":{"message":1}})"})
    CHECK(outcome(endpoint, 403, other) == "403: " + told(k_unsuccessful, 403));
  http::Response limited;
  limited.status = 429;
  limited.headers.set("x-ratelimit-limit-requests", "60");
  CHECK(std::get<Failure>(endpoint.service->read(limited, endpoint)).error.reason.find("Request limit [60]") !=
        std::string::npos);
}

// ---- hugging_face

TEST_CASE("hugging_face: what is sent, and what is shown") {
  for (const std::string path : {"/hugging_face/clip", "/object"}) {
    Bench bench;
    const auto made = bench.make("hugging_face", path);
    REQUIRE_MESSAGE(made.status == 200, made.body);
    CHECK(
        made.body ==
        R"({"inference_id":"clip","task_type":"text_embedding","service":"hugging_face","service_settings":{"url":")" +
            bench.upstream.url(path) +
            R"(","similarity":"cosine","dimensions":3,"rate_limit":{"requests_per_minute":2000000000}},)" + k_chunking);
    CHECK(bench.get("/_inference/clip").body == "{\"endpoints\":[" + made.body + "]}");
    CHECK(bench.post("/_inference/clip", R"({"input":["abc",""]})").body ==
          R"({"text_embedding":[{"embedding":[3,1,0.5]},{"embedding":[0,1,0.5]}]})");
    CHECK(bench.last().path == path);
    CHECK(bench.last().body == R"({"inputs":["abc",""]})");
    CHECK(bench.last().headers.get("Authorization") == "Bearer hush");
    CHECK(bench.last().headers.get("Content-Type") == "application/json");
  }
}

TEST_CASE("hugging_face: dimensions are measured, whatever the settings say") {
  Bench bench;
  const auto made = bench.make("hugging_face", "/", R"(,"dimensions":7)");
  CHECK(parsed(made)["service_settings"]["dimensions"].GetInt() == 3);
}

TEST_CASE("hugging_face: statuses") {
  const auto endpoint = *parse("hugging_face", json_of(k_hugging_face));
  CHECK(endpoint.requests_per_minute == 3000);
  const auto check = [&](int status, const std::string& expected) {
    CHECK(outcome(endpoint, status, R"({"error":"why","error_type":"t"})") == expected);
  };
  check(429, "429 again: " + told(k_rate_limit, 429, "why"));
  check(502, "400 again: " + told(k_rate_limit, 502, "why"));
  check(503, "400 again: " + told(k_rate_limit, 503, "why"));
  check(500, "400: " + told(k_server_error, 500, "why"));
  check(413, "413 shorter: " + told(k_too_large, 413, "why"));
  check(401, "401: " + told(k_authentication, 401, "why"));
  check(302, "302: " + told("Unhandled redirection", 302, "why"));
  check(422, "422: " + told(k_unsuccessful, 422, "why"));
  CHECK(outcome(endpoint, 400, R"({"error":{"message":"why"}})") == "400: " + told(k_unsuccessful, 400));
}

// ---- cohere

TEST_CASE("cohere: what is sent, and what is shown") {
  Bench bench;
  const auto made = bench.make("cohere", "/some/path?x=y", R"(,"model_id":"embed-english-v3.0")",
                               R"(,"task_settings":{"truncate":"START"})");
  REQUIRE_MESSAGE(made.status == 200, made.body);
  CHECK(made.body ==
        R"({"inference_id":"clip","task_type":"text_embedding","service":"cohere","service_settings":{"url":")" +
            bench.upstream.url("/some/path?x=y") +
            R"(","similarity":"dot_product","dimensions":3,"model_id":"embed-english-v3.0",)"
            R"("rate_limit":{"requests_per_minute":2000000000},"embedding_type":"float"},)"
            R"("task_settings":{"truncate":"start"},)" +
            k_chunking);
  CHECK(bench.get("/_inference/clip").body == "{\"endpoints\":[" + made.body + "]}");
  CHECK(bench.post("/_inference/clip", R"({"input":["abc","d"],"input_type":"ingest"})").body ==
        R"({"text_embedding":[{"embedding":[3,1,0.5]},{"embedding":[1,1,0.5]}]})");
  const auto sent = bench.last();
  CHECK(sent.path == "/v2/embed");
  CHECK(sent.query.empty());
  CHECK(
      sent.body ==
      R"({"texts":["abc","d"],"model":"embed-english-v3.0","input_type":"search_document","embedding_types":["float"],"truncate":"start"})");
  CHECK(sent.headers.get("Authorization") == "Bearer hush");
  CHECK(sent.headers.get("Content-Type") == "application/json");
  CHECK(sent.headers.get("Request-Source") == "unspecified:elasticsearch");
}

TEST_CASE("cohere: the role of a request, else that of the task settings, else a query's") {
  Bench bench;
  REQUIRE(bench.make("cohere", "", R"(,"model_id":"m")").status == 200);
  const auto role_sent = [&] {
    return std::string(parsed(json_response(bench.last().body))["input_type"].GetString());
  };
  CHECK(role_sent() == "search_document");  // the measuring call
  const auto role = [&](const std::string& more) {
    REQUIRE(bench.post("/_inference/clip", R"({"input":"abc")" + more + "}").status == 200);
    return role_sent();
  };
  CHECK(role("") == "search_query");
  CHECK(role(R"(,"input_type":"ingest")") == "search_document");
  CHECK(role(R"(,"input_type":"search")") == "search_query");
  CHECK(role(R"(,"input_type":"classification")") == "classification");
  CHECK(role(R"(,"input_type":"clustering")") == "clustering");
  CHECK(role(R"(,"task_settings":{"input_type":"clustering"})") == "clustering");
  CHECK(role(R"(,"task_settings":{"input_type":"clustering"},"input_type":"ingest")") == "search_document");
  bench.put(
      "/_ingest/pipeline/embed",
      R"({"processors":[{"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
  CHECK(bench.put("/pics/_doc/1?pipeline=embed", R"({"t":"abc"})").status == 201);
  CHECK(bench.store.source("pics", "1") == R"({"t":"abc","model_id":"clip","v":[3.0,1.0,0.5]})");
  CHECK(role_sent() == "search_document");
  bench.post(
      "/pics/_search",
      R"({"knn":{"field":"v","query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"ab"}}}})");
  CHECK(role_sent() == "search_query");
}

TEST_CASE("cohere: an update of one task setting keeps the other") {
  Bench bench;
  REQUIRE(bench.make("cohere", "", R"(,"model_id":"m")", R"(,"task_settings":{"input_type":"ingest"})").status == 200);
  const auto updated = bench.put("/_inference/clip/_update", R"({"task_settings":{"truncate":"start"}})");
  REQUIRE_MESSAGE(updated.status == 200, updated.body);
  CHECK(updated.body.find(R"("task_settings":{"input_type":"ingest","truncate":"start"})") != std::string::npos);
  bench.post("/_inference/clip", R"({"input":"abc"})");
  CHECK(bench.last().body.find(R"("input_type":"search_document")") != std::string::npos);
}

TEST_CASE("cohere: the vendor's URL is the default, and an old name of model_id counts") {
  const auto endpoint = parse("cohere", R"({"api_key":"k","model":"old"})");
  REQUIRE(endpoint);
  CHECK(endpoint->service->target(*endpoint)->url == "https://api.cohere.com/v2/embed");
  CHECK(endpoint->requests_per_minute == 10'000);
  CHECK(endpoint_json(*endpoint).find(R"("model_id":"old")") != std::string::npos);
}

TEST_CASE("cohere: statuses, and a bare array of vectors") {
  const auto endpoint = *parse("cohere", json_of(k_cohere));
  const auto check = [&](int status, const std::string& expected) {
    CHECK(outcome(endpoint, status, R"({"id":"x","message":"why"})") == expected);
  };
  check(429, "429 again: " + told(k_rate_limit, 429, "why"));
  check(500, "400 again: " + told(k_server_error, 500, "why"));
  check(503, "400: " + told(k_server_error, 503, "why"));
  check(413, "413: " + told(k_unsuccessful, 413, "why"));
  check(401, "401: " + told(k_authentication, 401, "why"));
  check(301, "301: " + told("Unhandled redirection", 301, "why"));
  check(400, "400: " + told(k_unsuccessful, 400, "why"));
  const std::string too_many = "invalid request: total number of texts must be at most 96";
  CHECK(outcome(endpoint, 400, R"({"message":")" + too_many + "\"}") ==
        "400: " + told("Received a texts array too large response", 400, too_many));
  CHECK(outcome(endpoint, 200, R"({"embeddings":[[1,2]]})") == "vectors");
}

// ---- all of them

TEST_CASE("native services send several parts for one vector as one input") {
  const auto body = [](const std::string& service, const std::string& good) {
    const auto endpoint = parse(service, json_of(good));
    REQUIRE(endpoint);
    const std::vector<std::string_view> parts{"a \"b\"", "data:image/png;base64,AA=="};
    return *endpoint->service->body(*endpoint, {parts, InputType::search, 0, {}, true});
  };
  const std::string content =
      R"([{"content":[{"type":"text","text":"a \"b\""},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}])";
  CHECK(body("openai", k_openai) == R"({"input":)" + content + R"(,"model":"m"})");
  CHECK(body("hugging_face", k_hugging_face) == R"({"inputs":)" + content + "}");
  CHECK(body("cohere", k_cohere) ==
        R"({"inputs":)" + content + R"(,"model":"m","input_type":"search_query","embedding_types":["float"]})");
}

TEST_CASE("a native service wants its settings, and tells what is wrong with them as Elasticsearch does") {
  const auto missing = [](const char* name, int position = 1) {
    return std::to_string(position) + ": [service_settings] does not contain the required setting [" + name + "];";
  };
  CHECK(fault("openai", "{}") == "Validation Failed: " + missing("model_id"));
  CHECK(fault("openai", R"({"model_id":"m"})") == "Validation Failed: " + missing("api_key"));
  CHECK(fault("hugging_face", "{}") == "Validation Failed: " + missing("url"));
  CHECK(fault("hugging_face", R"({"url":"http://x/"})") == "Validation Failed: " + missing("api_key"));
  CHECK(fault("cohere", "{}") ==
        "Validation Failed: 1: The [service_settings.model_id] field is required for the Cohere V2 API.;");
  CHECK(fault("cohere", R"({"model_id":"m"})") == "Validation Failed: " + missing("api_key"));
  for (const auto& [service, good] :
       {std::pair("openai", k_openai), std::pair("cohere", k_cohere), std::pair("hugging_face", k_hugging_face)}) {
    CAPTURE(service);
    const std::string name = service;
    CHECK(fault(service, json_of(good)) == "none");
    CHECK(fault(service, json_of(good, R"(,"foo":1)")) ==
          "Configuration contains settings [{foo=1}] unknown to the [" + name + "] service");
    CHECK(fault(service, json_of(good, R"(,"dimensions_set_by_user":true)")).find("unknown to") != std::string::npos);
    CHECK(fault(service, json_of(good, R"(,"rate_limit":{"per_hour":1})")) ==
          "Configuration contains settings [{per_hour=1}] unknown to the [" + name + "] service");
    CHECK(fault(service, json_of(good), R"(,"task_settings":{"foo":1})") ==
          "Configuration contains settings [{foo=1}] unknown to the [" + name + "] service");
    CHECK(fault(service, json_of(good), R"(,"foo":1)") ==
          "Configuration contains settings [{foo=1}] unknown to the [" + name + "] service");
    CHECK(fault(service, json_of(good, R"(,"similarity":"manhattan","dimensions":0)")) ==
          "Validation Failed: 1: [service_settings] Invalid value [manhattan] received. [similarity] must be "
          "one "
          "of [cosine, dot_product, l2_norm];2: [service_settings] Invalid value [0]. [dimensions] must be a "
          "positive integer;");
    CHECK(fault(service, R"({"api_key":"k","model_id":"m","url":"^"})") ==
          "Validation Failed: 1: [service_settings] Invalid url [^] received for field [url]. Error: unable to "
          "parse url [^]. Reason: Illegal character in path at index 0;");
    CHECK(fault(service, R"({"api_key":"k","model_id":"m","url":"file:///etc/passwd"})").find("http://") !=
          std::string::npos);
    CHECK(parse(service, json_of(good), "", "rerank")
              .error()
              .reason.find(service == std::string("openai")
                               ? "The [openai] service does not support task type [rerank]"
                               : "Task type [rerank] of the [" + name + "] service is not supported here") == 0);
    CHECK(parse(service, json_of(good), "", "embedding").error().reason ==
          (service == std::string("openai")
               ? "Task type [embedding] of the [openai] service is not supported here, use [text_embedding]"
               : "The [" + name + "] service does not support task type [embedding]"));
  }
  CHECK(fault("cohere", json_of(k_cohere, R"(,"embedding_type":"byte")")) ==
        "Validation Failed: 1: [service_settings] embedding_type [byte] is not supported here, use [float];");
  CHECK(fault("cohere", json_of(k_cohere, R"(,"embedding_type":"double")")) ==
        "Validation Failed: 1: [service_settings] Invalid value [double] received. [embedding_type] must be "
        "one "
        "of [binary, bit, byte, float, int8];");
  CHECK(fault("cohere", json_of(k_cohere), R"(,"task_settings":{"input_type":"internal_search"})") ==
        "Validation Failed: 1: [task_settings] Invalid value [internal_search] received. [input_type] must be "
        "one of [classification, clustering, ingest, search];");
  CHECK(fault("cohere", json_of(k_cohere), R"(,"task_settings":{"truncate":"middle"})") ==
        "Validation Failed: 1: [task_settings] Invalid value [middle] received. [truncate] must be one of "
        "[end, "
        "none, start];");
  CHECK(fault("openai", json_of(k_openai), R"(,"task_settings":{"user":1})").find("[user]") != std::string::npos);
  CHECK(fault("openai", json_of(k_openai), R"(,"task_settings":{"headers":{"A":"b\r\nC: d"}})")
            .find("header [A] holds a character") != std::string::npos);
}

TEST_CASE("no error of a native service shows its key") {
  for (const char* service : {"openai", "cohere", "hugging_face"}) {
    for (const char* key : {"4711", R"(["4711"])", R"({"a":"4711"})", R"("4711\r\nX: y")"}) {
      CAPTURE(service);
      CAPTURE(key);
      const std::string told_fault = fault(
          service, std::string(R"({"url":"http://x/","model_id":"m","similarity":"cosine","api_key":)") + key + "}");
      CHECK(told_fault != "none");
      if (service == std::string("hugging_face") && told_fault.find("unknown to") != std::string::npos) continue;
      CHECK(told_fault.find("[api_key]") != std::string::npos);
      CHECK(told_fault.find("4711") == std::string::npos);
    }
    CHECK(fault(service, R"({"url":"http://x/","model_id":"m","api_key":""})").find("empty string. [api_key]") !=
          std::string::npos);
  }
}

TEST_CASE("a native service's settings come back from their stored form as they were, the key too") {
  for (const auto& [service, settings] :
       {std::pair("openai", json_of(k_openai, R"(,"dimensions":3,"organization_id":"o")")),
        std::pair("cohere", json_of(k_cohere, R"(,"url":"http://x/y")")),
        std::pair("hugging_face", json_of(k_hugging_face, R"(,"max_input_tokens":9)"))}) {
    const auto endpoint = parse(service, settings);
    REQUIRE(endpoint);
    const std::string stored = endpoint_json(*endpoint, true);
    rapidjson::Document config;
    config.Parse(stored.data(), stored.size());
    const auto again = parse_endpoint("clip", "", config, SettingsSource::stored);
    REQUIRE(again);
    CHECK(endpoint_json(*again, true) == stored);
    CHECK(again->secret("api_key") == "k");
    CHECK(again->service->body(*again, {{"x"}}).value() == endpoint->service->body(*endpoint, {{"x"}}).value());
    CHECK(endpoint_json(*endpoint).find("api_key") == std::string::npos);
    Endpoint bare = *endpoint;
    bare.secrets.clear();
    const std::string keyless = endpoint_json(bare, true);
    config.Parse(keyless.data(), keyless.size());
    const auto shown = parse_endpoint("clip", "", config, SettingsSource::stored);
    REQUIRE(shown);
    CHECK(shown->service->target(*shown).error().reason == "inference endpoint [clip] has no [api_key]");
  }
}

TEST_CASE("answers of a native service that hold no vectors say so, and are worth another try") {
  struct Row {
    const char *service, *body, *why;
  };
  for (const Row row :
       {Row{"openai", R"({"embeddings":[]})", "Failed to find required field [data] in OpenAI embeddings response"},
        Row{"openai", R"({"data":[{"embedding":"AAA="}]})", "expected a list"}, Row{"openai", "oops", "[1:1]"},
        Row{"hugging_face", R"({"data":[]})",
            "Failed to find required field [embeddings] in Hugging Face embeddings response"},
        Row{"hugging_face", "[[1,null]]", "Unable to convert"}, Row{"hugging_face", "[1,2]", "expected a list"},
        Row{"cohere", "[]", "Failed to find required field [embeddings] in Cohere embeddings response"},
        Row{"cohere", R"({"embeddings":{"int8":[[1]]}})", "Failed to find a supported embedding type"},
        Row{"cohere", R"({"embeddings":7})", "Failed to find a supported embedding type"}}) {
    CAPTURE(row.body);
    const auto endpoint =
        *parse(row.service, row.service == std::string("hugging_face") ? json_of(k_hugging_face) : json_of(k_openai));
    const std::string told_outcome = outcome(endpoint, 200, row.body);
    CHECK(told_outcome.starts_with("500 again: Failed to send "));
    CHECK(told_outcome.find("text_embedding request from inference entity id [clip]. Cause: ") != std::string::npos);
    CHECK_MESSAGE(told_outcome.find(row.why) != std::string::npos, told_outcome);
    CHECK(outcome(endpoint, 200, "") == "400: Response body was empty for request from inference entity id [clip]");
  }
}

TEST_CASE("openai and hugging_face take no input_type but that of pipelines and searches") {
  for (const std::string service : {"openai", "hugging_face"}) {
    Bench bench;
    REQUIRE(bench.make(service, "/", service == "openai" ? R"(,"model_id":"m")" : "").status == 200);
    for (const std::string type : {"ingest", "search", "classification", "clustering"}) {
      const auto refused = bench.post("/_inference/clip", R"({"input":"a","input_type":")" + type + "\"}");
      CHECK(refused.status == 400);
      CHECK(reason(refused) == "Validation Failed: 1: Invalid input_type [" + type +
                                   "]. The input_type option is not supported by this service;");
    }
    CHECK(bench.upstream.count() == 1);
    CHECK(
        bench
            .post(
                "/pics/_search",
                R"({"knn":{"field":"v","query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"ab"}}}})")
            .body.find("input_type") == std::string::npos);
    CHECK(bench.upstream.count() == 2);
  }
}

TEST_CASE("task settings of a request that a native service does not know are refused") {
  Bench bench;
  REQUIRE(bench.make("hugging_face", "/").status == 200);
  const auto calls = bench.upstream.count();
  const auto refused = [&](const char* settings) {
    return reason(bench.post("/_inference/clip", R"({"input":"a","task_settings":)" + std::string(settings) + "}"));
  };
  CHECK(refused(R"({"user":"u"})") ==
        "Configuration contains settings [{user=u}] unknown to the [hugging_face] service");
  CHECK(refused("7").find("[task_settings] is not of the expected type") != std::string::npos);
  CHECK(bench.upstream.count() == calls);
  CHECK(bench.post("/_inference/clip", R"({"input":"a","task_settings":{}})").status == 200);
  CHECK(bench.post("/_inference/clip", R"({"input":"a","task_settings":null})").status == 200);
}

TEST_CASE("an update of a native service changes its key, its limit and its task settings alone") {
  Bench bench;
  REQUIRE(bench.make("openai", "/v1/embeddings", R"(,"model_id":"m","dimensions":3)").status == 200);
  const auto updated = bench.put(
      "/_inference/clip/_update",
      R"({"service_settings":{"api_key":"hush2","rate_limit":{"requests_per_minute":1999999999}},"task_settings":{"user":"u"}})");
  REQUIRE_MESSAGE(updated.status == 200, updated.body);
  CHECK(updated.body.find("hush") == std::string::npos);
  CHECK(updated.body.find("1999999999") != std::string::npos);
  CHECK(bench.post("/_inference/clip", R"({"input":"abc"})").status == 200);
  CHECK(bench.last().headers.get("Authorization") == "Bearer hush2");
  CHECK(bench.last().body == R"({"input":["abc"],"model":"m","user":"u","dimensions":3})");
  const auto calls = bench.upstream.count();
  for (const std::string setting : {"url", "model_id", "similarity", "dimensions", "dimensions_set_by_user", "nope"}) {
    CHECK(reason(bench.put("/_inference/clip/_update", R"({"service_settings":{")" + setting + R"(":"x"}})")) ==
          "[service_settings] [" + setting + "] cannot be updated: make another endpoint");
  }
  CHECK(bench.upstream.count() == calls);
}

TEST_CASE("in front of a cluster a native service's key is sealed, or the endpoint is refused") {
  Upstream upstream(answer);
  const std::string body = R"({"service":"cohere","service_settings":{"api_key":"hush-hush","model_id":"m","url":")" +
                           upstream.url() + R"(","rate_limit":{"requests_per_minute":2000000000}}})";
  MemoryStore store;
  store.is_cluster = true;
  GatewayFront keyless(store);
  const auto refused = keyless.put("/_inference/text_embedding/clip", body);
  CHECK(refused.status == 400);
  CHECK(reason(refused).find("--secret-key-file FILE") != std::string::npos);
  CHECK(upstream.count() == 0);
  GatewayFront one(store, std::string(64, 'a')), two(store, std::string(64, 'a'));
  REQUIRE(one.put("/_inference/text_embedding/clip", body).status == 200);
  for (const auto& request : store.requests) CHECK(request.body.find("hush") == std::string::npos);
  CHECK(two.get("/_inference/clip").body.find("hush") == std::string::npos);
  CHECK(two.post("/_inference/clip", R"({"input":"abc"})").body == R"({"text_embedding":[{"embedding":[3,1,0.5]}]})");
  CHECK(upstream.requests().back().headers.get("Authorization") == "Bearer hush-hush");
  CHECK(keyless.get("/_inference/clip").status == 200);
  CHECK(keyless.post("/_inference/clip", R"({"input":"abc"})").status == 500);
}
