#include <array>
#include <csignal>
#include <sys/wait.h>

#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

TEST_CASE("a bulk does each line on its own and says how each went") {
  StoreFixture store;
  store.put("/b", R"({"mappings":{"properties":{"image_embedding":{"type":"dense_vector","dims":4}}}})");
  const Reply reply = store.post("/_bulk?refresh=true",
                                 R"({"index":{"_index":"b","_id":"1"}}
{"image_name":"one","image_embedding":[1,0,0,0]}
{"create":{"_index":"b","_id":"1"}}
{"image_name":"dup"}
{"create":{"_index":"b","_id":"2"}}
{"image_name":"two"}
{"update":{"_index":"b","_id":"2"}}
{"doc":{"image_name":"two!"}}
{"update":{"_index":"b","_id":"77"}}
{"doc":{"image_name":"?"}}
{"delete":{"_index":"b","_id":"2"}}
{"delete":{"_index":"b","_id":"78"}}
{"index":{"_index":"b","_id":"3"}}
{"image_embedding":[1,2]}
{"index":{"_index":"Bad Name","_id":"4"}}
{"a":1}
)");
  CHECK(reply.status == 200);
  CHECK(reply.at("/errors") == "true");
  const std::array<const char*, 8> statuses = {"201", "409", "201", "200", "404", "200", "404", "400"};
  const std::array<const char*, 8> actions = {"index",  "create", "create", "update",
                                              "update", "delete", "delete", "index"};
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CAPTURE(i);
    CHECK(reply.at(("/items/" + std::to_string(i) + "/" + actions[i] + "/status").c_str()) == statuses[i]);
  }
  CHECK(reply.at("/items/0/index/forced_refresh") == "true");
  CHECK(reply.at("/items/3/update/_version") == "2");
  CHECK(reply.at("/items/5/delete/_seq_no") == "3");
  CHECK(reply.at("/items/6/delete/result") == "not_found");
  CHECK(reply.at("/items/7/index/error/type") == "document_parsing_exception");
  CHECK(reply.at("/items/8/index/error/type") == "invalid_index_name_exception");
  CHECK(store.count("b") == "1");
}

TEST_CASE("a failed line names the index that its alias stands for, and a line that cannot work fails all") {
  StoreFixture store;
  store.put("/real", R"({"aliases":{"other":{}}})");
  store.put("/real/_doc/1", "{}");
  const Reply failed = store.post("/other/_bulk", "{\"create\":{\"_id\":\"1\"}}\n{}\n");
  CHECK(failed.at("/items/0/create/status") == "409");
  CHECK(failed.at("/items/0/create/_index") == "real");
  const auto refused = [&](const std::string& line, const std::string& body) {
    const Reply reply = store.post("/real/_bulk", "{\"index\":{\"_id\":\"2\"}}\n{}\n" + line + "\n" + body + "\n");
    CHECK_MESSAGE(reply.status == 400, line);
    CHECK_MESSAGE(reply.error_type() == "action_request_validation_exception", line);
  };
  refused(R"({"create":{"_id":"3","if_seq_no":1,"if_primary_term":1}})", "{}");
  refused(R"({"index":{"_id":"1","op_type":"create","if_seq_no":0,"if_primary_term":1}})", "{}");
  refused(R"({"update":{"_id":"1","if_seq_no":0,"if_primary_term":1,"retry_on_conflict":3}})", R"({"doc":{}})");
  refused(R"({"update":{"_id":"1","if_seq_no":0,"if_primary_term":1}})", R"({"doc":{},"doc_as_upsert":true})");
  refused(R"({"index":{"_id":"3","pipeline":""}})", "{}");
  CHECK(store.get("/real/_doc/2").status == 404);
}

TEST_CASE("updates in a bulk show their new source where it is asked for") {
  StoreFixture store;
  store.put("/b/_doc/1", R"({"a":1,"b":2})");
  const auto update = [&](const std::string& query, const std::string& options, const std::string& body) {
    return store.post("/b/_bulk" + query, R"({"update":{"_id":"1")" + options + "}}\n" + body + "\n");
  };
  const char* const source = "/items/0/update/get/_source";
  CHECK(update("?_source=true", "", R"({"doc":{"a":2}})").at(source) == R"({"a":2,"b":2})");
  CHECK(update("", R"(,"_source":true)", R"({"doc":{"a":3}})").at(source) == R"({"a":3,"b":2})");
  CHECK(update("?_source=true", R"(,"_source":false)", R"({"doc":{"a":4}})").at(source).empty());
  CHECK(update("?_source=true", "", R"({"doc":{"a":5},"_source":false})").at(source).empty());
  CHECK(update("", R"(,"_source":"a")", R"({"doc":{"a":6}})").status == 400);
  CHECK(update("?_source=a", "", R"({"doc":{"a":6}})").status == 400);
  CHECK(update("?_source_includes=a", "", R"({"doc":{"a":6}})").status == 400);
  // A bulk tells of copies and refreshes even where nothing changed; a single update does not.
  const Reply same = update("?refresh=true", "", R"({"doc":{"a":5}})");
  CHECK(same.at("/items/0/update/result") == "noop");
  CHECK(same.at("/items/0/update/_shards/successful") == "1");
  CHECK(same.at("/items/0/update/forced_refresh") == "true");
  const Reply single = store.post("/b/_update/1?refresh=true", R"({"doc":{"a":5}})");
  CHECK(single.at("/_shards/successful") == "0");
  CHECK(single.at("/forced_refresh").empty());
}

TEST_CASE("a body that is no bulk is refused whole") {
  StoreFixture store;
  const auto reason = [&](const char* body) { return store.post("/_bulk", body).reason(); };
  CHECK(reason("") == "request body is required");
  CHECK(reason("{\"index\":{\"_index\":\"b\"}}\n{\"a\":1}") ==
        "The bulk request must be terminated by a newline [\\n]");
  CHECK(reason("{\"nothing\":{}}\n{}\n") ==
        "Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but "
        "found [nothing]");
  CHECK(reason("this is not json\n").starts_with("[1:1] "));
  CHECK(reason("{\"index\":{\"_index\":\"b\",\"nosuch\":1}}\n{}\n") ==
        "Action/metadata line [1] contains an unknown parameter [nosuch]");
  CHECK(reason("{\"index\":{\"_index\":\"b\"}}\n") == "Validation Failed: 1: no requests added;");
  CHECK(reason("{\"index\":{\"_id\":\"1\"}}\n{}\n{\"delete\":{\"_index\":\"b\"}}\n") ==
        "Validation Failed: 1: index is missing;");
  CHECK(reason("{\"delete\":{\"_index\":\"b\"}}\n") == "Validation Failed: 1: id is missing;");
  for (const char* member : {R"("routing":"x")", R"("version":1)", R"("require_alias":true)", R"("if_seq_no":1)",
                             R"("if_seq_no":-1,"if_primary_term":1)", R"("dynamic_templates":{})"}) {
    CAPTURE(member);
    CHECK(store.post("/_bulk", std::string(R"({"index":{"_index":"b",)") + member + "}}\n{}\n").status == 400);
  }
  CHECK(store.get("/b").status == 404);
}

TEST_CASE("a bulk makes missing indices, takes the path's, and knows no pipelines") {
  StoreFixture store;
  CHECK(store.post("/auto/_bulk", "{\"index\":{}}\n{\"a\":1}\n\n{\"index\":{\"_index\":\"other\"}}\r\n{\"a\":2}\r\n")
            .at("/errors") == "false");
  CHECK(store.count("auto") == "1");
  CHECK(store.count("other") == "1");
  const Reply reply = store.post("/auto/_bulk?pipeline=nope",
                                 "{\"index\":{\"_id\":\"x\"}}\n{\"a\":1}\n{\"index\":{\"_id\":\"y\","
                                 "\"pipeline\":\"_none\"}}\n{\"a\":1}\n");
  CHECK(reply.at("/items/0/index/error/reason") == "pipeline with id [nope] does not exist");
  CHECK(reply.at("/items/1/index/status") == "201");
  CHECK(reply.at("/ingest_took") == "0");
}

TEST_CASE("fields that a bulk brings are mapped once, in order") {
  StoreFixture store;
  const Reply reply = store.post(
      "/g/_bulk", "{\"index\":{}}\n{\"n\":1}\n{\"index\":{}}\n{\"n\":\"abc\"}\n{\"index\":{}}\n{\"n\":2,\"m\":true}\n");
  CHECK(reply.at("/items/1/index/error/type") == "document_parsing_exception");
  CHECK(store.get("/g/_mapping").body ==
        R"({"g":{"mappings":{"properties":{"m":{"type":"boolean"},"n":{"type":"long"}}}}})");
  store.reopen();
  CHECK(store.get("/g/_mapping").body ==
        R"({"g":{"mappings":{"properties":{"m":{"type":"boolean"},"n":{"type":"long"}}}}})");
  CHECK(store.count("g") == "2");
}

/// Writes bulk after bulk until it is killed; sends a byte for each that was answered.
[[noreturn]] void write_until_killed(const std::filesystem::path& folder, int pipe, int per_bulk) {
  auto store = open_embedded_store(folder);
  if (!store) _exit(1);
  for (int bulk = 0;; ++bulk) {
    http::Request request;
    request.method = http::Method::post;
    request.path = "/k/_bulk";
    for (int i = 0; i < per_bulk; ++i) {
      const std::string n = std::to_string(bulk * per_bulk + i);
      request.body +=
          "{\"index\":{\"_id\":\"" + n + "\"}}\n{\"n\":" + n + ",\"t\":\"picture\",\"v\":[1," + n + ",0.5]}\n";
    }
    const http::Response response = (*store)->handle(request);
    if (response.body.find("\"errors\":false") == std::string::npos) _exit(1);
    const char answered = 'a';
    if (write(pipe, &answered, 1) != 1) _exit(1);
  }
}

TEST_CASE("after SIGKILL in the middle of a bulk every answered document is there and found") {
  StoreFixture store;
  store.put("/k", R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":3}}}})");
  store.close();
  constexpr int k_per_bulk = 20, k_bulks = 15;
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) write_until_killed(store.folder(), ends[1], k_per_bulk);
  ::close(ends[1]);
  int answered = 0;
  char byte = 0;
  while (answered < k_bulks && read(ends[0], &byte, 1) == 1) ++answered;
  kill(child, SIGKILL);
  while (read(ends[0], &byte, 1) == 1) ++answered;  // those answered before the signal came
  ::close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(answered >= k_bulks);

  store.reopen();
  const int count = std::stoi(store.count("k"));
  CHECK(count >= answered * k_per_bulk);
  CHECK(count % k_per_bulk == 0);  // a bulk is there whole or not at all
  for (int n = 0; n < answered * k_per_bulk; n += 7) {
    CAPTURE(n);
    CHECK(store.get("/k/_doc/" + std::to_string(n)).at("/_source/n") == std::to_string(n));
  }
  CHECK(store.post("/k/_search", R"({"query":{"match":{"t":"picture"}},"size":0})").at("/hits/total/value") ==
        std::to_string(count));
  CHECK(store
            .post("/k/_search",
                  R"({"knn":{"field":"v","query_vector":[1,0,0.5],"k":1,"num_candidates":50},"_source":["n"]})")
            .at("/hits/hits/0/_source/n") == "0");
  CHECK(store.put("/k/_doc/new", R"({"n":1,"v":[1,2,3]})").status == 201);
}

}  // namespace
}  // namespace sightline::elastic
