#include "server/elastic/embedded/mapping.h"

#include <algorithm>

#include "base/cancellation.h"
#include "base/split.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// Refuses the new definition `now` of a field if the field cannot change to it.
void check_update(const Field& before, const Field& now) {
  if (before.type != now.type) {
    refuse(illegal_argument("mapper [" + now.path + "] cannot be changed from type [" + to_string(before.type) +
                            "] to [" + to_string(now.type) + "]"));
  }
  const char* changed = nullptr;
  if (before.indexed != now.indexed) changed = "index";
  if (before.doc_values != now.doc_values) changed = "doc_values";
  if (before.format != now.format) changed = "format";
  if (before.dims != 0 && before.dims != now.dims) changed = "dims";
  if (before.similarity != now.similarity) changed = "similarity";
  if (before.index_options && now.index_options &&
      (now.index_options->type != before.index_options->type || now.index_options->m < before.index_options->m))
    changed = "index_options";
  if (changed == nullptr) return;
  refuse(illegal_argument("Mapper for [" + now.path + "] conflicts with existing mapper: cannot update parameter [" +
                          changed + "]"));
}

/// `now`, with the multi-fields that are only in `before`.
FieldPtr merge_fields(const Field& before, const Field& now) {
  check_update(before, now);
  Field merged = now;
  for (const FieldPtr& old : before.fields) {
    const auto twin = std::ranges::find(now.fields, old->path, &Field::path);
    twin == now.fields.end() ? merged.fields.push_back(old) : check_update(*old, **twin);
  }
  std::ranges::sort(merged.fields, {}, &Field::path);
  return std::make_shared<const Field>(std::move(merged));
}

void merge_nodes(MappingNode& node, const MappingNode& other, const std::string& path) {
  if (node.field && other.field) return void(node.field = merge_fields(*node.field, *other.field));
  if (node.field || other.field)
    refuse(illegal_argument("can't merge a non object mapping [" + path + "] with an object mapping"));
  if (other.dynamic) node.dynamic = other.dynamic;
  if (node.enabled != other.enabled && !path.empty()) {
    refuse({400, "mapper_exception", "the [enabled] parameter can't be updated for the object mapping [" + path + "]"});
  }
  for (const auto& [name, child] : other.children) {
    const auto [place, is_new] = node.children.try_emplace(name, child);
    if (!is_new) merge_nodes(place->second, child, path.empty() ? name : path + "." + name);
  }
}

/// Writes `dynamic`, `enabled` and `properties` of an object.
void write_members(json::Builder& out, const MappingNode& object) {
  constexpr const char* k_dynamic[] = {"true", "false", "strict"};
  if (object.dynamic) out.member("dynamic", k_dynamic[static_cast<int>(*object.dynamic)]);
  if (!object.enabled) out.member("enabled", false);
  if (object.children.empty()) return;
  out.object("properties");
  for (const auto& [name, child] : object.children) {
    out.object(name);
    if (!child.field && child.children.empty()) out.member("type", "object");
    child.field ? write_field(out, *child.field) : write_members(out, child);
    out.end();
  }
  out.end();
}

std::size_t count_objects(const MappingNode& node) {
  std::size_t count = node.field ? 0 : 1;
  for (const auto& [name, child] : node.children) count += count_objects(child);
  return count;
}

/// The error names the first object that is too deep.
[[noreturn]] void refuse_depth(std::string_view path, const MappingLimits& limits) {
  std::size_t end = 0;
  for (std::size_t level = 0; level < limits.depth && end != path.npos; ++level)
    end = path.find('.', end == 0 ? 0 : end + 1);
  refuse(illegal_argument("Limit of mapping depth [" + std::to_string(limits.depth) +
                          "] has been exceeded due to object field [" + std::string(path.substr(0, end)) + "]"));
}

void check_name(std::string_view name, const MappingLimits& limits) {
  if (is_blank(name)) refuse(illegal_argument("a field name cannot be blank"));
  const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  if (name.size() <= limits.field_name_length ||
      static_cast<std::size_t>(std::count_if(name.begin(), name.end(), begins_character)) <= limits.field_name_length)
    return;
  refuse(illegal_argument("Field name [" + std::string(name) + "] is longer than the limit of [" +
                          std::to_string(limits.field_name_length) + "] characters"));
}

/// `levels`: the number of levels of `path`.
void check_names(const MappingNode& node, const std::string& path, std::size_t levels, const MappingLimits& limits) {
  if (!node.field && levels + 1 > limits.depth) refuse_depth(path, limits);
  if (node.field) {
    for (const FieldPtr& sub_field : node.field->fields) {
      const std::string& whole = sub_field->path;
      check_name(std::string_view(whole).substr(whole.rfind('.') + 1), limits);
    }
  }
  for (const auto& [name, child] : node.children) {
    check_name(name, limits);
    if (path.empty() && rest::is_metadata_field(name))
      refuse(illegal_argument("Field [" + name + "] is a metadata field and cannot be defined in a mapping"));
    check_names(child, path.empty() ? name : path + "." + name, levels + 1, limits);
  }
}

void collect(std::map<std::string, FieldPtr, std::less<>>& by_path, const MappingNode& node) {
  if (node.field) {
    by_path[node.field->path] = node.field;
    for (const FieldPtr& sub_field : node.field->fields) by_path[sub_field->path] = sub_field;
  }
  for (const auto& [name, child] : node.children) collect(by_path, child);
}

}  // namespace

const char* to_string(FieldType type) {
  static constexpr const char* k_names[] = {"object",  "text", "keyword", "long",        "integer",
                                            "short",   "byte", "double",  "float",       "half_float",
                                            "boolean", "date", "binary",  "dense_vector"};
  return k_names[static_cast<int>(type)];
}

std::optional<FieldType> field_type_from(std::string_view name) {
  for (int type = 0; type <= static_cast<int>(FieldType::dense_vector); ++type) {
    if (name == to_string(static_cast<FieldType>(type))) return static_cast<FieldType>(type);
  }
  return std::nullopt;
}

bool is_whole_number(FieldType type) {
  return type >= FieldType::long_ && type <= FieldType::byte;
}
bool is_decimal_number(FieldType type) {
  return type >= FieldType::double_ && type <= FieldType::half_float;
}

const char* to_string(VectorSimilarity similarity) {
  static constexpr const char* k_names[] = {"cosine", "dot_product", "l2_norm", "max_inner_product"};
  return k_names[static_cast<int>(similarity)];
}

Answer<Mapping> Mapping::parse_text(std::string_view json) {
  return answer_of([&] { return parse(JsonView(accepted(rest::JsonTape::parse(json)), 0)); });
}

Mapping Mapping::merged_with(const Mapping& other, const MappingLimits& limits) const {
  Mapping merged = *this;
  merge_nodes(merged.root_, other.root_, "");
  for (const auto& [name, json] : other.root_parameters_) merged.root_parameters_[name] = json;
  merged.index_fields();
  // An existing mapping may exceed a limit that was lowered later. It may not grow.
  if (merged.size() > size()) merged.check(limits);
  return merged;
}

void Mapping::check(const MappingLimits& limits) const {
  if (size() > limits.total_fields) {
    refuse(illegal_argument("Limit of total fields [" + std::to_string(limits.total_fields) + "] has been exceeded"));
  }
  check_names(root_, "", 0, limits);
}

MappingNode& Mapping::place_for(const std::string& path) {
  MappingNode* node = &root_;
  for (const std::string& level : split(path, '.')) {
    if (node->field) {
      refuse(illegal_argument("field [" + path + "] lies under the field [" + node->field->path +
                              "], which is no object"));
    }
    const auto [place, is_new] = node->children.try_emplace(level);
    if (is_new) ++objects_;
    node = &place->second;
  }
  return *node;
}

void Mapping::check_new(const std::string& path, bool object, std::size_t more, const MappingLimits& limits,
                        std::size_t known) const {
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1))
    more += node(std::string_view(path).substr(0, dot)) ? 0 : 1;
  if (size() + more > limits.total_fields) {
    refuse(illegal_argument("Limit of total fields [" + std::to_string(limits.total_fields) +
                            "] has been exceeded while adding new fields [" +
                            std::to_string(size() + more - std::min(known, size())) + "]"));
  }
  const std::vector<std::string> levels = split(path, '.');
  if (levels.size() + (object ? 1 : 0) > limits.depth) refuse_depth(path, limits);
  for (const std::string& level : levels) check_name(level, limits);
}

void Mapping::add(FieldPtr field, const MappingLimits& limits, std::size_t known) {
  check_new(field->path, false, 1 + field->fields.size(), limits, known);
  MappingNode& node = place_for(field->path);
  if (node.field || !node.children.empty()) refuse(illegal_argument("field [" + field->path + "] exists already"));
  --objects_;
  node.field = std::move(field);
  collect(by_path_, node);
}

void Mapping::add_object(const std::string& path, const MappingLimits& limits, std::size_t known) {
  check_new(path, true, 1, limits, known);
  place_for(path);
}

void Mapping::replace(FieldPtr field) {
  MappingNode& place = place_for(field->path);
  place.field = std::move(field);
  collect(by_path_, place);
}

void Mapping::remove(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  MappingNode& parent = dot == path.npos ? root_ : place_for(path.substr(0, dot));
  const auto node = parent.children.find(path.substr(dot + 1));
  objects_ -= count_objects(node->second);
  parent.children.erase(node);
  by_path_.erase(path);
  by_path_.erase(by_path_.lower_bound(path + '.'), by_path_.lower_bound(path + static_cast<char>('.' + 1)));
}

FieldPtr Mapping::find(std::string_view path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

const MappingNode* Mapping::node(std::string_view path) const {
  const MappingNode* place = &root_;
  if (path.empty()) return place;
  for (const std::string& level : split(path, '.')) {
    const auto child = place->children.find(level);
    if (child == place->children.end()) return nullptr;
    place = &child->second;
  }
  return place;
}

std::vector<FieldPtr> Mapping::expand(std::string_view pattern) const {
  std::vector<FieldPtr> fields;
  if (pattern.find('*') == std::string_view::npos) {
    if (FieldPtr field = find(pattern)) fields.push_back(std::move(field));
    return fields;
  }
  for (const auto& [path, field] : by_path_) {
    check_cancelled();
    if (rest::wildcard_match(pattern, path)) fields.push_back(field);
  }
  return fields;
}

std::string Mapping::to_json() const {
  json::Builder out;
  out.object();
  for (const auto& [name, json] : root_parameters_) out.member(name, json::Raw{json});
  write_members(out, root_);
  return out.text();
}

void Mapping::index_fields() {
  by_path_.clear();
  collect(by_path_, root_);
  objects_ = count_objects(root_) - 1;  // the root does not count
}

void GrowingMapping::take_back() {
  for (; !changes_.empty(); changes_.pop_back()) {
    auto& [path, before] = changes_.back();
    before ? grown_->replace(std::move(before)) : grown_->remove(path);
  }
}

FieldPtr with_dims(const Field& field, int dims) {
  Field known = field;
  known.dims = dims;
  check_dims(known);
  if (known.indexed && !known.index_options) known.index_options = default_index_options(dims);
  return std::make_shared<const Field>(std::move(known));
}

}  // namespace sightline::elastic
