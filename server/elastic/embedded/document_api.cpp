// Single documents over REST.
#include <memory>

#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;
using rest::SourceFilter;
using rest::SourceParameters;
using Action = DocumentWrite::Action;

struct WriteParameters : RefreshParameters, SourceParameters {
  std::optional<std::int64_t> if_seq_no, if_primary_term;
  bool create = false;   ///< op_type
  bool retries = false;  ///< of an update
};

/// One write and its answer.
template <Action Of>
Response write_document(StoreCore& store, const Request& request, const PathParameters& path,
                        const WriteParameters& parameters) {
  const DocumentWrite write{parameters.create ? Action::create : Of,
                            path.get("index"),
                            rest::document_id(path.get("id")),
                            request.body,
                            parameters.if_seq_no,
                            parameters.if_primary_term,
                            parameters.source.empty()
                                ? nullptr
                                : std::make_shared<const SourceFilter>(rest::source_filter(parameters, store.limits())),
                            parameters.retries};
  if (request.body.empty() && (Of == Action::index || Of == Action::create))
    refuse({400, "parse_exception", "request body is required"});
  if (const auto problem = rest::id_problem(write.id); problem && Of != Action::remove) refuse_invalid(*problem);
  if (Of == Action::update) parse_update_body(write.source);  // a body that is refused creates no index
  check_sequence_numbers(write);
  DocumentWriter writer(store);
  auto results = writer.write({&write, 1});
  if (parameters.wants_refresh) writer.refresh();
  const WriteResult result = accepted(std::move(results.front()));
  const bool noop = result.result == "noop";  // nothing was written: the answer reports no copies and no refresh
  json::Builder out;
  write_result(out.object(), result, parameters.forced_refresh && !noop, noop ? 0 : result.copies);
  return json_answer(out.text(), result.status());
}

/// Writes `_version` to `_source` of a document that exists; `found` in both cases.
void write_found(json::Builder& out, const std::optional<StoredDocument>& document, const SourceFilter& filter) {
  if (!document) return void(out.member("found", false));
  out.member("_version", document->version).member("_seq_no", document->seq_no).member("_primary_term", 1);
  out.member("found", true);
  if (filter.enabled) out.member("_source", json::Raw{rest::filter_source(document->source, filter)});
}

/// The document of a path, and how to show it.
struct Found {
  IndexPtr index;
  SourceFilter filter;
  std::optional<StoredDocument> document;
};

Found find_document(const StoreCore& store, const std::string& name, const std::string& id, const SourceFilter& given) {
  for (;;) {
    const IndexPtr index = store.find_one(name);
    try {
      SourceFilter filter = index->settled(given);
      return {index, filter, index->fetch_by_id(rest::document_id(id), filter.exclude_vectors == false)};
    } catch (const StorageFailed&) {
      // Its tables are missing if the index was deleted meanwhile. The name then belongs to another index or to none.
      const auto deletions_ended = store.read_lock();
      if (store.find_one(name) == index) throw;
    }
  }
}

Found find_document(StoreCore& store, const PathParameters& path, const SourceParameters& parameters) {
  return find_document(store, path.get("index"), path.get("id"), rest::source_filter(parameters, store.limits()));
}

Response get_document(StoreCore& store, const Request&, const PathParameters& path,
                      const SourceParameters& parameters) {
  const Found found = find_document(store, path, parameters);
  json::Builder out;
  out.object().member("_index", found.index->name()).member("_id", rest::document_id(path.get("id")));
  write_found(out, found.document, found.filter);
  return json_answer(out.text(), found.document ? 200 : 404);
}

Response get_source(StoreCore& store, const Request&, const PathParameters& path, const SourceParameters& parameters) {
  const Found found = find_document(store, path, parameters);
  if (!found.document) {
    refuse({404, "resource_not_found_exception",
            "Document not found [" + path.get("index") + "]/[" + path.get("id") + "]"});
  }
  if (!found.filter.enabled) refuse_invalid("fetching source can not be disabled");
  return json_answer(rest::filter_source(found.document->source, found.filter));
}

/// One line of an _mget.
struct Wanted {
  std::string index, id;
  std::shared_ptr<const SourceFilter> filter;  // shared by most lines
  const Limits* limits = nullptr;
};

const rest::MemberTable<Wanted> k_doc{
    "`_mget` body, `docs`",
    "mget",
    "parse_exception",
    {{"_index", rest::k_scalars, rest::into<&Wanted::index, read_text>},
     {"_id", rest::k_scalars, rest::into<&Wanted::id, read_text>},
     {"_source", rest::k_flags | rest::k_object | rest::k_array,
      [](const JsonView&, const JsonView& value, Wanted& wanted) {
        wanted.filter = std::make_shared<const SourceFilter>(rest::read_source_filter(value, *wanted.limits));
      }}}};

/// What the body of an _mget is read into.
struct MultiGetReading {
  const std::string& index;
  const std::shared_ptr<const SourceFilter>& filter;
  const Limits& limits;
  std::vector<Wanted> wanted = {};

  void add(Wanted one) {
    check_limit("documents of an _mget", wanted.size() + 1, limits.max_get_documents,
                "--elasticsearch-max-get-documents");
    one.id = rest::document_id(one.id);
    const std::string position = std::to_string(wanted.size());
    if (one.index.empty()) refuse_invalid("index is missing for doc " + position);
    if (one.id.empty()) refuse_invalid("id is missing for doc " + position);
    wanted.push_back(std::move(one));
  }
};

void read_docs(const JsonView&, const JsonView& value, MultiGetReading& reading) {
  value.each_element([&](const JsonView& item) {
    if (!item.is_object()) refuse(illegal_argument("docs array element should include an object"));
    Wanted one{reading.index, "", reading.filter, &reading.limits};
    k_doc.read(item, one);
    reading.add(std::move(one));
  });
}

void read_ids(const JsonView&, const JsonView& value, MultiGetReading& reading) {
  value.each_element([&](const JsonView& item) {
    if (!item.is_scalar()) refuse(illegal_argument("ids array element should only contain ids"));
    reading.add({reading.index, std::string(item.text()), reading.filter});
  });
}

const rest::MemberTable<MultiGetReading> k_multi_get_body{
    "`_mget` body",
    "mget",
    rest::k_parsing_error,
    {{"docs", rest::k_array, read_docs}, {"ids", rest::k_array, read_ids}}};

std::vector<Wanted> read_multi_get(const Request& request, const std::string& index, const SourceParameters& parameters,
                                   const Limits& limits) {
  if (request.body.empty()) refuse({400, "parse_exception", "request body or source parameter is required"});
  SourceFilter shared = rest::source_filter(parameters, limits);
  shared.known = std::make_shared<rest::KnownVerdicts>();
  const auto filter = std::make_shared<const SourceFilter>(std::move(shared));
  MultiGetReading reading{index, filter, limits};
  read_object(request.body, rest::k_parsing_error, [&](const JsonView& root) { k_multi_get_body.read(root, reading); });
  if (reading.wanted.empty()) refuse_invalid("no documents to get");
  return std::move(reading.wanted);
}

/// The `error` object within an item of an _mget, with its root causes.
std::string error_object(const ElasticError& error) {
  const std::string envelope = error.envelope_json();
  const std::size_t begin = envelope.find('{', 1);
  return envelope.substr(begin, envelope.rfind(",\"status\":") - begin);
}

Response multi_get(StoreCore& store, const Request& request, const PathParameters& path,
                   const SourceParameters& parameters) {
  std::string docs;
  for (const Wanted& one : read_multi_get(request, path.get("index"), parameters, store.limits())) {
    check_answer_size(docs, store.limits());
    const auto found = part_of_request([&] { return find_document(store, one.index, one.id, *one.filter); });
    json::Builder doc;
    doc.object().member("_index", found ? found->index->name() : shortened(one.index)).member("_id", one.id);
    if (found) {
      write_found(doc, found->document, found->filter);
    } else {
      doc.member("error", json::Raw{error_object(found.error())});
    }
    docs += (docs.empty() ? "" : ",") + doc.text();
  }
  check_answer_size(docs, store.limits());
  return json_answer("{\"docs\":[" + docs + "]}");
}

// The tables of parameters

void check_pipeline(std::string_view, const std::string& text) {
  if (text.empty()) refuse_invalid("pipeline cannot be empty");
  if (text != "_none") refuse(illegal_argument("pipeline with id [" + text + "] does not exist"));
}

bool is_create(std::string_view, const std::string& text) {
  if (text != "index" && text != "create")
    refuse(illegal_argument("opType must be 'create' or 'index', found: [" + shortened(text) + "]"));
  return text == "create";
}

using WriteRows = std::vector<rest::Parameter<WriteParameters>>;

/// Parameters of every write.
const WriteRows k_write_rows{
    {"if_seq_no", "number", rest::parameter::into<&WriteParameters::if_seq_no, sequence_number>},
    {"if_primary_term", "number", rest::parameter::into<&WriteParameters::if_primary_term, sequence_number>},
    rest::parameter::no_effect("timeout", "time", rest::parameter::check_time, "nothing is waited for")};

const WriteRows k_index_rows{rest::parameter::only_some(
    "pipeline", "text", check_pipeline, "pipelines have run before; `_none`, and none that does not exist")};

bool is_positive(std::string_view name, const std::string& text) {
  return rest::parameter::integer(name, text) > 0;
}

const WriteRows k_update_rows{{"retry_on_conflict", "number",
                               rest::parameter::into<&WriteParameters::retries, is_positive>,
                               "not together with if_seq_no; updates are done one after the other"}};

const rest::ParameterTable<WriteParameters> k_put_parameters{
    {{{"op_type", "index or create", rest::parameter::into<&WriteParameters::create, is_create>}},
     k_write_rows,
     k_index_rows,
     refresh_rows<WriteParameters>()}};
const rest::ParameterTable<WriteParameters> k_create_parameters{
    {k_write_rows, k_index_rows, refresh_rows<WriteParameters>()}};
const rest::ParameterTable<WriteParameters> k_delete_parameters{{k_write_rows, refresh_rows<WriteParameters>()}};
const rest::ParameterTable<WriteParameters> k_update_parameters{
    {k_write_rows, k_update_rows, rest::source_rows<WriteParameters>(), refresh_rows<WriteParameters>()}};
const rest::ParameterTable<SourceParameters> k_get_parameters{{rest::source_rows<SourceParameters>()}};

}  // namespace

void write_result(json::Builder& out, const WriteResult& result, bool forced_refresh, int copies) {
  out.member("_index", result.index).member("_id", result.id).member("_version", result.version);
  out.member("result", result.result);
  if (forced_refresh) out.member("forced_refresh", true);
  out.object("_shards").member("total", copies).member("successful", copies > 0 ? 1 : 0).member("failed", 0).end();
  out.member("_seq_no", result.seq_no).member("_primary_term", 1);
  if (result.source.empty()) return;
  out.object("get").member("_seq_no", result.seq_no).member("_primary_term", 1).member("found", true);
  out.member("_source", json::Raw{result.source}).end();
}

void add_document_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add{router, store};
  add({post}, {"/{index}/_doc"}, k_put_parameters, write_document<Action::index>);
  add({put, post}, {"/{index}/_doc/{id}"}, k_put_parameters, write_document<Action::index>);
  add({put, post}, {"/{index}/_create/{id}"}, k_create_parameters, write_document<Action::create>);
  add({delete_}, {"/{index}/_doc/{id}"}, k_delete_parameters, write_document<Action::remove>);
  add({get, head}, {"/{index}/_doc/{id}"}, k_get_parameters, get_document);
  add({get, head}, {"/{index}/_source/{id}"}, k_get_parameters, get_source);
  add({post}, {"/{index}/_update/{id}"}, k_update_parameters, write_document<Action::update>);
  add({get, post}, {"/_mget", "/{index}/_mget"}, k_get_parameters, multi_get);
}

}  // namespace sightline::elastic
