#include "server/elastic/local/search/scored_docs.h"

#include <algorithm>
#include <string>

#include "base/number_text.h"
#include "server/elastic/local/search/shard_view.h"

namespace sightline::elastic {
namespace {

/// Sums are made in double and rounded once, as Lucene makes them.
std::vector<float> rounded(const std::vector<double>& sums) {
  return std::vector<float>(sums.begin(), sums.end());
}

std::vector<double> sums_of(const std::vector<ScoredDocs>& clauses, std::size_t size) {
  std::vector<double> sums(size);
  for (const ScoredDocs& clause : clauses) {
    clause.docs.for_each([&](Doc doc) { sums[doc] += static_cast<double>(clause.score(doc)); });
  }
  return sums;
}

DocSet in_at_least(const std::vector<ScoredDocs>& clauses, std::size_t least) {
  DocSet docs(clauses[0].docs.size());
  if (least > clauses.size()) return docs;
  if (least == 1) {
    for (const ScoredDocs& clause : clauses) docs |= clause.docs;
    return docs;
  }
  std::vector<std::uint32_t> counts(docs.size());
  for (const ScoredDocs& clause : clauses) clause.docs.for_each([&](Doc doc) { ++counts[doc]; });
  for (Doc doc = 0; doc < counts.size(); ++doc) {
    if (counts[doc] >= least) docs.set(doc);
  }
  return docs;
}

[[noreturn]] void refuse_number(std::string_view text) {
  refuse_query_because("For input string: \"" + std::string(text) + "\"", "number_format_exception");
}

long whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto number = number_from<long>(text);
  if (!number) refuse_number(text);
  return *number;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// "2", "-1", "75%", "-25%".
std::size_t plain_least(std::string_view text, std::size_t clauses) {
  const auto count = static_cast<long>(clauses);
  long least;
  if (text.ends_with('%')) {
    const long percent = whole_number(text.substr(0, text.size() - 1));
    const long part = count * std::clamp(percent, -1000L, 1000L) / 100;
    least = percent < 0 ? count + part : part;
  } else {
    const long number = whole_number(text);
    least = number < 0 ? count + std::max(number, -count) : number;
  }
  return static_cast<std::size_t>(std::max(least, 0L));
}

}  // namespace

ScoredDocs sum_of_any(std::vector<ScoredDocs> clauses, std::size_t least, bool scoring) {
  if (clauses.size() == 1 && least <= 1) return std::move(clauses[0]);
  ScoredDocs out{in_at_least(clauses, least)};
  if (scoring) out.scores = rounded(sums_of(clauses, out.docs.size()));
  return out;
}

ScoredDocs sum_of_all(std::vector<ScoredDocs> clauses, bool scoring) {
  if (clauses.size() == 1) return std::move(clauses[0]);
  ScoredDocs out{clauses[0].docs};
  for (const ScoredDocs& clause : clauses) out.docs &= clause.docs;
  if (scoring) out.scores = rounded(sums_of(clauses, out.docs.size()));
  return out;
}

ScoredDocs best_of_any(std::vector<ScoredDocs> clauses, float tie_breaker, bool scoring) {
  if (clauses.size() == 1) return std::move(clauses[0]);
  ScoredDocs out{in_at_least(clauses, 1)};
  if (!scoring) return out;
  std::vector<float> best(out.docs.size());
  for (const ScoredDocs& clause : clauses) {
    clause.docs.for_each([&](Doc doc) { best[doc] = std::max(best[doc], clause.score(doc)); });
  }
  if (tie_breaker != 0) {
    const std::vector<double> sums = sums_of(clauses, best.size());
    for (Doc doc = 0; doc < best.size(); ++doc) {
      const double others = sums[doc] - static_cast<double>(best[doc]);
      best[doc] =
          static_cast<float>(static_cast<double>(best[doc]) + others * static_cast<double>(tie_breaker));
    }
  }
  out.scores = std::move(best);
  return out;
}

ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring) {
  if (!scoring) return required;
  if (required.scores.empty()) required.scores.assign(required.docs.size(), required.constant);
  optional.docs.for_each([&](Doc doc) { required.scores[doc] += optional.score(doc); });
  return required;
}

std::size_t least_clauses(std::string_view specification, std::size_t clauses) {
  std::string_view rest = trimmed(specification);
  if (rest.find('<') == std::string_view::npos) return plain_least(rest, clauses);
  // "2<75% 9<-3": up to 2 clauses all must match, above that 75 %, above 9 all but 3.
  std::size_t least = clauses;
  while (!rest.empty()) {
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    const std::string_view rule = rest.substr(0, blank);
    rest = trimmed(rest.substr(blank));
    const std::size_t sign = rule.find('<');
    if (sign == std::string_view::npos) refuse_number(rule);
    if (static_cast<long>(clauses) <= whole_number(rule.substr(0, sign))) return least;
    least = plain_least(rule.substr(sign + 1), clauses);
  }
  return least;
}

}  // namespace sightline::elastic
