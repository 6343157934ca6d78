// JSON files of a tokenizer, read without exceptions and without recursion.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// The file's bytes. Errors: not_found.
Result<std::string> read_text_file(const std::filesystem::path& file);

/// A file that holds one JSON object. Errors: not_found; corrupt_data naming the byte where it stops being
/// JSON.
Result<rapidjson::Document> read_json_file(const std::filesystem::path& file);

/// The member, or null where `object` is no object or lacks it.
const rapidjson::Value* find_member(const rapidjson::Value& object, const char* name);

/// The member as text; empty where it is absent, null or not text.
std::string_view text_member(const rapidjson::Value& object, const char* name);

/// The member as true or false; `absent` where it is not there or neither.
bool bool_member(const rapidjson::Value& object, const char* name, bool absent);

/// An id that a vocabulary may hold, or nullopt. Bounded so that a damaged file cannot ask for absurd tables.
std::optional<std::int32_t> as_token_id(const rapidjson::Value& value);

}  // namespace sightline::models
