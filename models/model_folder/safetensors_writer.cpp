#include "models/model_folder/safetensors_writer.h"

#include "base/json/writer.h"

namespace sightline::models {

std::uint64_t TensorSpec::elements() const {
  std::uint64_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::uint64_t>(extent);
  return count;
}

std::string safetensors_header(std::span<const TensorSpec> tensors) {
  rapidjson::StringBuffer buffer;
  json::Writer writer(buffer);
  std::uint64_t begin = 0;
  writer.StartObject();
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t end = begin + tensor.elements() * bytes_per_element(tensor.dtype);
    writer.Key(tensor.name.data(), static_cast<rapidjson::SizeType>(tensor.name.size()));
    writer.StartObject();
    writer.Key("dtype");
    writer.String(to_string(tensor.dtype));
    writer.Key("shape");
    writer.StartArray();
    for (const std::int64_t extent : tensor.shape) writer.Int64(extent);
    writer.EndArray();
    writer.Key("data_offsets");
    writer.StartArray();
    writer.Uint64(begin);
    writer.Uint64(end);
    writer.EndArray();
    writer.EndObject();
    begin = end;
  }
  writer.EndObject();

  std::string json = buffer.GetString();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string header;
  for (int shift = 0; shift < 64; shift += 8)
    header.push_back(static_cast<char>(json.size() >> shift & 0xff));
  return header + json;
}

}  // namespace sightline::models
