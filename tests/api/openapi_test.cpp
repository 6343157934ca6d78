#include <cctype>
#include <set>

#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"
#include "tests/api/api_bench.h"
#include "tests/base/temporary_folder.h"

namespace sightline::api {
namespace {

/// Calls `visit` with every value in `value`, itself included.
template <class Visit>
void for_each_value(const rapidjson::Value& value, const Visit& visit) {
  visit(value);
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) for_each_value(member.value, visit);
  } else if (value.IsArray()) {
    for (const auto& element : value.GetArray()) for_each_value(element, visit);
  }
}

TEST_CASE("the OpenAPI document and the server have the same routes") {
  ApiBench bench;
  const auto document = parsed(bench.get("/openapi.json"));
  std::set<std::string> described, served, operations;
  for (const auto& path : document["paths"].GetObject()) {
    for (const auto& method : path.value.GetObject()) {
      std::string name = method.name.GetString();
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      described.insert(name + " " + path.name.GetString());
      CHECK(operations.insert(method.value["operationId"].GetString()).second);
    }
  }
  const auto root = parsed(bench.get("/"));
  for (const auto& route : root["routes"].GetArray()) served.insert(route.GetString());
  CHECK(described == served);
}

TEST_CASE("every reference in the OpenAPI document leads somewhere") {
  ApiBench bench;
  const auto document = parsed(bench.get("/openapi.json"));
  std::size_t references = 0;
  for_each_value(document, [&](const rapidjson::Value& value) {
    if (!value.IsObject() || !value.HasMember("$ref")) return;
    ++references;
    const std::string reference = value["$ref"].GetString();
    CAPTURE(reference);
    REQUIRE(reference.find("#/components/") == 0);
    const std::string rest = reference.substr(13);
    const std::string kind = rest.substr(0, rest.find('/')), name = rest.substr(rest.find('/') + 1);
    REQUIRE(document["components"].HasMember(kind));
    CHECK(document["components"][kind].HasMember(name));
  });
  CHECK(references > 100);
}

TEST_CASE("the document's examples are answered as it says, but for the model's name") {
  ApiBench bench;
  const auto document = parsed(bench.get("/openapi.json"));
  const std::string gif = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
  std::size_t examples = 0;
  for (const auto& path : document["paths"].GetObject()) {
    if (!path.value.HasMember("post")) continue;
    const auto& content = path.value["post"]["requestBody"]["content"]["application/json"];
    for (const auto& example : content["examples"].GetObject()) {
      rapidjson::StringBuffer buffer;
      rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
      example.value["value"].Accept(writer);
      std::string body = buffer.GetString(), route = path.name.GetString();
      const auto replace = [](std::string& text, const std::string& from, const std::string& to) {
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
          text.replace(at, from.size(), to);
      };
      replace(body, "\"clip\"", "\"hash\"");
      replace(body, gif, picture_uri("1"));
      replace(route, "{model}", "hash");
      const auto response = bench.post(route, body);
      CHECK_MESSAGE(response.status == 200, route << " " << example.name.GetString() << ": " << response.body);
      ++examples;
    }
  }
  CHECK(examples >= 15);
}

TEST_CASE("the page that shows the document loads nothing from elsewhere") {
  ApiBench bench;
  const auto page = bench.get("/docs");
  CHECK(page.status == 200);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(page.body.find("openapi.json") != std::string::npos);
  CHECK(page.body.find("http://") == std::string::npos);
  CHECK(page.body.find("https://") == std::string::npos);
  CHECK(page.headers.get("Content-Security-Policy").value_or("").find("default-src 'none'") == 0);
}

TEST_CASE("the contract can be read without a key") {
  const TemporaryFolder folder;
  const std::string file = folder.write("keys.txt", "a-key-of-sufficient-length-0123456789\n");
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(*security::ApiKeys::read(file));
  ApiBench bench(std::move(options));
  CHECK(bench.get("/openapi.json").status == 200);
  CHECK(bench.get("/docs").status == 200);
  CHECK(bench.get("/").status == 401);
  CHECK(bench.get("/v1/models").status == 401);
  for (const char* path : {"/v2/embed", "/v1/embed"}) CHECK(parsed(bench.post(path, "{}")).HasMember("message"));
  CHECK(parsed(bench.post("/hugging_face/hash", "{}")).HasMember("error_type"));
}

}  // namespace
}  // namespace sightline::api
