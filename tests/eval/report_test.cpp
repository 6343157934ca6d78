#include "eval/report.h"

#include <fstream>
#include <rapidjson/document.h>

#include "base/json/utf8.h"
#include "tests/eval/tables.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Two models over three pictures: one puts the right picture first, the other last. The table has words that
/// would break out of HTML.
Evaluation evaluation(const TemporaryFolder& folder) {
  Evaluation made;
  made.table = "<table>.csv";
  made.data = dataset(folder,
                      "file,caption,kind\na.jpg,\"<script>alert('a&b')</script>\",house\nb.jpg,b,house\n"
                      "\"c \"\"d\"\".jpg\",c,kitchen\n");
  folder.write("a.jpg", "\xFF\xD8\xFF a picture, for all that a page cares");
  folder.write("b.jpg", "\xFF\xD8\xFF" + std::string(200, 'b'));
  made.tasks.push_back(task(folder, made.data, made.inputs, R"({"name":"own <picture>","direction":"text-to-image"})"));
  const auto read = sets(folder, made.data, R"({"zero_shot":[{"name":"kinds","attribute":"kind"}]})");
  REQUIRE(read.ok());
  auto labels = make_label_task(read->zero_shot.front(), made.data, made.inputs);
  REQUIRE(labels.ok());
  made.label_tasks.push_back(*labels);
  const Usable usable{std::vector<bool>(3, true), std::vector<bool>(made.inputs.texts().size(), true)};
  const std::vector<float> axes{1, 0, 0, 0, 1, 0, 0, 0, 1};
  const std::vector<float> turned{0, 1, 0, 0, 0, 1, 1, 0, 0};
  std::vector<float> texts = axes;  // the three captions, then the labels' prompts: house and kitchen
  texts.insert(texts.end(), {0.7f, 0.7f, 0, 0, 0, 1});
  for (const auto& [name, pictures] : {std::pair("good", axes), std::pair("poor", turned)}) {
    const Embedded embedded{{3, pictures}, {3, texts}};
    ModelRun run;
    run.description.name = name;
    run.dims = 3;
    run.retrieval.emplace_back(evaluate(made.tasks.front(), made.data, embedded, usable));
    run.labels.push_back(evaluate(made.label_tasks.front(), made.data, embedded, usable));
    made.models.push_back(run);
  }
  return made;
}

}  // namespace

TEST_CASE("the table has a line a measure and a column a model") {
  const TemporaryFolder folder;
  const std::string text = table_text(evaluation(folder));
  CHECK(text.find("own <picture> (text-to-image, 3 queries, on average 1.0 right of 3.0)") != std::string::npos);
  CHECK(text.find("  recall@1                    1.0000    0.0000\n") != std::string::npos);
  CHECK(text.find("hit@") == std::string::npos);  // one right answer each: recall says it
  CHECK(text.find("  accuracy                    1.0000    0.3333\n") != std::string::npos);
}

TEST_CASE("what must be known of a model to read its column stands below the heading") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  CHECK(table_text(made).find("good is ") == std::string::npos);
  made.models.front().description.remark = "a demo model, trained only on drawings";
  CHECK(table_text(made).find("\n  good is a demo model, trained only on drawings\n") != std::string::npos);
}

TEST_CASE("a model that reads no pictures has a dash where they are asked for") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  made.models[1].retrieval[0].reset();
  made.models[1].labels[0].reset();
  CHECK(table_text(made).find("  recall@1                    1.0000         -\n") != std::string::npos);
  CHECK(html_text(made, {}).find("<td>&ndash;</td>") != std::string::npos);
  CHECK(json_text(made).find("\"poor\": null") != std::string::npos);
  made.models[0].retrieval[0].reset();
  made.models[0].labels[0].reset();
  CHECK(table_text(made).find("no model supports its inputs") != std::string::npos);
  CHECK(html_text(made, {}).find("Nothing could be measured") != std::string::npos);
}

TEST_CASE("cut-offs stand in all reports, with the reason where a model has none") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  CHECK(table_text(made).find("text-to-image: good has no cut-off: 6 wrong pairs; a false-positive rate of 1 % needs "
                              "1000\n") != std::string::npos);
  CHECK(json_text(made).find("\"cutoffs\": {\n    \"text-to-image\": null") != std::string::npos);
  CHECK(html_text(made, {}).find("Cut-offs") == std::string::npos);
  // 994 more wrong pairs: 94 of a query with a right answer at 0.3, the others of queries without one at 0.2.
  for (std::uint32_t i = 0; i < 994; ++i) {
    RetrievalResult& of = *made.models[0].retrieval[0];
    i < 94 ? of.pairs.add(0.3f, false, i) : of.unanswered.add(0.2f, false, i);
  }
  made.false_positive_rate = 0.095;
  const std::string text = table_text(made);
  CHECK(text.find("at most 9.5 % of the wrong pairs reach it)\n  text-to-image               0.2001         -\n") !=
        std::string::npos);
  CHECK(text.find("  as min_score             0.60005         -\n") != std::string::npos);
  CHECK(text.find("  wrong pairs                 1000         -\n") != std::string::npos);
  CHECK(text.find("text-to-image: poor has no cut-off: 6 wrong pairs; ") != std::string::npos);
  rapidjson::Document json;
  json.Parse(json_text(made).c_str());
  const auto& cutoff = json["models"][0]["cutoffs"]["text-to-image"];
  REQUIRE(cutoff.IsObject());
  CHECK(cutoff["cosine"].GetDouble() == doctest::Approx(0.2001));
  CHECK(cutoff["score"].GetDouble() == doctest::Approx(0.60005));
  CHECK(cutoff["chosen_rate"].GetDouble() == 0.095);
  CHECK(cutoff["false_positive_rate"].GetDouble() == doctest::Approx(0.094));
  CHECK(cutoff["wrong_pairs"].GetInt() == 1000);
  CHECK(html_text(made, {}).find("Cut-offs at 9.5 % false positives (cosine): text-to-image 0.2001 (95 % range ") !=
        std::string::npos);
}

TEST_CASE("the JSON holds means and every query with its best hits") {
  const TemporaryFolder folder;
  const Evaluation made = evaluation(folder);
  rapidjson::Document json;
  json.Parse(json_text(made).c_str());
  REQUIRE(json.IsObject());
  const auto& good = json["sets"][0]["models"]["good"];
  CHECK(good["means"]["MRR"].GetDouble() == 1);
  REQUIRE(good["queries"].Size() == 3);
  CHECK(good["queries"][0]["first_right_rank"].GetInt() == 1);
  CHECK(good["queries"][0]["best"][0][0].GetString() == std::string("a.jpg"));
  CHECK(good["queries"][0]["best"][0][2].GetBool());
  CHECK(good["threshold"].IsNull());  // three right pairs are too few
  const auto& worst = json["sets"][0]["models"]["poor"]["worst"];
  REQUIRE(worst.Size() == 3);
  CHECK(worst[0]["query"].GetString() == std::string("c"));
  CHECK(worst[0]["first_right_rank"].GetInt() == 3);
  CHECK(worst[0]["found"][0].GetString() == std::string("b.jpg"));
  CHECK(worst[0]["expected"][0].GetString() == std::string("c \"d\".jpg"));
  CHECK(json["zero_shot"][0]["models"]["poor"]["accuracy"].GetDouble() == doctest::Approx(1.0 / 3));
  CHECK(json_text(made) == json_text(evaluation(folder)));
}

TEST_CASE("the page escapes what it is given, and holds each small picture once") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  made.left_out_texts = 1;
  made.models[0].failures.push_back({"<b>", "reason & more"});
  HtmlOptions options;
  options.folder = folder.path();
  options.max_embedded_bytes = 100;
  const std::string page = html_text(made, options);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;script&gt;alert(&#39;a&amp;b&#39;)&lt;/script&gt;") != std::string::npos);
  CHECK(page.find("own &lt;picture&gt;") != std::string::npos);
  CHECK(page.find("<li>good: &lt;b&gt;: reason &amp; more</li>") != std::string::npos);
  CHECK(occurrences(page, "data:image/jpeg;base64,") == 1);
  CHECK(page.find(".p1{background-image:url(\"b.jpg\")}") != std::string::npos);
  CHECK(page.find(".p2{background-image:url(\"c%20%22d%22.jpg\")}") != std::string::npos);
  CHECK(page.find("http://") == std::string::npos);
  CHECK(page.find("https://") == std::string::npos);
}

TEST_CASE("worst queries come first by gain, then by rank") {
  std::vector<QueryOutcome> outcomes(4);
  outcomes[0].ranking = {{true}, 1, 1};
  outcomes[1].ranking = {std::vector<bool>(10), 1, 20};
  outcomes[2].ranking = {std::vector<bool>(10), 1, 30};
  outcomes[3].ranking = {{false, true}, 1, 2};
  std::vector<std::ptrdiff_t> order;
  for (const QueryOutcome* outcome : worst_first(outcomes)) order.push_back(outcome - outcomes.data());
  CHECK(order == std::vector<std::ptrdiff_t>{2, 1, 3, 0});
}

TEST_CASE("a report begins as no other file does") {
  CHECK(json_text({}).starts_with(k_json_beginning));
  CHECK(html_text({}, {}).starts_with(k_html_beginning));
  for (const std::string_view other : {"{}", "{\"sets\": []}", "{\n \"name\": \"x\"\n}"})
    CHECK_FALSE(other.starts_with(k_json_beginning));
  CHECK_FALSE(std::string_view("<!doctype html>\n<html><title>mine</title>").starts_with(k_html_beginning));
}

TEST_CASE("the JSON is UTF-8, whatever names and answers are") {
  const TemporaryFolder folder;
  Evaluation made = evaluation(folder);
  made.table = "caf\xE9.csv";
  made.models.front().failures.push_back({"b.jpg", "cut: \xC3"});
  const std::string text = json_text(made);
  CHECK_FALSE(json::find_invalid_utf8(text));
  CHECK(text.starts_with(k_json_beginning));
  CHECK(text.find("\"caf\xEF\xBF\xBD.csv\"") != std::string::npos);
}
