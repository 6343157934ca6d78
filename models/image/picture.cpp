#include "models/image/picture.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sightline::models {
namespace {

/// Limits the tables for resizing, which grow with an edge and not with the area.
constexpr std::uint64_t k_max_edge_pixels = 1'000'000;

/// The largest buffer that a thread reuses for its next picture: about ten megapixels.
constexpr std::size_t k_max_kept_bytes = 32 << 20;

struct KeptBuffer {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t capacity = 0;
};
thread_local KeptBuffer kept_buffer;

}  // namespace

Picture::Picture(std::uint32_t width, std::uint32_t height) : width_(width), height_(height) {
  const std::size_t need = size_bytes() + k_slack_bytes;
  if (kept_buffer.capacity >= need) {
    const std::size_t capacity = std::exchange(kept_buffer.capacity, 0);
    rgb_ = {kept_buffer.bytes.release(), Recycle{capacity}};
  } else {
    rgb_ = {std::make_unique_for_overwrite<std::uint8_t[]>(need).release(), Recycle{need}};
  }
  std::memset(rgb_.get() + size_bytes(), 0, k_slack_bytes);
}

void Picture::Recycle::operator()(std::uint8_t* bytes) const {
  std::unique_ptr<std::uint8_t[]> owned(bytes);
  if (capacity > k_max_kept_bytes || capacity <= kept_buffer.capacity) return;
  kept_buffer.bytes = std::move(owned);
  kept_buffer.capacity = capacity;
}

void lay_over(const Background& background, const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, rgb += 3) {
    const unsigned alpha = rgba[3];
    for (std::size_t channel = 0; channel < 3; ++channel)
      rgb[channel] =
          static_cast<std::uint8_t>((rgba[channel] * alpha + background[channel] * (255 - alpha) + 127) / 255);
  }
}

void drop_alpha(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, rgb += 3) std::copy_n(rgba, 3, rgb);
}

void fill(Picture& picture, const Background& colour) {
  std::uint8_t* rgb = picture.row(0);
  for (std::size_t at = 0; at < picture.size_bytes(); at += 3) std::memcpy(rgb + at, colour.data(), 3);
}

Status check_size(std::string_view format, std::uint64_t width, std::uint64_t height, const ImageLimits& limits) {
  const std::string size = std::string(format) + " is " + grouped(width) + " x " + grouped(height);
  if (width == 0 || height == 0) return Error{ErrorCode::invalid_argument, size + " pixels: it contains no picture"};
  if (width > limits.max_pixels / height) {
    // No format's edges exceed 32 bits: the product fits.
    return Error{ErrorCode::too_large,
                 size + " = " + grouped(width * height) + " pixels; the limit is " + grouped(limits.max_pixels)};
  }
  if (std::max(width, height) > k_max_edge_pixels) {
    return Error{ErrorCode::too_large, size + " pixels; the limit for an edge is " + grouped(k_max_edge_pixels)};
  }
  return {};
}

PictureCost cost_of_size(std::uint64_t width, std::uint64_t height, std::uint64_t bytes_per_pixel) {
  constexpr std::uint64_t k_table_bytes = 32;  // for resizing, per column and row (resample.h)
  return {width * height * (3 + bytes_per_pixel) + (width + height) * k_table_bytes, width * height};
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

Error broken(std::string_view format, std::string_view what) {
  return {ErrorCode::invalid_argument, std::string(format) + " is broken: " + std::string(what)};
}

Error cut_short(std::string_view format, std::uint64_t have, std::uint64_t need) {
  return {ErrorCode::invalid_argument,
          std::string(format) + " ends after " + grouped(have) + " of " + grouped(need) + " bytes"};
}

}  // namespace sightline::models
