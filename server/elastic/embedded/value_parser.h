// Turns one JSON value into a value of a field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// Why a value does not fit its field: becomes the cause of a document_parsing_exception.
struct ValueError {
  ElasticError cause;
  std::string preview;  ///< the value as Elasticsearch shows it
};

/// Adds a concrete value (string, number or boolean; not a vector) to `values` as its field's type reads it.
std::optional<ValueError> append_value(FieldValues& values, const rest::JsonTape& tape, std::size_t token);

/// The field's null_value as a value.
void append_null_value(FieldValues& values);

/// Reads the whole text as a float32; too large ones are infinite.
std::optional<float> parse_float(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// What a string field turns a JSON value into: strings decoded, numbers and booleans as written.
std::string_view text_of(const rest::JsonToken& token);

/// Java's way to write a float: "1.0", "0.25", "1.23456794E9".
std::string java_float(float value);

}  // namespace sightline::elastic
