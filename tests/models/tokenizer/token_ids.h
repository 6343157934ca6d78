// Token ids of texts, and as recorded.
#pragma once

#include <cstdint>
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <string_view>
#include <vector>

#include "models/tokenizer/tokenizer.h"

namespace sightline::models {

using Ids = std::vector<std::int32_t>;
inline constexpr std::size_t k_no_limit = 1u << 30;

inline Ids ids_of(const Tokenizer& tokenizer, std::string_view text, std::size_t max_tokens = k_no_limit,
                  Truncate truncate = Truncate::end) {
  const auto prepared = tokenizer.encode(text, max_tokens, truncate);
  REQUIRE_MESSAGE(prepared.ok(), prepared.error().message);
  return prepared->ids;
}

inline Ids to_ids(const rapidjson::Value& array) {
  Ids ids;
  for (const auto& id : array.GetArray()) ids.push_back(id.GetInt());
  return ids;
}

}  // namespace sightline::models
