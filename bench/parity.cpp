// Compares this program with the reference over a folder of goldens, and prints the largest differences.
//
//   sightline-parity GOLDENS
//
// GOLDENS holds what transformers and Pillow computed:
//   tokenizers/clip, clip_tokens.json     strings with their ids, whole and truncated
//   tokenizers/bert-uncased, bert_tokens.json   the same
//   preprocess.json, images/              pictures with the SHA-256 of their crop, by configuration
//   images/bad/                           files that must be refused
//   models/*/                             model folders with model_outputs.json: strings (or, without a
//   tokenizer, ids) and pictures with unit vectors
// Exit code: 0 if all ids and crops are equal, all bad files refused and all vectors within 1e-5; 1 if not; 2
// for goldens that cannot be read.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/document.h"
#include "base/sha256.h"
#include "models/embedder.h"
#include "models/image/preprocess.h"
#include "models/model_folder/model_folder.h"
#include "models/tokenizer/tokenizer.h"
#include "models/towers/towers.h"

namespace {

using namespace sightline;
using namespace sightline::models;
namespace fs = std::filesystem;

constexpr double k_allowed_difference = 1e-5;

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + " cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

rapidjson::Document json_of(const fs::path& file) {
  rapidjson::Document document;
  const std::string text = content_of(file);
  if (json::read_document(text, document, {.max_values = 100'000'000}))
    throw std::runtime_error(file.string() + " is not JSON");
  return document;
}

std::string text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

/// How many of a kind were compared and how many agree. Prints each difference.
struct Count {
  int agree = 0, all = 0;

  void add(bool equal, const std::string& what) {
    ++all;
    agree += equal;
    if (!equal) std::printf("  differs: %s\n", what.c_str());
  }
  bool perfect() const { return agree == all && all > 0; }
};

bool same_ids(const Result<PreparedText>& text, const rapidjson::Value& ids) {
  if (!text || text->ids.size() != ids.Size()) return false;
  return std::equal(text->ids.begin(), text->ids.end(), ids.Begin(),
                    [](std::int32_t id, const rapidjson::Value& expected) { return id == expected.GetInt(); });
}

/// `limit_key` names the ids of the strings truncated to `limit` tokens.
Count compare_ids(const fs::path& tokenizer_folder, const fs::path& cases_file, std::size_t limit,
                  const char* limit_key) {
  Count count;
  const auto tokenizer = load_tokenizer(tokenizer_folder);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  const rapidjson::Document cases = json_of(cases_file);
  for (const auto& one : cases.GetArray()) {
    const std::string text = text_of(one["text"]);
    const bool whole = same_ids((*tokenizer)->encode(text, 1u << 20, Truncate::end), one["ids"]);
    const bool cut = same_ids((*tokenizer)->encode(text, limit, Truncate::end), one[limit_key]);
    count.add(whole && cut, text);
  }
  return count;
}

PreprocessConfig config_of(const rapidjson::Value& json) {
  PreprocessConfig config;
  const std::string crop = json["crop"].GetString();
  const bool exact = std::string(json["mode"].GetString()) == "exact";
  config.resize = exact ? PreprocessConfig::Resize::exact : PreprocessConfig::Resize::shortest_edge;
  config.resize_width = config.resize_height = config.crop_width = config.crop_height = json["size"].GetUint();
  config.crop = crop != "none";
  config.crop_rule = crop == "half_even" ? PreprocessConfig::CropRule::half_even : PreprocessConfig::CropRule::floor;
  return config;
}

/// The end of the name of a configuration whose pictures are first rotated by their EXIF tag.
constexpr std::string_view k_turned = "_exif_applied";

Count compare_crops(const fs::path& goldens) {
  Count count;
  const rapidjson::Document expected = json_of(goldens / "preprocess.json");
  for (const auto& image : expected["images"].GetArray()) {
    const std::string name = image["file"].GetString(), file = content_of(goldens / "images" / name);
    for (const auto& crop : image["crops"].GetObject()) {
      std::string configuration = text_of(crop.name);
      ImageLimits limits;
      limits.apply_exif_orientation = configuration.ends_with(k_turned);
      if (limits.apply_exif_orientation) configuration.resize(configuration.size() - k_turned.size());
      const PreprocessConfig config = config_of(expected["configs"][configuration]);
      const auto prepared = preprocess_image(file, config, limits);
      const bool equal = prepared && sha256_hex({reinterpret_cast<const char*>(prepared->rgb.data()),
                                                 prepared->rgb.size()}) == crop.value["sha256"].GetString();
      count.add(equal, name + " as " + crop.name.GetString() + (prepared ? "" : ": " + prepared.error().message));
    }
  }
  return count;
}

Count refuse_bad_files(const fs::path& goldens) {
  Count count;
  for (const auto& entry : fs::directory_iterator(goldens / "images" / "bad")) {
    const auto prepared = preprocess_image(content_of(entry.path()), {}, {});
    count.add(!prepared && !prepared.error().message.empty(), entry.path().filename().string() + " was accepted");
  }
  return count;
}

/// Ids and vectors of one model.
struct ModelReport {
  Count ids, vectors;
  double largest_difference = 0;
};

/// Counts the vectors that agree with the expected ones.
class VectorCheck {
 public:
  explicit VectorCheck(ModelReport& report) : report_(report) {}

  void add(const std::string& name, const Result<std::vector<float>>& vector, const rapidjson::Value& expected) {
    double difference = vector && vector->size() == expected.Size() ? 0 : HUGE_VAL;
    for (rapidjson::SizeType k = 0; difference < HUGE_VAL && k < expected.Size(); ++k) {
      difference = std::max(difference, std::abs((*vector)[k] - expected[k].GetDouble()));
    }
    report_.vectors.add(difference <= k_allowed_difference, name);
    report_.largest_difference = std::max(report_.largest_difference, difference);
  }

 private:
  ModelReport& report_;
};

ModelReport compare_model(const fs::path& folder, const rapidjson::Document& expected, const fs::path& images) {
  Embedder::Options options;
  options.folder = folder.string();
  const auto loaded = Embedder::load(options);
  if (!loaded) throw std::runtime_error(loaded.error().message);
  Embedder& embedder = **loaded;

  ModelReport report;
  std::vector<Prepared> batch;
  std::vector<const rapidjson::Value*> units;
  std::vector<std::string> names;
  for (const auto& one : expected["texts"].GetArray()) {
    names.push_back(text_of(one["text"]));
    auto text = embedder.prepare_text(names.back(), Truncate::end);
    report.ids.add(same_ids(text, one["ids"]), names.back());
    batch.emplace_back(text ? *text : PreparedText{});
    units.push_back(&one["unit"]);
  }
  for (const auto& one : expected["images"].GetArray()) {
    names.push_back(one["file"].GetString());
    auto image = embedder.prepare_image(content_of(images / names.back()));
    batch.emplace_back(image ? *image : PreparedImage{});
    units.push_back(&one["unit"]);
  }
  const auto results = embedder.embed(batch);
  VectorCheck vectors(report);
  for (std::size_t i = 0; i < results.size(); ++i) vectors.add(names[i], results[i], *units[i]);
  return report;
}

Result<std::vector<float>> unit_of(const Result<std::vector<float>>& raw) {
  if (!raw) return raw.error();
  double squares = 0;
  for (const float value : *raw) squares += static_cast<double>(value) * value;
  std::vector<float> unit;
  for (const float value : *raw) unit.push_back(static_cast<float>(value / std::sqrt(squares)));
  return unit;
}

/// For a folder without a tokenizer, whose goldens have ids instead of strings: runs the towers directly, which must
/// accept the ids.
ModelReport compare_towers(const fs::path& path, const rapidjson::Document& expected, const fs::path& images) {
  const auto folder = read_model_folder(path);
  if (!folder) throw std::runtime_error(folder.error().message);
  const PreprocessConfig& preprocess = folder->preprocess.value();
  const auto towers = Towers::load(folder->checkpoint, folder->config,
                                   {preprocess.rescale_factor, preprocess.mean, preprocess.std}, {});
  if (!towers) throw std::runtime_error(towers.error().message);

  ModelReport report;
  VectorCheck vectors(report);
  for (const auto& one : expected["texts"].GetArray()) {
    std::vector<std::int32_t> ids;
    for (const auto& id : one["ids"].GetArray()) ids.push_back(id.GetInt());
    const std::string name = "text " + std::to_string(report.ids.all);
    report.ids.add((*towers)->check_text(ids).ok(), name);
    const std::span<const std::int32_t> batch[] = {ids};
    vectors.add(name, unit_of((*towers)->encode_texts(batch).front()), one["unit"]);
  }
  for (const auto& one : expected["images"].GetArray()) {
    const std::string name = one["file"].GetString();
    const auto image = preprocess_image(content_of(images / name), preprocess, {});
    if (!image) {
      vectors.add(name, image.error(), one["unit"]);
      continue;
    }
    const std::uint8_t* const batch[] = {image->rgb.data()};
    vectors.add(name, unit_of((*towers)->encode_images(batch).front()), one["unit"]);
  }
  return report;
}

bool is_served(const fs::path& folder) {
  if (!fs::exists(folder / "config.json")) return false;
  const rapidjson::Document config = json_of(folder / "config.json");
  const std::string type = config.HasMember("model_type") ? config["model_type"].GetString() : "";
  return type == "clip" || type == "jina_clip" || type == "siglip";
}

bool compare_all(const fs::path& goldens) {
  const Count clip = compare_ids(goldens / "tokenizers" / "clip", goldens / "clip_tokens.json", 77, "ids_max_77");
  std::printf("CLIP token ids equal %d/%d\n", clip.agree, clip.all);
  const Count bert =
      compare_ids(goldens / "tokenizers" / "bert-uncased", goldens / "bert_tokens.json", 16, "ids_max_16");
  std::printf("BERT token ids equal %d/%d\n", bert.agree, bert.all);
  const Count crops = compare_crops(goldens);
  std::printf("crops equal %d/%d\n", crops.agree, crops.all);
  const Count bad = refuse_bad_files(goldens);
  std::printf("bad files refused %d/%d\n", bad.agree, bad.all);
  bool good = clip.perfect() && bert.perfect() && crops.perfect() && bad.perfect();
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(goldens / "models")) {
    if (is_served(entry.path())) folders.insert(entry.path());
  }
  for (const fs::path& folder : folders) {
    const rapidjson::Document expected = json_of(folder / "model_outputs.json");
    const bool has_strings = expected["texts"].GetArray().Empty() || expected["texts"][0].HasMember("text");
    const ModelReport report = has_strings ? compare_model(folder, expected, goldens / "images")
                                           : compare_towers(folder, expected, goldens / "images");
    std::printf("%s: ids %s %d/%d, vectors within %g: %d/%d, max abs difference %.2e\n", folder.filename().c_str(),
                has_strings ? "equal" : "given and taken", report.ids.agree, report.ids.all, k_allowed_difference,
                report.vectors.agree, report.vectors.all, report.largest_difference);
    good = good && report.ids.perfect() && report.vectors.perfect();
  }
  return good && !folders.empty();
}

int run(int argc, char** argv) {
  CLI::App app(
      "Compares this program with the reference over a folder of what the reference computed, and says how "
      "far it is off.\nExit codes: 0 all equal, vectors within 1e-5; 1 not so; 2 wrong usage, or a folder that "
      "cannot be read.",
      "sightline-parity");
  std::string goldens;
  app.add_option("GOLDENS", goldens,
                 "Folder with tokenizers/, clip_tokens.json, bert_tokens.json, preprocess.json, images/ and "
                 "models/, as the head of bench/parity.cpp describes them")
      ->required()
      ->check(CLI::ExistingDirectory);
  try {
    app.parse(argc, argv);
    return compare_all(goldens) ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sightline-parity: %s\n", error.what());
    return 2;
  }
}
