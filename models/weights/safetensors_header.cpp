#include "models/weights/safetensors_header.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <utility>

namespace sightline::models {
namespace {

constexpr std::size_t k_max_rank = 8;
constexpr std::size_t k_max_tensors = 200'000;

/// Walks the events of the parser. Every event that the format has no place for ends the parse.
class HeaderHandler {
 public:
  std::vector<HeaderEntry> entries;
  std::string fault;

  bool StartObject() {
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

  bool Key(const char* text, rapidjson::SizeType length, bool) {
    const std::string_view key(text, length);
    switch (state_) {
      case State::names:
        return begin_name(key);
      case State::metadata:
        return enter(State::metadata_text);
      case State::fields:
        return begin_field(key);
      default:
        return refuse("a key");
    }
  }

  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (state_ == State::metadata_text) return enter(State::metadata);
    if (state_ != State::dtype) return refuse("a string");
    entries.back().dtype.assign(text, length);
    return enter(State::fields);
  }

  bool StartArray() {
    if (state_ == State::shape_value) return enter(State::shape);
    if (state_ == State::offsets_value) return offsets_ = 0, enter(State::offsets);
    return refuse("an array");
  }

  bool Uint(unsigned value) { return Uint64(value); }
  bool Uint64(std::uint64_t value) {
    if (state_ == State::shape) {
      if (entries.back().shape.size() == k_max_rank) return refuse("a shape of more than 8 dimensions");
      entries.back().shape.push_back(value);
      return true;
    }
    if (state_ != State::offsets || offsets_ == 2) return refuse("a number");
    (offsets_++ == 0 ? entries.back().begin : entries.back().end) = value;
    return true;
  }

  bool EndArray(rapidjson::SizeType) {
    if (state_ == State::offsets && offsets_ != 2) return refuse("data_offsets without two numbers");
    return enter(State::fields);
  }

  bool EndObject(rapidjson::SizeType) {
    switch (state_) {
      case State::fields:
        if (!has_dtype_ || !has_shape_ || !has_offsets_)
          return refuse("a tensor without dtype, shape or data_offsets");
        return enter(State::names);
      case State::metadata:
        return enter(State::names);
      default:
        return enter(State::done);
    }
  }

  bool Null() { return refuse("null"); }
  bool Bool(bool) { return refuse("a boolean"); }
  bool Int(int) { return refuse("a negative number"); }
  bool Int64(std::int64_t) { return refuse("a negative number"); }
  bool Double(double) { return refuse("a number that is no unsigned integer"); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return refuse("a number"); }

 private:
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

Result<std::vector<HeaderEntry>> parse_safetensors_header(std::string_view json) {
  if (!json.starts_with('{')) return Error{ErrorCode::corrupt_data, "its header is no JSON object"};
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  HeaderHandler handler;
  const rapidjson::ParseResult parsed =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream, handler);
  if (parsed.IsError()) {
    if (parsed.Code() == rapidjson::kParseErrorTermination)
      return Error{ErrorCode::corrupt_data, handler.fault};
    return Error{ErrorCode::corrupt_data, "its header is not JSON in UTF-8: " +
                                              std::string(rapidjson::GetParseError_En(parsed.Code())) +
                                              " At byte " + std::to_string(parsed.Offset())};
  }
  return std::move(handler.entries);
}

}  // namespace sightline::models
