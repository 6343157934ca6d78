// Reads the options of processors and pipelines.
#pragma once

#include <optional>
#include <rapidjson/document.h>
#include <set>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/pipelines/template.h"

namespace sightline::elastic {

/// One object of options. The first fault is kept and told by `refusal`; what is read after it does not
/// matter. A member that is null counts as absent. The object was read with json::Numbers::as_written, and
/// must outlive the reader.
class PropertyReader {
 public:
  PropertyReader(const rapidjson::Value& object, std::string type = {}, std::string tag = {})
      : object_(object), type_(std::move(type)), tag_(std::move(tag)) {}

  const rapidjson::Value* take(std::string_view name);
  std::optional<std::string> optional_string(std::string_view name);
  std::string string(std::string_view name);
  bool boolean(std::string_view name, bool otherwise);
  const rapidjson::Value* optional_list(std::string_view name);
  /// A required string that may hold `{{field}}`.
  Template text_template(std::string_view name);
  Template compile(std::string_view name, std::string_view text);
  void set_tag(std::string tag) { tag_ = std::move(tag); }

  void refuse(ElasticError error);
  void refuse(std::string_view name, const std::string& what);
  bool failed() const { return refusal_.has_value(); }
  const Refusal& refusal() const { return refusal_; }
  /// Names that nobody took, as "[a, b]"; empty if there are none.
  std::string left_over() const;

 private:
  const rapidjson::Value& object_;
  std::string type_, tag_;
  std::set<std::string, std::less<>> taken_;
  Refusal refusal_;
};

}  // namespace sightline::elastic
