// A model small enough to reason about: the vector of an input is a function of its bytes alone.
#pragma once

#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/embedder.h"

namespace sightline::serving {

/// One token a byte, at most `ModelInfo::max_tokens`; a picture is any bytes of "picture:..." and is seen as
/// a window of 4 x 4 filled from them. What happens when the model runs is the test's to say.
class HashEmbedder final : public models::Embedder {
 public:
  /// Called on the model thread before each batch, with the batch.
  std::function<void(std::span<const models::Prepared>)> on_embed = [](auto) {};
  /// How often a pass calls `between_steps`, each time after `on_step` with the batch and the step's number,
  /// from 0.
  std::size_t steps = 0;
  std::function<void(std::span<const models::Prepared>, std::size_t)> on_step = [](auto, auto) {};
  /// Called with each answer before it is returned.
  std::function<void(std::vector<Result<std::vector<float>>>&)> on_answer = [](auto&) {};

  /// What a picture is said to cost.
  std::function<models::PictureCost(std::string_view)> cost = [](auto) { return models::PictureCost(); };
  /// Called before a picture is prepared, on a preparation thread.
  std::function<void(std::string_view)> on_prepare = [](auto) {};

  /// As a single-tower export, of the tower that is left.
  void keep_only(serving::Modality modality) {
    info_.has_text = modality == serving::Modality::text;
    info_.has_image = !info_.has_text;
  }

  explicit HashEmbedder(float logit_scale = 4) {
    info_.architecture = "hash";
    info_.dims = 8;
    info_.max_tokens = 16;
    info_.image_size = 4;
    info_.dtype = "float32";
    info_.device = "cpu";
    info_.license = "Apache-2.0";
    info_.logit_scale = logit_scale;
  }

  const models::ModelInfo& info() const override { return info_; }

  Result<models::PreparedText> prepare_text(std::string_view text, models::Truncate truncate) const override {
    if (text == "poison") return Error{ErrorCode::invalid_argument, "not UTF-8 at byte 0"};
    models::PreparedText prepared;
    prepared.full_length = text.size() + 2;
    if (prepared.full_length > info_.max_tokens && truncate == models::Truncate::none) {
      return Error{ErrorCode::invalid_argument, std::to_string(prepared.full_length) + " tokens; the model takes " +
                                                    std::to_string(info_.max_tokens)};
    }
    const std::size_t room = info_.max_tokens - 2;
    if (truncate == models::Truncate::start && text.size() > room) text.remove_prefix(text.size() - room);
    for (const char c : text.substr(0, room)) prepared.ids.push_back(static_cast<unsigned char>(c));
    prepared.ids.insert(prepared.ids.begin(), 1000);
    prepared.ids.push_back(1001);
    return prepared;
  }

  models::PictureCost image_cost(std::string_view encoded) const override { return cost(encoded); }

  Result<models::PreparedImage> prepare_image(std::string_view encoded) const override {
    on_prepare(encoded);
    if (encoded.substr(0, 8) != "picture:") return Error{ErrorCode::invalid_argument, "not a picture"};
    models::PreparedImage prepared{std::vector<std::uint8_t>(48), 4, 4, 4, 4};
    for (std::size_t i = 0; i < prepared.rgb.size(); ++i) {
      prepared.rgb[i] = static_cast<std::uint8_t>(encoded[i % encoded.size()]);
    }
    return prepared;
  }

  std::vector<Result<std::vector<float>>> embed(std::span<const models::Prepared> batch,
                                                const std::function<bool()>& between_steps = {}) override {
    on_embed(batch);
    for (std::size_t step = 0; between_steps && step < steps; ++step) {
      on_step(batch, step);
      if (!between_steps()) {
        return std::vector<Result<std::vector<float>>>(
            batch.size(), Result<std::vector<float>>(Error{ErrorCode::cancelled, "abandoned"}));
      }
    }
    std::vector<Result<std::vector<float>>> vectors;
    for (const models::Prepared& input : batch) vectors.push_back(vector_of(input));
    on_answer(vectors);
    return vectors;
  }

  Status warm_up() override { return {}; }

  static std::vector<float> vector_of(const models::Prepared& input) {
    std::uint64_t state = 1469598103934665603u;
    const auto mix = [&state](std::uint64_t value) { state = (state ^ value) * 1099511628211u; };
    if (const auto* text = std::get_if<models::PreparedText>(&input)) {
      for (const std::int32_t id : text->ids) mix(static_cast<std::uint64_t>(id));
    } else {
      for (const std::uint8_t byte : std::get<models::PreparedImage>(input).rgb) mix(byte);
    }
    std::vector<float> values(8);
    double squares = 0;
    for (float& value : values) {
      mix(7);
      value = static_cast<float>(state >> 40) / 16777216.0f - 0.5f;
      squares += static_cast<double>(value) * value;
    }
    for (float& value : values) value = static_cast<float>(value / std::sqrt(squares));
    return values;
  }

  /// The vector that `text` should get.
  std::vector<float> expected(std::string_view text) const {
    return vector_of(*prepare_text(text, models::Truncate::end));
  }
  std::vector<float> expected_image(std::string_view bytes) const { return vector_of(*prepare_image(bytes)); }

 private:
  models::ModelInfo info_;
};

/// Holds the model thread inside a batch until it is opened.
class Gate {
 public:
  /// Blocks until `open`; to be called from on_embed.
  void pass() {
    std::unique_lock lock(mutex_);
    arrived_ += 1;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  /// Returns once a batch stands at the gate.
  void await_arrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return arrived_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

}  // namespace sightline::serving
