#include "server/elastic/pipelines/ingest_document.h"

#include <doctest/doctest.h>

#include "server/elastic/pipelines/template.h"
#include "server/elastic/rest/json_tape.h"

using namespace sightline::elastic;

namespace {

rapidjson::Document json(std::string_view text) {
  return std::move(*rest::parse_as_written(text));
}

std::unique_ptr<IngestDocument> document(std::string_view source) {
  return std::make_unique<IngestDocument>(IngestDocument::Metadata{"pics", "7", {}}, json(source));
}

std::string fault(const Refusal& refusal) {
  return refusal ? refusal->reason : "none";
}

}  // namespace

TEST_CASE("paths lead into objects, lists, metadata and ingest metadata") {
  auto doc = document(R"({"a":{"b":[10,{"c":"x"}]},"t":null})");
  CHECK((*doc->get("a.b.1.c"))->GetString() == std::string("x"));
  CHECK((*doc->get("_source.a.b.0"))->GetInt() == 10);
  CHECK((*doc->get("_index"))->GetString() == std::string("pics"));
  CHECK((*doc->get("_id"))->GetString() == std::string("7"));
  CHECK((*doc->get("_ingest.timestamp"))->GetStringLength() == 30);
  CHECK(doc->has("t"));
  CHECK(!doc->has("a.b.2"));
}

TEST_CASE("paths that lead nowhere say where they end") {
  auto doc = document(R"({"a":{"b":[1]},"s":"x","n":null})");
  CHECK(doc->get("x").error().reason == "field [x] not present as part of path [x]");
  CHECK(doc->get("a.x.y").error().reason == "field [x] not present as part of path [a.x.y]");
  CHECK(doc->get("a.b.z").error().reason ==
        "[z] is not an integer, cannot be used as an index as part of path [a.b.z]");
  CHECK(doc->get("a.b.5").error().reason == "[5] is out of bounds for array with length [1] as part of path [a.b.5]");
  CHECK(doc->get("s.x").error().reason ==
        "cannot resolve [x] from object of type [java.lang.String] as part of path [s.x]");
  CHECK(doc->get("n.x").error().reason == "cannot resolve [x] from null as part of path [n.x]");
  CHECK(doc->get("").error().reason == "path cannot be null nor empty");
  CHECK(doc->get(".").error().reason == "path [.] is not valid");
}

TEST_CASE("set makes the objects on its way") {
  auto doc = document(R"({"s":"x"})");
  CHECK(!doc->set("a.b.c", IngestDocument::Value(1)));
  CHECK(!doc->set("s", doc->string_value("y")));
  CHECK(doc->source_json() == R"({"s":"y","a":{"b":{"c":1}}})");
  CHECK(fault(doc->set("s.x", IngestDocument::Value(1))) ==
        "cannot set [x] with parent object of type [java.lang.String] as part of path [s.x]");
  CHECK(!doc->set("_id", doc->string_value("8")));
  CHECK(doc->metadata().id == "8");
  CHECK(fault(doc->set("_index", IngestDocument::Value(1))).find("must be a string") != std::string::npos);
}

TEST_CASE("append adds to what is there") {
  auto doc = document(R"({"list":[1],"one":"x","null":null})");
  const auto append = [&](const char* path) {
    IngestDocument::Value list(rapidjson::kArrayType);
    list.PushBack(8, doc->allocator()).PushBack(9, doc->allocator());
    return doc->append(path, std::move(list));
  };
  CHECK(!append("list"));
  CHECK(!append("one"));
  CHECK(!append("new.deep"));
  CHECK(!append("null"));
  CHECK(doc->source_json() == R"({"list":[1,8,9],"one":["x",8,9],"null":[8,9],"new":{"deep":[8,9]}})");
}

TEST_CASE("remove takes fields and list items, and keeps the order of the rest") {
  auto doc = document(R"({"a":1,"b":{"c":[1,2,3]},"d":4,"e":5})");
  CHECK(!doc->remove("a"));
  CHECK(!doc->remove("b.c.1"));
  CHECK(doc->source_json() == R"({"b":{"c":[1,3]},"d":4,"e":5})");
  CHECK(fault(doc->remove("a")) == "field [a] not present as part of path [a]");
  CHECK(fault(doc->remove("d.x")) == "cannot remove [x] from object of type [java.lang.Integer] as part of path [d.x]");
}

TEST_CASE("templates put values of the document into text") {
  auto doc = document(R"({"name":"a \"b\"","n":3,"list":[1,"x"]})");
  const auto rendered = [&](std::string_view text, Encoding encoding = Encoding::plain) {
    return *Template::compile(text)->render(*doc, encoding, 1000);
  };
  CHECK(rendered("{{name}}-{{ n }}-{{missing}}-{{_index}}/{{_id}}") == "a \"b\"-3--pics/7");
  CHECK(rendered("{{name}}|{{{name}}}|{{&name}}", Encoding::json) == "a \\\"b\\\"|a \"b\"|a \"b\"");
  CHECK(rendered("{{list.1}} {{list}}") == "x [1, x]");
  CHECK(!Template::compile("{{#a}}x{{/a}}"));
  CHECK(!Template::compile("{{a"));
  CHECK(Template::compile("plain")->plain_text() == "plain");
  CHECK(!Template::compile("a {{b}}")->plain_text());
}

TEST_CASE("what another engine made of a document takes its place, and _ingest stays") {
  IngestDocument document({"pics", {}, "r"}, json(R"({"a":1})"));
  document.set("_ingest.on_failure_message", document.string_value("a text that is longer than fits in place"));
  const std::string timestamp = (*document.get("_ingest.timestamp"))->GetString();
  document.replace({"other", "7", {}}, json(R"({"b":{"c":[1,2]}})"));
  CHECK(document.source_json() == R"({"b":{"c":[1,2]}})");
  CHECK(document.metadata().index == "other");
  CHECK(document.metadata().id == "7");
  CHECK(!document.metadata().routing);
  CHECK((*document.get("_ingest.timestamp"))->GetString() == timestamp);
  CHECK((*document.get("_ingest.on_failure_message"))->GetString() ==
        std::string("a text that is longer than fits in place"));
  CHECK(!document.set("b.d", document.string_value("still writable")));
  document.set("_ingest.mine", document.string_value("kept"));
  document.replace({"other", {}, {}}, json("{}"));
  CHECK(document.has("_ingest.mine"));
  auto source = json("{}");
  rapidjson::Value theirs(rapidjson::kObjectType);
  theirs.AddMember("theirs", 1, source.GetAllocator()).AddMember("timestamp", 2, source.GetAllocator());
  document.replace({"other", {}, {}}, std::move(source), std::move(theirs));
  CHECK(!document.has("_ingest.mine"));
  CHECK((*document.get("_ingest.theirs"))->GetInt() == 1);
  CHECK((*document.get("_ingest.timestamp"))->GetString() == timestamp);
  CHECK(document.has("_ingest.on_failure_message"));
}
