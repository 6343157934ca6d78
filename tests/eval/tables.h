// Small tables and set files for tests.
#pragma once

#include <doctest/doctest.h>
#include <string>

#include "eval/sets.h"
#include "eval/task.h"
#include "tests/base/temporary_folder.h"

namespace sightline::eval {

/// Six houses and rooms; two share a caption, one has no second caption, one no colour.
inline constexpr const char* k_table =
    "file,caption,caption_short,kind,color,time\n"
    "a.jpg,a red house by day,red house,house,red,day\n"
    "b.jpg,a red house at night,red house,house,red,night\n"
    "c.jpg,a blue house by day,,house,blue,day\n"
    "d.jpg,a red kitchen at night,red kitchen,kitchen,red,night\n"
    "e.jpg,a blue kitchen at night,blue kitchen,kitchen,blue,night\n"
    "f.jpg,a kitchen,kitchen,kitchen,,day\n";

inline Dataset dataset(const TemporaryFolder& folder, const std::string& table = k_table) {
  auto data = Dataset::read(folder.write("table.csv", table), folder.path());
  REQUIRE_MESSAGE(data.ok(), (data.ok() ? "" : data.error().message));
  return std::move(*data);
}

inline Result<Sets> sets(const TemporaryFolder& folder, const Dataset& data, const std::string& json) {
  return read_sets(folder.write("sets.json", json), data);
}

/// The task of the only set in `json`.
inline Task task(const TemporaryFolder& folder, const Dataset& data, Inputs& inputs, const std::string& set) {
  auto read = sets(folder, data, "{\"sets\":[" + set + "]}");
  REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().message));
  auto made = make_task(read->retrieval.front(), data, inputs);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  return std::move(*made);
}

}  // namespace sightline::eval
