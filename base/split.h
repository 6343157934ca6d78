// Lists in one text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sightline {

/// What stands between the separators, in order, without what is empty.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace sightline
