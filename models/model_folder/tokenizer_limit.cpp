#include "models/model_folder/tokenizer_limit.h"

#include <algorithm>

#include "models/files/json_file.h"

namespace sightline::models {

std::uint32_t tokenizer_limit(const std::filesystem::path& folder, std::uint32_t max_tokens) {
  constexpr std::size_t k_max_bytes = 256u << 20;  // it may repeat all added tokens
  const Result<JsonFile> json = JsonFile::read(folder / "tokenizer_config.json", k_max_bytes);
  if (!json) return max_tokens;
  const rapidjson::Value* limit = given_member(json->root(), "model_max_length");
  return limit != nullptr && limit->IsUint() && limit->GetUint() >= 2 ? std::min(limit->GetUint(), max_tokens)
                                                                      : max_tokens;
}

}  // namespace sightline::models
