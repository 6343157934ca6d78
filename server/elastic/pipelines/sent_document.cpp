#include "server/elastic/pipelines/sent_document.h"

#include <algorithm>
#include <limits>

#include "base/json/document.h"
#include "base/json/number.h"
#include "base/json/writer.h"
#include "base/number_text.h"
#include "base/string_map.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

std::string_view view(const Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

bool is_decimal(std::string_view number) {
  return number.find_first_of(".eE") != std::string_view::npos;
}

bool is_large(const Value& value) {
  if (const auto number = json::written_number(value)) return !is_decimal(*number) && *number != "-0";
  return value.IsUint64() && !value.IsInt64();
}

/// What Elasticsearch prints for a number of a document; nothing if it is none.
std::optional<std::string> printed(const Value& value) {
  if (!value.IsNumber() && !json::written_number(value)) return std::nullopt;
  return json::java_number_text(json::text_as_written(value));
}

/// What simulation shows in place of a number: what is too large for a double becomes a text.
bool shows(const Value& shown, const std::string& print) {
  if (json::is_text(shown)) return view(shown) == print && print.ends_with("Infinity");
  const auto number = printed(shown);
  return number && *number == print;
}

bool is_part_of_name(char c) {
  return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// True if `json` has the name somewhere, in a text, a template or a script.
bool names(std::string_view json, std::string_view name) {
  const std::string escaped = json::json_string(name);
  const std::string_view sought = std::string_view(escaped).substr(1, escaped.size() - 2);
  if (sought.empty()) return true;
  for (std::size_t at = json.find(sought); at != std::string_view::npos; at = json.find(sought, at + 1)) {
    const std::size_t end = at + sought.size();
    const bool begins = at == 0 || !is_part_of_name(json[at - 1]) || !is_part_of_name(sought.front());
    const bool ends = end == json.size() || !is_part_of_name(json[end]) || !is_part_of_name(sought.back());
    if (begins && ends) return true;
  }
  return false;
}

/// True for a pipeline or a stored script among the processors: what they do is not known here.
bool holds_unknown(const Value& value) {
  if (value.IsArray()) return std::any_of(value.Begin(), value.End(), holds_unknown);
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [](const auto& member) {
    const std::string_view name = view(member.name);
    return name == "pipeline" || name == "id" || holds_unknown(member.value);
  });
}

}  // namespace

/// Walks through what came back beside what was sent.
class SentDocument::Restorer {
 public:
  Restorer(const SentDocument& sent, IngestDocument::Allocator& allocator) : sent_(sent), allocator_(allocator) {}

  /// `before`: what was sent in this place; null: nothing.
  Refusal restore(Value& value, const Value* before) {
    if (value.IsObject()) return restore_object(value, before);
    if (value.IsArray()) return restore_list(value, before);
    if (json::is_text(value) && stands_for_large(view(value))) return restore_large(value);
    if (before && is_large(*before) && !sent_.mark_.empty()) return changed();
    const auto print = before ? printed(*before) : std::nullopt;
    if (print && shows(value, *print)) {
      value.CopyFrom(*before, allocator_);
    } else if (const auto found = sent_.decimals_.find(printed(value).value_or(""));
               found != sent_.decimals_.end() && found->second) {
      value.CopyFrom(*found->second, allocator_);
    }
    return {};
  }

 private:
  Refusal restore_object(Value& object, const Value* before) {
    StringViewMap<const Value*> members;
    if (before && before->IsObject()) {
      for (const auto& member : before->GetObject()) members.emplace(view(member.name), &member.value);
    }
    for (auto& member : object.GetObject()) {
      const auto found = members.find(view(member.name));
      if (Refusal refusal = restore(member.value, found == members.end() ? nullptr : found->second)) return refusal;
    }
    return {};
  }

  Refusal restore_list(Value& list, const Value* before) {
    const bool is_same = before && before->IsArray() && before->Size() == list.Size();
    for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
      if (Refusal refusal = restore(list[i], is_same ? &(*before)[i] : nullptr)) return refusal;
    }
    return {};
  }

  bool stands_for_large(std::string_view text) const {
    return !sent_.mark_.empty() && text.find(sent_.mark_) != std::string_view::npos;
  }

  Refusal restore_large(Value& value) {
    const std::string_view text = view(value);
    const auto index =
        text.starts_with(sent_.mark_) ? number_from<std::size_t>(text.substr(sent_.mark_.size())) : std::nullopt;
    if (!index || *index >= sent_.large_.size()) return changed();
    value.CopyFrom(*sent_.large_[*index], allocator_);
    return {};
  }

  Refusal changed() const { return sent_.explained(illegal_argument("a processor has changed java.math.BigInteger")); }

  const SentDocument& sent_;
  IngestDocument::Allocator& allocator_;
};

SentDocument::SentDocument(const IngestDocument& document, std::string_view processors) : document_(document) {
  for (const auto& member : document.source().GetObject()) find_numbers(member.value, view(member.name));
  const auto metadata = document.metadata();
  rapidjson::StringBuffer buffer;
  json::AsWrittenWriter writer(buffer);
  writer.StartObject();
  writer.Key("_index"), writer.String(metadata.index);
  if (metadata.id) writer.Key("_id"), writer.String(*metadata.id);
  if (metadata.routing) writer.Key("_routing"), writer.String(*metadata.routing);
  writer.Key("_source");
  document.source().Accept(writer);
  writer.EndObject();
  json_ = {buffer.GetString(), buffer.GetSize()};
  if (!large_.empty()) replace_large(processors);
}

void SentDocument::find_numbers(const Value& value, std::string_view top_field) {
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) find_numbers(item, top_field);
  } else if (value.IsObject()) {
    for (const auto& member : value.GetObject()) find_numbers(member.value, top_field);
  } else if (is_large(value)) {
    large_.push_back(&value);
    if (large_fields_.empty() || large_fields_.back() != top_field) large_fields_.emplace_back(top_field);
  } else if (const auto number = json::written_number(value); number && is_decimal(*number)) {
    const auto [known, is_new] = decimals_.try_emplace(json::java_number_text(*number), &value);
    if (!is_new && known->second && json::written_number(*known->second) != number) known->second = nullptr;
  }
}

void SentDocument::replace_large(std::string_view processors) {
  const auto parsed = rest::parse_as_written(processors);
  if (!parsed || holds_unknown(*parsed)) return;
  for (const std::string& field : large_fields_) {
    if (names(processors, field)) return;
  }
  for (int i = 0; mark_.empty() || json_.find(mark_) != std::string::npos; ++i)
    mark_ = "sightline-integer-" + std::to_string(i) + "-";
  // In the order of `find_numbers`, which is that of the text.
  const auto tape = rest::JsonTape::parse(json_);
  if (!tape) return mark_.clear();
  std::string replaced;
  std::size_t copied = 0, next = 0;
  for (std::size_t i = 0; i < tape->size() && next < large_.size(); ++i) {
    const auto& token = (*tape)[i];
    if (token.kind != rest::JsonToken::Kind::number) continue;
    if (token.text != json::text_as_written(*large_[next])) continue;
    replaced.append(json_, copied, token.begin - copied);
    replaced += '"' + mark_ + std::to_string(next++) + '"';
    copied = token.end;
  }
  json_ = replaced.append(json_, copied);
}

Refusal SentDocument::restore(Value& source, IngestDocument::Allocator& allocator) const {
  return Restorer(*this, allocator).restore(source, &document_.source());
}

ElasticError SentDocument::explained(ElasticError error) const {
  if (large_.empty() || error.reason.find("java.math.BigInteger") == std::string::npos) return error;
  return illegal_argument(
      "field [" + large_fields_.front() +
      "] contains an integer beyond 64 bits, which cannot be passed to the cluster's processors of this pipeline by "
      "simulation; send it as a string, or run those processors in a pipeline of the cluster");
}

}  // namespace sightline::elastic
