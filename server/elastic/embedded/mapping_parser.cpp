// Reads mappings as users write them.
#include <algorithm>
#include <string>

#include "server/elastic/embedded/field_parser.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

/// What the parameters of an object are read into, the root's too.
struct ObjectReading {
  MappingNode& node;
  std::string prefix;  ///< "" or "a.b."
  std::map<std::string, std::string>* shown = nullptr;  ///< of the root: parameters that are shown as they came
};

void skip(const JsonView&, const JsonView&, ObjectReading&) {}

void read_dynamic(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  const std::string text = read_text(value, key.text());
  if (text != "true" && text != "false" && text != "strict")
    refuse_mapping("[dynamic] must be true, false or strict, found [" + shortened(text) + "]");
  reading.node.dynamic = text == "true" ? Dynamic::yes : text == "false" ? Dynamic::no : Dynamic::strict;
}

void read_enabled(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  reading.node.enabled = read_bool(value, key.text());
}

void read_shown(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  (*reading.shown)[std::string(key.text())] = value.raw();
}

void read_properties(const JsonView&, const JsonView& value, ObjectReading& reading);

const MemberTable<ObjectReading>::Rows k_both{{"properties", k_object, read_properties},
                                              {"dynamic", k_flags, read_dynamic, "`true`, `false`, `strict`"}};
const MemberTable<ObjectReading> k_root{
    "mapping", "mapping", k_mapper_error, {k_both, {{"_meta", k_object, read_shown, "kept and shown"}}}};
const MemberTable<ObjectReading> k_object_mapping{
    "mapping of an object", "object", k_mapper_error,
    {k_both, {{"type", k_text, skip, "`object`"}, {"enabled", k_flags, read_enabled}}}};

void read_property(MappingNode& object, const std::string& prefix, const std::string& name, const JsonView& body) {
  const std::string path = prefix + name;
  if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != name.npos)
    refuse(illegal_argument("a field name cannot be empty, or start or end with a dot: [" + shortened(path) + "]"));
  if (static_cast<std::size_t>(std::count(path.begin(), path.end(), '.')) >= k_deepest_mapping) {
    refuse(illegal_argument("Limit of mapping depth [" + std::to_string(k_deepest_mapping) +
                            "] has been exceeded due to field [" + shortened(path) + "]"));
  }
  if (const std::size_t dot = name.find('.'); dot != std::string::npos) {
    MappingNode& child = object.children[name.substr(0, dot)];
    if (child.field) refuse(illegal_argument("can't merge a non object mapping [" + path + "] with an object mapping"));
    return read_property(child, prefix + name.substr(0, dot + 1), name.substr(dot + 1), body);
  }
  if (!body.is_object()) refuse_mapping("the mapping of [" + path + "] must be an object");
  const auto type = body.member("type");
  const bool is_object = type ? type->text() == "object"
                              : body.member("properties") || body.member("enabled") || body.member("dynamic");
  MappingNode& child = object.children[name];
  if (!is_object) return void(child.field = parse_field(path, body));
  ObjectReading reading{child, path + "."};
  k_object_mapping.read(body, reading);
}

void read_properties(const JsonView&, const JsonView& value, ObjectReading& reading) {
  value.each_member([&](const JsonView& key, const JsonView& body) {
    read_property(reading.node, reading.prefix, std::string(key.text()), body);
  });
}

}  // namespace

Mapping Mapping::parse(const JsonView& body) {
  try {
    if (!body.is_object()) refuse_mapping("a mapping must be an object");
    Mapping mapping;
    ObjectReading reading{mapping.root_, "", &mapping.root_parameters_};
    k_root.read(body, reading);
    mapping.index_fields();
    return mapping;
  } catch (const Refused& refused) {
    refuse_mapping("Failed to parse mapping: " + refused.error.reason);
  }
}

}  // namespace sightline::elastic
