// The preprocess_cfg of open_clip_config.json.
#include <array>
#include <string>

#include "models/model_folder/open_clip_config.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

constexpr std::uint32_t k_max_size = 4'096;

/// OpenCLIP replaces its value by the model's image_size, so only its form is checked.
void check_size(ObjectReader& reader) {
  const Value* size = reader.member("size");
  if (size == nullptr) return;
  if (!size->IsArray()) {
    reader.integer("size", 0, 1, k_max_size);
    return;
  }
  bool good = size->Size() == 1 || size->Size() == 2;
  for (const Value& edge : size->GetArray())
    good = good && edge.IsUint() && edge.GetUint() >= 1 && edge.GetUint() <= k_max_size;
  if (!good) reader.refuse("size", ErrorCode::corrupt_data, "is neither an edge nor a height and a width");
}

/// Three numbers, or one for all channels. As in Python, 0 and an empty array count as not given.
void read_channels(ObjectReader& reader, const char* key, double min, std::array<float, 3>& channels) {
  const Value* value = reader.member(key);
  if (value == nullptr || (value->IsArray() && value->Empty())) return;
  const auto is_valid = [&](const Value& number) {
    return number.IsNumber() && number.GetDouble() >= min && number.GetDouble() <= 1000;
  };
  if (value->IsNumber() && value->GetDouble() == 0) return;
  if (is_valid(*value)) return channels.fill(static_cast<float>(value->GetDouble()));
  bool good = value->IsArray() && value->Size() == 3;
  for (rapidjson::SizeType i = 0; good && i < 3; ++i) {
    good = is_valid((*value)[i]);
    if (good) channels[i] = static_cast<float>((*value)[i].GetDouble());
  }
  if (!good) reader.refuse(key, ErrorCode::corrupt_data, "is neither a valid number nor an array of three");
}

void read_resize(ObjectReader& reader, std::uint32_t image_size, PreprocessConfig& config) {
  using Resize = PreprocessConfig::Resize;
  config.resize_width = config.resize_height = config.crop_width = config.crop_height = image_size;
  config.crop_rule = PreprocessConfig::CropRule::half_even;
  const std::string mode = reader.string("resize_mode", "");
  if (mode.empty() || mode == "shortest") {
    config.resize = Resize::shortest_edge;
  } else if (mode == "longest") {
    config.resize = Resize::longest_edge;
  } else if (mode == "squash") {
    config.resize = Resize::exact;
    config.crop = false;
  } else {
    reader.refuse("resize_mode", ErrorCode::unsupported,
                  "is \"" + mode + "\"; shortest, longest and squash are supported");
  }
  // "random" is for training; for inference OpenCLIP takes bicubic.
  const std::string filter = reader.string("interpolation", "");
  if (filter == "bilinear") {
    config.filter = PreprocessConfig::Filter::bilinear;
  } else if (!filter.empty() && filter != "bicubic" && filter != "random") {
    reader.refuse("interpolation", ErrorCode::unsupported,
                  "is \"" + filter + "\"; bicubic, bilinear and random are supported");
  }
}

}  // namespace

Result<PreprocessConfig> read_open_clip_preprocess(const JsonFile& config, std::uint32_t image_size) {
  ObjectReader reader(given_member(config.root(), "preprocess_cfg"), config.path().string() + ": preprocess_cfg");
  PreprocessConfig preprocess;
  check_size(reader);
  read_resize(reader, image_size, preprocess);
  read_channels(reader, "mean", -1000, preprocess.mean);
  read_channels(reader, "std", 1e-6, preprocess.std);
  preprocess.fill = static_cast<std::uint8_t>(reader.integer("fill_color", 0, 0, 255));
  if (const std::string mode = reader.string("mode", "RGB"); mode != "RGB") {
    reader.refuse("mode", ErrorCode::unsupported, "is \"" + mode + "\"; only RGB is supported");
  }
  if (!reader.status()) return reader.status().error();
  return preprocess;
}

}  // namespace sightline::models
