#include "server/elastic/query_vectors/stored_vectors.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/json/builder.h"
#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using rest::JsonTape;
using Kind = rest::JsonToken::Kind;

constexpr std::uint32_t k_most_dimensions = 4096;  // of a dense_vector

ElasticError bad_answer() {
  return {502, "exception", "the store's answer to the search for stored vectors cannot be read"};
}

std::string search_for(const StoredVector& wanted) {
  json::Builder header, body;
  header.object().member("index", wanted.index).member_if("routing", wanted.routing);
  body.object().object("query").object("ids").array("values").value(wanted.id).end().end().end();
  body.array("fields").value(wanted.path).end().member("_source", false).member("size", 1);
  return header.text() + "\n" + body.text() + "\n";
}

ElasticError no_document(const StoredVector& wanted) {
  return {404, "status_exception",
          "Document with id [" + wanted.id + "] not found in index [" + wanted.index +
              "] for lookup query vector builder. Documents are found after a refresh, those with a routing "
              "only with it."};
}

ElasticError no_field(const StoredVector& wanted) {
  return {
      404, "status_exception",
      "Field [" + wanted.path + "] not found in document with id [" + wanted.id + "] for lookup query vector builder."};
}

ElasticError no_vector(const StoredVector& wanted, const std::string& why) {
  return illegal_argument("Field [" + wanted.path + "] in document with id [" + wanted.id + "] " + why +
                          " for lookup query vector builder: it must be one dense_vector.");
}

/// The value of a member; 0 if there is no such object or member.
std::size_t member_of(const JsonTape& tape, std::size_t object, std::string_view name) {
  return object == 0 ? 0 : tape.member(object, name);
}

/// Reads one item of the answer.
Answer<std::string> vector_in(const JsonTape& tape, std::size_t item, const StoredVector& wanted) {
  if (tape.member(item, "error") != 0) {
    http::Response response = json_response(std::string(tape.raw(item)), 500);
    if (const std::size_t status = tape.member(item, "status")) {
      const std::string text(tape[status].text);
      response.status = std::clamp(std::atoi(text.c_str()), 400, 599);
    }
    return error_in(response);
  }
  const std::size_t hits = member_of(tape, tape.member(item, "hits"), "hits");
  if (hits == 0 || tape[hits].kind != Kind::array) return bad_answer();
  if (tape[hits].size == 0) {
    const std::size_t failed = member_of(tape, tape.member(item, "_shards"), "failed");
    if (failed != 0 && tape[failed].text != "0") {
      return ElasticError{503, "search_phase_execution_exception",
                          "the search for the document with id [" + wanted.id + "] failed on " +
                              std::string(tape[failed].text) + " shards of index [" + wanted.index + "]"};
    }
    return no_document(wanted);
  }
  const std::size_t vector = member_of(tape, tape.member(hits + 1, "fields"), wanted.path);
  if (vector == 0) return no_field(wanted);
  const auto& list = tape[vector];
  if (list.kind != Kind::array) return bad_answer();
  if (list.size == 0) return no_field(wanted);
  if (list.size > k_most_dimensions) {
    return no_vector(wanted, "holds " + std::to_string(list.size) + " numbers, more than a vector has,");
  }
  for (std::size_t number = vector + 1; number < list.next; number = tape[number].next) {
    if (tape[number].kind == Kind::array) return no_vector(wanted, "holds several vectors");
    if (tape[number].kind != Kind::number) return no_vector(wanted, "is of unsupported type");
  }
  return std::string(tape.raw(vector));
}

}  // namespace

std::vector<Answer<std::string>> stored_vectors(Store& store, const Caller& caller,
                                                const std::vector<StoredVector>& wanted) {
  std::string searches;
  std::vector<Answer<std::string>> vectors;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    vectors.push_back(bad_answer());
    if (touches_definitions(wanted[i].index)) {
      vectors[i] = illegal_argument("[lookup] index [" + wanted[i].index + "] is not available for searches");
      continue;
    }
    searches += search_for(wanted[i]);
    asked.push_back(i);
  }
  if (asked.empty()) return vectors;
  const auto response = store.handle(store_request(caller, http::Method::post, "/_msearch", {}, searches));
  const auto tape = JsonTape::parse(response.body);
  const std::size_t responses = tape ? tape->member(0, "responses") : 0;
  const bool readable =
      responses != 0 && (*tape)[responses].kind == Kind::array && (*tape)[responses].size == asked.size();
  std::size_t item = responses + 1;
  for (const std::size_t i : asked) {
    if (response.status >= 300) {
      vectors[i] = error_in(response);
    } else if (readable) {
      vectors[i] = vector_in(*tape, item, wanted[i]);
      item = (*tape)[item].next;
    }
  }
  return vectors;
}

}  // namespace sightline::elastic
