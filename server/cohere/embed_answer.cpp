#include "server/cohere/embed_answer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/json/number.h"
#include "base/json/reader.h"

namespace sightline::cohere {
namespace {

constexpr std::size_t k_max_dims = 8192;
constexpr std::size_t k_max_depth = 16;
// 96 vectors, and as many numbers in other places. Nothing of them is kept but the vectors.
constexpr json::Limits k_limits{.max_depth = k_max_depth, .max_values = 2'000'000};
constexpr double k_unit_tolerance = 1e-3;  // numbers are written with some seven digits

Error bad_answer(const std::string& what) {
  return {ErrorCode::unavailable, "Cohere's answer cannot be used: " + what};
}

/// Takes the answer apart as it is parsed, so that it costs no memory but the vectors'.
class AnswerReader {
 public:
  AnswerReader(std::size_t count, std::size_t dims) : count_(count), dims_(dims) {}

  const std::string& problem() const { return problem_; }
  std::vector<std::vector<float>> vectors;
  double tokens = 0;
  struct Size {
    double width = 0, height = 0;
  };
  std::vector<Size> sizes;  // of pictures; at most `count` and one more

  bool key(std::string_view decoded, json::Place) {
    key_ = decoded.substr(0, 64);
    return true;
  }
  bool open(json::Kind kind, std::size_t) {
    if (in_vector_) return not_a_number();
    enter(kind == json::Kind::object ? "{" : "[");
    if (path_ == "{images[{" && sizes.size() <= count_) sizes.emplace_back();
    if (path_ != "{embeddings{float[[") return true;
    if (vectors.size() == count_) return refuse("it has more than " + std::to_string(count_) + " vectors");
    in_vector_ = true;
    vectors.emplace_back().reserve(std::min(dims_, k_max_dims));
    return true;
  }
  bool close(json::Kind, std::size_t size, std::size_t) {
    if (in_vector_) {
      in_vector_ = false;
      const std::size_t wanted = dims_ != 0 ? dims_ : vectors.front().size();
      if (size != wanted || size == 0) {
        return refuse("vector " + std::to_string(vectors.size() - 1) + " has " + std::to_string(size) +
                      " numbers, not " + std::to_string(wanted));
      }
    }
    path_.resize(sizes_.back());
    sizes_.pop_back();
    return true;
  }
  bool scalar(json::Kind kind, std::string_view written, json::Place) {
    if (kind != json::Kind::number) return in_vector_ ? not_a_number() : true;
    const auto value = json::double_value(written);
    if (value) return take(*value);
    return in_vector_ ? not_a_number() : refuse("a number is too large for a double");
  }

 private:
  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool not_a_number() {
    return refuse("vector " + std::to_string(vectors.size() - 1) + " contains an element that is not a number");
  }

  /// The path is written as `{embeddings{float[[`: for each value that is open, the name under which it
  /// stands in its object, if it stands in one, and its opening bracket.
  void enter(const char* bracket) {
    sizes_.push_back(path_.size());
    if (path_.ends_with('{')) path_ += key_;
    path_ += bracket;
  }

  bool take(double number) {
    if (in_vector_) {
      if (vectors.back().size() == k_max_dims) return refuse("a vector has over 8192 numbers");
      if (std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) return not_a_number();
      vectors.back().push_back(static_cast<float>(number));
    } else if (path_ == "{meta{billed_units{" && key_ == "input_tokens") {
      tokens = number;
    } else if (path_ == "{images[{" && key_ == "width") {
      sizes.back().width = number;
    } else if (path_ == "{images[{" && key_ == "height") {
      sizes.back().height = number;
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
  const json::Fault fault = json::read(body, k_limits, answer);
  if (!answer.problem().empty()) return bad_answer(answer.problem());
  if (fault) {
    return bad_answer("it cannot be read at byte " + std::to_string(fault.offset) + ": " +
                      json::message(fault, k_limits));
  }
  if (answer.vectors.size() != count) {
    return bad_answer("it has " + std::to_string(answer.vectors.size()) + " vectors in embeddings.float, not " +
                      std::to_string(count));
  }
  serving::Embeddings embeddings(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!bring_to_unit_length(answer.vectors[i])) return bad_answer("vector " + std::to_string(i) + " is zero");
    embeddings[i].values = std::move(answer.vectors[i]);
    if (answer.sizes.size() != count) continue;
    embeddings[i].width = whole<std::uint32_t>(answer.sizes[i].width);
    embeddings[i].height = whole<std::uint32_t>(answer.sizes[i].height);
  }
  if (count > 0) embeddings.front().tokens = whole<std::size_t>(answer.tokens);
  return embeddings;
}

}  // namespace sightline::cohere
