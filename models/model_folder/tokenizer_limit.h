// The limit of a text that a folder's tokenizer has.
#pragma once

#include <cstdint>
#include <filesystem>

namespace sightline::models {

/// model_max_length of `folder`/tokenizer_config.json, or `max_tokens` if that is less: often it is a number beyond all
/// limits. `max_tokens` too without the key or the file; the tokenizer's reader reports a damaged file.
std::uint32_t tokenizer_limit(const std::filesystem::path& folder, std::uint32_t max_tokens);

}  // namespace sightline::models
