#include "server/elastic/embedded/update_body.h"

#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

bool read_show_source(const JsonView& value, std::string_view) {
  if (value.text() != "true" && value.text() != "false")
    refuse(illegal_argument(std::string(k_update_source_is_flag)));
  return value.text() == "true";
}

std::string_view read_raw(const JsonView& value, std::string_view) {
  return value.raw();
}

const MemberTable<UpdateBody> k_body{
    "`_update` body", "UpdateRequest", k_content_error,
    {{"doc", k_object, into<&UpdateBody::doc, read_raw>},
     {"upsert", k_object, into<&UpdateBody::upsert, read_raw>},
     {"doc_as_upsert", k_flags, into<&UpdateBody::doc_as_upsert, read_bool>},
     {"detect_noop", k_flags, into<&UpdateBody::detect_noop, read_bool>},
     {"_source", k_flags, into<&UpdateBody::wants_source, read_show_source>, "true or false"}}};

}  // namespace

Answer<UpdateBody> parse_update_body(std::string_view body) {
  const ElasticError missing{400, "action_request_validation_exception",
                             "Validation Failed: 1: script or doc is missing;"};
  if (body.empty()) return missing;
  const auto tape = JsonTape::parse(body);
  if (!tape) return tape.error();
  const JsonView root(*tape, 0);
  if (!root.is_object())
    return ElasticError{400, std::string(k_content_error), position_text(root) + " [UpdateRequest] must be an object"};
  UpdateBody update;
  try {
    k_body.read(root, update);
  } catch (Refused& refused) {
    return std::move(refused.error);
  }
  if (update.doc.empty()) return missing;
  return update;
}

}  // namespace sightline::elastic
