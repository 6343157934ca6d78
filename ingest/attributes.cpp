#include "ingest/attributes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json/builder.h"
#include "base/trimmed.h"
#include "ingest/json_members.h"

namespace sightline::ingest {
namespace {

// Names that the loader writes itself; a column of that name would make a document with the key twice.
constexpr std::array<std::string_view, 5> k_written{"image_name", "image_data", "image_embedding", "model_id",
                                                    "model_fingerprint"};
// Names that Elasticsearch takes in no document.
constexpr std::array<std::string_view, 10> k_metadata{"_id",      "_index",      "_source",       "_routing",
                                                      "_version", "_seq_no",     "_primary_term", "_field_names",
                                                      "_ignored", "_nested_path"};
constexpr std::size_t k_fewest_vector_dims = 128;  // of an array that Elasticsearch maps as dense_vector

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// An _id that differs only in blanks around it would be a second document.
std::string id_of(std::string_view value) {
  return std::string(trimmed(value, " \t\r\n"));
}

/// What is wrong with a name as a field of Elasticsearch; nothing if it is fine.
std::optional<std::string> fault_of_name(std::string_view name, const Attributes::Options& options) {
  if (contains(k_written, name) || contains(options.reserved, name)) return "is written by the loader; rename it";
  if (contains(k_metadata, name)) return "is a name that Elasticsearch reserves; rename it";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const bool trailing = end == name.size() && begin == end && begin > 0;  // `sq.ft.` is taken
    if (is_blank(name.substr(begin, end - begin)) && !trailing)
      return "is not a field name for Elasticsearch: a part before or between its dots is empty; rename it";
    begin = end + 1;
  }
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Error no_column(const std::string& file, const std::string& column, const char* option,
                const std::vector<std::string>& names) {
  return {ErrorCode::invalid_argument,
          file + " has no column named " + column + " (" + option + "); its columns are: " + listed(names)};
}

std::string misfit(const Attributes::Field& field, std::string_view value) {
  return field.name + " is \"" + std::string(value.substr(0, 40)) + "\", which is not " +
         (field.type == FieldType::integer   ? "a whole number of 64 bits"
          : field.type == FieldType::decimal ? "a number"
          : field.type == FieldType::boolean ? "true or false"
                                             : "a date such as 2026-01-31") +
         " (--column-type " + field.name + "=" + to_string(field.type) + ")";
}

/// The type asked for, else the one that its values have.
void settle_type(Attributes::Field& field, const Attributes::Options& options) {
  const auto asked = options.types.find(field.name);
  field.asked_for = asked != options.types.end();
  field.type = field.asked_for ? asked->second : field.survey.type();
}

}  // namespace

/// CSV: a column is a field.
class Attributes::Table {
 public:
  Table(const CsvTable& table, const Options& options, const std::string& file)
      : table_(table), options_(options), file_(file) {}

  Status read(Attributes& attributes) {
    if (Status found = find_columns(); !found.ok()) return found;
    for (std::size_t column = 0; column < table_.names.size(); ++column) {
      if (is_field(column)) survey(column);
    }
    for (const CsvTable::Row& row : table_.rows) {
      if (Status added = add_row(attributes, row); !added.ok()) return added;
    }
    for (Field& field : fields_) {
      if (!field.survey.empty()) attributes.fields_.push_back(std::move(field));
    }
    return {};
  }

 private:
  bool is_file_column(std::size_t column) const { return contains(options_.file_columns, table_.names[column]); }
  bool is_field(std::size_t column) const {
    if (is_file_column(column)) return options_.keep_file_columns;
    // `_id` is fine as the name of the ids' column: it is no field then.
    return table_.names[column] != options_.id_column || !contains(k_metadata, options_.id_column);
  }

  Status find_columns() {
    fields_.resize(table_.names.size());
    for (std::size_t column = 0; column < table_.names.size(); ++column) {
      fields_[column].name = table_.names[column];
      if (!is_field(column)) continue;
      if (const auto fault = fault_of_name(table_.names[column], options_))
        return bad_line(file_, 1, "column " + table_.names[column] + " " + *fault);
    }
    for (const std::string& name : options_.file_columns) {
      if (!table_.column(name)) return no_column(file_, name, "--file-column", table_.names);
    }
    if (!options_.id_column.empty() && !table_.column(options_.id_column))
      return no_column(file_, options_.id_column, "--id", table_.names);
    for (const auto& [name, type] : options_.types) {
      if (!table_.column(name)) return no_column(file_, name, "--column-type", table_.names);
      if (contains(options_.file_columns, name) && type != FieldType::text)
        return Error{ErrorCode::invalid_argument, "column " + name + " names pictures: its type is text"};
    }
    return {};
  }

  void survey(std::size_t column) {
    Field& field = fields_[column];
    for (const CsvTable::Row& row : table_.rows) {
      const std::string& value = row.fields[column];
      if (is_blank(value)) continue;
      field.survey.add(is_file_column(column) ? ValueKind::text : kind_of_text(value), value, row.line);
    }
    settle_type(field, options_);
  }

  Status add_row(Attributes& attributes, const CsvTable::Row& row) {
    Row made;
    made.line = row.line;
    for (const std::string& name : options_.file_columns) made.files.push_back(row.fields[*table_.column(name)]);
    if (!options_.id_column.empty()) made.id = id_of(row.fields[*table_.column(options_.id_column)]);
    json::Builder members;
    for (std::size_t column = 0; column < table_.names.size(); ++column) {
      const std::string& value = row.fields[column];
      if (!is_field(column) || is_blank(value)) continue;
      const auto ready = json_of(value, fields_[column].type);
      if (!ready) return bad_line(file_, row.line, misfit(fields_[column], value));
      members.member(table_.names[column], json::Raw{*ready});
    }
    made.members = members.text();
    attributes.rows_.push_back(std::move(made));
    return {};
  }

  const CsvTable& table_;
  const Options& options_;
  const std::string& file_;
  std::vector<Field> fields_;  // one for each column
};

/// NDJSON: whatever an object leads to is a field.
class Attributes::Lines {
 public:
  Lines(const Options& options, const std::string& file) : options_(options), file_(file) {}

  Status read(Attributes& attributes, const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
      const std::string_view object = number == 1 ? json::without_byte_order_mark(line) : line;
      if (is_blank(object)) continue;
      if (Status read = read_line(attributes, object, number); !read.ok()) return read;
    }
    for (Field& field : attributes.fields_) settle_type(field, options_);
    for (const auto& [name, type] : options_.types) {
      if (!by_name_.contains(name)) return no_column(file_, name, "--column-type", names(attributes));
    }
    for (Row& row : attributes.rows_) {
      if (Status written = write(attributes, row); !written.ok()) return written;
    }
    return {};
  }

 private:
  Status read_line(Attributes& attributes, std::string_view object, std::size_t line) {
    const json::Fault fault = visit_leaves(object, [&](const std::string& path, const JsonLeaf& leaf) {
      if (!is_left_out(path)) survey(attributes, path, leaf, line);
    });
    if (fault)
      return bad_line(file_, line, "not JSON: " + json::message(fault) + ", at byte " + std::to_string(fault.offset));
    const auto members = members_of(object);
    if (!members) return bad_line(file_, line, "not a JSON object");
    Row row;
    row.line = line;
    row.files.resize(options_.file_columns.size());
    json::Builder kept;
    std::set<std::string_view> seen;
    for (const JsonMember& member : *members) {
      if (!seen.insert(member.name).second) return bad_line(file_, line, "key " + member.name + " appears twice");
      const auto column = std::find(options_.file_columns.begin(), options_.file_columns.end(), member.name);
      if (column != options_.file_columns.end() && member.value != "null") {
        const auto name = json::decoded_string(member.value, k_document_json);
        if (!name) return bad_line(file_, line, "key " + member.name + " must be a string that names the picture");
        row.files[static_cast<std::size_t>(column - options_.file_columns.begin())] = *name;
      }
      if (member.name == options_.id_column && member.value != "null") {
        const auto text = json::decoded_string(member.value, k_document_json);
        if (!text && std::string_view("{[tf").find(member.value.front()) != std::string_view::npos)
          return bad_line(file_, line, "key " + member.name + " must be a string or a number: it is the _id (--id)");
        row.id = id_of(text ? *text : member.value);
      }
      if (is_left_out(member.name)) continue;
      if (const auto name_fault = fault_of_name(member.name, options_))
        return bad_line(file_, line, "key " + member.name + " " + *name_fault);
      kept.member(member.name, json::Raw{member.value});
    }
    row.members = kept.text();
    const auto is_empty = [](const std::string& name) { return name.empty(); };
    if (std::all_of(row.files.begin(), row.files.end(), is_empty)) {
      return bad_line(file_, line,
                      "expected a string `" + listed(options_.file_columns) +
                          "`, which names the picture (--file-column); its keys are: " + keys(*members));
    }
    attributes.rows_.push_back(std::move(row));
    return {};
  }

  bool is_left_out(const std::string& name) const {
    if (contains(options_.file_columns, name)) return !options_.keep_file_columns;
    return name == options_.id_column && contains(k_metadata, name);
  }

  void survey(Attributes& attributes, const std::string& path, const JsonLeaf& leaf, std::size_t line) {
    const auto [place, is_new] = by_name_.emplace(path, attributes.fields_.size());
    if (is_new) attributes.fields_.emplace_back().name = path;
    Field& field = attributes.fields_[place->second];
    const bool is_number = leaf.kind == JsonLeaf::Kind::number;
    field.is_vector = field.is_vector || (is_number && leaf.array_size >= k_fewest_vector_dims);
    ValueKind kind = ValueKind::boolean;
    if (is_number) kind = kind_of_text(leaf.text);
    if (leaf.kind == JsonLeaf::Kind::text)  // a text stays one, whatever it looks like
      kind = kind_of_text(leaf.text) == ValueKind::date ? ValueKind::date : ValueKind::text;
    field.survey.add(kind, leaf.text, line);
  }

  /// Puts the values of fields about which rows disagree, or whose type was asked for, in their field's type.
  Status write(Attributes& attributes, Row& row) {
    const std::string object = std::string("{").append(row.members).append("}");
    std::string out;
    std::size_t done = 0;
    Status status;
    visit_leaves(object, [&](const std::string& path, const JsonLeaf& leaf) {
      const auto known = by_name_.find(path);
      if (known == by_name_.end() || !status.ok()) return;
      const Field& field = attributes.fields_[known->second];
      const bool becomes_text = field.type == FieldType::text && leaf.kind != JsonLeaf::Kind::text;
      const bool fits = !field.asked_for && !becomes_text && field.type != FieldType::decimal;
      if (fits || field.is_vector) return;
      const auto ready = json_of(leaf.text, field.type);
      if (!ready) {
        status = bad_line(file_, row.line, misfit(field, leaf.text));
        return;
      }
      out += object.substr(done, leaf.place.begin - done) + *ready;
      done = leaf.place.end;
    });
    if (!status.ok()) return status;
    out += object.substr(done);
    row.members = out.substr(1, out.size() - 2);
    return {};
  }

  static std::string keys(const std::vector<JsonMember>& members) {
    std::vector<std::string> names;
    names.reserve(members.size());
    for (const JsonMember& member : members) names.push_back(member.name);
    return listed(names);
  }
  static std::vector<std::string> names(const Attributes& attributes) {
    std::vector<std::string> names;
    for (const Field& field : attributes.fields_) names.push_back(field.name);
    return names;
  }

  const Options& options_;
  const std::string& file_;
  std::map<std::string, std::size_t> by_name_;  // in fields_
};

Result<Attributes> Attributes::read(const std::filesystem::path& file, const Options& options) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(file, ignored);
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in || folder) {
    const int why = folder ? EISDIR : errno;
    return Error{ErrorCode::not_found, "cannot read the attributes file " + file.string() + " (--attributes)" +
                                           (why == 0 ? "" : std::string(": ") + std::strerror(why))};
  }
  std::stringstream content;
  content << in.rdbuf();
  const std::string text = content.str(), ending = file.extension().string();
  Attributes attributes;
  Status status;
  if (ending == ".ndjson" || ending == ".jsonl") {
    status = Lines(options, file.string()).read(attributes, text);
  } else {
    std::string_view rest(text);
    const char detected = detect_separator(rest);
    const auto table = parse_csv(rest, file.string(), options.separator == 0 ? detected : options.separator);
    status = table.ok() ? Table(*table, options, file.string()).read(attributes) : Status(table.error());
  }
  if (!status.ok()) return status.error();
  return attributes;
}

std::string describe(const Attributes::Field& field) {
  std::string text = field.name + ": " + to_string(field.type);
  if (field.asked_for) return text + " (--column-type)";
  if (const auto reason = field.survey.reason_for_text())
    text += " (line " + std::to_string(reason->line) + ": \"" + reason->value.substr(0, 40) + "\")";
  return text;
}

}  // namespace sightline::ingest
