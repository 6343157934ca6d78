#include "models/image/yuv_picture.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace sightline::models {
namespace {

/// The chroma of 4:2:0 and 4:2:2 lies between pixels: a pixel takes three quarters of the nearer sample and a quarter of
/// the other one, along each axis.
struct Tap {
  std::uint32_t near = 0, far = 0;
};

/// The samples for position `at` along an axis of `length` pixels. At an edge there is one.
Tap tap(std::uint32_t at, std::uint32_t length, unsigned shift) {
  if (shift == 0) return {at, at};
  const std::uint32_t near = at / 2, last = (length + 1) / 2 - 1;
  if (at % 2 == 0) return {near, near == 0 ? near : near - 1};
  return {near, std::min(near + 1, last)};
}

/// Makes a sample of chroma for each pixel.
void to_full_chroma(YuvPicture& picture) {
  if (picture.is_grey() || picture.chroma_format == 3) return;
  const unsigned shift_x = picture.shift_x(), shift_y = picture.shift_y();
  for (std::size_t p = 1; p < 3; ++p) {
    const SamplePlane& half = picture.planes[p];
    SamplePlane full(picture.width, picture.height);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
      const Tap rows = tap(y, picture.height, shift_y);
      const std::uint16_t *near = half.row(rows.near), *far = half.row(rows.far);
      for (std::uint32_t x = 0; x < picture.width; ++x) {
        const Tap columns = tap(x, picture.width, shift_x);
        const unsigned sum =
            9u * near[columns.near] + 3u * near[columns.far] + 3u * far[columns.near] + far[columns.far];
        full.row(y)[x] = static_cast<std::uint16_t>((sum + 8) / 16);
      }
    }
    picture.planes[p] = std::move(full);
  }
  picture.chroma_format = 3;
}

/// Rotates by one, two or three quarters.
SamplePlane rotated(const SamplePlane& plane, unsigned quarters) {
  const bool swaps_axes = quarters % 2 != 0;
  SamplePlane turned(swaps_axes ? plane.height : plane.width, swaps_axes ? plane.width : plane.height);
  for (std::uint32_t y = 0; y < turned.height; ++y) {
    std::uint16_t* out = turned.row(y);
    for (std::uint32_t x = 0; x < turned.width; ++x) {
      if (quarters == 1) out[x] = plane.row(x)[plane.width - 1 - y];
      if (quarters == 2) out[x] = plane.row(plane.height - 1 - y)[plane.width - 1 - x];
      if (quarters == 3) out[x] = plane.row(plane.height - 1 - x)[y];
    }
  }
  return turned;
}

/// The factors of one matrix, from its shares of red and blue in luma (ITU-T H.273, 8.3).
struct Factors {
  float red_cr = 1.402f, green_cb = -0.344136f, green_cr = -0.714136f, blue_cb = 1.772f;
};

struct Primaries {
  float red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y;
};

std::optional<Primaries> primaries_of(int code) {
  constexpr float k_d65_x = 0.3127f, k_d65_y = 0.3290f;
  switch (code) {
    case 1:
      return Primaries{0.640f, 0.330f, 0.300f, 0.600f, 0.150f, 0.060f, k_d65_x, k_d65_y};
    case 4:
      return Primaries{0.67f, 0.33f, 0.21f, 0.71f, 0.14f, 0.08f, 0.310f, 0.316f};
    case 5:
      return Primaries{0.64f, 0.33f, 0.29f, 0.60f, 0.15f, 0.06f, k_d65_x, k_d65_y};
    case 6:
    case 7:
      return Primaries{0.630f, 0.340f, 0.310f, 0.595f, 0.155f, 0.070f, k_d65_x, k_d65_y};
    case 8:
      return Primaries{0.681f, 0.319f, 0.243f, 0.692f, 0.145f, 0.049f, 0.310f, 0.316f};
    case 9:
      return Primaries{0.708f, 0.292f, 0.170f, 0.797f, 0.131f, 0.046f, k_d65_x, k_d65_y};
    case 10:
      return Primaries{1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.333333f, 0.33333f};
    case 11:
      return Primaries{0.680f, 0.320f, 0.265f, 0.690f, 0.150f, 0.060f, 0.314f, 0.351f};
    case 12:
      return Primaries{0.680f, 0.320f, 0.265f, 0.690f, 0.150f, 0.060f, k_d65_x, k_d65_y};
    case 22:
      return Primaries{0.630f, 0.340f, 0.295f, 0.605f, 0.155f, 0.077f, k_d65_x, k_d65_y};
    default:
      return {};
  }
}

struct Shares {
  float red, blue;
};

/// Those of the white that the primaries make together.
Shares shares_of(const Primaries& p) {
  const float red_z = 1 - (p.red_x + p.red_y), green_z = 1 - (p.green_x + p.green_y);
  const float blue_z = 1 - (p.blue_x + p.blue_y), white_z = 1 - (p.white_x + p.white_y);
  const float sum = p.white_y * (p.red_x * (p.green_y * blue_z - p.blue_y * green_z) +
                                 p.green_x * (p.blue_y * red_z - p.red_y * blue_z) +
                                 p.blue_x * (p.red_y * green_z - p.green_y * red_z));
  return {
      p.red_y *
          (p.white_x * (p.green_y * blue_z - p.blue_y * green_z) +
           p.white_y * (p.blue_x * green_z - p.green_x * blue_z) +
           white_z * (p.green_x * p.blue_y - p.blue_x * p.green_y)) /
          sum,
      p.blue_y *
          (p.white_x * (p.red_y * green_z - p.green_y * red_z) + p.white_y * (p.green_x * red_z - p.red_x * green_z) +
           white_z * (p.red_x * p.green_y - p.green_x * p.red_y)) /
          sum};
}

std::optional<Factors> factors_of(const ColourCodes& colours) {
  std::optional<Shares> shares;
  switch (colours.matrix) {
    case 1:
      shares = {0.2126f, 0.0722f};
      break;
    case 2:
      return Factors{};
    case 4:
      shares = {0.30f, 0.11f};
      break;
    case 5:
    case 6:
      shares = {0.299f, 0.114f};
      break;
    case 7:
      shares = {0.212f, 0.087f};
      break;
    case 9:
    case 10:
      shares = {0.2627f, 0.0593f};
      break;
    case 12:
    case 13:
      if (colours.primaries == 2) return Factors{};
      if (const auto primaries = primaries_of(colours.primaries)) shares = shares_of(*primaries);
      break;
    default:
      break;
  }
  if (!shares) return {};
  const float red = shares->red, blue = shares->blue;
  return Factors{2 * (-red + 1), 2 * blue * (-blue + 1) / (blue + red - 1), 2 * red * (-red + 1) / (blue + red - 1),
                 2 * (-blue + 1)};
}

std::uint8_t clipped(int value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

/// One row of a picture.
struct Row {
  const std::uint16_t *luma, *blue, *red;
  unsigned shift_x;
  int bits;

  int y(std::uint32_t x) const { return luma[x]; }
  int cb(std::uint32_t x) const { return blue[x >> shift_x]; }
  int cr(std::uint32_t x) const { return red[x >> shift_x]; }

  int extra_bits() const { return bits - 8; }
  int half() const { return 1 << (bits - 1); }
  /// Clips a colour to the numbers of `bits` bits, and drops all below eight.
  std::uint8_t eight_bits(int value) const {
    return static_cast<std::uint8_t>(std::clamp(value, 0, (1 << bits) - 1) >> extra_bits());
  }
  /// Rounds as libheif does: numbers below -0.5 are clipped anyway.
  std::uint8_t eight_bits(float value) const {
    const float above = value + 0.5f;
    return eight_bits(static_cast<int>(above));
  }
};

constexpr int k_limited_zero = 16;
constexpr float k_limited_luma = 1.1689f, k_limited_chroma = 1.1429f;

/// With factors of eight binary digits, from samples of eight bits, as libheif converts 4:2:0 of full range.
void convert_by_integers(const Row& row, const Factors& factors, std::uint32_t width, std::uint8_t* out) {
  constexpr int k_half = 128;
  const auto scaled = [](float factor) { return static_cast<int>(std::lround(256 * factor)); };
  const int red_cr = scaled(factors.red_cr), green_cr = scaled(factors.green_cr);
  const int green_cb = scaled(factors.green_cb), blue_cb = scaled(factors.blue_cb);
  const int extra_bits = row.extra_bits();
  for (std::uint32_t x = 0; x < width; ++x, out += 3) {
    const int y = row.y(x) >> extra_bits;
    const int cb = (row.cb(x) >> extra_bits) - k_half, cr = (row.cr(x) >> extra_bits) - k_half;
    out[0] = clipped(y + ((red_cr * cr + 128) >> 8));
    out[1] = clipped(y + ((green_cb * cb + green_cr * cr + 128) >> 8));
    out[2] = clipped(y + ((blue_cb * cb + 128) >> 8));
  }
}

void convert_by_floats(const Row& row, const Factors& factors, bool full_range, std::uint32_t width,
                       std::uint8_t* out) {
  const int half = row.half(), zero = k_limited_zero << row.extra_bits();
  for (std::uint32_t x = 0; x < width; ++x, out += 3) {
    float y = static_cast<float>(row.y(x)), cb = static_cast<float>(row.cb(x) - half),
          cr = static_cast<float>(row.cr(x) - half);
    if (!full_range) {
      y = (y - static_cast<float>(zero)) * k_limited_luma;
      cb = cb * k_limited_chroma;
      cr = cr * k_limited_chroma;
    }
    out[0] = row.eight_bits(y + factors.red_cr * cr);
    out[1] = row.eight_bits(y + factors.green_cb * cb + factors.green_cr * cr);
    out[2] = row.eight_bits(y + factors.blue_cb * cb);
  }
}

/// Green, blue and red themselves (matrix 0).
void convert_identity(const Row& row, bool full_range, std::uint32_t width, std::uint8_t* out) {
  const int zero = k_limited_zero << row.extra_bits();
  const auto full = [&](int value, float factor) {
    return full_range ? row.eight_bits(value) : row.eight_bits(static_cast<float>(value - zero) * factor);
  };
  for (std::uint32_t x = 0; x < width; ++x, out += 3) {
    out[0] = full(row.cr(x), k_limited_chroma);
    out[1] = full(row.y(x), k_limited_luma);
    out[2] = full(row.cb(x), k_limited_chroma);
  }
}

/// YCgCo (matrix 8).
void convert_ycgco(const Row& row, std::uint32_t width, std::uint8_t* out) {
  for (std::uint32_t x = 0; x < width; ++x, out += 3) {
    const int y = row.y(x), cb = row.cb(x) - row.half(), cr = row.cr(x) - row.half();
    out[0] = row.eight_bits(y - cb + cr);
    out[1] = row.eight_bits(y + cb);
    out[2] = row.eight_bits(y - cb - cr);
  }
}

/// Grey is not converted, whatever its range. With more than eight bits it becomes 16 bits, of which convert("RGB")
/// clips all above 255.
void convert_grey(const std::uint16_t* luma, int bits, std::uint32_t width, std::uint8_t* out) {
  for (std::uint32_t x = 0; x < width; ++x, out += 3) {
    const int value = bits > 8 ? luma[x] << (16 - bits) : luma[x];
    std::fill_n(out, 3, clipped(value));
  }
}

}  // namespace

YuvPicture::YuvPicture(std::uint32_t columns, std::uint32_t rows, int chroma, int bits_per_sample)
    : width(columns), height(rows), chroma_format(chroma), bits(bits_per_sample) {
  planes[0] = SamplePlane(columns, rows);
  if (is_grey()) return;
  const std::uint32_t chroma_columns = (columns + shift_x()) >> shift_x(),
                      chroma_rows = (rows + shift_y()) >> shift_y();
  for (std::size_t p = 1; p < 3; ++p) planes[p] = SamplePlane(chroma_columns, chroma_rows);
}

void rotate(YuvPicture& picture, unsigned quarters) {
  quarters %= 4;
  if (quarters == 0) return;
  const bool odd_width = picture.width % 2 != 0, odd_height = picture.height % 2 != 0;
  // Where the samples of chroma would no longer lie on the pixels they belong to.
  const bool moves_chroma = picture.chroma_format == 2 ? quarters != 2 || odd_height
                                                       : picture.chroma_format == 1 && ((odd_width && quarters != 3) ||
                                                                                        (odd_height && quarters != 1));
  if (moves_chroma) to_full_chroma(picture);
  for (SamplePlane& plane : picture.planes) {
    if (plane.width != 0) plane = rotated(plane, quarters);
  }
  if (quarters != 2) std::swap(picture.width, picture.height);
}

void mirror(YuvPicture& picture, bool left_and_right) {
  const bool odd_width = picture.width % 2 != 0, odd_height = picture.height % 2 != 0;
  const bool moves_chroma = picture.chroma_format == 2 ? left_and_right && odd_width
                                                       : picture.chroma_format == 1 && (odd_width || odd_height);
  if (moves_chroma) to_full_chroma(picture);
  for (SamplePlane& plane : picture.planes) {
    if (left_and_right) {
      for (std::uint32_t y = 0; y < plane.height; ++y) std::reverse(plane.row(y), plane.row(y) + plane.width);
    } else {
      for (std::uint32_t y = 0; y < plane.height / 2; ++y)
        std::swap_ranges(plane.row(y), plane.row(y) + plane.width, plane.row(plane.height - 1 - y));
    }
  }
}

void crop(YuvPicture& picture, std::uint32_t left, std::uint32_t top, std::uint32_t width, std::uint32_t height) {
  if ((picture.shift_x() != 0 && left % 2 != 0) || (picture.shift_y() != 0 && top % 2 != 0)) to_full_chroma(picture);
  YuvPicture part(width, height, picture.chroma_format, picture.bits);
  part.colours = picture.colours;
  for (std::size_t p = 0; p < 3; ++p) {
    const std::uint32_t from_x = p == 0 ? left : left >> picture.shift_x();
    const std::uint32_t from_y = p == 0 ? top : top >> picture.shift_y();
    SamplePlane& out = part.planes[p];
    for (std::uint32_t y = 0; y < out.height; ++y)
      std::copy_n(picture.planes[p].row(from_y + y) + from_x, out.width, out.row(y));
  }
  picture = std::move(part);
}

Result<Picture> rgb_of(const YuvPicture& picture, DecodeTime& time) {
  constexpr int k_identity = 0, k_ycgco = 8;
  const std::optional<Factors> factors = factors_of(picture.colours);
  const int matrix = picture.colours.matrix;
  if (!picture.is_grey() && !factors && matrix != k_identity && matrix != k_ycgco) {
    return Error{ErrorCode::unsupported,
                 "HEIC uses the colour matrix " + std::to_string(matrix) + ", which is not converted to RGB"};
  }
  const bool full_range = picture.colours.full_range;
  Picture rgb(picture.width, picture.height);
  for (std::uint32_t y = 0; y < picture.height; ++y) {
    if (time.is_over()) return time.error("HEIC");
    std::uint8_t* const out = rgb.row(y);
    if (picture.is_grey()) {
      convert_grey(picture.planes[0].row(y), picture.bits, picture.width, out);
      continue;
    }
    const std::size_t chroma_y = y >> picture.shift_y();
    const Row row{picture.planes[0].row(y), picture.planes[1].row(chroma_y), picture.planes[2].row(chroma_y),
                  picture.shift_x(), picture.bits};
    if (matrix == k_identity) {
      convert_identity(row, full_range, picture.width, out);
    } else if (matrix == k_ycgco) {
      convert_ycgco(row, picture.width, out);
    } else if (picture.chroma_format == 1 && full_range) {
      convert_by_integers(row, *factors, picture.width, out);
    } else {
      convert_by_floats(row, *factors, full_range, picture.width, out);
    }
  }
  return rgb;
}

}  // namespace sightline::models
