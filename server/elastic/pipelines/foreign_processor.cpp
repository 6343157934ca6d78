#include "server/elastic/pipelines/foreign_processor.h"

#include <algorithm>
#include <array>

#include "base/json/document.h"
#include "base/json/writer.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;
using Writer = json::AsWrittenWriter;

constexpr std::array<std::string_view, 6> k_known_here{
    "_ingest.timestamp",
    "_ingest.pipeline",
    "_ingest.on_failure_message",
    "_ingest.on_failure_processor_type",
    "_ingest.on_failure_processor_tag",
    "_ingest.on_failure_pipeline",
};
constexpr std::string_view k_failure = "_ingest.on_failure_";

std::string_view view(const Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

bool is_known_here(std::string_view path) {
  return std::find(k_known_here.begin(), k_known_here.end(), path) != k_known_here.end();
}

/// The text as a template in which it stands for itself.
std::string without_tags(const std::string& text) {
  std::string safe;
  std::size_t at = 0;
  for (std::size_t open; (open = text.find("{{", at)) != std::string::npos; at = open + 2)
    safe += text.substr(at, open - at) + "{{=<% %>=}}{{<%={{ }}=%>";
  return safe + text.substr(at);
}

/// A value of a `set` processor in which all texts stand for themselves.
void write_without_tags(Writer& writer, const Value& value) {
  if (json::is_text(value)) {
    writer.String(without_tags(std::string(view(value))));
  } else if (value.IsArray()) {
    writer.StartArray();
    for (const auto& item : value.GetArray()) write_without_tags(writer, item);
    writer.EndArray();
  } else if (value.IsObject()) {
    writer.StartObject();
    for (const auto& member : value.GetObject()) {
      const std::string name = without_tags(std::string(view(member.name)));
      writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
      write_without_tags(writer, member.value);
    }
    writer.EndObject();
  } else {
    value.Accept(writer);
  }
}

std::string filled(std::string_view text, const IngestDocument& document, Encoding encoding) {
  std::string result;
  std::size_t at = 0;
  while (const auto tag = next_tag(text, at)) {
    if (tag->end == 0) break;
    const auto value = is_known_here(tag->text) ? document.get(tag->text) : illegal_argument("");
    if (value) {
      result += text.substr(at, tag->begin - at);
      const std::string shown((*value)->IsString() ? view(**value) : "");
      result += without_tags(encoded(shown, tag->raw ? Encoding::plain : encoding));
    } else {
      result += text.substr(at, tag->end - at);
    }
    at = tag->end;
  }
  return result + std::string(text.substr(at));
}

void write_filled(Writer& writer, const Value& value, const IngestDocument& document, Encoding encoding) {
  if (json::is_text(value)) {
    writer.String(filled(view(value), document, encoding));
  } else if (value.IsArray()) {
    writer.StartArray();
    for (const auto& item : value.GetArray()) write_filled(writer, item, document, encoding);
    writer.EndArray();
  } else if (value.IsObject()) {
    writer.StartObject();
    for (const auto& member : value.GetObject()) {
      writer.Key(member.name.GetString(), member.name.GetStringLength());
      if (view(member.name) == "on_failure") {
        member.value.Accept(writer);
      } else {
        write_filled(writer, member.value, document, encoding);
      }
    }
    writer.EndObject();
  } else {
    value.Accept(writer);
  }
}

Encoding encoding_for(const Value& options) {
  const auto media_type = options.FindMember("media_type");
  if (media_type == options.MemberEnd() || !media_type->value.IsString()) return Encoding::json;
  return encoding_of(view(media_type->value)).value_or(Encoding::plain);  // the cluster refuses others
}

bool is_seen_to_here(std::string_view option) {
  return option == "if" || option == "ignore_failure" || option == "on_failure";
}

/// True if it reads, other than by `{{_ingest.on_failure_...}}`, a failure that only this server knows.
bool reads_failure(const Value& value) {
  if (value.IsString()) {
    const std::string_view text = view(value);
    std::string rest;
    std::size_t at = 0;
    while (const auto tag = next_tag(text, at)) {
      if (tag->end == 0) break;
      const std::size_t end = is_known_here(tag->text) ? tag->begin : tag->end;
      rest += text.substr(at, end - at);
      at = tag->end;
    }
    rest += text.substr(at);
    return rest.find(k_failure) != std::string::npos;
  }
  if (value.IsArray()) return std::any_of(value.Begin(), value.End(), reads_failure);
  return value.IsObject() && std::any_of(value.MemberBegin(), value.MemberEnd(), [](const auto& member) {
           return view(member.name) != "on_failure" && reads_failure(member.value);
         });
}

bool is_cluster_business(const Processor& processor) {
  return std::holds_alternative<ForeignStep>(processor.step) || !processor.condition.empty();
}

void append_cluster_parts(std::string& json, const std::vector<Processor>& processors, const IngestDocument& document) {
  const auto append = [&json](const std::string& part) { json += (json.size() > 1 ? "," : "") + part; };
  for (const auto& processor : processors) {
    const bool goes_whole = is_cluster_business(processor) && !processor.needs_rescue_here();
    if (goes_whole && processor.type != "inference" && processor.type != "pipeline" && processor.type != "terminate") {
      append(foreign_json(processor, document, false));
      continue;
    }
    if (!processor.condition.empty()) append(R"({"drop":{"if":)" + processor.condition + "}}");
    if (std::holds_alternative<ForeignStep>(processor.step)) append(foreign_json(processor, document, true));
    append_cluster_parts(json, processor.on_failure, document);
  }
}

ElasticError unsplittable(const Processor& processor, const std::string& why) {
  ElasticError error = property_error({}, why, processor.type, processor.tag);
  error.type = "illegal_argument_exception";
  return error;
}

}  // namespace

std::string foreign_json(const Processor& processor, const IngestDocument& document, bool step_only) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key(processor.type.c_str());
  const Value& options = *processor.options;
  if (!options.IsObject()) {
    write_filled(writer, options, document, Encoding::json);
  } else {
    writer.StartObject();
    for (const auto& member : options.GetObject()) {
      const auto name = view(member.name);
      if (step_only && is_seen_to_here(name)) continue;
      writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
      if (name == "on_failure") {
        member.value.Accept(writer);
      } else {
        write_filled(writer, member.value, document, encoding_for(options));
      }
    }
    writer.EndObject();
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string with_ingest_metadata(const std::string& processors, const IngestDocument& document) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const auto& member : document.ingest_metadata().GetObject()) {
    const auto name = view(member.name);
    if (is_of_run(name)) continue;
    writer.StartObject(), writer.Key("set"), writer.StartObject();
    writer.Key("field"), writer.String(without_tags("_ingest." + std::string(name)));
    writer.Key("value"), write_without_tags(writer, member.value);
    writer.EndObject(), writer.EndObject();
  }
  writer.EndArray();
  std::string all(buffer.GetString(), buffer.GetSize());
  if (all == "[]") return processors;
  all.back() = ',';
  return all.append(processors, 1);
}

std::string cluster_parts(const std::vector<Processor>& processors, const std::vector<Processor>& on_failure) {
  rapidjson::Document nothing(rapidjson::kObjectType);
  const IngestDocument document({}, std::move(nothing));
  std::string json = "[";
  append_cluster_parts(json, processors, document);
  append_cluster_parts(json, on_failure, document);
  return json + "]";
}

Refusal refuse_unsplittable(const std::vector<Processor>& processors, bool rescues) {
  for (const auto& processor : processors) {
    if (processor.type == "reroute") {
      // It ends the whole pipeline, which a cluster that runs a part of it cannot.
      return unsplittable(processor,
                          "[reroute] cannot be in the same pipeline as an [inference] processor of the gateway; "
                          "set [_index] instead, or reroute in a separate pipeline");
    }
    if (rescues && is_cluster_business(processor) && reads_failure(*processor.options)) {
      return unsplittable(
          processor,
          "processor [" + processor.type +
              "] of an [on_failure] list of the gateway can read the failure only as "
              "{{_ingest.on_failure_message}} and similar fields in a text; copy it to a field with [set] first");
    }
    const bool runs_here = !is_cluster_business(processor) || processor.needs_rescue_here();
    if (!runs_here) continue;  // the list goes to the cluster with its processor
    if (Refusal refusal = refuse_unsplittable(processor.on_failure, true)) return refusal;
  }
  return {};
}

}  // namespace sightline::elastic
