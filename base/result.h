// Errors as values: the results of all interfaces of the project.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace sightline {

/// Why something failed. The HTTP status that a code becomes is decided in one place, server/api.
enum class ErrorCode {
  invalid_argument,   ///< the caller's input is wrong: bad JSON, bad base64, a broken picture
  not_found,          ///< an unknown model, endpoint, index, file
  too_large,          ///< over a limit on bytes, pixels, items
  unsupported,        ///< well formed, but of a kind that is not supported
  overloaded,         ///< a queue is full; the same request may succeed later
  deadline_exceeded,  ///< the deadline has passed
  cancelled,          ///< the client disconnected
  unreachable,        ///< another server could not be connected to: nothing was sent, retrying is safe
  unavailable,        ///< another server disconnected or answered badly; it may have processed the request
  corrupt_data,       ///< a file of ours or of a model contradicts itself
  internal,           ///< a bug in this program
};

/// The code's name in error bodies and logs, e.g. "invalid_argument".
const char* to_string(ErrorCode code);

/// A failure: `message` describes what was wrong, where, and what to do, and may be shown to any user.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

/// A value or an error. Reading the wrong one is a bug and throws, in every build. `E` is Error, except where a part
/// uses the errors of a foreign protocol (server/elastic).
template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(E error) : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(held_); }
  const T& value() const& { return std::get<0>(held_); }
  T&& value() && { return std::get<0>(std::move(held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const& { return std::get<1>(held_); }
  E&& error() && { return std::get<1>(std::move(held_)); }

 private:
  std::variant<T, E> held_;
};

/// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

}  // namespace sightline
