#include "server/elastic/elastic_error.h"

#include "base/json/builder.h"
#include "base/json/utf8.h"

namespace sightline::elastic {
namespace {

constexpr std::size_t k_longest_text_bytes = 8192;
/// What the note of a cut takes at most, so that a text that was cut is not cut again.
constexpr std::size_t k_note_bytes = 40;

void add_fields(json::Builder& out, const ElasticError& error) {
  out.member("type", error.type).member("reason", shortened(error.reason));
  if (error.line > 0) out.member("line", error.line).member("col", error.column);
  for (const auto& [name, value] : error.details) out.member(name, shortened(value));
}

void add_cause(json::Builder& out, const ElasticError& error) {
  if (error.causes.empty() && error.cause_type.empty()) return;
  out.object("caused_by");
  if (!error.causes.empty()) {
    add_fields(out, error.causes.front());
    add_cause(out, error.causes.front());
  } else {
    out.member("type", error.cause_type).member("reason", shortened(error.cause_reason));
  }
  out.end();
}

const ElasticError& root_of(const ElasticError& error) {
  return error.root_is_cause && !error.causes.empty() ? root_of(error.causes.front()) : error;
}

}  // namespace

std::string ElasticError::item_json() const {
  json::Builder out;
  out.object();
  add_fields(out, *this);
  add_cause(out, *this);
  return out.text();
}

std::string ElasticError::envelope_json() const {
  json::Builder out;
  out.object().object("error").array("root_cause").object();
  add_fields(out, root_of(*this));
  out.end().end();
  add_fields(out, *this);
  add_cause(out, *this);
  return out.end().member("status", status).text();
}

http::Response ElasticError::response() const {
  http::Response response;
  response.status = status;
  response.body = envelope_json();
  return response;
}

std::string shortened(std::string_view text) {
  const bool is_long = text.size() > k_longest_text_bytes;
  const std::string_view begin = is_long ? json::first_bytes(text, k_longest_text_bytes - k_note_bytes) : text;
  std::string shown;
  json::append_valid_utf8(shown, begin);
  return is_long ? shown + "... (" + std::to_string(text.size() - begin.size()) + " bytes more)" : shown;
}

ElasticError illegal_argument(std::string reason) {
  return {400, "illegal_argument_exception", std::move(reason)};
}

ElasticError not_a_number(std::string reason, const std::string& text) {
  ElasticError error = illegal_argument(std::move(reason));
  error.cause_type = "number_format_exception";
  error.cause_reason = "For input string: \"" + text + "\"";
  return error;
}

}  // namespace sightline::elastic
