#include "server/elastic/pipelines/ingest_document.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <span>
#include <vector>

#include "base/json/document.h"
#include "base/json/utf8.h"
#include "base/json/writer.h"
#include "base/number_text.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

constexpr std::array<std::string_view, 3> k_settable_metadata{"_index", "_id", "_routing"};
constexpr std::array<std::string_view, 6> k_other_metadata{"_version",         "_version_type", "_if_seq_no",
                                                           "_if_primary_term", "_type",         "_dynamic_templates"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What a document may grow by that came larger than pipelines make one.
constexpr std::size_t k_least_growth = 1u << 20;
/// Of a path that may be very long, in an error.
constexpr std::size_t k_shown_path = 256;
/// An allocator's, at least.
constexpr std::size_t k_chunk = 64u << 10;
/// Memory that is not worth looking for.
constexpr std::size_t k_little = 4u << 20;

std::string_view view(const Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

/// What a copy of the value takes, where `size` is that of a text.
template <class TextSize>
std::size_t weight_of(const Value& value, TextSize size) {
  std::size_t bytes = sizeof(Value);
  if (value.IsString()) bytes += size(view(value));
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) bytes += weight_of(item, size);
  } else if (value.IsObject()) {
    for (const auto& member : value.GetObject()) bytes += weight_of(member.name, size) + weight_of(member.value, size);
  }
  return bytes;
}
std::size_t weight_of(const Value& value) {
  return weight_of(value, json_size);
}

/// How many lists and objects lie in each other.
std::size_t depth_of(const Value& value) {
  std::size_t inner = 0;
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) inner = std::max(inner, depth_of(item));
  } else if (value.IsObject()) {
    for (const auto& member : value.GetObject()) inner = std::max(inner, depth_of(member.value));
  } else {
    return 0;
  }
  return inner + 1;
}

Value name_value(std::string_view name) {
  return Value(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
}

std::string bracketed(std::string_view text) {
  return "[" + std::string(text) + "]";
}

/// A path taken apart: which of the document's three objects it begins in, and its names.
struct FieldPath {
  enum class Root { source, metadata, ingest };
  Root root = Root::source;
  std::vector<std::string_view> names;
};

Answer<FieldPath> parse_path(std::string_view path) {
  if (path.empty()) return illegal_argument("path cannot be null nor empty");
  FieldPath parsed;
  std::string_view rest = path;
  if (rest.starts_with("_ingest.")) {
    parsed.root = FieldPath::Root::ingest;
    rest.remove_prefix(8);
  } else if (rest.starts_with("_source.")) {
    rest.remove_prefix(8);
  }
  while (true) {
    const std::size_t dot = rest.find('.');
    parsed.names.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  while (!parsed.names.empty() && parsed.names.back().empty()) parsed.names.pop_back();
  if (parsed.names.empty()) return illegal_argument("path " + bracketed(path) + " is not valid");
  if (parsed.root == FieldPath::Root::source &&
      (is_one_of(k_settable_metadata, parsed.names.front()) || is_one_of(k_other_metadata, parsed.names.front()))) {
    parsed.root = FieldPath::Root::metadata;
  }
  return parsed;
}

Answer<rapidjson::SizeType> list_index(std::string_view name, const Value& list, std::string_view path) {
  const auto index = number_from<int>(name);
  if (!index) {
    return illegal_argument(bracketed(name) + " is not an integer, cannot be used as an index as part of path " +
                            bracketed(path));
  }
  if (*index < 0 || static_cast<rapidjson::SizeType>(*index) >= list.Size()) {
    return illegal_argument(bracketed(name) + " is out of bounds for array with length [" +
                            std::to_string(list.Size()) + "] as part of path " + bracketed(path));
  }
  return static_cast<rapidjson::SizeType>(*index);
}

/// "cannot resolve [x] from object of type [java.lang.String] as part of path [a.x]"
ElasticError cannot(const char* what, const char* preposition, std::string_view name, const Value& parent,
                    std::string_view path) {
  std::string reason = std::string("cannot ") + what + " " + bracketed(name) + " " + preposition;
  reason += parent.IsNull() ? std::string(preposition) == "from" ? " null" : " null parent"
                            : (std::string(preposition) == "from" ? " object of type [" : " parent object of type [") +
                                  std::string(java_class(parent)) + "]";
  return illegal_argument(reason + " as part of path " + bracketed(path));
}

ElasticError not_present(std::string_view name, std::string_view path) {
  return illegal_argument("field " + bracketed(name) + " not present as part of path " + bracketed(path));
}

}  // namespace

bool is_of_run(std::string_view ingest_member) {
  return ingest_member == "timestamp" || ingest_member == "pipeline" || ingest_member.starts_with("on_failure_");
}

ElasticError too_many_steps(std::size_t most) {
  return illegal_argument("the document took more than [" + std::to_string(most) +
                          "] steps through pipelines, which [--elasticsearch-max-pipeline-steps] allows, where each [" +
                          std::to_string(k_members_per_step) + "] fields that a step looks at and each [" +
                          std::to_string(k_bytes_per_step) +
                          "] bytes that it copies count as one more; check for a pipeline that calls another more than "
                          "once, and for documents with thousands of fields");
}

const char* java_class(const Value& value) {
  if (const auto number = json::written_number(value)) {
    if (number->find_first_of(".eE") != std::string_view::npos) return "java.lang.Double";
    return *number == "-0" ? "java.lang.Integer" : "java.math.BigInteger";
  }
  if (value.IsString()) return "java.lang.String";
  if (value.IsBool()) return "java.lang.Boolean";
  if (value.IsObject()) return "java.util.HashMap";
  if (value.IsArray()) return "java.util.ArrayList";
  if (value.IsInt()) return "java.lang.Integer";
  if (value.IsInt64()) return "java.lang.Long";
  return value.IsUint64() ? "java.math.BigInteger" : "java.lang.Double";
}

std::size_t json_size(std::string_view text) {
  std::size_t bytes = text.size();
  for (const char c : text) bytes += static_cast<unsigned char>(c) < 0x20 ? 5 : c == '"' || c == '\\' ? 1 : 0;
  return bytes;
}

IngestDocument::IngestDocument(const Metadata& metadata, rapidjson::Document source)
    : source_(std::move(source)), ingest_(rapidjson::kObjectType) {
  put_metadata(metadata);
  ingest_.AddMember("timestamp", string_value(ingest_timestamp()), allocator());
  tidied_ = allocator().Size();
  came_with_ = holds_ = std::max(tidied_, weight_of(source_, [](std::string_view text) { return text.size(); }));
}

void IngestDocument::allow_steps(std::size_t most) {
  constexpr std::uint64_t k_no_bound = std::numeric_limits<std::uint64_t>::max();
  work_ = 0;
  max_steps_ = most;
  max_work_ = most < k_no_bound / k_members_per_step ? std::uint64_t{most} * k_members_per_step : k_no_bound;
}

void IngestDocument::count_steps(std::size_t steps) const {
  count_members(steps * k_members_per_step);
}

void IngestDocument::count_members(std::size_t members) const {
  work_ += members;
}

void IngestDocument::count_bytes(std::size_t bytes) const {
  count_members(bytes / (k_bytes_per_step / k_members_per_step));
}

Refusal IngestDocument::refuse_if_out_of_steps() const {
  return is_out_of_steps() ? Refusal(too_many_steps(max_steps_)) : Refusal();
}

Value::MemberIterator IngestDocument::find(Value& object, std::string_view name) const {
  const auto found = object.FindMember(name_value(name));
  count_members(static_cast<std::size_t>(found - object.MemberBegin()));
  return found;
}

/// The value of that name, or at that place of a list.
Answer<Value*> IngestDocument::step(Value& parent, std::string_view name, std::string_view path) const {
  if (parent.IsObject()) {
    const auto found = find(parent, name);
    if (found == parent.MemberEnd()) return not_present(name, path);
    return &found->value;
  }
  if (parent.IsArray()) {
    const auto index = list_index(name, parent, path);
    if (!index) return index.error();
    return &parent[*index];
  }
  return cannot("resolve", "from", name, parent, path);
}

void IngestDocument::bound(DocumentBounds bounds) {
  bounds_ = std::move(bounds);
  share_ = bounds_.growth ? std::make_unique<http::BufferShare>(bounds_.growth) : nullptr;
}

std::size_t IngestDocument::allowed() const {
  return std::max(bounds_.max_bytes, came_with_ + k_least_growth);
}

void IngestDocument::recount() {
  count_bytes(holds_ / 4);  // only looked through
  holds_ = weight_of(source_) + weight_of(metadata_) + weight_of(ingest_);
}

std::size_t IngestDocument::room() {
  return allowed() - std::min(holds_, allowed());
}

std::size_t IngestDocument::exact_room() {
  recount();  // what was overwritten or removed counts no more
  return room();
}

Refusal IngestDocument::take_room(std::size_t bytes) {
  count_bytes(bytes);
  if (bytes > room() && bytes > exact_room()) {
    return illegal_argument("the document would take more than [" + std::to_string(allowed()) +
                            "] bytes of memory, the limit of [--elasticsearch-max-pipeline-document-bytes] "
                            "for a document in a pipeline");
  }
  const std::size_t taken = allocator().Size() + bytes;
  if (share_ && taken > came_with_ && !share_->grow_to(taken - came_with_)) {
    return ElasticError{429, "es_rejected_execution_exception",
                        "documents in pipelines have grown to the limit of "
                        "[--elasticsearch-max-pipeline-growth-bytes] for all of them together; retry the "
                        "document again later"};
  }
  holds_ += bytes;
  return {};
}

Answer<Value> IngestDocument::copy_of(const Value& value) {
  if (Refusal refusal = take_room(weight_of(value))) return *refusal;
  return Value(value, allocator());
}

/// No text may begin with the mark of a number that is kept as its text; as a byte that is not UTF-8 it could
/// not be written in any case.
Value IngestDocument::string_value(std::string_view text) {
  std::string mended;
  if (text.starts_with(json::k_number_mark)) {
    json::append_valid_utf8(mended, text);
    text = mended;
  }
  return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator());
}

Answer<Value> IngestDocument::text_value(std::string_view text) {
  if (Refusal refusal = take_room(sizeof(Value) + json_size(text))) return *refusal;
  return string_value(text);
}

void IngestDocument::tidy() {
  const std::size_t size = allocator().Size();
  count_members(size / k_chunk);  // it adds up its chunks
  if (size <= tidied_ + tidied_ / 2 + k_little) return;
  recount();
  if (size > holds_ + holds_ / 2 + k_little) compact();
  tidied_ = allocator().Size();
}

/// The allocator frees nothing before the last of its values is gone.
void IngestDocument::compact() {
  count_bytes(holds_);
  rapidjson::Document fresh;
  fresh.CopyFrom(source_, fresh.GetAllocator());
  Value metadata(metadata_, fresh.GetAllocator()), ingest(ingest_, fresh.GetAllocator());
  source_ = std::move(fresh);
  metadata_ = std::move(metadata);
  ingest_ = std::move(ingest);
  if (!share_) return;
  const std::size_t size = allocator().Size();
  share_->clear();
  if (size > came_with_) share_->grow_to(size - came_with_);
}

void IngestDocument::put_metadata(const Metadata& metadata) {
  metadata_.SetObject();
  metadata_.AddMember("_index", string_value(metadata.index), allocator());
  if (metadata.id) metadata_.AddMember("_id", string_value(*metadata.id), allocator());
  if (metadata.routing) metadata_.AddMember("_routing", string_value(*metadata.routing), allocator());
  metadata_.AddMember("_version", -3, allocator());
}

void IngestDocument::replace(const Metadata& metadata, rapidjson::Document source, const Value& ingest) {
  auto& allocator = source.GetAllocator();
  Value kept(rapidjson::kObjectType);
  const auto keep = [&](const Value& members, bool of_run) {
    for (const auto& [name, value] : members.GetObject()) {
      if (is_of_run(view(name)) == of_run) kept.AddMember(Value(name, allocator), Value(value, allocator), allocator);
    }
  };
  keep(ingest_, true);
  keep(ingest.IsObject() ? ingest : ingest_, false);
  source_ = std::move(source);  // and with it the memory of all three
  ingest_ = std::move(kept);
  put_metadata(metadata);
  holds_ = tidied_ = source_.GetAllocator().Size();
}

Answer<const Value*> IngestDocument::get(std::string_view path) const {
  count_bytes(path.size());
  if (Refusal refusal = refuse_if_out_of_steps()) return *std::move(refusal);
  auto parsed = parse_path(path);
  if (!parsed) return parsed.error();
  const Value* at = parsed->root == FieldPath::Root::source     ? &source_
                    : parsed->root == FieldPath::Root::metadata ? &metadata_
                                                                : &ingest_;
  for (const auto name : parsed->names) {
    auto next = step(const_cast<Value&>(*at), name, path);  // only looked at
    if (!next) return next.error();
    at = *next;
  }
  return at;
}

bool IngestDocument::has(std::string_view path) const {
  return get(path).ok();
}

Refusal IngestDocument::set(std::string_view path, Value value) {
  return put(path, value);
}

Refusal IngestDocument::put(std::string_view path, Value& value) {
  count_bytes(path.size());
  if (Refusal refusal = refuse_if_out_of_steps()) return refusal;
  auto parsed = parse_path(path);
  if (!parsed) return parsed.error();
  auto& names = parsed->names;
  Value* at = &static_cast<Value&>(source_);
  if (parsed->root == FieldPath::Root::ingest) at = &ingest_;
  if (parsed->root == FieldPath::Root::metadata) {
    at = &metadata_;
    if (!is_one_of(k_settable_metadata, names.front())) {
      return illegal_argument(bracketed(names.front()) + " cannot be set by a pipeline here");
    }
    if (!json::is_text(value))
      return illegal_argument(bracketed(names.front()) + " must be a string, like all metadata that a pipeline sets");
  }
  if (names.size() + depth_of(value) > static_cast<std::size_t>(rest::k_max_json_depth)) {
    return illegal_argument("the value set at path " + bracketed(path.substr(0, k_shown_path)) +
                            " would be nested in more than [" + std::to_string(rest::k_max_json_depth) +
                            "] objects and lists");
  }
  const std::string_view leaf = names.back();
  names.pop_back();
  for (const auto name : names) {
    if (at->IsObject() && find(*at, name) == at->MemberEnd()) {
      at->AddMember(string_value(name), Value(rapidjson::kObjectType), allocator());
    }
    auto next = step(*at, name, path);
    if (!next) return next.error();
    at = *next;
  }
  if (at->IsObject()) {
    const auto found = find(*at, leaf);
    if (found == at->MemberEnd()) {
      at->AddMember(string_value(leaf), value, allocator());
    } else {
      found->value = value;
    }
    return {};
  }
  if (!at->IsArray()) return cannot("set", "with", leaf, *at, path);
  const auto index = list_index(leaf, *at, path);
  if (!index) return index.error();
  (*at)[*index] = value;
  return {};
}

Refusal IngestDocument::append(std::string_view path, Value value) {
  Value list(rapidjson::kArrayType);
  if (auto old = get(path); old) {
    Value& there = const_cast<Value&>(**old);  // it is ours, and replaced below
    if (there.IsArray()) {
      count_members(there.Size());  // `set` looks through them
      list = there;                 // moved
    } else if (!there.IsNull()) {
      list.PushBack(there, allocator());
    }
  }
  if (value.IsArray()) {
    list.Reserve(list.Size() + value.Size(), allocator());
    for (auto& item : value.GetArray()) list.PushBack(item, allocator());
  } else {
    list.PushBack(value, allocator());
  }
  return set(path, std::move(list));
}

Answer<IngestDocument::Place> IngestDocument::place_of(std::string_view path) {
  count_bytes(path.size());
  if (Refusal refusal = refuse_if_out_of_steps()) return *std::move(refusal);
  auto parsed = parse_path(path);
  if (!parsed) return parsed.error();
  Value* at = parsed->root == FieldPath::Root::source     ? &static_cast<Value&>(source_)
              : parsed->root == FieldPath::Root::metadata ? &metadata_
                                                          : &ingest_;
  const std::string_view leaf = parsed->names.back();
  parsed->names.pop_back();
  for (const auto name : parsed->names) {
    auto next = step(*at, name, path);
    if (!next) return next.error();
    at = *next;
  }
  if (at == &metadata_ && leaf == "_index")
    return illegal_argument("field [_index] cannot be removed, a document needs it");
  if (at->IsObject()) {
    const auto found = find(*at, leaf);
    if (found == at->MemberEnd()) return not_present(leaf, path);
    return Place{at, static_cast<rapidjson::SizeType>(found - at->MemberBegin())};
  }
  if (!at->IsArray()) return cannot("remove", "from", leaf, *at, path);
  const auto index = list_index(leaf, *at, path);
  if (!index) return index.error();
  return Place{at, *index};
}

/// Keeps the order of the others.
void IngestDocument::erase(const Place& place) {
  Value& parent = *place.parent;
  count_members((parent.IsObject() ? parent.MemberCount() : parent.Size()) - place.index);
  if (parent.IsObject())
    parent.EraseMember(parent.MemberBegin() + place.index);
  else
    parent.Erase(parent.Begin() + place.index);
}

/// Undoes `erase`.
void IngestDocument::insert(const Place& place, Value name, Value value) {
  Value& parent = *place.parent;
  if (parent.IsObject()) {
    parent.AddMember(name, value, allocator());
    for (auto at = parent.MemberEnd() - 1; at != parent.MemberBegin() + place.index; --at) {
      at->name.Swap((at - 1)->name);
      at->value.Swap((at - 1)->value);
    }
  } else {
    parent.PushBack(value, allocator());
    for (auto* at = parent.End() - 1; at != parent.Begin() + place.index; --at) at->Swap(*(at - 1));
  }
}

Refusal IngestDocument::remove(std::string_view path) {
  const auto place = place_of(path);
  if (!place) return place.error();
  erase(*place);
  return {};
}

Refusal IngestDocument::move(std::string_view from, std::string_view to) {
  const auto place = place_of(from);
  if (!place) return place.error();
  Value name, value;
  if (place->parent->IsObject()) {
    const auto member = place->parent->MemberBegin() + place->index;
    name = std::move(member->name);
    value = std::move(member->value);
  } else {
    value = std::move((*place->parent)[place->index]);
  }
  erase(*place);
  Refusal refusal = put(to, value);
  if (refusal) insert(*place, std::move(name), std::move(value));  // `put` has changed nothing
  return refusal;
}

void IngestDocument::append_source(std::string& json) const {
  json += '{';
  for (const auto& [name, value] : source_.GetObject()) {
    if (json.back() != '{') json += ',';
    json::append_json_string(json, view(name));
    json += ':';
    if (json::is_text(value)) {
      json::append_json_string(json, view(value));  // of any size: written in its place
    } else {
      json += json::text_as_written(value);
    }
  }
  json += '}';
}

std::string IngestDocument::source_json() const {
  std::string json;
  json.reserve(holds_);  // a large one must not grow by copies
  append_source(json);
  return json;
}

IngestDocument::Metadata IngestDocument::metadata() const {
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = metadata_.FindMember(name);
    if (found == metadata_.MemberEnd() || !found->value.IsString()) return {};
    return std::string(found->value.GetString(), found->value.GetStringLength());
  };
  return {text("_index").value_or(""), text("_id"), text("_routing")};
}

std::string ingest_timestamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09ldZ", static_cast<long>(nanoseconds % 1'000'000'000));
  return std::string(text.data(), length) + fraction.data();
}

}  // namespace sightline::elastic
