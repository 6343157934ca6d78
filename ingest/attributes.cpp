#include "ingest/attributes.h"

#include <fstream>
#include <set>
#include <sstream>

#include "base/json/document.h"
#include "base/json/writer.h"

namespace sightline::ingest {
namespace {

// Names that the loader writes itself; a column of that name would make a document with the key twice.
const std::set<std::string, std::less<>> k_reserved{"image_name", "image_data", "image_embedding",
                                                    "model_id"};

// "350000" is a number, "007" and "1.2.3" are not: JSON's own grammar decides.
std::string json_value(const std::string& text) {
  rapidjson::Document document;
  const bool is_json = !json::read_document(text, document);
  return is_json && (document.IsNumber() || document.IsBool()) ? text : json::json_string(text);
}

}  // namespace

Result<Attributes> Attributes::read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, "cannot read the attributes file " + file.string()};
  std::stringstream content;
  content << in.rdbuf();
  const std::string ending = file.extension().string();
  Attributes attributes;
  Status status;
  if (ending == ".ndjson" || ending == ".jsonl") {
    status = attributes.read_ndjson(content.str(), file.string());
  } else if (const auto table = parse_csv(content.str(), file.string()); table.ok()) {
    status = attributes.add_table(*table, file.string());
  } else {
    status = table.error();
  }
  if (!status.ok()) return status.error();
  return attributes;
}

Status Attributes::add_table(const CsvTable& table, const std::string& file) {
  for (const std::string& name : table.names) {
    if (k_reserved.contains(name))
      return bad_line(file, 1, "column " + name + " is written by the loader; rename it");
  }
  const auto file_column = table.column("file");
  if (!file_column) return bad_line(file, 1, "no column named file, which must name the pictures");
  for (const CsvTable::Row& row : table.rows) {
    std::string members;
    for (std::size_t column = 0; column < table.names.size(); ++column) {
      if (column == *file_column || row.fields[column].empty()) continue;
      if (!members.empty()) members += ',';
      members += json::json_string(table.names[column]) + ':' + json_value(row.fields[column]);
    }
    members_[row.fields[*file_column]] = std::move(members);
  }
  return {};
}

Status Attributes::read_ndjson(const std::string& text, const std::string& file) {
  std::istringstream lines(text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    rapidjson::Document document;
    if (const json::Fault fault = json::read_document(line, document)) {
      return bad_line(file, number,
                      "not JSON: " + json::message(fault) + ", at byte " + std::to_string(fault.offset));
    }
    if (!document.IsObject() || !document.HasMember("file") || !document["file"].IsString()) {
      return bad_line(file, number, "expected an object with a string `file`, which names the picture");
    }
    const std::string name = document["file"].GetString();
    document.EraseMember("file");
    for (const auto& member : document.GetObject()) {
      if (k_reserved.contains(member.name.GetString())) {
        return bad_line(
            file, number,
            std::string("key ") + member.name.GetString() + " is written by the loader; rename it");
      }
    }
    const std::string object = json::text_of(document);
    members_[name] = object.substr(1, object.size() - 2);  // without the braces
  }
  return {};
}

std::string_view Attributes::members_for(const std::string& picture_name) const {
  auto found = members_.find(picture_name);
  if (found == members_.end()) found = members_.find(std::filesystem::path(picture_name).filename().string());
  return found == members_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace sightline::ingest
