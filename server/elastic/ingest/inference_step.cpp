#include <charconv>
#include <cmath>

#include "base/float_text.h"
#include "server/elastic/ingest/processor.h"

namespace sightline::elastic {
double shortest_double(float value) {
  std::string text;
  append_float(text, value);
  double number = static_cast<double>(value);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Answer<std::vector<std::string_view>> InferenceStep::inputs(const IngestDocument& document) const {
  std::vector<std::string_view> texts;
  bool any = false;
  for (const auto& field : fields) {
    std::string_view text;
    const auto value = document.get(field.input);
    if (!value && !ignore_missing) return value.error();
    if (value && !(*value)->IsNull()) {
      if (!(*value)->IsString()) {
        return illegal_argument("input field [" + field.input +
                                "] cannot be processed because it is not a text field");
      }
      text = {(*value)->GetString(), (*value)->GetStringLength()};
      any = true;
    }
    if (!any)
      return std::vector<std::string_view>{};  // as Elasticsearch does: it looks no further than the first
                                               // field
    texts.push_back(text);
  }
  return texts;
}

Refusal InferenceStep::write(IngestDocument& document, const std::vector<std::vector<float>>& vectors) const {
  auto& allocator = document.allocator();
  for (std::size_t i = 0; i < fields.size() && i < vectors.size(); ++i) {
    if (i == 0) {
      const auto dot = fields[0].output.rfind('.');
      const std::string parent = dot == std::string::npos ? "" : fields[0].output.substr(0, dot + 1);
      if (Refusal refusal = document.set(parent + "model_id", document.string_value(model_id)))
        return refusal;
    }
    if (Refusal refusal = document.take_room((vectors[i].size() + 1) * sizeof(rapidjson::Value)))
      return refusal;
    rapidjson::Value list(rapidjson::kArrayType);
    list.Reserve(static_cast<rapidjson::SizeType>(vectors[i].size()), allocator);
    for (const float value : vectors[i]) list.PushBack(shortest_double(value), allocator);
    if (Refusal refusal = document.append(fields[i].output, std::move(list))) return refusal;
  }
  return {};
}

}  // namespace sightline::elastic
