#include "ingest/loader.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <future>
#include <iterator>
#include <new>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <utility>

#include "ingest/json_members.h"
#include "server/http/server.h"
#include "tests/base/temporary_folder.h"
#include "tests/ingest/found.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

/// Answers `_bulk` and `_mget` as a cluster would, with refusals on demand; keeps what it was given.
class ScriptedCluster {
 public:
  ScriptedCluster() {
    auto started =
        http::Server::start({}, [this](http::Request&& request, http::Reply reply) { reply.send(answer(request)); });
    REQUIRE(started.ok());
    server_ = std::move(*started);
  }
  ~ScriptedCluster() { server_->stop(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  std::mutex mutex;
  std::map<std::string, std::string> stored;  ///< _id -> source
  std::map<std::string, int> versions;        ///< _id -> `_seq_no`
  std::function<void()> before_bulk;          ///< what another writer does meanwhile
  std::vector<std::string> lookups;           ///< queries of `_mget`
  int failures_of_lookups = 0;                ///< to be answered 503
  int misplaced_lookups = 0;                  ///< to be answered with the documents in another order
  std::size_t max_lookups = 1000;             ///< a look-up of more ids is answered 413
  bool knows_vectors = true;                  ///< of `_source_exclude_vectors`
  std::map<std::string, int> refusals;        ///< image_name -> times to answer 429
  std::map<std::string, std::string> bad;     ///< image_name -> reason of a 400
  std::size_t max_documents = 1000;           ///< a bulk of more is answered 413
  int failures_of_all = 0;                    ///< bulks to be answered 503
  int lost_answers = 0;                       ///< bulks to be written and answered with status_of_loss
  int status_of_loss = 504;
  std::string retry_after;   ///< of the answers to failures_of_all; empty: none
  std::string lookup_error;  ///< of each document of a look-up; empty: none
  std::string broken_id;     ///< the only one with that error; empty: all
  std::string embeds;        ///< the vector field that the pipeline writes, of the picture
  std::vector<std::size_t> bulk_sizes;

 private:
  http::Response answer(const http::Request& request) {
    const std::lock_guard lock(mutex);
    http::Response response;
    if (request.path.ends_with("_mget")) return look_up(request);
    if (before_bulk) before_bulk();
    const auto lines = static_cast<std::size_t>(std::count(request.body.begin(), request.body.end(), '\n'));
    bulk_sizes.push_back(lines / 2);
    if (failures_of_all > 0) {
      --failures_of_all;
      http::Response refusal{503, {}, "text/plain", "starting"};
      if (!retry_after.empty()) refusal.headers.add("Retry-After", retry_after);
      return refusal;
    }
    if (lines / 2 > max_documents) return {413, {}, "text/plain", "too large"};
    std::istringstream in(request.body);
    std::string action, source, items;
    while (std::getline(in, action) && std::getline(in, source)) {
      rapidjson::Document acted;
      acted.Parse(action.data(), action.size());
      items +=
          (items.empty() ? "" : ",") + write(acted.MemberBegin()->name.GetString(), acted.MemberBegin()->value, source);
    }
    if (lost_answers > 0) {
      --lost_answers;
      return {status_of_loss, {}, "text/plain", "no answer in time"};
    }
    response.body = "{\"errors\":true,\"took\":1,\"items\":[" + items + "]}";
    return response;
  }

  std::string write(const std::string& operation, const rapidjson::Value& action, const std::string& source) {
    rapidjson::Document parsed;
    parsed.Parse(source.data(), source.size());
    const std::string name = parsed["image_name"].GetString(), id = action["_id"].GetString();
    const bool conflict = operation == "create"
                              ? stored.contains(id)
                              : action.HasMember("if_seq_no") && action["if_seq_no"].GetInt() != versions[id];
    std::string result = "\"status\":201";
    if (refusals[name] > 0) {
      --refusals[name];
      result = R"("status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"})";
    } else if (bad.contains(name)) {
      result = R"("status":400,"error":{"type":"status_exception","reason":")" + bad[name] + "\"}";
    } else if (conflict) {
      result = R"("status":409,"error":{"type":"version_conflict_engine_exception","reason":"conflict"})";
    } else {
      stored[id] = embeds.empty() ? source : embedded(source, parsed["image_data"].GetString());
      ++versions[id];
    }
    return "{\"" + operation + "\":{\"_id\":\"" + id + "\"," + result + "}}";
  }

  /// With a vector that tells which picture it is of.
  std::string embedded(const std::string& source, const std::string& picture) const {
    const std::string others = without_fields(inside(source), {embeds, "model_id"}).members;
    return "{" + others + ",\"" + embeds + "\":[\"of " + picture + "\"],\"model_id\":\"m\"}";
  }

  static std::string inside(const std::string& object) { return object.substr(1, object.size() - 2); }

  /// `_source` as the query asks for it.
  static std::string shown(const std::string& source, const std::string& query) {
    std::string names = query.substr(std::string("_source_excludes=").size());
    std::istringstream in(names.substr(0, names.find('&')));
    std::vector<std::string> left_out;
    for (std::string name; std::getline(in, name, ',');) left_out.push_back(name);
    return "{" + without_fields(inside(source), left_out).members + "}";
  }

  http::Response look_up(const http::Request& request) {
    lookups.push_back(request.query);
    if (failures_of_lookups > 0) {
      --failures_of_lookups;
      return {503, {}, "text/plain", "starting"};
    }
    if (!knows_vectors && request.query.find("_source_exclude_vectors") != std::string::npos)
      return {
          400, {}, "application/json", R"({"error":{"reason":"unrecognized parameter: [_source_exclude_vectors]"}})"};
    rapidjson::Document body;
    body.Parse(request.body.data(), request.body.size());
    if (body["ids"].Size() > max_lookups) return {413, {}, "text/plain", "too much"};
    if (misplaced_lookups > 0 && misplaced_lookups-- > 0) std::reverse(body["ids"].Begin(), body["ids"].End());
    http::Response response;
    for (const auto& id : body["ids"].GetArray()) {
      const auto found = stored.find(id.GetString());
      response.body += std::string(response.body.empty() ? "" : ",") + "{\"_id\":\"" + id.GetString() + "\",";
      if (!lookup_error.empty() && (broken_id.empty() || broken_id == id.GetString())) {
        response.body += "\"error\":" + lookup_error + "}";
        continue;
      }
      response.body +=
          found == stored.end()
              ? std::string("\"found\":false}")
              : "\"found\":true,\"_primary_term\":1,\"_seq_no\":" + std::to_string(versions[found->first]) +
                    ",\"_source\":" + shown(found->second, request.query) + "}";
    }
    response.body = "{\"docs\":[" + response.body + "]}";
    return response;
  }

  std::unique_ptr<http::Server> server_;
};

struct Fixture {
  Fixture() {
    ClusterSettings settings;
    settings.url = elasticsearch.url();
    auto connected = Cluster::connect(settings);
    REQUIRE(connected.ok());
    cluster = std::move(*connected);
    options.index = "clip-images";
    options.retry.first_wait = std::chrono::milliseconds(1);
    options.retry.longest_wait = std::chrono::milliseconds(4);
  }
  void write(int count) {
    for (int i = 0; i < count; ++i) folder.write(std::to_string(100 + i) + ".jpg", "picture " + std::to_string(i));
  }
  Tally load() {
    const auto found = find_pictures(folder.path());
    REQUIRE(found.ok());
    sink.failures.clear();
    sink.notes.clear();
    loader.emplace(*cluster, options, sink);
    const auto plan = plan_load(found->pictures, attributes ? &*attributes : nullptr, plan_options, sink);
    REQUIRE(plan.ok());
    Progress progress(stderr, /*quiet=*/true);
    return loader->load(*plan, progress, stop);
  }

  ScriptedCluster elasticsearch;
  std::unique_ptr<Cluster> cluster;
  void table(const std::string& csv) {
    auto read = Attributes::read(tables.write("a.csv", csv));
    REQUIRE(read.ok());
    attributes = std::move(*read);
  }
  /// The source of the document of that name.
  std::string source(const std::string& name) const {
    for (const auto& [id, text] : elasticsearch.stored) {
      if (text.find("\"image_name\":\"" + name + "\"") != std::string::npos) return text;
    }
    return {};
  }

  TemporaryFolder folder, tables;
  std::optional<Attributes> attributes;
  PlanOptions plan_options;
  Loader::Options options;
  Found sink;
  std::optional<Loader> loader;
  std::atomic<bool> stop{false};
};

}  // namespace

TEST_CASE("every picture is stored once, in bulks of the allowed number of documents") {
  Fixture fixture;
  fixture.write(25);
  fixture.folder.write("z-copy.jpg", "picture 3");
  fixture.options.max_bulk_documents = 5;
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 25);
  CHECK(tally.duplicates == 1);
  CHECK(tally.failed == 0);
  CHECK(fixture.elasticsearch.stored.size() == 25);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>(5, 5));
}

TEST_CASE("bulks are cut by bytes, and a document over the cut goes alone") {
  Fixture fixture;
  fixture.write(3);
  fixture.folder.write("big.jpg", std::string(5000, 'x'));
  fixture.options.max_bulk_bytes = 350;
  CHECK(fixture.load().indexed == 4);
  CHECK(fixture.elasticsearch.bulk_sizes.size() >= 3);
}

TEST_CASE("a refused document is sent again, and only it") {
  Fixture fixture;
  fixture.write(5);
  fixture.elasticsearch.refusals["102.jpg"] = 3;
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 5);
  CHECK(tally.retried == 3);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{5, 1, 1, 1});
}

TEST_CASE("a document that fails for what it is fails alone, once, with its reason") {
  Fixture fixture;
  fixture.write(5);
  fixture.elasticsearch.bad["101.jpg"] = "input 0: JPEG ends after 9 bytes";
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 4);
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].name == "101.jpg");
  CHECK(fixture.sink.failures[0].attempts == 1);
  CHECK(fixture.sink.failures[0].reason == "input 0: JPEG ends after 9 bytes");
}

TEST_CASE("a document refused too often is given up") {
  Fixture fixture;
  fixture.write(2);
  fixture.options.retry.max_attempts = 3;
  fixture.elasticsearch.refusals["100.jpg"] = 1000;
  CHECK(fixture.load().failed == 1);
  CHECK(fixture.sink.failures[0].attempts == 3);
  CHECK(fixture.sink.failures[0].status == 429);
}

TEST_CASE("a bulk that is too large for the cluster is halved until it fits") {
  Fixture fixture;
  fixture.write(9);
  fixture.elasticsearch.max_documents = 2;
  CHECK(fixture.load().indexed == 9);
  CHECK(fixture.elasticsearch.stored.size() == 9);
}

TEST_CASE("a cluster that is not ready is asked again") {
  Fixture fixture;
  fixture.write(4);
  fixture.elasticsearch.failures_of_all = 2;
  CHECK(fixture.load().indexed == 4);
}

TEST_CASE("a cluster that is gone is reported for every picture") {
  Fixture fixture;
  fixture.write(3);
  ClusterSettings nowhere;
  nowhere.url = "http://127.0.0.1:1";
  fixture.cluster = std::move(Cluster::connect(nowhere).value());
  fixture.options.retry.max_attempts = 2;
  CHECK(fixture.load().failed == 3);
  CHECK(fixture.sink.failures.front().reason.find("connection failed") != std::string::npos);
}

TEST_CASE("with resume only what the index lacks is sent, and nothing at all the second time") {
  Fixture fixture;
  fixture.write(6);
  CHECK(fixture.load().indexed == 6);
  fixture.folder.write("new.jpg", "new");
  fixture.options.resume = true;
  fixture.elasticsearch.bulk_sizes.clear();
  Tally tally = fixture.load();
  CHECK(tally.indexed == 1);
  CHECK(tally.skipped == 6);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{1});
  tally = fixture.load();
  CHECK(tally.skipped == 7);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{1});
}

TEST_CASE("stopping sends nothing more and loses nothing in flight") {
  Fixture fixture;
  fixture.write(3);
  fixture.stop = true;
  CHECK(fixture.load().done() == 0);
  CHECK(fixture.elasticsearch.bulk_sizes.empty());
}

TEST_CASE("a load keeps the fields that it does not bring") {
  Fixture fixture;
  fixture.write(2);
  fixture.table("file,city,price\n100.jpg,Lyon,3\n");
  CHECK(fixture.load().updated == 0);
  CHECK(fixture.source("100.jpg").find("\"city\":\"Lyon\",\"price\":3") != std::string::npos);
  fixture.attributes.reset();
  CHECK(fixture.load().updated == 2);
  CHECK(fixture.source("100.jpg").find("\"city\":\"Lyon\",\"price\":3") != std::string::npos);
  fixture.table("file,price,rooms\n100.jpg,4,2\n");
  fixture.load();
  CHECK(fixture.source("100.jpg").find("\"city\":\"Lyon\",\"price\":4,\"rooms\":2") != std::string::npos);
  CHECK(fixture.elasticsearch.stored.size() == 2);
}

TEST_CASE("with replace nothing is looked up, and nothing is kept") {
  Fixture fixture;
  fixture.write(1);
  fixture.table("file,city\n100.jpg,Lyon\n");
  fixture.load();
  fixture.attributes.reset();
  fixture.options.replace = true;
  fixture.elasticsearch.lookups.clear();
  CHECK(fixture.load().indexed == 1);
  CHECK(fixture.source("100.jpg").find("Lyon") == std::string::npos);
  CHECK(fixture.elasticsearch.lookups.empty());
}

TEST_CASE("with resume what the table changed is sent, and only that") {
  Fixture fixture;
  fixture.write(4);
  fixture.table("file,price\n100.jpg,1\n101.jpg,2\n");
  fixture.load();
  fixture.options.resume = true;
  CHECK(fixture.load().skipped == 4);
  fixture.table("file,price\n100.jpg,1\n101.jpg,5\n102.jpg,7\n");
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 2);
  CHECK(tally.updated == 2);
  CHECK(tally.skipped == 2);
  CHECK(fixture.source("101.jpg").find("\"price\":5") != std::string::npos);
  CHECK(fixture.source("102.jpg").find("\"price\":7") != std::string::npos);
}

TEST_CASE("what another writer does between the look-up and the write is kept") {
  Fixture fixture;
  fixture.write(2);
  fixture.load();
  const std::string id = fixture.elasticsearch.stored.begin()->first;
  const std::string name =
      fixture.elasticsearch.stored[id].find("100.jpg") != std::string::npos ? "100.jpg" : "101.jpg";
  bool written = false;
  fixture.elasticsearch.before_bulk = [&] {
    if (std::exchange(written, true)) return;
    fixture.elasticsearch.stored[id].insert(1, "\"by\":\"another\",");
    ++fixture.elasticsearch.versions[id];
  };
  fixture.table("file,price\n100.jpg,1\n101.jpg,1\n");
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 2);
  CHECK(tally.retried == 1);
  CHECK(fixture.source(name).find("\"by\":\"another\"") != std::string::npos);
  CHECK(fixture.source(name).find("\"price\":1") != std::string::npos);
}

TEST_CASE("a document that another writer creates meanwhile is not overwritten blindly") {
  Fixture fixture;
  fixture.write(1);
  fixture.load();
  const std::string id = fixture.elasticsearch.stored.begin()->first;
  fixture.elasticsearch.stored.clear();
  fixture.elasticsearch.before_bulk = [&] {
    fixture.elasticsearch.stored.emplace(id, R"({"image_name":"100.jpg","by":"another"})");
  };
  CHECK(fixture.load().indexed == 1);
  CHECK(fixture.source("100.jpg").find("\"by\":\"another\"") != std::string::npos);
}

TEST_CASE("a look-up that fails for load is made again") {
  Fixture fixture;
  fixture.write(3);
  fixture.elasticsearch.failures_of_lookups = 2;
  CHECK(fixture.load().indexed == 3);
}

TEST_CASE("a look-up that is answered with other documents is made again, and gives none another's fields") {
  Fixture fixture;
  fixture.write(4);
  REQUIRE(fixture.load().indexed == 4);
  int number = 0;
  for (auto& [id, text] : fixture.elasticsearch.stored) text.insert(1, R"("n":)" + std::to_string(number++) + ",");
  const auto before = fixture.elasticsearch.stored;
  fixture.elasticsearch.misplaced_lookups = 1;
  CHECK(fixture.load().indexed == 4);
  CHECK(fixture.elasticsearch.lookups.size() == 3);
  for (const auto& [id, text] : before) {
    const std::string own = text.substr(1, text.find(',') - 1);
    CHECK(fixture.elasticsearch.stored[id].find(own) != std::string::npos);
  }
}

TEST_CASE("a look-up whose answer would be too large is halved") {
  Fixture fixture;
  fixture.write(9);
  fixture.elasticsearch.max_lookups = 2;
  CHECK(fixture.load().indexed == 9);
  fixture.elasticsearch.max_lookups = 0;
  CHECK(fixture.load().failed == 9);
}

TEST_CASE("look-ups ask for vectors, and do without the question where it is not known") {
  Fixture fixture;
  fixture.write(3);
  fixture.options.inferred_fields = {"image_embedding", "model_id"};
  fixture.elasticsearch.knows_vectors = false;
  CHECK(fixture.load().indexed == 3);
  REQUIRE(fixture.elasticsearch.lookups.size() == 2);
  CHECK(fixture.elasticsearch.lookups[0] ==
        "_source_excludes=image_embedding,model_id,image_data&_source_exclude_vectors=false");
  CHECK(fixture.elasticsearch.lookups[1] == "_source_excludes=image_embedding,model_id,image_data");
}

TEST_CASE("files of the same bytes with other attributes are one document, and named") {
  Fixture fixture;
  fixture.folder.write("a.jpg", "same");
  fixture.folder.write("b.jpg", "same");
  fixture.folder.write("c.jpg", "same");
  fixture.table("file,price\na.jpg,1\nb.jpg,2\nc.jpg,1\n");
  CHECK(fixture.load().duplicates == 2);
  REQUIRE(fixture.sink.notes.size() == 1);
  CHECK(fixture.sink.notes[0].kind == Note::Kind::same_bytes);
  CHECK(fixture.sink.notes[0].name == "b.jpg");
  CHECK(fixture.sink.notes[0].reason.find("a.jpg") != std::string::npos);
  CHECK(fixture.source("a.jpg").find("\"price\":1") != std::string::npos);
}

TEST_CASE("with ids from paths the same bytes in two places are two documents") {
  Fixture fixture;
  fixture.folder.write("a.jpg", "same");
  fixture.folder.write("sub/b.jpg", "same");
  fixture.table("file,price\na.jpg,1\nsub/b.jpg,2\n");
  fixture.plan_options.id = PlanOptions::Id::path;
  CHECK(fixture.load().indexed == 2);
  CHECK(fixture.elasticsearch.stored["a.jpg"].find("\"price\":1") != std::string::npos);
  CHECK(fixture.elasticsearch.stored["sub/b.jpg"].find("\"price\":2") != std::string::npos);
  fixture.options.resume = true;
  fixture.folder.write("a.jpg", "other bytes");
  const Tally tally = fixture.load();
  CHECK(tally.updated == 1);
  CHECK(tally.skipped == 1);
}

TEST_CASE("the same bytes under a new name are named, and so is a picture with a turn") {
  Fixture fixture;
  fixture.folder.write("a.jpg", "same");
  fixture.load();
  std::filesystem::rename(fixture.folder.path() / "a.jpg", fixture.folder.path() / "b.jpg");
  fixture.load();
  REQUIRE(fixture.sink.notes.size() == 1);
  CHECK(fixture.sink.notes[0].kind == Note::Kind::other_name);
  CHECK(fixture.sink.notes[0].name == "b.jpg");
}

TEST_CASE("a file that vanishes or becomes something else fails alone") {
  Fixture fixture;
  fixture.write(4);
  const auto found = find_pictures(fixture.folder.path());
  REQUIRE(found.ok());
  const auto plan = plan_load(found->pictures, nullptr, {}, fixture.sink);
  REQUIRE(plan.ok());
  std::filesystem::remove(fixture.folder.path() / "101.jpg");
  std::filesystem::remove(fixture.folder.path() / "102.jpg");
  REQUIRE(::mkfifo((fixture.folder.path() / "102.jpg").c_str(), 0600) == 0);
  Loader loader(*fixture.cluster, fixture.options, fixture.sink);
  Progress progress(stderr, /*quiet=*/true);
  const Tally tally = loader.load(*plan, progress, fixture.stop);
  CHECK(tally.indexed == 2);
  REQUIRE(fixture.sink.failures.size() == 2);
  CHECK(fixture.sink.failures[0].reason.find("No such file") != std::string::npos);
  CHECK(fixture.sink.failures[1].reason.find("no longer a file") != std::string::npos);
}

TEST_CASE("each picture has a link: the prefix and its path, with all bytes encoded that a URL does not take") {
  Fixture fixture;
  fixture.folder.write("a b/caf\xE9 50%.jpg", "one");
  fixture.folder.write("ü#?.jpg", "two");
  fixture.options.url_prefix = "https://files.example/photos/";
  CHECK(fixture.load().indexed == 2);
  CHECK(fixture.source("ü#?.jpg").find(R"("image_url":"https://files.example/photos/%C3%BC%23%3F.jpg")") !=
        std::string::npos);
  CHECK(fixture.source("a b/caf\\\\xE9 50%.jpg")
            .find(R"("image_url":"https://files.example/photos/a%20b/caf%E9%2050%25.jpg")") != std::string::npos);
  // With the same prefix nothing changes, and with another one the links do.
  fixture.options.resume = true;
  CHECK(fixture.load().skipped == 2);
  fixture.options.url_prefix = "https://other.example/";
  CHECK(fixture.load().updated == 2);
}

TEST_CASE("files of the same bytes do not differ by their links") {
  Fixture fixture;
  fixture.folder.write("a.jpg", "same");
  fixture.folder.write("b.jpg", "same");
  fixture.options.url_prefix = "https://files.example/";
  CHECK(fixture.load().duplicates == 1);
  CHECK(fixture.sink.notes.empty());
  CHECK(fixture.source("a.jpg").find(R"("image_url":"https://files.example/a.jpg")") != std::string::npos);
}

TEST_CASE("where the index keeps no pictures, their hashes show which have changed") {
  Fixture fixture;
  fixture.write(3);
  fixture.plan_options.id = PlanOptions::Id::path;
  fixture.options.url_prefix = "https://files.example/";
  fixture.options.writes_hashes = true;
  const auto drop_pictures = [&] {  // as a pipeline does
    for (auto& [id, source] : fixture.elasticsearch.stored) {
      const std::size_t begin = source.find("\"image_data\":");
      if (begin != std::string::npos) source.erase(begin, source.find(',', begin) + 1 - begin);
    }
  };
  CHECK(fixture.load().indexed == 3);
  drop_pictures();
  CHECK(fixture.source("100.jpg").find("image_data") == std::string::npos);
  fixture.options.resume = true;
  CHECK(fixture.load().skipped == 3);
  fixture.folder.write("101.jpg", "other bytes");
  const Tally tally = fixture.load();
  CHECK(tally.updated == 1);
  CHECK(tally.skipped == 2);
  CHECK(fixture.source("101.jpg").find(R"("image_sha256":")") != std::string::npos);
  // Without hashes, what is not stored may have changed: it is sent.
  drop_pictures();
  fixture.options.writes_hashes = false;
  CHECK(fixture.load().updated == 3);
}

TEST_CASE("a link that is too long for the server is a failure") {
  Fixture fixture;
  fixture.folder.write("a.jpg", "a");
  const std::string folder(200, ' ');  // three bytes each in a URL
  fixture.folder.write(folder + "/" + folder + "/b.jpg", "b");
  fixture.options.url_prefix = "https://files.example/" + std::string(2900, 'x') + "/";
  CHECK(fixture.load().indexed == 1);
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].reason == "the link to it would have 4130 bytes; the server takes 4096 (--image-url)");
}

TEST_CASE("the pictures of a row have their links and hashes beside them") {
  Fixture fixture;
  fixture.folder.write("1f.jpg", "front");
  fixture.folder.write("sub/1k.jpg", "kitchen");
  Attributes::Options reading;
  reading.file_columns = fixture.plan_options.file_columns = {"front", "kitchen"};
  reading.keep_file_columns = fixture.plan_options.one_per_row = true;
  reading.id_column = fixture.plan_options.id_column = "house";
  fixture.plan_options.id = PlanOptions::Id::column;
  auto read = Attributes::read(fixture.tables.write("a.csv", "house,front,kitchen\nA,1f.jpg,sub/1k.jpg\n"), reading);
  REQUIRE(read.ok());
  fixture.attributes = std::move(*read);
  fixture.options.url_prefix = "https://files.example/";
  fixture.options.writes_hashes = true;
  CHECK(fixture.load().indexed == 1);
  const std::string source = fixture.elasticsearch.stored["A"];
  CHECK(source.find(R"("image_url":"https://files.example/1f.jpg","image_sha256":")") != std::string::npos);
  CHECK(source.find(R"("kitchen_url":"https://files.example/sub/1k.jpg","kitchen_sha256":")") != std::string::npos);
}

TEST_CASE("while many documents wait to be sent again, no more files are read") {
  Fixture fixture;
  fixture.write(200);
  fixture.options.replace = true;
  fixture.options.max_bulk_bytes = 1000;
  fixture.options.retry.first_wait = fixture.options.retry.longest_wait = std::chrono::milliseconds(200);
  for (int i = 0; i < 200; ++i) fixture.elasticsearch.refusals[std::to_string(100 + i) + ".jpg"] = 1;
  std::ptrdiff_t waiting = 0;  // the most that were refused before any was sent again
  fixture.elasticsearch.before_bulk = [&] {
    if (!fixture.elasticsearch.stored.empty()) return;
    const auto& refusals = fixture.elasticsearch.refusals;
    waiting = std::max(waiting, std::count_if(refusals.begin(), refusals.end(),
                                              [](const auto& refusal) { return refusal.second == 0; }));
  };
  CHECK(fixture.load().indexed == 200);
  CHECK(waiting < 100);
}

TEST_CASE("the time of a load goes to its stages, and what was read is counted") {
  Fixture fixture;
  fixture.write(5);
  const Tally tally = fixture.load();
  CHECK(tally.pictures_read == 5);
  CHECK(tally.bytes_read == 5 * std::string("picture 0").size());
  const StageTimes& times = fixture.loader->times();
  CHECK(times.of(StageTimes::Stage::reading).count() > 0);
  CHECK(times.of(StageTimes::Stage::looking_up).count() > 0);
  CHECK(times.of(StageTimes::Stage::retrying).count() == 0);
  fixture.elasticsearch.failures_of_all = 3;
  fixture.options.retry.first_wait = std::chrono::milliseconds(30);
  fixture.load();
  CHECK(fixture.loader->times().of(StageTimes::Stage::retrying).count() > 0);
}

namespace {

/// Makes the pipeline embed, and the loader aware of it.
void embed(Fixture& fixture, const std::string& field = "image_embedding") {
  fixture.elasticsearch.embeds = field;
  fixture.options.inferred_fields = {field, "model_id"};
  fixture.options.expected_vectors = {field};
  fixture.options.inferences = {{"image_data", field, 0}};
  fixture.options.old_vectors.clear();
}

/// Makes it another pipeline, which embeds nothing.
void embed_nothing(Fixture& fixture) {
  fixture.elasticsearch.embeds.clear();
  fixture.options.inferred_fields.clear();
  fixture.options.expected_vectors.clear();
  fixture.options.inferences.clear();
  fixture.options.old_vectors = {"image_embedding", "model_id"};
}

}  // namespace

TEST_CASE("a vector of the earlier picture does not stay beside a new one, and resume makes the new one's") {
  Fixture fixture;
  fixture.plan_options.id = PlanOptions::Id::path;
  fixture.folder.write("a.jpg", "first");
  fixture.folder.write("b.jpg", "same");
  embed(fixture);
  CHECK(fixture.load().indexed == 2);
  embed_nothing(fixture);
  fixture.folder.write("a.jpg", "second");
  CHECK(fixture.load().updated == 2);
  CHECK(fixture.elasticsearch.stored["a.jpg"].find("image_embedding") == std::string::npos);
  CHECK(fixture.elasticsearch.stored["a.jpg"].find("model_id") == std::string::npos);
  CHECK(fixture.elasticsearch.stored["b.jpg"].find("image_embedding") != std::string::npos);
  REQUIRE(fixture.sink.notes.size() == 1);
  CHECK(fixture.sink.notes[0].kind == Note::Kind::old_vector);
  CHECK(fixture.sink.notes[0].name == "a.jpg");
  CHECK(fixture.sink.notes[0].reason.find("image_embedding, model_id") != std::string::npos);
  embed(fixture);
  fixture.options.resume = true;
  const Tally tally = fixture.load();
  CHECK(tally.updated == 1);
  CHECK(tally.skipped == 1);
  CHECK(fixture.elasticsearch.stored["a.jpg"].find("image_embedding") != std::string::npos);
}

TEST_CASE("vectors of other models are kept with the same picture, and not with another one, also told by its hash") {
  for (const bool writes_hashes : {false, true}) {
    Fixture fixture;
    fixture.plan_options.id = PlanOptions::Id::path;
    fixture.options.writes_hashes = writes_hashes;
    fixture.folder.write("a.jpg", "first");
    embed(fixture, "jina_embedding");
    fixture.load();
    embed(fixture);
    fixture.options.old_vectors = {"jina_embedding"};
    fixture.load();
    CHECK(fixture.elasticsearch.stored["a.jpg"].find("jina_embedding") != std::string::npos);
    CHECK(fixture.sink.notes.empty());
    fixture.folder.write("a.jpg", "second");
    fixture.load();
    CHECK(fixture.elasticsearch.stored["a.jpg"].find("jina_embedding") == std::string::npos);
    CHECK(fixture.elasticsearch.stored["a.jpg"].find("image_embedding") != std::string::npos);
    CHECK(fixture.sink.notes.size() == 1);
  }
}

TEST_CASE("vectors of other models are kept with the same picture when hashes are first written beside it") {
  Fixture fixture;
  fixture.plan_options.id = PlanOptions::Id::path;
  fixture.folder.write("a.jpg", "first");
  embed(fixture, "jina_embedding");
  fixture.load();
  embed(fixture);
  fixture.options.old_vectors = {"jina_embedding"};
  fixture.options.writes_hashes = true;
  fixture.load();
  CHECK(fixture.elasticsearch.stored["a.jpg"].find("jina_embedding") != std::string::npos);
  CHECK(fixture.sink.notes.empty());
}

TEST_CASE("with resume a document without its vector is sent, and one without a picture for it is not") {
  Fixture fixture;
  fixture.write(3);
  embed_nothing(fixture);
  CHECK(fixture.load().indexed == 3);
  embed(fixture);
  fixture.options.resume = true;
  CHECK(fixture.load().updated == 3);
  CHECK(fixture.load().skipped == 3);
  fixture.options.expected_vectors.emplace_back("kitchen_embedding");
  fixture.options.inferences.push_back({"kitchen_data", "kitchen_embedding", 0});
  CHECK(fixture.load().skipped == 3);
}

TEST_CASE("copies of a picture that fails are failures, whenever they are found") {
  Fixture fixture;
  for (const char* name : {"100.jpg", "101.jpg", "102.jpg"}) fixture.folder.write(name, "broken");
  fixture.elasticsearch.bad["100.jpg"] = "input 0: not a picture";
  Tally tally = fixture.load();
  CHECK(tally.failed == 3);
  CHECK(tally.duplicates == 0);
  REQUIRE(fixture.sink.failures.size() == 3);
  CHECK(fixture.sink.failures[1].name == "101.jpg");
  CHECK(fixture.sink.failures[1].reason == "it has the same bytes as 100.jpg, which failed");
  for (int i = 0; i < 200; ++i) fixture.folder.write("p" + std::to_string(i) + ".jpg", std::to_string(i));
  fixture.folder.write("z.jpg", "broken");
  fixture.options.max_in_flight = 1;
  tally = fixture.load();
  CHECK(tally.failed == 4);
  CHECK(tally.indexed == 200);
  CHECK(tally.done() == tally.total);
}

TEST_CASE("a document whose answer is lost is found to be stored, and not sent again") {
  Fixture fixture;
  fixture.write(3);
  embed(fixture);
  fixture.elasticsearch.lost_answers = 1;
  Tally tally = fixture.load();
  CHECK(tally.indexed == 3);
  CHECK(tally.updated == 0);
  CHECK(fixture.elasticsearch.bulk_sizes.size() == 1);
  fixture.elasticsearch.lost_answers = 1;
  tally = fixture.load();  // over what is there
  CHECK(tally.updated == 3);
  CHECK(fixture.elasticsearch.bulk_sizes.size() == 2);
  fixture.elasticsearch.lost_answers = 1;
  fixture.options.retry.max_attempts = 1;
  CHECK(fixture.load().indexed == 3);
  CHECK(fixture.sink.failures.empty());
}

TEST_CASE("a proxy's status for a whole bulk is a lost answer, and the documents are looked up") {
  for (const int status : {408, 500, 502, 520}) {
    CAPTURE(status);
    Fixture fixture;
    fixture.write(2);
    fixture.elasticsearch.lost_answers = 1;
    fixture.elasticsearch.status_of_loss = status;
    CHECK(fixture.load().indexed == 2);
    CHECK(fixture.sink.failures.empty());
    CHECK(fixture.elasticsearch.bulk_sizes.size() == 1);
  }
}

TEST_CASE("a Retry-After is waited for before a bulk is sent again") {
  Fixture fixture;
  fixture.write(2);
  fixture.elasticsearch.failures_of_all = 1;
  fixture.elasticsearch.retry_after = "1";
  const auto begun = std::chrono::steady_clock::now();
  CHECK(fixture.load().indexed == 2);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds(1));
}

TEST_CASE("a look-up that is refused for what it asks is not made again, and another one is") {
  Fixture fixture;
  fixture.write(1);
  fixture.elasticsearch.lookup_error = R"({"type":"index_not_found_exception","reason":"no such index [clip-*]"})";
  CHECK(fixture.load().failed == 1);
  CHECK(fixture.elasticsearch.lookups.size() == 1);
  CHECK(fixture.sink.failures[0].reason.find("no such index [clip-*] (--replace compares nothing)") !=
        std::string::npos);
  fixture.elasticsearch.lookups.clear();
  fixture.elasticsearch.lookup_error = R"({"type":"no_shard_available_action_exception","reason":"moving"})";
  fixture.options.retry.max_attempts = 3;
  CHECK(fixture.load().failed == 1);
  CHECK(fixture.elasticsearch.lookups.size() == 3);
}

TEST_CASE("a document whose shard fails does not take those with it that are looked up beside it") {
  Fixture fixture;
  fixture.write(5);
  fixture.load();
  fixture.elasticsearch.broken_id = std::next(fixture.elasticsearch.stored.begin(), 2)->first;
  fixture.elasticsearch.lookup_error = R"({"type":"no_shard_available_action_exception","reason":"moving"})";
  fixture.options.retry.max_attempts = 2;
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 4);
  CHECK(tally.failed == 1);
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].reason.ends_with("holds an error: moving"));
}

TEST_CASE("a load that an exception ends waits for the bulks that are under way") {
  Fixture fixture;
  fixture.write(1);
  std::filesystem::create_symlink("nowhere", fixture.folder.path() / "999.jpg");
  std::promise<void> failed;
  fixture.elasticsearch.before_bulk = [&, ready = failed.get_future().share()] { ready.wait(); };
  struct Failing final : FindingSink {
    explicit Failing(std::promise<void>& promise) : happened(promise) {}
    void add(const Failure&) override {
      happened.set_value();
      throw std::bad_alloc();
    }
    void add(const Note&) override {}
    std::promise<void>& happened;
  } sink(failed);
  fixture.options.max_bulk_documents = 1;
  fixture.options.replace = true;
  const std::vector<PictureFile> files{picture_file(fixture.folder.path(), "100.jpg"),
                                       picture_file(fixture.folder.path(), "999.jpg")};
  const auto plan = plan_load(files, nullptr, {}, fixture.sink);
  REQUIRE(plan.ok());
  Progress progress(stderr, /*quiet=*/true);
  {
    Loader loader(*fixture.cluster, fixture.options, sink);
    CHECK_THROWS_AS(loader.load(*plan, progress, fixture.stop), std::bad_alloc);
  }
  const std::lock_guard lock(fixture.elasticsearch.mutex);
  CHECK(fixture.elasticsearch.stored.size() == 1);
}

TEST_CASE("an answer that cannot be handled ends the load and is not lost") {
  Fixture fixture;
  fixture.write(3);
  fixture.elasticsearch.bad["101.jpg"] = "broken";
  struct Failing final : FindingSink {
    void add(const Failure&) override { throw std::bad_alloc(); }
    void add(const Note&) override {}
  } sink;
  const auto found = find_pictures(fixture.folder.path());
  const auto plan = plan_load(found->pictures, nullptr, {}, fixture.sink);
  REQUIRE(plan.ok());
  Progress progress(stderr, /*quiet=*/true);
  Loader loader(*fixture.cluster, fixture.options, sink);
  CHECK_THROWS_AS(loader.load(*plan, progress, fixture.stop), std::bad_alloc);
}

TEST_CASE("a bulk that did not arrive is not taken for written, although the index holds the same") {
  Fixture fixture;
  fixture.write(3);
  embed(fixture);
  fixture.load();
  fixture.elasticsearch.failures_of_all = 1;
  CHECK(fixture.load().updated == 3);
  for (const auto& [id, version] : fixture.elasticsearch.versions) CHECK(version == 2);
}

TEST_CASE("what another writer makes of a document at the last attempt is a failure, and what this load wrote is not") {
  Fixture fixture;
  fixture.write(1);
  fixture.load();
  fixture.options.retry.max_attempts = 1;
  const std::string id = fixture.elasticsearch.stored.begin()->first;
  fixture.elasticsearch.before_bulk = [&] {
    fixture.elasticsearch.stored[id].insert(1, "\"by\":\"another\",");
    ++fixture.elasticsearch.versions[id];
  };
  CHECK(fixture.load().failed == 1);
  CHECK(fixture.sink.failures[0].status == 409);
  CHECK(fixture.sink.failures[0].attempts == 1);
}

TEST_CASE("a stored document that cannot be read fails alone") {
  Fixture fixture;
  fixture.write(20);
  fixture.load();
  const std::string id = fixture.elasticsearch.stored.begin()->first;
  std::string deep = "1";
  for (int i = 0; i < 998; ++i) deep = "{\"a\":" + deep + "}";
  fixture.elasticsearch.stored[id] = R"({"image_name":"x","d":)" + deep + "}";
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 19);
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].reason.starts_with("what the index holds under this _id cannot be read: "));
}

TEST_CASE("a refused input of a row is named by its file") {
  Fixture fixture;
  for (const char* name : {"1f.jpg", "1k.jpg", "2f.jpg"}) fixture.folder.write(name, name);
  Attributes::Options reading;
  reading.file_columns = fixture.plan_options.file_columns = {"front", "kitchen", "bath"};
  reading.keep_file_columns = fixture.plan_options.one_per_row = true;
  fixture.folder.write("1b.jpg", "bath");
  auto read = Attributes::read(fixture.tables.write("a.csv", "front,kitchen,bath\n1f.jpg,1k.jpg,1b.jpg\n"), reading);
  REQUIRE(read.ok());
  fixture.attributes = std::move(*read);
  fixture.options.inferences = {{"image_data", "a", 0}, {"kitchen_data", "b", 0}, {"bath_data", "c", 0}};
  fixture.elasticsearch.bad["1f.jpg"] = "input 2: not a picture";
  fixture.load();
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].reason == "input 2 (1b.jpg): not a picture");
  fixture.options.inferences.back().processor = 1;  // its own input 0: which one failed is not told
  fixture.elasticsearch.bad["1f.jpg"] = "input 0: not a picture";
  fixture.load();
  REQUIRE(fixture.sink.failures.size() == 1);
  CHECK(fixture.sink.failures[0].reason == "input 0 (one of 1b.jpg, 1f.jpg, 1k.jpg): not a picture");
}
