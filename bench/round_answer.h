// The answers of a program that is measured by turns with others: one line of JSON per command.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "base/json/writer.h"

namespace sightline::bench {

/// One line of JSON, written member by member.
class RoundAnswer {
 public:
  RoundAnswer() { writer_.StartObject(); }

  RoundAnswer& add(std::string_view name, double value) {
    writer_.Key(name);
    writer_.Double(value);
    return *this;
  }

  RoundAnswer& add(std::string_view name, std::uint64_t value) {
    writer_.Key(name);
    writer_.Uint64(value);
    return *this;
  }

  RoundAnswer& add(std::string_view name, const std::string& value) {
    writer_.Key(name);
    writer_.String(value);
    return *this;
  }

  std::string line() {
    writer_.EndObject();
    return buffer_.GetString() + std::string("\n");
  }

 private:
  rapidjson::StringBuffer buffer_;
  json::Writer writer_{buffer_};
};

/// MiB, from /proc/self/status: "VmRSS" now, "VmHWM" the highest so far; 0 if there is no such file.
inline double resident_mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    double kib = 0;
    if (word == field + ":" && status >> kib) return kib / 1024;
  }
  return 0;
}

}  // namespace sightline::bench
