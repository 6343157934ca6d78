#include <atomic>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "server/elastic/embedded/store_core.h"
#include "tests/elastic/embedded/store_fixture.h"
#include "tests/source_folder.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_pictures =
    R"({"mappings":{"properties":{"image_name":{"type":"text","fields":{"keyword":{"type":"keyword"}}},"image_embedding":{"type":"dense_vector","dims":4,"similarity":"cosine","index":"true"},"image_data":{"type":"binary"}}}})";

TEST_CASE("an index is made, shown, changed and deleted") {
  StoreFixture store;
  CHECK(store.call(http::Method::head, "/pics").status == 404);
  CHECK(store.get("/pics").error_type() == "index_not_found_exception");
  CHECK(store.put("/pics", k_pictures).body == R"({"acknowledged":true,"shards_acknowledged":true,"index":"pics"})");
  const Reply again = store.put("/pics", k_pictures);
  CHECK(again.status == 400);
  CHECK(again.error_type() == "resource_already_exists_exception");
  CHECK(again.reason() == "index [pics/" + again.at("/error/index_uuid") + "] already exists");
  const Reply shown = store.get("/pics");
  CHECK(shown.at("/pics/aliases") == "{}");
  CHECK(shown.at("/pics/settings/index/number_of_shards") == "1");
  CHECK(shown.at("/pics/settings/index/version/created") == "9039001");
  CHECK(shown.at("/pics/settings/index/uuid").size() == 22);
  CHECK(shown.at("/pics/mappings/properties/image_embedding/index") == "true");
  CHECK(store.put("/pics/_mapping", R"({"properties":{"rooms":{"type":"integer"}}})").body ==
        R"({"acknowledged":true})");
  CHECK(store.get("/pics/_mapping").at("/pics/mappings/properties/rooms/type") == "integer");
  CHECK(store.put("/pics/_mapping", R"({"properties":{"rooms":{"type":"text"}}})").reason() ==
        "mapper [rooms] cannot be changed from type [integer] to [text]");
  store.reopen();
  CHECK(store.get("/pics").body.find("\"rooms\":{\"type\":\"integer\"}") != std::string::npos);
  CHECK(store.remove("/*").reason() == "Wildcard expressions or all indices are not allowed");
  CHECK(store.remove("/pics").body == R"({"acknowledged":true})");
  CHECK(store.remove("/pics").status == 404);
  store.reopen();
  CHECK(store.get("/pics").status == 404);
}

TEST_CASE("bad index names and bodies are refused with Elasticsearch's words") {
  StoreFixture store;
  CHECK(store.put("/Bad%20Name").reason() == R"(Invalid index name [Bad Name], must not contain ' ')");
  CHECK(store.put("/_bad").reason() == "Invalid index name [_bad], must not start with '_', '-', or '+'");
  CHECK(store.put("/UPPER").reason() == "Invalid index name [UPPER], must be lowercase");
  CHECK(store.get("/_bad").reason() == "Invalid index name [_bad], must not start with '_'.");
  CHECK(store.put("/x", R"({"mapping":{}})").error_type() == "parse_exception");
  CHECK(store.put("/x", R"({"mappings":[]})").error_type() == "parse_exception");
  CHECK(store.put("/x", R"({"settings":{"nosuch":1}})").reason().starts_with("unknown setting [index.nosuch]"));
  CHECK(store.put("/x", R"({"settings":{"number_of_shards":0}})").reason() ==
        "setting [index.number_of_shards] must be a number from 1 to 1024, found [0]");
  CHECK(store.put("/x", R"({"mappings":{"properties":{"v":{"type":"nosuch"}}}})")
            .reason()
            .starts_with("Failed to parse mapping: The mapper type [nosuch]"));
  CHECK(store.put("/x", "{\"a\":").error_type() == "x_content_e_o_f_exception");
  CHECK(store.get("/_all").body == "{}");
}

TEST_CASE("settings come flat, dotted and nested, and change while the index lives") {
  StoreFixture store;
  store.put(
      "/s",
      R"({"settings":{"number_of_shards":1,"index.number_of_replicas":0,"index":{"default_pipeline":"p"},"mapping":{"exclude_source_vectors":false}}})");
  CHECK(store.get("/s/_settings").at("/s/settings/index/number_of_replicas") == "0");
  CHECK(store.get("/s/_settings").at("/s/settings/index/default_pipeline") == "p");
  CHECK(store.put("/s/_settings", R"({"index":{"refresh_interval":"5s"},"default_pipeline":null})").status == 200);
  CHECK(store.put("/s/_settings", R"({"number_of_shards":2})")
            .reason()
            .starts_with("Can't update non dynamic settings [index.number_of_shards]"));
  store.reopen();
  const Reply settings = store.get("/s/_settings");
  CHECK(settings.at("/s/settings/index/refresh_interval") == "5s");
  CHECK(settings.at("/s/settings/index/default_pipeline").empty());
  store.put("/s/_doc/1", R"({"v":[0.10]})");
  CHECK(store.get("/s/_doc/1").at("/_source") == R"({"v":[0.1]})");
}

TEST_CASE("replicas expand to the nodes that there are") {
  StoreFixture store;
  const auto replicas = [&] { return store.get("/s/_settings").at("/s/settings/index/number_of_replicas"); };
  const auto change = [&](const std::string& value) {
    return store.put("/s/_settings", R"({"index.auto_expand_replicas":)" + value + "}");
  };
  CHECK(store.put("/s", R"({"settings":{"number_of_replicas":2,"auto_expand_replicas":"0-1"}})").status == 200);
  CHECK(replicas() == "0");
  CHECK(store.get("/_cluster/health/s?wait_for_status=green").status == 200);
  CHECK(change(R"("1-all")").status == 200);
  CHECK(replicas() == "1");
  CHECK(change("false").status == 200);
  CHECK(store.put("/s/_settings", R"({"number_of_replicas":3})").status == 200);
  CHECK(replicas() == "3");
  for (const char* wrong : {R"("many")", R"("0-x")", R"("3-1")", R"("-")", R"("")"}) {
    const Reply refused = change(wrong);
    CHECK(refused.status == 400);
    CHECK(refused.reason().starts_with("setting [index.auto_expand_replicas] must be false or a range"));
  }
}

TEST_CASE("wildcards find indices but hidden ones, and aliases stand for theirs") {
  StoreFixture store;
  store.put("/logs-1", R"({"aliases":{"logs":{}}})");
  store.put("/logs-2", R"({"aliases":{"logs":{"is_write_index":true}}})");
  store.put("/.secret", R"({"settings":{"index.hidden":true}})");
  CHECK(store.get("/*/_mapping").body == R"({"logs-1":{"mappings":{}},"logs-2":{"mappings":{}}})");
  CHECK(store.get("/_mapping?expand_wildcards=all").body.find(".secret") != std::string::npos);
  CHECK(store.get("/.s*/_mapping").body == R"({".secret":{"mappings":{}}})");
  CHECK(store.get("/*,-logs-1/_mapping").body == R"({"logs-2":{"mappings":{}}})");
  CHECK(store.get("/nope,logs-1/_mapping").status == 404);
  CHECK(store.get("/nope,logs-1/_mapping?ignore_unavailable=true").body == R"({"logs-1":{"mappings":{}}})");
  CHECK(store.get("/_alias/logs").body ==
        R"({"logs-1":{"aliases":{"logs":{}}},"logs-2":{"aliases":{"logs":{"is_write_index":true}}}})");
  CHECK(store.put("/logs/_doc/1", "{}").at("/_index") == "logs-2");
  CHECK(store.get("/logs/_doc/1").status == 400);
  CHECK(store.put("/logs").reason() == "Invalid index name [logs], already exists as alias");
  CHECK(store.remove("/logs").reason() == "[logs] matches an alias, name its indices instead");
  CHECK(
      store
          .post(
              "/_aliases",
              R"({"actions":[{"remove":{"index":"logs-2","alias":"logs"}},{"add":{"index":"logs-2","alias":"old"}}]})")
          .status == 200);
  store.reopen();
  CHECK(store.get("/_alias/old").at("/logs-2/aliases/old") == "{}");
  CHECK(store.get("/logs/_doc/1").body == R"({"_index":"logs-1","_id":"1","found":false})");
  CHECK(store.get("/_alias/none").body == R"({"error":"alias [none] missing","status":404})");
}

TEST_CASE("an alias has one write index") {
  StoreFixture store;
  store.put("/wa", R"({"aliases":{"w":{"is_write_index":true}}})");
  store.put("/wb", R"({"aliases":{"w":{}}})");
  const auto refused = [&](const Reply& reply) {
    CHECK(reply.status == 500);
    CHECK(reply.error_type() == "illegal_state_exception");
    CHECK(reply.reason() == "alias [w] has more than one write index [wa,wb]");
  };
  refused(store.put("/wb/_alias/w", R"({"is_write_index":true})"));
  refused(store.post("/_aliases", R"({"actions":[{"add":{"index":"wb","alias":"w","is_write_index":true}}]})"));
  CHECK(store.put("/wc", R"({"aliases":{"w":{"is_write_index":true}}})").reason() ==
        "alias [w] has more than one write index [wa,wc]");
  CHECK(store.get("/wc").status == 404);
  CHECK(store.put("/w/_doc/1", "{}").at("/_index") == "wa");
  const Reply moved = store.post("/_aliases", R"({"actions":[{"add":{"index":"wb","alias":"w","is_write_index":true}},
                                                             {"add":{"index":"wa","alias":"w"}}]})");
  CHECK(moved.status == 200);
  CHECK(store.put("/w/_doc/2", "{}").at("/_index") == "wb");
}

TEST_CASE("aliases are removed by names and patterns, from indices that are named as such") {
  StoreFixture store;
  store.put("/one", R"({"aliases":{"za":{},"zb":{},"w":{}}})");
  store.put("/two", R"({"aliases":{"w":{}}})");
  const auto change = [&](const std::string& actions) {
    return store.post("/_aliases", R"({"actions":[)" + actions + "]}");
  };
  CHECK(change(R"({"remove":{"index":"one","alias":"z*"}})").status == 200);
  CHECK(store.get("/one/_alias").at("/one/aliases") == R"({"w":{}})");
  CHECK(change(R"({"remove":{"index":"one","alias":"z*"}})").reason() == "aliases [z*] missing");
  CHECK(change(R"({"add":{"index":"w","alias":"x"}})").reason() == "[w] matches an alias, name its indices instead");
  CHECK(store.put("/two,w/_alias/x").reason() == "[w] matches an alias, name its indices instead");
  CHECK(change(R"({"add":{"index":"one","indices":["two"],"alias":"x"}})").reason() ==
        "Only one of [index] and [indices] is supported");
  CHECK(change(R"({"add":{"index":"one","alias":"x","aliases":["y"]}})").reason() ==
        "Only one of [alias] and [aliases] is supported");
  CHECK(change(R"({"remove":{"index":"two","alias":"w"}},{"remove":{"index":"two","alias":"w"}})").status == 200);
  CHECK(change(R"({"remove":{"indices":["one","two"],"alias":"w"}})").status == 200);
  CHECK(store.get("/_alias/w").status == 404);
  CHECK(change(R"({"remove":{"index":"one","alias":"w"}})").status == 404);
}

TEST_CASE("aliases are asked for by names and patterns, and missing names are told") {
  StoreFixture store;
  store.put("/one", R"({"aliases":{"test_a":{},"test_b":{},"other":{}}})");
  store.put("/two", R"({"aliases":{"other":{}}})");
  CHECK(store.get("/_alias/other").body == R"({"one":{"aliases":{"other":{}}},"two":{"aliases":{"other":{}}}})");
  CHECK(store.get("/_alias/test_*").body == R"({"one":{"aliases":{"test_a":{},"test_b":{}}}})");
  CHECK(store.get("/_alias/none*").body == "{}");

  const Reply partly = store.get("/one/_alias/nope,test_a");
  CHECK(partly.status == 404);
  CHECK(partly.body == R"({"error":"alias [nope] missing","status":404,"one":{"aliases":{"test_a":{}}}})");
  CHECK(store.get("/_alias/nope").body == R"({"error":"alias [nope] missing","status":404})");

  CHECK(store.remove("/other?ignore_unavailable=true").status == 200);
  CHECK(store.get("/one,two").status == 200);
  CHECK(store.remove("/other").reason().find("matches an alias") != std::string::npos);
}

TEST_CASE("a deleted index is released without another write, when nobody uses it any more") {
  TemporaryFolder folder;
  auto store = StoreCore::open(folder.path(), std::chrono::steady_clock::now);
  REQUIRE(store.ok());
  IndexPtr index = (*store)->create_index("i", {});
  const std::weak_ptr<StoredIndex> watched = index;
  (*store)->delete_indices({index});
  (*store)->check();
  CHECK_FALSE(watched.expired());
  index.reset();
  CHECK_FALSE(watched.expired());
  (*store)->check();
  CHECK(watched.expired());
}

TEST_CASE("repeated parts of an index expression change nothing, and exclusions keep their order") {
  const StoreFixture store;
  for (const char* name : {"/a1", "/a2", "/b1"}) store.put(name);
  const auto found = [&](const std::string& expression) {
    std::string names;
    for (const char* name : {"a1", "a2", "b1"}) {
      if (!store.get("/" + expression + "/_mapping").at((std::string("/") + name).c_str()).empty()) names += name;
    }
    return names;
  };
  CHECK(found("*,*,a1,a1,*") == "a1a2b1");
  CHECK(found("a*,-a1,b*") == "a2b1");
  CHECK(found("a*,-a1,a*") == "a1a2");
  CHECK(found("a*,-a*,a1,b1,-a*,b*,-a1") == "b1");
  CHECK(found("*,-*,a2") == "a2");
  CHECK(store.get("/-a1,a*,-a1/_count?ignore_unavailable=true").at("/_shards/total") ==
        "1");  // only the second excludes
}

TEST_CASE("what is read while its index is deleted is there or not found") {
  StoreFixture store;
  std::atomic<bool> over{false};
  std::atomic<int> there{0}, gone{0}, failed{0};
  std::vector<std::thread> readers;
  for (const char* path : {"/pics/_doc/1", "/pics/_source/1", "/_cat/indices/pics", "/_mget"}) {
    readers.emplace_back([&, path] {
      const bool many = std::string_view(path) == "/_mget";
      while (!over) {
        const Reply reply = many ? store.post(path, R"({"docs":[{"_index":"pics","_id":"1"}]})") : store.get(path);
        const bool missing = reply.status == 404 || reply.body.find("index_not_found") != std::string::npos;
        ++(missing ? gone : reply.status == 200 && reply.body.find("error") == std::string::npos ? there : failed);
      }
    });
  }
  for (int round = 0; round < 150 || (round < 5000 && (there == 0 || gone == 0)); ++round) {
    store.put("/pics/_doc/1", R"({"image_name":"a"})");
    store.remove("/pics");
  }
  over = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(failed == 0);
  CHECK(there > 0);
  CHECK(gone > 0);
}

TEST_CASE("a document lives through create, update, get and delete with its versions") {
  StoreFixture store;
  store.put("/docs", k_pictures);
  CHECK(
      store.put("/docs/_doc/1?refresh=true", R"({"image_name":"a.jpg","image_embedding":[1,0,0,0]})").body ==
      R"({"_index":"docs","_id":"1","_version":1,"result":"created","forced_refresh":true,"_shards":{"total":2,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1})");
  CHECK(store.put("/docs/_doc/1", R"({"image_name":"b.jpg","image_embedding":[1,0,0,0]})").at("/result") == "updated");
  const Reply twin = store.put("/docs/_create/1", "{}");
  CHECK(twin.status == 409);
  CHECK(twin.reason() == "[1]: version conflict, document already exists (current version [2])");
  CHECK(
      store.get("/docs/_doc/1").body ==
      R"({"_index":"docs","_id":"1","_version":2,"_seq_no":1,"_primary_term":1,"found":true,"_source":{"image_name":"b.jpg"}})");
  CHECK(store.get("/docs/_doc/1?_source_exclude_vectors=false").at("/_source") ==
        R"({"image_name":"b.jpg","image_embedding":[1,0,0,0]})");
  CHECK(store.get("/docs/_doc/1?_source=image_emb*").at("/_source") == R"({"image_embedding":[1,0,0,0]})");
  CHECK(store.get("/docs/_doc/1?_source=false").at("/_source").empty());
  CHECK(store.get("/docs/_source/1").body == R"({"image_name":"b.jpg"})");
  CHECK(store.get("/docs/_source/9").reason() == "Document not found [docs]/[9]");
  CHECK(store.call(http::Method::head, "/docs/_doc/1").status == 200);
  CHECK(store.call(http::Method::head, "/docs/_doc/9").status == 404);

  CHECK(store.post("/docs/_update/1", R"({"doc":{"image_name":"c.jpg"}})").at("/_seq_no") == "2");
  CHECK(store.get("/docs/_doc/1?_source_exclude_vectors=false").at("/_source/image_embedding") == "[1,0,0,0]");
  const Reply noop = store.post("/docs/_update/1", R"({"doc":{"image_name":"c.jpg"}})");
  CHECK(noop.at("/result") == "noop");
  CHECK(noop.at("/_version") == "3");
  CHECK(noop.at("/_shards/total") == "0");
  CHECK(store.post("/docs/_update/9", R"({"doc":{"a":1}})").reason() == "[9]: document missing");
  CHECK(store.post("/docs/_update/9", R"({"doc":{"a":1},"doc_as_upsert":true})").status == 201);
  CHECK(store.post("/docs/_update/10", R"({"doc":{"a":1},"upsert":{"a":7}})").status == 201);
  CHECK(store.get("/docs/_doc/10").at("/_source") == R"({"a":7})");
  CHECK(store.post("/docs/_update/1", "{}").reason() == "Validation Failed: 1: script or doc is missing;");

  CHECK(store.remove("/docs/_doc/9").at("/result") == "deleted");
  const Reply gone = store.remove("/docs/_doc/9");
  CHECK(gone.status == 404);
  CHECK(gone.at("/_version") == "3");
  CHECK(store.put("/docs/_doc/9", "{}").at("/_version") == "4");
  CHECK(store.remove("/nope/_doc/1").error_type() == "index_not_found_exception");
}

TEST_CASE("a document's own text comes back byte for byte") {
  StoreFixture store;
  const std::string source =
      "{ \"n\": 1.50, \"big\": 12345678901234567, \"e\":1e-7,\"s\":\"caf\\u00e9 \\/\",\n\t\"list\" : [ ] }";
  store.put("/t/_doc/1", source);
  CHECK(store.get("/t/_source/1").body == source);
  store.reopen();
  CHECK(store.get("/t/_source/1").body == source);
}

TEST_CASE("writes may depend on the sequence number that was read") {
  StoreFixture store;
  store.put("/c/_doc/1", "{}");
  CHECK(store.put("/c/_doc/1?if_seq_no=0&if_primary_term=1", R"({"a":1})").status == 200);
  CHECK(store.put("/c/_doc/1?if_seq_no=0&if_primary_term=1", R"({"a":2})").reason() ==
        "[1]: version conflict, required seqNo [0], primary term [1]. current document has seqNo [1] and "
        "primary term [1]");
  CHECK(store.remove("/c/_doc/2?if_seq_no=0&if_primary_term=1").reason() ==
        "[2]: version conflict, required seqNo [0], primary term [1]. but no document was found");
  CHECK(store.put("/c/_doc/1?if_seq_no=1", "{}").status == 400);
  const std::string both = "if_seq_no=0&if_primary_term=1";
  CHECK(store.put("/c/_doc/1?op_type=create&" + both, "{}").reason() ==
        "Validation Failed: 1: create operations do not support compare and set. use index instead;");
  CHECK(store.put("/c/_create/1?" + both, "{}").status == 400);
  CHECK(store.post("/c/_update/1?retry_on_conflict=2&" + both, R"({"doc":{}})").reason() ==
        "Validation Failed: 1: compare and write operations can not be retried;");
  CHECK(store.post("/c/_update/1?retry_on_conflict=0&" + both, R"({"doc":{}})").status == 409);
  CHECK(store.post("/c/_update/1?" + both, R"({"doc":{},"doc_as_upsert":true})").reason() ==
        "Validation Failed: 1: compare and write operations can not be used with upsert;");
  CHECK(store.post("/c/_update/1?" + both, R"({"doc":{},"upsert":{}})").reason() ==
        "Validation Failed: 1: upsert requests don't support `if_seq_no` and `if_primary_term`;");
  // An update first looks for its document.
  CHECK(store.post("/c/_update/3?if_seq_no=0&if_primary_term=1", R"({"doc":{}})").error_type() ==
        "document_missing_exception");
}

TEST_CASE("ids are made of 20 URL-safe characters") {
  StoreFixture store;
  const std::string id = store.post("/ids/_doc", "{}").at("/_id");
  CHECK(id.size() == 20);
  CHECK(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos);
  CHECK(store.get("/ids/_doc/" + id).at("/found") == "true");
}

TEST_CASE("what cannot be honoured is refused, never passed over") {
  StoreFixture store;
  store.put("/r/_doc/1", "{}");
  CHECK(store.put("/r/_doc/1?routing=x", "{}").status == 400);
  CHECK(store.put("/r2", R"({"settings":{"index.query.default_field":"title"}})").status == 400);
  CHECK(store.put("/r/_doc/1?version=3&version_type=external", "{}").status == 400);
  CHECK(store.put("/r/_doc/1?pipeline=nope", "{}").reason() == "pipeline with id [nope] does not exist");
  CHECK(store.put("/r/_doc/1?pipeline=_none", "{}").status == 200);
  CHECK(store.put("/r/_doc/1?refresh=abc", "{}").reason() == "Unknown value for refresh: [abc].");
  CHECK(store.get("/r/_search?q=x").status == 400);
  CHECK(store.post("/r/_analyze", R"({"text":"x"})").status == 400);
  CHECK(store.post("/r/_update/1", R"({"script":{"source":"x"}})").status == 400);
  CHECK(store.post("/r/_delete_by_query", "{}").status == 400);
  CHECK(store.put("/r/_doc/1", "").reason() == "request body is required");
  CHECK(store.get("/r/_doc/1?foo=bar").reason() == "request [/r/_doc/1] contains unrecognized parameter: [foo]");
  CHECK(
      store.call(http::Method::patch, "/r/_doc/1", "{}").body ==
      R"({"error":"Incorrect HTTP method for uri [/r/_doc/1] and method [PATCH], allowed: [GET, POST, PUT, DELETE, HEAD]","status":405})");
}

TEST_CASE("many documents are fetched at once, with an error for each that cannot be") {
  StoreFixture store;
  store.put("/m/_doc/1", R"({"a":1,"b":2})");
  CHECK(
      store.post("/m/_mget", R"({"ids":["1","zz"]})").body ==
      R"({"docs":[{"_index":"m","_id":"1","_version":1,"_seq_no":0,"_primary_term":1,"found":true,"_source":{"a":1,"b":2}},{"_index":"m","_id":"zz","found":false}]})");
  const Reply mixed =
      store.post("/_mget", R"({"docs":[{"_index":"m","_id":"1","_source":["a"]},{"_index":"nope","_id":"1"}]})");
  CHECK(mixed.at("/docs/0/_source") == R"({"a":1})");
  CHECK(mixed.at("/docs/1/error/root_cause/0/type") == "index_not_found_exception");
  CHECK(store.post("/_mget", R"({"docs":[{"_id":"1"}]})").reason() ==
        "Validation Failed: 1: index is missing for doc 0;");
  CHECK(store.post("/m/_mget", "{}").reason() == "Validation Failed: 1: no documents to get;");
}

TEST_CASE("the cluster answers as one node of version 9.2.0") {
  StoreFixture store;
  CHECK(store.get("/").at("/version/number") == "9.2.0");
  CHECK(store.get("/").at("/tagline") == "You Know, for Search");
  CHECK(store.get("/_cluster/health").at("/status") == "green");
  store.put("/h/_doc/1", "{}");
  CHECK(store.get("/_cluster/health").at("/status") == "yellow");
  CHECK(store.get("/_cluster/health/nope").status == 408);
  CHECK(store.get("/_cat/indices/h?h=index,docs.count").body == "h 1\n");
  CHECK(store.get("/_cat/count/h?h=count").body == "1\n");
  CHECK(store.get("/_cat/indices?format=json&h=index").body == R"([{"index":"h"}])");
}

TEST_CASE("health counts the copies of shards, and what will not come is not waited for") {
  StoreFixture store;
  store.put("/whole", R"({"settings":{"number_of_replicas":0}})");
  CHECK(store.get("/_cluster/health").at("/active_shards_percent_as_number") == "100.0");
  store.put("/wanting", R"({"settings":{"number_of_replicas":2}})");
  CHECK(store.get("/_cluster/health").at("/active_shards_percent_as_number") == "50.0");
  CHECK(store.get("/_cluster/health/whole").at("/status") == "green");
  const auto waiting_for = [&](const char* what) {
    const Reply reply = store.get(std::string("/_cluster/health?") + what);
    CHECK(reply.at("/timed_out") == (reply.status == 408 ? "true" : reply.status == 200 ? "false" : ""));
    return reply.status;
  };
  CHECK(waiting_for("wait_for_status=yellow") == 200);
  CHECK(waiting_for("wait_for_status=green") == 408);
  CHECK(waiting_for("wait_for_status=blue") == 400);
}

TEST_CASE("_cat chooses and sorts its columns") {
  StoreFixture store;
  store.put("/whole", R"({"settings":{"number_of_replicas":0}})");
  store.put("/wanting");
  CHECK(store.get("/_cat/indices?h=index,rep&s=index").body == "wanting 1\nwhole   0\n");
  CHECK(store.get("/_cat/indices?h=index,rep&s=rep&v").body == "index   rep\nwhole     0\nwanting   1\n");
  CHECK(store.get("/_cat/indices/whole?h=index,docs.count&format=json").body ==
        R"([{"index":"whole","docs.count":"0"}])");
  CHECK(store.get("/_cat/indices/whole?h=store.size&bytes=b").body == "0\n");
  for (const char* wrong : {"h=none", "s=mood", "bytes=kb", "format=yaml", "help"})
    CHECK(store.get(std::string("/_cat/indices?") + wrong).status == 400);
}

TEST_CASE("_cat shows the bytes of all sources, whatever became of the documents") {
  StoreFixture store;
  const auto bytes = [&] { return store.get("/_cat/indices/i?h=docs.count,store.size&bytes=b").body; };
  store.put("/i/_doc/1", R"({"a":"é"})");
  CHECK(bytes() == "1 10\n");
  store.put("/i/_doc/1", R"({"a":1})");
  CHECK(bytes() == "1 7\n");
  store.post("/i/_update/1", R"({"doc":{"b":2}})");
  CHECK(bytes() == "1 13\n");
  store.put("/i/_doc/2", R"({"b":"no number"})");  // refused
  CHECK(bytes() == "1 13\n");
  store.post("/i/_bulk", "{\"index\":{\"_id\":\"2\"}}\n{\"a\":22}\n{\"index\":{\"_id\":\"2\"}}\n{\"a\":333}\n");
  CHECK(bytes() == "2 22\n");
  store.remove("/i/_doc/1");
  store.remove("/i/_doc/none");
  CHECK(bytes() == "1 9\n");
  store.put("/i/_doc/large", R"({"x":")" + std::string(100'000, 'x') + "\"}");
  CHECK(bytes() == "2 100017\n");
  store.reopen();
  CHECK(bytes() == "2 100017\n");
  // A store of an earlier version has no sums: they are made once.
  store.close();
  const auto database = [&] {
    return sqlite::Connection::open((store.folder() / "store.db").string(), sqlite::Connection::Mode::read_write);
  };
  database()->execute("ALTER TABLE indices DROP COLUMN source_bytes");
  store.reopen();
  CHECK(bytes() == "2 100017\n");
  store.close();
  CHECK(database()->number("SELECT source_bytes FROM indices") == 100'017);
  store.reopen();
  store.remove("/i/_doc/large");
  CHECK(bytes() == "1 9\n");
}

TEST_CASE("connections that have read a deleted index are closed with their statements") {
  StoreFixture store;
  // Each connection to the database has its own descriptor of this file.
  const auto connections = [&] {
    std::error_code gone;
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd"))
      count += std::filesystem::read_symlink(file, gone) == store.folder() / "store.db-wal" ? 1 : 0;
    return count;
  };
  store.put("/i/_doc/1", "{}");
  store.get("/i/_doc/1");
  CHECK(connections() == 2);
  store.remove("/i");
  CHECK(connections() == 1);

  sqlite::ReaderPool pool((store.folder() / "store.db").string());
  // A setting that only one connection has.
  const auto mark = [&] { pool.borrow()->execute("PRAGMA cache_size=123"); };
  const auto is_marked = [&] { return pool.borrow()->number("PRAGMA cache_size") == 123; };
  mark();
  CHECK(is_marked());
  pool.forget_all();
  CHECK_FALSE(is_marked());
  mark();
  {
    const auto in_use = pool.borrow();
    pool.forget_all();
    CHECK(in_use->number("PRAGMA cache_size") == 123);
  }
  CHECK_FALSE(is_marked());
}

TEST_CASE("the indices of es_config are green on one machine") {
  StoreFixture store;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_folder() / "es_config" / "indices")) {
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string body = std::regex_replace(text.str(), std::regex("\"@DIMS:[^@]*@\""), "4");
    CHECK(store.put("/i" + std::to_string(++count), body).status == 200);
  }
  CHECK(count >= 4);
  CHECK(store.get("/_cluster/health").at("/status") == "green");
}

TEST_CASE("clients that ask for the licence and the nodes find one of each") {
  StoreFixture store;
  CHECK(store.get("/_license").at("/license/status") == "active");
  CHECK(store.get("/_license").at("/license/type") == "basic");
  const auto published = [&](const std::string& host, const char* path = "/_nodes/http") {
    const Reply reply = store.call_with({{"Host", host}}, http::Method::get, path);
    CHECK(reply.at("/_nodes/total") == "1");
    const std::string node = "/nodes/" + store.get("/").at("/cluster_uuid");
    CHECK(reply.at((node + "/name").c_str()) == "sightline");
    CHECK(reply.at((node + "/roles").c_str()) == R"(["data","ingest","master"])");
    return reply.at((node + "/http/publish_address").c_str());
  };
  CHECK(published("127.0.0.1:9200") == "127.0.0.1:9200");
  CHECK(published("[::1]:9201", "/_nodes/_all/http") == "[::1]:9201");
  CHECK(published("[::1]") == "[::1]:80");
  CHECK(published("store.example") == "store.example:80");
  CHECK(published("") == "");
  CHECK(store.get("/_nodes/_all/http?timeout=1s").status == 200);  // as clients that sniff send it
}

TEST_CASE("a folder is held by one store at a time") {
  StoreFixture store;
  const auto second = open_embedded_store(store.folder());
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::unavailable);
  CHECK(second.error().message.find("is in use by another server") != std::string::npos);
}

TEST_CASE("a broken or foreign file is named at start") {
  StoreFixture store;
  for (int i = 0; i < 50; ++i) store.put("/x/_doc/" + std::to_string(i), "{\"a\":\"" + std::string(2000, 'x') + "\"}");
  store.close();
  const auto file = store.folder() / "store.db";
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(3 * 4096);
    damage << std::string(20 * 4096, 'Z');
  }
  const auto broken = open_embedded_store(store.folder());
  REQUIRE_FALSE(broken.ok());
  CHECK(broken.error().code == ErrorCode::corrupt_data);
  CHECK(broken.error().message.find(file.string()) != std::string::npos);
  std::ofstream(file, std::ios::trunc) << std::string(5000, 'n');
  const auto foreign = open_embedded_store(store.folder());
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.error().code == ErrorCode::corrupt_data);
}

TEST_CASE("what is stored can be read at the next start") {
  StoreFixture store;
  store.put("/v", R"({"mappings":{"properties":{"v":{"type":"dense_vector","index_options":{"type":"bbq_hnsw"}}}}})");
  CHECK(store.put("/v/_doc/1", R"({"v":[1,2,3]})").status == 400);
  // Two names that would be stored as the same.
  CHECK(store.put("/%FF").error_type() == "invalid_index_name_exception");
  CHECK(store.put("/v/_alias/%FF").reason() == "Invalid alias name [\uFFFD]: must be UTF-8");
  CHECK(store.put("/v/_alias/%ED%A0%80").status == 400);
  CHECK(store.post("/_aliases", R"({"actions":[{"add":{"index":"v","alias":"\ud800"}}]})").status == 400);
  CHECK(store.put("/v/_settings", R"({"index.routing.\ud800":"1","index.routing.\ud801":"2"})").status == 400);
  // Names of fields are stored with halves of surrogate pairs.
  CHECK(store.put("/w", R"({"mappings":{"properties":{"\ud800":{"type":"long"}}}})").status == 200);
  CHECK(store.put("/w/_doc/1", R"({"\ud800":1,"\ud801":2})").status == 201);
  std::string deep = R"("x")";
  for (int i = 0; i < 900; ++i) deep = R"({"a":)" + deep + "}";
  std::string name = "a";
  for (int i = 0; i < 90; ++i) name += ".a";
  const std::string mapping = R"({"properties":{")" + name + R"(":{"type":"long","meta":{"m":)" + deep + "}}}}";
  CHECK(store.put("/v/_settings", R"({"index.mapping.depth.limit":100})").status == 200);
  CHECK(store.put("/v/_mapping", mapping).reason().find("[meta] values can only be strings") != std::string::npos);
  std::string vector = "1";
  for (int i = 1; i < 64; ++i) vector += ",1";
  CHECK(store.put("/v/_doc/3", "{\"v\":[" + vector + "]}").status == 201);
  store.reopen();
  CHECK(store.get("/v/_mapping").at("/v/mappings/properties/v/dims") == "64");
  CHECK(store.count("v") == "1");
  const char* const both = R"({"query":{"bool":{"filter":[{"term":{"\ud800":1}},{"term":{"\ud801":2}}]}}})";
  CHECK(store.post("/w/_count", both).at("/count") == "1");
}

TEST_CASE("a change that could not be read at the next start is refused, and changes nothing") {
  StoreFixture store;
  store.put("/i", "{}");
  store.close();
  const auto set_settings = [&](const std::string& json) {
    sqlite::Connection::open((store.folder() / "store.db").string(), sqlite::Connection::Mode::read_write)
        ->execute("UPDATE indices SET settings='" + json + "'");
  };
  // As a fault of the program would leave it: found when anything else of the index is stored.
  const std::string whole = R"({"index.number_of_shards":"1","index.uuid":"u"})";
  set_settings(whole);
  store.reopen();
  set_settings(R"({"twice":"1","twice":"2"})");
  for (const Reply& reply : {store.put("/i/_doc/1", R"({"a":1})"), store.put("/i/_alias/x"),
                             store.put("/i/_mapping", R"({"properties":{"a":{"type":"long"}}})")}) {
    CHECK(reply.status == 400);
    CHECK(reply.reason().find("of index [i] could not be read again after a restart: ") != std::string::npos);
  }
  const Reply bulk =
      store.post("/_bulk", "{\"index\":{\"_index\":\"other\"}}\n{}\n{\"index\":{\"_index\":\"i\"}}\n{\"a\":1}\n");
  CHECK(bulk.status == 400);
  CHECK(store.problem().empty());
  set_settings(whole);
  store.reopen();
  CHECK(store.get("/i").at("/i/mappings") == "{}");
  CHECK(store.get("/i").at("/i/aliases") == "{}");
  CHECK(store.count("i") == "0");
}

TEST_CASE("readers and writers at once see whole documents and lose none") {
  StoreFixture store;
  store.put("/p", R"({"mappings":{"properties":{"n":{"type":"long"}}}})");
  constexpr int k_writers = 3, k_each = 25;
  std::atomic<int> failures = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < k_writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < k_each; ++i) {
        const std::string id = std::to_string(writer) + "-" + std::to_string(i);
        if (store.put("/p/_doc/" + id, "{\"n\":" + std::to_string(i) + "}").status != 201) ++failures;
        if (store.get("/p/_doc/" + id).status != 200) ++failures;
      }
    });
  }
  std::thread reader([&] {
    while (!done) {
      if (store.post("/p/_search", R"({"size":100})").status != 200) ++failures;
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  CHECK(failures == 0);
  CHECK(store.count("p") == std::to_string(k_writers * k_each));
}

TEST_CASE("a byte order mark before a document or a body is skipped, and not kept") {
  StoreFixture store;
  const std::string mark = "\xEF\xBB\xBF";
  CHECK(store.put("/m", mark + R"({"mappings":{"properties":{"a":{"type":"keyword"}}}})").status == 200);
  CHECK(store.put("/m/_doc/1", mark + R"({"a":1.50})").status == 201);
  CHECK(store.get("/m/_source/1").body == R"({"a":1.50})");
  CHECK(store.post("/m/_update/1", mark + R"({"doc":{"b":1e5}})").status == 200);
  CHECK(store.get("/m/_source/1").body == R"({"a":1.50,"b":1e5})");
  CHECK(store
            .post("/_bulk", mark + R"({"index":{"_index":"m","_id":"2"}})" + "\n" + mark + R"({"a":"x"})" + "\n" +
                                mark + "\n" + mark + R"({"delete":{"_index":"m","_id":"1"}})" + "\n")
            .at("/errors") == "false");
  CHECK(store.get("/m/_source/2").body == R"({"a":"x"})");
  CHECK(store.get("/m/_doc/1").status == 404);
  CHECK(store.post("/m/_mget", mark + R"({"ids":["2"]})").at("/docs/0/found") == "true");
  CHECK(store.put("/m/_alias/n", mark + R"({"is_write_index":true})").status == 200);
  CHECK(store.put("/m/_doc/3", mark + mark + "{}").status == 400);
  CHECK(store.put("/m/_doc/3", std::string("{\0}\0", 4)).reason().find("UTF-16 or UTF-32") != std::string::npos);
}

TEST_CASE("an id is kept as Elasticsearch keeps it, whichever way it is written") {
  StoreFixture store;
  CHECK(store
            .post("/_bulk", R"({"index":{"_index":"m","_id":"i\ud83dd"}})"
                            "\n{}\n"
                            R"({"index":{"_index":"m","_id":12345678901234567890123}})"
                            "\n{}\n"
                            R"({"index":{"_index":"m","_id":1.50}})"
                            "\n{}\n")
            .at("/errors") == "false");
  for (const char* id : {"i%ED%A0%BDd", "i%EF%BF%BDd", "i%FFd", "12345678901234567890123", "1.50"})
    CHECK(store.get(std::string("/m/_doc/") + id).status == 200);
  const Reply found = store.post("/m/_mget", R"({"ids":["i\ud83dd",1.50,12345678901234567890123]})");
  for (const char* place : {"/docs/0/found", "/docs/1/found", "/docs/2/found"})
    CHECK_MESSAGE(found.at(place) == "true", found.body);
}

TEST_CASE("an id of more than 512 bytes refuses writes, and finds nothing") {
  StoreFixture store;
  store.put("/m");
  const std::string most(512, 'a'), id = most + "a";
  const std::string reason =
      "Validation Failed: 1: id [" + id + "] is too long, must be no longer than 512 bytes but was: 513;";
  CHECK(store.put("/m/_doc/" + most, "{}").status == 201);
  CHECK(store.put("/m/_doc/" + id, "{}").reason() == reason);
  CHECK(store.put("/m/_create/" + id, "{}").reason() == reason);
  CHECK(store.post("/m/_update/" + id, R"({"doc":{}})").reason() == reason);
  CHECK(store.get("/m/_doc/" + id).status == 404);
  CHECK(store.call(http::Method::delete_, "/m/_doc/" + id).at("/result") == "not_found");
  const auto bulk = [&](const std::string& operation, const std::string& source) {
    return store.post("/_bulk", R"({"index":{"_index":"m","_id":"good"}})"
                                "\n{}\n{\"" +
                                    operation + R"(":{"_index":"m","_id":")" + id + "\"}}\n" + source);
  };
  for (const char* operation : {"index", "create", "update"})
    CHECK(bulk(operation, "{\"doc\":{}}\n").reason() == reason);
  CHECK(store.get("/m/_doc/good").status == 404);
  CHECK(bulk("delete", "").at("/items/1/delete/status") == "404");
}

}  // namespace
TEST_CASE("an update shows what its _source or its parameters name, vectors included, as in Elasticsearch 9.2") {
  StoreFixture store;
  store.put("/u", R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":2}}}})");
  store.put("/u/_doc/1", R"({"a":1,"b":{"c":2,"d":3},"v":[1,2]})");
  const auto shown = [&](const std::string& source, const std::string& parameters = "") {
    const Reply reply = store.post("/u/_update/1" + parameters, R"({"doc":{"a":1})" + source + "}");
    return reply.status == 200 ? reply.at("/get/_source") : reply.error_type();
  };
  const std::string whole = R"({"a":1,"b":{"c":2,"d":3},"v":[1,2]})";
  CHECK(shown("").empty());
  CHECK(shown(R"(,"_source":true)") == whole);
  CHECK(shown(R"(,"_source":{})") == whole);
  CHECK(shown(R"(,"_source":["a","b.c"])") == R"({"a":1,"b":{"c":2}})");
  CHECK(shown(R"(,"_source":"b*")") == R"({"b":{"c":2,"d":3}})");
  CHECK(shown(R"(,"_source":{"include":["b"],"excludes":"b.d"})") == R"({"b":{"c":2}})");
  CHECK(shown(R"(,"_source":{"exclude_vectors":true})") == whole);
  CHECK(shown(R"(,"_source":["none"])") == "{}");
  CHECK(shown("", "?_source=a,b.c") == R"({"a":1,"b":{"c":2}})");
  CHECK(shown("", "?_source_excludes=b,v") == R"({"a":1})");
  CHECK(shown("", "?_source_exclude_vectors=true") == whole);
  CHECK(shown(R"(,"_source":["b.d"])", "?_source=a") == R"({"b":{"d":3}})");
  CHECK(shown(R"(,"_source":false)", "?_source=true").empty());
  CHECK(shown(R"(,"_source":{"enabled":true})") == "x_content_parse_exception");
  CHECK(shown(R"(,"_source":1)") == "x_content_parse_exception");
  const Reply made = store.post("/u/_update/2?_source=a", R"({"doc":{"n":1},"upsert":{"a":1,"z":2,"v":[3,4]}})");
  CHECK(made.at("/get/_source") == R"({"a":1})");
}

TEST_CASE("an update whose body is refused creates no index") {
  StoreFixture store;
  for (const char* body : {R"({"doc":5})", R"({"nosuch":5})", "{}", R"({"doc":{})"}) {
    CHECK(store.post("/new/_update/1", body).status == 400);
    CHECK(store.get("/new").status == 404);
  }
  CHECK(store.post("/new/_update/1", R"({"doc":{"a":1}})").error_type() == "document_missing_exception");
  CHECK(store.get("/new").status == 200);
}

TEST_CASE("in a list of names none begins with an underscore, and names that do not expand must exist") {
  StoreFixture store;
  store.put("/a1");
  store.put("/a2");
  for (const char* path : {"/a1,_all/_search", "/_all,a1/_count", "/_all,_all/_mapping", "/*,-_all/_settings",
                           "/a1,_all/_search?ignore_unavailable=true", "/_all,-a1", "/_cat/indices/a1,_all"}) {
    CAPTURE(path);
    CHECK(store.get(path).error_type() == "invalid_index_name_exception");
    CHECK(store.get(path).reason() == "Invalid index name [_all], must not start with '_'.");
  }
  CHECK(store.get("/a1,_foo*/_search").reason() == "Invalid index name [_foo*], must not start with '_'.");
  CHECK(store.post("/_aliases", R"({"actions":[{"add":{"indices":["a1","_all"],"alias":"b"}}]})").error_type() ==
        "invalid_index_name_exception");
  CHECK(store.get("/_all/_search").status == 200);
  for (const char* states : {"none", "hidden", "open,none"}) {
    const std::string query = std::string("/_search?expand_wildcards=") + states;
    CHECK(store.get("/a*" + query).reason() == "no such index [a*]");
    CHECK(store.get("/a*,a1" + query).status == 404);
    CHECK(store.get("/a*,a1" + query + "&ignore_unavailable=true").status == 200);
    CHECK(store.get("/a1" + query).status == 200);
    CHECK(store.get("/_all" + query).status == 200);
  }
  CHECK(store.get("/a*/_search?expand_wildcards=closed").status == 200);
  CHECK(store.get("/a*/_search?expand_wildcards=none,open").at("/_shards/total") == "2");
}

TEST_CASE("names of fields, and how many there may be") {
  StoreFixture store;
  const auto refused = [&](const std::string& properties) {
    return store.put("/m", R"({"mappings":{"properties":{)" + properties + "}}}").reason();
  };
  CHECK(refused(R"("a":{"type":"text","fields":{"b.c":{"type":"keyword"}}})") ==
        "Failed to parse mapping: Field name [b.c] which is a multi field of [a] cannot contain '.'");
  CHECK(refused(R"("\t":{"type":"long"})").ends_with("a field name cannot be blank"));
  CHECK(refused(R"("a.\u001c.b":{"type":"long"})").ends_with("a field name cannot be blank"));
  store.put("/m", R"({"settings":{"index.mapping.total_fields.limit":4},"mappings":{"properties":{
      "k":{"type":"keyword","ignore_above":"7"}}}})");
  CHECK(store.get("/m/_mapping").at("/m/mappings/properties/k/ignore_above") == "7");
  for (const char* document : {R"({"_id.x":1})", R"({"_source.x":1})", R"({"_ignored.y.z":{}})"})
    CHECK(store.put("/m/_doc/1", document).reason().find("is a metadata field") != std::string::npos);
  CHECK(store.put("/m/_doc/1", R"({"\t":1})").status == 400);
  CHECK(store.put("/m/_doc/1", R"({"b":{"\n\u001f":1}})").status == 400);
  CHECK(store.put("/m/_doc/1", R"({"a.b.c.d":1})").reason() ==
        "[1:12] failed to parse: Limit of total fields [4] has been exceeded while adding new fields [4]");
  CHECK(store.put("/m/_doc/1", R"({"a.b.c.d":{}})").status == 400);
  CHECK(store.put("/m/_doc/1", R"({"a.b.c":1})").status == 201);
  CHECK(store.put("/m/_doc/1", R"({"a.b.d":1})").reason().ends_with("while adding new fields [1]"));
  CHECK(store.put("/m/_doc/1", R"({"a.b.c":2})").status == 200);
}

}  // namespace sightline::elastic
