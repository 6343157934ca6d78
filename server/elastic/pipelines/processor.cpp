#include "server/elastic/pipelines/processor.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/json/writer.h"
#include "server/elastic/pipelines/property_reader.h"
#include "server/elastic/pipelines/template.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

// ---- set

/// Of members of one name the last stays.
void keep_last_of_each_name(Value& object) {
  std::set<std::string, std::less<>> seen;
  auto stays = object.MemberEnd();
  for (auto member = object.MemberEnd(); member != object.MemberBegin();) {
    --member;
    if (!seen.emplace(member->name.GetString(), member->name.GetStringLength()).second) continue;
    if (--stays == member) continue;
    stays->name = member->name;  // moved, as the value
    stays->value = member->value;
  }
  if (stays != object.MemberBegin()) object.EraseMember(object.MemberBegin(), stays);
}

/// A value of a `set` processor: JSON whose texts, those of names too, may be templates.
class ValueSource {
 public:
  ValueSource(const Value& value, Encoding encoding, PropertyReader& reader) : value_(&value), encoding_(encoding) {
    compile(value, reader);
  }

  Answer<Value> resolve(IngestDocument& document) const {
    auto copy = document.copy_of(*value_);
    if (!copy) return copy;
    if (Refusal refusal = fill(*copy, document)) return *refusal;
    return copy;
  }

  /// True if it is one text and a template: what that produces may be empty by chance.
  bool is_template() const { return value_->IsString() && !templates_.empty(); }

 private:
  void compile(const Value& value, PropertyReader& reader) {
    if (value.IsString()) {
      const std::string text(value.GetString(), value.GetStringLength());
      if (text.find("{{") != std::string::npos) templates_.emplace(text, reader.compile("value", text));
    } else if (value.IsArray()) {
      for (const auto& item : value.GetArray()) compile(item, reader);
    } else if (value.IsObject()) {
      for (const auto& member : value.GetObject()) {
        compile(member.name, reader);
        compile(member.value, reader);
      }
    }
  }

  bool is_template(const Value& text) const { return templates_.contains({text.GetString(), text.GetStringLength()}); }

  Refusal fill(Value& value, IngestDocument& document) const {
    if (value.IsString()) {
      const auto found = templates_.find(std::string(value.GetString(), value.GetStringLength()));
      if (found == templates_.end()) return {};
      auto text = found->second.render(document, encoding_, document.room());
      if (!text) text = found->second.render(document, encoding_, document.exact_room());
      if (!text) return document.take_room(document.room() + 1);  // which there is not
      auto filled = document.text_value(*text);
      if (!filled) return filled.error();
      value = std::move(*filled);
    } else if (value.IsArray()) {
      for (auto& item : value.GetArray()) {
        if (Refusal refusal = fill(item, document)) return refusal;
      }
    } else if (value.IsObject()) {
      bool has_new_names = false;
      for (auto& member : value.GetObject()) {
        has_new_names = has_new_names || is_template(member.name);
        if (Refusal refusal = fill(member.name, document)) return refusal;
        if (Refusal refusal = fill(member.value, document)) return refusal;
      }
      if (has_new_names) keep_last_of_each_name(value);
    }
    return {};
  }

  const Value* value_;
  Encoding encoding_;
  std::map<std::string, Template> templates_;
};

bool is_empty(const Value& value) {
  return value.IsNull() || (value.IsString() && value.GetStringLength() == 0);
}

DocumentStep read_set(PropertyReader& reader) {
  const Template field = reader.text_template("field");
  const auto copy_from = reader.optional_string("copy_from");
  const auto* value = reader.take("value");
  if (!copy_from && !value) reader.refuse("value", "required property is missing");
  if (copy_from && value) reader.refuse("copy_from", "cannot set both `copy_from` and `value` in the same processor");
  const bool override_value = reader.boolean("override", true);
  const bool ignore_empty = reader.boolean("ignore_empty_value", false);
  const auto media_type = reader.optional_string("media_type").value_or("application/json");
  const auto encoding = encoding_of(media_type);
  if (!encoding)
    reader.refuse("media_type", "property does not contain a supported media type [" + shortened(media_type) + "]");
  std::optional<ValueSource> source;
  if (value) source.emplace(*value, encoding.value_or(Encoding::plain), reader);
  return [=](IngestDocument& document) -> Refusal {
    const auto path = field.name(document);
    if (!path) return path.error();
    if (!override_value) {
      if (const auto old = document.get(*path); old && !(*old)->IsNull()) return {};
    }
    if (!copy_from) {
      auto resolved = source->resolve(document);
      if (!resolved) return resolved.error();
      if (ignore_empty && source->is_template() && is_empty(*resolved)) return {};
      return document.set(*path, std::move(*resolved));
    }
    const auto from = document.get(*copy_from);
    if (!from) return ignore_empty ? Refusal() : Refusal(from.error());
    if (ignore_empty && is_empty(**from)) return {};
    auto copy = document.copy_of(**from);
    if (!copy) return copy.error();
    return document.set(*path, std::move(*copy));
  };
}

// ---- remove

/// Bytes of paths that the templates of one `keep` may produce from a document.
constexpr std::size_t k_longest_kept = 1u << 20;

std::vector<Template> read_fields(PropertyReader& reader, std::string_view name) {
  std::vector<Template> fields;
  const auto* value = reader.take(name);
  if (!value) return fields;
  if (json::is_text(*value)) {
    fields.push_back(reader.compile(name, {value->GetString(), value->GetStringLength()}));
  } else if (value->IsArray()) {
    for (const auto& item : value->GetArray()) {
      if (!json::is_text(item)) {
        reader.refuse(name, "property isn't a list of strings");
        return fields;
      }
      fields.push_back(reader.compile(name, {item.GetString(), item.GetStringLength()}));
    }
  } else {
    reader.refuse(name, "property isn't a string or a list of strings");
  }
  return fields;
}

/// The paths that a `remove` keeps, in order: looked up name by name, so that a document's fields are not compared with
/// each of them.
class KeptPaths {
 public:
  explicit KeptPaths(std::vector<std::string> paths) : paths_(std::move(paths)) {
    std::sort(paths_.begin(), paths_.end());
  }

  /// Those that begin with the same names; `length` bytes of them, with the dot behind.
  struct Below {
    std::size_t begin, end, length;
  };
  enum class Match { none, above, kept };

  Below all() const { return {0, paths_.size(), 0}; }

  /// What the next names of a path ("b", "b.c") are among `below`, which becomes what lies below them: one of the kept
  /// paths or inside one, above one, or neither.
  Match next(Below& below, std::string_view names) const {
    while (true) {
      const auto dot = names.find('.');
      const std::string name(names.substr(0, dot));
      const std::size_t exact = first_from(below, name);
      if (exact < below.end && std::string_view(paths_[exact]).substr(below.length) == name) return Match::kept;
      const std::size_t begin = first_from(below, name + '.');
      const std::size_t end = first_from(below, name + '/');  // which follows the dot
      if (begin == end) return Match::none;
      below = {begin, end, below.length + name.size() + 1};
      if (dot == std::string_view::npos) return Match::above;
      names.remove_prefix(dot + 1);
    }
  }

 private:
  static_assert('.' + 1 == '/');
  /// The first among `below` that is `rest` or follows it, behind what they share.
  std::size_t first_from(const Below& below, std::string_view rest) const {
    const auto first = paths_.begin() + static_cast<std::ptrdiff_t>(below.begin);
    const auto last = paths_.begin() + static_cast<std::ptrdiff_t>(below.end);
    const auto found = std::lower_bound(first, last, rest, [&below](const std::string& path, std::string_view sought) {
      return std::string_view(path).substr(below.length) < sought;
    });
    return static_cast<std::size_t>(found - paths_.begin());
  }

  std::vector<std::string> paths_;
};

/// Takes out of `object`, whose members lie `below`, what is neither kept, nor holds what is.
void keep_only(IngestDocument& document, Value& object, const KeptPaths& kept, const KeptPaths::Below& below) {
  document.count_members(object.MemberCount());
  auto stays = object.MemberBegin();
  for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member) {
    check_cancelled();
    const std::string_view name(member->name.GetString(), member->name.GetStringLength());
    document.count_bytes(name.size());
    KeptPaths::Below inner = below;
    const auto match = kept.next(inner, name);
    if (match == KeptPaths::Match::none) continue;
    if (match == KeptPaths::Match::above && member->value.IsObject()) keep_only(document, member->value, kept, inner);
    if (stays != member) {
      stays->name = member->name;  // moved, as the value
      stays->value = member->value;
    }
    ++stays;
  }
  if (stays != object.MemberEnd()) object.EraseMember(stays, object.MemberEnd());
}

/// The same for the paths that templates make of the document.
Answer<KeptPaths> paths_to_keep(const std::vector<Template>& keep, const IngestDocument& document) {
  std::vector<std::string> paths;
  paths.reserve(keep.size());
  std::size_t bytes = 0;
  for (const auto& field : keep) {
    auto path = field.name(document);
    if (!path) return path.error();
    if (!field.plain_text()) bytes += path->size();
    if (bytes > k_longest_kept) {
      return illegal_argument(
          "the paths that templates in the [keep] of a [remove] processor produce from the document "
          "have more than [" +
          std::to_string(k_longest_kept) + "] bytes together");
    }
    paths.push_back(*std::move(path));
  }
  return KeptPaths(std::move(paths));
}

DocumentStep read_remove(PropertyReader& reader) {
  const auto fields = read_fields(reader, "field");
  const auto keep = read_fields(reader, "keep");
  const bool ignore_missing = reader.boolean("ignore_missing", false);
  if (fields.empty() && keep.empty()) reader.refuse("keep", "or [field] must be specified");
  if (!fields.empty() && !keep.empty()) reader.refuse("keep", "and [field] cannot both be used in the same processor");
  if (!keep.empty()) {
    const bool fixed = std::all_of(keep.begin(), keep.end(), [](const Template& path) { return path.plain_text(); });
    if (fixed) {
      std::vector<std::string> paths;
      paths.reserve(keep.size());
      for (const auto& field : keep) paths.push_back(*field.plain_text());
      return [kept = std::make_shared<const KeptPaths>(std::move(paths))](IngestDocument& document) -> Refusal {
        keep_only(document, document.mutable_source(), *kept, kept->all());
        return {};
      };
    }
    return [=](IngestDocument& document) -> Refusal {
      const auto kept = paths_to_keep(keep, document);
      if (!kept) return kept.error();
      document.count_members(keep.size());
      keep_only(document, document.mutable_source(), *kept, kept->all());
      return {};
    };
  }
  return [=](IngestDocument& document) -> Refusal {
    for (const auto& field : fields) {
      const auto path = field.name(document);
      if (!path) return path.error();
      if (ignore_missing && !document.has(*path)) continue;
      if (Refusal refusal = document.remove(*path)) return refusal;
    }
    return {};
  };
}

// ---- rename, fail, drop

DocumentStep read_rename(PropertyReader& reader) {
  const Template field = reader.text_template("field");
  const Template target = reader.text_template("target_field");
  const bool ignore_missing = reader.boolean("ignore_missing", false);
  const bool override_target = reader.boolean("override", false);
  return [=](IngestDocument& document) -> Refusal {
    const auto from = field.name(document), to = target.name(document);
    if (!from || !to) return from ? to.error() : from.error();
    const auto value = document.get(*from);
    if (!value) return ignore_missing ? Refusal() : Refusal(illegal_argument("field [" + *from + "] doesn't exist"));
    if (!override_target && document.has(*to)) return illegal_argument("field [" + *to + "] already exists");
    return *from == *to ? Refusal() : document.move(*from, *to);
  };
}

DocumentStep read_fail(PropertyReader& reader) {
  const Template message = reader.text_template("message");
  return [=](IngestDocument& document) -> Refusal {
    auto text = message.name(document);
    return text ? ElasticError{500, "fail_processor_exception", *std::move(text)} : text.error();
  };
}

DocumentStep read_drop(PropertyReader&) {
  return [](IngestDocument& document) -> Refusal {
    document.dropped = true;
    return {};
  };
}

// ---- inference

void read_input_output(InferenceStep& step, const Value& pair, std::string_view type, const std::string& tag,
                       PropertyReader& outer, std::set<std::string>& inputs, std::set<std::string>& outputs) {
  if (!pair.IsObject()) return outer.refuse("input_output", "property isn't a list of maps");
  PropertyReader reader(pair, std::string(type), tag);
  InferenceStep::Field field{reader.string("input_field"), reader.string("output_field")};
  if (!inputs.insert(field.input).second)
    reader.refuse("input_field", "names must be unique but [" + field.input + "] is repeated");
  if (!outputs.insert(field.output).second) {
    reader.refuse("output_field", "names must be unique but [" + field.output + "] is repeated");
  }
  if (reader.failed()) return outer.refuse(*reader.refusal());
  step.fields.push_back(std::move(field));
}

InferenceStep read_inference(PropertyReader& reader, const std::string& tag) {
  InferenceStep step;
  step.model_id = reader.string("model_id");
  const auto* config = reader.take("inference_config");
  const auto* input_output = reader.take("input_output");
  if (!input_output) {
    reader.refuse({400, "status_exception",
                   "[" + step.model_id +
                       "] is configured for the _inference API and does not accept documents as input. If using an "
                       "inference ingest processor configure it with the [input_output] option instead of "
                       "[field_map]."});
    return step;
  }
  std::set<std::string> inputs, outputs;
  if (input_output->IsArray()) {
    if (input_output->Empty()) reader.refuse("input_output", "property cannot be empty at least one is required");
    for (const auto& pair : input_output->GetArray())
      read_input_output(step, pair, "inference", tag, reader, inputs, outputs);
  } else if (input_output->IsObject()) {
    read_input_output(step, *input_output, "inference", tag, reader, inputs, outputs);
  } else {
    reader.refuse("input_output", "property isn't a map or list of maps");
  }
  step.ignore_missing = reader.boolean("ignore_missing", false);
  if (reader.optional_string("target_field")) {
    reader.refuse("target_field",
                  "option is incompatible with [input_output]. Use the [output_field] option to specify where to write "
                  "the inference results to.");
  }
  if (config && !config->ObjectEmpty()) {
    reader.refuse("inference_config",
                  "is for trained models, which Sightline does not run; remove it for inference endpoints");
  }
  return step;
}

// ---- pipeline, terminate

PipelineStep read_pipeline(PropertyReader& reader) {
  return {reader.text_template("name"), reader.boolean("ignore_missing_pipeline", false)};
}

DocumentStep read_terminate(PropertyReader&) {
  return [](IngestDocument& document) -> Refusal {
    document.terminated = true;
    return {};
  };
}

// ---- any processor

using ReadStep = DocumentStep (*)(PropertyReader&);
const std::map<std::string, ReadStep, std::less<>> k_steps{{"set", read_set},       {"remove", read_remove},
                                                           {"rename", read_rename}, {"fail", read_fail},
                                                           {"drop", read_drop},     {"terminate", read_terminate}};

void read_step(Processor& processor, PropertyReader& reader) {
  if (processor.type == "inference") {
    processor.step = read_inference(reader, processor.tag);
  } else if (processor.type == "pipeline") {
    processor.step = read_pipeline(reader);
  } else {
    const auto read = k_steps.find(processor.type);
    if (read == k_steps.end()) {
      return reader.refuse(property_error({}, "No processor type exists with name [" + processor.type + "]",
                                          processor.type, processor.tag));
    }
    processor.step = read->second(reader);
  }
}

Processor parse_processor(const std::string& type, const Value& options) {
  Processor processor;
  processor.type = type;
  processor.options = &options;
  if (!options.IsObject()) {
    // Elasticsearch takes `{"script": "ctx.a = 1"}`, too.
    processor.step = ForeignStep{property_error({}, "property isn't a map, but of another type", type)};
    return processor;
  }
  PropertyReader reader(options, type);
  processor.tag = reader.optional_string("tag").value_or("");
  reader.set_tag(processor.tag);
  reader.optional_string("description");
  if (const auto* condition = reader.take("if")) processor.condition = json::text_as_written(*condition);
  processor.ignore_failure = reader.boolean("ignore_failure", false);
  if (const auto* on_failure = reader.optional_list("on_failure")) {
    if (on_failure->Empty()) reader.refuse("on_failure", "processors list cannot be empty");
    auto parsed = parse_processors(*on_failure);
    if (parsed) {
      processor.on_failure = std::move(*parsed);
    } else {
      reader.refuse(parsed.error());
    }
  }
  read_step(processor, reader);
  if (const auto left = reader.left_over(); !left.empty()) {
    reader.refuse(property_error(
        {}, "processor [" + type + "] doesn't support one or more provided configuration parameters " + left, type,
        processor.tag));
  }
  if (reader.failed()) processor.step = ForeignStep{*reader.refusal()};
  return processor;
}

}  // namespace

Answer<std::vector<Processor>> parse_processors(const Value& list) {
  std::vector<Processor> processors;
  for (const auto& item : list.GetArray()) {
    if (!item.IsObject()) return property_error("processors", "property isn't a list of maps");
    for (const auto& member : item.GetObject()) {
      processors.push_back(
          parse_processor(std::string(member.name.GetString(), member.name.GetStringLength()), member.value));
    }
  }
  return processors;
}

void visit_processors(const std::vector<Processor>& processors, const std::function<void(const Processor&)>& visit) {
  for (const auto& processor : processors) {
    visit_processors(processor.on_failure, visit);
    visit(processor);
  }
}

ElasticError condition_refusal(const Processor& processor) {
  return property_error("if", "conditions are scripts, which Sightline does not run; remove [if]", processor.type,
                        processor.tag);
}

bool Processor::needs_rescue_here() const {
  bool needed = false;
  visit_processors(on_failure, [&](const Processor& processor) {
    needed = needed || processor.type == "inference" || processor.type == "pipeline" || processor.type == "terminate";
  });
  return needed;
}

}  // namespace sightline::elastic
