#include "server/serving/embedding_service.h"

#include <atomic>
#include <doctest/doctest.h>
#include <semaphore>
#include <thread>

#include "tests/serving/embedding_bench.h"

namespace sightline::serving {
namespace {

using namespace std::chrono_literals;

TEST_CASE("answers come in input order, texts and pictures mixed") {
  Bench bench;
  std::vector<Input> inputs;
  for (int i = 0; i < 40; ++i) {
    inputs.push_back({Modality::text, "t" + std::to_string(i)});
    inputs.push_back({Modality::image, "picture:" + std::to_string(i)});
  }
  const Answer answer = bench.send(inputs).get();
  REQUIRE(answer.ok());
  REQUIRE(answer->size() == 80);
  for (std::size_t i = 0; i < 80; ++i) {
    const bool text = inputs[i].modality == Modality::text;
    CHECK((*answer)[i].values ==
          (text ? bench.embedder->expected(inputs[i].bytes) : bench.embedder->expected_image(inputs[i].bytes)));
    CHECK((*answer)[i].tokens == (text ? inputs[i].bytes.size() + 2 : 0));
  }
}

TEST_CASE("the empty string is embedded like any text") {
  Bench bench;
  const Answer answer = bench.send_texts({""}).get();
  REQUIRE(answer.ok());
  CHECK(answer->front().values == bench.embedder->expected(""));
  CHECK(answer->front().tokens == 2);
}

TEST_CASE("a bad input fails its own request with its position, and no other request") {
  Bench bench;
  bench.hold_model();
  auto blocked = bench.send_texts({"block"});
  bench.gate.await_arrival();
  auto good = bench.send_texts({"a", "b"});
  auto bad = bench.send({{Modality::text, "c"}, {Modality::image, "no picture"}, {Modality::text, "d"}});
  auto also_good = bench.send_texts({"e"});
  bench.gate.open();
  const Answer error = bad.get();
  REQUIRE_FALSE(error.ok());
  CHECK(error.error().code == ErrorCode::invalid_argument);
  CHECK(error.error().message == "input 1: not a picture");
  CHECK(good.get()->at(1).values == bench.embedder->expected("b"));
  CHECK(also_good.get()->at(0).values == bench.embedder->expected("e"));
}

TEST_CASE("an input with a name of its own is called by it") {
  Bench bench;
  const Answer error =
      bench.send({{Modality::text, "a", "query"}, {Modality::image, "no picture", "document 0"}}).get();
  REQUIRE_FALSE(error.ok());
  CHECK(error.error().message == "document 0: not a picture");
}

TEST_CASE("a picture's size comes with its vector") {
  Bench bench;
  const Answer answer = bench.send({{Modality::text, "a"}, {Modality::image, "picture:1"}}).get();
  REQUIRE(answer.ok());
  CHECK(answer->at(0).width == 0);
  CHECK(answer->at(1).width == 4);
  CHECK(answer->at(1).height == 4);
}

TEST_CASE("of several bad inputs the first is named, whichever was looked at first") {
  EmbeddingService::Options options;
  options.preparation.threads = 4;
  Bench bench(options);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> texts(16, "good");
    texts[5] = texts[9] = texts[15] = "poison";
    const Answer answer = bench.send_texts(texts).get();
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().message == "input 5: not UTF-8 at byte 0");
  }
}

TEST_CASE("a text over the limit is cut and says so, or is refused, as the request wishes") {
  Bench bench;
  const std::string text = "0123456789ABCDEFGHIJ";
  const Answer cut = bench.send_texts({"short", text}).get();
  REQUIRE(cut.ok());
  CHECK_FALSE(cut->at(0).truncated);
  CHECK(cut->at(1).truncated);
  CHECK(cut->at(1).tokens == 16);
  EmbedOptions options;
  options.truncate = models::Truncate::none;
  const Answer refused = bench.send_texts({"short", text}, options).get();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "input 1: 22 tokens; the model takes 16");
}

TEST_CASE("an unknown model is not found, and the known ones are named") {
  EmbeddingService::Options options;
  options.models = {{"one", {}}, {"two", {}}};
  Bench bench(options);
  const Answer answer = bench.send({{Modality::text, "x"}}, {}, "clip").get();
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::not_found);
  CHECK(answer.error().message == "no model [clip]; available: one, two");
}

TEST_CASE("before it is loaded a model asks to be tried again, and the service is not ready") {
  Bench bench({}, false);
  CHECK(bench.send_texts({"x"}).get().error().code == ErrorCode::overloaded);
  CHECK(bench.service->problems() == std::vector<std::string>{"model [hash] is loading"});
  REQUIRE(bench.service->load_models().ok());
  CHECK(bench.service->problems().empty());
  CHECK(bench.send_texts({"x"}).get().ok());
}

TEST_CASE("a model that cannot be loaded says why, in the state and in the answer") {
  Bench bench({}, false);
  bench.load_error = {ErrorCode::corrupt_data, "tensor text_projection.weight is missing"};
  const Status status = bench.service->load_models();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "model [hash] from : tensor text_projection.weight is missing");
  CHECK(bench.service->models().front().state == ModelState::failed);
  CHECK(bench.send_texts({"x"}).get().error().message == status.error().message);
  CHECK(bench.service->problems() == std::vector<std::string>{status.error().message});
}

TEST_CASE("overload is answered at once, while the model is busy") {
  EmbeddingService::Options options;
  options.queue.places.max_items = 4;
  options.queue.places.query_share = 0;
  Bench bench(options);
  bench.hold_model();
  auto running = bench.send_texts({"a", "b", "c"});
  bench.gate.await_arrival();
  CHECK(bench.send_texts({"d", "e"}).get().error().code == ErrorCode::overloaded);  // the gate is still closed
  bench.gate.open();
  CHECK(running.get().ok());
}

TEST_CASE("inputs of a client that left, and late ones, do not reach the model") {
  Bench bench;
  bench.hold_model();
  auto blocked = bench.send_texts({"block"});
  bench.gate.await_arrival();
  EmbedOptions options;
  options.cancellation = std::make_shared<Cancellation>();
  auto abandoned = bench.send_texts({"a", "b"}, options);
  EmbedOptions in_a_second;
  in_a_second.deadline = bench.timer.now() + 1s;
  auto late = bench.send_texts({"c"}, in_a_second);
  options.cancellation->cancel(CancelReason::client_left);
  bench.timer.advance(1s);
  bench.gate.open();
  CHECK(abandoned.get().error().code == ErrorCode::cancelled);
  CHECK(late.get().error().code == ErrorCode::deadline_exceeded);
  CHECK(blocked.get().ok());
  CHECK(bench.ran == 1);
}

TEST_CASE("stop answers every request that was accepted") {
  Bench bench;
  bench.hold_model();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(bench.send_texts({"a", "b", "c"}));
  bench.gate.await_arrival();
  bench.gate.open();
  bench.service->stop(Timer::TimePoint::max());
  for (auto& answer : answers) CHECK(answer.get().ok());
  CHECK(bench.send_texts({"late"}).get().error().code == ErrorCode::overloaded);
}

TEST_CASE("a model carries its fingerprint, and one that cannot be told apart is not served") {
  EmbeddingService::Options options;
  options.fingerprint = [](const models::Embedder::Options&) { return Result<std::string>("0123456789abcdef"); };
  CHECK(Bench(options).service->models().front().fingerprint == "0123456789abcdef");
  CHECK(Bench().service->models().front().fingerprint.empty());

  options.fingerprint = [](const models::Embedder::Options&) {
    return Result<std::string>(Error{ErrorCode::corrupt_data, "the weights end early"});
  };
  Bench bench(options, false);
  const Status loaded = bench.service->load_models();
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message.find("the weights end early") != std::string::npos);
  CHECK(bench.service->models().front().state == ModelState::failed);
}

TEST_CASE("names of models must be plain and differ") {
  ManualTimer timer;
  Observer observer;
  const auto create = [&](std::vector<std::string> names) {
    EmbeddingService::Options options;
    for (auto& name : names) options.models.push_back({name, {}});
    const auto loader = [](const auto&) -> Result<std::unique_ptr<models::Embedder>> {
      return std::unique_ptr<models::Embedder>(std::make_unique<HashEmbedder>());
    };
    return EmbeddingService::create(options, loader, timer, observer);
  };
  CHECK(create({"clip", "jina-clip_v1.0"}).ok());
  CHECK(create({}).error().code == ErrorCode::invalid_argument);
  CHECK(create({"clip", "clip"}).error().code == ErrorCode::invalid_argument);
  CHECK(create({"google/siglip2-base-patch16-224", "a/b/c"}).ok());
  CHECK(create({std::string(96, 'x')}).ok());
  for (const std::string name : {"", "/", "a/", "/b", "a//b", "a/../b", ".", "a/.", "a b", "a\\b", "a%2Fb", "a?b",
                                 "h\u00E4user", "a,b", "a=b"}) {
    CAPTURE(name);
    REQUIRE_FALSE(create({name}).ok());
    CHECK(create({name}).error().code == ErrorCode::invalid_argument);
  }
  CHECK_FALSE(create({std::string(97, 'x')}).ok());
}

TEST_CASE("a request whose pictures are too much to decode is refused before any is") {
  EmbeddingService::Options options;
  options.max_request_pixels = 100;
  options.preparation.max_bytes = 1000;
  Bench bench(options);
  bench.embedder->cost = [](std::string_view picture) {
    return picture == "picture:huge" ? models::PictureCost{1001, 1} : models::PictureCost{500, 40};
  };
  std::atomic<int> prepared{0};
  bench.embedder->on_prepare = [&](auto) { ++prepared; };
  const Input picture{Modality::image, "picture:1"};
  const Answer many = bench.send({picture, picture, picture}).get();
  REQUIRE_FALSE(many.ok());
  CHECK(many.error().code == ErrorCode::too_large);
  CHECK(many.error().message ==
        "input 2: the request's pictures up to this one have 120 pixels to decode; the limit is 100 "
        "(--max-request-pixels): send fewer in one request");
  const Answer huge = bench.send({picture, {Modality::image, "picture:huge"}}).get();
  REQUIRE_FALSE(huge.ok());
  CHECK(huge.error().code == ErrorCode::too_large);
  CHECK(huge.error().message ==
        "input 1: decoding the picture would take 1001 bytes of memory; the limit is 1000 (--max-decode-bytes): "
        "send a smaller picture");
  CHECK(prepared == 0);
  CHECK(bench.send({picture, picture}).get().ok());
}

TEST_CASE("an input that cannot be prepared for want of memory is answered, and so is the next request") {
  Bench bench;
  bench.embedder->on_prepare = [](auto) { throw std::bad_alloc(); };
  const Answer refused = bench.send({{Modality::text, "a"}, {Modality::image, "picture:1"}}).get();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::overloaded);
  CHECK(refused.error().message == "input 1: out of memory for preparing it: retry the request later");
  CHECK(bench.send_texts({"a"}).get().ok());
}

TEST_CASE("a callback that throws, on whatever thread, ends nothing") {
  Bench bench;
  const auto throws = [](const Answer&) { throw std::runtime_error("no"); };
  bench.service->embed("hash", {{Modality::text, "a"}}, {}, throws);       // on the model thread
  bench.service->embed("hash", {{Modality::text, "poison"}}, {}, throws);  // on a preparation thread
  for (int i = 0; i < 5; ++i) CHECK(bench.send_texts({"a"}).get().ok());
}

TEST_CASE("vectors are called back off the model thread, which has better things to do") {
  Bench bench;
  std::thread::id model_thread;
  bench.embedder->on_embed = [&](auto) { model_thread = std::this_thread::get_id(); };
  std::promise<std::thread::id> called_back;
  bench.service->embed("hash", {{Modality::text, "a"}}, {},
                       [&](const Answer&) { called_back.set_value(std::this_thread::get_id()); });
  CHECK(called_back.get_future().get() != model_thread);
}

TEST_CASE("an answer is not made for a client that has left meanwhile") {
  Bench bench;
  EmbedOptions options;
  options.cancellation = std::make_shared<Cancellation>();
  bench.embedder->on_answer = [&](auto&) { options.cancellation->cancel(CancelReason::client_left); };
  CHECK(bench.send_texts({"a"}, options).get().error().code == ErrorCode::cancelled);
}

TEST_CASE("a request with a bad input is answered while others' documents run") {
  Bench bench;
  std::future<Answer> bad;
  bool answered_within = false;
  bench.embedder->steps = 1'000'000;  // ends with the answer
  bench.embedder->on_step = [&](auto, std::size_t step) {
    if (step == 0) bad = bench.send_texts({"a", "b", "poison"});
    answered_within = bad.wait_for(0s) == std::future_status::ready;
    if (answered_within) bench.embedder->steps = 0;
    std::this_thread::yield();
  };
  CHECK(bench.send_texts({"document"}).get().ok());
  CHECK(answered_within);
  CHECK(bad.get().error().message == "input 2: not UTF-8 at byte 0");
}

TEST_CASE("a query's text is answered while documents run, pictures are decoded and answers are made") {
  EmbeddingService::Options options;
  options.preparation.threads = 1;
  Bench bench(options);
  Gate decoding;
  bench.embedder->on_prepare = [&](auto) { decoding.pass(); };
  std::future<Answer> picture, query;
  bool answered_within = false;
  bench.embedder->steps = 1'000'000;
  bench.embedder->on_step = [&](auto batch, std::size_t step) {
    if (batch.size() != 2) return;
    if (step == 0) {
      picture = bench.send({{Modality::image, "picture:1"}});
      decoding.await_arrival();
      EmbedOptions of_query;
      of_query.lane = Lane::query;
      query = bench.send_texts({"query"}, of_query);
    }
    answered_within = query.wait_for(0s) == std::future_status::ready;
    if (answered_within) bench.embedder->steps = 0;
    std::this_thread::yield();
  };
  CHECK(bench.send_texts({"a", "b"}).get().ok());
  CHECK(answered_within);
  CHECK(query.get()->at(0).values == bench.embedder->expected("query"));
  decoding.open();
  CHECK(picture.get().ok());
}

TEST_CASE("a model whose vectors change is refused until they are right again") {
  const WithWatchdog on;
  Bench bench;
  ChangingModel model(bench, true);
  model.probe();
  if (bench.send_texts({"x"}).get().ok()) model.ran.acquire();  // it ran after the probe, so the verdict is in
  REQUIRE(bench.service->models().front().state == ModelState::failed);
  CHECK(bench.service->problems().size() == 1);
  CHECK(bench.send_texts({"x"}).get().error().code == ErrorCode::internal);
  model.wrong = false;
  model.probe();
  bench.timer.await_waiters(1);
  bench.service->stop(Timer::TimePoint::max());  // every probe has been judged
  CHECK(bench.service->models().front().state == ModelState::ready);
  CHECK(bench.service->problems().empty());
}

TEST_CASE("a model that hangs turns readiness off") {
  const WithWatchdog on;
  Bench bench;
  bench.hold_model();
  auto stuck = bench.send_texts({"stuck"});
  bench.gate.await_arrival();
  CHECK(bench.service->problems().empty());
  bench.timer.await_waiters(1);
  bench.timer.advance(61s);
  const auto problems = bench.service->problems();
  REQUIRE(problems.size() == 1);
  CHECK(problems.front() == "model [hash] gave no correct answer to the watchdog for 61 s");
}

}  // namespace
}  // namespace sightline::serving
