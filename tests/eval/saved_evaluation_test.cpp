#include "eval/saved_evaluation.h"

#include <rapidjson/document.h>
#include <set>

#include "tests/eval/tables.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

/// One model over six pictures, in two sets and a label set.
Evaluation evaluation(const TemporaryFolder& folder) {
  Evaluation made;
  made.table = "table.csv";
  made.data = dataset(folder);
  made.tasks.push_back(
      task(folder, made.data, made.inputs, R"({"name":"alike","direction":"image-to-image","right":["kind"]})"));
  made.tasks.push_back(
      task(folder, made.data, made.inputs,
           R"({"name":"captions","direction":"text-to-image","captions":"caption","where":{"kind":"house"}})"));
  const auto read = sets(folder, made.data, R"({"zero_shot":[{"name":"kinds","attribute":"kind"}]})");
  REQUIRE(read.ok());
  auto labels = make_label_task(read->zero_shot.front(), made.data, made.inputs);
  REQUIRE(labels.ok());
  made.label_tasks.push_back(*labels);
  const Usable usable{std::vector<bool>(6, true), std::vector<bool>(made.inputs.texts().size(), true)};
  // The houses a b c lie together but for c, which lies with the kitchens.
  Embedded embedded{{2, {1, 0, 0.9f, 0.1f, 0, 1, 0.1f, 0.9f, 0.2f, 0.8f, 0.15f, 0.85f}}, {2, {}}};
  for (std::size_t i = 0; i < made.inputs.texts().size(); ++i)
    embedded.texts.values.insert(embedded.texts.values.end(), {1, i % 2 == 0 ? 0.f : 1.f});
  ModelRun run;
  run.description.name = "good \"model\"";
  run.description.fingerprint = "0123";
  run.dims = 2;
  for (const Task& one : made.tasks) run.retrieval.emplace_back(evaluate(one, made.data, embedded, usable));
  run.labels.push_back(evaluate(made.label_tasks.front(), made.data, embedded, usable));
  made.models.push_back(run);
  run.description.name = "blind";
  for (auto& result : run.retrieval) result.reset();
  run.labels.front().reset();
  made.models.push_back(run);
  return made;
}

}  // namespace

TEST_CASE("each set of a model is one document, with what a page needs to show it") {
  const TemporaryFolder folder;
  const Evaluation made = evaluation(folder);
  const auto documents = saved_documents(made, {"mine", "2026-01-02T03:04:05Z", "sets.json"});
  REQUIRE(documents.size() == 3);  // the blind model measured nothing
  rapidjson::Document alike;
  alike.Parse(documents[0].body.c_str());
  REQUIRE(alike.IsObject());
  CHECK(alike["run"].GetString() == std::string("mine"));
  CHECK(alike["date"].GetString() == std::string("2026-01-02T03:04:05Z"));
  CHECK(alike["set"].GetString() == std::string("alike"));
  CHECK(alike["direction"].GetString() == std::string("image-to-image"));
  CHECK(alike["model"].GetString() == std::string("good \"model\""));
  CHECK(alike["model_fingerprint"].GetString() == std::string("0123"));
  CHECK(alike["dims"].GetInt() == 2);
  CHECK(alike["queries"].GetInt() == 6);
  CHECK(alike["metrics"]["MRR"].GetDouble() < 1);
  // 12 right pairs, 18 wrong ones: 6 pictures with 2 of their kind and 3 of the other.
  CHECK(alike["threshold"]["right_pairs"].GetInt() == 12);
  CHECK(alike["threshold"]["wrong_pairs"].GetInt() == 18);
  CHECK(alike["direction_threshold"]["cosine"].GetDouble() == alike["threshold"]["cosine"].GetDouble());
  const auto& worst = alike["worst"][0];
  CHECK(worst["query"].GetString() == std::string("c.jpg"));
  CHECK(worst["first_right_rank"].GetInt() == 4);
  CHECK(worst["found"][0]["name"].GetString() == std::string("d.jpg"));
  CHECK_FALSE(worst["found"][0]["right"].GetBool());
  REQUIRE(worst["expected"].Size() == 2);
  CHECK(worst["expected"][0].GetString() == std::string("a.jpg"));
  CHECK(worst["expected"][1].GetString() == std::string("b.jpg"));
  rapidjson::Document kinds;
  kinds.Parse(documents[2].body.c_str());
  CHECK(kinds["direction"].GetString() == std::string("zero-shot"));
  CHECK(kinds["metrics"].HasMember("accuracy"));
  CHECK(kinds["worst"].IsArray());
}

TEST_CASE("too few pairs leave the threshold out") {
  const TemporaryFolder folder;
  const auto documents = saved_documents(evaluation(folder), {"mine", "2026-01-02T03:04:05Z", ""});
  rapidjson::Document captions;
  captions.Parse(documents[1].body.c_str());
  CHECK(captions["set"].GetString() == std::string("captions"));
  CHECK_FALSE(captions.HasMember("threshold"));
  CHECK_FALSE(captions.HasMember("sets"));
}

TEST_CASE("the cut-off of a direction is saved with each of its sets") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  for (std::uint32_t i = 0; i < 1000; ++i) made.models[0].retrieval[1]->unanswered.add(0.25f, false, i);
  const auto documents = saved_documents(made, {"mine", "2026-01-02T03:04:05Z", ""});
  rapidjson::Document alike, captions;
  alike.Parse(documents[0].body.c_str());
  captions.Parse(documents[1].body.c_str());
  CHECK_FALSE(alike.HasMember("direction_cutoff"));  // 18 wrong pairs
  REQUIRE(captions.HasMember("direction_cutoff"));
  CHECK(captions["direction_cutoff"]["cosine"].GetDouble() >= 0.25);
  CHECK(captions["direction_cutoff"]["lowest"].GetDouble() <= captions["direction_cutoff"]["cosine"].GetDouble());
  CHECK(captions["direction_cutoff"]["wrong_pairs"].GetInt() > 1000);
}

TEST_CASE("ids are the same for the same run, model and set, and others for others") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  made.models[1] = made.models[0];
  made.models[1].description.name = "second";
  std::set<std::string> ids;
  for (const char* name : {"a", "b"}) {
    for (const auto& document : saved_documents(made, {name, "2026-01-02T03:04:05Z", ""})) ids.insert(document.id);
  }
  CHECK(ids.size() == 12);
  for (const auto& document : saved_documents(made, {"b", "2027-01-02T03:04:05Z", "x"}))
    CHECK(ids.contains(document.id));
}
