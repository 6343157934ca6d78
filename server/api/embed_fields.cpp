#include "server/api/embed_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/ascii_lower.h"

namespace sightline::api {
namespace {

using models::Truncate;
using serving::Lane;

template <class T>
struct Word {
  std::string_view word;
  T meaning;
};

// The words of OpenAI-like servers, of Elasticsearch and of Cohere.
constexpr Word<Lane> k_input_types[] = {
    {"document", Lane::document},   {"query", Lane::query},
    {"passage", Lane::document},    {"ingest", Lane::document},
    {"search", Lane::query},        {"search_document", Lane::document},
    {"search_query", Lane::query},  {"classification", Lane::document},
    {"clustering", Lane::document}, {"image", Lane::document},
};
constexpr Word<ModalityRule> k_modalities[] = {
    {"auto", ModalityRule::automatic}, {"text", ModalityRule::text}, {"image", ModalityRule::image}};
constexpr Word<Truncate> k_truncates[] = {{"end", Truncate::end}, {"start", Truncate::start}, {"none", Truncate::none}};

/// The meaning of a member that is one of a few words.
template <class T, std::size_t N>
T read_word(FieldReader& fields, const char* name, const Word<T> (&words)[N], T otherwise) {
  const auto given = fields.string(name);
  if (!given || given->empty()) return otherwise;
  const std::string word = ascii_lower(*given);
  std::string known;
  for (const auto& candidate : words) {
    if (candidate.word == word) return candidate.meaning;
    known += (known.empty() ? "" : ", ") + std::string(candidate.word);
  }
  fields.fail(name, {ErrorCode::invalid_argument,
                     std::string("[") + name + "] is [" + word.substr(0, 40) + "]; it may be one of: " + known});
  return otherwise;
}

/// Whether a model has vectors of this length.
bool gives(const models::ModelInfo& info, std::int64_t length) {
  const auto& lengths = info.matryoshka_dims;
  return lengths.empty() ? length <= info.dims : std::find(lengths.begin(), lengths.end(), length) != lengths.end();
}

/// "1 to 512", or "32, 64 or 128".
std::string lengths_of(const models::ModelInfo& info) {
  const auto& lengths = info.matryoshka_dims;
  if (lengths.empty()) return "1 to " + std::to_string(info.dims);
  std::string text = std::to_string(lengths.front());
  for (std::size_t i = 1; i < lengths.size(); ++i) {
    text += (i + 1 < lengths.size() ? ", " : " or ") + std::to_string(lengths[i]);
  }
  return text;
}

constexpr const char* k_timeout_parameter = "timeout";
constexpr const char* k_timeout_header = "X-Request-Timeout";

constexpr std::chrono::milliseconds k_longest_time = std::chrono::hours(24);  // longer than any limit of the server

bool is_unit(char last) {
  return last == 's' || last == 'm';
}

/// A decimal number, without an exponent, and its unit: ms, s or m; none: s. Nothing if it is none, or has more than
/// nine digits in front of its point.
std::optional<std::chrono::milliseconds> time_in(std::string_view text) {
  double count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count, std::chars_format::fixed);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const double unit_ms = unit == "ms" ? 1 : unit.empty() || unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  if (error != std::errc{} || unit_ms == 0 || !(count >= 0 && count < 1e9) || text.front() == '-') return std::nullopt;
  return std::min(k_longest_time, std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(count * unit_ms))));
}

}  // namespace

void read_input_type(FieldReader& fields, EmbedFields& read) {
  read.lane = read_word(fields, "input_type", k_input_types, Lane::document);
  read.input_type = ascii_lower(fields.string("input_type").value_or(""));
  read.modality = read_modality(fields);
  // A picture that is broken must not be taken for a text.
  if (read.input_type == "image" && read.modality == ModalityRule::automatic) read.modality = ModalityRule::image;
}

ModalityRule read_modality(FieldReader& fields) {
  return read_word(fields, "modality", k_modalities, ModalityRule::automatic);
}

Truncate read_truncate(FieldReader& fields) {
  return read_word(fields, "truncate", k_truncates, Truncate::end);
}

std::string read_model(FieldReader& fields) {
  std::string model(fields.string("model").value_or(""));
  if (model.empty()) {
    fields.fail("model",
                {ErrorCode::invalid_argument, "[model] is missing: send one of the names that GET /v1/models lists"});
  }
  return model;
}

std::optional<std::size_t> read_dimensions(FieldReader& fields, const char* name, const Context& context,
                                           const std::string& model) {
  const auto wanted = fields.integer(name);
  if (!wanted) return std::nullopt;
  const auto info = model_info(context, model);
  if (*wanted < 1 || (info && !is_upstream(context, model) && !gives(*info, *wanted))) {  // an upstream says so itself
    const std::string own = info ? "model [" + model + "] gives vectors of " + std::to_string(info->dims) +
                                       " floats, not of " + std::to_string(*wanted) + ": ask for " + lengths_of(*info)
                                 : "there are no vectors of " + std::to_string(*wanted) + " floats";
    fields.fail(name, {ErrorCode::invalid_argument, own + ", or leave [" + name + "] out"});
    return std::nullopt;
  }
  return static_cast<std::size_t>(*wanted);
}

std::vector<Content> read_input(FieldReader& fields, ModalityRule modality, const InputLimits& limits) {
  const rapidjson::Value* const input = fields.any("input");
  if (!input) {
    fields.fail("input", {ErrorCode::invalid_argument,
                          "[input] is missing: send a string, an array of strings, or content objects"});
    return {};
  }
  if (!fields.ok()) return {};  // no work for a request that is refused anyway
  auto contents = read_contents(*input, modality, limits);
  if (contents) return *std::move(contents);
  fields.fail("input", contents.error());
  return {};
}

EmbedFields read_embed_fields(FieldReader& fields, const Context& context, const std::string& model) {
  EmbedFields read;
  read.dimensions = read_dimensions(fields, "dimensions", context, model);
  read_input_type(fields, read);
  read.truncate = read_truncate(fields);
  read.contents = read_input(fields, read.modality, context.limits.inputs);
  return read;
}

Result<std::optional<WantedTime>> read_timeout(const http::Request& request) {
  std::optional<WantedTime> wanted;
  for (const auto& [name, value] : request.query_parameters()) {
    if (name != k_timeout_parameter) continue;
    const auto time = time_in(value);
    if (!time || value.find('.') != std::string::npos || !is_unit(value.back())) {
      return Error{ErrorCode::invalid_argument, "[timeout] must be a whole number with ms, s or m, like 10s"};
    }
    wanted = WantedTime{*time, k_timeout_parameter};
    break;
  }
  const auto field = request.headers.get(k_timeout_header);
  if (!field) return wanted;
  const auto time = time_in(*field);
  if (!time) {
    return Error{ErrorCode::invalid_argument, "the header [X-Request-Timeout] is [" +
                                                  std::string(field->substr(0, 40)) +
                                                  "]; it must be a number of seconds, like 2.5, or a number with ms, "
                                                  "s or m, like 500ms"};
  }
  if (!wanted || *time < wanted->time) wanted = WantedTime{*time, k_timeout_header};
  return wanted;
}

}  // namespace sightline::api
