#include "server/api/picture_fetcher.h"

#include <doctest/doctest.h>
#include <future>
#include <map>
#include <mutex>

#include "base/picture_url.h"
#include "server/security/address_guard.h"
#include "tests/api/api_bench.h"
#include "tests/http/gzipped.h"
#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

namespace sightline::api {
namespace {

using Fetched = PictureFetcher::Fetched;

/// Bytes that begin as a PNG does.
std::string png(std::size_t size = 100, char fill = 'x') {
  return "\x89PNG\r\n\x1A\n" + std::string(size - 8, fill);
}

/// A fetcher that may go anywhere, and its outcomes.
class Fetching {
 public:
  explicit Fetching(PictureFetcher::Options options = {}) {
    if (!options.allows_address) options.allows_address = [](const sockaddr&) { return true; };
    options.count = [this](const char* outcome) {
      const std::lock_guard lock(mutex_);
      ++outcomes_[outcome];
    };
    auto created = PictureFetcher::create(std::move(options), *timer_);
    REQUIRE_MESSAGE(created.ok(), (created.ok() ? "" : created.error().message));
    fetcher_ = *std::move(created);
  }

  std::future<Result<Fetched>> start(const std::vector<std::string>& urls, serving::EmbedOptions options = {}) {
    std::vector<PictureFetcher::Link> links;
    for (const std::string& url : urls) links.push_back({"input " + std::to_string(links.size()), url});
    const auto promise = std::make_shared<std::promise<Result<Fetched>>>();
    fetcher_->fetch(std::move(links), options, [promise](Result<Fetched> got) { promise->set_value(std::move(got)); });
    return promise->get_future();
  }
  Result<Fetched> fetch(const std::vector<std::string>& urls) { return start(urls).get(); }
  Error error_of(const std::string& url) {
    auto got = fetch({url});
    REQUIRE_FALSE(got.ok());
    return got.error();
  }
  void shut_down() { fetcher_->shut_down(); }
  std::map<std::string, int> outcomes() const {
    const std::lock_guard lock(mutex_);
    return outcomes_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> outcomes_;
  const std::unique_ptr<Timer> timer_ = start_timer();
  std::unique_ptr<PictureFetcher> fetcher_;
};

/// A server that answers each path with a response of the test's.
class Site {
 public:
  explicit Site(std::map<std::string, http::Response> pages)
      : pages_(std::move(pages)), server_(http::serve([this](http::Request&& request, http::Reply reply) {
          {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
          }
          const auto page = pages_.find(request.path);
          reply.send(page == pages_.end() ? http::Response{404, {}, "text/plain", "nothing"} : page->second);
        })) {}
  std::string url(const std::string& path) const { return http::url(server_->port(), path); }
  std::string host() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  std::vector<http::Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  const std::map<std::string, http::Response> pages_;
  std::mutex mutex_;
  std::vector<http::Request> requests_;
  const std::unique_ptr<http::Server> server_;
};

http::Response page(std::string body, http::Headers headers = {}, int status = 200) {
  return {status, std::move(headers), "image/png", std::move(body)};
}

http::Headers header(const char* name, const std::string& value) {
  http::Headers headers;
  headers.set(name, value);
  return headers;
}

/// Keeps the connection silent until its client leaves.
void stay_silent(http::PeerConnection& connection) {
  connection.request();
  connection.sees_end();
}

TEST_CASE("the URL of a picture is taken without whitespace and fragment, and refused with credentials") {
  CHECK(is_web_link(" HTTPS://x/a.jpg"));
  CHECK(is_web_link("http://x"));
  CHECK_FALSE(is_web_link("ftp://x/a.jpg"));
  CHECK_FALSE(is_web_link("httpss://x/a.jpg"));
  CHECK_FALSE(is_web_link("a http://x"));
  CHECK(*picture_url("\n https://x.example/a?b=c#d \t") == "https://x.example/a?b=c");
  CHECK(*picture_url("HTTP://Xy.EXAMPLE:80/A?B=C") == "http://xy.example:80/A?B=C");
  for (const char* wrong :
       {"http://user@x/", "http://user:word@x/a", "http://x /a", "http://x/a b", "http://", "http:///a", "http://:80/a",
        "http://x\\@y/", "http://x/\x01", "http://b\xC3\xBC.example/", "https://#x"}) {
    CAPTURE(wrong);
    const auto url = picture_url(wrong);
    REQUIRE_FALSE(url.ok());
    CHECK(url.error().code == ErrorCode::invalid_argument);
  }
  CHECK(picture_url("http://u:secret@x/?token=secret").error().message.find("secret") == std::string::npos);
  CHECK_FALSE(picture_url("http://x/" + std::string(5000, 'a')).ok());
  CHECK(host_of("https://X.example:8443/a?b") == "X.example:8443");
  CHECK(host_of("http://[::1]:80?b") == "[::1]:80");
}

TEST_CASE("pictures are fetched in the order of their inputs, equal URLs once, without credentials or a referrer") {
  Site site({{"/a", page(png(50, 'a'))}, {"/b", page(png(60, 'b'))}});
  Fetching fetching;
  const auto got = fetching.fetch({site.url("/b"), site.url("/a?x=1"), site.url("/b")});
  REQUIRE_MESSAGE(got.ok(), got.error().message);
  CHECK(got->pictures == std::vector<std::string>{png(60, 'b'), png(50, 'a'), png(60, 'b')});
  const auto requests = site.requests();
  REQUIRE(requests.size() == 2);
  for (const http::Request& request : requests) {
    CHECK(request.method == http::Method::get);
    CHECK(request.headers.get("Accept").value_or("").find("image/png") != std::string::npos);
    for (const char* field : {"Authorization", "Cookie", "Referer", "Accept-Encoding"})
      CHECK_FALSE(request.headers.get(field));
  }
  CHECK(fetching.outcomes() == std::map<std::string, int>{{"fetched", 2}});
}

TEST_CASE("an answer that is no picture fails with the input, the host and the reason, and without the query") {
  const std::string bomb = http::gzipped(png(5'000'000));
  Site site({{"/moved", page("", header("Location", "/a"), 302)},
             {"/busy", page("", {}, 503)},
             {"/large", page(png(200'000))},
             {"/html", page("<!DOCTYPE html><html></html>")},
             {"/empty", page("")},
             {"/bomb", page(bomb, header("Content-Encoding", "gzip"))},
             {"/half", page(http::gzipped(png(300)).substr(0, 30), header("Content-Encoding", "gzip"))},
             {"/br", page(png(), header("Content-Encoding", "br"))}});
  PictureFetcher::Options options;
  options.max_bytes = 100'000;
  Fetching fetching(std::move(options));
  struct Case {
    const char* path;
    ErrorCode code;
    std::string message;
  };
  const std::string begin = "input 0: ", host = site.host();
  const std::string limit = "the picture at " + host + " has more than 100000 bytes, the limit: send a smaller picture";
  for (const Case& of : {
           Case{"/gone", ErrorCode::invalid_argument, host + " answered 404 instead of a picture"},
           Case{"/moved", ErrorCode::invalid_argument,
                host + " answered 302: redirects are not followed, send the URL of the picture itself"},
           Case{"/busy", ErrorCode::unavailable, host + " answered 503 instead of a picture"},
           Case{"/large", ErrorCode::too_large, limit},
           Case{"/html", ErrorCode::invalid_argument,
                host + " sent HTML, not a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF picture"},
           Case{"/empty", ErrorCode::invalid_argument,
                host + " sent nothing, not a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF picture"},
           Case{"/bomb", ErrorCode::too_large, limit},
           Case{"/half", ErrorCode::invalid_argument, host + " sent a picture whose gzip is damaged or truncated"},
           Case{"/br", ErrorCode::invalid_argument,
                host + " sent the picture with Content-Encoding [br]: Sightline reads only gzip"},
       }) {
    CAPTURE(of.path);
    const Error error = fetching.error_of(site.url(of.path) + "?token=secret");
    CHECK(error.code == of.code);
    CHECK(error.message == begin + of.message);
  }
  const std::map<std::string, int> expected{{"status", 3}, {"too_large", 2}, {"not_a_picture", 4}};
  CHECK(fetching.outcomes() == expected);
}

TEST_CASE("a picture that comes compressed with gzip is decompressed") {
  Site site({{"/a", page(http::gzipped(png(5000)), header("Content-Encoding", "gzip"))}});
  Fetching fetching;
  const auto got = fetching.fetch({site.url("/a")});
  REQUIRE_MESSAGE(got.ok(), got.error().message);
  CHECK(got->pictures.front() == png(5000));
}

TEST_CASE("an address that is not allowed is not connected to, whatever the picture's host is called") {
  auto guard = security::AddressGuard::create({}, 0);
  REQUIRE(guard.ok());
  PictureFetcher::Options options;
  options.allows_address = [guard = *guard](const sockaddr& address) { return guard.allows(address); };
  Site site({{"/a", page(png())}});
  Fetching fetching(std::move(options));
  const std::string port = site.host().substr(site.host().find(':'));
  for (const char* host : {"127.0.0.1", "127.1", "0x7f000001", "localhost", "[::ffff:127.0.0.1]"}) {
    const Error error = fetching.error_of(std::string("http://") + host + port + "/a?token=secret");
    CHECK(error.code == ErrorCode::invalid_argument);
    CHECK(error.message == "input 0: " + std::string(host) + port +
                               " has no public address, so pictures are not fetched from it: the server's operator can "
                               "list its address in --picture-url-addresses");
  }
  CHECK(site.requests().empty());
  CHECK(fetching.outcomes() == std::map<std::string, int>{{"refused_address", 5}});
}

TEST_CASE("half a picture, no connection and a silent host are failures of the other server") {
  http::RawPeer half([](http::PeerConnection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + png());
  });
  http::RawPeer silent(stay_silent);
  PictureFetcher::Options options;
  options.timeout = std::chrono::milliseconds(300);
  Fetching fetching(std::move(options));
  for (const std::string& url :
       {http::url(half.port(), "/?token=secret"), std::string("http://127.0.0.1:1/?token=secret")}) {
    const Error error = fetching.error_of(url);
    CHECK(error.code == ErrorCode::unavailable);
    CHECK(error.message.starts_with("input 0: no picture from 127.0.0.1:"));
    CHECK(error.message.find("secret") == std::string::npos);
  }
  const Error late = fetching.error_of(http::url(silent.port()));
  CHECK(late.code == ErrorCode::unavailable);
  CHECK(late.message.ends_with(" did not send the picture in time (at most 300 ms, --picture-url-timeout)"));
  const std::map<std::string, int> expected{{"broken", 2}, {"timeout", 1}};
  CHECK(fetching.outcomes() == expected);
}

TEST_CASE("the first picture that fails ends the others, and a client that leaves ends all of its own") {
  http::RawPeer silent(stay_silent);
  Site site({});
  Fetching fetching;
  auto got = fetching.start({http::url(silent.port()), site.url("/none")});
  const auto failed = got.get();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message.starts_with("input 1: "));

  serving::EmbedOptions options;
  options.cancellation = std::make_shared<Cancellation>();
  auto left = fetching.start({http::url(silent.port())}, options);
  options.cancellation->cancel(CancelReason::client_left);
  CHECK(left.get().error().code == ErrorCode::cancelled);

  auto stopped = fetching.start({http::url(silent.port())});
  fetching.shut_down();
  CHECK(stopped.get().error().code == ErrorCode::overloaded);
  CHECK(fetching.fetch({site.url("/none")}).error().code == ErrorCode::overloaded);
}

/// Answers `count` requests of `parked`, as soon as `out` are there at the same time.
void answer_in_groups(http::Parked& parked, int count, int out) {
  std::vector<http::Reply> waiting;
  for (int answered = 0; answered < count;) {
    while (static_cast<int>(waiting.size()) < std::min(out, count - answered)) waiting.push_back(parked.next().second);
    for (http::Reply& reply : waiting) reply.send(page(png()));
    answered += static_cast<int>(waiting.size());
    waiting.clear();
  }
}

std::vector<std::string> urls_of(const http::Parked& parked, int count) {
  std::vector<std::string> urls;
  for (int i = 0; i < count; ++i) urls.push_back(http::url(parked.server->port(), "/" + std::to_string(i)));
  return urls;
}

TEST_CASE("only so many pictures are fetched at once, from one host and in all") {
  http::Parked first, second;
  PictureFetcher::Options options;
  options.per_host = 2;
  options.at_once = 3;
  Fetching fetching(std::move(options));
  auto urls = urls_of(first, 6);
  auto got = fetching.start(urls);
  auto more = fetching.start(urls_of(second, 2));
  std::vector<http::Reply> out;
  out.push_back(first.next().second);
  out.push_back(first.next().second);
  out.push_back(second.next().second);  // the third of all; each host has one more in line
  CHECK(first.server->in_flight() == 2);
  CHECK(second.server->in_flight() == 1);
  for (http::Reply& reply : out) reply.send(page(png()));
  std::thread others([&] { answer_in_groups(second, 1, 1); });
  answer_in_groups(first, 4, 1);
  others.join();
  CHECK(got.get().ok());
  CHECK(more.get().ok());
}

TEST_CASE("what would wait too long a line, or take too much memory, is refused") {
  http::RawPeer silent(stay_silent);
  Site site({{"/a", page(png(600))}, {"/b", page(png(600))}});
  PictureFetcher::Options options;
  options.max_bytes = 1000;
  options.max_request_bytes = 1100;
  options.max_memory_bytes = 1650;
  options.per_host = 1;
  options.max_waiting = 2;
  Fetching fetching(std::move(options));
  SUBCASE("of one request") {
    const auto got = fetching.fetch({site.url("/a"), site.url("/b")});
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code == ErrorCode::too_large);
    CHECK(got.error().message.find("together more than 1100 bytes") != std::string::npos);
  }
  SUBCASE("repeated pictures count each time") {
    CHECK(fetching.fetch({site.url("/a"), site.url("/a")}).error().code == ErrorCode::too_large);
  }
  SUBCASE("of all requests, as long as they hold their pictures") {
    auto held = fetching.fetch({site.url("/a")});
    const auto other = fetching.fetch({site.url("/b")});
    REQUIRE((held.ok() && other.ok()));
    CHECK(fetching.fetch({site.url("/b")}).error().code == ErrorCode::overloaded);
    held->memory.clear();
    CHECK(fetching.fetch({site.url("/b")}).ok());
  }
  SUBCASE("in line") {
    serving::EmbedOptions leaving;
    leaving.cancellation = std::make_shared<Cancellation>();
    auto out = fetching.start({http::url(silent.port(), "/0")}, leaving);
    auto one = fetching.start({http::url(silent.port(), "/1")}, leaving);
    auto two = fetching.start({http::url(silent.port(), "/2")}, leaving);
    const auto refused = fetching.fetch({http::url(silent.port(), "/3")});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::overloaded);
    leaving.cancellation->cancel(CancelReason::client_left);
    for (auto* each : {&out, &one, &two}) CHECK(each->get().error().code == ErrorCode::cancelled);
  }
}

TEST_CASE("a request's deadline ends its pictures, also those in line") {
  http::RawPeer busy(stay_silent), silent(stay_silent);
  PictureFetcher::Options options;
  options.per_host = 1;
  Fetching fetching(std::move(options));
  serving::EmbedOptions leaving, soon;
  leaving.cancellation = std::make_shared<Cancellation>();
  soon.deadline = Timer::Clock::now() + std::chrono::milliseconds(200);
  auto first = fetching.start({http::url(busy.port(), "/0")}, leaving);
  auto in_line = fetching.start({http::url(busy.port(), "/1")}, soon);
  auto out = fetching.start({http::url(silent.port())}, soon);
  CHECK(in_line.get().error().code == ErrorCode::deadline_exceeded);
  CHECK(out.get().error().code == ErrorCode::unavailable);
  leaving.cancellation->cancel(CancelReason::client_left);
  CHECK(first.get().error().code == ErrorCode::cancelled);
}

TEST_CASE("a request waits for its pictures, which are then read as if they had been sent") {
  const auto timer = start_timer();
  PictureFetcher::Options fetching;
  fetching.allows_address = [](const sockaddr&) { return true; };
  auto fetcher = PictureFetcher::create(std::move(fetching), *timer);
  REQUIRE(fetcher.ok());
  Api::Options options;
  options.limits.inputs.fetches_links = true;
  options.limits.document_timeout = std::chrono::hours(2);
  options.fetcher = fetcher->get();
  ApiBench bench(std::move(options));
  bench.timer.advance(Timer::Clock::now() - bench.timer.now());  // deadlines are of the fetcher's timer, too
  Site site({{"/a", page(png())}});
  const std::string body =
      R"({"model":"hash","input":["text",{"type":"image_url","image_url":{"url":")" + site.url("/");
  auto answer = bench.embeddings(body + R"(none?token=secret"}}]})");
  CHECK(answer.status == 400);
  CHECK(message_of(answer) == "input 1: " + site.host() + " answered 404 instead of a picture");
  answer = bench.embeddings(body + R"(a"}}]})");
  // This model does not read PNG: its error has the host, too.
  CHECK(answer.status == 400);
  CHECK(message_of(answer) == "input 1 [" + site.host() + "]: not a picture");
  answer = bench.embeddings(R"({"model":"none","input":[{"image":")" + site.url("/never") + "\"}]}");
  CHECK(answer.status == 404);
  CHECK(site.requests().size() == 2);
}

}  // namespace
}  // namespace sightline::api
