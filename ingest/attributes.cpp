#include "ingest/attributes.h"

#include <fstream>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <set>
#include <sstream>

namespace sightline::ingest {
namespace {

// Names that the loader writes itself; a column of that name would make a document with the key twice.
const std::set<std::string, std::less<>> k_reserved{"image_name", "image_data", "image_embedding",
                                                    "model_id"};

Error bad_line(const std::string& file, std::size_t line, const std::string& what) {
  return {ErrorCode::invalid_argument, file + ", line " + std::to_string(line) + ": " + what};
}

std::string json_string(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

bool is_utf8(const std::string& text) {
  rapidjson::Document document;
  const std::string quoted = json_string(text);
  return !document.Parse<rapidjson::kParseValidateEncodingFlag>(quoted.data(), quoted.size()).HasParseError();
}

// "350000" is a number, "007" and "1.2.3" are not: JSON's own grammar decides.
std::string json_value(const std::string& text) {
  rapidjson::Document document;
  if (!document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size()).HasParseError() &&
      (document.IsNumber() || document.IsBool())) {
    return text;
  }
  return json_string(text);
}

}  // namespace

Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false, any = false;
  std::size_t line = 1, quote_line = 1;
  const auto end_row = [&] {
    if (any || !row.empty() || !field.empty()) {
      row.push_back(std::move(field));
      rows.push_back(std::move(row));
    }
    row.clear();
    field.clear();
    any = false;
  };
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        field.push_back(c);
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field.push_back('"');
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = any = true;
      quote_line = line;
    } else if (c == ',') {
      row.push_back(std::move(field));
      field.clear();
      any = true;
    } else if (c == '\n') {
      end_row();
    } else if (c != '\r' || (i + 1 < text.size() && text[i + 1] != '\n')) {
      field.push_back(c);
    }
  }
  if (quoted) {
    return Error{ErrorCode::invalid_argument,
                 "the quote opened in line " + std::to_string(quote_line) + " never ends"};
  }
  end_row();
  return rows;
}

Result<Attributes> Attributes::read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, "cannot read the attributes file " + file.string()};
  std::stringstream content;
  content << in.rdbuf();
  const std::string text = content.str();
  const std::string ending = file.extension().string();
  Attributes attributes;
  const Status status = ending == ".ndjson" || ending == ".jsonl"
                            ? attributes.read_ndjson(text, file.string())
                            : attributes.read_csv(text, file.string());
  if (!status.ok()) return status.error();
  return attributes;
}

Status Attributes::read_csv(const std::string& text, const std::string& file) {
  if (!is_utf8(text))
    return Error{ErrorCode::invalid_argument, file + " is not UTF-8 text; save it as CSV UTF-8"};
  auto rows = parse_csv(text);
  if (!rows.ok()) return Error{ErrorCode::invalid_argument, file + ": " + rows.error().message};
  if (rows->empty())
    return Error{ErrorCode::invalid_argument, file + " is empty; its first row must name the columns"};
  const auto& names = rows->front();
  std::size_t file_column = names.size();
  std::set<std::string> seen;
  for (std::size_t column = 0; column < names.size(); ++column) {
    if (names[column] == "file") file_column = column;
    if (k_reserved.contains(names[column]))
      return bad_line(file, 1, "column " + names[column] + " is written by the loader; rename it");
    if (names[column].empty())
      return bad_line(file, 1, "column " + std::to_string(column + 1) + " has no name");
    if (!seen.insert(names[column]).second)
      return bad_line(file, 1, "column " + names[column] + " occurs twice");
  }
  if (file_column == names.size())
    return bad_line(file, 1, "no column named file, which must name the pictures");
  for (std::size_t number = 1; number < rows->size(); ++number) {
    const auto& row = (*rows)[number];
    if (row.size() != names.size()) {
      return bad_line(
          file, number + 1,
          std::to_string(row.size()) + " fields, but " + std::to_string(names.size()) + " columns");
    }
    std::string members;
    for (std::size_t column = 0; column < names.size(); ++column) {
      if (column == file_column || row[column].empty()) continue;
      if (!members.empty()) members += ',';
      members += json_string(names[column]) + ':' + json_value(row[column]);
    }
    members_[row[file_column]] = std::move(members);
  }
  return {};
}

Status Attributes::read_ndjson(const std::string& text, const std::string& file) {
  std::istringstream lines(text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    rapidjson::Document document;
    constexpr unsigned k_flags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
    if (document.Parse<k_flags>(line.data(), line.size()).HasParseError()) {
      return bad_line(file, number,
                      std::string("not JSON: ") + rapidjson::GetParseError_En(document.GetParseError()));
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
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
    members_[name] = std::string(buffer.GetString() + 1, buffer.GetSize() - 2);  // without the braces
  }
  return {};
}

std::string_view Attributes::members_for(const std::string& picture_name) const {
  auto found = members_.find(picture_name);
  if (found == members_.end()) found = members_.find(std::filesystem::path(picture_name).filename().string());
  return found == members_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace sightline::ingest
