// Queries over words: match, multi_match, prefix, and terms of text and keyword fields.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "base/ascii_lower.h"
#include "base/cancellation.h"
#include "base/string_map.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/embedded/search/standard_analyzer.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {
namespace {

/// The text of a match is read for each field. This many bytes count as a clause, as its words do.
constexpr std::size_t k_bytes_per_clause = 4'096;
/// Different words of one match: IndexSearcher's maxClauseCount in Lucene.
constexpr std::size_t k_most_words = 1'024;

void need_index(const Field& field) {
  if (!field.indexed && (field.type == FieldType::text || !field.doc_values))
    refuse_query("Cannot search on field [" + field.path + "] since it is not indexed.");
}

}  // namespace

ScoredDocs QueryRunner::text_term(const Field& field, std::string_view term, float boost, bool scoring) const {
  need_index(field);
  ScoredDocs out{nothing()};
  const TextColumn* column = memory_.text(field.path);
  const auto* postings = column ? column->find(term) : nullptr;
  if (!postings) return out;
  std::uint64_t live = 0;
  for (const Posting& posting : *postings) {
    if (!memory_.live().test(posting.doc)) continue;
    out.docs.set(posting.doc);
    ++live;
  }
  if (!scoring || live == 0) return out;
  const Bm25Scorer scorer(column->statistics(), live, boost);
  out.scores.resize(memory_.size());
  for (const Posting& posting : *postings) {
    out.scores[posting.doc] = scorer.score(posting.frequency, column->length(posting.doc));
  }
  return out;
}

ScoredDocs QueryRunner::keyword_term(const Field& field, std::string_view value, float boost, bool scoring) const {
  need_index(field);
  ScoredDocs out{nothing()};
  const KeywordColumn* column = memory_.keyword(field.path);
  const auto* documents = column ? column->find(value) : nullptr;
  if (!documents) return out;
  for (const Doc doc : *documents) out.docs.set(doc);
  if (!field.indexed) return constant(std::move(out.docs), boost);  // doc values have no statistics
  out.docs &= memory_.live();
  const std::size_t live = scoring ? out.docs.count() : 0;
  if (live != 0) out.constant = Bm25Scorer(column->statistics(), live, boost).score_without_length();
  return out;
}

DocSet QueryRunner::words_of(const Field& field, const std::vector<Literal>& values) const {
  need_index(field);
  DocSet docs = nothing();
  const TextColumn* words = memory_.text(field.path);
  const KeywordColumn* keywords = memory_.keyword(field.path);
  std::unordered_set<std::string_view, StringHash> done;  // each has many documents: a repeated one costs nothing
  for (const Literal& value : values) {
    check_cancelled();
    if (!done.insert(value.text).second) continue;
    if (const auto* postings = words ? words->find(value.text) : nullptr) {
      for (const Posting& posting : *postings) docs.set(posting.doc);
    }
    if (const auto* documents = keywords ? keywords->find(value.text) : nullptr) {
      for (const Doc doc : *documents) docs.set(doc);
    }
  }
  return docs;
}

template <class Wanted>
DocSet QueryRunner::with_terms(const Field& field, Wanted&& wanted) const {
  need_index(field);
  DocSet docs = nothing();
  if (const TextColumn* column = memory_.text(field.path)) {
    for (const auto& [term, postings] : column->terms()) {
      check_cancelled();
      if (!wanted(std::string_view(term))) continue;
      for (const Posting& posting : postings) docs.set(posting.doc);
    }
  }
  if (const KeywordColumn* column = memory_.keyword(field.path)) {
    for (KeywordColumn::Term term = 0; term < column->term_count(); ++term) {
      check_cancelled();
      if (!wanted(std::string_view(column->text(term)))) continue;
      for (const Doc doc : column->documents(term)) docs.set(doc);
    }
  }
  docs &= memory_.live();
  return docs;
}

ScoredDocs QueryRunner::match_text(const Field& field, const MatchQuery& query, float boost, bool scoring) const {
  need_index(field);
  std::map<std::string, int> counts;  // of each word; as in Lucene, a repeated word adds to the weight of the first
  each_token(query.text.text, [&](std::string&& token) {
    shard_.count_clauses(1);
    ++counts[std::move(token)];
  });
  if (counts.size() > k_most_words) {
    refuse_query("a query of [" + field.path + "] has more than [" + std::to_string(k_most_words) +
                 "] different words; send fewer");
  }
  ClauseSum terms(query.all_terms ? ClauseSum::Of::all : ClauseSum::Of::any, scoring);
  for (const auto& [token, count] : counts) {
    check_cancelled();
    terms.add(text_term(field, token, boost * static_cast<float>(count), scoring));
  }
  return terms.clauses() == 0 ? ScoredDocs{nothing()} : std::move(terms).finish();
}

ScoredDocs QueryRunner::match_field(const Field& field, const MatchQuery& query, float boost, bool scoring) const {
  shard_.count_clauses(query.text.text.size() / k_bytes_per_clause);
  return field.type == FieldType::text ? match_text(field, query, boost, scoring)
                                       : value_term(field, query.text, boost, scoring);
}

ScoredDocs QueryRunner::run(const MatchQuery& query, float boost, bool scoring) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  return field ? match_field(*field, query, boost, scoring) : without_field(query.field, {query.text}, boost);
}

ScoredDocs QueryRunner::without_field(std::string_view name, const std::vector<Literal>& values, float boost) const {
  const auto is_named = [&](const Literal& value) {
    check_cancelled();
    if (value.text.find('*') == std::string::npos)
      return value.text == shard_.index->name() || shard_.index->has_alias(value.text);
    const auto fits = [&](std::string_view known) { return rest::wildcard_match(value.text, known); };
    return fits(shard_.index->name()) || shard_.index->any_alias(fits);
  };
  if (name == "_index" && std::any_of(values.begin(), values.end(), is_named)) return {memory_.live(), boost};
  IdsQuery ids;
  for (const Literal& value : values) ids.ids.push_back(value.text);
  return name == "_id" ? run(ids, boost, false) : ScoredDocs{nothing()};
}

ScoredDocs QueryRunner::run(const MultiMatchQuery& query, float boost, bool scoring) const {
  ClauseSum clauses(ClauseSum::Of::best, scoring);
  for (const auto& [name, field_boost] : query.fields) {
    const bool pattern = name.find('*') != std::string::npos;
    for (const FieldPtr& field : shard_.expand(name)) {
      const bool searchable = field->type != FieldType::dense_vector && field->type != FieldType::binary;
      const bool has_words = field->indexed || (field->doc_values && field->type != FieldType::text);
      if (pattern && (!searchable || !has_words)) continue;
      check_cancelled();
      shard_.count_clauses(1);
      try {
        clauses.add(match_field(*field, query, boost * field_boost, scoring));
      } catch (const ShardRefused&) {
        if (!pattern || field->type == FieldType::text)
          throw;  // with a pattern, fields whose type the words do not fit are skipped
      }
    }
  }
  if (clauses.clauses() == 0) return {nothing()};
  return std::move(clauses).finish();
}

ScoredDocs QueryRunner::run(const PrefixQuery& query, float boost, bool) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  if (!field) return {nothing()};
  if (field->type != FieldType::text && field->type != FieldType::keyword) {
    refuse_query("Can only use prefix queries on keyword and text fields - not on [" + query.field +
                 "] which is of type [" + to_string(field->type) + "]");
  }
  const std::string prefix = query.case_insensitive ? ascii_lower(query.value) : query.value;
  const auto fits = [&](std::string_view term) {
    return query.case_insensitive ? starts_with_any_case(term, prefix) : term.starts_with(prefix);
  };
  return {with_terms(*field, fits), boost};
}

ScoredDocs QueryRunner::run(const TermQuery& query, float boost, bool scoring) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  if (!field) return without_field(query.field, {query.value}, boost);
  if (!query.case_insensitive) return value_term(*field, query.value, boost, scoring);
  if (field->type != FieldType::text && field->type != FieldType::keyword) {
    refuse_query("[" + query.field + "] field which is of type [" + to_string(field->type) +
                 "], does not support case insensitive term queries");
  }
  const std::string wanted = ascii_lower(query.value.text);  // as in Elasticsearch, only ASCII
  return {with_terms(*field, [&](std::string_view term) { return ascii_lower(term) == wanted; }), boost};
}

DocSet QueryRunner::term_range(const Field& field, const RangeQuery& query) const {
  return with_terms(field, [&](std::string_view term) {
    if (query.lower) {
      const int order = term.compare(query.lower->value.text);
      if (order < 0 || (order == 0 && !query.lower->inclusive)) return false;
    }
    if (!query.upper) return true;
    const int order = term.compare(query.upper->value.text);
    return order < 0 || (order == 0 && query.upper->inclusive);
  });
}

}  // namespace sightline::elastic
