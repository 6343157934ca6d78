// The public interface of the models: from strings and picture files to unit vectors.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/prepared.h"

namespace sightline::models {

/// Cosines of a model in a lower precision to the same model in float32, over some texts and pictures.
struct PrecisionCheck {
  double lowest_cosine = 1, mean_cosine = 1;
  std::size_t inputs = 0;
};

/// The properties of a loaded model.
struct ModelInfo {
  /// "clip", "eva-clip", "jina-clip", "jina-clip-v2", "siglip", "chinese-clip", "distilbert", "bert"; "clip+distilbert": with the
  /// texts of the second
  std::string architecture;
  std::string folder;           ///< the folder it was read from
  std::string text_folder;      ///< the folder that its texts are embedded by; empty: the same
  std::string description;      ///< the model card's first sentence, or empty
  std::string license;          ///< from the model card's front matter ("license: ..."), else that of the
                                ///< published weights of this architecture, if it has only one, else empty
  bool non_commercial = false;  ///< the licence excludes commercial use
  bool demo = false;            ///< a bundled demo model (front matter "demo: true")
  std::uint32_t dims = 0;       ///< floats per vector
  std::vector<std::uint32_t> matryoshka_dims;  ///< lengths that vectors may be cut to, ascending, `dims` last; empty:
                                               ///< the model was not trained for that
  std::uint32_t max_tokens = 0;                ///< a text's limit, with BOS and EOS
  std::uint32_t image_size = 0;                ///< edge of the window, pixels
  std::string dtype;                           ///< computed in: "float32", "bfloat16", "int8", "float16"
  std::string products;                        ///< the library that computes its products, see Towers::products
  std::optional<PrecisionCheck> precision_check;  ///< unless the dtype is float32
  std::string device;                             ///< "cpu", "cuda:0"
  std::string preprocessing;  ///< one line, e.g. "RGB, shortest edge 224 bicubic (Pillow), centre crop 224,
                              ///< mean ... std ..."
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;          ///< of the safetensors files
  bool has_text = true, has_image = true;  ///< one is false for single-tower exports
  float logit_scale = 0;                   ///< factor of the cosines before a softmax over texts; 0: unknown
  /// SigLIP's: a text describes a picture with the probability sigmoid(logit_scale * cosine + logit_bias).
  std::optional<float> logit_bias;
};

/// A loaded model.
///
/// Flow: 1. `load` reads a folder in Hugging Face's or OpenCLIP's layout; a missing or unknown tensor is an error that names it.
///       2. `prepare_text` / `prepare_image` tokenize, decode, resize and crop: pure CPU work on the caller's
///       thread.
///       3. `embed` runs the towers over a batch in any mixture of texts and pictures.
/// Thread safety: `info`, `prepare_*` from any number of threads; `embed` and `warm_up` from one thread at a
/// time.
class Embedder {
 public:
  struct Options {
    std::string folder;  ///< config.json or open_clip_config.json, *.safetensors, ...
    /// Its text tower embeds the texts; `folder` then embeds only pictures, and a text tower there is not read. Vectors
    /// of both must have the same length. Empty: `folder` embeds both.
    std::string text_folder;
    std::string device = "cpu";  ///< "cpu" or "cuda[:N]"
    /// What the towers compute in: "float32", "bfloat16", "int8" (on the CPU) or "float16". A lower precision than
    /// float32 is compared with float32 when the model is loaded, and refused if a cosine is below 0.99.
    std::string dtype = "float32";
    int threads = 0;                            ///< for the towers; 0: one per core
    std::uint32_t max_tokens = 0;               ///< of a text, with BOS and EOS; 0: the model's default. A higher limit
                                                ///< is for models that support it: jina-clip, default 512, up to 8192
    std::size_t max_image_bytes = 20u << 20;    ///< of one encoded picture
    std::size_t max_image_pixels = 50'000'000;  ///< width * height, checked from the header before memory is taken
    int max_image_scans = 100;                  ///< of a JPEG
    std::chrono::milliseconds max_image_time{10'000};  ///< of the processor, to decode one; 0: no limit
    bool apply_exif_orientation = false;  ///< rotate pictures according to their EXIF tag; the reference does not
  };

  static Result<std::unique_ptr<Embedder>> load(const Options& options);
  virtual ~Embedder() = default;

  virtual const ModelInfo& info() const = 0;

  /// Tokenizes UTF-8 text. The empty string is a text like any other. Errors: invalid_argument (not UTF-8;
  /// too long with Truncate::none), unsupported (the model has no text tower).
  virtual Result<PreparedText> prepare_text(std::string_view text, Truncate truncate) const = 0;

  /// Decodes, converts to RGB, resizes and crops one encoded picture (JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF). Errors:
  /// invalid_argument (broken, no picture, or too slow to decode), too_large (bytes, pixels or scans),
  /// unsupported (no vision tower, or a known foreign format), overloaded (no memory).
  virtual Result<PreparedImage> prepare_image(std::string_view encoded) const = 0;

  /// The cost of `prepare_image`, from the header alone; nothing if it will refuse the picture.
  virtual PictureCost image_cost(std::string_view encoded) const = 0;

  /// Embeds a batch. The answer has one entry per input, in input order: a vector of `info().dims` float32 of
  /// unit length, or the error of only that input (internal: its vector was not finite or zero; overloaded: no memory).
  ///
  /// `between_steps` may be empty. It is called on the calling thread between the products of a pass, some
  /// hundred times per pass. It may call `embed` of this or another model again (one level deep: that call's own
  /// function must not), and must not throw. False: abandon the pass; each input is then answered with
  /// ErrorCode::cancelled.
  virtual std::vector<Result<std::vector<float>>> embed(std::span<const Prepared> batch,
                                                        const std::function<bool()>& between_steps = {}) = 0;

  /// Runs both towers once, so that the first request is not slower; checks the vectors.
  virtual Status warm_up() = 0;
};

}  // namespace sightline::models
