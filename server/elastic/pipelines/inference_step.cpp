#include "base/float_text.h"
#include "base/json/document.h"
#include "server/elastic/pipelines/processor.h"

namespace sightline::elastic {

Answer<std::vector<const InferenceStep::Field*>> InferenceStep::present(const IngestDocument& document) const {
  std::vector<const Field*> present;
  for (const auto& field : fields) {
    const auto value = document.get(field.input);
    if (!value && !ignore_missing) return value.error();
    if (!value || (*value)->IsNull()) continue;
    if (!json::is_text(**value)) {
      return illegal_argument("input field [" + field.input + "] cannot be processed because it is not a text field");
    }
    present.push_back(&field);
  }
  return present;
}

Answer<std::vector<std::string_view>> InferenceStep::inputs(const IngestDocument& document) const {
  const auto sent = present(document);
  if (!sent) return sent.error();
  std::vector<std::string_view> texts;
  for (const Field* field : *sent) {
    const auto value = document.get(field->input);
    texts.emplace_back((*value)->GetString(), (*value)->GetStringLength());
  }
  return texts;
}

Refusal InferenceStep::write(IngestDocument& document, const std::vector<std::vector<float>>& vectors) const {
  // All found before the first is written: an output may be the input of another.
  const auto sent = present(document);
  if (!sent) return sent.error();
  auto& allocator = document.allocator();
  std::string written;
  for (std::size_t i = 0; i < sent->size() && i < vectors.size(); ++i) {
    const std::string& output = (*sent)[i]->output;
    if (i == 0) {
      const auto dot = output.rfind('.');
      const std::string parent = dot == std::string::npos ? "" : output.substr(0, dot + 1);
      if (Refusal refusal = document.set(parent + "model_id", document.string_value(model_id))) return refusal;
    }
    // A number is kept as its text, which may need as much again.
    if (Refusal refusal = document.take_room((vectors[i].size() + 1) * 2 * sizeof(rapidjson::Value))) return refusal;
    rapidjson::Value list(rapidjson::kArrayType);
    list.Reserve(static_cast<rapidjson::SizeType>(vectors[i].size()), allocator);
    for (const float value : vectors[i]) {
      written.assign(1, json::k_number_mark);
      append_float(written, value);
      if (written.find_first_of(".e") == std::string::npos) written += ".0";  // as Java writes a float
      list.PushBack(rapidjson::Value(written.data(), static_cast<rapidjson::SizeType>(written.size()), allocator),
                    allocator);
    }
    if (Refusal refusal = document.append(output, std::move(list))) return refusal;
  }
  return {};
}

}  // namespace sightline::elastic
