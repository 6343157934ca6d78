// Tokenizer folders for the tests, made from OpenAI's merges.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/temporary_folder.h"

namespace sightline::models {

/// OpenAI's 48,894 merges, most wanted first.
std::vector<std::pair<std::string, std::string>> clip_merges();

/// CLIP's tokens in the order of their ids. Ids follow from the merges: the byte alphabet, the same with
/// "</w>", the merges, BOS, EOS.
std::vector<std::string> clip_tokens_by_id(const std::vector<std::pair<std::string, std::string>>& merges);

/// vocab.json's text.
std::string vocabulary_json(const std::vector<std::string>& tokens_by_id);

enum class MergeSpelling { text, pair };

/// tokenizer.json as Hugging Face exports it for CLIP.
std::string tokenizer_json(const std::vector<std::string>& tokens_by_id,
                           const std::vector<std::pair<std::string, std::string>>& merges, MergeSpelling spelling);

/// `text` as a JSON string, quotes included.
std::string quoted(const std::string& text);

/// `text` with its only occurrence of `from` replaced; fails the test if there is not exactly one.
std::string replaced(std::string text, const std::string& from, const std::string& to);

std::string fixture_path(const std::string& name);
std::string read_file(const std::filesystem::path& file);

}  // namespace sightline::models
