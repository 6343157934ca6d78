// Reading sets from JSON.
#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "base/json/document.h"
#include "base/json/members.h"
#include "eval/sets.h"

namespace sightline::eval {
namespace {

using Value = rapidjson::Value;
constexpr json::Limits k_limits{.max_values = 10'000'000, .comments = true};

/// JSON with strings in UTF-8, parsed without recursion. Errors name the file and the byte.
Result<rapidjson::Document> parse_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, "cannot read " + file.string()};
  std::stringstream content;
  content << in.rdbuf();
  const std::string text = content.str();
  rapidjson::Document document;
  if (const json::Fault fault = json::read_document(text, document, k_limits)) {
    return Error{ErrorCode::invalid_argument,
                 file.string() + ", byte " + std::to_string(fault.offset) + ": " + json::message(fault, k_limits)};
  }
  return document;
}

std::string text_of(const Value& string) {
  return std::string(json::text_or_empty(string));
}

/// A text with names in braces: "a {kind} at {time}".
struct Template {
  std::vector<std::string> texts;  ///< one more than names
  std::vector<std::string> names;
};

bool read_template(const std::string& text, Template& out) {
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find_first_of("{}", at);
    out.texts.push_back(text.substr(at, open == std::string::npos ? open : open - at));
    if (open == std::string::npos) return true;
    const std::size_t close = text.find_first_of("{}", open + 1);
    if (text[open] != '{' || close == std::string::npos || text[close] != '}') return false;
    out.names.push_back(text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
}

/// Reads one set. The first error is stored; what is read after it has no effect.
class SetReader {
 public:
  SetReader(const Dataset& data, std::filesystem::path folder) : data_(data), folder_(std::move(folder)) {}

  RetrievalSet retrieval(const Value& json);
  LabelSet zero_shot(const Value& json);
  const std::string& error() const { return error_; }

 private:
  void fail(const std::string& what) {
    if (error_.empty()) error_ = what;
  }
  bool check_members(const Value& json, const char* what, const std::set<std::string>& known);
  const Value* member(const Value& json, const char* name) const;
  std::string name_of(const Value& set);
  std::string text(const Value& json, const char* name, bool must);
  std::vector<std::string> texts(const Value& json, const char* name);
  std::size_t count(const Value& json, const char* name, std::size_t otherwise);
  std::uint32_t attribute(const std::string& name);
  std::vector<std::uint32_t> attributes(const std::vector<std::string>& names);
  std::uint32_t value(std::uint32_t attribute, const std::string& text);
  Conditions conditions(const Value& json, const std::string& place);
  void read_queries(const Value& json, RetrievalSet& set);
  void read_asked(const Value& list, const std::string& place, RetrievalSet& set);
  void fill_template(const Value& json, RetrievalSet& set);
  void read_right(const Value& json, RetrievalSet& set);
  void read_negatives(const Value& json, RetrievalSet& set);

  const Dataset& data_;
  const std::filesystem::path folder_;
  std::string error_;
};

bool SetReader::check_members(const Value& json, const char* what, const std::set<std::string>& known) {
  if (!json.IsObject()) return fail(std::string(what) + " is no object"), false;
  std::set<std::string> seen;
  for (const auto& entry : json.GetObject()) {
    const std::string name = text_of(entry.name);
    if (!known.contains(name)) {
      std::string list;
      for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
      return fail(std::string(what) + " has an unknown member [" + name + "]; known are: " + list), false;
    }
    if (!seen.insert(name).second) return fail(std::string(what) + " has the member [" + name + "] twice"), false;
  }
  return true;
}

const Value* SetReader::member(const Value& json, const char* name) const {
  const auto found = json.FindMember(name);
  return found == json.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

// Read first, so that later errors can name the set.
std::string SetReader::name_of(const Value& set) {
  return set.IsObject() ? text(set, "name", true) : "";
}

std::string SetReader::text(const Value& json, const char* name, bool must) {
  const Value* found = member(json, name);
  if (found != nullptr && found->IsString() && (!must || found->GetStringLength() > 0)) return text_of(*found);
  if (must || found != nullptr) fail(std::string("`") + name + "` must be a text");
  return "";
}

// One string, or a list of strings.
std::vector<std::string> SetReader::texts(const Value& json, const char* name) {
  std::vector<std::string> list;
  const Value* found = member(json, name);
  if (found == nullptr) return list;
  if (found->IsString()) return {text_of(*found)};
  const bool good = found->IsArray() && !found->Empty() &&
                    std::all_of(found->Begin(), found->End(), [](const Value& v) { return v.IsString(); });
  if (!good) return fail(std::string("`") + name + "` must be a text or a list of texts"), list;
  for (const Value& one : found->GetArray()) list.push_back(text_of(one));
  return list;
}

std::size_t SetReader::count(const Value& json, const char* name, std::size_t otherwise) {
  const Value* found = member(json, name);
  if (found == nullptr) return otherwise;
  if (found->IsUint()) return found->GetUint();
  return fail(std::string("`") + name + "` must be a whole number"), otherwise;
}

std::uint32_t SetReader::attribute(const std::string& name) {
  const auto found = data_.attribute(name);
  if (found.ok()) return *found;
  return fail(found.error().message), 0;
}

std::vector<std::uint32_t> SetReader::attributes(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(names.size());
  for (const std::string& name : names) numbers.push_back(attribute(name));
  return numbers;
}

std::uint32_t SetReader::value(std::uint32_t attribute, const std::string& text) {
  if (!error_.empty()) return 0;
  const auto& known = data_.attributes()[attribute];
  if (const auto number = known.number_of(text)) return *number;
  return fail("no picture's " + known.name + " is [" + text + "]"), 0;
}

// {"kind": "house", "time": ["day", "sunset"], "storeys": 2}
Conditions SetReader::conditions(const Value& json, const std::string& place) {
  Conditions all;
  if (!json.IsObject() || json.ObjectEmpty())
    return fail(place + " must be an object of attributes with their values"), all;
  const auto text_for = [&](const Value& one) -> std::string {
    if (one.IsString()) return text_of(one);
    if (one.IsInt64()) return std::to_string(one.GetInt64());
    if (one.IsBool()) return one.GetBool() ? "true" : "false";
    fail(place + ": values must be texts, whole numbers, true or false");
    return "";
  };
  for (const auto& entry : json.GetObject()) {
    Condition condition{attribute(text_of(entry.name)), {}};
    if (!entry.value.IsArray()) {
      condition.values.push_back(value(condition.attribute, text_for(entry.value)));
    } else {
      if (entry.value.Empty()) fail(place + ": [" + text_of(entry.name) + "] lists no value");
      for (const Value& one : entry.value.GetArray())
        condition.values.push_back(value(condition.attribute, text_for(one)));
    }
    all.push_back(std::move(condition));
  }
  return all;
}

void SetReader::read_asked(const Value& list, const std::string& place, RetrievalSet& set) {
  if (!list.IsArray() || list.Empty()) return fail(place + " must be a list of queries");
  for (rapidjson::SizeType i = 0; i < list.Size() && error_.empty(); ++i) {
    const std::string one = place + " " + std::to_string(i);
    if (!check_members(list[i], one.c_str(), {"query", "right"})) return;
    const Value* right = member(list[i], "right");
    if (right == nullptr) return fail(one + " has no `right`: the attributes of a right answer, or \"nothing\"");
    const bool nothing = right->IsString() && text_of(*right) == "nothing";
    set.asked.push_back({text(list[i], "query", true), nothing ? Conditions{} : conditions(*right, one)});
  }
}

// Every combination of values of a picture becomes a query, in order of the first such picture.
void SetReader::fill_template(const Value& json, RetrievalSet& set) {
  if (!check_members(json, "`queries`", {"template", "words", "least_right"})) return;
  Template parts;
  const std::string text_with_names = text(json, "template", true);
  if (!read_template(text_with_names, parts) || parts.names.empty())
    return fail("`template` must have attributes in braces, as in \"a {kind} at {time}\"");
  const std::vector<std::uint32_t> named = attributes(parts.names);
  const std::size_t least = count(json, "least_right", 1);
  // The words for values: "words": {"time": {"day": "by day"}}
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> words;
  if (const Value* table = member(json, "words")) {
    if (!table->IsObject()) return fail("`words` must be an object");
    for (const auto& of_attribute : table->GetObject()) {
      const std::uint32_t number = attribute(text_of(of_attribute.name));
      if (!of_attribute.value.IsObject()) return fail("`words` must have an object of values for each attribute");
      for (const auto& said : of_attribute.value.GetObject()) {
        if (!said.value.IsString()) return fail("`words` must be texts");
        words[{number, value(number, text_of(said.name))}] = text_of(said.value);
      }
    }
  }
  if (!error_.empty()) return;

  std::map<std::vector<std::uint32_t>, std::size_t> right;
  std::vector<std::vector<std::uint32_t>> combinations;
  for (const Picture& picture : data_.pictures()) {
    if (count_broken(set.where, picture) > 0) continue;
    std::vector<std::uint32_t> values;
    values.reserve(named.size());
    for (const std::uint32_t number : named) values.push_back(picture.values[number]);
    if (std::find(values.begin(), values.end(), Dataset::k_unknown) != values.end()) continue;
    if (++right[values] == 1) combinations.push_back(values);
  }
  for (const auto& values : combinations) {
    if (right[values] < least) continue;
    AskedText asked{parts.texts.front(), {}};
    for (std::size_t i = 0; i < named.size(); ++i) {
      const auto said = words.find({named[i], values[i]});
      asked.text += said != words.end() ? said->second : data_.attributes()[named[i]].values[values[i]];
      asked.text += parts.texts[i + 1];
      asked.right.push_back({named[i], {values[i]}});
    }
    set.asked.push_back(std::move(asked));
  }
  if (set.asked.empty()) fail("no picture has all the attributes of `template`");
}

void SetReader::read_queries(const Value& json, RetrievalSet& set) {
  const Value* queries = member(json, "queries");
  if (queries == nullptr) return;  // captions or pictures
  if (!queries_are_texts(set.direction)) return fail("`queries` are texts, but the queries of this set are pictures");
  if (queries->IsString()) {
    const std::filesystem::path file = folder_ / text_of(*queries);
    const auto document = parse_file(file);
    if (!document.ok()) return fail(document.error().message);
    return read_asked(*document, file.string() + ": query", set);
  }
  queries->IsArray() ? read_asked(*queries, "query", set) : fill_template(*queries, set);
}

void SetReader::read_right(const Value& json, RetrievalSet& set) {
  if (!set.asked.empty()) {
    if (member(json, "right") != nullptr) fail("`right` must be beside each query here, not in the set");
    return;
  }
  const std::vector<std::string> names = texts(json, "right");
  set.same_picture = names.empty() || (names.size() == 1 && names.front() == "same picture");
  if (!set.same_picture) set.equal = attributes(names);
  if (set.same_picture && set.direction == Direction::image_to_image) {
    fail(
        "a picture is not its own answer: `right` must list the attributes in which right pictures equal "
        "it");
  }
}

void SetReader::read_negatives(const Value& json, RetrievalSet& set) {
  const Value* given = member(json, "negatives");
  if (given == nullptr) return;
  using Kind = Negatives::Kind;
  if (given->IsString()) {
    const std::map<std::string, Kind> kinds{{"all", Kind::all}, {"hard", Kind::hard}, {"easy", Kind::easy}};
    const auto found = kinds.find(text_of(*given));
    if (found == kinds.end())
      return fail("`negatives` must be all, hard, easy, {\"same\": [...]} or {\"other\": [...]}");
    set.negatives.kind = found->second;
    const bool few =
        set.same_picture || set.equal.size() == 1 ||
        std::any_of(set.asked.begin(), set.asked.end(), [](const AskedText& asked) { return asked.right.size() < 2; });
    if (set.negatives.kind != Kind::all && few) {
      fail(
          "hard and easy negatives differ in how many of two or more required attributes they lack; "
          "here a query requires fewer. Use {\"same\": [...]} or {\"other\": [...]}");
    }
    return;
  }
  if (!check_members(*given, "`negatives`", {"same", "other"})) return;
  if (given->MemberCount() != 1) return fail("`negatives` must have one of same and other");
  const char* name = given->MemberBegin()->name.GetString();
  set.negatives.kind = std::string_view(name) == "same" ? Kind::same : Kind::other;
  set.negatives.attributes = attributes(texts(*given, name));
  if (!error_.empty()) return;
  for (const AskedText& asked : set.asked) {
    for (const std::uint32_t number : set.negatives.attributes) {
      if (std::none_of(asked.right.begin(), asked.right.end(),
                       [&](const Condition& c) { return c.attribute == number; }))
        return fail("query [" + asked.text + "] does not want the attribute " + data_.attributes()[number].name +
                    " that `negatives` names");
    }
  }
}

RetrievalSet SetReader::retrieval(const Value& json) {
  RetrievalSet set;
  set.name = name_of(json);
  if (!check_members(json, "the set",
                     {"name", "about", "direction", "queries", "captions", "where", "least_words", "most_words",
                      "right", "negatives"}))
    return set;
  set.about = text(json, "about", false);
  const std::string direction = text(json, "direction", true);
  bool known = false;
  for (const Direction one : k_directions) {
    if (direction != to_string(one)) continue;
    set.direction = one;
    known = true;
  }
  if (!known) {
    fail("`direction` must be text-to-image, image-to-text, text-to-text or image-to-image, not [" + direction + "]");
  }
  for (const std::string& name : texts(json, "captions")) {
    const auto column = data_.caption_column(name);
    column.ok() ? set.captions.push_back(*column) : fail(column.error().message);
  }
  if (set.captions.empty()) {
    set.captions.resize(data_.caption_columns().size());
    std::iota(set.captions.begin(), set.captions.end(), 0u);
  }
  if (const Value* where = member(json, "where")) set.where = conditions(*where, "`where`");
  read_queries(json, set);
  set.least_words = count(json, "least_words", 0);
  set.most_words = count(json, "most_words", SIZE_MAX);
  const bool by_caption = queries_are_texts(set.direction) && set.asked.empty();
  if (!by_caption && (member(json, "least_words") != nullptr || member(json, "most_words") != nullptr))
    fail("`least_words` and `most_words` choose captions, but captions are no queries here");
  if ((by_caption || candidates_are_texts(set.direction)) && set.captions.empty())
    fail("the set needs captions, but the table has no column `caption`");
  read_right(json, set);
  read_negatives(json, set);
  return set;
}

LabelSet SetReader::zero_shot(const Value& json) {
  LabelSet set;
  set.name = name_of(json);
  if (!check_members(json, "the set", {"name", "about", "attribute", "where", "template", "labels"})) return set;
  set.about = text(json, "about", false);
  set.attribute = attribute(text(json, "attribute", true));
  if (const Value* where = member(json, "where")) set.where = conditions(*where, "`where`");
  set.templates = texts(json, "template");
  if (set.templates.empty()) set.templates = {"a photo of a {}"};
  for (const std::string& one : set.templates) {
    if (one.find("{}") == std::string::npos) fail("the template [" + one + "] has no {} where the label goes");
  }
  const Value* labels = member(json, "labels");
  if (!error_.empty()) return set;
  if (labels == nullptr) {
    const auto& values = data_.attributes()[set.attribute].values;
    for (std::uint32_t i = 0; i < values.size(); ++i) set.labels.emplace_back(i, values[i]);
  } else if (labels->IsArray()) {
    for (const std::string& one : texts(json, "labels")) set.labels.emplace_back(value(set.attribute, one), one);
  } else if (labels->IsObject()) {
    for (const auto& entry : labels->GetObject()) {
      if (!entry.value.IsString()) return fail("`labels` must give a text for each value"), set;
      set.labels.emplace_back(value(set.attribute, text_of(entry.name)), text_of(entry.value));
    }
  } else {
    fail("`labels` must be a list, or an object with the words for each value");
  }
  std::set<std::uint32_t> seen;
  for (const auto& [number, words] : set.labels) {
    if (!seen.insert(number).second) fail("label [" + words + "] occurs twice");
  }
  if (set.labels.size() < 2) fail("there must be at least two labels");
  return set;
}

}  // namespace

Result<Sets> read_sets(const std::filesystem::path& file, const Dataset& data) {
  const auto document = parse_file(file);
  if (!document.ok()) return document.error();
  const auto refuse = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument, file.string() + ": " + what};
  };
  if (!document->IsObject()) return refuse("must be an object with `sets` and `zero_shot`");
  Sets sets;
  std::set<std::string> names;
  for (const auto& group : document->GetObject()) {
    const std::string name = text_of(group.name);
    if (name != "sets" && name != "zero_shot")
      return refuse("unknown member [" + name + "]; known members: sets, zero_shot");
    if (!group.value.IsArray()) return refuse("`" + name + "` must be a list");
    for (rapidjson::SizeType i = 0; i < group.value.Size(); ++i) {
      SetReader reader(data, file.parent_path());
      std::string set_name;
      if (name == "sets") {
        sets.retrieval.push_back(reader.retrieval(group.value[i]));
        set_name = sets.retrieval.back().name;
      } else {
        sets.zero_shot.push_back(reader.zero_shot(group.value[i]));
        set_name = sets.zero_shot.back().name;
      }
      const std::string place = name + " " + std::to_string(i) + (set_name.empty() ? "" : " [" + set_name + "]");
      if (!reader.error().empty()) return refuse(place + ": " + reader.error());
      if (!names.insert(set_name).second) return refuse(place + ": another set has this name");
    }
  }
  if (names.empty()) return refuse("has no sets");
  return sets;
}

}  // namespace sightline::eval
