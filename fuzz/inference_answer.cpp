// Answers of inference servers.
#include "fuzz/target.h"
#include "server/elastic/inference/embedding_answer.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [path, body] = fuzz::halves_of(fuzz::text_of(data, size));
  elastic::parse_embeddings(body, path);
  elastic::parse_embeddings(path, "$.data[*].embedding[*]");
  elastic::parse_embeddings(path, "$.embeddings[*]");
  return 0;
}
