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

/// Cohere's word for what texts are, by the client's: a word that says nothing of it, or none, is a document.
std::string_view input_type_of_texts(std::string_view word);

/// What all calls of a request say.
struct BodyHead {
  std::string model;
  std::optional<std::size_t> output_dimension;
};

std::string text_body(const BodyHead& head, std::string_view input_type, models::Truncate truncate,
                      const std::vector<std::string_view>& texts);
/// `encoded` must fit (fitting_picture.h).
std::string picture_body(const BodyHead& head, std::string_view encoded);

}  // namespace sightline::cohere
