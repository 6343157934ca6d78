#include "server/serving/batch_queue.h"

#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <stdexcept>

#include "tests/serving/hash_embedder.h"
#include "tests/serving/manual_clock.h"

namespace sightline::serving {
namespace {

using namespace std::chrono_literals;
using Vector = Result<std::vector<float>>;

/// A queue with one model, whose batches are written down as strings.
class Bench {
 public:
  explicit Bench(BatchQueue::Options options = {}) {
    auto made = BatchQueue::create(options, clock, observer);
    REQUIRE(made.ok());
    queue = *std::move(made);
    account = &queue->add_model("m", embedder);
    embedder.on_embed = [this](std::span<const models::Prepared> batch) {
      gate.pass();
      record(batch);
    };
  }
  ~Bench() {
    gate.open();
    queue->stop(Clock::time_point::max());
  }

  void record(std::span<const models::Prepared> batch) {
    std::vector<std::string> texts;
    for (const auto& input : batch) texts.push_back(name_of(input));
    batches.push_back(std::move(texts));
  }

  static std::string name_of(const models::Prepared& input) {
    if (std::holds_alternative<models::PreparedImage>(input)) return "<picture>";
    const auto& ids = std::get<models::PreparedText>(input).ids;
    std::string text;
    for (std::size_t i = 1; i + 1 < ids.size(); ++i) text.push_back(static_cast<char>(ids[i]));
    return text;
  }

  Result<std::vector<BatchQueue::Ticket>> admit(Lane lane, std::size_t count, std::size_t bytes = 10,
                                                std::uint64_t pixels = 0) {
    const std::vector<BatchQueue::Claim> each(count, BatchQueue::Claim{bytes, pixels});
    return queue->admit(*account, lane, each);
  }

  std::future<Vector> submit(BatchQueue::Ticket ticket, models::Prepared input,
                             Clock::time_point deadline = Clock::time_point::max(),
                             std::function<bool()> cancelled = {}) {
    const auto answer = std::make_shared<std::promise<Vector>>();
    queue->submit(std::move(ticket), {std::move(input), deadline, std::move(cancelled),
                                      [answer](Vector vector) { answer->set_value(std::move(vector)); }});
    return answer->get_future();
  }

  models::Prepared text(std::string_view text) { return *embedder.prepare_text(text, models::Truncate::end); }

  std::future<Vector> send(Lane lane, std::string_view what) {
    auto tickets = admit(lane, 1);
    REQUIRE(tickets.ok());
    return submit(std::move(tickets->front()), text(what));
  }

  std::future<Vector> send_picture() {
    auto tickets = admit(Lane::document, 1);
    REQUIRE(tickets.ok());
    return submit(std::move(tickets->front()), *embedder.prepare_image("picture:1"));
  }

  std::vector<std::future<Vector>> send_texts(std::initializer_list<const char*> texts) {
    std::vector<std::future<Vector>> answers;
    for (const char* text : texts) answers.push_back(send(Lane::document, text));
    return answers;
  }

  std::vector<std::future<Vector>> send_pictures(int count) {
    std::vector<std::future<Vector>> answers;
    for (int i = 0; i < count; ++i) answers.push_back(send_picture());
    return answers;
  }

  /// Opens the gate, and waits until every answer has come, with a vector.
  void let_run(std::vector<std::future<Vector>> answers) {
    gate.open();
    for (auto& answer : answers) CHECK(answer.get().ok());
  }

  /// Occupies the model thread, so that what comes next waits in line until the gate opens.
  std::future<Vector> block() {
    auto answer = send(Lane::document, "block");
    gate.await_arrival();
    return answer;
  }

  ManualClock clock;
  Observer observer;
  HashEmbedder embedder;
  Gate gate;
  std::vector<std::vector<std::string>> batches;  // of the model thread, until it is stopped
  std::unique_ptr<BatchQueue> queue;
  BatchQueue::Account* account = nullptr;
};

using Batches = std::vector<std::vector<std::string>>;

TEST_CASE("a full queue refuses at once, and takes again when an input has been answered") {
  Bench bench({.max_items = 3, .query_share = 0});
  auto first = bench.block();
  auto tickets = bench.admit(Lane::document, 2);
  REQUIRE(tickets.ok());
  const auto refused = bench.admit(Lane::document, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::overloaded);
  CHECK(refused.error().message ==
        "model [m] has 3 inputs waiting and no room for 1 more: send the request again later");
  bench.gate.open();
  CHECK(first.get().ok());
  CHECK(bench.admit(Lane::document, 1).ok());
}

TEST_CASE("the queue is bounded in bytes, and a ticket that is given back makes room") {
  Bench bench({.max_bytes = 100, .query_share = 0});
  {
    const auto tickets = bench.admit(Lane::document, 2, 40);
    REQUIRE(tickets.ok());
    CHECK(bench.queue->load(*bench.account).bytes == 80);
    CHECK(bench.admit(Lane::document, 1, 21).error().code == ErrorCode::overloaded);
    CHECK(bench.admit(Lane::document, 1, 20).ok());
  }
  CHECK(bench.queue->load(*bench.account).items == 0);
  CHECK(bench.admit(Lane::document, 1, 100).ok());
}

TEST_CASE("a request that could never fit is too large, not a matter of trying again") {
  Bench bench({.max_items = 4, .query_share = 0});
  const auto refused = bench.admit(Lane::document, 5);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::too_large);
}

TEST_CASE("documents leave room for queries") {
  Bench bench({.max_items = 8, .query_share = 0.25});
  const auto documents = bench.admit(Lane::document, 6);
  REQUIRE(documents.ok());
  CHECK_FALSE(bench.admit(Lane::document, 1).ok());
  CHECK(bench.admit(Lane::query, 2).ok());
}

TEST_CASE("queries run before documents that came earlier") {
  Bench bench;
  auto blocked = bench.block();
  auto a = bench.send(Lane::document, "doc a");
  auto b = bench.send(Lane::document, "doc b");
  auto q = bench.send(Lane::query, "query");
  bench.gate.open();
  for (auto* answer : {&blocked, &a, &b, &q}) CHECK(answer->get().ok());
  CHECK(bench.batches == Batches{{"block"}, {"query"}, {"doc a", "doc b"}});
}

TEST_CASE("documents get a turn after eight batches of queries") {
  Bench bench({.max_batch_items = 1});
  auto blocked = bench.block();
  auto document = bench.send(Lane::document, "doc");
  std::vector<std::future<Vector>> queries;
  for (int i = 0; i < 10; ++i) queries.push_back(bench.send(Lane::query, "q"));
  bench.gate.open();
  for (auto& query : queries) CHECK(query.get().ok());
  CHECK(document.get().ok());
  REQUIRE(bench.batches.size() == 12);
  CHECK(bench.batches[9] == std::vector<std::string>{"doc"});
}

TEST_CASE("each answer belongs to its own input") {
  Bench bench;
  auto blocked = bench.block();
  std::vector<std::future<Vector>> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(bench.send(Lane::document, "text " + std::to_string(i)));
  bench.gate.open();
  for (int i = 0; i < 100; ++i) {
    const Vector vector = answers[static_cast<std::size_t>(i)].get();
    REQUIRE(vector.ok());
    CHECK(*vector == bench.embedder.expected("text " + std::to_string(i)));
  }
}

TEST_CASE("a batch is cut by items and by tokens") {
  Bench bench({.max_batch_items = 3, .max_batch_tokens = 14});
  auto blocked = bench.block();
  bench.let_run(bench.send_texts({"a", "b", "c", "123456", "78", "1234567890"}));
  CHECK(bench.batches == Batches{{"block"}, {"a", "b", "c"}, {"123456", "78"}, {"1234567890"}});
}

TEST_CASE("a batch holds texts or pictures, of one model") {
  Bench bench;
  HashEmbedder other;
  std::vector<std::vector<std::string>> batches_of_other;
  other.on_embed = [&](std::span<const models::Prepared> batch) {
    batches_of_other.push_back({});
    for (const auto& input : batch) batches_of_other.back().push_back(Bench::name_of(input));
  };
  BatchQueue::Account& second = bench.queue->add_model("other", other);
  auto blocked = bench.block();
  std::vector<std::future<Vector>> answers;
  const BatchQueue::Claim claims[] = {{10}};
  for (int i = 0; i < 2; ++i) {
    answers.push_back(bench.send(Lane::document, "text"));
    answers.push_back(bench.send_picture());
    auto ticket = bench.queue->admit(second, Lane::document, claims);
    answers.push_back(bench.submit(std::move(ticket->front()), bench.text("other")));
  }
  bench.let_run(std::move(answers));
  CHECK(bench.batches == Batches{{"block"}, {"text", "text"}, {"<picture>", "<picture>"}});
  CHECK(batches_of_other == Batches{{"other", "other"}});
  bench.queue->stop(Clock::time_point::max());
}

TEST_CASE("a batch is kept to what runs in the target time") {
  Bench bench({.target_batch_time = 100ms});
  auto blocked = bench.block();
  bench.queue->teach(*bench.account, Modality::image, 16, 40ms);  // one window of 4 x 4
  bench.let_run(bench.send_pictures(4));
  REQUIRE(bench.batches.size() >= 2);
  CHECK(bench.batches[1].size() == 2);
}

TEST_CASE("batches shrink when they take too long, and grow again when there is time") {
  Bench bench({.max_batch_items = 16, .target_batch_time = 100ms});
  std::vector<std::size_t> sizes;
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.gate.pass();
    sizes.push_back(batch.size());
    bench.clock.advance((sizes.size() < 4 ? 10ms : 1ms) * batch.size());
  };
  auto blocked = bench.block();
  bench.let_run(bench.send_pictures(16 + 8 + 8 + 16));
  CHECK(sizes == std::vector<std::size_t>{1, 16, 8, 8, 16});
}

TEST_CASE("where one input takes as long as many, batches grow all the same") {
  Bench bench({.max_batch_items = 16, .target_batch_time = 100ms});
  std::vector<std::size_t> sizes;
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.gate.pass();
    sizes.push_back(batch.size());
    bench.clock.advance(200ms);
  };
  auto blocked = bench.block();
  bench.let_run(bench.send_pictures(16 + 8 + 4 + 2 + 1 + 2 + 4 + 8 + 16));
  CHECK(sizes == std::vector<std::size_t>{1, 16, 8, 4, 2, 1, 2, 4, 8, 16});
}

TEST_CASE("a batch waits for company only while inputs of its lane are being prepared") {
  Bench bench;
  bench.gate.open();
  auto tickets = bench.admit(Lane::document, 2);
  auto first = bench.submit(std::move((*tickets)[0]), bench.text("first"));
  bench.clock.await_waiters(1);  // the model thread waits for the second ticket

  SUBCASE("the company comes") {
    auto second = bench.submit(std::move((*tickets)[1]), bench.text("second"));
    CHECK(first.get().ok());
    CHECK(second.get().ok());
    CHECK(bench.batches == Batches{{"first", "second"}});
  }
  SUBCASE("the company turns out to be broken") {
    { const BatchQueue::Ticket given_back = std::move((*tickets)[1]); }
    CHECK(first.get().ok());
    CHECK(bench.batches == Batches{{"first"}});
  }
  SUBCASE("the company is late") {
    bench.clock.advance(2ms);
    CHECK(first.get().ok());
    auto second = bench.submit(std::move((*tickets)[1]), bench.text("second"));
    CHECK(second.get().ok());
    CHECK(bench.batches == Batches{{"first"}, {"second"}});
  }
  SUBCASE("a query does not wait for documents") {
    auto query = bench.send(Lane::query, "query");
    CHECK(query.get().ok());
    CHECK(bench.batches.front() == std::vector<std::string>{"query"});
  }
}

TEST_CASE("what is late when its turn comes is dropped unrun") {
  Bench bench;
  auto blocked = bench.block();
  auto tickets = bench.admit(Lane::document, 2);
  auto late = bench.submit(std::move((*tickets)[0]), bench.text("late"), bench.clock.now() + 5s);
  auto in_time = bench.submit(std::move((*tickets)[1]), bench.text("in time"), bench.clock.now() + 7s);
  bench.clock.advance(6s);
  bench.gate.open();
  const Vector dropped = late.get();
  REQUIRE_FALSE(dropped.ok());
  CHECK(dropped.error().code == ErrorCode::deadline_exceeded);
  CHECK(dropped.error().message.find("waited 6000 ms") == 0);
  CHECK(in_time.get().ok());
  CHECK(bench.batches == Batches{{"block"}, {"in time"}});
}

TEST_CASE("what nobody waits for any more is dropped unrun") {
  Bench bench;
  auto blocked = bench.block();
  std::atomic<bool> left{false};
  auto ticket = bench.admit(Lane::document, 1);
  auto answer = bench.submit(std::move(ticket->front()), bench.text("left"), Clock::time_point::max(),
                             [&left] { return left.load(); });
  left = true;
  bench.gate.open();
  CHECK(answer.get().error().code == ErrorCode::cancelled);
  CHECK(blocked.get().ok());
  CHECK(bench.batches == Batches{{"block"}});
}

TEST_CASE("an input that makes the model throw fails alone") {
  Bench bench;
  auto blocked = bench.block();
  auto answers = bench.send_texts({"good", "bad", "fine"});
  bench.embedder.on_answer = [&](auto&) {
    for (const std::string& text : bench.batches.back()) {
      if (text == "bad") throw std::runtime_error("shape mismatch");
    }
  };
  bench.gate.open();
  CHECK(*answers[0].get() == bench.embedder.expected("good"));
  const Vector bad = answers[1].get();
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code == ErrorCode::internal);
  CHECK(bad.error().message == "model [m] failed: shape mismatch");
  CHECK(*answers[2].get() == bench.embedder.expected("fine"));
}

TEST_CASE("a vector that is zero, not finite, or of the wrong length never leaves") {
  Bench bench;
  auto blocked = bench.block();
  auto answers = bench.send_texts({"zero", "nan", "short", "good"});
  bench.embedder.on_answer = [&](std::vector<Vector>& vectors) {
    if (vectors.size() != 4) return;
    vectors[0] = std::vector<float>(8, 0.0f);
    vectors[1]->at(3) = NAN;
    vectors[2]->pop_back();
  };
  bench.gate.open();
  for (std::size_t i = 0; i < 3; ++i) CHECK(answers[i].get().error().code == ErrorCode::internal);
  CHECK(*answers[3].get() == bench.embedder.expected("good"));
}

TEST_CASE("stop runs what was submitted and admits nothing more") {
  Bench bench;
  auto blocked = bench.block();
  auto waiting = bench.send(Lane::document, "waiting");
  std::thread stopper([&] { bench.queue->stop(Clock::time_point::max()); });
  while (bench.admit(Lane::document, 1).ok()) std::this_thread::yield();
  CHECK(bench.admit(Lane::document, 1).error().code == ErrorCode::overloaded);
  bench.gate.open();
  stopper.join();
  CHECK(waiting.get().ok());
  CHECK_FALSE(bench.queue->run_on_model_thread([] {}));
}

TEST_CASE("stop does not wait past the end of the drain, but still answers everyone") {
  Bench bench;
  auto blocked = bench.block();
  auto waiting = bench.send(Lane::document, "waiting");
  std::thread stopper([&] { bench.queue->stop(bench.clock.now()); });
  while (bench.admit(Lane::document, 1).ok()) std::this_thread::yield();
  bench.gate.open();
  stopper.join();
  CHECK(blocked.get().ok());
  const Vector dropped = waiting.get();
  REQUIRE_FALSE(dropped.ok());
  CHECK(dropped.error().code == ErrorCode::overloaded);
  CHECK(bench.batches == Batches{{"block"}});
}

TEST_CASE("limits that make no sense are refused") {
  ManualClock clock;
  Observer observer;
  BatchQueue::Options options;
  options.max_batch_items = 0;
  CHECK(BatchQueue::create(options, clock, observer).error().code == ErrorCode::invalid_argument);
  options = {};
  options.query_share = 1.0;
  CHECK(BatchQueue::create(options, clock, observer).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("what is to be decoded is bounded like memory") {
  BatchQueue::Options options;
  options.max_pixels = 100;
  options.query_share = 0;
  Bench bench(options);
  {
    const auto tickets = bench.admit(Lane::document, 2, 10, 40);
    REQUIRE(tickets.ok());
    CHECK(bench.admit(Lane::document, 1, 10, 21).error().code == ErrorCode::overloaded);
    CHECK(bench.admit(Lane::document, 1, 10, 20).ok());
  }
  CHECK(bench.admit(Lane::document, 1, 10, 100).ok());
  const auto refused = bench.admit(Lane::document, 2, 10, 51);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().message.find("102 pixels do not fit into the queue") != std::string::npos);
}

TEST_CASE("a callback that throws does not end the model thread") {
  Bench bench;
  auto tickets = bench.admit(Lane::document, 1);
  bench.queue->submit(std::move(tickets->front()),
                      {bench.text("a"), Clock::time_point::max(), {}, [](const Vector&) { throw std::bad_alloc(); }});
  bench.gate.open();
  CHECK(bench.send(Lane::document, "b").get().ok());
}

TEST_CASE("work on the model thread that throws reports it to who asked") {
  Bench bench;
  CHECK_THROWS_AS(bench.queue->run_on_model_thread([] { throw std::runtime_error("no"); }), std::runtime_error);
  bench.gate.open();
  CHECK(bench.send(Lane::document, "a").get().ok());
}

TEST_CASE("a model without memory is overloaded, and goes on") {
  Bench bench;
  bench.gate.open();
  bench.embedder.on_embed = [](auto) { throw std::bad_alloc(); };
  const Vector refused = bench.send(Lane::document, "a").get();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::overloaded);
  CHECK(refused.error().message == "no memory left for model [m]: send the request again later");
}

TEST_CASE("an observer that throws harms no input") {
  class Broken final : public Observer {
    void input_waited(const std::string&, Lane, double) override { throw std::bad_alloc(); }
    void input_dropped(const std::string&, ErrorCode) override { throw std::bad_alloc(); }
    void batch_ran(const std::string&, Modality, std::size_t, double) override { throw std::bad_alloc(); }
  };
  ManualClock clock;
  Broken broken;
  HashEmbedder embedder;
  auto queue = BatchQueue::create({}, clock, broken);
  REQUIRE(queue.ok());
  BatchQueue::Account& account = (*queue)->add_model("m", embedder);
  const auto send = [&](Clock::time_point deadline) {
    const BatchQueue::Claim claims[] = {{10}};
    auto tickets = (*queue)->admit(account, Lane::query, claims);
    const auto answer = std::make_shared<std::promise<Vector>>();
    (*queue)->submit(std::move(tickets->front()), {*embedder.prepare_text("a", models::Truncate::end), deadline, {},
                                                   [answer](Vector vector) { answer->set_value(std::move(vector)); }});
    return answer->get_future();
  };
  CHECK(send(Clock::time_point::max()).get().ok());
  CHECK(send(clock.now()).get().error().code == ErrorCode::deadline_exceeded);
}

}  // namespace
}  // namespace sightline::serving
