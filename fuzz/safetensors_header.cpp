// Headers of safetensors files.
#include "models/model_folder/safetensors_header.h"

#include "fuzz/target.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  models::parse_safetensors_header(fuzz::text_of(data, size));
  return 0;
}
