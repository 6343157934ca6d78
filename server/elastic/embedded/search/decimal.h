// Decimal numbers in answers.
#pragma once

#include <string>

namespace sightline::elastic {

/// A number as Java prints a float or double that belongs into JSON: always with a point or an exponent.
void append_decimal(std::string& out, float value);
void append_decimal(std::string& out, double value);

}  // namespace sightline::elastic
