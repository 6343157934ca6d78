#include "server/api/label_book.h"

#include <fstream>
#include <set>

#include "base/json/utf8.h"
#include "base/picture_text.h"
#include "base/trimmed.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

constexpr std::string_view k_place = "{}", k_blanks = " \t\r\f\v", k_template_key = "prompt_template:";
constexpr std::size_t k_max_file_bytes = 1u << 20;

LabelSet parse_labels(std::string_view text) {
  LabelSet set;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end), k_blanks);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.substr(0, k_template_key.size()) == k_template_key) {
      set.prompt_template = trimmed(line.substr(k_template_key.size()), k_blanks);
    } else {
      set.labels.emplace_back(line);
    }
  }
  return set;
}

}  // namespace

std::string LabelSet::prompt(std::size_t label) const {
  std::string text = prompt_template;
  return text.replace(text.find(k_place), k_place.size(), labels[label]);
}

std::size_t LabelSet::prompt_bytes(std::size_t label) const {
  return prompt_template.size() - k_place.size() + labels[label].size();
}

Status check(const LabelSet& set) {
  const auto bad = [](std::string message) { return Error{ErrorCode::invalid_argument, std::move(message)}; };
  if (set.labels.size() < 2 || set.labels.size() > k_max_labels) {
    return bad(std::to_string(set.labels.size()) + " labels: send 2 to " + std::to_string(k_max_labels));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    if (set.labels[i].empty()) return bad("label " + std::to_string(i) + " is empty");
    const TextKind kind = kind_of_text(set.labels[i]);
    if (kind == TextKind::data_url || kind == TextKind::base64_picture) {
      return bad("label " + std::to_string(i) + " [" + set.labels[i].substr(0, 24) +
                 "...] is a picture: labels must be texts");
    }
    if (!seen.insert(set.labels[i]).second) {
      return bad("label " + std::to_string(i) + " [" + set.labels[i].substr(0, 80) + "] appears twice");
    }
  }
  const std::size_t place = set.prompt_template.find(k_place);
  if (place == std::string::npos || set.prompt_template.find(k_place, place + 1) != std::string::npos) {
    return bad("the prompt template must contain {} once, in the place of the label; it is [" +
               set.prompt_template.substr(0, 80) + "]");
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < set.labels.size(); ++i) bytes += set.prompt_bytes(i);
  if (bytes > k_max_prompt_bytes) {
    return Error{ErrorCode::too_large, "the labels in the prompt template have " + std::to_string(bytes) +
                                           " bytes together, the limit is " + std::to_string(k_max_prompt_bytes) +
                                           ": send a shorter template, or fewer or shorter labels"};
  }
  return {};
}

Result<LabelSet> read_label_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::not_found, "label file " + path + " cannot be read"};
  std::string text(k_max_file_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Error{ErrorCode::not_found, "label file " + path + " cannot be read"};
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > k_max_file_bytes) {
    return Error{ErrorCode::too_large, "label file " + path + " has more than 1 MB"};
  }
  if (const auto at = json::find_invalid_utf8(text)) {
    return Error{ErrorCode::invalid_argument, "label file " + path + " is not UTF-8 at byte " + std::to_string(*at)};
  }
  LabelSet set = parse_labels(text);
  if (const Status good = check(set); !good) {
    return Error{good.error().code, "label file " + path + ": " + good.error().message};
  }
  return set;
}

const LabelSet* LabelBook::find(const std::string& name) const {
  const auto found = sets_.find(name);
  return found == sets_.end() ? nullptr : &found->second;
}

std::string LabelBook::names() const {
  std::string all;
  for (const auto& [name, set] : sets_) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace sightline::api
