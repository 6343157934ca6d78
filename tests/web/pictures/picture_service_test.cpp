#include "server/web/pictures/picture_service.h"

#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/base64.h"
#include "models/image/picture.h"
#include "server/elastic/embedded/embedded_store.h"
#include "server/elastic/rest/rest_layer.h"
#include "tests/base/temporary_folder.h"
#include "tests/models/image/picture_files.h"

namespace sightline::pictures {
namespace {

struct Answered {
  http::Response response;
  std::optional<Refusal> refusal;
};

/// A service over a real store, in which certain callers may read certain documents.
struct Bench {
  explicit Bench(std::filesystem::path cache = {}, models::ImageLimits limits = {}, PictureService::Fetch fetch = {}) {
    auto opened = elastic::open_embedded_store(folder.path() / "store");
    REQUIRE(opened);
    store = *std::move(opened);
    PictureService::Options options;
    options.ask = [this](http::Request request) { return asked(std::move(request)); };
    options.limits = limits;
    options.fetch = std::move(fetch);
    options.folder = std::move(cache);
    options.answered = [this](AnswerSource source) { ++sources[static_cast<std::size_t>(source)]; };
    auto created = PictureService::create(std::move(options));
    REQUIRE(created);
    service = *std::move(created);
  }
  ~Bench() { service->stop(); }

  http::Response asked(http::Request request) {
    if (hook) hook(request);
    if (request.query.find("_source_includes") != std::string::npos) ++reads;
    if (judge) {
      if (auto refused = judge(request)) return *std::move(refused);
    }
    const elastic::rest::RestLayer layer([this](http::Request&& inner) { return store->handle(inner); }, {});
    return layer(std::move(request));
  }

  http::Response call(http::Method method, const std::string& path, const std::string& body = "") {
    http::Request request;
    request.method = method;
    const auto mark = path.find('?');
    request.path = path.substr(0, mark);
    if (mark != std::string::npos) request.query = path.substr(mark + 1);
    if (!body.empty()) request.headers.set("Content-Type", "application/json");
    request.body = body;
    const elastic::rest::RestLayer layer([this](http::Request&& inner) { return store->handle(inner); }, {});
    auto response = layer(std::move(request));
    CAPTURE(response.body);
    REQUIRE(response.status < 300);
    return response;
  }
  void put(const std::string& path, const std::string& body) { call(http::Method::put, path, body); }
  void put_picture(const std::string& path, const std::string& file) {
    put(path, R"({"image_data":")" + base64_encode(file) + R"("})");
  }

  std::future<Answered> start(const std::string& id, const std::string& query, http::Headers headers = {},
                              std::shared_ptr<Cancellation> cancellation = {}, const std::string& index = "houses") {
    http::Request request;
    request.query = query;
    request.headers = std::move(headers);
    const auto answered = std::make_shared<std::promise<Answered>>();
    Client client;
    client.send = [answered](http::Response response) { answered->set_value({std::move(response), {}}); };
    client.fail = [answered](const Refusal& refusal) {
      http::Response response;
      response.status = refusal.status;
      answered->set_value({std::move(response), refusal});
    };
    client.cancellation = std::move(cancellation);
    auto future = answered->get_future();
    service->answer(index, id, request, std::move(client));
    return future;
  }
  Answered get(const std::string& id, const std::string& query = "", http::Headers headers = {},
               const std::string& index = "houses") {
    return start(id, query, std::move(headers), {}, index).get();
  }
  int count(AnswerSource source) const { return sources[static_cast<std::size_t>(source)]; }

  TemporaryFolder folder;
  std::unique_ptr<elastic::Store> store;
  std::function<void(const http::Request&)> hook;
  std::function<std::optional<http::Response>(const http::Request&)> judge;
  std::atomic<int> reads{0};
  std::array<std::atomic<int>, 7> sources{};
  std::unique_ptr<PictureService> service;
};

http::Headers header(const std::string& name, const std::string& value) {
  http::Headers headers;
  headers.add(name, value);
  return headers;
}

/// The grey of a picture of one colour.
int grey_of(const std::string& file) {
  const auto picture = models::decode_picture(file, {});
  REQUIRE(picture);
  return picture->row(picture->height() / 2)[0];
}

models::Picture decoded(const std::string& file) {
  auto picture = models::decode_picture(file, {});
  REQUIRE(picture);
  return *std::move(picture);
}

std::string etag(const Answered& answered) {
  return std::string(answered.response.headers.get("ETag").value_or("none"));
}

}  // namespace

TEST_CASE("a picture comes as it is, with the type that its bytes have") {
  Bench bench;
  for (const auto& [file, type] : {std::pair("jpeg_q30.jpg", "image/jpeg"),
                                   {"one_bit.png", "image/png"},
                                   {"made_gif_sub.gif", "image/gif"},
                                   {"made_bytes_after_end.webp", "image/webp"},
                                   {"made_bmp_24_1.bmp", "image/bmp"},
                                   {"heif_420.heic", "image/heic"},
                                   {"heif_420.avif", "image/avif"}}) {
    const std::string bytes = models::picture_file(file);
    bench.put_picture("/houses/_doc/1", bytes);
    const auto answered = bench.get("1");
    CHECK(answered.response.status == 200);
    CHECK(answered.response.content_type == type);
    CHECK(answered.response.body == bytes);
    CHECK(answered.response.headers.get("Cache-Control") == "private, no-cache");
  }
  CHECK(bench.get("1", "v=3").response.headers.get("Cache-Control") == "private, max-age=31536000, immutable");
}

TEST_CASE("a thumbnail is made once, and then comes from memory") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(800, 400, 120));
  const auto first = bench.get("1", "size=100");
  REQUIRE(first.response.status == 200);
  CHECK(first.response.content_type == "image/jpeg");
  const auto picture = decoded(first.response.body);
  CHECK(picture.width() == 160);
  CHECK(picture.height() == 80);
  CHECK(std::abs(picture.row(40)[0] - 120) <= 2);
  const auto second = bench.get("1", "size=160");
  CHECK(second.response.body == first.response.body);
  CHECK(bench.count(AnswerSource::made) == 1);
  CHECK(bench.count(AnswerSource::memory) == 1);
  CHECK(bench.reads == 1);
  CHECK(decoded(bench.get("1", "size=320").response.body).width() == 320);
  CHECK(decoded(bench.get("1", "size=1024").response.body).width() == 800);  // never larger than the picture
}

TEST_CASE("who has the picture is answered 304, for thumbnails and for the picture itself") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(800, 400, 120));
  const std::string small = etag(bench.get("1", "size=160")), whole = etag(bench.get("1"));
  CHECK(small != whole);
  CHECK(small != etag(bench.get("1", "size=320")));
  const int reads = bench.reads;
  for (const auto& [query, tag] : {std::pair(std::string("size=160"), small), {std::string(), whole}}) {
    const auto answered = bench.get("1", query, header("If-None-Match", "\"x\", W/" + tag));
    CHECK(answered.response.status == 304);
    CHECK(answered.response.body.empty());
    CHECK(etag(answered) == tag);
  }
  CHECK(bench.reads == reads);
  CHECK(bench.get("1", "size=160", header("If-None-Match", whole)).response.status == 200);
}

TEST_CASE("a replaced document gives the new picture, a deleted one none") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  CHECK(std::abs(grey_of(bench.get("1", "size=160").response.body) - 50) <= 2);
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 200));
  CHECK(std::abs(grey_of(bench.get("1", "size=160").response.body) - 200) <= 2);
  bench.call(http::Method::delete_, "/houses/_doc/1");
  const auto answered = bench.get("1", "size=160");
  CHECK(answered.response.status == 404);
  CHECK(answered.refusal->message == "index [houses] has no document [1]");
}

TEST_CASE("an index made anew under its name, or an alias that moves on, shows no picture of before") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  bench.put_picture("/castles/_doc/1", models::bmp_file(400, 400, 150));
  CHECK(std::abs(grey_of(bench.get("1", "size=160").response.body) - 50) <= 2);
  bench.call(http::Method::delete_, "/houses");
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 200));  // the same sequence number
  CHECK(std::abs(grey_of(bench.get("1", "size=160").response.body) - 200) <= 2);

  const auto alias = [&](const std::string& action, const std::string& index) {
    bench.call(http::Method::post, "/_aliases",
               R"({"actions":[{")" + action + R"(":{"index":")" + index + R"(","alias":"shown"}}]})");
  };
  alias("add", "houses");
  CHECK(std::abs(grey_of(bench.get("1", "size=160", {}, "shown").response.body) - 200) <= 2);
  alias("remove", "houses");
  alias("add", "castles");
  CHECK(std::abs(grey_of(bench.get("1", "size=160", {}, "shown").response.body) - 150) <= 2);
}

TEST_CASE("a caller who may not read the document gets no picture, however often another has had it") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  std::string allowed = "ApiKey a";
  bench.judge = [&](const http::Request& request) -> std::optional<http::Response> {
    if (request.headers.get("Authorization").value_or("") == allowed) return std::nullopt;
    http::Response refused;
    refused.status = 403;
    refused.body = R"({"error":{"type":"security_exception","reason":"no read privilege"},"status":403})";
    return refused;
  };
  REQUIRE(bench.get("1", "size=160", header("Authorization", "ApiKey a")).response.status == 200);
  const auto other = bench.get("1", "size=160", header("Authorization", "ApiKey b"));
  CHECK(other.response.status == 403);
  CHECK(other.refusal->message.find("no read privilege") != std::string::npos);
  CHECK(bench.get("1", "size=160").response.status == 403);
  allowed = "ApiKey b";  // the right is taken away again
  CHECK(bench.get("1", "size=160", header("Authorization", "ApiKey a")).response.status == 403);
}

TEST_CASE("a field that is hidden from a caller stays hidden, though the document is not") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  bench.hook = [&](const http::Request& request) {
    auto& seen = const_cast<http::Request&>(request);  // the field level security of a cluster
    if (request.headers.get("Authorization") == "ApiKey b" && request.query.starts_with("_source_includes"))
      seen.query = "_source_includes=nothing";
  };
  REQUIRE(bench.get("1", "size=160", header("Authorization", "ApiKey a")).response.status == 200);
  const auto hidden = bench.get("1", "size=160", header("Authorization", "ApiKey b"));
  CHECK(hidden.response.status == 404);
  CHECK(hidden.refusal->message.find("has no value in field [image_data]") != std::string::npos);
}

TEST_CASE("where a caller may not know which index it is, the picture is read each time and still made once") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  bench.judge = [&](const http::Request& request) -> std::optional<http::Response> {
    if (!request.path.ends_with("/_settings")) return std::nullopt;
    http::Response refused;
    refused.status = 403;
    refused.body = "{}";
    return refused;
  };
  for (int i = 0; i < 3; ++i) REQUIRE(bench.get("1", "size=160").response.status == 200);
  CHECK(bench.reads == 3);
  CHECK(bench.count(AnswerSource::made) == 1);
}

TEST_CASE("fields in objects, arrays of pictures, data URLs, and ids of any characters") {
  Bench bench;
  const std::string one = models::bmp_file(4, 4, 10), two = models::bmp_file(4, 4, 20),
                    three = models::bmp_file(4, 4, 30);
  bench.put("/houses/_doc/a%2Fb%20%C3%BC", R"({"shown":[{"front":")" + base64_encode(one) + R"("},{"front":[null,")" +
                                               base64_encode(two) + R"("]}],"shown.front":"data:image/bmp;base64,)" +
                                               base64_encode(three) + R"("})");
  CHECK(bench.get("a/b ü", "field=shown.front").response.body == one);
  CHECK(bench.get("a/b ü", "field=shown.front&position=1").response.body == two);
  CHECK(bench.get("a/b ü", "field=shown.front&position=2").response.body == three);
  const auto behind = bench.get("a/b ü", "field=shown.front&position=3");
  CHECK(behind.response.status == 404);
  CHECK(behind.refusal->message ==
        "field [shown.front] of document [a/b ü] of index [houses] has 3 values, and none at position 3, "
        "counted from 0");
}

TEST_CASE("what is missing or no picture is named: 404 for nothing there, 422 for what cannot be shown") {
  models::ImageLimits limits;
  limits.max_bytes = 10'000;
  limits.max_pixels = 2'000;
  Bench bench({}, limits);
  bench.put("/houses", R"({"mappings":{"dynamic":false}})");
  const std::string of_it = "field [image_data] of document [1] of index [houses]";
  const auto refusal = [&](const std::string& value, const std::string& query = "size=160") {
    bench.put("/houses/_doc/1", R"({"image_data":)" + value + "}");
    const auto answered = bench.get("1", query);
    REQUIRE(answered.refusal);
    return std::to_string(answered.response.status) + " " + answered.refusal->message;
  };
  const auto in_base64 = [](const std::string& bytes) { return "\"" + base64_encode(bytes) + "\""; };
  for (const char* nothing : {"null", "[]", "[null]"})
    CHECK(refusal(nothing) == "404 document [1] of index [houses] has no value in field [image_data]");
  CHECK(refusal("17") == "404 " + of_it + " holds a number, not a picture");
  CHECK(refusal("\"\"") == "404 " + of_it + " is empty: there is no picture");
  CHECK(refusal("\"https://x.example/a.jpg\"") ==
        "404 " + of_it + " contains a link to a picture, [https://x.example/a.jpg], not the picture itself");
  for (const char* query : {"", "size=160"}) {
    CHECK(refusal("\"no base64!\"", query).find("422 " + of_it + ": the picture is ") == 0);
    CHECK(refusal(in_base64("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"), query)
              .find("422 " + of_it + " contains no JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF: it ") == 0);
    CHECK(refusal(in_base64("<!DOCTYPE html><script>1</script>"), query).find("422 ") == 0);
    CHECK(refusal("\"data:image/svg+xml,<svg onload='x()'></svg>\"", query).find("422 ") == 0);
    CHECK(refusal(in_base64("\x89PNG\r\n\x1A\n" + std::string(20'000, 'x')), query).find("the limit is 10000") !=
          std::string::npos);
  }
  CHECK(refusal(in_base64(models::bmp_file(60, 50, 1))).find("422 " + of_it + ": BMP is 60 x 50 = 3,000 pixels") == 0);
  const std::string cut = in_base64(models::bmp_file(30, 30, 1).substr(0, 500));
  CHECK(refusal(cut).find("422 " + of_it + ": BMP ends after 500 of ") == 0);
  const int reads = bench.reads;
  CHECK(bench.get("1", "size=160").refusal->message.find(of_it + ": BMP ends after") == 0);  // remembered
  CHECK(bench.reads == reads);
  CHECK(bench.get("1", "", {}, "castles").response.status == 404);
  CHECK(bench.get("1", "", {}, "castles").refusal->message.find("no such index [castles]") != std::string::npos);
}

TEST_CASE("requests for the same picture at the same time are one piece of work") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  std::promise<void> all_wait;
  bench.hook = [&, wait = all_wait.get_future().share()](const http::Request& request) {
    if (request.query.starts_with("_source_includes")) wait.wait();
  };
  std::vector<std::future<Answered>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(bench.start("1", "size=160"));
  all_wait.set_value();
  std::set<std::string> bodies;
  for (auto& answer : answers) bodies.insert(answer.get().response.body);
  CHECK(bodies.size() == 1);
  CHECK(bench.reads == 1);
  CHECK(bench.count(AnswerSource::made) == 1);
  CHECK(bench.count(AnswerSource::shared) == 19);
}

TEST_CASE("work that all clients have left is not done; while one stays it is") {
  Bench bench;
  for (const char* id : {"1", "2", "3"})
    bench.put_picture(std::string("/houses/_doc/") + id, models::bmp_file(400, 400, 50));
  std::promise<void> go;
  bench.hook = [&, wait = go.get_future().share()](const http::Request& request) {
    if (request.query.starts_with("_source_includes") && request.path == "/houses/_doc/1") wait.wait();
  };
  auto first = bench.start("1", "size=160");  // keeps the only thread
  const auto leaving = std::make_shared<Cancellation>(), one_of_two = std::make_shared<Cancellation>();
  auto left = bench.start("2", "size=160", {}, leaving);
  auto shared_left = bench.start("3", "size=160", {}, one_of_two);
  auto shared_stays = bench.start("3", "size=160", {}, std::make_shared<Cancellation>());
  leaving->cancel(CancelReason::client_left);
  one_of_two->cancel(CancelReason::client_left);
  go.set_value();
  CHECK(first.get().response.status == 200);
  CHECK(left.get().response.status == 499);
  CHECK(shared_stays.get().response.status == 200);
  shared_left.get();
  CHECK(bench.reads == 2);
  bench.hook = {};
  CHECK(bench.get("2", "size=160").response.status == 200);
}

TEST_CASE("thumbnails on disk outlive the server, for those who may read the document") {
  const TemporaryFolder kept;
  const auto file = models::bmp_file(400, 400, 50);
  std::string body;
  {
    Bench bench(kept.path() / "pictures");
    bench.put_picture("/houses/_doc/1", file);
    body = bench.get("1", "size=160").response.body;
    CHECK(bench.service->disk_bytes() > 0);
  }
  Bench bench(kept.path() / "pictures");
  CHECK(bench.get("1", "size=160").response.status == 404);  // another store
  bench.put_picture("/houses/_doc/2", file);
  CHECK(bench.get("2", "size=160").response.body == body);
  CHECK(bench.count(AnswerSource::disk) == 1);
  CHECK(bench.count(AnswerSource::made) == 0);
}

TEST_CASE("a document that has only a link to its picture is shown by it, and the picture is fetched once") {
  std::vector<std::string> urls;
  const std::string file = models::bmp_file(800, 400, 120);
  Bench bench({}, {}, [&](const std::string& url, const std::shared_ptr<Cancellation>&, const auto& done) {
    urls.push_back(url);
    done(PictureService::Fetched{file, nullptr});
  });
  bench.put("/houses/_doc/1",
            R"({"image_url":"https://files.example/1.bmp","kitchen_url":["http://x/k0","http://x/k1"]})");
  for (int i = 0; i < 2; ++i) {
    const auto answered = bench.get("1", "size=160");
    REQUIRE(answered.response.status == 200);
    CHECK(decoded(answered.response.body).width() == 160);
  }
  CHECK(bench.get("1").response.body == file);
  CHECK(bench.get("1", "field=kitchen_data&position=1&size=160").response.status == 200);
  CHECK(urls == std::vector<std::string>{"https://files.example/1.bmp", "https://files.example/1.bmp", "http://x/k1"});
  CHECK(bench.count(AnswerSource::memory) == 2);  // the kitchen's has the same bytes
  // A document that is written again may have another picture.
  bench.put("/houses/_doc/1", R"({"image_url":"https://files.example/2.bmp"})");
  CHECK(bench.get("1", "size=160").response.status == 200);
  CHECK(urls.back() == "https://files.example/2.bmp");
}

TEST_CASE("a picture in the document comes before a link to one") {
  bool fetched = false;
  Bench bench({}, {}, [&](const std::string&, const std::shared_ptr<Cancellation>&, const auto& done) {
    fetched = true;
    done(Error{ErrorCode::unavailable, "no"});
  });
  bench.put("/houses/_doc/1",
            R"({"image_url":"https://x/1","image_data":")" + base64_encode(models::bmp_file(80, 40, 120)) + R"("})");
  CHECK(bench.get("1", "size=160").response.status == 200);
  CHECK_FALSE(fetched);
}

TEST_CASE("what is behind a link and no picture is refused for this document, and asked for again") {
  std::optional<Error> failure = Error{ErrorCode::unavailable, "files.example answered 503 instead of a picture"};
  Bench bench({}, {}, [&](const std::string&, const std::shared_ptr<Cancellation>&, const auto& done) {
    failure ? done(*failure) : done(PictureService::Fetched{models::bmp_file(80, 40, 120), nullptr});
  });
  bench.put("/houses/_doc/1", R"({"image_url":"https://files.example/1.jpg"})");
  for (const auto& [code, status] : {std::pair(ErrorCode::unavailable, 502),
                                     {ErrorCode::invalid_argument, 422},
                                     {ErrorCode::too_large, 422},
                                     {ErrorCode::overloaded, 429}}) {
    failure->code = code;
    const auto answered = bench.get("1", "size=160");
    REQUIRE(answered.refusal);
    CHECK(answered.refusal->status == status);
    CHECK(answered.refusal->message ==
          "document [1] of index [houses]: files.example answered 503 instead of a picture");
  }
  failure.reset();
  CHECK(bench.get("1", "size=160").response.status == 200);
}

TEST_CASE("without downloads a link is no picture, and other values of that field never are") {
  Bench bench;
  bench.put("/houses/_doc/1", R"({"image_url":"https://files.example/1.jpg"})");
  auto answered = bench.get("1", "size=160");
  REQUIRE(answered.refusal);
  CHECK(answered.refusal->status == 404);
  CHECK(answered.refusal->message.find("--allow-picture-urls") != std::string::npos);
  for (const char* const value : {"\"file:///etc/passwd\"", "7", "\"\"", "[]"}) {
    bench.put("/houses/_doc/2", R"({"image_url":)" + std::string(value) + "}");
    answered = bench.get("2", "size=160");
    REQUIRE(answered.refusal);
    CHECK(answered.refusal->message == "document [2] of index [houses] has no value in field [image_data]");
  }
}

TEST_CASE("the last client that leaves ends the download") {
  std::function<void(Result<PictureService::Fetched>)> kept;
  std::promise<std::shared_ptr<Cancellation>> asked;
  Bench bench({}, {}, [&](const std::string&, const std::shared_ptr<Cancellation>& cancellation, const auto& done) {
    kept = done;
    asked.set_value(cancellation);
  });
  bench.put("/houses/_doc/1", R"({"image_url":"https://files.example/1.jpg"})");
  const auto client = std::make_shared<Cancellation>();
  auto answered = bench.start("1", "size=160", {}, client);
  const auto cancellation = asked.get_future().get();
  CHECK_FALSE(cancellation->requested());
  client->cancel(CancelReason::client_left);
  CHECK(cancellation->requested());
  kept(Error{ErrorCode::cancelled, "the client disconnected"});
  CHECK(answered.get().refusal->status == 503);
}

TEST_CASE("stop returns only when no download calls back any more") {
  std::promise<void> cancelled;
  std::thread download;
  Cancellation::Registration registration;
  std::promise<void> begun;
  Bench bench({}, {}, [&](const std::string&, const std::shared_ptr<Cancellation>& cancellation, const auto& done) {
    registration = Cancellation::on_cancel(cancellation, [&] { cancelled.set_value(); });
    download = std::thread([&cancelled, done] {
      cancelled.get_future().wait();
      done(Error{ErrorCode::cancelled, "the server is stopping"});
    });
    begun.set_value();
  });
  bench.put("/houses/_doc/1", R"({"image_url":"https://files.example/1.jpg"})");
  auto answered = bench.start("1", "size=160");
  begun.get_future().wait();
  bench.service->stop();
  CHECK(answered.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  download.join();
}

TEST_CASE("after stop a request is told that the server stops") {
  Bench bench;
  bench.put_picture("/houses/_doc/1", models::bmp_file(400, 400, 50));
  bench.service->stop();
  CHECK(bench.get("1", "size=160").response.status == 503);
}

}  // namespace sightline::pictures
