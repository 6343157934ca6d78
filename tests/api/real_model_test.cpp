// The whole way: a client, the network, the API, the queue, and a CLIP with vectors that are known.
#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <future>
#include <sstream>

#include "base/base64.h"
#include "base/json/writer.h"
#include "models/embedder.h"
#include "server/api/json.h"
#include "server/http/client.h"
#include "tests/api/api_bench.h"
#include "tests/source_folder.h"

namespace sightline::api {
namespace {

const std::string k_fixtures = sightline::source_folder() / "tests/fixtures/models/";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A server on a free port with a small CLIP called "clip".
class RealServer {
 public:
  RealServer() {
    serving::EmbeddingService::Options serving;
    serving.models = {{"clip", {}}};
    serving.cache = {0, 0};  // each input reaches the model
    serving.models[0].embedder.folder = k_fixtures + "clip-quick-gelu-f32";
    serving.models[0].embedder.threads = 1;
    auto made = serving::EmbeddingService::create(serving, models::Embedder::load, *timer, metrics);
    REQUIRE(made.ok());
    service = *std::move(made);
    const Status loaded = service->load_models();
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    api = std::make_unique<Api>(Api::Options{}, *service, *timer, metrics);
    auto started = http::Server::start(
        {}, [this](http::Request&& request, http::Reply reply) { api->handle(std::move(request), std::move(reply)); });
    REQUIRE(started.ok());
    http = *std::move(started);
    client = *http::Client::create({});
  }
  ~RealServer() {
    http->stop();
    service->stop(Timer::TimePoint::max());
  }

  http::ClientRequest request(const std::string& path, std::string body) const {
    http::ClientRequest request;
    request.method = body.empty() ? http::Method::get : http::Method::post;
    request.url = "http://127.0.0.1:" + std::to_string(http->port()) + path;
    request.body = std::move(body);
    return request;
  }
  http::Response send(const std::string& path, std::string body = "") const {
    auto response = client->send_and_wait(request(path, std::move(body)));
    REQUIRE_MESSAGE(response.ok(), response.error().message);
    return *std::move(response);
  }

  Metrics metrics;
  const std::unique_ptr<Timer> timer = start_timer();
  std::unique_ptr<serving::EmbeddingService> service;
  std::unique_ptr<Api> api;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<http::Client> client;
};

double largest_difference(const rapidjson::Value& got, const rapidjson::Value& expected) {
  REQUIRE(got.Size() == expected.Size());
  double largest = 0;
  for (rapidjson::SizeType i = 0; i < got.Size(); ++i) {
    largest = std::max(largest, std::abs(got[i].GetDouble() - expected[i].GetDouble()));
  }
  return largest;
}

rapidjson::Document expected_vectors() {
  rapidjson::Document expected;
  expected.Parse((read_file(k_fixtures + "clip-quick-gelu-f32/expected.json") + std::string(16, '\0')).c_str());
  REQUIRE_FALSE(expected.HasParseError());
  return expected;
}

TEST_CASE("texts and pictures in one request over the network get the reference's vectors, in order") {
  const RealServer server;
  const auto expected = expected_vectors();
  std::string input;
  for (const auto& text : expected["texts"].GetArray())
    input += (input.empty() ? "" : ",") + sightline::json::json_string(as_view(text["text"]));
  const auto pictures = expected["images"].GetArray();
  for (const auto& picture : pictures) {
    input += ",\"data:image/x;base64," +
             base64_encode(read_file(k_fixtures + "pictures/" + picture["file"].GetString())) + "\"";
  }
  for (const bool elastic : {false, true}) {
    const auto response = elastic ? server.send("/_inference/text_embedding/clip", "{\"input\":[" + input + "]}")
                                  : server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":[" + input + "]}");
    REQUIRE_MESSAGE(response.status == 200, response.body);
    const auto body = parsed(response);
    const auto& items = body[elastic ? "text_embedding" : "data"];
    const auto texts = expected["texts"].GetArray();
    REQUIRE(items.Size() == texts.Size() + pictures.Size());
    for (rapidjson::SizeType i = 0; i < items.Size(); ++i) {
      const auto& reference = i < texts.Size() ? texts[i] : pictures[i - texts.Size()];
      CHECK(largest_difference(items[i]["embedding"], reference["unit"]) < 1e-5);
    }
  }
}

TEST_CASE("a picture gets the reference's vector however its data URL is written, on every route") {
  const RealServer server;
  const auto expected = expected_vectors();
  const auto& reference = expected["images"][0];
  const std::string base64 = base64_encode(read_file(k_fixtures + "pictures/" + reference["file"].GetString()));
  std::string lines, url_safe = base64, percent;
  for (std::size_t at = 0; at < base64.size(); at += 76) lines += base64.substr(at, 76) + "\r\n";
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  for (const char c : base64) percent += c == '+' ? "%2B" : c == '/' ? "%2F" : c == '=' ? "%3D" : std::string(1, c);
  const std::string urls[] = {"data:application/octet-stream;base64," + base64,
                              "data:;base64," + base64,
                              "DATA:image/x;name=\"a, b\"; charset=utf-8 ;BASE64," + base64,
                              "\xEF\xBB\xBF\n data:image/jpeg;base64," + lines,
                              "data:image/jpeg;base64," + url_safe,
                              "data:image/jpeg;base64," + percent,
                              lines,
                              url_safe};
  for (const std::string& url : urls) {
    CAPTURE(url.substr(0, 60));
    const std::string text = sightline::json::json_string(url);
    const std::string object = "{\"type\":\"image_url\",\"image_url\":{\"url\":" + text + "}}";
    const auto check = [&](const http::Response& response, const auto& find) {
      REQUIRE_MESSAGE(response.status == 200, response.body);
      const auto body = parsed(response);
      CHECK(largest_difference(find(body), reference["unit"]) < 1e-5);
    };
    const auto openai = [](const auto& body) -> const auto& {
      return body["data"][0]["embedding"];
    };
    check(server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":" + text + "}"), openai);
    check(server.send("/v1/embeddings", "{\"model\":\"clip\",\"modality\":\"image\",\"input\":[" + text + "]}"),
          openai);
    check(server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":[" + object + "]}"), openai);
    check(
        server.send("/v1/embed", "{\"model\":\"clip\",\"texts\":[" + text + "]}"),
        [](const auto& body) -> const auto& { return body["embeddings"][0]; });
    check(
        server.send("/v1/embed", "{\"model\":\"clip\",\"images\":[" + text + "]}"),
        [](const auto& body) -> const auto& { return body["embeddings"][0]; });
    check(
        server.send("/hugging_face/clip", "{\"inputs\":" + text + "}"),
        [](const auto& body) -> const auto& { return body[0]; });
    check(
        server.send("/_inference/text_embedding/clip", "{\"input\":[" + text + "]}"),
        [](const auto& body) -> const auto& { return body["text_embedding"][0]["embedding"]; });
    const auto ranked =
        server.send("/_inference/rerank/clip", "{\"query\":" + text + ",\"input\":[\"a house\"," + text + "]}");
    REQUIRE_MESSAGE(ranked.status == 200, ranked.body);
    const auto body = parsed(ranked);
    CHECK(body["rerank"][0]["index"].GetInt() == 1);
    CHECK(body["rerank"][0]["relevance_score"].GetDouble() == doctest::Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("data that are no picture are named by what they are") {
  const RealServer server;
  const auto fault = [&](const std::string& url) {
    const auto response =
        server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":" + sightline::json::json_string(url) + "}");
    CHECK(response.status == 400);
    return message_of(response);
  };
  const std::string refusal = "not a supported picture (JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF): it is ";
  const auto url = [](const std::string& bytes) { return "data:image/jpeg;base64," + base64_encode(bytes); };
  CHECK(fault(url("%PDF-1.7")) == "input 0: " + refusal + "PDF");
  CHECK(fault(url("<!DOCTYPE html><html>")) == "input 0: " + refusal + "HTML");
  CHECK(fault(url(std::string("\0\0\0\x1C", 4) + "ftypmp42")) == "input 0: " + refusal + "MP4 video");
  CHECK(fault(url(std::string("\0\0\0\x1C", 4) + "ftypheic")) == "input 0: HEIC ends after 12 of 28 bytes");
  CHECK(fault("data:text/html;base64," + base64_encode(std::string_view("<html>"))) ==
        "input 0 [data:text/html;base64]: " + refusal + "HTML");
}

TEST_CASE("many clients at once each get their own vector") {
  const RealServer server;
  const auto expected = expected_vectors();
  const auto texts = expected["texts"].GetArray();
  struct Pending {
    rapidjson::SizeType text;
    std::future<Result<http::Response>> answer;
  };
  std::vector<Pending> pending;
  for (int round = 0; round < 10; ++round) {
    for (rapidjson::SizeType i = 0; i < texts.Size(); ++i) {
      const auto promise = std::make_shared<std::promise<Result<http::Response>>>();
      pending.push_back({i, promise->get_future()});
      const char* type = (i + static_cast<unsigned>(round)) % 2 == 0 ? "query" : "document";
      server.client->send(server.request("/v1/embeddings",
                                         "{\"model\":\"clip\",\"input_type\":\"" + std::string(type) + "\",\"input\":" +
                                             sightline::json::json_string(as_view(texts[i]["text"])) + "}"),
                          [promise](Result<http::Response> response) { promise->set_value(std::move(response)); });
    }
  }
  for (Pending& one : pending) {
    const auto response = one.answer.get();
    REQUIRE(response.ok());
    REQUIRE_MESSAGE(response->status == 200, response->body);
    CHECK(largest_difference(parsed(*response)["data"][0]["embedding"], texts[one.text]["unit"]) < 1e-5);
  }
}

TEST_CASE("only the truncated picture fails, and the error names its position") {
  const RealServer server;
  const std::string picture = read_file(k_fixtures + "pictures/jpeg_restart.jpg");
  const std::string whole = "\"data:image/jpeg;base64," + base64_encode(picture) + "\"";
  const std::string cut = "\"data:image/jpeg;base64," + base64_encode(picture.substr(0, picture.size() / 2)) + "\"";
  const auto bad = server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":[" + whole + "," + cut + ",\"text\"]}");
  CHECK(bad.status == 400);
  CHECK(message_of(bad).find("input 1: ") == 0);
  CHECK(server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":[" + whole + ",\"text\"]}").status == 200);
}

TEST_CASE("a text over the real model's limit is cut or refused") {
  const RealServer server;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a cat ";
  const auto cut = server.send("/v1/embeddings", "{\"model\":\"clip\",\"input\":[\"a\",\"" + text + "\"]}");
  CHECK(cut.status == 200);
  CHECK(cut.headers.get("X-Truncated-Inputs") == "1");
  const auto refused =
      server.send("/v1/embeddings", "{\"model\":\"clip\",\"truncate\":\"NONE\",\"input\":[\"a\",\"" + text + "\"]}");
  CHECK(refused.status == 400);
  CHECK(message_of(refused).find("input 1: ") == 0);
}

TEST_CASE("the server is ready, and says what it runs") {
  const RealServer server;
  CHECK(server.send("/health/ready").status == 200);
  const auto body = parsed(server.send("/v1/models"));
  CHECK(std::string(body["data"][0]["architecture"].GetString()) == "clip");
  CHECK(body["data"][0]["dims"].GetInt() == 32);
  CHECK(server.send("/metrics").body.find("sightline_ready 1") != std::string::npos);
}

}  // namespace
}  // namespace sightline::api
