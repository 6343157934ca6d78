#include "server/cohere/cohere_embedding.h"

#include <cmath>
#include <doctest/doctest.h>
#include <future>
#include <map>
#include <rapidjson/document.h>
#include <set>

#include "base/base64.h"
#include "server/cohere/fitting_picture.h"
#include "tests/base/manual_timer.h"
#include "tests/base/temporary_folder.h"
#include "tests/cohere/loopback_cohere.h"
#include "tests/models/image/picture_files.h"

namespace sightline::cohere {
namespace {

using serving::Input;
using serving::Modality;
using Answer = serving::Upstream::Answer;

struct Bench {
  explicit Bench(CohereEmbedding::Options options = {}, StandIn::Options rules = {}, Timer* other_timer = nullptr)
      : cohere(std::move(rules)) {
    options.client.url = cohere.url();
    options.client.retry.random = [] { return 0.5; };
    embedding = std::move(*CohereEmbedding::create(options, other_timer ? *other_timer : timer));
  }

  std::future<Answer> start(serving::UpstreamRequest request) {
    auto promise = std::make_shared<std::promise<Answer>>();
    embedding->embed(std::move(request), [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  Answer embed(serving::UpstreamRequest request) { return start(std::move(request)).get(); }

  /// Member of the nth request's body, as JSON text or as the string it is.
  std::string sent(std::size_t n, const char* member) {
    rapidjson::Document body;
    const auto requests = cohere.requests();
    REQUIRE(n < requests.size());
    body.Parse(requests[n].body.data(), requests[n].body.size());
    REQUIRE(body.IsObject());
    if (!body.HasMember(member)) return "absent";
    const auto& value = body[member];
    if (value.IsArray()) return "array of " + std::to_string(value.Size());
    return value.IsString() ? value.GetString() : std::to_string(value.GetInt64());
  }

  ManualTimer timer;
  LoopbackCohere cohere;
  std::unique_ptr<CohereEmbedding> embedding;
};

serving::UpstreamRequest asking(std::vector<Input> inputs, std::string input_type = "") {
  serving::UpstreamRequest request;
  request.model = "embed-english-v3.0";
  request.inputs = std::move(inputs);
  request.options.input_type = std::move(input_type);
  request.authorization = "Bearer callers-key";
  return request;
}

std::vector<Input> texts(int count) {
  std::vector<Input> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back({Modality::text, "text " + std::to_string(i), ""});
  return inputs;
}
Input picture(int number) {
  return {Modality::image, "\xFF\xD8\xFF\xE0 picture " + std::to_string(number), ""};
}
/// Of the model that takes many pictures in one call.
serving::UpstreamRequest asking_v4(std::vector<Input> inputs, std::string input_type = "") {
  auto request = asking(std::move(inputs), std::move(input_type));
  request.model = "embed-v4.0";
  return request;
}
std::vector<Input> pictures(int count, int first = 0) {
  std::vector<Input> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back(picture(first + i));
  return inputs;
}

Input grey_bmp(std::uint8_t grey) {
  return {Modality::image, models::bmp_file(8, 8, grey), ""};
}

bool is_vector_of(const serving::Embedding& embedding, const Input& input, std::size_t dims = 1024) {
  return embedding.values == spread(hashed(input.bytes, input.modality == Modality::image), dims);
}

/// The largest difference from the vector of the mean of both.
float distance_from_mean(const serving::Embedding& embedding, const Input& a, const Input& b) {
  auto mean = hashed(a.bytes, a.modality == Modality::image);
  const auto other = hashed(b.bytes, b.modality == Modality::image);
  double square = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] += other[i];
    square += static_cast<double>(mean[i]) * mean[i];
  }
  for (float& value : mean) value = static_cast<float>(value / std::sqrt(square));
  const auto expected = spread(mean, embedding.values.size());
  float largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    largest = std::max(largest, std::abs(embedding.values[i] - expected[i]));
  return largest;
}

constexpr std::chrono::milliseconds k_gathering{20};

}  // namespace

TEST_CASE("texts go out 96 a call, and their vectors come back in order") {
  Bench bench;
  const auto inputs = texts(200);
  const auto answer = bench.embed(asking(inputs, "query"));
  REQUIRE(answer);
  REQUIRE(answer->size() == 200);
  for (std::size_t i = 0; i < 200; ++i) CHECK(is_vector_of((*answer)[i], inputs[i]));
  REQUIRE(bench.cohere.requests().size() == 3);
  CHECK(bench.sent(0, "model") == "embed-english-v3.0");
  CHECK(bench.sent(0, "input_type") == "search_query");
  CHECK(bench.sent(0, "truncate") == "END");
  CHECK(bench.sent(0, "output_dimension") == "absent");
}

TEST_CASE("calls of long texts stay within some megabytes") {
  Bench bench;
  std::vector<Input> inputs;
  for (int i = 0; i < 20; ++i) inputs.push_back({Modality::text, std::string(1 << 20, static_cast<char>('a' + i)), ""});
  const auto answer = bench.embed(asking(inputs));
  REQUIRE(answer);
  for (std::size_t i = 0; i < 20; ++i) CHECK(is_vector_of((*answer)[i], inputs[i]));
  CHECK(bench.cohere.requests().size() == 5);
}

TEST_CASE(
    "what a client calls its texts becomes Cohere's word for it, "
    "pictures are always pictures") {
  const std::pair<const char*, const char*> words[] = {
      {"", "search_document"},      {"document", "search_document"},      {"ingest", "search_document"},
      {"search", "search_query"},   {"search_query", "search_query"},     {"query", "search_query"},
      {"clustering", "clustering"}, {"classification", "classification"}, {"image", "search_document"},
  };
  for (const auto& [word, expected] : words) {
    Bench bench;
    REQUIRE(bench.embed(asking(texts(1), word)));
    CHECK(bench.sent(0, "input_type") == expected);
    REQUIRE(bench.embed(asking({picture(1)}, word)));
    CHECK(bench.sent(1, "input_type") == "image");
    CHECK(bench.sent(1, "images") == "array of 1");
    CHECK(bench.sent(1, "texts") == "absent");
    CHECK(bench.sent(1, "truncate") == "absent");
  }
}

TEST_CASE(
    "pictures go out one a call, several at once, mixed with texts, and "
    "keep their places") {
  CohereEmbedding::Options options;
  options.client.concurrency = 3;
  Bench bench(options);
  bench.cohere.hold();
  std::vector<Input> inputs;
  for (int i = 0; i < 5; ++i) {
    inputs.push_back(picture(i));
    inputs.push_back({Modality::text, "between", ""});
  }
  auto answer = bench.start(asking(inputs));
  bench.cohere.wait_for_held(3);
  CHECK(bench.cohere.requests().size() == 3);
  bench.cohere.release();
  const auto vectors = answer.get();
  REQUIRE(vectors);
  for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(is_vector_of((*vectors)[i], inputs[i]));
  CHECK((*vectors)[0].width == 4);
  CHECK(bench.cohere.requests().size() == 6);  // five pictures, and the texts together
}

TEST_CASE("a picture that Cohere does not take is sent as a JPEG") {
  Bench bench;
  const auto answer = bench.embed(asking({picture(1), grey_bmp(90)}));
  REQUIRE(answer);
  Input jpeg{Modality::image, *fitted(grey_bmp(90).bytes, {}), ""};
  CHECK(is_vector_of((*answer)[0], picture(1)));
  CHECK(is_vector_of((*answer)[1], jpeg));
}

TEST_CASE("a picture is not decoded for a client that has left, nor after the deadline") {
  Bench bench;
  Input broken = grey_bmp(90);  // decoding it would fail
  broken.bytes.resize(100);
  auto request = asking({broken});
  SUBCASE("the client disconnected") {
    request.options.cancellation = std::make_shared<Cancellation>();
    request.options.cancellation->cancel(CancelReason::client_left);
    const auto answer = bench.embed(std::move(request));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().status == 499);
  }
  SUBCASE("the deadline passed") {
    request.options.deadline = bench.timer.now();
    const auto answer = bench.embed(std::move(request));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().status == 429);
    CHECK(answer.error().message.starts_with("input 0: the deadline passed"));
    CHECK(answer.error().retry_after);
  }
  CHECK(bench.cohere.requests().empty());
}

TEST_CASE(
    "a picture that cannot be decoded fails with its place, before "
    "anything is sent") {
  CohereEmbedding::Options options;
  options.preparation.threads = 1;
  Bench bench(options);
  Input broken = grey_bmp(90);
  broken.bytes.resize(100);
  auto failed = bench.embed(asking({grey_bmp(1), broken}));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 400);
  CHECK(failed.error().message.starts_with("input 1: BMP"));
  broken.place = "texts[7]";
  failed = bench.embed(asking({broken}));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.starts_with("texts[7]: BMP"));
}

TEST_CASE(
    "Cohere's refusal of one picture names it, and ends the request's "
    "other calls") {
  CohereEmbedding::Options options;
  options.client.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  auto answer = bench.start(asking({picture(0), picture(1), picture(2)}));
  bench.cohere.put_first(answer_of(200, "{}"));
  bench.cohere.wait_for_held(1);
  bench.cohere.release();
  const auto failed = answer.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 502);
  CHECK(failed.error().message ==
        "input 0: Cohere's answer cannot be used: it "
        "has 0 vectors in embeddings.float, not 1");
  REQUIRE(bench.embed(asking({picture(3)})));
  CHECK(bench.cohere.requests().size() == 2);
}

TEST_CASE(
    "an answer of fewer vectors, of half a JSON, or of another length is "
    "a 502, and no vector") {
  for (const bool fewer : {true, false}) {
    StandIn::Options rules;
    (fewer ? rules.fewer_vectors : rules.garbage) = 1;
    Bench bench({}, rules);
    const auto failed = bench.embed(asking(texts(3)));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 502);
    CHECK(failed.error().message.starts_with("the texts from input 0 to input 2: Cohere's answer cannot be used"));
  }
  Bench bench;
  bench.cohere.put_first(answer_of(200, R"({"embeddings":{"float":[[0.6,0.8]]}})"));
  const auto failed = bench.embed(asking(texts(1)));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("vector 0 has 2 numbers, not 1024") != std::string::npos);
}

TEST_CASE("calls of a model whose length is not known must agree on it") {
  CohereEmbedding::Options options;
  options.client.concurrency = 1;
  Bench bench(options);
  bench.cohere.put_first(answer_of(200, R"({"embeddings":{"float":[[0.6,0.8]]}})"));
  bench.cohere.put_first(answer_of(200, R"({"embeddings":{"float":[[1,0,0]]}})"));
  auto request = asking({picture(0), picture(1)});
  request.model = "embed-next-v5.0";
  const auto failed = bench.embed(std::move(request));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 502);
  CHECK(failed.error().message.find("differ in length") != std::string::npos);
}

TEST_CASE("calls that are not made yet are dropped with the client, and with the request that failed") {
  CohereEmbedding::Options options;
  options.client.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  const auto client = std::make_shared<Cancellation>();
  auto leaving = asking(texts(300));  // four calls
  leaving.options.cancellation = client;
  auto left = bench.start(leaving);
  bench.cohere.wait_for_held(1);
  SUBCASE("the client disconnects") {
    client->cancel(CancelReason::client_left);
    bench.cohere.release();
    const auto answer = left.get();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().status == 499);
  }
  SUBCASE("the first call fails") {
    bench.cohere.put_first(answer_of(400, R"({"message":"no"})"));
    bench.cohere.release();
    CHECK_FALSE(left.get());
  }
  CHECK(bench.embed(asking(texts(1))));  // its call comes after those of before
  CHECK(bench.cohere.requests().size() == 2);
}

TEST_CASE(
    "a length is asked for where the model has a choice, and refused "
    "where it has none") {
  Bench bench;
  auto request = asking(texts(1));
  request.options.dimensions = 512;
  const auto refused = bench.embed(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().status == 400);
  CHECK(bench.cohere.requests().empty());
  request.model = "embed-v4.0";
  const auto answer = bench.embed(request);
  REQUIRE(answer);
  CHECK((*answer)[0].values.size() == 512);
  CHECK(bench.sent(0, "output_dimension") == "512");
}

TEST_CASE(
    "the caller's key goes to Cohere, unless the operator gave one; "
    "without any there is no call") {
  Bench bench;
  REQUIRE(bench.embed(asking(texts(1))));
  CHECK(bench.cohere.requests()[0].headers.get("Authorization") == "Bearer callers-key");
  for (const char* none : {"", "Bearer", "Bearer ", "Basic abc", "ApiKey abc", "Bearer a b", "Bearer a\x01"}) {
    auto request = asking(texts(1));
    request.authorization = none;
    const auto failed = bench.embed(request);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 401);
  }
  CHECK(bench.cohere.requests().size() == 1);
  CohereEmbedding::Options options;
  options.key = "operators-key";
  Bench own(options);
  REQUIRE(own.embed(asking(texts(1))));
  CHECK(own.cohere.requests()[0].headers.get("Authorization") == "Bearer operators-key");
}

TEST_CASE(
    "more than may be on its way is refused as load, and room comes back "
    "with the answers") {
  CohereEmbedding::Options options;
  options.max_items = 4;
  options.max_bytes = 100;
  Bench bench(options);
  bench.cohere.hold();
  auto first = bench.start(asking(texts(3)));
  for (auto& refused :
       {bench.embed(asking(texts(2))), bench.embed(asking({{Modality::text, std::string(90, 'x'), ""}}))}) {
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == 429);
    CHECK(refused.error().retry_after);
  }
  bench.cohere.release();
  REQUIRE(first.get());
  CHECK(bench.embed(asking(texts(4))));
}

TEST_CASE("embed-v4.0 gets 96 pictures per call: 300 are four calls") {
  Bench bench;
  auto inputs = pictures(300);
  inputs[8] = {Modality::text, "between", ""};
  auto answer = bench.start(asking_v4(inputs));
  bench.timer.advance(k_gathering);
  const auto vectors = answer.get();
  REQUIRE_MESSAGE(vectors.ok(), vectors.error().message);
  for (std::size_t i = 0; i < 300; ++i) {
    CHECK(is_vector_of((*vectors)[i], inputs[i], 1536));
    CHECK((*vectors)[i].width == (i == 8 ? 0 : 4));
  }
  std::multiset<std::string> sizes;
  for (std::size_t i = 0; i < bench.cohere.requests().size(); ++i) sizes.insert(bench.sent(i, "images"));
  CHECK(sizes == std::multiset<std::string>{"absent", "array of 96", "array of 96", "array of 96", "array of 11"});
}

TEST_CASE("calls of large pictures stay within 20 MB, as data URLs") {
  Bench bench;
  std::vector<Input> inputs;
  for (int i = 0; i < 5; ++i) {
    inputs.push_back(picture(i));
    inputs.back().bytes.resize(4'900'000, 'x');  // 6.5 MB each
  }
  auto answer = bench.start(asking_v4(inputs));
  bench.timer.advance(k_gathering);
  const auto vectors = answer.get();
  REQUIRE_MESSAGE(vectors.ok(), vectors.error().message);
  for (std::size_t i = 0; i < 5; ++i) CHECK(is_vector_of((*vectors)[i], inputs[i], 1536));
  CHECK(bench.cohere.requests().size() == 2);
}

TEST_CASE("pictures of several requests go out together, those of one key, and queries do not wait") {
  Bench bench;
  auto first = bench.start(asking_v4({picture(1)})), second = bench.start(asking_v4({picture(2)}));
  auto other_key = asking_v4({picture(3)});
  other_key.authorization = "Bearer another-key";
  auto third = bench.start(other_key);
  auto query = asking_v4({picture(4)}, "query");
  query.options.lane = serving::Lane::query;
  const auto at_once = bench.embed(query);
  REQUIRE(at_once);
  CHECK(is_vector_of((*at_once)[0], picture(4), 1536));
  CHECK(bench.cohere.requests().size() == 1);
  bench.timer.advance(k_gathering);
  int number = 0;
  for (auto* answer : {&first, &second, &third}) {
    const auto vectors = answer->get();
    REQUIRE(vectors);
    CHECK(is_vector_of((*vectors)[0], picture(++number), 1536));
  }
  REQUIRE(bench.cohere.requests().size() == 3);
  std::map<std::string, std::string> images;
  for (std::size_t i = 1; i < 3; ++i)
    images[std::string(*bench.cohere.requests()[i].headers.get("Authorization"))] = bench.sent(i, "images");
  CHECK(images["Bearer callers-key"] == "array of 2");
  CHECK(images["Bearer another-key"] == "array of 1");
}

TEST_CASE("a picture that Cohere refuses fails its own request, and not those that went with it") {
  CohereEmbedding::Options options;
  options.client.concurrency = 1;
  Bench bench(options);
  bench.cohere.put_first(answer_of(400, R"({"message":"broken"})"));
  bench.cohere.put_first(answer_of(400, R"({"message":"broken"})"));
  auto bad = bench.start(asking_v4({picture(1), picture(2)})), good = bench.start(asking_v4({picture(3)}));
  bench.timer.advance(k_gathering);
  const auto failed = bad.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 400);
  CHECK(failed.error().message == "the pictures from input 0 to input 1: Cohere answered 400: broken");
  const auto vectors = good.get();
  REQUIRE(vectors);
  CHECK(is_vector_of((*vectors)[0], picture(3), 1536));
  REQUIRE(bench.cohere.requests().size() == 3);
  CHECK(bench.sent(0, "images") == "array of 3");
  CHECK(bench.sent(1, "images") == "array of 2");
  CHECK(bench.sent(2, "images") == "array of 1");
}

TEST_CASE("the picture of a client that has left is not sent, and a call for none of them is not made") {
  Bench bench;
  const auto client = std::make_shared<Cancellation>();
  auto leaving = asking_v4({picture(1)});
  leaving.options.cancellation = client;
  auto left = bench.start(leaving);
  SUBCASE("others stay") {
    auto stays = bench.start(asking_v4({picture(2)}));
    client->cancel(CancelReason::client_left);
    bench.timer.advance(k_gathering);
    const auto vectors = stays.get();
    REQUIRE(vectors);
    CHECK(is_vector_of((*vectors)[0], picture(2), 1536));
    CHECK(bench.sent(0, "images") == "array of 1");
  }
  SUBCASE("nobody stays") {
    client->cancel(CancelReason::client_left);
    bench.timer.advance(k_gathering);
    CHECK(bench.cohere.requests().empty());
  }
  const auto answer = left.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().status == 499);
}

TEST_CASE("the budget of a minute counts pictures, however many go in a call, and texts do not wait for it") {
  CohereEmbedding::Options options;
  options.client.pictures_per_minute = 10;
  Bench bench(options);
  bench.cohere.hold();
  auto answer = bench.start(asking_v4(pictures(12)));
  bench.cohere.wait_for_held(2);  // of half the budget each, so that queries find room between them
  bench.timer.advance(std::chrono::seconds(59));
  CHECK(bench.cohere.requests().size() == 2);
  CHECK(bench.sent(0, "images") == "array of 5");
  CHECK(bench.sent(1, "images") == "array of 5");
  auto text = bench.start(asking_v4(texts(1)));
  bench.cohere.wait_for_held(3);
  bench.timer.advance(std::chrono::seconds(1));
  bench.cohere.wait_for_held(4);
  CHECK(bench.sent(3, "images") == "array of 2");
  bench.cohere.release();
  CHECK(answer.get());
  CHECK(text.get());
}

TEST_CASE("a picture that gets no turn in time is refused as load, with the time to wait and the option") {
  for (const std::string model : {"embed-v4.0", "embed-english-v3.0"}) {
    CohereEmbedding::Options options;
    options.client.pictures_per_minute = 1;
    options.gathering = std::chrono::milliseconds(0);
    Bench bench(options);
    auto request = asking({picture(1)});
    request.model = model;
    CHECK(bench.embed(request));
    request.options.deadline = bench.timer.now() + std::chrono::seconds(10);
    auto late = bench.start(request);
    bench.timer.advance(std::chrono::seconds(10));
    const auto failed = late.get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 429);
    CHECK(failed.error().retry_after == std::chrono::seconds(50));
    CHECK(failed.error().message.find("1 pictures per minute is used up (--cohere-pictures-per-minute)") !=
          std::string::npos);
  }
}

TEST_CASE("embed-v4.0 makes one vector of several parts") {
  Bench bench;
  const Input words{Modality::text, "this, but blue", "input 0, part 0"};
  auto request = asking_v4({words, picture(1), picture(2), words, grey_bmp(90)}, "query");
  request.options.parts = {2, 1, 2};
  request.options.lane = serving::Lane::query;
  const auto vectors = bench.embed(request);
  REQUIRE_MESSAGE(vectors.ok(), vectors.error().message);
  REQUIRE(vectors->size() == 3);
  CHECK(distance_from_mean((*vectors)[0], words, picture(1)) < 1e-6f);
  CHECK(is_vector_of((*vectors)[1], picture(2), 1536));
  CHECK(distance_from_mean((*vectors)[2], words, {Modality::image, *fitted(grey_bmp(90).bytes, {}), ""}) < 1e-6f);
  CHECK((*vectors)[0].width == 0);
  bench.cohere.put_first(answer_of(400, R"({"message":"no"})"));
  request = asking_v4({words, picture(1)}, "query");
  request.options.parts = {2};
  request.options.lane = serving::Lane::query;
  const auto failed = bench.embed(request);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "input 0: Cohere answered 400: no");
  CHECK(bench.embedding->fuses("embed-v4.0"));
  CHECK_FALSE(bench.embedding->fuses("embed-english-v3.0"));
}

TEST_CASE("the tokens of a call for two requests are divided by the length of their texts") {
  Bench bench;
  const auto asking_with = [](const std::string& text, int number) {
    auto request = asking_v4({{Modality::text, text, ""}, picture(number)}, "query");
    request.options.parts = {2};
    return request;
  };
  auto shorter = bench.start(asking_with("1234567890", 1));
  auto longer = bench.start(asking_with("123456789012345678901234567890", 2));
  bench.timer.advance(k_gathering);
  const auto ten = shorter.get(), thirty = longer.get();
  REQUIRE(ten);
  REQUIRE(thirty);
  REQUIRE(bench.cohere.requests().size() == 1);
  CHECK(ten->front().tokens == 1);  // of the 4 that the stand-in counts: one for each part
  CHECK(thirty->front().tokens == 3);
}

TEST_CASE("a call that is out ends when the last of its requests has left") {
  CohereEmbedding::Options options;
  options.client.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  std::vector<std::shared_ptr<Cancellation>> clients;
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(std::make_shared<Cancellation>());
    auto request = asking_v4({picture(i)});
    request.options.cancellation = clients.back();
    answers.push_back(bench.start(std::move(request)));
  }
  bench.timer.advance(k_gathering);
  bench.cohere.wait_for_held(1);
  for (const auto& client : clients) client->cancel(CancelReason::client_left);
  bench.timer.advance(std::chrono::milliseconds(0));  // nothing else is due then
  for (auto& answer : answers) CHECK(answer.get().error().status == 499);
  auto next = bench.start(asking_v4({picture(2)}));
  bench.timer.advance(k_gathering);
  bench.cohere.wait_for_held(2);  // the one place is free again
  bench.cohere.release();
  CHECK(next.get());
}

TEST_CASE("several texts for one vector are sent, also where one picture is the budget") {
  CohereEmbedding::Options options;
  options.client.pictures_per_minute = 1;
  Bench bench(options);
  auto request = asking_v4(texts(2));
  request.options.parts = {2};
  const auto vectors = bench.embed(request);
  REQUIRE_MESSAGE(vectors.ok(), vectors.error().message);
  CHECK(vectors->size() == 1);
}

TEST_CASE("a request with little time does not end the pictures that go with its own") {
  Bench bench;
  bench.cohere.hold();
  auto hasty = asking_v4({picture(1)}), patient = asking_v4({picture(2)});
  patient.options.deadline = bench.timer.now() + std::chrono::seconds(6);
  hasty.options.deadline = bench.timer.now() + std::chrono::seconds(2);
  auto first = bench.start(patient), second = bench.start(hasty);
  bench.timer.advance(k_gathering);
  bench.cohere.wait_for_held(1);
  CHECK(bench.sent(0, "images") == "array of 2");
  bench.timer.advance(std::chrono::seconds(3));
  CHECK(first.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  bench.cohere.release();
  CHECK(first.get());
}

TEST_CASE("the length of embed-v4.0's vectors is the request's, else the option's") {
  CohereEmbedding::Options options;
  options.dimensions = 256;
  Bench bench(options);
  auto request = asking_v4(texts(1));
  CHECK(bench.embed(request)->front().values.size() == 256);
  CHECK(bench.sent(0, "output_dimension") == "256");
  request.options.dimensions = 1536;
  CHECK(bench.embed(request)->front().values.size() == 1536);
  request.options.dimensions = 300;
  const auto failed = bench.embed(request);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("request 256, 512, 1024 or 1536") != std::string::npos);
  CHECK(bench.embed(asking(texts(1)))->front().values.size() == 1024);
  for (const auto& model : bench.embedding->models()) {
    CHECK(model.dims == (model.name == "embed-v4.0"                      ? 256
                         : model.name.find("light") == std::string::npos ? 1024
                                                                         : 384));
    CHECK(model.pictures_per_call == (model.name == "embed-v4.0" ? 96 : 1));
  }
  options.dimensions = 300;
  const auto timer = start_timer();
  CHECK_FALSE(CohereEmbedding::create(options, *timer));
}

TEST_CASE("200 pictures get the right vectors from a server that fails often") {
  CohereEmbedding::Options options;
  options.client.retry.first_wait = std::chrono::milliseconds(2);
  options.client.retry.max_attempts = 8;
  StandIn::Options rules;
  rules.rate_limited = 0.1;
  rules.unavailable = 0.05;
  const auto timer = start_timer();
  Bench bench(options, rules, timer.get());
  std::vector<Input> inputs;
  for (int i = 0; i < 200; ++i) inputs.push_back(picture(i));
  const auto answer = bench.embed(asking(inputs));
  REQUIRE_MESSAGE(answer.ok(), answer.error().message);
  for (std::size_t i = 0; i < 200; ++i) CHECK(is_vector_of((*answer)[i], inputs[i]));
  CHECK(bench.cohere.requests().size() > 215);
  bench.embedding.reset();  // before its timer
}

TEST_CASE("ending with pictures on their way answers each request once") {
  CohereEmbedding::Options options;
  options.client.concurrency = 2;
  Bench bench(options);
  bench.cohere.hold();
  auto out = bench.start(asking({picture(0), picture(1), picture(2)}));
  auto preparing = bench.start(asking({grey_bmp(1), grey_bmp(2), grey_bmp(3)}));
  bench.cohere.wait_for_held(2);
  bench.embedding.reset();
  for (auto* answer : {&out, &preparing}) {
    const auto failed = answer->get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 503);
  }
}

TEST_CASE("a key file holds one key; its messages do not show it") {
  const TemporaryFolder folder;
  const auto read = [&folder](const std::string& content) { return read_key_file(folder.write("key", content)); };
  CHECK(*read("# of production\n\n  the-key \r\n") == "the-key");
  CHECK_FALSE(read("# nothing\n\n"));
  const auto odd = read("my secret\n");
  REQUIRE_FALSE(odd);
  CHECK(odd.error().message.find("secret") == std::string::npos);
  CHECK(read_key_file(folder.path() / "none").error().code == ErrorCode::not_found);
}

}  // namespace sightline::cohere
