// Floats as JSON numbers.
#pragma once

#include <span>
#include <string>

namespace sightline {

/// Appends the shortest text that reads back as the same float32 (std::to_chars). `value` must be finite.
void append_float(std::string& out, float value);

/// Appends `[a,b,...]`, each as append_float writes it.
void append_float_array(std::string& out, std::span<const float> values);

}  // namespace sightline
