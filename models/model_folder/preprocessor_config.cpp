#include "models/model_folder/preprocessor_config.h"

#include <cstdio>
#include <initializer_list>
#include <utility>

#include "models/files/file.h"
#include "models/files/json_file.h"

namespace sightline::models {
namespace {

constexpr std::uint32_t k_default_size = 224;
constexpr std::uint32_t k_max_size = 4'096;

struct Extent {
  std::uint32_t width = k_default_size, height = k_default_size;
};

/// An object of height and width.
Extent read_extent(ObjectReader& reader, const char* key, const rapidjson::Value& value) {
  ObjectReader inner(&value, key);
  const Extent extent{inner.integer("width", 0, 1, k_max_size), inner.integer("height", 0, 1, k_max_size)};
  if (!inner.status()) {
    reader.refuse(key, ErrorCode::corrupt_data, "is wrong: " + inner.status().error().message);
  } else if (extent.width == 0 || extent.height == 0) {
    reader.refuse(key, ErrorCode::corrupt_data, "has neither shortest_edge nor both height and width");
  }
  return extent;
}

/// In transformers null is false for a switch, and an error for a value that a switch uses. Neither is the default.
void refuse_null(ObjectReader& reader, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (reader.is_null(key)) {
      reader.refuse(
          key, ErrorCode::corrupt_data,
          "is null, which is not the default in transformers; write the value that is meant, or delete the key");
    }
  }
}

void read_resize(ObjectReader& reader, PreprocessConfig& config) {
  refuse_null(reader, {"do_resize"});
  if (!reader.boolean("do_resize", true)) {
    config.resize = PreprocessConfig::Resize::none;
    return;
  }
  refuse_null(reader, {"size", "resample"});
  config.filter = static_cast<PreprocessConfig::Filter>(reader.integer("resample", 3, 0, 5));
  const rapidjson::Value* size = reader.member("size");
  if (size == nullptr) return;
  if (size->IsObject()) {
    if (given_member(*size, "longest_edge") != nullptr) {
      reader.refuse("size", ErrorCode::unsupported,
                    "limits the longest edge; supported processors set the shortest edge, or both");
    }
    if (given_member(*size, "shortest_edge") == nullptr) {
      const Extent extent = read_extent(reader, "size", *size);
      config.resize = PreprocessConfig::Resize::exact;
      config.resize_width = extent.width;
      config.resize_height = extent.height;
      return;
    }
    ObjectReader inner(size, "size");
    config.resize_width = inner.integer("shortest_edge", k_default_size, 1, k_max_size);
    if (!inner.status()) reader.refuse("size", ErrorCode::corrupt_data, "is wrong: " + inner.status().error().message);
  } else {
    config.resize_width = reader.integer("size", k_default_size, 1, k_max_size);
  }
  config.resize = PreprocessConfig::Resize::shortest_edge;
  config.resize_height = config.resize_width;
}

void read_crop(ObjectReader& reader, PreprocessConfig& config) {
  if (config.crop) refuse_null(reader, {"do_center_crop"});  // null is false, as without the key in other processors
  config.crop = reader.boolean("do_center_crop", config.crop);
  if (!config.crop) return;
  refuse_null(reader, {"crop_size"});
  const rapidjson::Value* size = reader.member("crop_size");
  if (size != nullptr && size->IsObject()) {
    const Extent extent = read_extent(reader, "crop_size", *size);
    config.crop_width = extent.width;
    config.crop_height = extent.height;
  } else {
    config.crop_width = config.crop_height = reader.integer("crop_size", k_default_size, 1, k_max_size);
  }
}

void read_channels(ObjectReader& reader, const char* key, double min, std::array<float, 3>& channels) {
  const rapidjson::Value* value = reader.member(key);
  if (value == nullptr) return;
  bool good = value->IsArray() && value->Size() == 3;
  for (rapidjson::SizeType i = 0; good && i < 3; ++i) {
    const rapidjson::Value& channel = (*value)[i];
    good = channel.IsNumber() && channel.GetDouble() >= min && channel.GetDouble() <= 1000;
    if (good) channels[i] = static_cast<float>(channel.GetDouble());
  }
  if (!good) reader.refuse(key, ErrorCode::corrupt_data, "is not an array of three valid numbers");
}

void read_values(ObjectReader& reader, PreprocessConfig& config) {
  refuse_null(reader, {"do_rescale", "do_normalize"});
  config.rescale_factor = 1;
  if (reader.boolean("do_rescale", true)) {
    refuse_null(reader, {"rescale_factor"});
    config.rescale_factor = reader.number("rescale_factor", 1.0 / 255, 1e-9, 1e3);
  }
  if (reader.boolean("do_normalize", true)) {
    refuse_null(reader, {"image_mean", "image_std"});
    read_channels(reader, "image_mean", -1000, config.mean);
    read_channels(reader, "image_std", 1e-6, config.std);
  } else {
    config.mean = {0, 0, 0};
    config.std = {1, 1, 1};
  }
  if (reader.boolean("do_pad", false)) {
    reader.refuse("do_pad", ErrorCode::unsupported, "is true; only pictures without padding are supported");
  }
}

/// The processor that defines a file's keys and defaults.
enum class Processor { clip, siglip };

/// Older files name a feature extractor, and the oldest name nothing.
Processor read_type(ObjectReader& reader) {
  const char* key =
      reader.member("image_processor_type") != nullptr ? "image_processor_type" : "feature_extractor_type";
  const std::string type = reader.string(key, "CLIPImageProcessor");
  for (const char* known :
       {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"}) {
    if (type == known) return Processor::clip;
  }
  // With CLIP's keys and defaults.
  for (const char* known : {"ChineseCLIPImageProcessor", "ChineseCLIPImageProcessorFast",
                            "ChineseCLIPImageProcessorPil", "ChineseCLIPFeatureExtractor"}) {
    if (type == known) return Processor::clip;
  }
  for (const char* known : {"SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil"}) {
    if (type == known) return Processor::siglip;
  }
  reader.refuse(key, ErrorCode::unsupported,
                "is \"" + type +
                    "\"; CLIPImageProcessor, ChineseCLIPImageProcessor, SiglipImageProcessor and "
                    "JinaCLIPImageProcessor are supported");
  return Processor::clip;
}

bool is_jina(const ObjectReader& reader) {
  const rapidjson::Value* type = reader.member("image_processor_type");
  return type != nullptr && *type == "JinaCLIPImageProcessor";
}

/// `size` is an edge, or [height, width], which must be a square.
std::uint32_t read_jina_size(ObjectReader& reader) {
  const rapidjson::Value* size = reader.member("size");
  if (size == nullptr || !size->IsArray()) return reader.integer("size", k_default_size, 1, k_max_size);
  const auto edge = [&](rapidjson::SizeType i) {
    return i < size->Size() && (*size)[i].IsUint() ? (*size)[i].GetUint() : 0;
  };
  if (size->Size() == 2 && edge(0) == edge(1) && edge(0) >= 1 && edge(0) <= k_max_size) return edge(0);
  reader.refuse("size", ErrorCode::unsupported, "is neither an edge nor two equal edges");
  return k_default_size;
}

/// JinaCLIPImageProcessor has different keys, and torchvision's centre crop.
PreprocessConfig read_jina(ObjectReader& reader) {
  PreprocessConfig config;
  const std::uint32_t edge = read_jina_size(reader);
  config.resize_width = config.resize_height = config.crop_width = config.crop_height = edge;
  config.crop_rule = PreprocessConfig::CropRule::half_even;
  const std::string mode = reader.string("resize_mode", "shortest");
  if (mode == "squash") {
    config.resize = PreprocessConfig::Resize::exact;
    config.crop = false;
  } else if (mode != "shortest") {
    reader.refuse("resize_mode", ErrorCode::unsupported, "is \"" + mode + "\"; shortest and squash are supported");
  }
  const std::string filter = reader.string("interpolation", "bicubic");
  if (filter == "bilinear") {
    config.filter = PreprocessConfig::Filter::bilinear;
  } else if (filter != "bicubic") {
    reader.refuse("interpolation", ErrorCode::unsupported, "is \"" + filter + "\"; bicubic and bilinear are supported");
  }
  read_channels(reader, "mean", -1000, config.mean);
  read_channels(reader, "std", 1e-6, config.std);
  return config;
}

PreprocessConfig read_transformers(ObjectReader& reader) {
  PreprocessConfig config;
  if (read_type(reader) == Processor::siglip) {
    config.resize = PreprocessConfig::Resize::exact;
    config.crop = false;
    config.mean = config.std = {0.5f, 0.5f, 0.5f};
  }
  read_resize(reader, config);
  read_crop(reader, config);
  read_values(reader, config);
  return config;
}

/// True if every picture becomes a square of `image_size`.
bool gives_window(const PreprocessConfig& config, std::uint32_t image_size) {
  if (config.crop) return config.crop_width == image_size && config.crop_height == image_size;
  return config.resize == PreprocessConfig::Resize::exact && config.resize_width == image_size &&
         config.resize_height == image_size;
}

Result<PreprocessConfig> read_object(const rapidjson::Value* object, const std::string& place,
                                     std::uint32_t image_size) {
  ObjectReader reader(object, place);
  const PreprocessConfig config = is_jina(reader) ? read_jina(reader) : read_transformers(reader);
  if (!reader.status()) return reader.status().error();
  if (!gives_window(config, image_size)) {
    return Error{ErrorCode::corrupt_data, place + " does not give the " + std::to_string(image_size) + " x " +
                                              std::to_string(image_size) +
                                              " pixels of config.json's image_size: " + describe(config)};
  }
  return config;
}

const char* name_of(PreprocessConfig::Filter filter) {
  switch (filter) {
    case PreprocessConfig::Filter::nearest:
      return "nearest";
    case PreprocessConfig::Filter::lanczos:
      return "Lanczos";
    case PreprocessConfig::Filter::bilinear:
      return "bilinear";
    case PreprocessConfig::Filter::bicubic:
      return "bicubic";
    case PreprocessConfig::Filter::box:
      return "box";
    case PreprocessConfig::Filter::hamming:
      return "Hamming";
  }
  return "";
}

std::string extent_text(std::uint32_t width, std::uint32_t height) {
  return width == height ? std::to_string(width) : std::to_string(width) + " x " + std::to_string(height);
}

}  // namespace

Result<PreprocessConfig> read_preprocessor_config(const std::filesystem::path& folder, std::uint32_t image_size) {
  const std::filesystem::path file = folder / "preprocessor_config.json";
  const std::filesystem::path combined = folder / "processor_config.json";
  if (is_there(combined)) {
    const Result<JsonFile> json = JsonFile::read(combined);
    if (!json) return json.error();
    const rapidjson::Value* object = given_member(json->root(), "image_processor");
    if (object != nullptr) return read_object(object, combined.string() + ": image_processor", image_size);
  }
  const Result<JsonFile> json = JsonFile::read(file);
  if (!json) return json.error();
  return read_object(&json->root(), file.string() + ": top level", image_size);
}

std::string describe(const PreprocessConfig& config) {
  std::string text = "RGB";
  if (config.resize != PreprocessConfig::Resize::none) {
    text += config.resize == PreprocessConfig::Resize::exact          ? ", resized to "
            : config.resize == PreprocessConfig::Resize::longest_edge ? ", longest edge "
                                                                      : ", shortest edge ";
    text += extent_text(config.resize_width, config.resize_height) + " " + name_of(config.filter) + " (Pillow)";
  }
  if (config.crop) text += ", centre crop " + extent_text(config.crop_width, config.crop_height);
  if (config.resize == PreprocessConfig::Resize::longest_edge) text += " on " + std::to_string(config.fill);
  char values[160];
  std::snprintf(values, sizeof values, ", mean %g %g %g, std %g %g %g", config.mean[0], config.mean[1], config.mean[2],
                config.std[0], config.std[1], config.std[2]);
  return text + values;
}

}  // namespace sightline::models
