// From exceptions to errors, at the borders where they must not go further.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sightline {

/// What the exception that is being handled means for whoever asked; to be called in a catch block. `doing`
/// says what failed, as "preparing it".
/// overloaded: there was no memory, or no thread, for it, which is the server's fault and may pass; internal: any
/// other. Needs no memory where there is none.
Error error_of_exception(std::string_view doing) noexcept;

}  // namespace sightline
