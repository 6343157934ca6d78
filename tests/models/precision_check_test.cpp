#include "models/precision_check.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <string>

#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

TEST_CASE("cosines are taken input by input: the lowest, and the mean") {
  const Vectors exact{std::vector<float>{1, 0}, std::vector<float>{0, 1}},
      lower{std::vector<float>{1, 0}, std::vector<float>{0.6f, 0.8f}};
  const Result<PrecisionCheck> check = compare_precisions(exact, lower);
  REQUIRE(check.ok());
  CHECK(check->inputs == 2);
  CHECK(check->lowest_cosine == doctest::Approx(0.8));
  CHECK(check->mean_cosine == doctest::Approx(0.9));
}

TEST_CASE("an input that one side cannot embed is an error") {
  const Vectors good{std::vector<float>{1, 0}}, bad{Error{ErrorCode::internal, "not finite"}};
  for (const auto& check : {compare_precisions(good, bad), compare_precisions(bad, good)}) {
    REQUIRE_FALSE(check.ok());
    CHECK(check.error().code == ErrorCode::internal);
    CHECK(check.error().message.find("not finite") != std::string::npos);
  }
}

TEST_CASE("the inputs differ from each other and are the same in each run") {
  Embedder::Options options;
  options.folder = fixture("clip-quick-gelu-f32").string();
  options.threads = 1;
  const auto embedder = Embedder::load(options);
  REQUIRE(embedder.ok());
  const auto first = precision_inputs(**embedder), second = precision_inputs(**embedder);
  REQUIRE(first.ok());
  REQUIRE(first->size() == 10);
  std::set<std::string> pictures;
  std::set<std::vector<std::int32_t>> texts;
  for (std::size_t i = 0; i < first->size(); ++i) {
    if (const auto* text = std::get_if<PreparedText>(&(*first)[i])) {
      texts.insert(text->ids);
      CHECK(text->ids == std::get<PreparedText>((*second)[i]).ids);
    } else {
      const std::vector<std::uint8_t>&one = std::get<PreparedImage>((*first)[i]).rgb,
            &same = std::get<PreparedImage>((*second)[i]).rgb;
      pictures.emplace(one.begin(), one.end());
      CHECK(std::equal(one.begin(), one.end(), same.begin(), same.end()));
    }
  }
  CHECK(texts.size() == 6);
  CHECK(pictures.size() == 4);
}
