// What is sent to `POST /v2/embed`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/embedder.h"

namespace sightline::cohere {

/// Of one call, as Cohere limits it, and in bytes, so that no call is much larger than a picture.
inline constexpr std::size_t k_max_texts = 96, k_max_text_bytes = 4u << 20;
/// The same for pictures of embed-v4.0; 20 MB, to be on the safe side of decimal megabytes and as data URLs.
inline constexpr std::size_t k_max_pictures = 96, k_max_pictures_bytes = 20'000'000;

/// Cohere's word for what texts are, by the client's: a word that says nothing of it, or none, is a document.
std::string_view input_type_of_texts(std::string_view word);

/// What all calls of a request say.
struct BodyHead {
  std::string model;
  std::optional<std::size_t> output_dimension;
};

std::string text_body(const BodyHead& head, std::string_view input_type, models::Truncate truncate,
                      const std::vector<std::string_view>& texts);

/// Of one vector: a text, or a picture, which must fit (fitting_picture.h).
struct Part {
  bool is_picture = false;
  std::string_view bytes;
};
using Parts = std::vector<Part>;

/// How long a picture is as a data URL, in bytes.
std::size_t url_bytes(std::string_view encoded);
/// Pictures alone, one for each vector.
std::string pictures_body(const BodyHead& head, const std::vector<const Parts*>& contents);
/// Several parts for each vector.
std::string contents_body(const BodyHead& head, std::string_view input_type, models::Truncate truncate,
                          const std::vector<const Parts*>& contents);

}  // namespace sightline::cohere
