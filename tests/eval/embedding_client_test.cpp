#include "eval/embedding_client.h"

#include <cmath>
#include <doctest/doctest.h>
#include <mutex>
#include <rapidjson/document.h>
#include <set>

#include "server/http/server.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

/// A server that answers with the vector (length of the input, 1), and misbehaves as told. Inputs "bad..."
/// are refused.
class FakeModel {
 public:
  FakeModel() {
    auto started =
        http::Server::start({}, [this](http::Request request, http::Reply reply) { reply.send(answer(request)); });
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
    server_ = std::move(*started);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  // Under mutex, as the server works on threads of its own.
  std::mutex mutex;
  int refusals_left = 0;  ///< requests answered with `refusal` first
  int refusal = 429;
  std::multiset<std::string> served;
  std::size_t most_inputs = 0, requests = 0;
  std::string authorization;

 private:
  http::Response answer(const http::Request& request) {
    const std::lock_guard lock(mutex);
    authorization = std::string(request.headers.get("Authorization").value_or(""));
    if (request.path == "/v1/models")
      return {200, {}, "application/json", R"({"data":[{"id":"text-only","dims":2,"modalities":["text"]}]})"};
    ++requests;
    if (refusals_left > 0) {
      --refusals_left;
      return {refusal, {}, "application/json", R"({"error":{"message":"not now"}})"};
    }
    rapidjson::Document body;
    body.Parse(request.body.c_str());
    if (std::string(body["model"].GetString()) == "nowhere")
      return {404, {}, "application/json", R"({"error":{"message":"no model [nowhere] here"}})"};
    std::string data;
    const auto& inputs = body["input"];
    most_inputs = std::max<std::size_t>(most_inputs, inputs.Size());
    for (rapidjson::SizeType i = 0; i < inputs.Size(); ++i) {
      const std::string input = inputs[i].GetString();
      if (input.starts_with("bad"))
        return {400,
                {},
                "application/json",
                R"({"error":{"message":"input )" + std::to_string(i) + ": " + input + " is bad\"}}"};
      data += (i == 0 ? "" : ",") + std::string("{\"index\":") + std::to_string(i) + ",\"embedding\":[" +
              std::to_string(input.size()) + ",1]}";
    }
    for (const auto& input : inputs.GetArray()) served.insert(input.GetString());
    return {200, {}, "application/json", "{\"data\":[" + data + "]}"};
  }

  std::unique_ptr<http::Server> server_;
};

EmbeddingClient::Options options_for(const FakeModel& model) {
  EmbeddingClient::Options options;
  options.url = model.url();
  options.retry.first_wait = std::chrono::milliseconds(1);
  options.retry.longest_wait = std::chrono::milliseconds(4);
  return options;
}

std::unique_ptr<EmbeddingClient> client(const EmbeddingClient::Options& options) {
  auto made = EmbeddingClient::connect(options);
  REQUIRE(made.ok());
  return std::move(*made);
}

Result<EmbedOutcome> embed(EmbeddingClient& client, const std::vector<std::string>& texts,
                           const std::string& model = "m") {
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < texts.size(); ++i) which.push_back(i);
  const std::atomic<bool> stop{false};
  return client.embed(
      model, EmbeddingClient::Kind::document_text, texts.size(), which,
      [&](std::size_t i) -> Result<std::string> {
        if (texts[i] == "absent") return Error{ErrorCode::unavailable, "cannot read it"};
        return texts[i];
      },
      [](std::size_t) {}, stop);
}

/// The length that the fake model saw, out of a vector of unit length.
long length_in(const Vectors& vectors, std::size_t i) {
  return std::lround(static_cast<double>(vectors.at(i)[0] / vectors.at(i)[1]));
}

std::vector<std::string> texts_of_lengths(std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.emplace_back(i + 1, 'x');
  return texts;
}

}  // namespace

TEST_CASE("every input gets its own vector, in requests of limited size") {
  FakeModel model;
  auto options = options_for(model);
  options.max_texts = 7;
  const auto outcome = embed(*client(options), texts_of_lengths(100));
  REQUIRE_MESSAGE(outcome.ok(), (outcome.ok() ? "" : outcome.error().message));
  CHECK(outcome->failures.empty());
  for (std::size_t i = 0; i < 100; ++i) CHECK(length_in(outcome->vectors, i) == static_cast<long>(i + 1));
  CHECK(model.most_inputs == 7);
  CHECK(model.requests == 15);
}

TEST_CASE("a user and a password in the URL are sent as such, and no message shows them") {
  FakeModel model;
  EmbeddingClient::Options options;
  options.url = "http://me:hunter2@" + model.url().substr(7) + "/";
  CHECK((*EmbeddingClient::connect(options))->describe("text-only").ok());
  CHECK(model.authorization == "Basic bWU6aHVudGVyMg==");
  options.api_key = "key";
  CHECK((*EmbeddingClient::connect(options))->describe("text-only").ok());
  CHECK(model.authorization == "Bearer key");
  options.url = "http://me:hunter2@127.0.0.1:1";
  options.retry.max_attempts = 1;
  const auto failed = (*EmbeddingClient::connect(options))->describe("text-only");
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message.find("hunter2") == std::string::npos);
  options.url = "http://me:hun/ter2@127.0.0.1:1";
  const auto refused = EmbeddingClient::connect(options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("(--server, SIGHTLINE_URL) has an @ after the host") != std::string::npos);
  CHECK(refused.error().message.find("hun") == std::string::npos);
}

TEST_CASE("a request ends where its bytes do") {
  FakeModel model;
  auto options = options_for(model);
  options.max_request_bytes = 100;
  const auto outcome = embed(*client(options), std::vector<std::string>(8, std::string(60, 'x')));
  REQUIRE(outcome.ok());
  CHECK(model.most_inputs == 2);
}

TEST_CASE("what is refused for load is sent again, and nothing is served twice") {
  for (const int status : {429, 503}) {
    FakeModel model;
    model.refusals_left = 6;
    model.refusal = status;
    auto options = options_for(model);
    options.max_texts = 10;
    const auto texts = texts_of_lengths(50);
    const auto outcome = embed(*client(options), texts);
    REQUIRE_MESSAGE(outcome.ok(), (outcome.ok() ? "" : outcome.error().message));
    CHECK(outcome->failures.empty());
    CHECK(model.requests == 11);
    CHECK(model.served == std::multiset<std::string>(texts.begin(), texts.end()));
  }
}

TEST_CASE("an input that is refused fails alone, with the server's words") {
  FakeModel model;
  auto texts = texts_of_lengths(20);
  texts[3] = "bad one";
  texts[17] = "bad two";
  texts[9] = "absent";
  const auto outcome = embed(*client(options_for(model)), texts);
  REQUIRE_MESSAGE(outcome.ok(), (outcome.ok() ? "" : outcome.error().message));
  REQUIRE(outcome->failures.size() == 3);
  CHECK(outcome->failures[0].index == 3);
  CHECK(outcome->failures[0].reason == "input 0: bad one is bad");
  CHECK(outcome->failures[1].index == 9);
  CHECK(outcome->failures[1].reason == "cannot read it");
  CHECK(outcome->failures[2].index == 17);
  CHECK(length_in(outcome->vectors, 4) == 5);
  CHECK(length_in(outcome->vectors, 19) == 20);
}

TEST_CASE("a server that goes on refusing, or refuses us as a whole, ends the measurement") {
  FakeModel model;
  auto options = options_for(model);
  options.retry.max_attempts = 3;
  model.refusals_left = 1000;
  const auto busy = embed(*client(options), {"a"});
  REQUIRE_FALSE(busy.ok());
  CHECK(busy.error().message == "the server answered 429: not now (after 3 attempts)");
  model.refusals_left = 1;
  model.refusal = 401;
  const auto refused = embed(*client(options), {"a"});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "the server answered 401: not now");
  options.url = "http://127.0.0.1:1";
  CHECK_FALSE(embed(*client(options), {"a"}).ok());
}

TEST_CASE("a stop leaves what was not asked unasked, and says so") {
  FakeModel model;
  const std::atomic<bool> stop{true};
  const auto outcome =
      client(options_for(model))
          ->embed(
              "m", EmbeddingClient::Kind::query_text, 1, {0},
              [](std::size_t) { return Result<std::string>(std::string("a")); }, [](std::size_t) {}, stop);
  REQUIRE(outcome.ok());
  CHECK(outcome->stopped);
  CHECK(model.requests == 0);
}

TEST_CASE("a model is described by the server's list, or by answering") {
  FakeModel model;
  auto options = options_for(model);
  options.api_key = "secret";
  const auto asking = client(options);
  const auto listed = asking->describe("text-only");
  REQUIRE(listed.ok());
  CHECK(listed->reads_text);
  CHECK_FALSE(listed->reads_pictures);
  CHECK(listed->details == std::vector<std::string>{"dims: 2"});
  CHECK(model.authorization == "Bearer secret");
  CHECK(asking->describe("unlisted").ok());
  const auto absent = asking->describe("nowhere");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().message.find("no model [nowhere] here; it lists: text-only") != std::string::npos);
}
