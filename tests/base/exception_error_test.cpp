#include "base/exception_error.h"

#include <doctest/doctest.h>
#include <new>
#include <stdexcept>
#include <system_error>

namespace sightline {
namespace {

template <class Exception>
Error error_of(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return error_of_exception("reading it");
  }
}

TEST_CASE("what is missing memory or threads may pass, all else is a fault") {
  const Error memory = error_of(std::bad_alloc());
  CHECK(memory.code == ErrorCode::overloaded);
  CHECK(memory.message == "out of memory for reading it: retry the request later");
  const auto system = [](std::errc code) { return error_of(std::system_error(std::make_error_code(code))).code; };
  CHECK(system(std::errc::resource_unavailable_try_again) == ErrorCode::overloaded);
  CHECK(system(std::errc::not_enough_memory) == ErrorCode::overloaded);
  CHECK(system(std::errc::permission_denied) == ErrorCode::internal);
  const Error fault = error_of(std::runtime_error("it is odd"));
  CHECK(fault.code == ErrorCode::internal);
  CHECK(fault.message == "reading it failed: it is odd");
  CHECK(error_of(7).message == "reading it failed: unknown exception");
}

}  // namespace
}  // namespace sightline
