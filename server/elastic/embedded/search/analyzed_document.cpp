#include <bit>
#include <cstring>
#include <unordered_map>

#include "base/cancellation.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/embedded/search/standard_analyzer.h"

namespace sightline::elastic {
namespace {

// Vectors and numbers are copied in their memory layout.
static_assert(std::endian::native == std::endian::little, "records are little-endian");

/// The list of FieldValues that a type fills.
enum class Content { none, terms, strings, integers, doubles, vector };

Content content_of(FieldType type) {
  if (type == FieldType::text) return Content::terms;
  if (type == FieldType::keyword) return Content::strings;
  if (type == FieldType::dense_vector) return Content::vector;
  if (is_decimal_number(type)) return Content::doubles;
  const bool whole = is_whole_number(type) || type == FieldType::boolean || type == FieldType::date;
  return whole ? Content::integers : Content::none;
}

/// The number of words that a document may still have.
struct Room {
  std::size_t most, left = most;
};

void analyze_terms(FieldValues& values, Room& room) {
  std::unordered_map<std::string, std::size_t> places;
  for (const std::string& value : values.strings) {
    each_token(value, [&](std::string&& token) {
      check_cancelled();
      if (room.left == 0) {
        refuse(illegal_argument("the text fields of the document have too many words; the limit is [" +
                                std::to_string(room.most) + "], which --elasticsearch-max-document-words sets"));
      }
      --room.left;
      ++values.length;
      const auto [place, is_new] = places.try_emplace(std::move(token), values.terms.size());
      if (is_new) values.terms.push_back({place->first, 0});
      ++values.terms[place->second].frequency;
    });
  }
  values.strings.clear();
}

/// Writes a record: numbers in groups of seven bits, texts and lists after their lengths.
class Writer {
 public:
  template <class T>
  void number(T given) {
    auto value = static_cast<std::uint64_t>(given);
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void text(const std::string& value) {
    number(value.size());
    out_ += value;
  }
  template <class T>
  void raw(const std::vector<T>& values) {
    number(values.size());
    if (!values.empty()) out_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  /// `least_bytes`: the minimum size of an element.
  template <class T, class Each>
  void list(const std::vector<T>& values, std::size_t /*least_bytes*/, const Each& each) {
    number(values.size());
    for (const T& value : values) each(value);
  }
  std::string finish() && { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads the records of Writer. Throws StorageFailed.
class Reader {
 public:
  explicit Reader(std::string_view record) : rest_(record), size_(record.size()) {}

  template <class T>
  void number(T& out) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return void(out = static_cast<T>(value));
    }
    fail();
  }
  void text(std::string& out) {
    const std::size_t n = count(1);
    out = rest_.substr(0, n);
    rest_.remove_prefix(n);
  }
  template <class T>
  void raw(std::vector<T>& out) {
    out.resize(count(sizeof(T)));
    if (!out.empty()) std::memcpy(out.data(), rest_.data(), out.size() * sizeof(T));
    rest_.remove_prefix(out.size() * sizeof(T));
  }
  template <class T, class Each>
  void list(std::vector<T>& out, std::size_t least_bytes, const Each& each) {
    out.resize(count(least_bytes));
    for (T& value : out) each(value);
  }
  void finish() {
    if (!rest_.empty()) fail();
  }
  [[noreturn]] void fail() const {
    throw StorageFailed{{ErrorCode::corrupt_data, "a search record of " + std::to_string(size_) +
                                                      " bytes contradicts itself; the database is damaged"}};
  }

 private:
  /// A count of elements of at least `bytes_each`. Checked against the bytes that remain before memory is reserved.
  std::size_t count(std::size_t bytes_each) {
    std::size_t n = 0;
    number(n);
    if (n > rest_.size() / bytes_each) fail();
    return n;
  }
  std::string_view rest_;
  const std::size_t size_;
};

/// The content of a record, in order; used for writing and for reading.
template <class Archive, class Of>
void pass_field(Archive& archive, Of& field) {
  archive.text(field.path);
  archive.number(field.type);
  switch (content_of(field.type)) {
    case Content::none:
      break;
    case Content::terms:
      archive.number(field.length);
      archive.list(field.terms, 2, [&](auto& term) {
        archive.text(term.term);
        archive.number(term.frequency);
      });
      break;
    case Content::strings:
      archive.list(field.strings, 1, [&](auto& value) { archive.text(value); });
      break;
    case Content::integers:
      archive.raw(field.integers);
      break;
    case Content::doubles:
      archive.raw(field.doubles);
      break;
    case Content::vector:
      archive.number(field.similarity);
      archive.raw(field.vector);
      break;
  }
}

template <class Archive, class Of>
void pass_document(Archive& archive, Of& document) {
  archive.text(document.id);
  archive.list(document.fields, 2, [&](auto& field) { pass_field(archive, field); });
  std::vector<std::string> unused;  // older versions filled this list
  archive.list(unused, 1, [&](auto& value) { archive.text(value); });
}

}  // namespace

void analyze(ParsedDocument& document, std::size_t max_tokens) {
  Room room{max_tokens};
  std::erase_if(document.fields, [](const FieldValues& values) { return content_of(values.type) == Content::none; });
  for (FieldValues& values : document.fields) {
    if (values.type == FieldType::text) analyze_terms(values, room);
  }
}

std::string encode(const ParsedDocument& document) {
  Writer writer;
  pass_document(writer, document);
  return std::move(writer).finish();
}

ParsedDocument decode(std::string_view record) {
  Reader reader(record);
  ParsedDocument document;
  pass_document(reader, document);
  reader.finish();
  for (const FieldValues& field : document.fields) {
    if (static_cast<unsigned>(field.similarity) > static_cast<unsigned>(VectorSimilarity::max_inner_product))
      reader.fail();
  }
  return document;
}

}  // namespace sightline::elastic
