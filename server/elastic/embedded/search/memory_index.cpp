#include "server/elastic/embedded/search/memory_index.h"

#include <algorithm>

namespace sightline::elastic {

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
