#include "eval/task.h"

#include <algorithm>

namespace sightline::eval {
namespace {

/// The conditions of equality with a picture in these attributes. An unknown attribute gives a condition that nothing
/// meets.
Conditions like(const Picture& picture, const std::vector<std::uint32_t>& attributes) {
  Conditions conditions;
  for (const std::uint32_t attribute : attributes) {
    Condition condition{attribute, {}};
    if (picture.values[attribute] != Dataset::k_unknown) condition.values.push_back(picture.values[attribute]);
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

bool can_be_met(const Conditions& conditions) {
  return std::none_of(conditions.begin(), conditions.end(), [](const Condition& c) { return c.values.empty(); });
}

bool intersect(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](std::uint32_t one) { return std::find(b.begin(), b.end(), one) != b.end(); });
}

/// The fewest conditions that an answer breaks, and whether it breaks all, over the ways to be right and the pictures
/// of the answer.
struct Broken {
  std::size_t fewest = SIZE_MAX;
  bool all = true;  ///< breaks every condition, in every way
};
Broken broken_by(const Candidate& candidate, const std::vector<Conditions>& ways, const Dataset& data) {
  Broken broken;
  for (const Conditions& conditions : ways) {
    for (const std::uint32_t picture : candidate.pictures) {
      const std::size_t count = count_broken(conditions, data.pictures()[picture]);
      broken.fewest = std::min(broken.fewest, count);
      broken.all &= count == conditions.size();
    }
  }
  return broken;
}

/// The distinct captions of a set's columns, each with its pictures, in order of the first.
std::vector<std::pair<std::string, std::vector<std::uint32_t>>> distinct_captions(const RetrievalSet& set,
                                                                                  const Dataset& data) {
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> captions;
  std::map<std::string, std::size_t> places;
  for (std::uint32_t picture = 0; picture < data.pictures().size(); ++picture) {
    for (const std::uint32_t column : set.captions) {
      const std::string& text = data.pictures()[picture].captions[column];
      if (text.empty()) continue;
      const auto [place, added] = places.emplace(text, captions.size());
      if (added) captions.push_back({text, {}});
      auto& owners = captions[place->second].second;
      if (owners.empty() || owners.back() != picture) owners.push_back(picture);
    }
  }
  return captions;
}

/// Sets the wanted conditions of a query, by the attributes of its pictures. False: no picture has all attributes that
/// `right` names.
bool want_equals(Query& query, const RetrievalSet& set, const Dataset& data) {
  for (const std::uint32_t picture : query.pictures) {
    if (!set.same_picture) {
      Conditions wanted = like(data.pictures()[picture], set.equal);
      if (can_be_met(wanted)) query.wanted.push_back(std::move(wanted));
    }
    if (!set.negatives.attributes.empty())
      query.alike.push_back(like(data.pictures()[picture], set.negatives.attributes));
  }
  return set.same_picture || !query.wanted.empty();
}

Query asked_query(const AskedText& asked, const RetrievalSet& set, Inputs& inputs) {
  Query query{asked.text, inputs.add(asked.text, Inputs::Role::query), {}, {}, {}, {}};
  if (!asked.right.empty()) query.wanted.push_back(asked.right);
  Conditions alike;
  for (const Condition& condition : asked.right) {
    const auto& named = set.negatives.attributes;
    if (std::find(named.begin(), named.end(), condition.attribute) != named.end()) alike.push_back(condition);
  }
  if (!alike.empty()) query.alike.push_back(std::move(alike));
  return query;
}

}  // namespace

std::uint32_t Inputs::add(const std::string& text, Role role) {
  const auto [place, added] = numbers_.emplace(std::pair(role, text), static_cast<std::uint32_t>(texts_.size()));
  if (added) texts_.push_back({text, role});
  return place->second;
}

Relation Task::relation(const Query& query, std::uint32_t number, const Dataset& data) const {
  if (query.self == number) return Relation::left_out;
  const Candidate& candidate = candidates[number];
  const Broken broken = broken_by(candidate, query.wanted, data);
  const bool right = query.wanted.empty() ? intersect(query.pictures, candidate.pictures) : broken.fewest == 0;
  if (right) return Relation::right;
  bool competes = true;
  switch (set.negatives.kind) {
    case Negatives::Kind::all:
      break;
    case Negatives::Kind::hard:
      competes = broken.fewest == 1;
      break;
    case Negatives::Kind::easy:
      competes = broken.all;
      break;
    case Negatives::Kind::same:
      competes = broken_by(candidate, query.alike, data).fewest == 0;
      break;
    case Negatives::Kind::other:
      competes = broken_by(candidate, query.alike, data).fewest > 0;
      break;
  }
  return competes ? Relation::wrong : Relation::left_out;
}

Result<Task> make_task(const RetrievalSet& set, const Dataset& data, Inputs& inputs) {
  Task task;
  task.set = set;
  std::map<std::string, std::uint32_t> candidate_texts;
  if (candidates_are_texts(set.direction)) {
    for (auto& [text, owners] : distinct_captions(set, data)) {
      candidate_texts.emplace(text, static_cast<std::uint32_t>(task.candidates.size()));
      task.candidates.push_back({inputs.add(text, Inputs::Role::document), std::move(owners)});
    }
  } else {
    for (std::uint32_t i = 0; i < data.pictures().size(); ++i) task.candidates.push_back({i, {i}});
  }
  inputs.needs_pictures |= !candidates_are_texts(set.direction) || !queries_are_texts(set.direction);

  const auto where = [&](std::uint32_t picture) { return count_broken(set.where, data.pictures()[picture]) == 0; };
  const auto add = [&](Query query) {
    want_equals(query, set, data) ? task.queries.push_back(std::move(query)) : void(++task.not_asked);
  };
  if (!set.asked.empty()) {
    for (const AskedText& asked : set.asked) task.queries.push_back(asked_query(asked, set, inputs));
  } else if (queries_are_texts(set.direction)) {
    for (auto& [text, owners] : distinct_captions(set, data)) {
      const std::size_t words = count_words(text);
      if (words < set.least_words || words > set.most_words) continue;
      if (std::none_of(owners.begin(), owners.end(), where)) continue;
      add({text, inputs.add(text, Inputs::Role::query), owners, {}, {}, {}});
    }
  } else {
    for (std::uint32_t i = 0; i < data.pictures().size(); ++i) {
      if (where(i)) add({data.pictures()[i].name, i, {i}, {}, {}, {}});
    }
  }
  for (Query& query : task.queries) {
    if (set.direction == Direction::image_to_image) query.self = query.input;
    if (set.direction != Direction::text_to_text) continue;
    if (const auto self = candidate_texts.find(query.words); self != candidate_texts.end()) query.self = self->second;
  }
  if (task.queries.empty())
    return Error{ErrorCode::invalid_argument, "set [" + set.name + "] has no query: no caption or picture fits"};
  return task;
}

Result<LabelTask> make_label_task(const LabelSet& set, const Dataset& data, Inputs& inputs) {
  LabelTask task;
  task.set = set;
  inputs.needs_pictures = true;
  for (const auto& [value, words] : set.labels) {
    std::vector<std::uint32_t> prompts;
    for (const std::string& form : set.templates) {
      const std::size_t hole = form.find("{}");
      prompts.push_back(inputs.add(form.substr(0, hole) + words + form.substr(hole + 2), Inputs::Role::query));
    }
    task.prompts.push_back(std::move(prompts));
  }
  for (std::uint32_t i = 0; i < data.pictures().size(); ++i) {
    const Picture& picture = data.pictures()[i];
    const bool labelled = std::any_of(set.labels.begin(), set.labels.end(),
                                      [&](const auto& label) { return label.first == picture.values[set.attribute]; });
    if (labelled && count_broken(set.where, picture) == 0) task.pictures.push_back(i);
  }
  if (task.pictures.empty()) return Error{ErrorCode::invalid_argument, "label set [" + set.name + "] has no pictures"};
  return task;
}

}  // namespace sightline::eval
