#include "ingest/bulk.h"

#include <doctest/doctest.h>

#include "base/json/writer.h"
#include "ingest/cluster.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

std::string lines_of(const BulkDocument& document) {
  std::string lines;
  document.append_lines(lines);
  CHECK(lines.size() == document.bytes());
  return lines;
}

StoredDocument stored(const std::string& members) {
  return {true, "a.jpg", members, 7, 2};
}

}  // namespace

TEST_CASE("a document written anew is its action and its source") {
  BulkDocument document = make_document("i", "a \"b\".jpg", {{"image_data", "foobar"}}, R"("price":3)");
  document.write_anew();
  CHECK(lines_of(document) ==
        "{\"index\":{\"_id\":\"i\"}}\n{\"image_name\":\"a \\\"b\\\".jpg\",\"image_data\":\"Zm9vYmFy\",\"price\":3}\n");
}

TEST_CASE("a document that the index lacks is created, so that another writer's is not overwritten") {
  BulkDocument document = make_document("i", "a.jpg", {{"image_data", "foobar"}}, "");
  document.write_over({});
  CHECK(lines_of(document) == "{\"create\":{\"_id\":\"i\"}}\n{\"image_name\":\"a.jpg\",\"image_data\":\"Zm9vYmFy\"}\n");
}

TEST_CASE("a document that the index holds keeps the fields that are not brought, to the last digit") {
  BulkDocument document =
      make_document("i", "b.jpg", {{"image_data", "foobar"}}, R"("price":3,"where":{"city":"Lyon"})");
  document.write_over(
      stored(R"("price":2,"lot":12345678901234567890.5,"where":{"zip":"69001","city":"Paris"},"image_data":"b2xk")"));
  CHECK(lines_of(document) ==
        "{\"index\":{\"_id\":\"i\",\"if_seq_no\":7,\"if_primary_term\":2}}\n"
        "{\"image_name\":\"b.jpg\",\"image_data\":\"Zm9vYmFy\",\"lot\":12345678901234567890.5,\"price\":3,"
        "\"where\":{\"zip\":\"69001\",\"city\":\"Lyon\"}}\n");
}

TEST_CASE("a document changes what is stored if an attribute or a picture differs") {
  const BulkDocument document = make_document("i", "a.jpg", {{"image_data", "foobar"}}, R"("price":3,"garden":true)");
  CHECK_FALSE(document.changes(stored(R"("garden":true,"price":3,"city":"Lyon")")));
  CHECK_FALSE(document.changes(stored(R"("garden":true,"price":3,"image_data":"Zm9vYmFy")")));
  CHECK(document.changes(stored(R"("garden":true,"price":4)")));
  CHECK(document.changes(stored(R"("garden":"true","price":3)")));
  CHECK(document.changes(stored(R"("price":3)")));
  CHECK(document.changes(stored(R"("garden":true,"price":3,"image_data":"b2xk")")));
}

TEST_CASE("a picture that the index does not hold is a change where only its bytes can tell") {
  const BulkDocument document =
      make_document("i", "a.jpg", {{"image_data", "foobar"}, {"kitchen_data", "foo"}}, R"("price":3)");
  CHECK_FALSE(document.changes(stored(R"("price":3)")));
  CHECK(document.changes(stored(R"("price":3)"), /*needs_pictures=*/true));
  CHECK(document.changes(stored(R"("price":3,"image_data":"Zm9vYmFy")"), /*needs_pictures=*/true));
  CHECK_FALSE(
      document.changes(stored(R"("price":3,"image_data":"Zm9vYmFy","kitchen_data":"Zm9v")"), /*needs_pictures=*/true));
}

TEST_CASE("each item of an answer is stored, to be sent again, or failed with its reason and cause") {
  const auto answer = read_bulk_answer(
      R"({"errors":true,"took":17,"ingest_took":420,"items":[{"create":{"_id":"1","status":201}},{"index":{"_id":"2","status":429,"error":{"type":"t","reason":"full"}}},
          {"index":{"_id":"3","status":400,"error":{"type":"t","reason":"bad field","caused_by":{"type":"u","reason":"too short"}}}},
          {"index":{"_id":"4","status":409,"error":{"type":"t","reason":"version conflict"}}}]})",
      {"1", "2", "3", "4"});
  REQUIRE(answer.ok());
  CHECK(answer->took == std::chrono::milliseconds(17));
  CHECK(answer->ingest_took == std::chrono::milliseconds(420));
  const auto* const outcomes = &answer->outcomes;
  CHECK((*outcomes)[0].kind == BulkOutcome::Kind::stored);
  CHECK((*outcomes)[1].kind == BulkOutcome::Kind::retry);
  CHECK((*outcomes)[1].reason == "full");
  CHECK((*outcomes)[2].kind == BulkOutcome::Kind::failed);
  CHECK((*outcomes)[2].reason == "too short (bad field)");
  CHECK((*outcomes)[3].kind == BulkOutcome::Kind::conflict);
}

TEST_CASE("a document that the pipeline drops is not stored") {
  const auto answer = read_bulk_answer(
      R"({"errors":false,"items":[{"index":{"_id":"1","_version":-3,"result":"noop","_seq_no":-2,"status":200}}]})",
      {"1"});
  REQUIRE(answer.ok());
  CHECK(answer->outcomes[0].kind == BulkOutcome::Kind::failed);
  CHECK(answer->outcomes[0].reason == "the pipeline dropped the document (processor drop)");
}

TEST_CASE("an answer that does not list every document is no success") {
  CHECK_FALSE(read_bulk_answer(R"({"errors":false,"items":[]})", {"1"}).ok());
  CHECK_FALSE(read_bulk_answer("<html>", {"1"}).ok());
  CHECK_FALSE(read_bulk_answer(R"({"items":[{"index":5}]})", {"1"}).ok());
}

TEST_CASE("an answer about other documents, or in another order, is no success") {
  const std::string answer = R"({"items":[{"index":{"_id":"a","status":201}},{"create":{"_id":"b","status":201}}]})";
  CHECK(read_bulk_answer(answer, {"a", "b"}).ok());
  const auto swapped = read_bulk_answer(answer, {"b", "a"});
  REQUIRE_FALSE(swapped.ok());
  CHECK(swapped.error().code == ErrorCode::unavailable);
  CHECK(swapped.error().message == "item 0 of a bulk's answer is about [a], not about [b]");
  CHECK_FALSE(read_bulk_answer(R"({"items":[{"index":{"status":201}}]})", {"a"}).ok());
  CHECK_FALSE(read_bulk_answer(R"({"items":[{"indax":{"_id":"a","status":201}}]})", {"a"}).ok());
}

TEST_CASE("the reason of an error body is found in each of its shapes") {
  CHECK(reason_of(R"({"error":{"type":"a","reason":"b"},"status":400})") == "b");
  CHECK(reason_of(R"({"error":"no handler","status":405})") == "no handler");
  CHECK(reason_of("Bad Gateway") == "Bad Gateway");
  CHECK(reason_of(R"({"message":"slow down"})") == "slow down");
  CHECK(reason_of(R"({"error":{"message":"a","reason":"b"}})") == "a");
  CHECK(reason_of(R"({"error":{"code":1},"message":"c"})") == "c");
  CHECK(reason_of(R"({"detail":"no such route"})") == "no such route");
  CHECK(reason_of("x" + std::string(149, 'x') + "\xC3\xA4" + std::string(148, 'y') + "\xC3\xA4").size() == 300);
  CHECK(reason_of(std::string(299, 'x') + "\xC3\xA4") == std::string(299, 'x'));
}

TEST_CASE("the innermost sentence comes first, whatever it is wrapped in") {
  const std::string said = R"({"error":{"message":"input 0: JPEG ends after 9 bytes","type":"invalid_request_error"}})";
  rapidjson::Document body(rapidjson::kObjectType);
  const auto wrapped = [&](const std::string& inner) {
    const std::string sentence =
        "Received an unsuccessful status code for request from inference entity id [clip-ingest] status [400]. "
        "Error message: [" +
        inner + "]";
    rapidjson::Value error(rapidjson::kObjectType);
    error.AddMember("reason", rapidjson::Value(sentence, body.GetAllocator()), body.GetAllocator());
    return reason_of(json::text_of(error));
  };
  const std::string around =
      " (Received an unsuccessful status code for request from inference entity id [clip-ingest] status [400])";
  CHECK(wrapped(said) == "input 0: JPEG ends after 9 bytes" + around);
  CHECK(wrapped("plain text") == "plain text" + around);
  CHECK(reason_of(R"({"error":{"reason":"[1:36] failed to parse: no date","caused_by":{"reason":"no date"}}})") ==
        "no date ([1:36] failed to parse)");
  CHECK(reason_of(R"({"error":{"reason":"a","caused_by":{"reason":"b","caused_by":{"reason":"c"}}}})") == "c (b) (a)");
}
