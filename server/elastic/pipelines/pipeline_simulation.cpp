#include "server/elastic/pipelines/pipeline_simulation.h"

#include <utility>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/json/writer.h"
#include "server/elastic/pipelines/property_reader.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

constexpr std::size_t k_part_documents = 256;  // as of a bulk

std::string text_or(const Value& document, const char* name, const std::string& otherwise) {
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd() || found->value.IsNull()) return otherwise;
  if (json::is_text(found->value)) return {found->value.GetString(), found->value.GetStringLength()};
  return found->value.IsInt() ? std::to_string(found->value.GetInt()) : otherwise;
}

void append_document(std::string& json, const IngestDocument& document) {
  rapidjson::StringBuffer buffer;
  json::AsWrittenWriter writer(buffer);
  const auto metadata = document.metadata();
  writer.StartObject();
  writer.Key("doc");
  writer.StartObject();
  writer.Key("_index"), writer.String(metadata.index);
  writer.Key("_version"), writer.String("-3");
  writer.Key("_id"), writer.String(metadata.id.value_or("_id"));
  if (metadata.routing) writer.Key("_routing"), writer.String(*metadata.routing);
  writer.Key("_source");
  document.source().Accept(writer);
  writer.Key("_ingest");
  document.ingest_metadata().Accept(writer);
  writer.EndObject();
  writer.EndObject();
  json.append(buffer.GetString(), buffer.GetSize());
}

/// `{"error":{"root_cause":[...],...}}`: the envelope without its status.
std::string simulated_error(const ElasticError& error) {
  const std::string envelope = error.envelope_json();
  return envelope.substr(0, envelope.rfind(",\"status\":")) + "}";
}

}  // namespace

Answer<SimulatedDocuments> SimulatedDocuments::read(const Value& body) {
  PropertyReader reader(body);
  if (!reader.take("docs")) reader.refuse("docs", "required property is missing");
  const auto* list = reader.optional_list("docs");
  if (reader.failed()) return *reader.refusal();
  if (list->Empty()) return illegal_argument("must specify at least one document in [docs]");
  for (const auto& item : list->GetArray()) {
    check_cancelled();
    if (!item.IsObject()) return illegal_argument("malformed [docs] section, should include an inner object");
    const auto source = item.FindMember("_source");
    if (source == item.MemberEnd()) return property_error("_source", "required property is missing");
    if (!source->value.IsObject()) return property_error("_source", "property isn't a map, but of another type");
  }
  return SimulatedDocuments(*list);
}

SimulatedDocuments::Part SimulatedDocuments::next_part() {
  Part part;
  for (; !at_end() && part.size() < k_part_documents; ++next_) {
    const Value& item = (*list_)[next_];
    IngestDocument::Metadata metadata{text_or(item, "_index", "_index"), text_or(item, "_id", "_id"), {}};
    if (const auto routing = text_or(item, "_routing", ""); !routing.empty()) metadata.routing = routing;
    rapidjson::Document copy;
    copy.CopyFrom(item["_source"], copy.GetAllocator());
    part.push_back(std::make_unique<IngestDocument>(metadata, std::move(copy)));
  }
  return part;
}

bool SimulatedAnswer::add(const std::vector<IngestTask>& tasks) {
  for (const auto& task : tasks) {
    check_cancelled();
    if (json_.back() != '[') json_ += ',';
    if (task.failure) {
      json_ += simulated_error(*task.failure);
    } else if (task.document->dropped) {
      json_ += "null";
    } else {
      append_document(json_, *task.document);
    }
    if (json_.size() > max_bytes_) return false;
  }
  return true;
}

}  // namespace sightline::elastic
