#include "server/elastic/inference/endpoint.h"

#include <doctest/doctest.h>

using namespace sightline;
using namespace sightline::elastic;

namespace {

constexpr const char* k_full = R"({
  "service": "custom",
  "service_settings": {
    "secret_parameters": {"api_key": "k-\"123\""},
    "url": "http://127.0.0.1:1/${path:-v1}/embeddings",
    "headers": {"Authorization": "Bearer ${api_key}"},
    "query_parameters": [["role", "a b"], ["role", "${flavour}"]],
    "request": "{\"input\":${input},\"input_type\":${input_type},\"key\":${api_key},\"n\":${n}}",
    "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}},
    "input_type": {"translation": {"ingest": "document", "search": "query"}, "default": "none"},
    "similarity": "cosine",
    "dimensions": 7,
    "batch_size": 32,
    "rate_limit": {"requests_per_minute": 600000}
  },
  "task_settings": {"parameters": {"n": 3, "flavour": "x&y"}}
})";

Answer<Endpoint> parse(const std::string& json, const std::string& task = "text_embedding") {
  rapidjson::Document body;
  body.Parse(json.data(), json.size());
  REQUIRE(!body.HasParseError());
  return parse_endpoint("clip", task, body);
}

Answer<http::ClientRequest> target_of(const Endpoint& endpoint) {
  return endpoint.service->target(endpoint);
}

Answer<std::string> body_of(const Endpoint& endpoint, const InferenceInput& input) {
  return endpoint.service->body(endpoint, input);
}

/// k_full with something else in it.
Endpoint full_with(const std::string& what, const std::string& instead) {
  std::string json = k_full;
  json.replace(json.find(what), what.size(), instead);
  return *parse(json);
}

/// With `task_settings` of a request.
Endpoint given(const Endpoint& endpoint, const std::string& task_settings) {
  rapidjson::Document body;
  body.Parse(task_settings.data(), task_settings.size());
  return **with_task_settings(std::make_shared<const Endpoint>(endpoint), body);
}

std::string fault(const std::string& settings, const std::string& task = "text_embedding") {
  auto endpoint = parse(R"({"service":"custom","service_settings":)" + settings + "}", task);
  return endpoint ? "none" : endpoint.error().reason;
}

constexpr const char* k_rest =
    R"("url":"http://x/","request":"r","response":{"json_parser":{"text_embeddings":"$.a"}})";

}  // namespace

TEST_CASE("an endpoint shows its settings with their defaults, and never its secrets") {
  auto endpoint = parse(std::string(R"({"service":"custom","service_settings":{"secret_parameters":{"k":"hush"},)") +
                        k_rest + "}}");
  REQUIRE(endpoint);
  CHECK(
      endpoint_json(*endpoint) ==
      R"({"inference_id":"clip","task_type":"text_embedding","service":"custom","service_settings":{"url":"http://x/","request":"r",)"
      R"("response":{"json_parser":{"text_embeddings":"$.a","embedding_type":"float"}},"input_type":{"translation":{},"default":""},)"
      R"("rate_limit":{"requests_per_minute":10000},"batch_size":10},)"
      R"("chunking_settings":{"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1}})");
}

TEST_CASE("an endpoint comes back from its stored form as it was, secrets too") {
  auto endpoint = parse(k_full);
  REQUIRE(endpoint);
  auto again = parse(endpoint_json(*endpoint, true), "");
  REQUIRE(again);
  CHECK(endpoint_json(*again, true) == endpoint_json(*endpoint, true));
  CHECK(again->secrets == StringPairs{{"api_key", "k-\"123\""}});
  CHECK(endpoint_json(*endpoint).find("123") == std::string::npos);
}

TEST_CASE("URL, query and headers are filled raw, the body with JSON") {
  const auto endpoint = *parse(k_full);
  auto target = target_of(endpoint);
  REQUIRE(target);
  CHECK(target->url == "http://127.0.0.1:1/v1/embeddings?role=a%20b&role=x%26y");
  CHECK(target->headers.get("authorization") == "Bearer k-\"123\"");
  CHECK(target->headers.get("content-type") == "application/json");
  auto body = body_of(endpoint, {{"a \"red\"\nbicycle", "\x01", ""}, InputType::search});
  REQUIRE(body);
  CHECK(*body == R"({"input":["a \"red\"\nbicycle","\u0001",""],"input_type":"query","key":"k-\"123\"","n":3})");
}

TEST_CASE("one input is a list too, and internal kinds of input are never translated") {
  const auto endpoint = *parse(k_full);
  const auto type_sent = [&](InputType type) {
    const std::string body = *body_of(endpoint, {{"x"}, type});
    CHECK(body.starts_with(R"({"input":["x"],)"));
    return body.substr(body.find("input_type") + 12, 10);
  };
  CHECK(type_sent(InputType::ingest).starts_with("\"document\""));
  CHECK(type_sent(InputType::internal_ingest).starts_with("\"none\""));
  CHECK(type_sent(InputType::internal_search).starts_with("\"none\""));
  CHECK(type_sent(InputType::unspecified).starts_with("\"none\""));
}

TEST_CASE("task settings of a request go over those of the endpoint") {
  const auto endpoint = *parse(k_full);
  const auto asked = given(endpoint, R"({"parameters":{"n":9,"path":"v2"}})");
  CHECK(target_of(asked)->url.starts_with("http://127.0.0.1:1/v2/embeddings"));
  CHECK(body_of(asked, {{"x"}, InputType::search})->ends_with("\"n\":9}"));
  CHECK(body_of(endpoint, {{"x"}, InputType::search})->ends_with("\"n\":3}"));
}

TEST_CASE("what is no URL, and headers that break the line, are refused") {
  const std::string url = "http://127.0.0.1:1/${path:-v1}/embeddings", header = "Bearer ${api_key}";
  CHECK(target_of(full_with(url, "^")).error().reason ==
        "Failed to build URI, error: Illegal character in path at index 0: ^");
  CHECK(!target_of(full_with(url, "file:///etc/passwd")));
  CHECK(!target_of(full_with(url, "http:///x")));
  const auto asked = given(full_with(header, "${flavour}"), R"({"parameters":{"flavour":"a\r\nHost: b"}})");
  CHECK(target_of(asked).error().reason.find("[Authorization]") != std::string::npos);
}

TEST_CASE("missing, empty and wrong settings are all reported with Elasticsearch's messages") {
  CHECK(fault("{}") ==
        "Validation Failed: 1: [service_settings] does not contain the required setting [url];2: "
        "[service_settings] does not contain "
        "the required setting [request];3: [service_settings] does not contain the required setting "
        "[response];");
  CHECK(fault(R"({"url":"","request":1,"response":{"json_parser":{"text_embeddings":"$.a"}}})") ==
        "Validation Failed: 1: [service_settings] Invalid value empty string. [url] must be a non-empty "
        "string;2: field [request] is not "
        "of the expected type. The value [1] cannot be converted to a [String];");
  const std::string rest = k_rest;
  CHECK(fault("{" + rest + R"(,"batch_size":0})") ==
        "Validation Failed: 1: [service_settings] Invalid value [0]. [batch_size] must be a positive integer;");
  CHECK(fault("{" + rest + R"(,"similarity":"manhattan"})") ==
        "Validation Failed: 1: [service_settings] Invalid value [manhattan] received. [similarity] must be "
        "one of [cosine, dot_product, "
        "l2_norm];");
  CHECK(fault("{" + rest + R"(,"headers":{"a":1}})") ==
        "Validation Failed: 1: Map field [headers] has an entry that is not valid, [a => 1]. Value type of "
        "[1] is not one of [String].;");
  CHECK(fault("{" + rest + R"(,"query_parameters":[["a"]]})").find("must be a list of two strings") !=
        std::string::npos);
  CHECK(fault("{" + rest + R"(,"input_type":{"translation":{"internal_ingest":"x"}}})")
            .find("Invalid input type translation for key") != std::string::npos);
}

TEST_CASE("unknown settings are refused at every level") {
  const std::string rest = k_rest;
  CHECK(fault("{" + rest + R"(,"foo":{"a":[1,"b"]}})") ==
        "Configuration contains settings [{foo={a=[1, b]}}] unknown to the [custom] service");
  CHECK(fault(R"({"url":"http://x/","request":"r","response":{"json_parser":{"text_embeddings":"$.a","x":1}}})") ==
        "Configuration contains unknown settings [{x=1}] while parsing field [json_parser] for settings "
        "[custom_service_settings]");
  auto outer = parse(R"({"service":"custom","foo":1,"service_settings":{)" + rest + "}}");
  CHECK(outer.error().reason == "Configuration contains settings [{foo=1}] unknown to the [custom] service");
}

TEST_CASE("unsupported services and tasks are refused and named") {
  CHECK(parse(R"({"service":"watsonx","service_settings":{}})").error().reason == "Unknown service [watsonx]");
  CHECK(parse(R"({"service_settings":{}})").error().reason ==
        "Inference endpoint configuration is missing the [service] setting");
  CHECK(parse(R"({"service":"custom"})").error().reason == "Missing required field [service_settings]");
  CHECK(fault("{}", "embedding") == "The [custom] service does not support task type [embedding]");
  CHECK(fault("{}", "rerank").find("[rerank]") != std::string::npos);
  CHECK(fault("{}", "foo") == "Unknown task_type [foo]");
  CHECK(fault("{}", "") == "model is missing required setting [task_type]");
  const std::string rest = k_rest;
  CHECK(
      fault(
          R"({"url":"http://x/","request":"r","response":{"json_parser":{"text_embeddings":"$.a","embedding_type":"byte"}}})")
          .find("embedding_type [byte] is not supported") != std::string::npos);
}

TEST_CASE("a name may not be a secret and a task parameter at once") {
  const std::string rest = k_rest;
  auto endpoint = parse(
      R"({"service":"custom","task_settings":{"parameters":{"k":1}},"service_settings":{"secret_parameters":{"k":"x"},)" +
      rest + "}}");
  CHECK(endpoint.error().reason.find("both contain [k]") != std::string::npos);
}
