#include "server/elastic/embedded/search/analyze_handler.h"

#include <optional>
#include <vector>

#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/search/analyzers.h"
#include "server/elastic/embedded/search/search_errors.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

struct AnalyzeBody {
  std::string analyzer, field;
  std::vector<std::string> texts;
};

void read_texts(const JsonView&, const JsonView& value, AnalyzeBody& body) {
  value.each_or_self([&](const JsonView& item) { body.texts.push_back(read_text(item, "text")); });
}

const MemberTable<AnalyzeBody> k_body{"`_analyze` body", "analyze_request", k_object_dialect,
                                      {{"analyzer", k_text, into<&AnalyzeBody::analyzer, read_filled_text>},
                                       {"field", k_text, into<&AnalyzeBody::field, read_filled_text>},
                                       {"text", k_text | k_array, read_texts},
                                       only_some("explain", k_flags, only_false, "`false`"),
                                       no_effect("attributes", k_text | k_array, check_nothing,
                                                 "they are shown with `explain` alone"),
                                       refused("tokenizer", k_text | k_object),
                                       refused("filter", k_array),
                                       refused("char_filter", k_array),
                                       refused("normalizer", k_text)}};

AnalyzeBody read_body(const http::Request& request) {
  const auto tape = JsonTape::parse(request.body);
  if (!tape) refuse(tape.error());
  const JsonView root(*tape, 0);
  if (!root.is_object()) refuse({400, "parse_exception", "request body or source parameter is required"});
  AnalyzeBody body;
  k_body.read(root, body);
  if (body.texts.empty()) {
    refuse({400, "action_request_validation_exception", "Validation Failed: 1: text is missing;"});
  }
  return body;
}

std::string analyzer_of(const IndexLookup& indices, const std::string& index, const AnalyzeBody& body) {
  if (index.empty()) {
    if (!body.field.empty()) {
      refuse(illegal_argument("analysis based on a specific field requires an index"));
    }
    return body.analyzer.empty() ? "standard" : body.analyzer;
  }
  const auto named = indices.resolve(index, {});
  if (!named) refuse(named.error());
  if (!body.analyzer.empty() || body.field.empty() || named->empty()) {
    return body.analyzer.empty() ? "standard" : body.analyzer;
  }
  const FieldPtr field = named->front()->mapping()->find(body.field);
  if (!field) return "standard";
  if (field->type == FieldType::text) return field->analyzer;
  if (field->type == FieldType::keyword) return "keyword";
  refuse(illegal_argument("Can't process field [" + body.field +
                          "], Analysis requests are only supported on tokenized fields"));
}

void append_token(std::string& out, const Token& token, std::uint32_t offset, std::uint32_t position,
                  const std::string& analyzer) {
  out += out.back() == '[' ? "{\"token\":" : ",{\"token\":";
  rest::append_json_string(out, token.term);
  out += ",\"start_offset\":" + std::to_string(offset + token.start) +
         ",\"end_offset\":" + std::to_string(offset + token.end) + ",\"type\":\"" +
         (analyzer == "standard" ? to_string(token.type) : "word") +
         "\",\"position\":" + std::to_string(position + token.position) + "}";
}

[[noreturn]] void refuse_tokens(std::size_t most) {
  refuse({400, "status_exception",
          "The number of tokens produced by calling _analyze has exceeded the allowed maximum of [" +
              std::to_string(most) + "]. This limit can be set by --elasticsearch-max-analyzed-tokens"});
}

/// UTF-16 units of UTF-8 text, as Java counts lengths.
std::uint32_t utf16_length(std::string_view text) {
  std::uint32_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

}  // namespace

const ParameterTable<AnalyzeParameters> k_analyze_parameters{
    {{{"index", "text", parameter::into<&AnalyzeParameters::index, parameter::text>}}}};

http::Response analyze(IndexLookup& indices, const http::Request& request, const AnalyzeParameters& parameters) {
  try {
    const AnalyzeBody body = read_body(request);
    const auto parts = request.path_parts();
    const std::string analyzer =
        analyzer_of(indices, parts.size() > 1 ? parts[0] : parameters.index, body);
    // Values of a list stand 100 positions apart, so that phrases do not reach across.
    constexpr std::uint32_t k_gap = 100;
    std::string out = "{\"tokens\":[";
    std::uint32_t offset = 0, position = 0;
    const std::size_t most = indices.limits().max_analyzed_tokens;
    std::size_t count = 0;
    for (const std::string& text : body.texts) {
      std::optional<std::uint32_t> last;
      const bool known = each_token(analyzer, text, [&](Token&& token) {
        if (++count > most) refuse_tokens(most);
        check_answer_size(out, indices.limits());
        append_token(out, token, offset, position, analyzer);
        last = token.position;
        return true;
      });
      if (!known) refuse(illegal_argument("failed to find global analyzer [" + analyzer + "]"));
      offset += utf16_length(text) + 1;
      if (last) position += *last + 1 + k_gap;
    }
    return response_of({200, out + "]}"});
  } catch (const Refused& refused) {
    return refused.error.response();
  }
}

}  // namespace sightline::elastic
