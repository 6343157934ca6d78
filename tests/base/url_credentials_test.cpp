#include "base/url_credentials.h"

#include <doctest/doctest.h>

using namespace sightline;

TEST_CASE("user and password are taken out of a URL, decoded") {
  struct Case {
    const char *url, *left, *user, *password;
  };
  for (const Case& one : {
           Case{"http://127.0.0.1:9200", "http://127.0.0.1:9200", "", ""},
           Case{"http://elastic:hunter2@es:9200/a@b", "http://es:9200/a@b", "elastic", "hunter2"},
           Case{"https://elastic:p%40ss%3A1@es", "https://es", "elastic", "p@ss:1"},
           Case{"http://elastic:hun@ter2@es?q=@", "http://es?q=@", "elastic", "hun@ter2"},
           Case{"http://elastic:a:b@[::1]:9200/", "http://[::1]:9200/", "elastic", "a:b"},
           Case{"http://elastic@es", "http://es", "elastic", ""},
           Case{"http://:secret@es", "http://es", "", "secret"},
           Case{"elastic:hunter2@es:9200", "es:9200", "elastic", "hunter2"},
           Case{"http://elastic:a#b?c@es:9200", "http://es:9200", "elastic", "a#b?c"},
           Case{"http://elastic:#@b@es/x?y=z@", "http://es/x?y=z@", "elastic", "#@b"},
           Case{"http://es/?a@b", "http://es/?a@b", "", ""},
           Case{"", "", "", ""},
       }) {
    CAPTURE(one.url);
    const UrlCredentials split = split_credentials(one.url);
    CHECK(split.url == one.left);
    CHECK(split.user == one.user);
    CHECK(split.password == one.password);
  }
}

TEST_CASE("the address of a server that may show a password is refused without showing it") {
  for (const char* url : {"http://elastic:hun/ter2@es", "http://elastic:h@un#ter2@es", "elastic/hunter2@es"}) {
    CAPTURE(url);
    const auto split = split_server_url(url, "ELASTICSEARCH_URL");
    REQUIRE_FALSE(split.ok());
    CHECK(split.error().message ==
          "ELASTICSEARCH_URL has an @ after the host: write / in a password as %2F, and @ in a path as %40");
  }
  const auto split = split_server_url("http://elastic:a#b@es", "ELASTICSEARCH_URL");
  REQUIRE(split.ok());
  CHECK(split->url == "http://es");
  CHECK(split->password == "a#b");
}

TEST_CASE("a URL for a message has nothing before its last at sign") {
  CHECK(without_credentials("http://es:9200/x") == "http://es:9200/x");
  CHECK(without_credentials("http://me:a@b/c#d@es:9200/x") == "http://es:9200/x");
  CHECK(without_credentials("me:pass@es") == "es");
}
