#include "ingest/bulk.h"

#include <doctest/doctest.h>

#include "base/sha256.h"
#include "ingest/cluster.h"

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("a document is its action and its source, with the content's hash as id") {
  const BulkDocument document = make_document("a \"b\".jpg", "foobar", R"("price":3)");
  CHECK(document.id == sha256_hex("foobar"));
  CHECK(document.lines ==
        "{\"index\":{\"_id\":\"" + document.id +
            "\"}}\n{\"image_name\":\"a \\\"b\\\".jpg\",\"price\":3,\"image_data\":\"Zm9vYmFy\"}\n");
}

TEST_CASE("each item of an answer is stored, to be sent again, or failed with its reason and cause") {
  const auto outcomes = read_bulk_answer(
      R"({"errors":true,"took":1,"items":[{"index":{"_id":"1","status":201}},{"index":{"_id":"2","status":429,"error":{"type":"t","reason":"full"}}},
          {"index":{"_id":"3","status":400,"error":{"type":"t","reason":"bad field","caused_by":{"type":"u","reason":"too short"}}}}]})",
      3);
  REQUIRE(outcomes.ok());
  CHECK((*outcomes)[0].kind == BulkOutcome::Kind::stored);
  CHECK((*outcomes)[1].kind == BulkOutcome::Kind::retry);
  CHECK((*outcomes)[1].reason == "full");
  CHECK((*outcomes)[2].kind == BulkOutcome::Kind::failed);
  CHECK((*outcomes)[2].reason == "bad field; cause: too short");
}

TEST_CASE("an answer that does not list every document is no success") {
  CHECK_FALSE(read_bulk_answer(R"({"errors":false,"items":[]})", 1).ok());
  CHECK_FALSE(read_bulk_answer("<html>", 1).ok());
  CHECK_FALSE(read_bulk_answer(R"({"items":[{"index":5}]})", 1).ok());
}

TEST_CASE("the reason of an error body is found in each of its shapes") {
  CHECK(reason_of(R"({"error":{"type":"a","reason":"b"},"status":400})") == "b");
  CHECK(reason_of(R"({"error":"no handler","status":405})") == "no handler");
  CHECK(reason_of("Bad Gateway") == "Bad Gateway");
}
