#include "server/elastic/embedded/search/search_runner.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/search/field_fetcher.h"
#include "server/elastic/embedded/search/hit_sorter.h"
#include "server/elastic/embedded/search/query_parser.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/rest/decimal.h"

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_default_window = 10'000;

/// The answer to a search that failed on an index. Thrown within this file.
struct PhaseFailed {
  http::Response answer;
};

/// 400 search_phase_execution_exception. `phase`: "dfs" for top-level knn, else "query".
[[noreturn]] void fail_on(const ShardView& shard, const ShardRefused& refused, const char* phase) {
  ElasticError cause{400, refused.type, refused.reason};
  cause.details = {{"index", shard.index->name()}};
  const std::string json = cause.item_json();
  json::Builder out;
  out.object().object("error").array("root_cause").value(json::Raw{json}).end();
  out.member("type", "search_phase_execution_exception").member("reason", "shards failed").member("phase", phase);
  out.member("grouped", true).array("failed_shards").object().member("shard", 0);
  out.member("index", shard.index->name()).member("reason", json::Raw{json}).end().end().end();
  throw PhaseFailed{json_answer(out.member("status", 400).text(), 400)};
}

json::Builder& write_shards(json::Builder& out, std::size_t count) {
  out.object("_shards").member("total", count).member("successful", count).member("skipped", 0).member("failed", 0);
  return out.end();
}

class Search {
 public:
  Search(const StoreCore& store, const SearchBody& body)
      : body_(body),
        limits_(store.limits()),
        contexts_(store.search_contexts()),
        started_(std::chrono::steady_clock::now()),
        lock_(store.read_lock()) {}

  /// With `point`, searches the documents of that moment. A scroll stores the hits that are not returned.
  http::Response run(const std::vector<IndexPtr>& indices, const SearchContext* point = nullptr) {
    if (body_.scroll) contexts_.check_room(0);
    if (point) {
      moments_ = point->indices;
      head_ = {"pit_id", body_.point_in_time->id};
    }
    open(indices);
    each_shard("query", [&](std::size_t i) { check_page(shards_[i]); });
    find_nearest();
    find_matches();
    collect_hits();
    if (!body_.scroll) return json_answer(answer());
    const SearchContextPtr scroll(new SearchContext{SearchContext::Kind::scroll, moments()});
    keep_rest(*scroll);
    head_ = {"_scroll_id", SearchContexts::new_id()};
    http::Response reply = json_answer(answer());
    contexts_.open(head_.second, scroll, *body_.scroll);
    return reply;
  }

  /// The next page of a scroll, which also has the body of this search.
  http::Response page(const std::vector<IndexPtr>& indices, SearchContext& scroll, const std::string& shown_id,
                      bool total_hits_as_int) {
    open(indices);
    each_shard("query", [&](std::size_t i) { fetchers_.emplace_back(shards_[i], body_.fields, limits_); });
    const std::size_t next = take_hits(scroll);
    scroll_ = &scroll;
    total_hits_as_int_ = total_hits_as_int;
    head_ = {"_scroll_id", shown_id};
    http::Response reply = json_answer(answer());
    scroll.next = next;  // only now: a page that failed can be requested again
    return reply;
  }

  http::Response open_point(const std::vector<IndexPtr>& indices, std::chrono::milliseconds keep_alive) {
    open(indices);
    const SearchContextPtr point(new SearchContext{SearchContext::Kind::point_in_time, moments()});
    const std::string id = SearchContexts::new_id();
    contexts_.open(id, point, keep_alive);
    json::Builder out;
    return json_answer(write_shards(out.object().member("id", id), shards_.size()).text());
  }

  http::Response count(const std::vector<IndexPtr>& indices) {
    open(indices);
    find_matches();
    json::Builder out;
    return json_answer(write_shards(out.object().member("count", matched()), shards_.size()).text());
  }

 private:
  void open(const std::vector<IndexPtr>& indices) {
    for (const auto& index : indices) {
      shards_.push_back({index, index->mapping(), &index->search(), limits_.max_clauses});
    }
    rest::SourceFilter source = body_.source;
    source.known = std::make_shared<rest::KnownVerdicts>();  // one for all indices: it depends on the patterns alone
    for (const ShardView& shard : shards_) sources_.push_back(shard.index->settled(source));
    for (std::size_t i = 0; i < moments_.size(); ++i) shards_[i].at_moment = seen_at(shards_[i].memory(), moments_[i]);
    matches_.resize(shards_.size());
    nearest_.resize(shards_.size(), ClauseSum(ClauseSum::Of::any, true));
  }

  /// The documents of that moment that still exist, including replaced ones.
  static DocSet seen_at(const MemoryIndex& memory, const IndexMoment& moment) {
    DocSet seen = memory.live();
    memory.live().for_each([&](Doc doc) {
      if (memory.origin(doc) > moment.last_number) seen.reset(doc);
    });
    return seen;
  }

  std::vector<IndexMoment> moments() const {
    std::vector<IndexMoment> moments;
    for (const ShardView& shard : shards_)
      moments.push_back({shard.index->name(), shard.index->number(), shard.memory().last_number()});
    return moments;
  }

  void keep_rest(SearchContext& scroll) {
    scroll.total = matched();
    scroll.max_score = max_score_json();
    const std::size_t shown = std::min(hits_.size(), static_cast<std::size_t>(body_.size));
    scroll.entries.reserve(hits_.size() - shown);
    for (std::size_t i = shown; i < hits_.size(); ++i) {
      check_cancelled();
      const Hit& hit = hits_[i];
      const ShardView& shard = shards_[hit.shard];
      scroll.entries.push_back({shard.memory().origin(hit.doc), static_cast<std::uint32_t>(hit.shard), hit.score});
      if (body_.sort.empty()) continue;
      append_sort_values(scroll.sort_values, shard, body_.sort, hit);
      scroll.sort_ends.push_back(scroll.sort_values.size());
      if (scroll.sort_values.size() > limits_.max_scroll_bytes) contexts_.check_room(scroll.bytes());
    }
    hits_.resize(shown);
    scroll.body = body_;
  }

  /// Finds the documents of the next page, without deleted ones. Returns the entry after them.
  std::size_t take_hits(const SearchContext& scroll) {
    std::vector<std::optional<std::unordered_map<std::int64_t, Doc>>> replaced(shards_.size());
    const auto find = [&](const SearchContext::Entry& entry) -> std::optional<Doc> {
      const MemoryIndex& memory = shards_[entry.shard].memory();
      if (const auto doc = memory.find(entry.origin)) return doc;
      auto& replacements = replaced[entry.shard];
      if (!replacements) replacements = memory.replacements();
      const auto found = replacements->find(entry.origin);
      return found == replacements->end() ? std::nullopt : std::optional<Doc>(found->second);
    };
    std::size_t next = scroll.next;
    for (; next < scroll.entries.size() && hits_.size() < static_cast<std::size_t>(body_.size); ++next) {
      check_cancelled();
      const SearchContext::Entry& entry = scroll.entries[next];
      const auto doc = find(entry);
      if (!doc) continue;
      hits_.push_back({entry.shard, *doc, entry.score});
      if (body_.sort.empty()) continue;
      const std::size_t begin = next == 0 ? 0 : scroll.sort_ends[next - 1];
      sort_values_.push_back(std::string_view(scroll.sort_values).substr(begin, scroll.sort_ends[next] - begin));
    }
    return next;
  }

  /// Calls `work` per index. The first index that it fails on fails the search.
  template <class Work>
  void each_shard(const char* phase, const Work& work) {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      try {
        work(i);
      } catch (const ShardRefused& refused) {
        fail_on(shards_[i], refused, phase);
      }
    }
  }

  void check_page(const ShardView& shard) const {
    if (body_.search_after && body_.sort.empty()) refuse_shard("Sort must contain at least one field.");
    const std::size_t keys = body_.sort.size() - (body_.breaks_ties ? 1 : 0);
    if (body_.search_after && body_.search_after->size() != keys && body_.search_after->size() != body_.sort.size()) {
      refuse_shard("search_after has " + std::to_string(body_.search_after->size()) + " value(s) but sort has " +
                   std::to_string(keys) + ".");
    }
    const std::int64_t window = shard.number_setting("index.max_result_window", k_default_window);
    const std::int64_t wanted = std::int64_t{body_.from} + body_.size;
    if (wanted <= window) return;
    refuse_shard("Result window is too large, from + size must be less than or equal to: [" + std::to_string(window) +
                 "] but was [" + std::to_string(wanted) +
                 "]; page with search_after, or raise the setting [index.max_result_window]");
  }

  void find_nearest() {
    for (const Query& clause : body_.knn) {
      std::vector<ScoredDocs> found(shards_.size());
      each_shard("dfs", [&](std::size_t i) { found[i] = QueryRunner(shards_[i]).run(clause); });
      if (shards_.size() > 1) keep_nearest(static_cast<std::size_t>(std::get<KnnQuery>(clause.node).k), found);
      for (std::size_t i = 0; i < shards_.size(); ++i) nearest_[i].add(std::move(found[i]));
    }
  }

  /// Reduces the k nearest of each index to the k nearest of all.
  static void keep_nearest(std::size_t k, std::vector<ScoredDocs>& found) {
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].docs.for_each([&](Doc doc) { hits.push_back({i, doc, found[i].score(doc)}); });
    }
    if (hits.size() <= k) return;
    std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return comes_before({}, a, b); });
    for (std::size_t i = k; i < hits.size(); ++i) found[hits[i].shard].docs.reset(hits[i].doc);
  }

  void find_matches() {
    each_shard("query", [&](std::size_t i) {
      ClauseSum& clauses = nearest_[i];
      const QueryRunner runner(shards_[i]);
      if (body_.query) {
        clauses.add(runner.run(*body_.query));
      } else if (body_.knn.empty()) {
        clauses.add(runner.run(Query{MatchAllQuery{}}));
      }
      ScoredDocs all = std::move(clauses).finish();
      if (shards_[i].at_moment) all.docs &= *shards_[i].at_moment;
      if (body_.min_score) {
        const DocSet docs = all.docs;
        docs.for_each([&](Doc doc) {
          if (all.score(doc) < *body_.min_score) all.docs.reset(doc);
        });
      }
      matches_[i] = std::move(all);
    });
  }

  void collect_hits() {
    each_shard("query", [&](std::size_t i) { fetchers_.emplace_back(shards_[i], body_.fields, limits_); });
    if (!body_.aggregations.empty()) {
      std::vector<AggregatedShard> aggregated;
      for (std::size_t i = 0; i < shards_.size(); ++i) aggregated.push_back({&shards_[i], &matches_[i].docs});
      each_shard("query", [&](std::size_t i) { check_aggregations(body_.aggregations, shards_[i]); });
      aggregations_ = aggregations_json(body_.aggregations, aggregated, body_.typed_keys, limits_);
    }
    if (body_.post_filter) {
      each_shard("query",
                 [&](std::size_t i) { matches_[i].docs &= QueryRunner(shards_[i]).filter(*body_.post_filter); });
    }
    const std::size_t found = static_cast<std::size_t>(matched()), key_bytes = body_.sort.size() * sizeof(SortValue);
    std::size_t count =
        body_.size == 0 ? 0 : static_cast<std::size_t>(body_.from) + static_cast<std::size_t>(body_.size);
    if (body_.scroll) {
      count = std::max(count, found);
      contexts_.check_room(count * (sizeof(SearchContext::Entry) + key_bytes));
    } else {
      check_answer_room({}, std::min(count, found) * (sizeof(Hit) + key_bytes), limits_);
    }
    each_shard("query", [&](std::size_t i) {
      auto best = best_hits(shards_[i], i, matches_[i], body_, count);
      hits_.insert(hits_.end(), std::make_move_iterator(best.begin()), std::make_move_iterator(best.end()));
      if (hits_.size() <= count && i + 1 < shards_.size()) return;
      std::sort(hits_.begin(), hits_.end(), [&](const Hit& a, const Hit& b) { return comes_before(body_.sort, a, b); });
      if (hits_.size() > count) hits_.resize(count);
    });
  }

  std::int64_t matched() const {
    if (scroll_) return scroll_->total;
    std::size_t total = 0;
    for (const ScoredDocs& matches : matches_) total += matches.docs.count();
    return static_cast<std::int64_t>(total);
  }

  /// Hits have a score without `sort`, and with a sort by _score.
  bool shows_scores() const {
    return body_.sorts_by_score() || std::any_of(body_.sort.begin(), body_.sort.end(),
                                                 [](const SortKey& key) { return key.kind == SortKey::Kind::score; });
  }

  std::string max_score_json() const {
    if (scroll_) return scroll_->max_score;
    if (shards_.empty()) return "0.0";
    if (body_.size == 0 || !body_.sorts_by_score() || hits_.empty()) return "null";
    std::string out;
    append_decimal(out, hits_[0].score);
    return out;
  }

  void write_total(json::Builder& out) const {
    const std::int64_t limit = body_.track_total_hits, total = limit == k_count_none ? -1 : matched();
    if (total_hits_as_int_) {
      out.member("total", total);
    } else if (limit != k_count_none) {
      out.object("total")
          .member("value", std::min(total, limit))
          .member("relation", total > limit ? "gte" : "eq")
          .end();
    }
  }

  std::string answer() const {
    json::Builder out;
    out.object();
    if (!head_.second.empty()) out.member(head_.first, head_.second);
    out.member("timed_out", false);
    // Elasticsearch reports this for searches that only count all hits.
    if (body_.size == 0 && body_.track_total_hits == k_count_all && body_.aggregations.empty() && body_.knn.empty())
      out.member("terminated_early", false);
    write_shards(out, shards_.size());
    write_total(out.object("hits"));
    out.member("max_score", json::Raw{max_score_json()});
    out.member("hits", [&](std::string& text) { append_hits(text); }).end();
    if (!aggregations_.empty()) out.member("aggregations", json::Raw{aggregations_});
    const auto took = std::chrono::steady_clock::now() - started_;
    return out.member("took", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()).text();
  }

  void append_hits(std::string& out) const {
    const std::size_t first = std::min(static_cast<std::size_t>(body_.from), hits_.size());
    out += '[';
    for (std::size_t i = first; i < hits_.size(); ++i) {
      check_answer_size(out, limits_);
      if (i != first) out += ',';
      append_hit(out, i);
    }
    out += ']';
  }

  void append_hit(std::string& out, std::size_t i) const {
    const Hit& hit = hits_[i];
    const FieldFetcher& fetcher = fetchers_[hit.shard];
    const ShardView& shard = shards_[hit.shard];
    std::optional<StoredDocument> stored;
    const rest::SourceFilter& source = sources_[hit.shard];
    if (source.enabled || body_.version) {
      stored = shard.index->fetch(shard.memory().number(hit.doc), source.exclude_vectors == false);
      if (!stored) {
        throw StorageFailed{
            {ErrorCode::corrupt_data, "document [" + shard.memory().id(hit.doc) + "] is searchable but not stored"}};
      }
    }
    out += "{\"_index\":";
    rest::append_json_string(out, shard.index->name());
    out += ",\"_id\":";
    rest::append_json_string(out, shard.memory().id(hit.doc));
    if (body_.version) out += ",\"_version\":" + std::to_string(stored->version);
    if (body_.seq_no_primary_term)
      out += ",\"_seq_no\":" + std::to_string(shard.memory().number(hit.doc)) + ",\"_primary_term\":1";
    out += ",\"_score\":";
    shows_scores() ? append_decimal(out, hit.score) : void(out += "null");
    if (source.enabled) {
      const std::string shown = rest::filter_source(stored->source, source);
      check_answer_room(out, shown.size(), limits_);
      out += ",\"_source\":" + shown;
    }
    if (const std::string fields = fetcher.empty() ? "" : fetcher.fetch(hit.doc); !fields.empty())
      out += ",\"fields\":{" + fields + "}";
    if (!body_.sort.empty()) {
      out += ",\"sort\":";
      scroll_ ? void(out += sort_values_[i]) : append_sort_values(out, shard, body_.sort, hit);
    }
    out += "}";
  }

  const SearchBody& body_;
  const Limits& limits_;
  SearchContexts& contexts_;
  std::chrono::steady_clock::time_point started_;
  WriterFirstLock::Reader lock_;
  std::vector<ShardView> shards_;
  std::vector<ClauseSum> nearest_;           // by index: the kNN results, and then the query
  std::vector<ScoredDocs> matches_;          // by index
  std::vector<FieldFetcher> fetchers_;       // by index
  std::vector<rest::SourceFilter> sources_;  // by index
  std::vector<Hit> hits_;
  std::string aggregations_;
  std::pair<const char*, std::string> head_;  // `_scroll_id` or `pit_id`; empty: neither
  bool total_hits_as_int_ = body_.total_hits_as_int;
  std::vector<IndexMoment> moments_;           // by index, of a point in time
  const SearchContext* scroll_ = nullptr;      // set if this is a later page of a scroll
  std::vector<std::string_view> sort_values_;  // of the page's hits
};

/// Runs `search`. Returns its answer or its error.
template <class Run>
http::Response reply_from(const Run& search) {
  try {
    return search();
  } catch (PhaseFailed& failed) {
    return std::move(failed.answer);
  } catch (const Refused& refused) {
    return refused.error.response();
  } catch (const StorageFailed& failed) {
    return storage_error(failed.error).response();
  }
}

/// The indices of `moments`. Refuses if one no longer exists.
std::vector<IndexPtr> found_again(const StoreCore& store, const std::vector<IndexMoment>& moments,
                                  const std::string& id) {
  std::vector<IndexPtr> found;
  for (const IndexMoment& moment : moments) {
    const auto named = answer_of([&] { return store.find_all(moment.name, {}); });
    if (!named || named->size() != 1 || named->front()->number() != moment.number) refuse_missing(id);
    found.push_back(named->front());
  }
  return found;
}

}  // namespace

http::Response run_search(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                          const SearchBody& body) {
  return reply_from([&] {
    check_keep_alive(body.scroll, store.limits());
    if (!body.point_in_time) {
      Search search(store, body);  // locks this moment from here on
      const std::vector<IndexPtr> named = store.find_all(expression, options);
      return search.run(named);
    }
    const auto& [id, keep_alive] = *body.point_in_time;
    if (!expression.empty() || options != IndicesOptions{})
      refuse_invalid("indices and their options cannot be used with a point in time");
    check_keep_alive(keep_alive, store.limits());
    SearchContexts::check_id(id, "point in time");
    const auto point = store.search_contexts().find(SearchContexts::Kind::point_in_time, id, keep_alive);
    Search search(store, body);
    return search.run(found_again(store, point->indices, id), point.get());
  });
}

http::Response run_scroll(const StoreCore& store, const std::string& id, SearchContexts::KeepAlive keep_alive,
                          bool total_hits_as_int) {
  return reply_from([&] {
    check_keep_alive(keep_alive, store.limits());
    const auto scroll = store.search_contexts().find(SearchContexts::Kind::scroll, id, keep_alive);
    const std::lock_guard<std::mutex> one_page(scroll->mutex);
    Search search(store, scroll->body);
    const std::vector<IndexPtr> same = found_again(store, scroll->indices, id);
    http::Response reply = search.page(same, *scroll, keep_alive ? id : "", total_hits_as_int);
    if (!keep_alive) store.search_contexts().close(SearchContexts::Kind::scroll, id);
    return reply;
  });
}

http::Response open_point_in_time(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                                  std::chrono::milliseconds keep_alive) {
  return reply_from([&] {
    check_keep_alive(keep_alive, store.limits());
    const SearchBody body;
    Search search(store, body);
    return search.open_point(store.find_all(expression, options), keep_alive);
  });
}

http::Response run_count(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                         const QueryPtr& query) {
  SearchBody body;
  body.query = query;
  return reply_from([&] {
    Search search(store, body);
    return search.count(store.find_all(expression, options));
  });
}

}  // namespace sightline::elastic
