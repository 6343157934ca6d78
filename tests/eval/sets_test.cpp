#include "eval/sets.h"

#include "tests/eval/tables.h"
#include "tests/source_folder.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

/// Names of the candidates that stand in this relation to a query, in order.
std::string in_relation(const Task& task, const Dataset& data, std::size_t query, Relation relation) {
  std::string names;
  for (std::uint32_t i = 0; i < task.candidates.size(); ++i) {
    if (task.relation(task.queries[query], i, data) == relation)
      names += data.pictures()[task.candidates[i].pictures.front()].name.substr(0, 1);
  }
  return names;
}

}  // namespace

TEST_CASE("a query's right answers have all of its attributes") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, R"({"name":"q","direction":"text-to-image","queries":[
    {"query":"red","right":{"color":"red","time":["day","night"]}},
    {"query":"night kitchen","right":{"kind":"kitchen","time":"night"}}]})");
  REQUIRE(made.queries.size() == 2);
  CHECK(in_relation(made, data, 0, Relation::right) == "abd");
  CHECK(in_relation(made, data, 0, Relation::wrong) == "cef");
  CHECK(in_relation(made, data, 1, Relation::right) == "de");
  CHECK(inputs.needs_pictures);
  CHECK(inputs.texts().size() == 2);
}

TEST_CASE("every answer to a query for what is not there is wrong") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const std::string begin =
      R"({"name":"q","direction":"text-to-image","queries":[{"query":"a cat","right":"nothing"}])";
  const Task made = task(folder, data, inputs, begin + "}");
  CHECK(in_relation(made, data, 0, Relation::right).empty());
  CHECK(in_relation(made, data, 0, Relation::wrong) == "abcdef");
  CHECK_FALSE(sets(folder, data, "{\"sets\":[" + begin + R"(,"negatives":"hard"}]})").ok());
  CHECK_FALSE(sets(folder, data, "{\"sets\":[" + begin + R"(,"negatives":{"same":["kind"]}}]})").ok());
}

TEST_CASE("hard negatives miss one attribute, easy ones all") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const std::string begin =
      R"({"name":"q","direction":"text-to-image","queries":[{"query":"x","right":{"kind":"house","color":"red","time":"day"}}],)";
  const Task hard = task(folder, data, inputs, begin + R"("negatives":"hard"})");
  CHECK(in_relation(hard, data, 0, Relation::right) == "a");
  CHECK(in_relation(hard, data, 0, Relation::wrong) == "bc");
  const Task easy = task(folder, data, inputs, begin + R"("negatives":"easy"})");
  CHECK(in_relation(easy, data, 0, Relation::right) == "a");
  CHECK(in_relation(easy, data, 0, Relation::wrong) == "e");
}

TEST_CASE("negatives of the same kind, or of another") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task same =
      task(folder, data, inputs,
           R"({"name":"q","direction":"text-to-image","captions":"caption","negatives":{"same":["kind"]}})");
  CHECK(in_relation(same, data, 0, Relation::right) == "a");
  CHECK(in_relation(same, data, 0, Relation::wrong) == "bc");
  const Task other =
      task(folder, data, inputs,
           R"({"name":"q","direction":"text-to-image","captions":"caption","negatives":{"other":["kind"]}})");
  CHECK(in_relation(other, data, 0, Relation::wrong) == "def");
}

TEST_CASE("a caption of two pictures is one text, and right for both") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made =
      task(folder, data, inputs, R"({"name":"q","direction":"text-to-image","captions":["caption_short"]})");
  REQUIRE(made.queries.size() == 4);  // one picture has none, two share one
  CHECK(made.queries[0].words == "red house");
  CHECK(in_relation(made, data, 0, Relation::right) == "ab");
  const Task back =
      task(folder, data, inputs, R"({"name":"q","direction":"image-to-text","captions":["caption_short"]})");
  CHECK(back.candidates.size() == 4);
  CHECK(back.queries.size() == 6);
  CHECK(in_relation(back, data, 1, Relation::right) == "a");  // the text that belongs to a and b
  CHECK(in_relation(back, data, 2, Relation::right).empty());
}

TEST_CASE("a caption asks for the other captions of its picture, never for itself") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, R"({"name":"q","direction":"text-to-text"})");
  REQUIRE(made.queries[0].words == "a red house by day");
  std::string right;
  std::size_t left_out = 0;
  for (std::uint32_t i = 0; i < made.candidates.size(); ++i) {
    const Relation relation = made.relation(made.queries[0], i, data);
    if (relation == Relation::right) right += inputs.texts()[made.candidates[i].input].text;
    left_out += relation == Relation::left_out;
  }
  CHECK(right == "red house");
  CHECK(left_out == 1);
}

TEST_CASE("a picture asks for others that equal it, and is not asked where it lacks the attribute") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, R"({"name":"q","direction":"image-to-image","right":["kind","color"]})");
  CHECK(made.queries.size() == 5);
  CHECK(made.not_asked == 1);
  CHECK(in_relation(made, data, 0, Relation::right) == "b");
  CHECK(in_relation(made, data, 0, Relation::left_out) == "a");
}

TEST_CASE("captions are chosen by their length and their picture") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const auto count = [&](const std::string& members) {
    return task(folder, data, inputs, R"({"name":"q","direction":"text-to-image",)" + members + "}").queries.size();
  };
  CHECK(count(R"("captions":"caption","least_words":5)") == 5);
  CHECK(count(R"("most_words":2)") == 5);
  CHECK(count(R"("captions":"caption","where":{"kind":"house","time":"day"})") == 2);
}

TEST_CASE("a template makes a query of every combination that occurs") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, R"({"name":"q","direction":"text-to-image","queries":
    {"template":"a {kind} {time}!","words":{"time":{"day":"in daylight"}},"least_right":2}})");
  REQUIRE(made.queries.size() == 2);
  CHECK(made.queries[0].words == "a house in daylight!");
  CHECK(in_relation(made, data, 0, Relation::right) == "ac");
  CHECK(made.queries[1].words == "a kitchen night!");
}

TEST_CASE("labels are the attribute's values, or those named with their words") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  const auto read = sets(folder, data, R"({"zero_shot":[{"name":"a","attribute":"color"},
    {"name":"b","attribute":"kind","labels":{"kitchen":"place to cook","house":"home"},"template":["a {}","the {}"],
     "where":{"time":"night"}}]})");
  REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().message));
  Inputs inputs;
  const auto first = make_label_task(read->zero_shot[0], data, inputs);
  REQUIRE(first.ok());
  CHECK(first->pictures.size() == 5);
  CHECK(inputs.texts()[first->prompts[1][0]].text == "a photo of a blue");
  const auto second = make_label_task(read->zero_shot[1], data, inputs);
  REQUIRE(second.ok());
  CHECK(second->pictures.size() == 3);
  CHECK(inputs.texts()[second->prompts[0][1]].text == "the place to cook");
}

TEST_CASE("a wrong set is refused by name, saying what is wrong") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  const auto message = [&](const std::string& set) {
    const auto read = sets(folder, data, R"({"sets":[{"name":"s","direction":"text-to-image",)" + set + "}]}");
    REQUIRE_FALSE(read.ok());
    CHECK_MESSAGE(read.error().message.find("sets 0 [s]: ") != std::string::npos, read.error().message);
    return read.error().message;
  };
  const auto says = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(says(message(R"("query":[])"), "unknown member [query]; known are: about, captions"));
  CHECK(says(message(R"("queries":[])"), "list of queries"));
  CHECK(says(message(R"("queries":[{"query":"x"}])"), "query 0 has no `right`"));
  CHECK(says(message(R"("queries":[{"query":"x","right":{"wall":"red"}}])"), "no attribute [wall]; it has: kind"));
  CHECK(says(message(R"("queries":[{"query":"x","right":{"color":"pink"}}])"), "no picture's color is [pink]"));
  CHECK(says(message(R"("queries":[{"query":"x","right":{"color":"red"}}],"negatives":"hard")"), "two or more"));
  CHECK(says(message(R"("queries":[{"query":"x","right":{"color":"red"}}],"negatives":{"same":["kind"]})"),
             "does not want the attribute kind"));
  CHECK(says(message(R"("negatives":"nasty")"), "must be all, hard, easy"));
  CHECK(says(message(R"("queries":{"template":"a {kind"})"), "attributes in braces"));
  CHECK(says(message(R"("captions":"caption_long")"), "no caption column [caption_long]"));
  CHECK(says(message(R"("right":["wall"])"), "no attribute [wall]"));
  CHECK(says(message(R"("least_words":-1)"), "whole number"));
  CHECK(says(message(R"("where":{"kind":1.5})"), "values must be"));
  CHECK(says(message(R"("queries":"absent.json")"), "cannot read"));
  const auto whole = [&](const char* json) { return sets(folder, data, json).error().message; };
  CHECK(says(whole("{"), "sets.json, byte"));
  CHECK(says(whole("[]"), "must be an object"));
  CHECK(says(whole(R"({"sets":[]})"), "has no sets"));
  CHECK(says(whole(R"({"sets":[{"name":"s","direction":"sideways"}]})"), "`direction` must be"));
  CHECK(says(whole(R"({"sets":[{"name":"s","direction":"image-to-image"}]})"), "must list the attributes"));
  CHECK(says(whole(R"({"zero_shot":[{"name":"z","attribute":"kind","template":"a kind"}]})"), "has no {}"));
  CHECK(says(whole(R"({"zero_shot":[{"name":"z","attribute":"kind","labels":["house"]}]})"), "two labels"));
}

TEST_CASE("without a file captions and pictures ask for each other, and captions for captions") {
  const TemporaryFolder folder;
  const auto with_two = default_sets(dataset(folder));
  REQUIRE(with_two.ok());
  CHECK(with_two->retrieval.size() == 3);
  const auto with_one = default_sets(dataset(folder, "file,caption\na.jpg,x\n"));
  REQUIRE(with_one.ok());
  CHECK(with_one->retrieval.size() == 2);
  CHECK_FALSE(default_sets(dataset(folder, "file,kind\na.jpg,x\n")).ok());
}

TEST_CASE("the demo's sets fit the demo's pictures") {
  const std::filesystem::path demo = sightline::source_folder() / "demo";
  const auto data = Dataset::read(demo / "attributes.csv", demo / "pictures");
  REQUIRE(data.ok());
  const auto read = read_sets(demo / "eval/sets.json", *data);
  REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().message));
  Inputs inputs;
  for (const RetrievalSet& set : read->retrieval) {
    const auto made = make_task(set, *data, inputs);
    REQUIRE_MESSAGE(made.ok(), set.name);
    CHECK_MESSAGE(made->queries.size() >= 3, set.name);
  }
  for (const LabelSet& set : read->zero_shot) CHECK(make_label_task(set, *data, inputs).ok());
}
