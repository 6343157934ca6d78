#include "models/model_folder/logit_scale.h"

#include <doctest/doctest.h>
#include <span>
#include <string>

#include "models/model_folder/safetensors_writer.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;
using namespace std::string_view_literals;

namespace {

Checkpoint checkpoint_of(const TensorSpec& spec, std::string_view bytes) {
  const TemporaryFolder folder;
  folder.write("model.safetensors", safetensors_header(std::span(&spec, 1)) + std::string(bytes));
  auto checkpoint = Checkpoint::open(folder.path());
  REQUIRE(checkpoint.ok());
  return *std::move(checkpoint);
}

Result<float> scale_of(const TensorSpec& spec, std::string_view bytes) {
  return read_logit_scale(checkpoint_of(spec, bytes));
}

constexpr std::string_view k_f32_ln_100 = "\x8e\x5d\x93\x40";  // 4.6051702

}  // namespace

TEST_CASE("a logit scale is the exponential of the checkpoint's scalar, in any of its types") {
  CHECK(*scale_of({"logit_scale", Dtype::f32, {}}, k_f32_ln_100) == doctest::Approx(100).epsilon(1e-5));
  CHECK(*scale_of({"logit_scale", Dtype::f32, {1}}, k_f32_ln_100) == doctest::Approx(100).epsilon(1e-5));
  CHECK(*scale_of({"logit_scale", Dtype::f16, {}}, "\x9b\x44") == doctest::Approx(100).epsilon(2e-3));
  CHECK(*scale_of({"logit_scale", Dtype::bf16, {}}, "\x93\x40") == doctest::Approx(100).epsilon(2e-2));
}

TEST_CASE("a checkpoint without a logit scale has none, which is no error") {
  CHECK(*scale_of({"other", Dtype::f32, {}}, k_f32_ln_100) == 0);
}

TEST_CASE("a logit scale that is no finite number is the checkpoint's fault") {
  for (const auto& scale : {scale_of({"logit_scale", Dtype::f32, {}}, "\x00\x00\xc0\x7f"sv),
                            scale_of({"logit_scale", Dtype::f32, {}}, "\x00\x00\x80\x7f"sv),
                            scale_of({"logit_scale", Dtype::f32, {}}, "\x00\x00\xc8\x42"sv),  // exp(100) is no float
                            scale_of({"logit_scale", Dtype::f16, {}}, "\x00\x7c"sv),
                            scale_of({"logit_scale", Dtype::i64, {}}, "\x01\0\0\0\0\0\0\0"sv),
                            scale_of({"logit_scale", Dtype::f32, {2}}, "\0\0\0\0\0\0\0\0"sv)}) {
    REQUIRE_FALSE(scale.ok());
    CHECK(scale.error().code == ErrorCode::corrupt_data);
    CHECK(scale.error().message.find("logit_scale") != std::string::npos);
  }
}

TEST_CASE("a logit bias is the checkpoint's scalar, where it has one, and must be finite") {
  const auto bias_of = [](const TensorSpec& spec, std::string_view bytes) {
    return read_logit_bias(checkpoint_of(spec, bytes));
  };
  CHECK(bias_of({"logit_bias", Dtype::f32, {1}}, "\x00\x00\x20\xc1"sv).value() == -10);
  CHECK_FALSE(bias_of({"other", Dtype::f32, {1}}, "\x00\x00\x20\xc1"sv).value());
  for (const auto& bias : {bias_of({"logit_bias", Dtype::f32, {}}, "\x00\x00\xc0\x7f"sv),
                           bias_of({"logit_bias", Dtype::f32, {2}}, "\0\0\0\0\0\0\0\0"sv)}) {
    REQUIRE_FALSE(bias.ok());
    CHECK(bias.error().code == ErrorCode::corrupt_data);
    CHECK(bias.error().message.find("logit_bias") != std::string::npos);
  }
}
