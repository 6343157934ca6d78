// From exceptions to errors, at the borders where they must not go further.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sightline {

/// The error for the exception that is being handled; to be called in a catch block. `doing`
/// names what failed, such as "preparing it".
/// overloaded: there was no memory, or no thread, for it, which is the server's fault and may pass; internal: any
/// other. Works without free memory.
Error error_of_exception(std::string_view doing) noexcept;

}  // namespace sightline
