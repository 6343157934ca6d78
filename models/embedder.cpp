#include "models/embedder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/image/preprocess.h"
#include "models/model_folder/logit_scale.h"
#include "models/model_folder/model_card.h"
#include "models/model_folder/model_folder.h"
#include "models/model_folder/preprocessor_config.h"
#include "models/model_folder/tokenizer_limit.h"
#include "models/precision_check.h"
#include "models/tokenizer/open_clip_tokenizer.h"
#include "models/tokenizer/tokenizer.h"
#include "models/towers/towers.h"

namespace sightline::models {
namespace {

const std::string k_exact_dtype = "float32";

std::string license_of(const ModelFolder& folder, const ModelShape& shape) {
  return folder.card.license.empty() ? shape.license : folder.card.license;
}

/// Everything except what depends on the precision.
ModelInfo describe_model(const ModelFolder& folder, const ModelShape& shape) {
  ModelInfo info;
  info.architecture = shape.architecture;
  info.folder = folder.path.string();
  info.description = folder.card.description;
  info.license = license_of(folder, shape);
  info.non_commercial = is_non_commercial(info.license);
  info.demo = folder.card.demo;
  info.dims = shape.dims;
  info.matryoshka_dims = shape.matryoshka_dims;
  info.weight_bytes = folder.checkpoint.file_bytes();
  info.has_text = shape.text.has_value();
  info.has_image = shape.image_size.has_value();
  if (info.has_image) {
    info.image_size = *shape.image_size;
    info.preprocessing = describe(*folder.preprocess);
  }
  return info;
}

/// A model's folder, and the folder that its texts are embedded by.
struct Folders {
  ModelFolder main;
  std::optional<ModelFolder> texts;  ///< absent: the same

  const ModelFolder& of_texts() const { return texts ? *texts : main; }
  /// The inputs of both together.
  ModelShape shape() const {
    ModelShape shape = shape_of(main.config);
    if (texts) shape.text = shape_of(texts->config).text;
    return shape;
  }
};

/// Errors: unsupported (one folder lacks the tower that it is given for), invalid_argument (their vectors have different
/// lengths).
Status check_pair(const ModelFolder& pictures, const ModelFolder& texts) {
  const ModelShape of_pictures = shape_of(pictures.config), of_texts = shape_of(texts.config);
  if (!of_pictures.image_size) {
    return Error{ErrorCode::unsupported, pictures.path.string() +
                                             " embeds no pictures, so there is nothing to pair with the texts of " +
                                             texts.path.string() +
                                             ": use the folder of a model that embeds pictures, or this one without "
                                             "--text-tower"};
  }
  if (!of_texts.text) {
    return Error{ErrorCode::unsupported, texts.path.string() +
                                             " embeds no texts: it has no text tower; use the folder of a model that "
                                             "embeds texts for --text-tower"};
  }
  if (of_pictures.dims == of_texts.dims) return {};
  return Error{ErrorCode::invalid_argument,
               "vectors of texts from " + texts.path.string() + " have " + std::to_string(of_texts.dims) +
                   " numbers, vectors of pictures from " + pictures.path.string() + " have " +
                   std::to_string(of_pictures.dims) +
                   "; use the text tower that was trained for this model (clip-ViT-B-32-multilingual-v1 for CLIP "
                   "ViT-B/32)"};
}

Result<Folders> read_folders(const Embedder::Options& options) {
  Result<ModelFolder> main = read_model_folder(options.folder);
  if (!main) return main.error();
  Folders folders{*std::move(main), {}};
  if (options.text_folder.empty()) return folders;
  Result<ModelFolder> texts = read_model_folder(options.text_folder);
  if (!texts) return texts.error();
  if (Status fits = check_pair(folders.main, *texts); !fits) return fits.error();
  drop_unused_tensors(folders.main.checkpoint, TowerChoice::pictures);
  drop_unused_tensors(texts->checkpoint, TowerChoice::texts);
  folders.texts = *std::move(texts);
  return folders;
}

/// The content of two model cards: once if it is the same.
std::string both(const std::string& pictures, const std::string& texts) {
  if (pictures == texts) return pictures;
  const auto shown = [](std::string text) {
    while (text.ends_with('.')) text.pop_back();
    return text.empty() ? std::string("unknown") : text;
  };
  return "pictures: " + shown(pictures) + "; texts: " + shown(texts);
}

void add_texts(const ModelFolder& texts, ModelInfo& info) {
  const ModelShape shape = shape_of(texts.config);
  info.text_folder = texts.path.string();
  info.architecture += std::string("+") + shape.architecture;
  info.description = both(info.description, texts.card.description);
  const std::string license = license_of(texts, shape);
  info.license = both(info.license, license);
  info.non_commercial = info.non_commercial || is_non_commercial(license);
  if (shape.matryoshka_dims != info.matryoshka_dims) info.matryoshka_dims.clear();
  info.demo = info.demo || texts.card.demo;
  info.weight_bytes += texts.checkpoint.file_bytes();
}

/// Divides by the 2-norm, computed in double. Errors: internal (not finite, or zero: a zero vector has no
/// direction).
Result<std::vector<float>> unit_vector(std::span<const float> raw) {
  double squares = 0;
  for (const float value : raw) squares += static_cast<double>(value) * value;
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm) || norm < 1e-20) {
    return Error{ErrorCode::internal, std::isfinite(norm)
                                          ? "the model returned a zero vector for this input"
                                          : "the model returned a vector that is not finite for this input; "
                                            "possible causes are its weights, or a dtype with too small a range"};
  }
  std::vector<float> unit(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) unit[i] = static_cast<float>(raw[i] / norm);
  return unit;
}

class TowerEmbedder final : public Embedder {
 public:
  TowerEmbedder(ModelInfo info, std::optional<PreprocessConfig> preprocess, const ImageLimits& limits,
                std::shared_ptr<const Tokenizer> tokenizer, std::size_t text_ids, std::unique_ptr<Towers> towers)
      : info_(std::move(info)),
        text_ids_(text_ids),
        preprocess_(preprocess),
        limits_(limits),
        tokenizer_(std::move(tokenizer)),
        towers_(std::move(towers)) {}

  const ModelInfo& info() const override { return info_; }

  Result<PreparedText> prepare_text(std::string_view text, Truncate truncate) const override {
    if (!tokenizer_) return no_tower("text");
    Result<PreparedText> prepared = tokenizer_->encode(text, info_.max_tokens, truncate);
    if (prepared && text_ids_ > prepared->ids.size()) pad(*prepared);
    return prepared;
  }

  Result<PreparedImage> prepare_image(std::string_view encoded) const override {
    if (!preprocess_) return no_tower("vision");
    return preprocess_image(encoded, *preprocess_, limits_);
  }

  PictureCost image_cost(std::string_view encoded) const override {
    return preprocess_ ? picture_cost(encoded, limits_) : PictureCost();
  }

  std::vector<Result<std::vector<float>>> embed(std::span<const Prepared> batch,
                                                const std::function<bool()>& between_steps = {}) override;
  Status warm_up() override;

  void set_precision_check(const PrecisionCheck& check) { info_.precision_check = check; }

 private:
  Error no_tower(const char* kind) const {
    return {ErrorCode::unsupported, std::string("the model has no ") + kind + " tower: it embeds only " +
                                        (info_.has_text ? "texts" : "pictures")};
  }
  Status check(const PreparedImage& image) const;
  void pad(PreparedText& text) const;

  ModelInfo info_;
  std::size_t text_ids_;  ///< that every text must have for the tower; 0: any number
  std::optional<PreprocessConfig> preprocess_;
  ImageLimits limits_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Towers> towers_;
};

Status TowerEmbedder::check(const PreparedImage& image) const {
  if (!preprocess_) return no_tower("vision");
  const std::size_t edge = info_.image_size;
  if (image.width == edge && image.height == edge && image.rgb.size() == edge * edge * 3) return {};
  return Error{ErrorCode::invalid_argument, "a picture of " + std::to_string(image.width) + " x " +
                                                std::to_string(image.height) + " pixels; the model takes " +
                                                std::to_string(edge) + " x " + std::to_string(edge)};
}

void TowerEmbedder::pad(PreparedText& text) const {
  const std::optional<Padding> padding = tokenizer_->padding();  // never empty: load checks it
  text.padding = text_ids_ - text.ids.size();
  text.ids.insert(padding->side == Padding::Side::right ? text.ids.end() : text.ids.begin(), text.padding, padding->id);
}

/// The inputs of one tower in a batch, and the positions of their results.
template <class Input>
struct Share {
  std::vector<Input> inputs;
  std::vector<std::size_t> places;
};

std::vector<Result<std::vector<float>>> TowerEmbedder::embed(std::span<const Prepared> batch,
                                                             const std::function<bool()>& between_steps) {
  std::vector<Result<std::vector<float>>> results(
      batch.size(), Result<std::vector<float>>(Error{ErrorCode::internal, "the input was not embedded"}));
  Share<std::span<const std::int32_t>> texts;
  Share<const std::uint8_t*> pictures;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto* text = std::get_if<PreparedText>(&batch[i])) {
      if (Status good = towers_->check_text(text->ids); !good) {
        results[i] = good.error();
        continue;
      }
      texts.inputs.emplace_back(text->ids);
      texts.places.push_back(i);
    } else {
      const auto& image = std::get<PreparedImage>(batch[i]);
      if (Status good = check(image); !good) {
        results[i] = good.error();
        continue;
      }
      pictures.inputs.push_back(image.rgb.data());
      pictures.places.push_back(i);
    }
  }
  const auto hand_out = [&](const std::vector<std::size_t>& places, const RawVectors& vectors) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      results[places[i]] = vectors[i] ? unit_vector(*vectors[i]) : Result<std::vector<float>>(vectors[i].error());
    }
  };
  if (!texts.inputs.empty()) hand_out(texts.places, towers_->encode_texts(texts.inputs, between_steps));
  if (!pictures.inputs.empty()) hand_out(pictures.places, towers_->encode_images(pictures.inputs, between_steps));
  return results;
}

Status TowerEmbedder::warm_up() {
  std::vector<Prepared> batch;
  if (tokenizer_) {
    Result<PreparedText> text = prepare_text("a photo of a house", Truncate::end);
    if (!text) return text.error();
    batch.emplace_back(std::move(*text));
  }
  if (preprocess_) {
    PreparedImage grey;
    grey.width = grey.height = grey.source_width = grey.source_height = info_.image_size;
    grey.rgb.assign(std::size_t{3} * info_.image_size * info_.image_size, 128);
    batch.emplace_back(std::move(grey));
  }
  for (const Result<std::vector<float>>& result : embed(batch)) {
    if (!result) return Error{result.error().code, info_.folder + ": warm-up: " + result.error().message};
  }
  return {};
}

Result<std::unique_ptr<Tokenizer>> load_matching_tokenizer(const ModelFolder& model, const TextInput& text) {
  const std::filesystem::path& folder = model.path;
  const std::size_t rows = text.vocabulary_size;
  Result<std::unique_ptr<Tokenizer>> tokenizer =
      model.layout == FolderLayout::open_clip ? load_open_clip_tokenizer(folder) : load_tokenizer(folder);
  if (!tokenizer) return tokenizer.error();
  const std::size_t ids = (*tokenizer)->vocabulary_size();
  if (ids > rows) {
    return Error{ErrorCode::corrupt_data, folder.string() + ": the tokenizer has " + std::to_string(ids) +
                                              " ids, but vocab_size of " + model.checkpoint.config_file() + " is " +
                                              std::to_string(rows) + "; the files are of different models"};
  }
  if (text.frame) {
    const Result<PreparedText> empty = (*tokenizer)->encode("", text.frame->size(), Truncate::end);
    if (!empty || !std::equal(empty->ids.begin(), empty->ids.end(), text.frame->begin(), text.frame->end())) {
      return Error{ErrorCode::corrupt_data, folder.string() + ": the tokenizer does not put the ids " +
                                                std::to_string(text.frame->front()) + " and " +
                                                std::to_string(text.frame->back()) +
                                                " around a text, as this model requires; the files are of different "
                                                "models"};
    }
  }
  if (text.padded && !(*tokenizer)->padding()) {
    return Error{ErrorCode::unsupported, folder.string() +
                                             ": this model requires padded texts, but its tokenizer is of a kind "
                                             "that does not pad; SigLIP's has spiece.model, SigLIP2's is "
                                             "Gemma's tokenizer.json"};
  }
  return tokenizer;
}

/// The model's input, with the limit that the tokenizer's files set. Errors: unsupported (texts are padded to that limit,
/// and it is not the tower's).
Result<TextInput> text_input(const ModelFolder& model, TextInput text) {
  // Other layouts and jina-clip have their own limits, and do not use the tokenizer's.
  if (model.layout != FolderLayout::hugging_face || std::holds_alternative<JinaClipConfig>(model.config)) return text;
  const std::uint32_t limit = tokenizer_limit(model.path, text.max_tokens);
  if (text.padded && limit < text.max_tokens) {
    return Error{ErrorCode::unsupported,
                 model.path.string() + ": texts are padded to model_max_length of tokenizer_config.json, " +
                     std::to_string(limit) + ", but max_position_embeddings of config.json is " +
                     std::to_string(text.max_tokens) + ", and only texts padded to all positions are supported: set " +
                     "model_max_length to " + std::to_string(text.max_tokens) + ", as in training"};
  }
  text.usual_tokens = std::min(text.usual_tokens, limit);
  return text;
}

/// The limit on a text's tokens; `asked` 0: the model's default.
Result<std::uint32_t> token_limit(const std::string& folder, const TextInput& text, std::uint32_t asked) {
  if (asked == 0) return text.usual_tokens;
  constexpr std::uint32_t k_least = 2;  // BOS and EOS
  if (asked >= k_least && asked <= text.max_tokens) return asked;
  return Error{ErrorCode::invalid_argument, "max_tokens is " + std::to_string(asked) + "; the model in " + folder +
                                                " takes from " + std::to_string(k_least) + " to " +
                                                std::to_string(text.max_tokens)};
}

/// The parts from which `load` makes embedders, one per precision.
struct Parts {
  const Embedder::Options& options;
  const Folders& folders;
  ModelInfo info;  ///< everything except what depends on the precision
  PixelScale pixels;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::size_t text_ids;
};

/// Of the towers of each folder.
struct Calibrations {
  Calibration main, texts;
};

Result<std::unique_ptr<Towers>> load_towers(const Parts& parts, const std::string& dtype,
                                            const Calibrations* calibrations, Calibrations* records) {
  const Embedder::Options& options = parts.options;
  const auto load = [&](const ModelFolder& folder, TowerChoice choice, Calibration Calibrations::*which) {
    return Towers::load(
        folder.checkpoint, folder.config, parts.pixels,
        {options.device, dtype, options.threads, calibrations == nullptr ? nullptr : &(calibrations->*which),
         records == nullptr ? nullptr : &(records->*which)},
        choice);
  };
  const Folders& folders = parts.folders;
  if (!folders.texts) return load(folders.main, TowerChoice::both, &Calibrations::main);
  Result<std::unique_ptr<Towers>> pictures = load(folders.main, TowerChoice::pictures, &Calibrations::main);
  if (!pictures) return pictures;
  Result<std::unique_ptr<Towers>> texts = load(*folders.texts, TowerChoice::texts, &Calibrations::texts);
  if (!texts) return texts;
  return Towers::paired(*std::move(pictures), *std::move(texts));
}

Result<std::unique_ptr<Embedder>> make_embedder(const Parts& parts, const std::string& dtype,
                                                const Calibrations* calibrations, Calibrations* records) {
  const Embedder::Options& options = parts.options;
  Result<std::unique_ptr<Towers>> towers = load_towers(parts, dtype, calibrations, records);
  if (!towers) return towers.error();
  ModelInfo info = parts.info;
  info.dtype = dtype;
  info.device = (*towers)->device();
  info.products = (*towers)->products();
  info.parameters = (*towers)->parameters();
  const ImageLimits limits{options.max_image_bytes, options.max_image_pixels, options.max_image_scans,
                           options.max_image_time, options.apply_exif_orientation};
  return std::unique_ptr<Embedder>(std::make_unique<TowerEmbedder>(
      std::move(info), parts.folders.main.preprocess, limits, parts.tokenizer, parts.text_ids, std::move(*towers)));
}

/// The model in a lower precision, compared with float32. It is first loaded in float32 and released again.
Result<std::unique_ptr<Embedder>> make_checked_embedder(const Parts& parts) {
  const std::string& dtype = parts.options.dtype;
  if (Status possible = Towers::check({parts.options.device, dtype, parts.options.threads}); !possible) {
    return possible.error();
  }
  Calibrations calibrations;
  Calibrations* const record = dtype == "int8" ? &calibrations : nullptr;  // only int8 uses it
  std::vector<Prepared> inputs;
  Vectors exact;
  {
    auto reference = make_embedder(parts, k_exact_dtype, nullptr, record);
    if (!reference) return reference.error();
    Result<std::vector<Prepared>> prepared = precision_inputs(**reference);
    if (!prepared) return prepared.error();
    inputs = std::move(*prepared);
    exact = (*reference)->embed(inputs);
  }
  auto embedder = make_embedder(parts, dtype, record, nullptr);
  if (!embedder) return embedder.error();
  const Result<PrecisionCheck> check = compare_precisions(exact, (*embedder)->embed(inputs));
  if (!check) return check.error();
  if (!(check->lowest_cosine >= k_least_cosine)) {
    return Error{ErrorCode::unsupported,
                 parts.info.folder +
                     (parts.info.text_folder.empty() ? "" : " with the texts of " + parts.info.text_folder) +
                     ": computed in " + dtype + " the model's vectors have a cosine of " +
                     std::to_string(check->lowest_cosine) + " to those in float32, below " +
                     std::to_string(k_least_cosine).substr(0, 4) + ": searches would have other hits; use --dtype " +
                     (dtype == "bfloat16" ? "" : "bfloat16 or ") + "float32 for it"};
  }
  static_cast<TowerEmbedder&>(**embedder).set_precision_check(*check);
  return embedder;
}

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::load(const Options& options) {
  const Result<Folders> folders = read_folders(options);
  if (!folders) return folders.error();
  const ModelFolder* const folder = &folders->main;
  const ModelShape shape = folders->shape();
  std::unique_ptr<Tokenizer> tokenizer;
  std::uint32_t max_tokens = 0;
  std::size_t text_ids = 0;
  if (shape.text) {
    if (shape.text->padded) text_ids = shape.text->max_tokens;
    const Result<TextInput> text = text_input(folders->of_texts(), *shape.text);
    if (!text) return text.error();
    const Result<std::uint32_t> limit = token_limit(folders->of_texts().path.string(), *text, options.max_tokens);
    if (!limit) return limit.error();
    max_tokens = *limit;
    Result<std::unique_ptr<Tokenizer>> loaded = load_matching_tokenizer(folders->of_texts(), *text);
    if (!loaded) return loaded.error();
    tokenizer = std::move(*loaded);
  }
  ModelInfo info = describe_model(*folder, shape);
  if (folders->texts) add_texts(*folders->texts, info);
  info.max_tokens = max_tokens;
  const Result<float> logit_scale = read_logit_scale(folder->checkpoint);
  if (!logit_scale) return logit_scale.error();
  info.logit_scale = *logit_scale;
  const Result<std::optional<float>> logit_bias = read_logit_bias(folder->checkpoint);
  if (!logit_bias) return logit_bias.error();
  info.logit_bias = *logit_bias;
  PixelScale pixels;
  if (folder->preprocess)
    pixels = {folder->preprocess->rescale_factor, folder->preprocess->mean, folder->preprocess->std};
  const Parts parts{options, *folders, std::move(info), pixels, std::move(tokenizer), text_ids};
  return options.dtype == k_exact_dtype ? make_embedder(parts, options.dtype, nullptr, nullptr)
                                        : make_checked_embedder(parts);
}

}  // namespace sightline::models
