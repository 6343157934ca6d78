#include "server/cohere/embed_answer.h"

#include <cmath>
#include <limits>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <string>

namespace sightline::cohere {
namespace {

constexpr std::size_t k_max_dims = 8192;
constexpr std::size_t k_max_depth = 16;
constexpr double k_unit_tolerance = 1e-3;  // numbers are written with some seven digits

Error bad_answer(const std::string& what) {
  return {ErrorCode::unavailable, "Cohere's answer cannot be used: " + what};
}

/// Takes the answer apart as it is parsed, so that it costs no memory but the vectors'.
class AnswerReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, AnswerReader> {
 public:
  AnswerReader(std::size_t count, std::size_t dims) : count_(count), dims_(dims) {}

  const std::string& problem() const { return problem_; }
  std::vector<std::vector<float>> vectors;
  double tokens = 0, width = 0, height = 0;

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_.assign(text, std::min<std::size_t>(size, 64));
    return true;
  }
  bool StartObject() { return in_vector_ ? not_a_number() : enter("{"); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() {
    if (in_vector_) return not_a_number();
    if (!enter("[")) return false;
    if (path_ != "{embeddings{float[[") return true;
    if (vectors.size() == count_) return refuse("it has more than " + std::to_string(count_) + " vectors");
    in_vector_ = true;
    vectors.emplace_back().reserve(dims_);
    return true;
  }
  bool EndArray(rapidjson::SizeType size) {
    if (in_vector_) {
      in_vector_ = false;
      const std::size_t wanted = dims_ != 0 ? dims_ : vectors.front().size();
      if (size != wanted || size == 0) {
        return refuse("vector " + std::to_string(vectors.size() - 1) + " has " + std::to_string(size) +
                      " numbers, not " + std::to_string(wanted));
      }
    }
    return leave();
  }
  bool Int(int number) { return take(number); }
  bool Uint(unsigned number) { return take(number); }
  bool Int64(std::int64_t number) { return take(static_cast<double>(number)); }
  bool Uint64(std::uint64_t number) { return take(static_cast<double>(number)); }
  bool Double(double number) { return take(number); }
  bool Default() { return in_vector_ ? not_a_number() : true; }  // null, true, false
  bool String(const char*, rapidjson::SizeType, bool) { return Default(); }

 private:
  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool not_a_number() {
    return refuse("vector " + std::to_string(vectors.size() - 1) + " holds something that is no number");
  }

  /// The path is written as `{embeddings{float[[`: for each value that is open, the name under which it
  /// stands in its object, if it stands in one, and its opening bracket.
  bool enter(const char* bracket) {
    if (sizes_.size() == k_max_depth) return refuse("it is nested too deep");
    sizes_.push_back(path_.size());
    if (path_.ends_with('{')) path_ += key_;
    path_ += bracket;
    return true;
  }
  bool leave() {
    path_.resize(sizes_.back());
    sizes_.pop_back();
    return true;
  }

  bool take(double number) {
    if (in_vector_) {
      if (vectors.back().size() == k_max_dims) return refuse("a vector has over 8192 numbers");
      if (std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) return not_a_number();
      vectors.back().push_back(static_cast<float>(number));
    } else if (path_ == "{meta{billed_units{" && key_ == "input_tokens") {
      tokens = number;
    } else if (path_ == "{images[{" && key_ == "width") {
      width = number;
    } else if (path_ == "{images[{" && key_ == "height") {
      height = number;
    }
    return true;
  }

  const std::size_t count_, dims_;
  std::string path_, key_, problem_;
  std::vector<std::size_t> sizes_;  // of the path, before each value that is open
  bool in_vector_ = false;
};

/// False if the vector has no direction.
bool bring_to_unit_length(std::vector<float>& vector) {
  double square = 0;
  for (const float number : vector) square += static_cast<double>(number) * number;
  const double length = std::sqrt(square);
  if (!(length > 1e-12)) return false;
  if (std::abs(length - 1) <= k_unit_tolerance) return true;
  for (float& number : vector) number = static_cast<float>(number / length);
  return true;
}

/// A number of Cohere's that is only told on, and so is believed if it can be.
template <class T>
T whole(double number) {
  return number > 0 && number < std::numeric_limits<std::uint32_t>::max() ? static_cast<T>(number) : 0;
}

}  // namespace

Result<serving::Embeddings> read_embed_answer(std::string_view body, std::size_t count, std::size_t dims) {
  AnswerReader answer(count, dims);
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  const auto parsed =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(stream, answer);
  if (!answer.problem().empty()) return bad_answer(answer.problem());
  if (parsed.IsError()) {
    return bad_answer("it is no JSON at byte " + std::to_string(parsed.Offset()) + ": " +
                      rapidjson::GetParseError_En(parsed.Code()));
  }
  if (answer.vectors.size() != count) {
    return bad_answer("it has " + std::to_string(answer.vectors.size()) +
                      " vectors in embeddings.float, not " + std::to_string(count));
  }
  serving::Embeddings embeddings(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!bring_to_unit_length(answer.vectors[i]))
      return bad_answer("vector " + std::to_string(i) + " is zero");
    embeddings[i].values = std::move(answer.vectors[i]);
  }
  embeddings.front().tokens = whole<std::size_t>(answer.tokens);
  embeddings.front().width = whole<std::uint32_t>(answer.width);
  embeddings.front().height = whole<std::uint32_t>(answer.height);
  return embeddings;
}

}  // namespace sightline::cohere
