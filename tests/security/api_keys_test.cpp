#include "server/security/api_keys.h"

#include <doctest/doctest.h>

#include "base/base64.h"
#include "base/sha256.h"
#include "server/security/key_check.h"
#include "tests/base/temporary_folder.h"

namespace sightline::security {
namespace {

using Strings = std::vector<std::string>;
using Outcome = KeyCheck::Outcome;

std::string line(const std::string& name, const std::string& key, const std::string& more = "") {
  return name + " sha256:" + sha256_hex(key) + more + "\n";
}

std::string error_of(const std::string& text) {
  const TemporaryFolder folder;
  const std::string file = folder.write("keys", text);
  const auto keys = ApiKeys::read(file);
  if (keys) return "";
  CHECK(keys.error().code == ErrorCode::invalid_argument);
  REQUIRE(keys.error().message.starts_with(file));
  return keys.error().message.substr(file.size() + 1);
}

TEST_CASE("a file holds keys, and names with digests of keys") {
  const TemporaryFolder folder;
  const auto keys = ApiKeys::read(folder.write(
      "keys", "# team a\nplain-key-1\r\n\n" + line("  reader", "secret of reader", "  scopes=search,infer ") +
                  line("guest", "guest-key", " expires=2026-03-01")));
  REQUIRE(keys.ok());
  CHECK(keys->size() == 3);
  REQUIRE(keys->find("plain-key-1"));
  CHECK(keys->find("plain-key-1")->name == "line 2");
  CHECK(keys->find("plain-key-1")->scopes.has(Scope::manage));
  REQUIRE(keys->find("secret of reader"));
  const ApiKey& reader = *keys->find("secret of reader");
  CHECK(reader.name == "reader");
  for (const Scope scope : {Scope::any, Scope::search, Scope::infer}) CHECK(reader.scopes.has(scope));
  for (const Scope scope : {Scope::ingest, Scope::manage, Scope::metrics}) CHECK_FALSE(reader.scopes.has(scope));
  CHECK(keys->find("guest-key")->expires == std::chrono::sys_days(std::chrono::year(2026) / 3 / 1));
  for (const char* wrong : {"", "plain-key-", "plain-key-11", "reader", "# team a"}) CHECK_FALSE(keys->find(wrong));
  CHECK_FALSE(keys->find(sha256_hex("guest-key")));  // who can read the file has no key
}

TEST_CASE("a file with a bad line is refused, and the line named") {
  CHECK(error_of("# nothing\n\n") == "contains no key: write one per line");
  CHECK(error_of("long-enough-key\nshort\n") ==
        "line 2: a key must have at least 8 printable ASCII characters, without spaces");
  CHECK(error_of("sha256:" + sha256_hex("a")) == "line 1: a digest must follow the key's name: NAME sha256:DIGEST");
  const std::string form =
      "a key must have no spaces, or be written as NAME sha256:DIGEST, as scripts/make_api_key.sh does";
  for (const std::string bad :
       {"two words", "name sha256:", "name sha256:12ab", "name sha512:1234", "name sha256:zz"}) {
    CAPTURE(bad);
    CHECK(error_of(bad) == "line 1: " + form);
  }
  CHECK(error_of(line("a", "key-of-a", " scopes=search,read")) ==
        "line 1: unknown scope [read]: use infer, search, ingest, manage, metrics");
  CHECK(error_of(line("a", "key-of-a", " scopes=")) ==
        "line 1: scopes= names none: use infer, search, ingest, manage, metrics");
  for (const char* day : {"2026-02-30", "tomorrow", "2026-1", "2026-01-01x", ""}) {
    CAPTURE(day);
    CHECK(error_of(line("a", "key-of-a", std::string(" expires=") + day)) ==
          "line 1: [" + std::string(day) + "] must be a day as YYYY-MM-DD");
  }
  CHECK(error_of(line("a", "key-of-a", " scope=search")) ==
        "line 1: unknown word [scope=search]: use scopes=..., expires=YYYY-MM-DD and rate=REQUESTS_PER_SECOND");
  for (const char* rate : {"", "0", "-1", "fast", "1/s", "1e7", "0.000001", "nan", "inf", "10x"}) {
    CAPTURE(rate);
    CHECK(error_of(line("a", "key-of-a", std::string(" rate=") + rate)) ==
          "line 1: rate=: [" + std::string(rate) +
              "] must be a number of requests per second between 0.00001 and 1000000, like 10 or 0.5");
  }
  CHECK(error_of(line("a", "key-of-a") + line("a", "key-of-b")) == "line 2: the name [a] appears twice");
}

TEST_CASE("a changed file may have no key left, which makes none valid; a wrong one is refused whole") {
  const TemporaryFolder folder;
  const std::string file = folder.write("keys", "# none left\n");
  CHECK_FALSE(ApiKeys::read(file).ok());
  const auto none = ApiKeys::read_again(file);
  REQUIRE(none.ok());
  CHECK(none->size() == 0);
  KeyCheck check(*ApiKeys::parse("the-last-key\n", "keys"));
  CHECK(check.judge({"the-last-key"}, Scope::infer).outcome == Outcome::admitted);
  check.replace(*none);
  CHECK(check.judge({"the-last-key"}, Scope::infer).outcome == Outcome::wrong);
  folder.write("keys", "the-first-key\nshort\n");
  CHECK(ApiKeys::read_again(file).error().message.find("line 2") != std::string::npos);
}

TEST_CASE("keys are read from Authorization as Elasticsearch's clients send them") {
  CHECK(keys_in("Bearer abc") == Strings{"abc"});
  CHECK(keys_in("bearer   abc ") == Strings{"abc"});
  CHECK(keys_in("ApiKey not*base64") == Strings{"not*base64"});
  CHECK(keys_in("ApiKey " + base64_encode("id:the:key")) == Strings{base64_encode("id:the:key"), "the:key"});
  CHECK(keys_in("Basic " + base64_encode("elastic:the-key")) == Strings{"the-key"});
  for (const char* none : {"", "Bearer", "Bearer ", "Bearerabc", "Basic", "Basic abc", "Digest abc", "abc"}) {
    CAPTURE(none);
    CHECK(keys_in(none).empty());
  }
}

TEST_CASE("a verdict follows the key, its scopes and its last day") {
  const TemporaryFolder folder;
  KeyCheck check(
      *ApiKeys::read(folder.write("keys", line("reader", "reader-key", " scopes=search expires=2026-03-01"))));
  const auto day = [](unsigned month, unsigned number) {
    return std::chrono::sys_days(std::chrono::year(2026) / std::chrono::month(month) / std::chrono::day(number));
  };
  const auto outcome = [&](const Strings& presented, Scope scope) {
    return check.judge(presented, scope, {day(2, 28)}).outcome;
  };
  CHECK(outcome({"reader-key"}, Scope::search) == Outcome::admitted);
  CHECK(outcome({"wrong", "reader-key"}, Scope::search) == Outcome::admitted);
  CHECK(outcome({"reader-key"}, Scope::any) == Outcome::admitted);
  CHECK(outcome({"reader-key"}, Scope::ingest) == Outcome::forbidden);
  CHECK(outcome({"wrong"}, Scope::search) == Outcome::wrong);
  CHECK(outcome({}, Scope::any) == Outcome::missing);
  CHECK(check.judge({"reader-key"}, Scope::search, {day(3, 1)}).outcome == Outcome::expired);
  CHECK(check.judge({"reader-key"}, Scope::ingest, {day(3, 1)}).name == "reader");

  check.replace(*ApiKeys::read(folder.write("keys", "another-key\n")));
  CHECK(outcome({"reader-key"}, Scope::search) == Outcome::wrong);
  CHECK(outcome({"another-key"}, Scope::manage) == Outcome::admitted);
}

/// Keys with rates, and a clock that the test moves.
struct RatedKeys {
  explicit RatedKeys(const std::string& text, double usual_rate = 0)
      : check(*ApiKeys::parse(text, "keys"), usual_rate, now.time) {}

  KeyCheck::Verdict judge(const std::string& key) { return check.judge({key}, Scope::search, now); }
  /// How many requests of a key pass now, up to 50.
  int passing(const std::string& key) {
    int count = 0;
    while (count < 50 && judge(key).outcome == Outcome::admitted) ++count;
    return count;
  }

  Moment now{std::chrono::sys_days(std::chrono::year(2026) / 3 / 1),
             KeyCheck::Clock::time_point(std::chrono::hours(1))};
  KeyCheck check;
};

TEST_CASE("a key beyond its rate is refused with the time to wait, and others are not") {
  RatedKeys keys(line("slow", "slow-key", " rate=0.5") + line("quick", "quick-key", " rate=4 scopes=search") +
                 line("free", "free-key"));
  CHECK(keys.passing("slow-key") == 1);
  const auto refused = keys.judge("slow-key");
  CHECK(refused.outcome == Outcome::rate_limited);
  CHECK(refused.name == "slow");
  CHECK(refused.wait == std::chrono::seconds(2));
  CHECK(rate_limit_message(refused).find(
            "the key [slow] has sent more requests than its rate allows: retry after 2 s") == 0);
  CHECK(keys.passing("quick-key") == 4);
  CHECK(keys.judge("quick-key").wait == std::chrono::seconds(1));  // a quarter of one
  CHECK(keys.passing("free-key") == 50);
  // What is refused for another reason takes no token.
  keys.now.time += std::chrono::milliseconds(250);
  CHECK(keys.check.judge({"quick-key"}, Scope::manage, keys.now).outcome == Outcome::forbidden);
  CHECK(keys.passing("quick-key") == 1);
}

TEST_CASE("the usual rate is that of each key without its own") {
  RatedKeys keys("plain-key-1\nplain-key-2\n" + line("own", "own-key", " rate=5"), 2);
  CHECK(keys.passing("plain-key-1") == 2);
  CHECK(keys.passing("plain-key-2") == 2);
  CHECK(keys.passing("own-key") == 5);
}

TEST_CASE("keys keep their tokens when the file is read again") {
  RatedKeys keys(line("a", "key-of-a", " rate=10") + line("b", "key-of-b", " rate=10"));
  CHECK(keys.passing("key-of-a") == 10);
  const auto read_again = [&](const std::string& text) {
    keys.check.replace(*ApiKeys::parse(text, "keys"), keys.now.time);
  };
  read_again("# moved\n" + line("c", "key-of-c", " rate=3") + line("a", "key-of-a", " rate=20") +
             line("b", "key-of-b", " rate=2"));
  CHECK(keys.passing("key-of-a") == 0);
  CHECK(keys.passing("key-of-b") == 2);
  CHECK(keys.passing("key-of-c") == 3);
  keys.now.time += std::chrono::milliseconds(500);
  CHECK(keys.passing("key-of-a") == 10);  // at the new rate
  read_again(line("a", "key-of-a"));
  CHECK(keys.passing("key-of-a") == 50);
  read_again(line("a", "another-key", " rate=1"));
  CHECK(keys.passing("another-key") == 1);
}

}  // namespace
}  // namespace sightline::security
