#include "base/exception_error.h"

#include <exception>
#include <new>
#include <string>
#include <system_error>

namespace sightline {
namespace {

Error described(std::string_view doing) {
  const std::string what(doing);
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {ErrorCode::overloaded, "out of memory for " + what + ": retry the request later"};
  } catch (const std::system_error& error) {
    const bool passes =
        error.code() == std::errc::resource_unavailable_try_again || error.code() == std::errc::not_enough_memory;
    return {passes ? ErrorCode::overloaded : ErrorCode::internal, what + " failed: " + error.what()};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, what + " failed: " + error.what()};
  } catch (...) {
    return {ErrorCode::internal, what + " failed: unknown exception"};
  }
}

}  // namespace

Error error_of_exception(std::string_view doing) noexcept {
  try {
    return described(doing);
  } catch (...) {
    // No memory for the message: this short text fits inside std::string.
    return {ErrorCode::overloaded, "out of memory"};
  }
}

}  // namespace sightline
