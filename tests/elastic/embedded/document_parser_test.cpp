#include "server/elastic/embedded/document_parser.h"

#include <cmath>
#include <doctest/doctest.h>

#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/rest/json_merge.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

std::shared_ptr<const Mapping> mapping_of(const std::string& text) {
  auto mapping = Mapping::parse_text(text);
  REQUIRE_MESSAGE(mapping.ok(), (mapping.ok() ? "" : mapping.error().reason));
  return std::make_shared<const Mapping>(*std::move(mapping));
}

const std::shared_ptr<const Mapping>& houses() {
  static const auto mapping = mapping_of(R"({"properties":{
    "t":{"type":"text"},"k":{"type":"keyword","ignore_above":3},"l":{"type":"long"},"i":{"type":"integer"},"by":{"type":"byte"},
    "f":{"type":"float"},"hf":{"type":"half_float"},"b":{"type":"boolean"},"dt":{"type":"date"},"bin":{"type":"binary"},
    "v":{"type":"dense_vector","dims":3},"w":{"type":"dense_vector","dims":2,"similarity":"l2_norm"},
    "dp":{"type":"dense_vector","dims":1,"similarity":"dot_product"},"o":{"properties":{"x":{"type":"long"},"v":{"type":"dense_vector","dims":1}}},
    "so":{"dynamic":"strict","properties":{"x":{"type":"long"}}}}})");
  return mapping;
}

/// A document, and the mapping with its new fields.
struct Prepared : PreparedDocument {
  std::shared_ptr<const Mapping> mapping;
};

Answer<Prepared> prepare(std::string_view source, const std::string& id, const std::shared_ptr<const Mapping>& mapping,
                         bool cut_vectors) {
  return answer_of([&] {
    GrowingMapping growing(mapping);
    auto document = prepare_document(source, id, growing, cut_vectors);
    return Prepared{std::move(document), growing.now()};
  });
}

Answer<Prepared> prepare(const std::string& source) {
  return prepare(source, "2", houses(), true);
}

std::string refusal(const std::string& source) {
  const auto document = prepare(source);
  return document ? "accepted" : document.error().reason;
}

const FieldValues* values(const PreparedDocument& document, const std::string& path) {
  for (const FieldValues& field : document.values.fields) {
    if (field.path == path) return &field;
  }
  return nullptr;
}

TEST_CASE("values are read as their fields' types have it") {
  const auto document = prepare(
      R"({"t":["a",[1.50,true]],"k":["abc","abcd"],"l":["12",1.7,3],"f":1.1,"hf":0.1,"b":["true",false,""],"dt":["2026-03-01",5],"o":[{"x":1},{"x":2}],"o.x":3})");
  REQUIRE(document.ok());
  CHECK(values(*document, "t")->strings == std::vector<std::string>{"a", "1.50", "true"});
  CHECK(values(*document, "k")->strings == std::vector<std::string>{"abc"});
  CHECK(values(*document, "l")->integers == std::vector<std::int64_t>{12, 1, 3});
  CHECK(values(*document, "f")->doubles == std::vector<double>{static_cast<double>(1.1F)});
  CHECK(values(*document, "hf")->doubles == std::vector<double>{0.0999755859375});
  CHECK(values(*document, "b")->integers == std::vector<std::int64_t>{1, 0, 0});
  CHECK(values(*document, "dt")->integers == std::vector<std::int64_t>{1772323200000, 5});
  CHECK(values(*document, "o.x")->integers == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("vectors leave the source and come back where they stood") {
  for (const char* source :
       {R"({"v":[1,2,3],"t":"x"})", R"({"t":"x","v":[1,2,3]})", R"({"t":"x","v":[1,2,3],"w":[1,2],"l":1})",
        R"({"v":[1,2,3],"w":[1,2]})", R"({"v":[1,2,3],"w":[1,2],"t":1})", R"({"v":[1,2,3]})",
        R"({"o":[{"v":[1]}],"v":[1,2,3]})", R"({"v":[1,2,3],"o":{"x":1,"v":[2]},"w":[4,5]})", R"({"t":"x"})"}) {
    CAPTURE(source);
    const auto document = prepare(source);
    REQUIRE(document.ok());
    CHECK(document->source.find("\"v\"") == std::string::npos);
    CHECK(rest::JsonTape::parse(document->source).ok());
    CHECK(with_vectors(document->source, document->vectors) == source);
  }
  const auto spaced = prepare("{ \"t\" : \"a, b\" , \"v\" : [ 1.0, 2e0, 3 ] , \"l\" : 1.50 }");
  REQUIRE(spaced.ok());
  CHECK(spaced->source == "{ \"t\" : \"a, b\"  , \"l\" : 1.50 }");
  CHECK(with_vectors(spaced->source, spaced->vectors) == "{ \"t\" : \"a, b\" , \"v\" : [1,2,3] , \"l\" : 1.50 }");
  const auto kept = prepare(R"({"v":[1.0,2,3]})", "2", houses(), false);
  REQUIRE(kept.ok());
  CHECK(kept->source == R"({"v":[1.0,2,3]})");
  CHECK(values(*kept, "v")->vector == std::vector<float>{1, 2, 3});
}

TEST_CASE("a vector that does not fit its field fails with its position") {
  const auto says = [](const std::string& source, const std::string& part) {
    const std::string reason = refusal(source);
    CHECK_MESSAGE(reason.find(part) != std::string::npos, reason);
  };
  says(R"({"v": [1, 0]})",
       "[1:7] failed to parse: field [v] of type [dense_vector] in document with id '2': it has a different number of "
       "dimensions [2] than defined in the mapping [3], found [1, 0]");
  says(R"({"v": [1, 0, 0, 0]})", "more dimensions [4] than [3]");
  says(R"({"v":[0,0,0]})", "The [cosine] similarity does not support vectors with zero magnitude");
  says(R"({"dp":[1.0006]})", "The [dot_product] similarity can only be used with unit-length vectors");
  says(R"({"dp":[1.0004]})", "accepted");
  says(R"({"w":[0,0]})", "accepted");
  says(R"({"v":"abc"})", "a list of numbers was expected, found \"abc\"");
  says(R"({"v":[1,"2",3]})", "[1:9] failed to parse: field [v]");
  says(R"({"v":[1,null,3]})", "a number was expected, found null");
  says(R"({"v":[1e39,0,0]})", "a value that is not finite at dim [0]");
  says(R"({"o":[{"v":[1]},{"v":[2]}]})", "a document may have one vector of it");
  says(R"({"v":null})", "accepted");
}

TEST_CASE("values of the wrong type fail with their field and position") {
  const auto says = [](const std::string& source, const std::string& part) {
    const std::string reason = refusal(source);
    CHECK_MESSAGE(reason.find(part) != std::string::npos, reason);
  };
  says(R"({"l":"abc"})",
       "[1:6] failed to parse: field [l] of type [long] in document with id '2': a number was expected, found \"abc\"");
  says(R"({"l":true})", "a number was expected, found true");
  says(R"({"by":300})", "field [by] of type [byte] in document with id '2': it is out of range, found 300");
  says(R"({"i":3000000000})", "it is out of range");
  says(R"({"l":-9223372036854775809})", "it is out of range");
  says(R"({"l":9223372036854775808})", "it is out of range");
  says(R"({"i":2147483647.5})", "it is out of range");
  says(R"({"i":-2147483648.9})", "it is out of range");
  says(R"({"i":-2147483647.9})", "accepted");
  says(R"({"l":9223372036854775807.0})", "accepted");
  says(R"({"f":1e40})", "it is out of range");
  says(R"({"hf":70000})", "it is out of range");
  says(R"({"b":"yes"})", "true or false was expected");
  says(R"({"b":1})", "true or false was expected");
  says(R"({"dt":"2026-13-01"})", "a date was expected");
  says(R"({"t":{"a":1}})", "an object is where a value is expected");
  says(R"({"o":1})", "object mapping for [o] tried to parse field [o] as object, but found a concrete value");
  says(R"({"so":{"y":1}})", "[1:12] mapping set to strict, dynamic introduction of [y] within [so] is not allowed");
  says(R"({"":1})", "field name cannot be blank");
  says(R"({"bin":"not base64 !!"})", "accepted");
  says("[1,2]", "Malformed content, must start with an object");
  says("{bad", "[1:2] ");
}

TEST_CASE("unknown fields become what Elasticsearch would make of them") {
  std::string vector = "[0.5";
  for (int i = 1; i < 130; ++i) vector += ",0.25";
  const auto document = prepare(
      R"({"s":"text","i":3,"f":2.5,"b":true,"d":"2026-05-01","slash":"2026/05/01","year":"2026","o":{"x":"y"},"arr":[null,[1,2]],"none":null,"empty":[],"objects":[{"p":1},{"q":true}],"a.b.c":1,"vec":)" +
          vector + "]}",
      "1", std::make_shared<const Mapping>(), true);
  REQUIRE_MESSAGE(document.ok(), (document.ok() ? "" : document.error().reason));
  const std::string text = R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}})";
  CHECK(
      document->mapping->to_json() ==
      R"({"properties":{"a":{"properties":{"b":{"properties":{"c":{"type":"long"}}}}},"arr":{"type":"long"},"b":{"type":"boolean"},"d":{"type":"date"},"f":{"type":"float"},"i":{"type":"long"},"o":{"properties":{"x":)" +
          text + R"(}},"objects":{"properties":{"p":{"type":"long"},"q":{"type":"boolean"}}},"s":)" + text +
          R"(,"slash":{"type":"date","format":"yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"},"vec":{"type":"dense_vector","dims":130,"index":true,"similarity":"cosine","index_options":{"type":"int8_hnsw","m":16,"ef_construction":100}},"year":)" +
          text + "}}");
  CHECK(document->source.find("vec") == std::string::npos);
  const auto mixed = prepare(R"({"a":[1,2.5]})", "1", std::make_shared<const Mapping>(), true);
  REQUIRE_FALSE(mixed.ok());
  CHECK(mixed.error().reason == "mapper [a] cannot be changed from type [long] to [float]");
}

TEST_CASE("a mapping that grows is copied once, and shows nothing of a document that was refused") {
  const auto given =
      mapping_of(R"({"properties":{"l":{"type":"long"},"v":{"type":"dense_vector"},"o":{"type":"object"}}})");
  GrowingMapping mapping(given);
  (void)prepare_document(R"({"l":1})", "1", mapping, true);
  CHECK(mapping.now() == given);
  (void)prepare_document(R"({"a":{"b":"x"}})", "1", mapping, true);
  mapping.keep();
  const Mapping* copy = mapping.now().get();
  CHECK(copy != given.get());
  const std::string kept = mapping->to_json();
  const std::size_t size = mapping->size();
  for (const char* refused : {R"({"c":1,"l":"x"})", R"({"a":{"c":{"d":{"e":"x"}},"f":1},"l":"x"})",
                              R"({"v":[1,2,3],"c.d":{},"c.e":1,"l":"x"})",
                              R"({"o":{"t":"2026-01-01","u":{"w":"text"}},"a":{"b":"x","bb":1},"a.b2":"x","l":"x"})"}) {
    CAPTURE(refused);
    CHECK_THROWS_AS((void)prepare_document(refused, "1", mapping, true), Refused);
    mapping.take_back();
    CHECK(mapping->to_json() == kept);
    CHECK(mapping->size() == size);
    CHECK(mapping->expand("*").size() == 4);  // l, v, a.b and a.b.keyword
  }
  for (int i = 0; i < 100; ++i) {
    (void)prepare_document("{\"n" + std::to_string(i) + "\":1}", "1", mapping, true);
    mapping.keep();
  }
  CHECK(mapping.now().get() == copy);
  CHECK(mapping->size() == size + 100);
  CHECK(given->size() == 3);
}

TEST_CASE("values are counted for each field that takes them, before they are copied") {
  const auto wide = [](const char* type) {
    std::string fields;
    for (int i = 0; i < 900; ++i)
      fields += (i == 0 ? "\"s" : ",\"s") + std::to_string(i) + R"(":{"type":")" + type + "\"}";
    return mapping_of(R"({"properties":{"t":{"type":"text","fields":{)" + fields + "}}}}");
  };
  const auto refused = [&](const Answer<Prepared>& document) {
    REQUIRE_FALSE(document.ok());
    CHECK(document.error().type == "document_parsing_exception");
    CHECK(document.error().reason.find("take more than [1000000] values or [") != std::string::npos);
    CHECK(document.error().reason.ends_with("] bytes; map fewer multi-fields, or send less"));
  };
  const auto list = [](int count) {
    std::string values;
    for (int i = 0; i < count; ++i) values += (i == 0 ? "" : ",") + std::to_string(i);
    return "{\"t\":[" + values + "]}";
  };
  const std::string long_text = "{\"t\":\"" + std::string(1'000'000, 'a') + "\"}";
  CHECK(prepare(R"({"t":")" + std::string(100'000, 'a') + "\"}", "1", wide("text"), true).ok());
  refused(prepare(long_text, "1", wide("text"), true));
  std::string keywords = "\"" + std::string(30'000, 'a') + "\"";
  for (int i = 0; i < 5; ++i) keywords += "," + keywords;
  refused(prepare("{\"t\":[" + keywords + "]}", "1", wide("keyword"), true));
  CHECK(prepare(list(1'000), "1", wide("long"), true).ok());
  for (const char* type : {"long", "keyword"}) refused(prepare(list(1'200), "1", wide(type), true));
  // Dynamic mapping has two fields per text: however large, a document fits.
  std::string texts = "\"a\"";
  for (int i = 0; i < 600'000; ++i) texts += ",\"a\"";
  CHECK(prepare("{\"d\":[" + texts + "]}", "1", houses(), true).ok());
  CHECK(prepare("{\"d\":\"" + std::string(60'000'000, 'a') + "\"}", "1", houses(), true).ok());
}

TEST_CASE("a document cannot grow a mapping without bound") {
  std::string many = "{";
  for (int i = 0; i < 1100; ++i) many += "\"f" + std::to_string(i) + "\":1,";
  const auto wide = prepare(many + "\"z\":1}", "1", std::make_shared<const Mapping>(), true);
  REQUIRE_FALSE(wide.ok());
  CHECK(wide.error().reason.find("Limit of total fields [1000] has been exceeded") != std::string::npos);
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += "{\"a\":";
  const auto nested = prepare(deep + "1" + std::string(30, '}'), "1", std::make_shared<const Mapping>(), true);
  REQUIRE_FALSE(nested.ok());
  CHECK(nested.error().reason.find("Limit of mapping depth [20] has been exceeded") != std::string::npos);
}

TEST_CASE("dimensions come from the first document") {
  const auto mapping = mapping_of(R"({"properties":{"v":{"type":"dense_vector"}}})");
  const auto document = prepare(R"({"v":[1,2,3]})", "1", mapping, true);
  REQUIRE(document.ok());
  CHECK(document->mapping->find("v")->dims == 3);
  CHECK(document->mapping->to_json().find(R"("dims":3,"index":true)") != std::string::npos);
  CHECK_FALSE(prepare(R"({"v":[1,2]})", "1", document->mapping, true).ok());
  CHECK_FALSE(prepare(R"({"v":[]})", "1", mapping, true).ok());
}

TEST_CASE("dimensions that the index options do not support fail the document") {
  const auto refusal = [](const std::string& type) {
    const auto mapping =
        mapping_of(R"({"properties":{"v":{"type":"dense_vector","index_options":{"type":")" + type + R"("}}}})");
    const auto document = prepare(R"({"v":[1,2,3]})", "1", mapping, true);
    return document ? "accepted" : document.error().type + " " + document.error().reason;
  };
  CHECK(refusal("bbq_hnsw") ==
        "document_parsing_exception [1:6] failed to parse: bbq_hnsw does not support dimensions "
        "fewer than 64; provided=3");
  CHECK(refusal("int4_flat").ends_with("int4_flat only supports even dimensions; provided=3"));
  CHECK(refusal("int8_hnsw") == "accepted");
}

TEST_CASE("an array of empty objects maps an object") {
  for (const char* source : {R"({"a":[{}]})", R"({"a":[null,[{}]]})", R"({"a":{}})"}) {
    const auto document = prepare(source, "1", std::make_shared<const Mapping>(), true);
    REQUIRE(document.ok());
    CHECK(document->mapping->to_json() == R"({"properties":{"a":{"type":"object"}}})");
    const auto number = prepare(R"({"a":5})", "1", document->mapping, true);
    REQUIRE_FALSE(number.ok());
    CHECK(number.error().reason.find("object mapping for [a] tried to parse field [a] as object") != std::string::npos);
  }
}

TEST_CASE("a partial update merges objects, replaces the rest, and knows when nothing changes") {
  const auto merged = rest::merge_json(R"({"a":1.0,"o":{"x":1,"y":[1,2]}})", R"({"o":{"y":[3],"z":null},"n":"q"})");
  REQUIRE(merged.ok());
  CHECK(merged->text == R"({"a":1.0,"o":{"x":1,"y":[3],"z":null},"n":"q"})");
  CHECK(merged->changed);
  CHECK_FALSE(rest::merge_json(R"({"a":1,"o":{"x":[1,{"p":"q"}]}})", R"({"o":{"x":[1,{"p":"q"}]}})")->changed);
  CHECK(rest::merge_json(R"({"a":1})", R"({"a":2})")->changed);
  // Elasticsearch 9.2.0 answers noop for the first line, updated for the second.
  for (const char* same : {"1.5", "1.50", "15e-1"})
    CHECK_FALSE(rest::merge_json(R"({"a":1.50})", std::string(R"({"a":)") + same + "}")->changed);
  for (const char* other : {"1", "1.0000001", "12345678901234567890124"})
    CHECK(rest::merge_json(R"({"a":1.0,"b":12345678901234567890123})", std::string(R"({"a":)") + other + "}")->changed);
  CHECK_FALSE(
      rest::merge_json(R"({"a":-0,"b":12345678901234567890123})", R"({"a":0,"b":12345678901234567890123})")->changed);
  CHECK(rest::merge_json(R"({"a":1.50,"b":12345678901234567890123})", R"({"c":1e5})")->text ==
        R"({"a":1.50,"b":12345678901234567890123,"c":1e5})");
  CHECK(rest::merge_json(R"({"a":"\ud83d"})", R"({"a":"\ud83e"})")->changed);
  const auto parsed = [](std::string_view body) { return answer_of([&] { return parse_update_body(body); }); };
  CHECK(parsed("{}").error().reason == "Validation Failed: 1: script or doc is missing;");
  for (const char* body : {R"({"foo":1})", R"({"doc":1})"})
    CHECK(parsed(body).error().type == "x_content_parse_exception");
  CHECK_FALSE(parsed(R"({"script":"ctx._source.a=1"})").ok());
}

TEST_CASE("half a surrogate pair is a question mark in the index, as in Elasticsearch") {
  const auto mapping = mapping_of(
      R"({"properties":{"k":{"type":"keyword"},"t":{"type":"text"},"s":{"type":"keyword","ignore_above":3}}})");
  const auto document =
      prepare(R"({"k":["x\ud83dy","\ude00\ud83d"],"t":"a \ud83d","s":"\ud83dab"})", "1", mapping, true);
  REQUIRE(document.ok());
  // Elasticsearch 9.2.0 shows these keys in a terms aggregation.
  CHECK(document->values.fields[0].strings == std::vector<std::string>{"x?y", "??"});
  CHECK(document->values.fields[1].strings == std::vector<std::string>{"a ?"});
  CHECK(document->values.fields[2].strings == std::vector<std::string>{"?ab"});
}

TEST_CASE("a number of any size is what its field makes of it") {
  const auto mapping = mapping_of(
      R"({"properties":{"k":{"type":"keyword"},"d":{"type":"double"},"l":{"type":"long"},"f":{"type":"float"},"i":{"type":"integer"}}})");
  const auto fault = [&](const std::string& source) {
    const auto document = prepare(source, "1", mapping, true);
    return document ? std::string("none") : document.error().reason;
  };
  const auto document =
      prepare(R"({"k":[1E400,1.50,12345678901234567890123],"d":12345678901234567890123,"l":1.9})", "1", mapping, true);
  REQUIRE(document.ok());
  CHECK(document->values.fields[0].strings == std::vector<std::string>{"1E400", "1.50", "12345678901234567890123"});
  CHECK(document->values.fields[1].doubles == std::vector<double>{12345678901234567890123.0});
  CHECK(document->values.fields[2].integers == std::vector<std::int64_t>{1});
  const auto zero = prepare(R"({"d":-0})", "1", mapping, true);
  REQUIRE(zero.ok());
  CHECK_FALSE(std::signbit(zero->values.fields[0].doubles[0]));  // Elasticsearch 9.2.0 shows 0.0
  for (const char* source :
       {R"({"d":1E400})", R"({"f":-1E400})", R"({"new":1E400})", R"({"new":12345678901234567890123})"})
    CHECK(fault(source).find("it is out of range") != std::string::npos);
  CHECK(fault(R"({"i":1E400})") != "none");
  CHECK(fault(R"({"l":1E400})") != "none");
}

}  // namespace
}  // namespace sightline::elastic
