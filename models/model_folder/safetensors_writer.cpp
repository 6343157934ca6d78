#include "models/model_folder/safetensors_writer.h"

#include "base/json/builder.h"

namespace sightline::models {

std::uint64_t TensorSpec::elements() const {
  std::uint64_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::uint64_t>(extent);
  return count;
}

std::string safetensors_header(std::span<const TensorSpec> tensors) {
  json::Builder builder;
  std::uint64_t begin = 0;
  builder.object();
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t end = begin + tensor.elements() * bytes_per_element(tensor.dtype);
    builder.object(tensor.name).member("dtype", to_string(tensor.dtype)).member("shape", tensor.shape);
    builder.array("data_offsets").value(begin).value(end).end().end();
    begin = end;
  }

  std::string json = builder.text();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string header;
  for (int shift = 0; shift < 64; shift += 8) header.push_back(static_cast<char>(json.size() >> shift & 0xff));
  return header + json;
}

}  // namespace sightline::models
