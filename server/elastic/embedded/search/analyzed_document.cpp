#include "server/elastic/embedded/search/analyzed_document.h"

#include <bit>
#include <cstring>
#include <optional>
#include <type_traits>
#include <unordered_map>

#include "base/cancellation.h"
#include "server/elastic/embedded/search/standard_analyzer.h"

namespace sightline::elastic {
namespace {

// Vectors and numbers are copied as they lie in memory.
static_assert(std::endian::native == std::endian::little, "records are little-endian");

/// Which list of an AnalyzedField a type fills.
enum class Content { none, terms, strings, integers, doubles, vector };

Content content_of(FieldType type) {
  switch (type) {
    case FieldType::text:
      return Content::terms;
    case FieldType::keyword:
      return Content::strings;
    case FieldType::long_:
    case FieldType::integer:
    case FieldType::short_:
    case FieldType::byte:
    case FieldType::boolean:
    case FieldType::date:
      return Content::integers;
    case FieldType::double_:
    case FieldType::float_:
    case FieldType::half_float:
      return Content::doubles;
    case FieldType::dense_vector:
      return Content::vector;
    case FieldType::object:
    case FieldType::binary:
      return Content::none;
  }
  return Content::none;
}

/// `room`: words that the document may still have. False if it has more.
bool analyze_terms(const FieldValues& values, AnalyzedField& out, std::size_t& room) {
  std::unordered_map<std::string, std::size_t> places;
  bool fits = true;
  for (const std::string& value : values.strings) {
    each_token(value, [&](std::string&& token) {
      check_cancelled();
      fits = room != 0;
      if (!fits) return false;
      --room;
      ++out.length;
      const auto [place, is_new] = places.try_emplace(std::move(token), out.terms.size());
      if (is_new) out.terms.push_back({place->first, 0});
      ++out.terms[place->second].frequency;
      return true;
    });
    if (!fits) break;
  }
  return fits;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  template <class T>
  void raw(const std::vector<T>& values) {
    number(values.size());
    if (!values.empty()) out_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }

 private:
  std::string& out_;
};

/// Reads what Writer wrote; after a fault everything it returns is empty, and `failed` is true.
class Reader {
 public:
  explicit Reader(std::string_view record) : rest_(record) {}

  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return fail(), 0;
  }
  /// A count of things that take at least `bytes_each`; checked against what is left before anything is
  /// reserved.
  std::size_t count(std::size_t bytes_each) {
    const std::uint64_t n = number();
    if (n > rest_.size() / bytes_each) return fail(), 0;
    return static_cast<std::size_t>(n);
  }
  VectorSimilarity similarity() {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(VectorSimilarity::max_inner_product)) fail();
    return static_cast<VectorSimilarity>(value);
  }
  std::string text() {
    const std::size_t n = count(1);
    std::string out(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return out;
  }
  template <class T>
  std::vector<T> raw() {
    std::vector<T> out(count(sizeof(T)));
    if (!out.empty()) std::memcpy(out.data(), rest_.data(), out.size() * sizeof(T));
    rest_.remove_prefix(out.size() * sizeof(T));
    return out;
  }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  std::string_view rest_;
  bool failed_ = false;
};

void write_field(Writer& writer, const AnalyzedField& field) {
  writer.text(field.path);
  writer.number(static_cast<std::uint64_t>(field.type));
  switch (content_of(field.type)) {
    case Content::none:
      break;
    case Content::terms:
      writer.number(field.length);
      writer.number(field.terms.size());
      for (const TermFrequency& term : field.terms) {
        writer.text(term.term);
        writer.number(term.frequency);
      }
      break;
    case Content::strings:
      writer.number(field.strings.size());
      for (const std::string& value : field.strings) writer.text(value);
      break;
    case Content::integers:
      writer.raw(field.integers);
      break;
    case Content::doubles:
      writer.raw(field.doubles);
      break;
    case Content::vector:
      writer.number(static_cast<std::uint64_t>(field.similarity));
      writer.raw(field.vector);
      break;
  }
}

AnalyzedField read_field(Reader& reader) {
  AnalyzedField field;
  field.path = reader.text();
  field.type = static_cast<FieldType>(reader.number());
  switch (content_of(field.type)) {
    case Content::none:
      break;
    case Content::terms:
      field.length = static_cast<std::uint32_t>(reader.number());
      field.terms.resize(reader.count(2));
      for (TermFrequency& term : field.terms) {
        term.term = reader.text();
        term.frequency = static_cast<std::uint32_t>(reader.number());
      }
      break;
    case Content::strings:
      field.strings.resize(reader.count(1));
      for (std::string& value : field.strings) value = reader.text();
      break;
    case Content::integers:
      field.integers = reader.raw<std::int64_t>();
      break;
    case Content::doubles:
      field.doubles = reader.raw<double>();
      break;
    case Content::vector:
      field.similarity = reader.similarity();
      field.vector = reader.raw<float>();
      break;
  }
  return field;
}

}  // namespace

Result<AnalyzedDocument> analyze(const ParsedDocument& document, std::size_t max_tokens) {
  AnalyzedDocument out{document.id};
  out.fields.reserve(document.fields.size());
  for (const FieldValues& values : document.fields) {
    if (content_of(values.field->type) == Content::none) continue;
    AnalyzedField field;
    field.path = values.field->path;
    field.type = values.field->type;
    if (values.ignored) out.ignored.push_back(field.path);
    switch (content_of(field.type)) {
      case Content::none:
        break;
      case Content::terms:
        if (!analyze_terms(values, field, max_tokens))
          return Error{ErrorCode::too_large, "the text fields of the document have too many words"};
        break;
      case Content::strings:
        field.strings = values.strings;
        break;
      case Content::integers:
        field.integers = values.integers;
        break;
      case Content::doubles:
        field.doubles = values.doubles;
        break;
      case Content::vector:
        if (values.vector.empty() || values.vector.size() != static_cast<std::size_t>(values.field->dims)) {
          return Error{ErrorCode::internal, "field " + field.path + " has " +
                                                std::to_string(values.field->dims) + " dims, not " +
                                                std::to_string(values.vector.size())};
        }
        field.similarity = values.field->similarity;
        field.vector = values.vector;
        break;
    }
    out.fields.push_back(std::move(field));
  }
  return out;
}

std::string encode(const AnalyzedDocument& document) {
  std::string out;
  Writer writer(out);
  writer.text(document.id);
  writer.number(document.fields.size());
  for (const AnalyzedField& field : document.fields) write_field(writer, field);
  writer.number(document.ignored.size());
  for (const std::string& path : document.ignored) writer.text(path);
  return out;
}

Result<AnalyzedDocument> decode(std::string_view record) {
  Reader reader(record);
  AnalyzedDocument document;
  document.id = reader.text();
  document.fields.resize(reader.count(2));
  for (AnalyzedField& field : document.fields) field = read_field(reader);
  document.ignored.resize(reader.count(1));
  for (std::string& path : document.ignored) path = reader.text();
  if (reader.failed() || !reader.at_end()) {
    return Error{ErrorCode::corrupt_data, "a search record of " + std::to_string(record.size()) +
                                              " bytes contradicts itself; the database is damaged"};
  }
  return document;
}

}  // namespace sightline::elastic
