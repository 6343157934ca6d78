// Sets of the evaluation.
#include "eval/dataset.h"
#include "eval/sets.h"
#include "fuzz/target.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  static const auto dataset = [] {
    folder.write("table.csv", "file,kind,time,caption\na.jpg,house,day,a house\nb.jpg,boat,night,a boat\n");
    return eval::Dataset::read(folder.path() / "table.csv", folder.path());
  }();
  fuzz::require(dataset.ok(), "the table can be read");
  folder.write("sets.json", fuzz::text_of(data, size));
  eval::read_sets(folder.path() / "sets.json", *dataset);
  return 0;
}
