#include "server/elastic/embedded/search/columns.h"

#include <algorithm>

#include "server/elastic/embedded/search/vector_math.h"

namespace sightline::elastic {

void TextColumn::append(Doc doc, const FieldValues& field) {
  for (const TermFrequency& term : field.terms) terms_[term.term].push_back({doc, term.frequency});
  lengths_.append(doc, field.length);
  if (field.length == 0) return;  // as in Lucene: a document without tokens does not count
  ++statistics_.documents;
  statistics_.tokens += field.length;
}

void TextColumn::forget(Doc doc) {
  if (!lengths_.contains(doc) || length(doc) == 0) return;
  --statistics_.documents;
  statistics_.tokens -= length(doc);
}

void TextColumn::compact(const Renumbered& renumbered) {
  for (auto term = terms_.begin(); term != terms_.end();) {
    std::vector<Posting> kept;
    for (const Posting& posting : term->second) {
      if (renumbered[posting.doc] != k_gone) kept.push_back({renumbered[posting.doc], posting.frequency});
    }
    if (kept.empty()) {
      term = terms_.erase(term);
      continue;
    }
    term->second = std::move(kept);
    ++term;
  }
  SparseNumbers lengths;
  lengths_.each([&](Doc doc) {
    if (renumbered[doc] != k_gone) lengths.append(renumbered[doc], length(doc));
  });
  lengths_ = std::move(lengths);
}

const std::vector<Posting>* TextColumn::find(std::string_view term) const {
  const auto found = terms_.find(term);
  return found == terms_.end() ? nullptr : &found->second;
}

void KeywordColumn::append(Doc doc, const FieldValues& field) {
  if (field.strings.empty()) return;
  std::vector<Term> values;
  values.reserve(field.strings.size());
  for (const std::string& value : field.strings) {
    const auto [place, is_new] = terms_.try_emplace(value, static_cast<Term>(texts_.size()));
    if (is_new) {
      texts_.push_back(&place->first);
      documents_.emplace_back();
    }
    std::vector<Doc>& documents = documents_[place->second];
    if (documents.empty() || documents.back() != doc) documents.push_back(doc);
    values.push_back(place->second);
  }
  values_.append(doc, values);
  ++statistics_.documents;
  statistics_.tokens += distinct(doc);
}

void KeywordColumn::forget(Doc doc) {
  if (of(doc).empty()) return;
  --statistics_.documents;
  statistics_.tokens -= distinct(doc);
}

std::size_t KeywordColumn::distinct(Doc doc) const {
  const auto values = of(doc);
  if (values.size() == 1) return 1;
  std::vector<Term> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
}

void KeywordColumn::compact(const Renumbered& renumbered) {
  KeywordColumn kept;
  FieldValues field;
  documents().each([&](Doc doc) {
    if (renumbered[doc] == k_gone) return;
    field.strings.clear();
    for (const Term term : of(doc)) field.strings.push_back(text(term));
    kept.append(renumbered[doc], field);
  });
  *this = std::move(kept);
}

const std::vector<Doc>* KeywordColumn::find(std::string_view value) const {
  const auto found = terms_.find(value);
  return found == terms_.end() ? nullptr : &documents_[found->second];
}

VectorRows::VectorRows(std::size_t dims)
    : dims_(dims), rows_per_chunk_(std::max<std::size_t>(1, (std::size_t{1} << 20) / (dims * sizeof(float)))) {}

const float* VectorRows::add(std::span<const float> row) {
  if (size_ % rows_per_chunk_ == 0) {
    chunks_.push_back(std::make_unique_for_overwrite<float[]>(rows_per_chunk_ * dims_));
  }
  float* place = chunks_.back().get() + size_ % rows_per_chunk_ * dims_;
  std::copy(row.begin(), row.end(), place);
  ++size_;
  return place;
}

VectorColumn::VectorColumn(VectorSimilarity similarity, std::size_t dims) : similarity_(similarity), rows_(dims) {}

void VectorColumn::append(Doc doc, const FieldValues& field) {
  rows_.add(compares_directions(similarity_) ? unit_length(field.vector) : field.vector);
  docs_.push_back(doc);
}

void VectorColumn::compact(const Renumbered& renumbered) {
  VectorRows rows(dims());
  std::vector<Doc> docs;
  for (std::size_t i = 0; i < docs_.size(); ++i) {
    if (renumbered[docs_[i]] == k_gone) continue;
    rows.add(std::span<const float>(row(i), dims()));
    docs.push_back(renumbered[docs_[i]]);
  }
  rows_ = std::move(rows);
  docs_ = std::move(docs);
}

MemoryIndex::Column MemoryIndex::new_column(const FieldValues& field) {
  if (field.type == FieldType::text) return TextColumn();
  if (field.type == FieldType::keyword) return KeywordColumn();
  if (field.type == FieldType::dense_vector) return VectorColumn(field.similarity, field.vector.size());
  if (is_decimal_number(field.type)) return DoubleColumn();
  return IntegerColumn();
}

bool MemoryIndex::fits(const ParsedDocument& document) const {
  for (const FieldValues& field : document.fields) {
    if (field.type == FieldType::dense_vector && field.vector.empty()) return false;
    const auto found = columns_.find(field.path);
    if (found == columns_.end()) continue;
    if (found->second.index() != new_column(field).index()) return false;
    const auto* vectors = std::get_if<VectorColumn>(&found->second);
    if (vectors && (vectors->dims() != field.vector.size() || vectors->similarity() != field.similarity)) {
      return false;
    }
  }
  return true;
}

void MemoryIndex::append(std::int64_t number, ParsedDocument document, std::int64_t origin) {
  const auto doc = static_cast<Doc>(numbers_.size());
  numbers_.push_back(number);
  origins_.push_back(origin);
  ids_.push_back(std::move(document.id));
  live_.push_back(true);
  ++live_count_;
  for (const FieldValues& field : document.fields) {
    const auto found = columns_.find(field.path);
    Column& column =
        found != columns_.end() ? found->second : columns_.emplace(field.path, new_column(field)).first->second;
    std::visit([&](auto& values) { values.append(doc, field); }, column);
  }
}

std::optional<Doc> MemoryIndex::find(std::int64_t number) const {
  const auto place = std::lower_bound(numbers_.begin(), numbers_.end(), number);
  if (place == numbers_.end() || *place != number) return std::nullopt;
  const auto doc = static_cast<Doc>(place - numbers_.begin());
  return live_.test(doc) ? std::optional<Doc>(doc) : std::nullopt;
}

std::unordered_map<std::int64_t, Doc> MemoryIndex::replacements() const {
  std::unordered_map<std::int64_t, Doc> found;
  live_.for_each([&](Doc doc) {
    if (origins_[doc] != numbers_[doc]) found.emplace(origins_[doc], doc);
  });
  return found;
}

bool MemoryIndex::remove(std::int64_t number) {
  const auto doc = find(number);
  if (!doc) return false;
  live_.reset(*doc);
  --live_count_;
  for (auto& [path, column] : columns_) {
    std::visit([&](auto& values) { values.forget(*doc); }, column);
  }
  return true;
}

void MemoryIndex::compact() {
  Renumbered renumbered(size(), k_gone);
  Doc next = 0;
  live_.for_each([&](Doc doc) {
    renumbered[doc] = next;
    numbers_[next] = numbers_[doc];
    origins_[next] = origins_[doc];
    if (next != doc) ids_[next] = std::move(ids_[doc]);
    ++next;
  });
  numbers_.resize(next);
  origins_.resize(next);
  ids_.resize(next);
  live_ = DocSet(next, true);
  for (auto& [path, column] : columns_) {
    std::visit([&](auto& values) { values.compact(renumbered); }, column);
  }
}

}  // namespace sightline::elastic
