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
           Case{"", "", "", ""},
       }) {
    CAPTURE(one.url);
    const UrlCredentials split = split_credentials(one.url);
    CHECK(split.url == one.left);
    CHECK(split.user == one.user);
    CHECK(split.password == one.password);
  }
}
