#include "server/serving/batch_queue.h"

#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <stdexcept>

#include "tests/base/manual_timer.h"
#include "tests/serving/hash_embedder.h"

namespace sightline::serving {
namespace {

using namespace std::chrono_literals;
using Vector = Result<std::vector<float>>;

/// Writes down what batches took, in seconds, and the words for the rest.
class Notes final : public Observer {
 public:
  void batch_ran(const std::string& model, Modality, std::size_t items, double seconds) override {
    ran.push_back({model, items, seconds});
  }
  void batch_interleaved(const std::string&) override { interleaved += 1; }
  void input_dropped(const std::string&, ErrorCode reason) override { dropped.push_back(reason); }

  struct Batch {
    std::string model;
    std::size_t items;
    double seconds;
  };
  std::vector<Batch> ran;  // all of it of the model thread, until it is stopped
  std::size_t interleaved = 0;
  std::vector<ErrorCode> dropped;
};

template <class Answer>
bool is_there(const std::future<Answer>& answer) {
  return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

/// A queue with one model, whose batches are written down as strings.
class Bench {
 public:
  explicit Bench(BatchQueue::Options options = {}) {
    auto made = BatchQueue::create(options, timer, observer);
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
    queue->stop(Timer::TimePoint::max());
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
    const std::vector<Claim> each(count, Claim{bytes, pixels});
    return queue->admit(*account, lane, each);
  }

  std::future<Vector> submit(BatchQueue::Ticket ticket, models::Prepared input,
                             Timer::TimePoint deadline = Timer::TimePoint::max(),
                             std::shared_ptr<Cancellation> cancellation = {}) {
    const auto answer = std::make_shared<std::promise<Vector>>();
    queue->submit(std::move(ticket), {std::move(input), deadline, std::move(cancellation),
                                      [answer](Vector vector) { answer->set_value(std::move(vector)); }});
    return answer->get_future();
  }

  models::Prepared text(std::string_view text) { return *embedder.prepare_text(text, models::Truncate::end); }

  std::future<Vector> send(Lane lane, std::string_view what, Timer::TimePoint deadline = Timer::TimePoint::max(),
                           std::shared_ptr<Cancellation> cancellation = {}) {
    auto tickets = admit(lane, 1);
    REQUIRE(tickets.ok());
    return submit(std::move(tickets->front()), text(what), deadline, std::move(cancellation));
  }

  /// Batches of documents, which begin with "doc", have so many steps; `on_step` is called in each with its
  /// number. "." is written down where a batch ends.
  void give_steps(std::size_t steps, std::function<void(std::size_t)> on_step) {
    gate.open();
    embedder.steps = steps;
    embedder.on_step = [on_step = std::move(on_step)](auto batch, std::size_t step) {
      if (name_of(batch.front()).starts_with("doc")) on_step(step);
    };
    embedder.on_answer = [this](auto&) { batches.push_back({"."}); };
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

  ManualTimer timer;
  Notes observer;
  HashEmbedder embedder;
  Gate gate;
  std::vector<std::vector<std::string>> batches;  // of the model thread, until it is stopped
  std::unique_ptr<BatchQueue> queue;
  BatchQueue::Account* account = nullptr;
};

using Batches = std::vector<std::vector<std::string>>;

TEST_CASE("a full queue refuses at once, and takes again when an input has been answered") {
  Bench bench({.places = {.max_items = 3, .query_share = 0}});
  auto first = bench.block();
  auto tickets = bench.admit(Lane::document, 2);
  REQUIRE(tickets.ok());
  const auto refused = bench.admit(Lane::document, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::overloaded);
  CHECK(refused.error().message == "model [m] has 3 inputs waiting, no room for 1 more: retry the request later");
  bench.gate.open();
  CHECK(first.get().ok());
  CHECK(bench.admit(Lane::document, 1).ok());
}

TEST_CASE("the queue is bounded in bytes, and a ticket that is given back makes room") {
  Bench bench({.places = {.max_bytes = 100, .query_share = 0}});
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
  Bench bench({.places = {.max_items = 4, .query_share = 0}});
  const auto refused = bench.admit(Lane::document, 5);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::too_large);
}

TEST_CASE("documents leave room for queries") {
  Bench bench({.places = {.max_items = 8, .query_share = 0.25}});
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
  const Claim claims[] = {{10}};
  for (int i = 0; i < 2; ++i) {
    answers.push_back(bench.send(Lane::document, "text"));
    answers.push_back(bench.send_picture());
    auto ticket = bench.queue->admit(second, Lane::document, claims);
    answers.push_back(bench.submit(std::move(ticket->front()), bench.text("other")));
  }
  bench.let_run(std::move(answers));
  CHECK(bench.batches == Batches{{"block"}, {"text", "text"}, {"<picture>", "<picture>"}});
  CHECK(batches_of_other == Batches{{"other", "other"}});
  bench.queue->stop(Timer::TimePoint::max());
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
    bench.timer.advance((sizes.size() < 4 ? 10ms : 1ms) * batch.size());
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
    bench.timer.advance(200ms);
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
  bench.timer.await_waiters(1);  // the model thread waits for the second ticket

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
    bench.timer.advance(2ms);
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
  auto late = bench.submit(std::move((*tickets)[0]), bench.text("late"), bench.timer.now() + 5s);
  auto in_time = bench.submit(std::move((*tickets)[1]), bench.text("in time"), bench.timer.now() + 7s);
  bench.timer.advance(6s);
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
  const auto client = std::make_shared<Cancellation>();
  auto ticket = bench.admit(Lane::document, 1);
  auto answer = bench.submit(std::move(ticket->front()), bench.text("left"), Timer::TimePoint::max(), client);
  client->cancel(CancelReason::client_left);
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
  std::thread stopper([&] { bench.queue->stop(Timer::TimePoint::max()); });
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
  std::thread stopper([&] { bench.queue->stop(bench.timer.now()); });
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
  ManualTimer timer;
  Observer observer;
  BatchQueue::Options options;
  options.max_batch_items = 0;
  CHECK(BatchQueue::create(options, timer, observer).error().code == ErrorCode::invalid_argument);
  options = {};
  options.places.query_share = 1.0;
  CHECK(BatchQueue::create(options, timer, observer).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("what is to be decoded is bounded like memory") {
  BatchQueue::Options options;
  options.places.max_pixels = 100;
  options.places.query_share = 0;
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
  CHECK(refused.error().message.find("102 pixels exceed the queue") != std::string::npos);
}

TEST_CASE("a callback that throws does not end the model thread") {
  Bench bench;
  auto tickets = bench.admit(Lane::document, 1);
  bench.queue->submit(std::move(tickets->front()),
                      {bench.text("a"), Timer::TimePoint::max(), {}, [](const Vector&) { throw std::bad_alloc(); }});
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
  CHECK(refused.error().message == "out of memory for model [m]: retry the request later");
}

TEST_CASE("an observer that throws harms no input") {
  class Broken final : public Observer {
    void input_waited(const std::string&, Lane, double) override { throw std::bad_alloc(); }
    void input_dropped(const std::string&, ErrorCode) override { throw std::bad_alloc(); }
    void batch_ran(const std::string&, Modality, std::size_t, double) override { throw std::bad_alloc(); }
  };
  ManualTimer timer;
  Broken broken;
  HashEmbedder embedder;
  auto queue = BatchQueue::create({}, timer, broken);
  REQUIRE(queue.ok());
  BatchQueue::Account& account = (*queue)->add_model("m", embedder);
  const auto send = [&](Timer::TimePoint deadline) {
    const Claim claims[] = {{10}};
    auto tickets = (*queue)->admit(account, Lane::query, claims);
    const auto answer = std::make_shared<std::promise<Vector>>();
    (*queue)->submit(std::move(tickets->front()),
                     {*embedder.prepare_text("a", models::Truncate::end), deadline, {}, [answer](Vector vector) {
                        answer->set_value(std::move(vector));
                      }});
    return answer->get_future();
  };
  CHECK(send(Timer::TimePoint::max()).get().ok());
  CHECK(send(timer.now()).get().error().code == ErrorCode::deadline_exceeded);
}

TEST_CASE("queries that come while documents run are answered between the steps, together") {
  Bench bench;
  std::future<Vector> a, b;
  bool answered_within = false;
  bench.give_steps(4, [&](std::size_t step) {
    if (step == 1) {
      a = bench.send(Lane::query, "a");
      b = bench.send(Lane::query, "b");
    }
    if (step == 2) answered_within = is_there(a) && is_there(b);
  });
  const Vector document = bench.send(Lane::document, "doc").get();
  CHECK(*document == bench.embedder.expected("doc"));
  CHECK(answered_within);
  CHECK(*a.get() == bench.embedder.expected("a"));
  CHECK(*b.get() == bench.embedder.expected("b"));
  CHECK(bench.batches == Batches{{"doc"}, {"a", "b"}, {"."}, {"."}});
  bench.queue->stop(Timer::TimePoint::max());
  CHECK(bench.observer.interleaved == 1);
}

TEST_CASE("queries of any model run while documents of one do, and of texts and pictures alike") {
  Bench bench;
  HashEmbedder other;
  std::vector<std::size_t> sizes_of_other;
  other.on_embed = [&](std::span<const models::Prepared> batch) { sizes_of_other.push_back(batch.size()); };
  BatchQueue::Account& second = bench.queue->add_model("other", other);
  std::vector<std::future<Vector>> queries;
  std::size_t answered_within = 0;
  bench.give_steps(2, [&](std::size_t step) {
    if (step == 0) {
      const Claim claims[] = {{10}, {10}};
      auto theirs = bench.queue->admit(second, Lane::query, claims);
      auto ours = bench.queue->admit(*bench.account, Lane::query, claims);
      queries.push_back(bench.submit(std::move((*theirs)[0]), *bench.embedder.prepare_image("picture:1")));
      queries.push_back(bench.submit(std::move((*ours)[0]), *bench.embedder.prepare_image("picture:2")));
      queries.push_back(bench.submit(std::move((*theirs)[1]), bench.text("a")));
      queries.push_back(bench.submit(std::move((*ours)[1]), bench.text("b")));
    } else {
      answered_within = static_cast<std::size_t>(std::count_if(queries.begin(), queries.end(), is_there<Vector>));
    }
  });
  CHECK(bench.send(Lane::document, "doc").get().ok());
  CHECK(answered_within == 4);
  CHECK(bench.batches == Batches{{"doc"}, {"<picture>"}, {"."}, {"b"}, {"."}, {"."}});
  bench.queue->stop(Timer::TimePoint::max());
  CHECK(sizes_of_other == std::vector<std::size_t>{1, 1});
}

TEST_CASE("a batch that runs within another is not interrupted itself, and documents interrupt nothing") {
  Bench bench;
  std::vector<std::future<Vector>> answers;
  bench.give_steps(3, [&](std::size_t step) {
    if (step != 0) return;
    answers.push_back(bench.send(Lane::query, "first"));
    answers.push_back(bench.send(Lane::document, "waiting"));
  });
  bench.embedder.on_step = [&, documents = bench.embedder.on_step](auto batch, std::size_t step) {
    documents(batch, step);
    if (step == 1 && Bench::name_of(batch.front()) == "first") answers.push_back(bench.send(Lane::query, "second"));
  };
  CHECK(bench.send(Lane::document, "doc").get().ok());
  for (auto& answer : answers) CHECK(answer.get().ok());
  CHECK(bench.batches == Batches{{"doc"}, {"first"}, {"."}, {"second"}, {"."}, {"."}, {"waiting"}, {"."}});
}

TEST_CASE("queries that never end leave documents a ninth of the time") {
  Bench bench({.max_batch_items = 1});
  constexpr auto k_query_time = 15ms;
  constexpr std::size_t k_steps = 40;
  constexpr int k_queries = 200;
  std::atomic<int> asked{0};
  const auto ask = [&] {
    if (asked == k_queries) return;
    bench.send(Lane::query, "q");
    asked += 1;
  };
  bool keeps_bound = true;
  std::size_t queries_within = 0, documents_run = 0;
  Timer::TimePoint began{};
  bench.give_steps(k_steps, [&](std::size_t step) {
    if (step == 0) began = bench.timer.now();
    if (step == 0 && documents_run == 0) ask();
    bench.timer.advance(1ms);
    const auto own = (step + 1) * 1ms;
    if (bench.timer.now() - began - own > 8 * own + k_query_time) keeps_bound = false;
  });
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.record(batch);
    if (Bench::name_of(batch.front()).starts_with("doc")) return;
    ask();  // the next is there before this one ends
    bench.timer.advance(k_query_time);
    if (documents_run == 0) queries_within += 1;
  };
  bench.embedder.on_answer = [&, end = bench.embedder.on_answer](std::vector<Vector>& vectors) {
    end(vectors);
    if (*vectors.front() == bench.embedder.expected("doc")) documents_run += 1;
  };
  auto first = bench.send(Lane::document, "doc");
  auto second = bench.send(Lane::document, "doc");
  CHECK(first.get().ok());
  CHECK(second.get().ok());
  while (asked < k_queries) std::this_thread::yield();
  bench.queue->stop(Timer::TimePoint::max());
  CHECK(keeps_bound);
  CHECK(queries_within == 22);  // 21 take less than eight times the 40 ms
  // Between the two batches of documents no more than eight of queries.
  const auto is_document = [](const std::vector<std::string>& batch) { return batch.front() == "doc"; };
  const auto one = std::find_if(bench.batches.begin(), bench.batches.end(), is_document);
  const auto other = std::find_if(one + 1, bench.batches.end(), is_document);
  REQUIRE(other != bench.batches.end());
  CHECK(std::count(one, other, std::vector<std::string>{"q"}) == 22 + 8);
}

TEST_CASE("the time of what runs within a batch is not counted as the batch's") {
  Bench bench({.max_batch_items = 16, .target_batch_time = 100ms});
  std::vector<std::future<Vector>> queries;
  bench.give_steps(2, [&](std::size_t step) {
    bench.timer.advance(40ms);
    if (step == 0) queries.push_back(bench.send(Lane::query, "q"));
  });
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.record(batch);
    if (Bench::name_of(batch.front()) == "q") bench.timer.advance(90ms);
  };
  auto tickets = bench.admit(Lane::document, 8);  // held until the last is submitted: one batch
  std::vector<std::future<Vector>> documents;
  for (auto& ticket : *tickets) documents.push_back(bench.submit(std::move(ticket), bench.text("doc")));
  for (auto& document : documents) CHECK(document.get().ok());
  tickets = bench.admit(Lane::document, 8);
  documents.clear();
  for (auto& ticket : *tickets) documents.push_back(bench.submit(std::move(ticket), bench.text("doc")));
  for (auto& document : documents) CHECK(document.get().ok());
  bench.queue->stop(Timer::TimePoint::max());
  REQUIRE(bench.observer.ran.size() == 4);  // each query's before that of the documents around it
  for (const std::size_t i : {0, 2}) {
    CHECK(bench.observer.ran[i].items == 1);
    CHECK(bench.observer.ran[i].seconds == doctest::Approx(0.090));
  }
  for (const std::size_t i : {1, 3}) {
    CHECK(bench.observer.ran[i].items == 8);  // 170 ms would have halved the second
    CHECK(bench.observer.ran[i].seconds == doctest::Approx(0.080));
  }
}

TEST_CASE("what throws within a batch harms neither the batch nor the thread") {
  Bench bench;
  std::future<Vector> bad, good;
  bench.give_steps(2, [&](std::size_t step) {
    if (step != 0) return;
    bad = bench.send(Lane::query, "bad");
    good = bench.send(Lane::query, "good");
    auto tickets = bench.admit(Lane::query, 1);
    bench.queue->submit(
        std::move(tickets->front()),
        {bench.text("loud"), Timer::TimePoint::max(), {}, [](const Vector&) { throw std::runtime_error("no"); }});
  });
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.record(batch);
    for (const auto& input : batch) {
      if (Bench::name_of(input) == "bad") throw std::runtime_error("shape mismatch");
    }
  };
  const Vector document = bench.send(Lane::document, "doc").get();
  CHECK(*document == bench.embedder.expected("doc"));
  CHECK(bad.get().error().message == "model [m] failed: shape mismatch");
  CHECK(*good.get() == bench.embedder.expected("good"));
  CHECK(bench.send(Lane::document, "doc b").get().ok());
}

TEST_CASE("documents that throw are tried alone, with queries in between") {
  Bench bench;
  std::vector<std::future<Vector>> queries;
  bench.give_steps(1, [&](std::size_t) { queries.push_back(bench.send(Lane::query, "q")); });
  bench.embedder.on_answer = [&](std::vector<Vector>& vectors) {
    if (vectors.size() == 2) throw std::runtime_error("too many");
  };
  auto tickets = bench.admit(Lane::document, 2);
  auto a = bench.submit(std::move((*tickets)[0]), bench.text("doc a"));
  auto b = bench.submit(std::move((*tickets)[1]), bench.text("doc b"));
  CHECK(*a.get() == bench.embedder.expected("doc a"));
  CHECK(*b.get() == bench.embedder.expected("doc b"));
  CHECK(bench.batches == Batches{{"doc a", "doc b"}, {"q"}, {"doc a"}, {"q"}, {"doc b"}, {"q"}});
  for (auto& query : queries) CHECK(query.get().ok());
}

TEST_CASE("late and cancelled inputs are answered while documents run, and cost nothing") {
  Bench bench;
  const auto client = std::make_shared<Cancellation>();
  std::future<Vector> late, left, document_left;
  bool answered_within = false;
  bench.give_steps(4, [&](std::size_t step) {
    if (step == 0) {
      document_left = bench.send(Lane::document, "doc b", Timer::TimePoint::max(), client);
      late = bench.send(Lane::query, "late", bench.timer.now());
    }
    if (step == 1) {
      CHECK(is_there(late));
      left = bench.send(Lane::query, "left", Timer::TimePoint::max(), client);
      client->cancel(CancelReason::client_left);
    }
    if (step == 2) answered_within = is_there(left) && is_there(document_left);
  });
  CHECK(bench.send(Lane::document, "doc").get().ok());
  CHECK(answered_within);
  CHECK(late.get().error().code == ErrorCode::deadline_exceeded);
  CHECK(left.get().error().code == ErrorCode::cancelled);
  CHECK(document_left.get().error().code == ErrorCode::cancelled);
  CHECK(bench.batches == Batches{{"doc"}, {"."}});
}

TEST_CASE("an input that is cancelled before it comes is not run, and one of a server that stops says so") {
  Bench bench;
  bench.gate.open();
  const auto client = std::make_shared<Cancellation>();
  client->cancel(CancelReason::stopping);
  const Vector dropped = bench.send(Lane::query, "q", Timer::TimePoint::max(), client).get();
  REQUIRE_FALSE(dropped.ok());
  CHECK(dropped.error().code == ErrorCode::overloaded);
  CHECK(dropped.error().message == "the server is stopping: retry the request");
  bench.queue->stop(Timer::TimePoint::max());
  CHECK(bench.batches.empty());
}

TEST_CASE("cancelled inputs make room before their turn comes") {
  Bench bench({.places = {.max_items = 3, .query_share = 0}});
  const auto client = std::make_shared<Cancellation>();
  std::vector<std::future<Vector>> left;
  bool had_room = true, has_room = false;
  bench.give_steps(3, [&](std::size_t step) {
    if (step == 0) {
      for (int i = 0; i < 2; ++i) left.push_back(bench.send(Lane::document, "doc", Timer::TimePoint::max(), client));
    }
    if (step == 1) {
      had_room = bench.admit(Lane::document, 1).ok();
      client->cancel(CancelReason::client_left);
    }
    if (step == 2) has_room = bench.admit(Lane::document, 2).ok();
  });
  CHECK(bench.send(Lane::document, "doc").get().ok());
  CHECK_FALSE(had_room);
  CHECK(has_room);
  for (auto& answer : left) CHECK(answer.get().error().code == ErrorCode::cancelled);
}

TEST_CASE("inputs are cancelled from other threads while they run, wait and come") {
  Bench bench({.max_batch_items = 4});
  bench.give_steps(3, [](std::size_t) { std::this_thread::yield(); });
  std::vector<std::shared_ptr<Cancellation>> clients;
  std::vector<std::future<Vector>> answers;
  std::atomic<std::size_t> sent{0};
  for (int i = 0; i < 400; ++i) clients.push_back(std::make_shared<Cancellation>());
  std::thread leaving([&] {
    for (std::size_t i = 0; i < clients.size(); i += 2) {
      while (sent < i) std::this_thread::yield();
      clients[i]->cancel(CancelReason::client_left);
    }
  });
  for (std::size_t i = 0; i < clients.size(); ++i) {
    answers.push_back(
        bench.send(i % 5 == 0 ? Lane::query : Lane::document, "doc", Timer::TimePoint::max(), clients[i]));
    sent = i;
  }
  leaving.join();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Vector answer = answers[i].get();
    if (i % 2 == 1) CHECK(answer.ok());
    if (!answer.ok()) CHECK(answer.error().code == ErrorCode::cancelled);
  }
  CHECK(bench.queue->load(*bench.account).items == 0);
}

TEST_CASE("a batch is abandoned once nobody waits for any of it") {
  Bench bench({.target_batch_time = 100ms});
  const auto one = std::make_shared<Cancellation>(), other = std::make_shared<Cancellation>();
  std::size_t steps = 0;
  Lane lane = Lane::document;
  SUBCASE("of documents") {}
  SUBCASE("of queries") {
    lane = Lane::query;
  }
  bench.give_steps(10, [&](std::size_t step) {
    steps = step + 1;
    bench.timer.advance(1s);
    if (step == 2) one->cancel(CancelReason::client_left);
    if (step == 5) other->cancel(CancelReason::client_left);
  });
  auto tickets = bench.admit(lane, 2);
  auto a = bench.submit(std::move((*tickets)[0]), bench.text("doc a"), Timer::TimePoint::max(), one);
  auto b = bench.submit(std::move((*tickets)[1]), bench.text("doc b"), Timer::TimePoint::max(), other);
  CHECK(a.get().error().code == ErrorCode::cancelled);
  CHECK(b.get().error().code == ErrorCode::cancelled);
  bench.queue->stop(Timer::TimePoint::max());
  CHECK(steps == 6);
  CHECK(bench.observer.ran.empty());
  CHECK(bench.observer.dropped == std::vector<ErrorCode>{ErrorCode::cancelled, ErrorCode::cancelled});
}

TEST_CASE("a batch of which one input is still waited for is finished") {
  Bench bench;
  const auto client = std::make_shared<Cancellation>();
  bench.give_steps(3, [&](std::size_t) { client->cancel(CancelReason::client_left); });
  auto tickets = bench.admit(Lane::document, 2);
  auto left = bench.submit(std::move((*tickets)[0]), bench.text("doc a"), Timer::TimePoint::max(), client);
  auto kept = bench.submit(std::move((*tickets)[1]), bench.text("doc b"));
  CHECK(*kept.get() == bench.embedder.expected("doc b"));
  CHECK(left.get().ok());  // it is there, so it is given
}

TEST_CASE("within a batch queries wait for company without holding it up") {
  Bench bench;
  std::vector<BatchQueue::Ticket> tickets;
  std::future<Vector> first, second;
  const auto begin = [&] {
    tickets = *bench.admit(Lane::query, 2);
    first = bench.submit(std::move(tickets[0]), bench.text("first"));
  };
  SUBCASE("the company comes") {
    bench.give_steps(4, [&](std::size_t step) {
      if (step == 0) begin();
      if (step == 2) second = bench.submit(std::move(tickets[1]), bench.text("second"));
    });
    CHECK(bench.send(Lane::document, "doc").get().ok());
    CHECK(bench.batches == Batches{{"doc"}, {"first", "second"}, {"."}, {"."}});
  }
  SUBCASE("the company is late") {
    bench.give_steps(4, [&](std::size_t step) {
      if (step == 0) begin();
      if (step == 1) bench.timer.advance(2ms);
      if (step == 2) {
        CHECK(is_there(first));
        second = bench.submit(std::move(tickets[1]), bench.text("second"));
      }
    });
    CHECK(bench.send(Lane::document, "doc").get().ok());
    CHECK(bench.batches == Batches{{"doc"}, {"first"}, {"."}, {"second"}, {"."}, {"."}});
  }
  CHECK(first.get().ok());
  CHECK(second.get().ok());
}

TEST_CASE("inputs that leave a batch waiting for company do not wake the model thread") {
  Bench bench({.max_batch_items = 4});
  bench.gate.open();
  std::vector<std::future<Vector>> answers;
  auto tickets = bench.admit(Lane::query, 9);
  const auto submit = [&](std::size_t i) {
    answers.push_back(bench.submit(std::move((*tickets)[i]), bench.text("q")));
  };
  submit(0);
  bench.timer.await_waiters(1);
  submit(1);
  answers.push_back(bench.send(Lane::document, "doc"));  // after the queries in any case
  submit(2);
  submit(3);  // the batch is full
  for (auto& answer : answers) CHECK(answer.get().ok());
  CHECK(bench.timer.waits() == 1);
  CHECK(bench.batches == Batches{{"q", "q", "q", "q"}, {"doc"}});
}

TEST_CASE("calls wait until a batch has ended that queries interrupt") {
  Bench bench;
  std::atomic<bool> runs{false}, begun{false};
  std::vector<std::future<Vector>> queries;
  std::thread caller;
  bench.give_steps(1000, [&](std::size_t step) {
    runs = true;
    if (step == 0) {
      caller = std::thread([&] {
        begun = true;
        CHECK(bench.queue->run_on_model_thread([&] { CHECK_FALSE(runs); }));
      });
      while (!begun) std::this_thread::yield();
    }
    if (step % 100 == 1) queries.push_back(bench.send(Lane::query, "q"));
    std::this_thread::yield();
  });
  bench.embedder.on_answer = [&](std::vector<Vector>& vectors) {
    if (*vectors.front() == bench.embedder.expected("doc")) runs = false;
  };
  CHECK(bench.send(Lane::document, "doc").get().ok());
  caller.join();
  for (auto& query : queries) CHECK(query.get().ok());
}

TEST_CASE("a queue that is stopped within an interrupted batch answers everyone") {
  Bench bench;
  std::future<Vector> running_query, waiting_query, waiting_document;
  std::thread stopper;
  Timer::TimePoint drain_until = Timer::TimePoint::max();
  bool in_time = true;
  SUBCASE("there is time for all") {}
  SUBCASE("there is none") {
    drain_until = bench.timer.now();
    in_time = false;
  }
  bench.give_steps(2, [&](std::size_t step) {
    if (step == 0 && !stopper.joinable()) running_query = bench.send(Lane::query, "stopping");
  });
  bench.embedder.on_embed = [&](std::span<const models::Prepared> batch) {
    bench.record(batch);
    if (Bench::name_of(batch.front()) != "stopping") return;
    waiting_query = bench.send(Lane::query, "q");
    waiting_document = bench.send(Lane::document, "doc b");
    stopper = std::thread([&] { bench.queue->stop(drain_until); });
    while (bench.admit(Lane::query, 1).ok()) std::this_thread::yield();
  };
  CHECK(bench.send(Lane::document, "doc").get().ok());
  CHECK(running_query.get().ok());
  for (auto* waiting : {&waiting_query, &waiting_document}) {
    const Vector answer = waiting->get();
    CHECK(answer.ok() == in_time);
    if (!answer.ok()) CHECK(answer.error().code == ErrorCode::overloaded);
  }
  stopper.join();
  CHECK_FALSE(bench.queue->run_on_model_thread([] {}));
  if (in_time) CHECK(bench.batches == Batches{{"doc"}, {"stopping"}, {"."}, {"q"}, {"."}, {"."}, {"doc b"}, {"."}});
}

}  // namespace
}  // namespace sightline::serving
