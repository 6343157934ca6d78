// Converts exceptions to errors where they must not propagate further.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sightline {

/// The error for the exception that is being handled. Call it in a catch block.
/// `doing` names what failed, such as "preparing it". overloaded: out of memory or
/// threads, which may be temporary; internal: any other exception. Works without free
/// memory.
Error error_of_exception(std::string_view doing) noexcept;

}  // namespace sightline
