#include "models/precision_check.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace sightline::models {
namespace {

constexpr const char* k_texts[] = {
    "a photo of a house",
    "kitchen",
    "a modern kitchen with an island, white cabinets and pendant lights",
    "the same room at night, with the curtains drawn",
    "3 bedroom villa with a pool & sea view, 1.2M",
    ("A brick terrace on a quiet street. Two reception rooms, a loft conversion with a skylight, a small garden that "
     "faces south, and parking for one car in front of the house."),
};

/// A byte of picture `kind` at x, y and channel: gradients, stripes, noise, or tiles of one colour.
std::uint8_t pixel(std::size_t kind, std::uint32_t x, std::uint32_t y, std::uint32_t channel, std::uint32_t edge) {
  const auto grain = [&] {
    std::uint32_t seed = (x * 2654435761u) ^ (y * 40503u) ^ (channel * 977u);
    seed = (seed ^ (seed >> 15)) * 2246822519u;
    return (seed ^ (seed >> 13)) & 255;
  };
  switch (kind) {
    case 0:  // sky over ground
      return static_cast<std::uint8_t>(y < edge / 2 ? 120 + 40 * channel + 50 * y / edge : 90 + 60 * x / edge);
    case 1:  // stripes
      return static_cast<std::uint8_t>((x / 9 + y / 17) % 2 == 0 ? 230 - 20 * channel : 40 + 30 * channel);
    case 2:  // grain
      return static_cast<std::uint8_t>(grain());
    default:  // tiles of one colour each, with grain on top
      return static_cast<std::uint8_t>(((x / 32) * 67 + (y / 32) * 139 + channel * 53) % 220 + grain() / 8);
  }
}

constexpr std::size_t k_pictures = 4;

PreparedImage draw(std::size_t kind, std::uint32_t edge) {
  PreparedImage image;
  image.width = image.height = image.source_width = image.source_height = edge;
  image.rgb.reserve(std::size_t{3} * edge * edge);
  for (std::uint32_t y = 0; y < edge; ++y) {
    for (std::uint32_t x = 0; x < edge; ++x) {
      for (std::uint32_t channel = 0; channel < 3; ++channel) image.rgb.push_back(pixel(kind, x, y, channel, edge));
    }
  }
  return image;
}

}  // namespace

Result<std::vector<Prepared>> precision_inputs(const Embedder& embedder) {
  std::vector<Prepared> inputs;
  if (embedder.info().has_text) {
    for (const char* text : k_texts) {
      Result<PreparedText> prepared = embedder.prepare_text(text, Truncate::end);
      if (!prepared) return prepared.error();
      inputs.emplace_back(std::move(*prepared));
    }
  }
  if (embedder.info().has_image) {
    for (std::size_t kind = 0; kind < k_pictures; ++kind) inputs.emplace_back(draw(kind, embedder.info().image_size));
  }
  return inputs;
}

Result<PrecisionCheck> compare_precisions(const Vectors& exact, const Vectors& lower) {
  PrecisionCheck check{.lowest_cosine = 1, .mean_cosine = 0, .inputs = exact.size()};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    for (const auto& vector : {exact[i], lower[i]}) {
      if (!vector) return Error{vector.error().code, "comparing precisions: " + vector.error().message};
    }
    double cosine = 0;
    for (std::size_t k = 0; k < exact[i]->size(); ++k) cosine += static_cast<double>((*exact[i])[k]) * (*lower[i])[k];
    check.lowest_cosine = std::min(check.lowest_cosine, cosine);
    check.mean_cosine += cosine / static_cast<double>(exact.size());
  }
  return check;
}

}  // namespace sightline::models
