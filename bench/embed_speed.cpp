// Measures one model: seconds to load and to warm up, resident memory, milliseconds per input, inputs
// per second.
//
//   sightline-embed-speed FOLDER [--threads N] [--dtype float32] [--images 8] [--texts 16] [--seconds 10]
//   sightline-embed-speed FOLDER --serve-rounds [--rgb FILE] [--ids FILE]     by turns with other programs:
//                                                                             bench/rounds.h
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "bench/round_answer.h"
#include "bench/rounds.h"
#include "models/embedder.h"
#include "models/towers/blas_check.h"

namespace {

using namespace sightline;
using namespace sightline::models;
using bench::resident_mib;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

PreparedImage picture_of(std::uint32_t edge, std::uint32_t seed) {
  PreparedImage image;
  image.width = image.height = image.source_width = image.source_height = edge;
  image.rgb.resize(std::size_t{3} * edge * edge);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  return image;
}

/// Runs the batch repeatedly for about `seconds`. Prints the best and the median run, and the processor time per run,
/// which is valid even on a machine with other work.
bool measure(Embedder& embedder, const char* what, const std::vector<Prepared>& batch, double seconds) {
  std::vector<double> times;
  const std::clock_t cpu_start = std::clock();
  for (const auto start = Clock::now(); times.size() < 3 || seconds_since(start) < seconds;) {
    const auto begin = Clock::now();
    for (const auto& result : embedder.embed(batch)) {
      if (result) continue;
      std::fprintf(stderr, "%s: %s\n", what, result.error().message.c_str());
      return false;
    }
    times.push_back(seconds_since(begin));
  }
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC / static_cast<double>(times.size());
  std::sort(times.begin(), times.end());
  const double best = times.front(), middle = times[times.size() / 2], inputs = static_cast<double>(batch.size());
  std::printf("%-22s best %8.1f ms, median %8.1f ms, cpu %8.1f ms, %7.2f inputs/s at best, %zu runs\n", what,
              best * 1e3, middle * 1e3, cpu * 1e3, inputs / best, times.size());
  return true;
}

/// Prints the line that reports that the model is loaded, and then executes the commands from standard input.
int serve_rounds(Embedder& embedder, const std::string& rgb_file, const std::string& ids_file, double load_seconds) {
  const auto inputs = bench::read_round_inputs(rgb_file, ids_file, embedder.info());
  if (!inputs) return std::fprintf(stderr, "%s\n", inputs.error().message.c_str()), 1;
  std::cout << bench::RoundAnswer()
                   .add("load_s", load_seconds)
                   .add("resident_mib", resident_mib("VmRSS"))
                   .add("highest_mib", resident_mib("VmHWM"))
                   .line()
            << std::flush;
  bench::serve_rounds(embedder, *inputs, std::cin, std::cout);
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app("Measures loading, memory and speed of a model folder");
  Embedder::Options options;
  std::size_t images = 8, texts = 16;
  double seconds = 10;
  std::string rgb_file, ids_file;
  app.add_option("FOLDER", options.folder, "Hugging Face folder")->required();
  app.add_option("--threads", options.threads, "0: one a core")->capture_default_str();
  app.add_option("--dtype", options.dtype)->capture_default_str();
  app.add_option("--device", options.device)->capture_default_str();
  app.add_option("--images", images, "pictures in a batch")->capture_default_str();
  app.add_option("--texts", texts, "texts in a batch")->capture_default_str();
  app.add_option("--seconds", seconds, "for each measurement")->capture_default_str();
  bool rounds = false;
  CLI::Option* flag =
      app.add_flag("--serve-rounds", rounds, "load, then do what standard input asks for, line by line");
  app.add_option("--rgb", rgb_file, "pictures for --serve-rounds: windows of the model's size, 3 bytes per pixel")
      ->needs(flag)
      ->check(CLI::ExistingFile);
  app.add_option("--ids", ids_file, "texts for --serve-rounds: one per line, token ids separated by blanks")
      ->needs(flag)
      ->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);

  if (!rounds)
    std::printf("BLAS: %s\n%s", blas_description().c_str(),
                blas_warning().empty() ? "" : (blas_warning() + "\n").c_str());
  const auto start = Clock::now();
  auto loaded = Embedder::load(options);
  if (!loaded) return std::fprintf(stderr, "%s\n", loaded.error().message.c_str()), 1;
  Embedder& embedder = **loaded;
  const double load_seconds = seconds_since(start);
  if (Status warm = embedder.warm_up(); !warm) return std::fprintf(stderr, "%s\n", warm.error().message.c_str()), 1;
  if (rounds) return serve_rounds(embedder, rgb_file, ids_file, seconds_since(start));
  const ModelInfo& info = embedder.info();
  const double weights_mib = static_cast<double>(info.weight_bytes) / (1 << 20);
  std::printf("load %.2f s, warm-up %.2f s; weights %.0f MiB, resident %.0f MiB, highest %.0f MiB\n", load_seconds,
              seconds_since(start) - load_seconds, weights_mib, resident_mib("VmRSS"), resident_mib("VmHWM"));

  std::vector<Prepared> pictures, sentences;
  if (info.has_image) {
    for (std::size_t i = 0; i < images; ++i)
      pictures.emplace_back(picture_of(info.image_size, static_cast<std::uint32_t>(i)));
  }
  for (std::size_t i = 0; info.has_text && i < texts; ++i) {
    auto text = embedder.prepare_text("a white house with a pool and palm trees", Truncate::end);
    if (!text) return std::fprintf(stderr, "%s\n", text.error().message.c_str()), 1;
    sentences.emplace_back(std::move(*text));
  }
  bool good = true;
  if (!pictures.empty()) {
    good = good && measure(embedder, "1 picture", {pictures.front()}, seconds);
    good = good && measure(embedder, (std::to_string(images) + " pictures").c_str(), pictures, seconds);
  }
  if (!sentences.empty()) {
    good = good && measure(embedder, "1 text of 11 tokens", {sentences.front()}, seconds);
    good = good && measure(embedder, (std::to_string(texts) + " texts").c_str(), sentences, seconds);
  }
  std::printf("resident %.0f MiB, highest %.0f MiB\n", resident_mib("VmRSS"), resident_mib("VmHWM"));
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "sightline-embed-speed: %s\n", error.what()), 1;
  }
}
