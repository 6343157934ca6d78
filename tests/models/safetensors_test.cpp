#include "models/model_folder/safetensors.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <string>

#include "models/model_folder/safetensors_writer.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

/// A file of this header and so many bytes of data; the length as given, or the true one.
std::string file_of(const std::string& header, std::size_t data_bytes, std::uint64_t length = UINT64_MAX) {
  if (length == UINT64_MAX) length = header.size();
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file.push_back(static_cast<char>(length >> shift & 0xff));
  return file + header + std::string(data_bytes, '\1');
}

Result<std::vector<TensorView>> read(const std::string& content) {
  const TemporaryFolder folder;
  return read_safetensors(folder.write("model.safetensors", content));
}

/// Reads and gives the error's message; the code must be `code`.
std::string fault(const std::string& content, ErrorCode code = ErrorCode::corrupt_data) {
  const auto tensors = read(content);
  REQUIRE_FALSE(tensors.ok());
  CHECK(tensors.error().code == code);
  CHECK(tensors.error().message.find("model.safetensors") != std::string::npos);
  return tensors.error().message;
}

bool says(const std::string& message, const std::string& part) {
  INFO(message);
  const bool found = message.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("tensors are read with name, dtype, shape and bytes, in the order of their bytes") {
  const auto tensors = read(file_of(R"({"b":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]},)"
                                    R"("__metadata__":{"format":"pt"},)"
                                    R"("a":{"data_offsets":[0,8],"dtype":"I64","shape":[]},)"
                                    R"("none":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]}}  )",
                                    20));
  REQUIRE(tensors.ok());
  REQUIRE(tensors->size() == 3);
  CHECK((*tensors)[0].name == "a");
  CHECK((*tensors)[0].dtype == Dtype::i64);
  CHECK((*tensors)[0].shape.empty());
  CHECK((*tensors)[1].name == "none");
  CHECK((*tensors)[1].elements() == 0);
  CHECK((*tensors)[2].name == "b");
  CHECK((*tensors)[2].shape == std::vector<std::int64_t>{2, 3});
  CHECK((*tensors)[2].elements() == 6);
  CHECK((*tensors)[2].bytes()->front() == 1);
}

TEST_CASE("what the writer writes is what the reader reads") {
  const std::vector<TensorSpec> specs{{"x", Dtype::bf16, {3}}, {"quoted \"name\" é", Dtype::f32, {2, 1}}};
  const auto tensors = read(safetensors_header(specs) + std::string(6, 'a') + std::string(8, 'b'));
  REQUIRE(tensors.ok());
  REQUIRE(tensors->size() == 2);
  CHECK((*tensors)[1].name == specs[1].name);
  CHECK((*tensors)[1].shape == specs[1].shape);
  CHECK(*(*tensors)[1].bytes() == std::string(8, 'b'));
}

TEST_CASE("a file that ends before or inside its header is refused") {
  says(fault(""), "is empty (0 bytes)");
  says(fault("1234567"), "ends after 7 bytes");
  says(fault(file_of("{}", 0, 3)), "claims a header of 3 bytes but has only 10");
}

TEST_CASE("a header longer than 100 MB is refused before it is read") {
  says(fault(file_of("{}", 0, 100'000'001)), "at most 100000000");
  says(fault(file_of("{}", 0, UINT64_MAX - 1)), "at most 100000000");
}

TEST_CASE("a header that is not one JSON object in UTF-8 is refused") {
  says(fault(file_of("[]", 0)), "not a JSON object");
  says(fault(file_of(R"({"a":)", 0)), "not JSON");
  says(fault(file_of("{} {}", 0)), "not JSON");
  says(fault(file_of("{\"\xff\":{}}", 0)), "UTF-8");
}

TEST_CASE("a header with values where the format has none is refused, naming the tensor") {
  const char* const k_bad[] = {
      R"({"bad":[]})",
      R"({"bad":null})",
      R"({"bad":{}})",
      R"({"bad":{"dtype":"F32","shape":[1]}})",
      R"({"bad":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
      R"({"bad":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})",
      R"({"bad":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
      R"({"bad":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
      R"({"bad":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})",
      R"({"bad":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})",
      R"({"bad":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})",
      R"({"bad":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}})",
      R"({"bad":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})",
  };
  for (const char* header : k_bad) {
    INFO(header);
    says(fault(file_of(header, 4)), "\"bad\"");
  }
  says(fault(file_of(R"({"__metadata__":{"a":1}})", 0)), "a number");
  says(fault(file_of(R"({"__metadata__":{},"__metadata__":{}})", 0)), "second __metadata__");
}

TEST_CASE("nesting of any depth is refused without recursion") {
  std::string header = R"({"a":)";
  for (int i = 0; i < 1'000'000; ++i) header += "[";
  fault(file_of(header, 0));
}

TEST_CASE("an element type of another kind is unsupported, naming the tensor") {
  const std::string message =
      fault(file_of(R"({"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8), ErrorCode::unsupported);
  says(message, "\"w\" has dtype \"F64\"");
}

TEST_CASE("a shape that does not fill its range is refused") {
  says(fault(file_of(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
       "\"w\" is F32 [3] but has 8 bytes");
  says(fault(file_of(R"({"w":{"dtype":"F16","shape":[],"data_offsets":[0,4]}})", 4)),
       "\"w\" is F16 [] but has 4 bytes");
}

TEST_CASE("a shape whose size overflows is refused, even where a zero would hide it") {
  // 2^62 * 4 bytes = 2^64, which is 0 in 64 bits.
  fault(file_of(R"({"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0));
  fault(file_of(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0));
  fault(file_of(R"({"w":{"dtype":"F32","shape":[18446744073709551615,0],"data_offsets":[0,0]}})", 0));
}

TEST_CASE("a range outside the file, or backwards, is refused") {
  says(fault(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7)), "claims bytes 0 to 8 of 7");
  says(fault(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8)), "claims bytes 8 to 0");
  fault(file_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}})", 8));
}

TEST_CASE("ranges that overlap or leave bytes to nobody are refused") {
  says(fault(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                     12)),
       "\"a\" and \"b\" overlap");
  says(fault(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                     8)),
       "overlap");
  says(fault(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)), "4 bytes before tensor \"a\"");
  says(fault(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8)), "last 4 bytes");
}

TEST_CASE("a name that is listed twice is refused") {
  says(fault(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                     R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                     8)),
       "\"a\" is listed twice");
}

TEST_CASE("a real file cut at any of many places is refused") {
  const std::string whole = content_of(fixture("clip-gelu-f16/model.safetensors"));
  REQUIRE(read(whole).ok());
  for (std::size_t length = 0; length < whole.size(); length = length * 5 / 3 + 1) {
    INFO(length);
    fault(whole.substr(0, length));
  }
  fault(whole + "x");
}

TEST_CASE("a missing file and a folder under its name are told apart") {
  const TemporaryFolder folder;
  const auto missing = read_safetensors(folder.path() / "model.safetensors");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::not_found);
  const auto directory = read_safetensors(folder.path());
  REQUIRE_FALSE(directory.ok());
  CHECK(directory.error().code == ErrorCode::unsupported);
}
