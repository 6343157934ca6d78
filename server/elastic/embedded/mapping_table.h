// The parameters of mappings, in tables like those of request bodies.
#pragma once

#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {

/// 400 mapper_parsing_exception.
inline ElasticError mapper_error(std::string reason) {
  return {400, "mapper_parsing_exception", std::move(reason)};
}

inline rest::Kinds kind_of(const rapidjson::Value& value) {
  if (value.IsObject()) return rest::k_object;
  if (value.IsArray()) return rest::k_array;
  if (value.IsString()) return rest::k_text;
  if (value.IsNumber()) return rest::k_number;
  return value.IsBool() ? rest::k_flag : rest::k_null;
}

/// The parameters of one kind of object of a mapping. Values come as a DOM, since mappings are kept as text
/// and read again.
template <class Target>
class MappingTable : public rest::MemberTableBase {
 public:
  using Read = Refusal (*)(Target& target, const std::string& name, const rapidjson::Value& value);
  struct Row {
    rest::MemberInfo info;
    Read read;
  };
  /// A row. Without a reader it is one of a refused parameter.
  static Row done(std::string_view name, rest::Kinds kinds, Read read, std::string_view note = {}) {
    return {{name, kinds, read ? rest::Treatment::done : rest::Treatment::refused, note}, read};
  }
  /// A parameter that is kept, so that GET shows it, and changes nothing else; or nothing at all.
  static Row kept(std::string_view name, rest::Kinds kinds, Read read, std::string_view why) {
    return {{name, kinds, rest::Treatment::no_effect, why}, read};
  }
  static Row only(std::string_view name, rest::Kinds kinds, Read read, std::string_view which) {
    return {{name, kinds, rest::Treatment::only_some, which}, read};
  }
  static Row refused(std::string_view name, std::string_view note = {}) {
    return {{name, rest::k_any, rest::Treatment::refused, note}, nullptr};
  }
  using Rows = std::vector<Row>;

  MappingTable(std::string_view place, std::initializer_list<Rows> groups)
      : MemberTableBase(place, place, rest::k_object_dialect) {
    for (const Rows& rows : groups) {
      for (const Row& row : rows) {
        add(row.info);
        rows_.push_back(row);
      }
    }
  }

  /// Null if there is no such parameter.
  const Row* row(std::string_view name) const {
    for (const Row& row : rows_) {
      if (row.info.name == name) return &row;
    }
    return nullptr;
  }

 private:
  Rows rows_;
};

}  // namespace sightline::elastic
