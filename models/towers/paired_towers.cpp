// Towers of two models under one name.
#include <utility>

#include "models/towers/towers.h"

namespace sightline::models {
namespace {

class PairedTowers final : public Towers {
 public:
  PairedTowers(std::unique_ptr<Towers> pictures, std::unique_ptr<Towers> texts)
      : pictures_(std::move(pictures)), texts_(std::move(texts)), products_(pictures_->products()) {
    if (texts_->products() != products_) products_ = "pictures: " + products_ + "; texts: " + texts_->products();
  }

  Status check_text(std::span<const std::int32_t> ids) const override { return texts_->check_text(ids); }

  RawVectors encode_texts(std::span<const std::span<const std::int32_t>> ids,
                          const BetweenSteps& between_steps) override {
    return texts_->encode_texts(ids, between_steps);
  }

  RawVectors encode_images(std::span<const std::uint8_t* const> pictures, const BetweenSteps& between_steps) override {
    return pictures_->encode_images(pictures, between_steps);
  }

  const std::string& products() const override { return products_; }
  const std::string& device() const override { return pictures_->device(); }
  std::uint64_t parameters() const override { return pictures_->parameters() + texts_->parameters(); }

 private:
  std::unique_ptr<Towers> pictures_, texts_;
  std::string products_;
};

}  // namespace

std::unique_ptr<Towers> Towers::paired(std::unique_ptr<Towers> pictures, std::unique_ptr<Towers> texts) {
  return std::make_unique<PairedTowers>(std::move(pictures), std::move(texts));
}

}  // namespace sightline::models
