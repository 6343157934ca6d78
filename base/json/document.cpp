#include "base/json/document.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json/number.h"
#include "base/number_text.h"

namespace sightline::json {
namespace {

/// Passes tokens to a document.
class DocumentBuilder {
 public:
  DocumentBuilder(rapidjson::Document& document, Strings strings, Numbers numbers)
      : document_(document), strings_(strings), numbers_(numbers) {}

  bool scalar(Kind kind, std::string_view text, Place place) {
    switch (kind) {
      case Kind::null:
        return document_.Null();
      case Kind::number:
        return number(text, place);
      case Kind::string:
        return document_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()), must_copy(text, place));
      default:
        return document_.Bool(kind == Kind::true_);
    }
  }
  bool key(std::string_view decoded, Place place) {
    return document_.Key(decoded.data(), static_cast<rapidjson::SizeType>(decoded.size()), must_copy(decoded, place));
  }
  bool open(Kind kind, std::size_t) { return kind == Kind::object ? document_.StartObject() : document_.StartArray(); }
  bool close(Kind kind, std::size_t size, std::size_t) {
    const auto count = static_cast<rapidjson::SizeType>(size);
    return kind == Kind::object ? document_.EndObject(count) : document_.EndArray(count);
  }

  const Fault& too_large() const { return too_large_; }

 private:
  bool number(std::string_view written, Place place) {
    if (numbers_ == Numbers::as_written) return as_written(written);
    const Number number = number_value(written);
    switch (number.kind) {
      case Number::Kind::signed_integer:
        return document_.Int64(number.integer);
      case Number::Kind::unsigned_integer:
        return document_.Uint64(number.natural);
      case Number::Kind::real:
        return document_.Double(number.real);
      case Number::Kind::too_large:
        break;
    }
    too_large_ = {Fault::Kind::number_too_large, place.begin};
    return false;
  }

  bool as_written(std::string_view written) {
    const bool is_zero_with_sign = written == "-0";
    if (!is_zero_with_sign) {
      if (const auto integer = number_from<std::int64_t>(written)) return document_.Int64(*integer);
      if (const auto natural = number_from<std::uint64_t>(written)) return document_.Uint64(*natural);
    }
    marked_.assign(1, k_number_mark).append(written);
    return document_.String(marked_.data(), static_cast<rapidjson::SizeType>(marked_.size()), true);
  }

  /// A string with escapes is shorter than its text, and not a part of it.
  bool must_copy(std::string_view decoded, Place place) const {
    return strings_ == Strings::copied || decoded.size() + 2 != place.end - place.begin;
  }

  rapidjson::Document& document_;
  const Strings strings_;
  const Numbers numbers_;
  std::string marked_;
  Fault too_large_;
};

/// The generator of events that Document::Populate requires.
struct Generator {
  std::string_view text;
  const Limits& limits;
  Strings strings;
  Numbers numbers;
  Fault fault = {};

  bool operator()(rapidjson::Document& document) {
    DocumentBuilder builder(document, strings, numbers);
    fault = read(text, limits, builder);
    if (builder.too_large()) fault = builder.too_large();
    return !fault;
  }
};

}  // namespace

Fault read_document(std::string_view text, rapidjson::Document& document, const Limits& limits, Strings strings,
                    Numbers numbers) {
  Generator generator{text, limits, strings, numbers};
  document.SetNull();
  document.Populate(generator);
  return generator.fault;
}

std::optional<std::string_view> written_number(std::string_view string) {
  if (!string.starts_with(k_number_mark)) return std::nullopt;
  return string.substr(1);
}

std::optional<std::string_view> written_number(const rapidjson::Value& value) {
  if (!value.IsString()) return std::nullopt;
  return written_number(std::string_view(value.GetString(), value.GetStringLength()));
}

bool is_text(const rapidjson::Value& value) {
  return value.IsString() && !written_number(value);
}

const rapidjson::Value* find_duplicate_name(const rapidjson::Value& value) {
  if (value.IsArray()) {
    for (const auto& element : value.GetArray()) {
      if (!element.IsArray() && !element.IsObject()) continue;
      if (const auto* name = find_duplicate_name(element)) return name;
    }
  }
  if (!value.IsObject()) return nullptr;
  std::vector<const rapidjson::Value*> names;
  names.reserve(value.MemberCount());
  for (const auto& member : value.GetObject()) {
    if (member.value.IsArray() || member.value.IsObject()) {
      if (const auto* name = find_duplicate_name(member.value)) return name;
    }
    names.push_back(&member.name);
  }
  const auto view = [](const rapidjson::Value* name) {
    return std::string_view(name->GetString(), name->GetStringLength());
  };
  std::sort(names.begin(), names.end(), [&](const auto* a, const auto* b) { return view(a) < view(b); });
  const auto twin =
      std::adjacent_find(names.begin(), names.end(), [&](const auto* a, const auto* b) { return view(a) == view(b); });
  return twin == names.end() ? nullptr : *twin;
}

}  // namespace sightline::json
