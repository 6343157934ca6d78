// Lists in one text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sightline {

/// The parts between the separators, in order, without empty ones.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace sightline
