#include "server/web/projection/index_vectors.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/writer.h"

namespace sightline::web {
namespace {

using rapidjson::Value;

constexpr std::size_t k_ids_at_once = 10'000;  // index.max_result_window
constexpr std::size_t k_answer_bytes = 4u << 20;
constexpr std::size_t k_bytes_per_number = 14;  // "-0.123456789,"
constexpr std::size_t k_most_dims = 4096;
constexpr json::Limits k_answer_json{.max_values = 4'000'000, .lone_surrogates = true};

std::string text_at(const Value& value, auto... names) {
  return std::string(json::text_at(value, names...));
}

ReadRefusal faulty(const std::string& what) {
  return {502, "elasticsearch_answer", "the Elasticsearch side's answer " + what};
}

/// What an Elasticsearch error says.
std::string reason(const std::string& body) {
  rapidjson::Document document;
  if (json::read_document(body, document, k_answer_json)) return body.substr(0, 300);
  const Value* cause = &json::member(document, "error");
  if (cause->IsNull()) return body.substr(0, 300);
  if (cause->IsString()) return std::string(json::text_or_empty(*cause));
  while (!json::member(*cause, "caused_by").IsNull()) cause = &json::member(*cause, "caused_by");
  return text_at(*cause, "reason");
}

/// The mapping of the field at a dotted path; a JSON null: there is none. `nested`: it is inside of nested documents.
const Value& mapped(const Value& mappings, std::string_view field, bool& nested) {
  const Value& properties = json::member(mappings, "properties");
  for (std::size_t end = field.find('.');; end = field.find('.', end + 1)) {
    const Value& found = json::member(properties, field.substr(0, end));
    if (end == std::string_view::npos) return found;
    if (json::member(found, "properties").IsNull()) continue;  // a name may have a dot itself
    nested = nested || json::text_at(found, "type") == "nested";
    return mapped(found, field.substr(end + 1), nested);
  }
}

/// The paths of all fields of type dense_vector.
void collect_vectors(const Value& mappings, const std::string& above, std::vector<std::string>& found) {
  const Value& properties = json::member(mappings, "properties");
  if (!properties.IsObject()) return;
  for (const auto& entry : properties.GetObject()) {
    const std::string name = above + std::string(json::text_or_empty(entry.name));
    if (json::text_at(entry.value, "type") == "dense_vector") found.push_back(name);
    collect_vectors(entry.value, name + ".", found);
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name.substr(0, 100);
  return list.empty() ? "none" : list;
}

/// FNV-1a, mixed once more: ids often differ at their ends alone.
std::uint64_t lot_of(std::string_view id) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDu;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53u;
  return hash ^ (hash >> 33);
}

bool draws_before(const ScannedDocument& a, const ScannedDocument& b) {
  return a.lot != b.lot ? a.lot < b.lot : a.id < b.id;
}

/// Keeps the `max` documents with the smallest lots.
void draw(std::vector<ScannedDocument>& documents, std::size_t max) {
  if (documents.size() <= max) return;
  std::nth_element(documents.begin(), documents.begin() + static_cast<std::ptrdiff_t>(max), documents.end(),
                   draws_before);
  documents.resize(max);
}

/// The first element of a field of a hit's `fields`, which are arrays.
std::string_view first_text(const Value& values) {
  return values.IsArray() && !values.Empty() ? json::text_or_empty(values[0]) : std::string_view();
}

/// Appends a hit's vector, brought to unit length if that is wanted. nullopt: it is not a vector of `dims` numbers.
std::optional<ReadRefusal> append_vector(const Value& hit, const VectorField& field, IndexVectors& vectors) {
  const Value& fields = json::member(hit, "fields");
  const Value& vector = json::member(fields, field.field);
  const std::string id = text_at(hit, "_id");
  if (!vector.IsArray() || vector.Empty()) return {};
  if (vectors.dims == 0) vectors.dims = vector.Size();
  if (vector.Size() != vectors.dims || vectors.dims > k_most_dims)
    return faulty("has a vector of " + std::to_string(vector.Size()) + " numbers in document " + id.substr(0, 100) +
                  ", not of " + std::to_string(vectors.dims));
  double square = 0;
  for (const Value& x : vector.GetArray()) {
    if (!x.IsNumber()) return faulty("has a vector with something that is no number in document " + id.substr(0, 100));
    square += x.GetDouble() * x.GetDouble();
  }
  const double scale = field.unit_length && square > 0 ? 1 / std::sqrt(square) : 1;
  for (const Value& x : vector.GetArray()) {
    vectors.values.push_back(static_cast<float>(x.GetDouble() * scale));
    if (!std::isfinite(vectors.values.back())) return faulty("has a vector that is not finite");
  }
  vectors.ids.push_back(id);
  vectors.names.emplace_back(first_text(json::member(fields, field.name_field)));
  return {};
}

const Value* hits_of(const rapidjson::Document& document) {
  const Value& hits = json::member(document, "hits", "hits");
  return hits.IsArray() ? &hits : nullptr;
}

}  // namespace

Read<std::string> IndexReader::call(http::Method method, std::string url_path, std::string body,
                                    std::string_view query) {
  check_cancelled();
  http::Request request;
  request.method = method;
  request.path = std::move(url_path);
  request.query = query;
  request.headers = caller_.headers;
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  request.cancellation = current_cancellation();
  http::Response response = ask_(std::move(request));
  if (response.status >= 200 && response.status < 300) return std::move(response.body);
  const bool is_theirs = response.status >= 400 && response.status < 500;
  // What fails there is no fault of this server; 429 and 503 may pass.
  const int status = is_theirs || response.status == 503 ? response.status : 502;
  return ReadRefusal{
      status, "elasticsearch_refused",
      "the Elasticsearch side answered " + std::to_string(response.status) + ": " + reason(response.body)};
}

Read<VectorField> IndexReader::find_field(const std::string& index, const std::string& field) {
  auto body = call(http::Method::get, "/" + http::percent_encode(index), {});
  if (auto* refusal = std::get_if<ReadRefusal>(&body)) return std::move(*refusal);
  rapidjson::Document document;
  if (json::read_document(std::get<std::string>(body), document, k_answer_json) || !document.IsObject() ||
      document.ObjectEmpty())
    return faulty("describes no index");
  if (document.MemberCount() > 1)
    return ReadRefusal{400, "several_indices",
                       "several indices are behind " + index.substr(0, 200) + "; name one of them"};
  const auto& entry = *document.MemberBegin();
  const Value& mappings = json::member(entry.value, "mappings");
  VectorField found;
  found.index = json::text_or_empty(entry.name);
  found.index_uuid = json::text_at(entry.value, "settings", "index", "uuid");
  std::vector<std::string> vectors;
  collect_vectors(mappings, "", vectors);
  std::sort(vectors.begin(), vectors.end());
  found.field = field;
  if (field.empty()) {
    if (vectors.size() != 1)
      return ReadRefusal{400, "field_needed",
                         "name the field with the vectors (field=NAME); fields of type dense_vector in " + found.index +
                             ": " + listed(vectors)};
    found.field = vectors.front();
  }
  bool nested = false;
  const Value& mapping = mapped(mappings, found.field, nested);
  if (mapping.IsNull())
    return ReadRefusal{404, "no_such_field",
                       "index " + found.index + " has no field [" + found.field.substr(0, 200) +
                           "]; fields of type dense_vector there: " + listed(vectors)};
  if (const std::string type = text_at(mapping, "type"); type != "dense_vector")
    return ReadRefusal{400, "not_a_vector",
                       "field [" + found.field.substr(0, 200) + "] of " + found.index + " is of type " +
                           (type.empty() ? "object" : type) +
                           ", not dense_vector; fields of that type there: " + listed(vectors)};
  if (nested)
    return ReadRefusal{
        400, "nested_field",
        "field [" + found.field.substr(0, 200) + "] is in nested documents; a map needs one vector per document"};
  if (json::text_at(mapping, "element_type") == "bit")
    return ReadRefusal{400, "vectors_of_bits",
                       "field [" + found.field.substr(0, 200) +
                           "] has vectors of bits; a map needs numbers (element_type float or byte)"};
  if (const Value& dims = json::member(mapping, "dims"); dims.IsUint()) found.dims = dims.GetUint();
  const std::string_view similarity = json::text_at(mapping, "similarity");
  found.unit_length = similarity != "l2_norm" && similarity != "max_inner_product";
  const Value& name = json::member(mappings, "properties", "image_name");
  if (json::text_at(name, "type") == "keyword")
    found.name_field = "image_name";
  else if (json::text_at(name, "fields", "keyword", "type") == "keyword")
    found.name_field = "image_name.keyword";
  else if (!name.IsNull())
    found.name_field = "image_name";
  return found;
}

Read<Scan> IndexReader::scan(const VectorField& field, std::size_t max) {
  auto opened = call(http::Method::post, "/" + http::percent_encode(field.index) + "/_pit", {}, "keep_alive=1m");
  if (auto* refusal = std::get_if<ReadRefusal>(&opened)) return std::move(*refusal);
  rapidjson::Document document;
  json::read_document(std::get<std::string>(opened), document, k_answer_json);
  std::string point = text_at(document, "id");
  if (point.empty()) return faulty("has no point in time");
  Scan scan;
  std::string after;
  std::optional<ReadRefusal> refusal;
  std::size_t scanned = 0;
  for (bool more = true; more && !refusal && scanned < k_most_scanned;) {
    json::Builder body;
    body.object().member("size", k_ids_at_once).member("_source", false).member("seq_no_primary_term", true);
    body.array("sort").value("_shard_doc").end().member("track_total_hits", after.empty());
    body.object("query").object("exists").member("field", field.field).end().end();
    body.object("pit").member("keep_alive", "1m").member("id", point).end();
    if (!after.empty()) body.member("search_after", json::Raw{after});
    auto page = call(http::Method::post, "/_search", body.text());
    if (auto* wrong = std::get_if<ReadRefusal>(&page)) {
      refusal = std::move(*wrong);
      break;
    }
    const Value* hits =
        json::read_document(std::get<std::string>(page), document, k_answer_json) ? nullptr : hits_of(document);
    if (!hits) {
      refusal = faulty("to a search has no hits");
      break;
    }
    if (const Value& total = json::member(document, "hits", "total", "value"); total.IsUint64())
      scan.total = total.GetUint64();
    if (const std::string newer = text_at(document, "pit_id"); !newer.empty()) point = newer;
    for (const Value& hit : hits->GetArray()) {
      const Value& number = json::member(hit, "_seq_no");
      const Value& term = json::member(hit, "_primary_term");
      ScannedDocument one{text_at(hit, "_id"), 0, 0};
      if (number.IsUint64()) one.version = number.GetUint64() * 31 + (term.IsUint64() ? term.GetUint64() : 0);
      one.lot = lot_of(one.id);
      scan.documents.push_back(std::move(one));
      if (const Value& sort = json::member(hit, "sort"); !sort.IsNull()) after = json::text_of(sort);
    }
    scanned += hits->Size();
    more = hits->Size() == k_ids_at_once && !after.empty();
    draw(scan.documents, max);
  }
  call(http::Method::delete_, "/_pit",
       json::Builder().object().member("id", point).text());  // it would close by itself
  if (refusal) return std::move(*refusal);
  scan.total = std::max(scan.total, scan.documents.size());
  std::sort(scan.documents.begin(), scan.documents.end(),
            [](const ScannedDocument& a, const ScannedDocument& b) { return a.id < b.id; });
  return scan;
}

Read<IndexVectors> IndexReader::read(const VectorField& field, const Scan& scan, std::size_t max_bytes) {
  IndexVectors vectors;
  const std::size_t dims = field.dims == 0 ? k_most_dims : field.dims;
  const std::size_t bytes = scan.documents.size() * dims * sizeof(float);
  if (bytes > max_bytes)
    return ReadRefusal{400, "too_many_vectors",
                       std::to_string(scan.documents.size()) + " vectors of " + std::to_string(dims) +
                           " numbers take too much memory; request fewer (max=" +
                           std::to_string(max_bytes / (dims * sizeof(float))) + ")"};
  vectors.values.reserve(scan.documents.size() * field.dims);
  const std::size_t at_once = std::clamp<std::size_t>(k_answer_bytes / (dims * k_bytes_per_number), 1, 1000);
  for (std::size_t begin = 0; begin < scan.documents.size(); begin += at_once) {
    const std::size_t end = std::min(begin + at_once, scan.documents.size());
    json::Builder body;
    body.object().member("size", end - begin).member("_source", false).member("track_total_hits", false);
    body.array("fields").value(field.field);
    if (!field.name_field.empty()) body.value(field.name_field);
    body.end().object("query").object("ids").array("values");
    for (std::size_t i = begin; i < end; ++i) body.value(scan.documents[i].id);
    auto page = call(http::Method::post, "/" + http::percent_encode(field.index) + "/_search", body.text());
    if (auto* refusal = std::get_if<ReadRefusal>(&page)) return std::move(*refusal);
    rapidjson::Document document;
    const Value* hits =
        json::read_document(std::get<std::string>(page), document, k_answer_json) ? nullptr : hits_of(document);
    if (!hits) return faulty("to a search has no hits");
    // They come in any order: points must not depend on it.
    std::vector<const Value*> by_id;
    for (const Value& hit : hits->GetArray()) by_id.push_back(&hit);
    std::sort(by_id.begin(), by_id.end(),
              [](const Value* a, const Value* b) { return json::text_at(*a, "_id") < json::text_at(*b, "_id"); });
    for (const Value* hit : by_id) {
      if (auto wrong = append_vector(*hit, field, vectors)) return std::move(*wrong);
    }
  }
  return vectors;
}

}  // namespace sightline::web
