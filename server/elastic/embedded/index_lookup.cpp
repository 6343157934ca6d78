// How index expressions find indices.
#include <algorithm>

#include "base/cancellation.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/store_core.h"
#include "server/elastic/rest/json_filter.h"

namespace sightline::elastic {
namespace {

/// Hidden indices are left out of wildcards, unless asked for or unless the pattern itself starts with a dot
/// as they do.
bool shown_by(const std::string& pattern, const std::string& name, bool hidden,
              const IndicesOptions& options) {
  if (!hidden) return options.expand_open;
  return options.expand_hidden || (options.expand_open && pattern.starts_with('.') && name.starts_with('.'));
}

}  // namespace

Answer<std::vector<IndexPtr>> StoreCore::find_all(std::string_view expression,
                                                  const IndicesOptions& options) const {
  const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
  std::vector<IndexPtr> chosen;
  const auto take = [&chosen](const IndexPtr& index) {
    if (std::find(chosen.begin(), chosen.end(), index) == chosen.end()) chosen.push_back(index);
  };
  bool wildcard_seen = false;
  const auto parts = split_expression(expression);
  if (auto refusal = rest::check_pattern_count("index", parts.size(), limits_.max_patterns))
    return *std::move(refusal);
  for (const std::string& part : parts) {
    const bool excludes = wildcard_seen && part.starts_with('-');
    const std::string name = excludes ? part.substr(1) : part;
    if (excludes || is_wildcard(name)) {
      wildcard_seen = true;
      bool any = false;
      for (const auto& [index_name, index] : indices_) {
        check_cancelled();
        const bool fits = part_fits(name, index_name) ||
                          index->any_alias([&](const auto& alias) { return part_fits(name, alias); });
        if (!fits) continue;
        if (excludes) {
          std::erase(chosen, index);
        } else if (shown_by(name, index_name, index->hidden(), options)) {
          take(index);
          any = true;
        }
      }
      if (!any && !excludes && !options.allow_no_indices) return index_not_found(name);
      continue;
    }
    if (name.starts_with('_')) {
      ElasticError error = invalid_index_name(name, "must not start with '_'.");
      return error;
    }
    bool any = false;
    if (const auto index = indices_.find(name); index != indices_.end()) {
      take(index->second);
      any = true;
    } else {
      for (const auto& [index_name, candidate] : indices_) {
        if (!candidate->has_alias(name)) continue;
        take(candidate);
        any = true;
      }
    }
    if (!any && !options.ignore_unavailable) return index_not_found(name);
  }
  if (chosen.empty() && !options.allow_no_indices) return index_not_found(std::string(expression));
  return chosen;
}

Answer<IndexPtr> StoreCore::find_one(const std::string& name) const {
  if (is_wildcard(name) || name.find(',') != std::string::npos) return index_not_found(name);
  auto found = find_all(name, {});
  if (!found) return found.error();
  if (found->size() == 1) return found->front();
  std::string names;
  for (const IndexPtr& index : *found) names += (names.empty() ? "" : ", ") + index->name();
  return illegal_argument("alias [" + name + "] has more than one index associated with it [" + names +
                          "], can't execute a single index op");
}

Answer<IndexPtr> StoreCore::find_for_write(const std::string& name) const {
  if (is_wildcard(name) || name.find(',') != std::string::npos) return index_not_found(name);
  auto found = find_all(name, {});
  if (!found) return found.error();
  if (found->size() == 1) {
    const auto aliases = found->front()->aliases();
    const auto alias = aliases.find(name);
    if (alias == aliases.end() || alias->second.is_write_index.value_or(true)) return found->front();
  }
  for (const IndexPtr& index : *found) {
    const auto aliases = index->aliases();
    if (const auto alias = aliases.find(name);
        alias != aliases.end() && alias->second.is_write_index.value_or(false))
      return index;
  }
  return illegal_argument(
      "no write index is defined for alias [" + name +
      "]. The write index may be explicitly disabled using is_write_index=false or the alias points to "
      "multiple indices without one being designated as a write index");
}

}  // namespace sightline::elastic
