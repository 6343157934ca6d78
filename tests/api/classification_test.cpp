#include "server/api/classification.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "server/api/vectors.h"
#include "tests/api/api_bench.h"
#include "tests/base/temporary_folder.h"

namespace sightline::api {
namespace {

const std::string k_completion = "/_inference/completion/hash";

Api::Options with_rooms() {
  Api::Options options;
  options.labels["rooms"] = LabelSet{{"kitchen", "bath", "hall"}, "{} room"};
  return options;
}

/// The probabilities that the labels' prompts must get for a vector.
std::vector<double> expected(const ApiBench& bench, const std::vector<float>& input, const LabelSet& set) {
  std::vector<double> values;
  double sum = 0;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    values.push_back(std::exp(4 * cosine(input, bench.embedder->expected(set.prompt(i)))));
    sum += values.back();
  }
  for (double& value : values) value /= sum;
  return values;
}

TEST_CASE("classification gives the softmax over the labels, the likeliest first") {
  ApiBench bench;
  const LabelSet set{{"x", "y", "z"}, "a {}"};
  const auto body = parsed(bench.post("/v1/classify", R"({"model":"hash","input":["t",")" + picture_uri("1") +
                                                          R"("],"labels":["x","y","z"],"prompt_template":"a {}"})"));
  REQUIRE(body["data"].Size() == 2);
  const std::vector<float> inputs[] = {bench.embedder->expected("t"), bench.embedder->expected_image("picture:1")};
  for (unsigned i = 0; i < 2; ++i) {
    const auto probabilities = expected(bench, inputs[i], set);
    const auto& one = body["data"][i];
    CHECK(one["index"].GetUint() == i);
    REQUIRE(one["probabilities"].Size() == 3);
    CHECK(std::string(one["label"].GetString()) == one["probabilities"][0]["label"].GetString());
    double sum = 0;
    for (const auto& entry : one["probabilities"].GetArray()) {
      const std::size_t label = entry["label"].GetString()[0] - 'x';
      CHECK(entry["probability"].GetDouble() == doctest::Approx(probabilities[label]).epsilon(1e-5));
      sum += entry["probability"].GetDouble();
    }
    CHECK(sum == doctest::Approx(1));
    CHECK(one["probabilities"][0]["probability"].GetDouble() >= one["probabilities"][1]["probability"].GetDouble());
  }
  CHECK(body["usage"]["total_tokens"].GetInt() == 3);  // of the inputs alone
}

TEST_CASE("completion gives the best label, of the operator's set or of the request's") {
  ApiBench bench(with_rooms());
  const auto rooms = parsed(bench.post(k_completion, R"({"input":"t","task_settings":{"label_set":"rooms"}})"));
  const LabelSet set = with_rooms().labels["rooms"];
  const auto probabilities = expected(bench, bench.embedder->expected("t"), set);
  const auto best = std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
  CHECK(rooms.MemberCount() == 1);
  REQUIRE(rooms["completion"].Size() == 1);
  CHECK(rooms["completion"][0]["result"].GetString() == set.labels[best]);
  const auto own = parsed(
      bench.post(k_completion, R"({"input":["t","u"],"task_settings":{"labels":["only","two"]},"modality":"text"})"));
  CHECK(own["completion"].Size() == 2);
}

TEST_CASE("the vector of a label is made once for a model and a template") {
  ApiBench bench;
  std::atomic<std::size_t> embedded{0};
  bench.embedder->on_embed = [&](auto batch) { embedded += batch.size(); };
  const std::string request = R"({"model":"hash","input":"t","labels":["x","y"])";
  const auto first = bench.post("/v1/classify", request + "}");
  CHECK(embedded == 3);
  const auto second = bench.post("/v1/classify", request + "}");
  CHECK(embedded == 3);
  CHECK(first.body == second.body);
  bench.post("/v1/classify", R"({"model":"hash","input":"u","labels":["y","x"]})");
  CHECK(embedded == 4);
  bench.post("/v1/classify", request + R"(,"prompt_template":"no {}"})");
  CHECK(embedded == 6);
}

TEST_CASE("a label that cannot be embedded fails the request with its place, and is not kept") {
  ApiBench bench;
  for (int round = 0; round < 2; ++round) {
    const auto response =
        bench.post("/v1/classify", R"({"model":"hash","input":"t","labels":["x","poison"],"prompt_template":"{}"})");
    CHECK(response.status == 400);
    CHECK(message_of(response) == "label 1: not UTF-8 at byte 0");
  }
}

TEST_CASE("a model without a logit scale gives no probabilities") {
  ApiBench bench({}, {}, true, 0);
  const auto response = bench.post("/v1/classify", R"({"model":"hash","input":"t","labels":["x","y"]})");
  CHECK(response.status == 400);
  CHECK(message_of(response).find("model [hash] has no logit scale") == 0);
}

TEST_CASE("labels in a template are bounded before they are copied for each label") {
  ApiBench bench(with_rooms());
  const auto request = [](std::size_t labels, std::size_t template_bytes) {
    std::string text = R"({"model":"hash","input":"t","labels":["l0")";
    for (std::size_t i = 1; i < labels; ++i) text += ",\"l" + std::to_string(i) + '"';
    return text + R"(],"prompt_template":"{})" + std::string(template_bytes, 'a') + "\"}";
  };
  const auto many = bench.post("/v1/classify", request(1000, 300'000));
  CHECK(many.status == 413);
  CHECK(message_of(many).find("the labels in the prompt template have 300003890 bytes together") == 0);
  const auto longest = bench.post("/v1/classify", request(2, 300'000));
  CHECK(longest.status == 413);
  CHECK(message_of(longest).find("label 0: its text has 300002 bytes, the limit is 262144") == 0);
  CHECK(bench.post("/v1/classify", request(1000, 1000)).status == 200);
}

TEST_CASE("what is wrong with labels is said") {
  ApiBench bench(with_rooms());
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model":"hash","input":"t"})", "[labels] are missing: send [labels], an array of strings, or"},
      {R"({"model":"hash","input":"t","labels":[]})", "[labels] are missing"},
      {R"({"model":"hash","input":"t","labels":["x"]})", "1 labels: send 2 to 1000"},
      {R"({"model":"hash","input":"t","labels":["x","x"]})", "label 1 [x] appears twice"},
      {R"({"model":"hash","input":"t","labels":["x","data:;base64,AAAA"]})",
       "label 1 [data:;base64,AAAA...] is a picture: labels must be texts"},
      {R"({"model":"hash","input":"t","labels":["x",""]})", "label 1 is empty"},
      {R"({"model":"hash","input":"t","labels":["x",1]})", "[labels] must contain only strings; at 1 is a number"},
      {R"({"model":"hash","input":"t","label_set":"cars"})", "no label set [cars] here"},
      {R"({"model":"hash","input":"t","label_set":"rooms","labels":["x","y"]})", "[labels] and [label_set]"},
      {R"({"model":"hash","input":"t","labels":["x","y"],"prompt_template":"none"})",
       "the prompt template must contain"},
      {R"({"model":"hash","input":"t","labels":["x","y"],"prompt_template":"{}{}"})",
       "the prompt template must contain"},
      {R"({"model":"nope","input":"t","labels":["x","y"]})", "no model [nope]"},
  };
  for (const auto& [request, message] : cases) {
    const auto response = bench.post("/v1/classify", request);
    CAPTURE(response.body);
    CHECK(response.status == (message[3] == 'm' && message[0] == 'n' ? 404 : 400));
    CHECK(message_of(response).find(message) == 0);
  }
  const auto bare = bench.post(k_completion, R"({"input":"t"})");
  CHECK(bare.status == 400);
  CHECK(std::string(parsed(bare)["error"]["reason"].GetString()).find("in [task_settings] [labels] are missing") == 0);
}

TEST_CASE("a label file has one label per line, comments, and its own template") {
  const TemporaryFolder folder;
  const auto written = [&](const std::string& text) {
    return read_label_file(folder.write("labels.txt", text).string());
  };
  const auto set = written("# rooms\n\n  a kitchen \r\nbath\nprompt_template: photo of {}\nhall");
  REQUIRE(set.ok());
  CHECK(set->labels == std::vector<std::string>{"a kitchen", "bath", "hall"});
  CHECK(set->prompt_template == "photo of {}");
  CHECK(set->prompt(1) == "photo of bath");
  CHECK(written("one\ntwo")->prompt(0) == "a photo of a one");
  CHECK(written("one").error().message.find("labels.txt: 1 labels: send 2 to 1000") != std::string::npos);
  CHECK(written("a\nb\na").error().message.find("label 2 [a] appears twice") != std::string::npos);
  CHECK(written("a\nb\nprompt_template: x").error().code == ErrorCode::invalid_argument);
  CHECK(written("a\nb\xFF").error().message.find("not UTF-8 at byte 3") != std::string::npos);
  CHECK(written(std::string((1u << 20) + 1, 'a')).error().code == ErrorCode::too_large);
  CHECK(read_label_file((folder.path() / "none").string()).error().code == ErrorCode::not_found);
}

TEST_CASE("labels that are cut are named in a warning, also when their vectors are cached") {
  ApiBench bench;
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    const auto cut = bench.post("/v1/classify", R"({"model":"hash","input":"t","labels":["a house","red","a room"],)"
                                                R"("prompt_template":"01234567 {}"})");
    CHECK(cut.status == 200);
    CHECK(cut.headers.get("Warning").value_or("").find("\"label 0, label 2: longer") != std::string::npos);
  }
  CHECK_FALSE(bench.post("/v1/classify", R"({"model":"hash","input":"t","labels":["x","y"],"prompt_template":"{}"})")
                  .headers.get("Warning"));
}

}  // namespace
}  // namespace sightline::api
