#include "bench/rounds.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <sstream>
#include <stdexcept>

#include "bench/round_answer.h"

namespace sightline::bench {
namespace {

using Clock = std::chrono::steady_clock;
using models::Prepared;

constexpr std::size_t k_least_runs = 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::vector<float>> embed(models::Embedder& embedder, std::span<const Prepared> batch) {
  std::vector<std::vector<float>> vectors;
  for (auto& result : embedder.embed(batch)) {
    if (!result) throw std::runtime_error(result.error().message);
    vectors.push_back(std::move(*result));
  }
  return vectors;
}

std::span<const Prepared> first_of(const RoundInputs& inputs, const std::string& kind, std::size_t count) {
  if (kind != "images" && kind != "texts") throw std::runtime_error("\"" + kind + "\" is neither images nor texts");
  const std::vector<Prepared>& all = kind == "images" ? inputs.images : inputs.texts;
  if (count == 0 || count > all.size()) {
    throw std::runtime_error(std::to_string(count) + " " + kind + " asked for; the file of inputs has " +
                             std::to_string(all.size()));
  }
  return std::span(all).first(count);
}

/// Times `run`. The first run is not counted.
template <class Run>
std::string measure(double seconds, Run run) {
  run();  // the caches hold another program's data
  std::vector<double> times;
  const std::clock_t cpu_start = std::clock();
  for (const auto start = Clock::now(); times.size() < k_least_runs || seconds_since(start) < seconds;) {
    const auto begin = Clock::now();
    run();
    times.push_back(seconds_since(begin));
  }
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  std::sort(times.begin(), times.end());
  return RoundAnswer()
      .add("runs", std::uint64_t{times.size()})
      .add("median_s", times[times.size() / 2])
      .add("best_s", times.front())
      .add("cpu_s", cpu / static_cast<double>(times.size()))
      .add("resident_mib", resident_mib("VmRSS"))
      .add("highest_mib", resident_mib("VmHWM"))
      .line();
}

void write_file(const std::string& file, std::span<const char> bytes) {
  std::ofstream out(file, std::ios::binary);
  if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush())
    throw std::runtime_error(file + " cannot be written");
}

std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string write_vectors(models::Embedder& embedder, std::span<const Prepared> batch, const std::string& file) {
  const std::vector<std::vector<float>> vectors = embed(embedder, batch);
  std::vector<float> all;
  for (const std::vector<float>& vector : vectors) all.insert(all.end(), vector.begin(), vector.end());
  write_file(file, {reinterpret_cast<const char*>(all.data()), all.size() * sizeof(float)});
  return RoundAnswer()
      .add("count", std::uint64_t{vectors.size()})
      .add("dims", std::uint64_t{vectors.front().size()})
      .line();
}

models::PreparedImage prepare(const models::Embedder& embedder, const std::string& encoded) {
  auto image = embedder.prepare_image(encoded);
  if (!image) throw std::runtime_error(image.error().message);
  return std::move(*image);
}

std::string write_window(const models::Embedder& embedder, const std::string& picture, const std::string& file) {
  const models::PreparedImage image = prepare(embedder, content_of(picture));
  write_file(file, {reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()});
  return RoundAnswer().add("count", std::uint64_t{image.height}).add("dims", std::uint64_t{3} * image.width).line();
}

std::string run_command(models::Embedder& embedder, const RoundInputs& inputs, const std::string& line) {
  std::istringstream words(line);
  std::string what, kind, file, out;
  std::size_t count = 0;
  double seconds = 0;
  words >> what;
  if (what == "prepare" && words >> file >> seconds) {
    const std::string encoded = content_of(file);
    return measure(seconds, [&] { prepare(embedder, encoded); });
  }
  if (what == "files" && words >> count >> file >> seconds && count > 0) {
    const std::string encoded = content_of(file);
    return measure(seconds, [&] {
      std::vector<Prepared> batch;
      for (std::size_t i = 0; i < count; ++i) batch.emplace_back(prepare(embedder, encoded));
      embed(embedder, batch);
    });
  }
  if (what == "window" && words >> file >> out) return write_window(embedder, file, out);
  if (what == "vectors" && words >> kind >> count >> out)
    return write_vectors(embedder, first_of(inputs, kind, count), out);
  if ((what == "images" || what == "texts") && words >> count >> seconds) {
    const std::span<const Prepared> batch = first_of(inputs, what, count);
    return measure(seconds, [&] { embed(embedder, batch); });
  }
  throw std::runtime_error("\"" + line + "\" is no command; bench/rounds.h lists them");
}

std::vector<Prepared> read_windows(const std::string& file, std::uint32_t edge) {
  const std::string bytes = content_of(file);
  const std::size_t window = std::size_t{3} * edge * edge;
  if (bytes.empty() || bytes.size() % window != 0) {
    throw std::runtime_error(file + ": " + std::to_string(bytes.size()) +
                             " bytes, which is no whole number of pictures of " + std::to_string(edge) + " x " +
                             std::to_string(edge) + " pixels of 3 bytes");
  }
  std::vector<Prepared> images;
  for (std::size_t at = 0; at < bytes.size(); at += window) {
    models::PreparedImage image;
    image.width = image.height = image.source_width = image.source_height = edge;
    image.rgb.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     bytes.begin() + static_cast<std::ptrdiff_t>(at + window));
    images.emplace_back(std::move(image));
  }
  return images;
}

std::vector<Prepared> read_ids(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + " cannot be read");
  std::vector<Prepared> texts;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    models::PreparedText text;
    for (std::int32_t id = 0; words >> id;) text.ids.push_back(id);
    if (text.ids.empty() || !words.eof()) {
      throw std::runtime_error(file + ": line " + std::to_string(texts.size() + 1) + " is no list of token ids");
    }
    text.full_length = text.ids.size();
    texts.emplace_back(std::move(text));
  }
  return texts;
}

}  // namespace

Result<RoundInputs> read_round_inputs(const std::string& rgb_file, const std::string& ids_file,
                                      const models::ModelInfo& info) {
  try {
    RoundInputs inputs;
    if (!rgb_file.empty()) inputs.images = read_windows(rgb_file, info.image_size);
    if (!ids_file.empty()) inputs.texts = read_ids(ids_file);
    return inputs;
  } catch (const std::runtime_error& error) {
    return Error{ErrorCode::invalid_argument, error.what()};
  }
}

void serve_rounds(models::Embedder& embedder, const RoundInputs& inputs, std::istream& commands,
                  std::ostream& answers) {
  for (std::string line; std::getline(commands, line) && line != "quit";) {
    std::string answer;
    try {
      answer = run_command(embedder, inputs, line);
    } catch (const std::runtime_error& error) {
      answer = RoundAnswer().add("error", std::string(error.what())).line();
    }
    answers << answer << std::flush;
  }
}

}  // namespace sightline::bench
