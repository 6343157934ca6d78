// The members of request bodies: what each is called, what values it takes, and what is done with it.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/rest/json_view.h"

namespace sightline::elastic::rest {

/// How a request says who "we" are, in every message.
inline constexpr std::string_view k_store_name = "the embedded store";

/// What is done with a member of a body or a parameter of a URL. Those that no table lists are refused as unknown.
enum class Treatment {
  done,       ///< it does what Elasticsearch does with it
  no_effect,  ///< its value is checked; doing it could not change an answer here
  only_some,  ///< values that ask for nothing this store lacks are taken, others are refused
};

/// Kinds of JSON values, as a set.
using Kinds = unsigned;
inline constexpr Kinds k_null = 1, k_flag = 2, k_number = 4, k_text = 8, k_array = 16, k_object = 32;
/// "true" counts as a flag, and "7" as a number, as everywhere in Elasticsearch.
inline constexpr Kinds k_flags = k_flag | k_text, k_numbers = k_number | k_text, k_scalars = k_flag | k_number | k_text,
                       k_any = 63;

/// "a flag, a number or a text".
std::string kinds_text(Kinds kinds);

/// What docs and tests see of one row of a table.
struct MemberInfo {
  std::string_view name;
  Kinds kinds;
  Treatment treatment;
  std::string_view note;  ///< how it is done, why nothing need be done, or which values are taken
};

/// The type of errors in objects that Elasticsearch reads by its ObjectParser.
inline constexpr std::string_view k_content_error = "x_content_parse_exception";
/// Of those that it reads by hand: queries, and the body of a search.
inline constexpr std::string_view k_parsing_error = "parsing_exception";
inline constexpr std::string_view k_argument_error = "illegal_argument_exception";

/// Every table registers itself, so that docs and tests know all there are.
class MemberTableBase {
 public:
  MemberTableBase(const MemberTableBase&) = delete;
  MemberTableBase& operator=(const MemberTableBase&) = delete;

  /// Where the members stand, for the docs: "`match` query".
  std::string_view place() const { return place_; }
  /// The parser's name in messages: "match".
  std::string_view parser() const { return parser_; }
  const std::vector<MemberInfo>& members() const { return members_; }
  bool knows(std::string_view name) const { return info(name) != nullptr; }
  /// Null if there is no such member.
  const MemberInfo* info(std::string_view name) const;
  /// All tables of this program, by place.
  static std::vector<const MemberTableBase*> all();

 protected:
  /// All texts must outlive the table. `error_type`: of the error for a member that is unknown or of the wrong
  /// kind. Errors of a member's value keep their type, but for x_content_parse_exception, which they become.
  MemberTableBase(std::string_view place, std::string_view parser, std::string_view error_type);
  ~MemberTableBase() = default;
  void add(MemberInfo member) { members_.push_back(member); }
  /// The row of a member. Refuses unknown names, and kinds of values that the row does not take.
  std::size_t find(const JsonView& key, const JsonView& value) const;
  /// Runs `read` and wraps its errors.
  template <class Read>
  void wrapped(const JsonView& key, const JsonView& value, Read&& read) const {
    try {
      read();
    } catch (Refused& inner) {
      if (error_type_ != k_content_error) throw;
      refuse(error(value, "[" + std::string(key.text()) + "]: " + inner.error.reason));
    }
  }

 private:
  /// 400 of the table's type, with the place in the body.
  ElasticError error(const JsonView& where, const std::string& what) const;

  std::string_view place_, parser_, error_type_;
  std::vector<MemberInfo> members_;
};

/// A row that writes nothing down; see `no_effect`, `only_some`.
struct UnreadMember {
  using Check = void (*)(const JsonView& value, std::string_view name);
  MemberInfo info;
  Check check = nullptr;
};

/// A row: the member's name, kinds and note, and the function that reads it into the body's Target.
template <class Target>
struct Member {
  using Read = void (*)(const JsonView& key, const JsonView& value, Target& target);
  Member(std::string_view name, Kinds kinds, Read read_member, std::string_view note = {})
      : info{name, kinds, Treatment::done, note}, read(read_member) {}
  Member(const UnreadMember& unread) : info(unread.info), check(unread.check) {}  // NOLINT: implicit

  MemberInfo info;
  Read read = nullptr;
  UnreadMember::Check check = nullptr;
};

/// A member that Elasticsearch has and that could not change an answer of this store. `check` throws Refused
/// for values that Elasticsearch refuses; `why` says why nothing need be done.
inline UnreadMember no_effect(std::string_view name, Kinds kinds, UnreadMember::Check check, std::string_view why) {
  return {{name, kinds, Treatment::no_effect, why}, check};
}
/// A member of which only some values are taken: those that ask for what is done anyway. `check` throws
/// Refused for all others; `which` says which are taken.
inline UnreadMember only_some(std::string_view name, Kinds kinds, UnreadMember::Check check, std::string_view which) {
  return {{name, kinds, Treatment::only_some, which}, check};
}

/// The members of one kind of object. Made once, at namespace scope.
template <class Target>
class MemberTable : public MemberTableBase {
 public:
  using Rows = std::vector<Member<Target>>;

  MemberTable(std::string_view place, std::string_view parser, std::string_view error_type,
              std::initializer_list<Rows> groups)
      : MemberTableBase(place, parser, error_type) {
    for (const Rows& rows : groups) {
      for (const Member<Target>& row : rows) {
        add(row.info);
        rows_.push_back(row);
      }
    }
  }
  MemberTable(std::string_view place, std::string_view parser, std::string_view error_type,
              std::initializer_list<Member<Target>> rows)
      : MemberTable(place, parser, error_type, {Rows(rows)}) {}

  /// Reads one member into `target`. Throws Refused.
  void read_member(const JsonView& key, const JsonView& value, Target& target) const {
    const Member<Target>& row = rows_[find(key, value)];
    wrapped(key, value, [&] {
      if (row.read) return row.read(key, value, target);
      if (row.check) row.check(value, key.text());
    });
  }
  /// Reads all members of an object.
  void read(const JsonView& object, Target& target) const {
    object.each_member([&](const JsonView& key, const JsonView& value) { read_member(key, value, target); });
  }

 private:
  std::vector<Member<Target>> rows_;
};

template <class T>
struct OwnerOfField;
template <class Owner, class Field>
struct OwnerOfField<Field Owner::*> {
  using Type = Owner;
};

/// Reads a value by `Read(value, name)` into the field of a Target.
template <auto Field, auto Read>
void into(const JsonView& key, const JsonView& value, typename OwnerOfField<decltype(Field)>::Type& target) {
  target.*Field = Read(value, key.text());
}

/// Checks for rows that have no reader. They throw Refused.
void check_nothing(const JsonView& value, std::string_view name);  ///< for kinds of which any value will do
/// Refuses true.
void only_false(const JsonView& value, std::string_view name);
void check_time(const JsonView& value, std::string_view name);

/// A time as Elasticsearch writes it: "30s", "1.5h", "-1" (none), "0". Refuses all other texts.
std::chrono::milliseconds time_from(std::string_view name, std::string_view text);
std::chrono::milliseconds read_time(const JsonView& value, std::string_view name);

/// illegal_argument_exception "[name] is not supported by the embedded store", and what else is to be said.
ElasticError not_supported(std::string_view what, std::string_view more = {});

}  // namespace sightline::elastic::rest
