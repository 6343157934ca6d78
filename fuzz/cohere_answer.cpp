// Answers of Cohere, successes and errors.
#include "fuzz/target.h"
#include "server/cohere/embed_answer.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = fuzz::text_of(data, size);
  for (const std::size_t dims : {0, 2}) {
    const auto read = cohere::read_embed_answer(body, 1, dims);
    fuzz::require(!read || read->size() == 1, "there are as many vectors as were asked for");
  }
  return 0;
}
