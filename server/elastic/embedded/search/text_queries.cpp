// Queries over words: match, multi_match, prefix, and terms of text and keyword fields.
#include <algorithm>
#include <cmath>

#include "base/cancellation.h"
#include "server/elastic/embedded/search/analyzers.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {
namespace {

void need_index(const Field& field) {
  if (field.indexed) return;
  if (field.type == FieldType::text) {
    refuse_query_because("Cannot search on field [" + field.path + "] since it is not indexed.");
  }
  if (!field.doc_values) {
    refuse_query_because("Cannot search on field [" + field.path +
                         "] since it is not indexed nor has doc values.");
  }
}

}  // namespace

ScoredDocs QueryRunner::text_term(const Field& field, std::string_view term, float boost,
                                  bool scoring) const {
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
    out.scores[posting.doc] = field.norms ? scorer.score(posting.frequency, column->length(posting.doc))
                                          : scorer.score_without_length(posting.frequency);
  }
  return out;
}

ScoredDocs QueryRunner::keyword_term(const Field& field, std::string_view value, float boost,
                                     bool scoring) const {
  need_index(field);
  ScoredDocs out{nothing()};
  const KeywordColumn* column = memory_.keyword(field.path);
  const auto* documents = column ? column->find(value) : nullptr;
  if (!documents) return out;
  for (const Doc doc : *documents) out.docs.set(doc);
  out.docs &= memory_.live();
  const std::size_t live = scoring ? out.docs.count() : 0;
  if (live != 0) out.constant = Bm25Scorer(column->statistics(), live, boost).score_without_length();
  return out;
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

ScoredDocs QueryRunner::match_text(const Field& field, const MatchQuery& query, float boost,
                                   bool scoring) const {
  need_index(field);
  const std::string& analyzer = field.search_analyzer.empty() ? field.analyzer : field.search_analyzer;
  ClauseSum terms(query.all_terms ? ClauseSum::Of::all : ClauseSum::Of::any, scoring,
                  !query.minimum_should_match.empty());
  const bool known = each_token(analyzer, query.text.text, [&](Token&& token) {
    check_cancelled();
    shard_.count_clauses(1);
    terms.add(text_term(field, token.term, boost, scoring));
    return true;
  });
  if (!known) refuse_query_because("analyzer [" + analyzer + "] has not been configured in mappings");
  if (terms.clauses() == 0) {
    return query.zero_terms_match_all ? ScoredDocs{memory_.live(), boost} : ScoredDocs{nothing()};
  }
  // Elasticsearch applies minimum_should_match to disjunctions only, and a single word is none.
  std::size_t least = 1;
  if (!query.all_terms && !query.minimum_should_match.empty() && terms.clauses() > 1) {
    least = std::max<std::size_t>(1, least_clauses(query.minimum_should_match, terms.clauses()));
  }
  return std::move(terms).finish(least);
}

ScoredDocs QueryRunner::match_field(const FieldPtr& field, const MatchQuery& query, float boost,
                                    bool scoring) const {
  try {
    if (field->type == FieldType::dense_vector || field->type == FieldType::binary) {
      refuse_query_because("Field [" + field->path + "] of type [" + to_string(field->type) +
                           "] does not support match queries");
    }
    return field->type == FieldType::text ? match_text(*field, query, boost, scoring)
                                          : value_term(*field, query.text, boost, scoring);
  } catch (const ShardRefused&) {
    if (query.lenient.value_or(false)) return {nothing()};
    throw;
  }
}

ScoredDocs QueryRunner::run(const MatchQuery& query, float boost, bool scoring) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  if (field) return match_field(field, query, boost, scoring);
  if (query.field == "_id") return run(IdsQuery{{query.text.text}}, boost, scoring);
  return {nothing()};
}

ScoredDocs QueryRunner::run(const MultiMatchQuery& query, float boost, bool scoring) const {
  if (!query.sum_of_fields) check_tie_breaker(query.tie_breaker);
  ClauseSum clauses(query.sum_of_fields ? ClauseSum::Of::any : ClauseSum::Of::best, scoring, false,
                    query.tie_breaker);
  for (const auto& [name, field_boost] : query.fields) {
    const bool pattern = name.find('*') != std::string::npos;
    MatchQuery match = query.match;
    if (!match.lenient) match.lenient = pattern;
    for (const FieldPtr& field : shard_.mapping->expand(name)) {
      const bool searchable = field->type != FieldType::dense_vector && field->type != FieldType::binary;
      if (pattern && (!searchable || !field->indexed)) continue;
      check_cancelled();
      if (!std::isfinite(field_boost)) refuse_boost(field_boost);
      shard_.count_clauses(1);
      clauses.add(match_field(field, match, boost * field_boost, scoring));
    }
  }
  if (clauses.clauses() == 0) return {nothing()};
  return std::move(clauses).finish();
}

ScoredDocs QueryRunner::run(const PrefixQuery& query, float boost, bool) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  if (!field) return {nothing()};
  if (field->type != FieldType::text && field->type != FieldType::keyword) {
    refuse_query("Can only use prefix queries on keyword, text and wildcard fields - not on [" + query.field +
                 "] which is of type [" + to_string(field->type) + "]");
  }
  if (!query.case_insensitive) {
    return {with_terms(*field, [&](std::string_view term) { return term.starts_with(query.value); }), boost};
  }
  const std::string prefix = lower_case(query.value);
  return {with_terms(*field, [&](std::string_view term) { return lower_case(term).starts_with(prefix); }),
          boost};
}

ScoredDocs QueryRunner::run(const TermQuery& query, float boost, bool scoring) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  if (!field) {
    if (query.field == "_id") return run(IdsQuery{{query.value.text}}, boost, scoring);
    return {nothing()};
  }
  if (!query.case_insensitive) return value_term(*field, query.value, boost, scoring);
  if (field->type != FieldType::text && field->type != FieldType::keyword) {
    refuse_query("[" + query.field + "] field which is of type [" + to_string(field->type) +
                 "], does not support case insensitive term queries");
  }
  const std::string wanted = lower_case(query.value.text);
  return {with_terms(*field, [&](std::string_view term) { return lower_case(term) == wanted; }), boost};
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
