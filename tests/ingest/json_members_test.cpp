#include "ingest/json_members.h"

#include <doctest/doctest.h>

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("members and elements come as they are written") {
  const auto members = members_of(R"( {"a" : 1.50, "b\n":{"c":[1,{"d":2}]}, "e":"\u0041" } )");
  REQUIRE(members);
  REQUIRE(members->size() == 3);
  CHECK((*members)[0].value == "1.50");
  CHECK((*members)[1].name == "b\n");
  CHECK((*members)[1].value == R"({"c":[1,{"d":2}]})");
  CHECK((*members)[2].value == R"("\u0041")");
  CHECK_FALSE(members_of("[1]"));
  CHECK_FALSE(members_of("{\"a\":}"));
  CHECK(members_of("{}")->empty());
  CHECK(elements_of(R"([1, {"a":[2]}, [3,4], "x"])") ==
        std::vector<std::string_view>{"1", R"({"a":[2]})", "[3,4]", "\"x\""});
  CHECK(elements_of("{}").empty());
}

TEST_CASE("leaves have the path that leads to them") {
  std::string seen;
  const auto fault =
      visit_leaves(R"({"a":{"b":1,"c":[true,{"d":"x"},[2]]},"e.f":"y","g":null,"h":3})",
                   [&](const std::string& path, const JsonLeaf& leaf) {
                     seen += path + "=" + std::string(leaf.text) + "@" + std::to_string(leaf.array_size) + " ";
                   });
  CHECK_FALSE(fault);
  CHECK(seen == "a.b=1@0 a.c=true@1 a.c.d=x@0 a.c=2@1 e.f=y@0 h=3@0 ");
}

TEST_CASE("a merge keeps what is not brought, in every spelling of a path") {
  CHECK(merged_members(R"("a":1,"b":2)", R"("b":3,"c":4)") == R"("a":1,"b":3,"c":4)");
  CHECK(merged_members("", R"("b":3)") == R"("b":3)");
  CHECK(merged_members(R"("a":1)", "") == R"("a":1)");
  CHECK(merged_members(R"("a":1,"v":[1],"b":2)", R"("c":3)", {"v", "b"}) == R"("a":1,"c":3)");
  CHECK(merged_members(R"("a":{"x":1,"y":{"p":1,"q":2}})", R"("a":{"y":{"q":3}})") ==
        R"("a":{"x":1,"y":{"p":1,"q":3}})");
  CHECK(merged_members(R"("a":{"x":1,"y":2})", R"("a.y":3)") == R"("a":{"x":1},"a.y":3)");
  CHECK(merged_members(R"("a.y":2,"a.x":1)", R"("a":{"y":3})") == R"("a.x":1,"a":{"y":3})");
  CHECK(merged_members(R"("a":{"y":2})", R"("a.y":3)") == R"("a.y":3)");
  CHECK(merged_members(R"("a":5)", R"("a":{"y":3})") == R"("a":{"y":3})");
  CHECK(merged_members(R"("a":5)", R"("a.y":3)") == R"("a.y":3)");
  CHECK(merged_members(R"("a":{"y":3},"a.z":1)", R"("a":5)") == R"("a":5)");
  CHECK(merged_members(R"("a":[1,2])", R"("a":[3])") == R"("a":[3])");
  CHECK(merged_members(R"("ab":1)", R"("a.b":2)") == R"("ab":1,"a.b":2)");
}

TEST_CASE("members are the same in any order, numbers digit by digit") {
  CHECK(same_members(R"("a":[1,{"d":2.50}],"b":"x","c":1.50)", R"("c":1.5,"b":"x","a":[1,{"d":2.5}])"));
  CHECK_FALSE(same_members(R"("a":[1,{"d":2.50}])", R"("a":[1,{"d":2.51}])"));
  CHECK_FALSE(same_members(R"("a":12345678901234567890123)", R"("a":12345678901234567890124)"));
  CHECK(same_members(R"("a":"\ud83d")", R"("a":"\ud83d")"));
  CHECK_FALSE(same_members(R"("a":"\ud83d")", R"("a":"\ud83c")"));
  CHECK_FALSE(same_members(R"("a":1)", R"("a":"1")"));
  CHECK_FALSE(same_members(R"("a":1)", R"("a":1,"b":null)"));
  CHECK(same_members("", ""));
}

TEST_CASE("fields are left out wherever they stand, and named if they were there") {
  const Pruned pruned = without_fields(R"("a":1.50,"b":{"c":[1],"d":2},"e":[{"f":1,"g":2},3],"h.i":4,"j":null,"b.x":5)",
                                       {"b.c", "e.f", "h.i", "j", "k", "b.x"});
  CHECK(pruned.members == R"("a":1.50,"b":{"d":2},"e":[{"g":2},3])");
  CHECK(pruned.removed == std::set<std::string>{"b.c", "b.x", "e.f", "h.i"});
  CHECK(without_fields("", {"a"}).members.empty());
}
