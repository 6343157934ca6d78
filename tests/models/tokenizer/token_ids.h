// Token ids of texts, and as recorded.
#pragma once

#include <cstdint>
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer/tokenizer.h"
#include "tests/models/tokenizer/clip_vocabulary.h"

namespace sightline::models {

using Ids = std::vector<std::int32_t>;
inline constexpr std::size_t k_no_limit = 1u << 30;

inline Ids ids_of(const Tokenizer& tokenizer, std::string_view text, std::size_t max_tokens = k_no_limit,
                  Truncate truncate = Truncate::end) {
  const auto prepared = tokenizer.encode(text, max_tokens, truncate);
  REQUIRE_MESSAGE(prepared.ok(), prepared.error().message);
  return prepared->ids;
}

/// Long texts, which are worked on in slices, have the ids of short ones, and endless words are refused.
inline void check_long_texts(const Tokenizer& tokenizer) {
  const std::size_t one = ids_of(tokenizer, "pool").size(), two = ids_of(tokenizer, "pool pool").size();
  std::string text = "pool";
  for (int i = 0; i < 20'000; ++i) text += " pool";
  const auto start = tokenizer.encode(text, 64, Truncate::start);
  REQUIRE(start.ok());
  CHECK(start->full_length == one + 20'000 * (two - one));
  const auto end = tokenizer.encode(text, 64, Truncate::end);
  REQUIRE(end.ok());
  CHECK(end->ids.size() == 64);
  CHECK(end->truncated());
  const std::string endless(3u << 20, 'x');
  CHECK(tokenizer.encode(endless, 64, Truncate::end).error().code == ErrorCode::too_large);
}

inline Ids to_ids(const rapidjson::Value& array) {
  Ids ids;
  for (const auto& id : array.GetArray()) ids.push_back(id.GetInt());
  return ids;
}

/// A file of strings with a reference tokenizer's ids: `text`, `ids`, and `ids_max_N` where truncation to N changes them.
struct RecordedIds {
  const char* file;
  rapidjson::SizeType strings;
  std::size_t max_tokens;  ///< N
  int truncated;           ///< more strings than this are longer
};

/// The tokenizer's ids are the recorded ones, whole and truncated.
inline void check_ids(const Tokenizer& tokenizer, const RecordedIds& recorded) {
  rapidjson::Document cases;
  const std::string text = read_file(fixture_path(recorded.file));
  cases.Parse(text.data(), text.size());
  REQUIRE(cases.IsArray());
  REQUIRE(cases.Size() == recorded.strings);
  const std::string member = "ids_max_" + std::to_string(recorded.max_tokens);
  int truncated = 0;
  for (const auto& entry : cases.GetArray()) {
    const std::string_view input(entry["text"].GetString(), entry["text"].GetStringLength());
    CAPTURE(input);
    const Ids expected = to_ids(entry["ids"]);
    CHECK(ids_of(tokenizer, input) == expected);
    const auto cut = tokenizer.encode(input, recorded.max_tokens, Truncate::end);
    REQUIRE(cut.ok());
    CHECK(cut->ids == (entry.HasMember(member.c_str()) ? to_ids(entry[member.c_str()]) : expected));
    CHECK(cut->full_length == expected.size());
    CHECK(cut->truncated() == (expected.size() > recorded.max_tokens));
    truncated += cut->truncated();
  }
  CHECK(truncated > recorded.truncated);
}

}  // namespace sightline::models
