#include "models/model_folder/safetensors_header.h"

#include <utility>

#include "base/json/reader.h"
#include "base/number_text.h"

namespace sightline::models {
namespace {

constexpr std::size_t k_max_rank = 8;
constexpr std::size_t k_max_tensors = 200'000;
constexpr json::Limits k_limits{.max_depth = 8, .max_values = k_max_tensors * 20};

/// Handles the events of the parser. An event that the format does not allow ends the parse.
class HeaderHandler {
 public:
  std::vector<HeaderEntry> entries;
  std::string fault;

  bool open(json::Kind kind, std::size_t) { return kind == json::Kind::object ? open_object() : open_array(); }
  bool close(json::Kind kind, std::size_t, std::size_t) {
    return kind == json::Kind::object ? close_object() : close_array();
  }

  bool scalar(json::Kind kind, std::string_view text, json::Place) {
    switch (kind) {
      case json::Kind::string:
        return string(text);
      case json::Kind::number:
        return number(text);
      case json::Kind::null:
        return refuse("null");
      default:
        return refuse("a boolean");
    }
  }

  bool key(std::string_view decoded, json::Place) {
    switch (state_) {
      case State::names:
        return begin_name(decoded);
      case State::metadata:
        return enter(State::metadata_text);
      case State::fields:
        return begin_field(decoded);
      default:
        return refuse("a key");
    }
  }

 private:
  bool open_object() {
    switch (state_) {
      case State::start:
        return enter(State::names);
      case State::metadata_value:
        return enter(State::metadata);
      case State::tensor_value:
        has_dtype_ = has_shape_ = has_offsets_ = false;
        return enter(State::fields);
      default:
        return refuse("an object");
    }
  }

  bool string(std::string_view decoded) {
    if (state_ == State::metadata_text) return enter(State::metadata);
    if (state_ != State::dtype) return refuse("a string");
    entries.back().dtype = decoded;
    return enter(State::fields);
  }

  bool open_array() {
    if (state_ == State::shape_value) return enter(State::shape);
    if (state_ == State::offsets_value) return offsets_ = 0, enter(State::offsets);
    return refuse("an array");
  }

  bool number(std::string_view written) {
    if (written.starts_with('-')) return refuse("a negative number");
    const auto read = number_from<std::uint64_t>(written);
    if (!read) return refuse("a number that is not an unsigned integer");
    return natural(*read);
  }

  bool close_array() {
    if (state_ == State::offsets && offsets_ != 2) return refuse("data_offsets without two numbers");
    return enter(State::fields);
  }

  bool close_object() {
    switch (state_) {
      case State::fields:
        if (!has_dtype_ || !has_shape_ || !has_offsets_) return refuse("a tensor without dtype, shape or data_offsets");
        return enter(State::names);
      case State::metadata:
        return enter(State::names);
      default:
        return enter(State::done);
    }
  }

  enum class State {
    start,
    names,
    metadata_value,
    metadata,
    metadata_text,
    tensor_value,
    fields,
    dtype,
    shape_value,
    shape,
    offsets_value,
    offsets,
    done
  };

  bool enter(State state) {
    state_ = state;
    return true;
  }

  bool natural(std::uint64_t value) {
    if (state_ == State::shape) {
      if (entries.back().shape.size() == k_max_rank) return refuse("a shape of more than 8 dimensions");
      entries.back().shape.push_back(value);
      return true;
    }
    if (state_ != State::offsets || offsets_ == 2) return refuse("a number");
    (offsets_++ == 0 ? entries.back().begin : entries.back().end) = value;
    return true;
  }

  bool refuse(const char* what) {
    fault = std::string("its header has ") + what + " where the format has none";
    if (!entries.empty() && state_ != State::names) fault += ", at tensor \"" + entries.back().name + "\"";
    return false;
  }

  bool begin_name(std::string_view name) {
    if (name == "__metadata__") {
      if (std::exchange(has_metadata_, true)) return refuse("a second __metadata__");
      return enter(State::metadata_value);
    }
    if (entries.size() == k_max_tensors) return refuse("more than 200,000 tensors");
    entries.emplace_back().name = name;
    return enter(State::tensor_value);
  }

  bool begin_field(std::string_view field) {
    if (field == "dtype" && !std::exchange(has_dtype_, true)) return enter(State::dtype);
    if (field == "shape" && !std::exchange(has_shape_, true)) return enter(State::shape_value);
    if (field == "data_offsets" && !std::exchange(has_offsets_, true)) return enter(State::offsets_value);
    return refuse("an unknown or repeated key");
  }

  State state_ = State::start;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false, has_metadata_ = false;
  int offsets_ = 0;
};

}  // namespace

Result<std::vector<HeaderEntry>> parse_safetensors_header(std::string_view text) {
  if (!text.starts_with('{')) return Error{ErrorCode::corrupt_data, "its header is not a JSON object"};
  HeaderHandler handler;
  const json::Fault fault = json::read(text, k_limits, handler);
  if (fault.kind == json::Fault::Kind::stopped) return Error{ErrorCode::corrupt_data, handler.fault};
  if (fault) {
    return Error{ErrorCode::corrupt_data, "its header is not JSON in UTF-8: " + json::message(fault, k_limits) +
                                              ", at byte " + std::to_string(fault.offset)};
  }
  return std::move(handler.entries);
}

}  // namespace sightline::models
