// The parameters of a route's URL: what each is called, how its value is written, and what is done with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/rest/member_table.h"
#include "server/http/message.h"

namespace sightline::elastic::rest {

/// What docs and tests see of one row of a table.
struct ParameterInfo {
  std::string_view name;
  std::string_view type;  ///< "flag", "number", "time", "text", "list", or the words it takes: "red|green"
  Treatment treatment;
  std::string_view note = {};
};

/// A row that writes nothing down; see `no_effect`, `only_some`.
struct UnreadParameter {
  using Check = void (*)(std::string_view name, const std::string& text);
  ParameterInfo info;
  Check check = nullptr;
};

/// A row: the parameter and the function that reads it into what the route's handler gets.
template <class Target>
struct Parameter {
  using Read = std::function<void(std::string_view name, const std::string& text, Target& target)>;
  Parameter(std::string_view name, std::string_view type, Read read_parameter, std::string_view note = {})
      : info{name, type, Treatment::done, note}, read(std::move(read_parameter)) {}
  Parameter(const UnreadParameter& unread) : info(unread.info), check(unread.check) {}  // NOLINT: implicit

  ParameterInfo info;
  Read read;
  UnreadParameter::Check check = nullptr;
};

namespace parameter {

// Readers. They throw Refused.

/// "" and "true", "false".
bool flag(std::string_view name, const std::string& text);
/// "true", "false" alone, as the options of index names are.
bool plain_flag(std::string_view name, const std::string& text);
std::int32_t integer(std::string_view name, const std::string& text);
std::int64_t long_integer(std::string_view name, const std::string& text);
float decimal(std::string_view name, const std::string& text);
std::string text(std::string_view name, const std::string& text);
std::chrono::milliseconds time(std::string_view name, const std::string& text);

/// Reads by `Read` into a field of the Target.
template <auto Field, auto Read>
void into(std::string_view name, const std::string& text, typename OwnerOfField<decltype(Field)>::Type& target) {
  target.*Field = Read(name, text);
}

/// For the common parameters, which the REST layer reads for itself: checks by `Read`.
template <auto Read>
void into_nothing(std::string_view name, const std::string& text, bool&) {
  Read(name, text);
}

// Checks of rows that have no reader. They throw Refused.

void check_flag(std::string_view name, const std::string& text);
void check_integer(std::string_view name, const std::string& text);
void check_time(std::string_view name, const std::string& text);
void check_text(std::string_view name, const std::string& text);
void only_false(std::string_view name, const std::string& text);

inline UnreadParameter no_effect(std::string_view name, std::string_view type, UnreadParameter::Check check,
                                 std::string_view why) {
  return {{name, type, Treatment::no_effect, why}, check};
}
inline UnreadParameter only_some(std::string_view name, std::string_view type, UnreadParameter::Check check,
                                 std::string_view which) {
  return {{name, type, Treatment::only_some, which}, check};
}
}  // namespace parameter

/// The table without its Target.
class ParameterTableBase {
 public:
  ParameterTableBase(const ParameterTableBase&) = delete;
  ParameterTableBase& operator=(const ParameterTableBase&) = delete;

  const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  /// Refuses (throws Refused) parameters that neither this table has nor every request may have, and wrong values
  /// of the common ones.
  void check(const http::Request& request, const std::vector<std::pair<std::string, std::string>>& given) const;

 protected:
  ParameterTableBase() = default;
  ~ParameterTableBase() = default;
  void add(ParameterInfo parameter) { parameters_.push_back(parameter); }

 private:
  std::vector<ParameterInfo> parameters_;
};

/// The parameters of one route, or of several. Must outlive the router.
template <class Target>
class ParameterTable : public ParameterTableBase {
 public:
  using Rows = std::vector<Parameter<Target>>;

  ParameterTable(std::initializer_list<Rows> groups) {
    for (const Rows& rows : groups) {
      for (const Parameter<Target>& row : rows) {
        add(row.info);
        rows_.push_back(row);
      }
    }
  }

  /// Reads all that `request` gives, in the order of the rows; of one that is given twice the last. Throws
  /// Refused.
  void read(const http::Request& request, Target& target) const {
    const auto given = request.query_parameters();
    check(request, given);
    for (const Parameter<Target>& row : rows_) {
      for (auto one = given.rbegin(); one != given.rend(); ++one) {
        if (one->first != row.info.name) continue;
        if (row.read) row.read(one->first, one->second, target);
        if (row.check) row.check(one->first, one->second);
        break;
      }
    }
  }

 private:
  std::vector<Parameter<Target>> rows_;
};

/// What every request may have: pretty, human, error_trace, filter_path, format.
const std::vector<Parameter<bool>>& common_parameters();

}  // namespace sightline::elastic::rest
