// sightline-eval: measures how well models retrieve, side by side.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <string_view>
#include <unistd.h>

#include "base/env_file.h"
#include "base/standard_streams.h"
#include "eval/report.h"
#include "eval/saved_evaluation.h"
#include "ingest/picture_files.h"
#include "ingest/progress.h"
#include "ingest/report_file.h"

namespace {

using namespace sightline;
using namespace sightline::eval;

enum ExitCode { k_all_measured = 0, k_some_failed = 1, k_bad_usage = 2, k_no_server = 3, k_interrupted = 130 };

std::atomic<bool> stop{false};

int refuse(ExitCode code, const std::string& message) {
  std::cerr << "sightline-eval: " << message << "\n";
  return code;
}

/// How many of some inputs are embedded.
class EmbeddingProgress {
 public:
  EmbeddingProgress(bool quiet, std::string what, std::size_t total)
      : line_(stderr, quiet), what_(std::move(what)), total_(total) {}
  void show(std::size_t done) {
    const bool last = done == total_;
    if (finished_ || (last && !line_.is_redrawn())) return;
    finished_ = last;
    line_.show([&] { return what_ + ": " + std::to_string(done) + " of " + std::to_string(total_); }, last);
  }

 private:
  ingest::ProgressLine line_;
  const std::string what_;
  const std::size_t total_;
  bool finished_ = false;
};

struct Options {
  std::string table, pictures, sets, server, json, html, env_file = k_default_env_file, ca_file, elasticsearch, save_as;
  bool save = false;
  std::vector<std::string> models;
  EmbeddingClient::Options client;
  std::uint64_t max_picture_bytes = 20u << 20;
  HtmlOptions page;
  double false_positive_rate = k_default_rate;
  bool rate_is_chosen = false;
  bool quiet = false;
};

/// Embeds the inputs for one model; failures go into `run` and `usable`.
class Embedding {
 public:
  Embedding(const Options& options, EmbeddingClient& client, const Evaluation& evaluation, ModelRun& run,
            Usable& usable)
      : options_(options), client_(client), evaluation_(evaluation), run_(run), usable_(usable) {}

  /// Errors: those of EmbeddingClient::embed; cancelled.
  Result<Embedded> all() {
    Embedded embedded;
    const auto& pictures = evaluation_.data.pictures();
    const auto& texts = evaluation_.inputs.texts();
    if (run_.description.reads_pictures && evaluation_.inputs.needs_pictures) {
      std::vector<std::size_t> which(pictures.size());
      for (std::size_t i = 0; i < which.size(); ++i) which[i] = i;
      const auto load = [&](std::size_t i) { return ingest::read_file(pictures[i].path, options_.max_picture_bytes); };
      const auto name = [&](std::size_t i) { return pictures[i].name; };
      auto vectors =
          some(EmbeddingClient::Kind::picture, "pictures", pictures.size(), which, load, name, usable_.pictures);
      if (!vectors.ok()) return vectors.error();
      embedded.pictures = std::move(*vectors);
    }
    if (!run_.description.reads_text) return embedded;
    for (const auto role : {Inputs::Role::query, Inputs::Role::document}) {
      std::vector<std::size_t> which;
      for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].role == role) which.push_back(i);
      }
      const bool query = role == Inputs::Role::query;
      const auto load = [&](std::size_t i) { return Result<std::string>(texts[i].text); };
      const auto name = [&](std::size_t i) { return texts[i].text; };
      auto vectors = some(query ? EmbeddingClient::Kind::query_text : EmbeddingClient::Kind::document_text,
                          query ? "queries" : "texts", texts.size(), which, load, name, usable_.texts);
      if (!vectors.ok()) return vectors.error();
      merge(embedded.texts, std::move(*vectors), which);
    }
    return embedded;
  }

 private:
  Result<Vectors> some(EmbeddingClient::Kind kind, const char* what, std::size_t count,
                       const std::vector<std::size_t>& which, const EmbeddingClient::Load& load,
                       const std::function<std::string(std::size_t)>& name, std::vector<bool>& usable) {
    EmbeddingProgress line(options_.quiet, run_.description.name + ": " + what, which.size());
    auto outcome = client_.embed(
        run_.description.name, kind, count, which, load, [&](std::size_t done) { line.show(done); }, stop);
    if (!outcome.ok()) return outcome.error();
    if (outcome->stopped) return Error{ErrorCode::cancelled, "interrupted"};
    for (InputFailure& failure : outcome->failures) {
      usable[failure.index] = false;
      run_.failures.push_back({name(failure.index), std::move(failure.reason)});
    }
    run_.truncated += outcome->truncated;
    const std::size_t dims = outcome->vectors.dims;
    if (dims > 0 && run_.dims > 0 && dims != run_.dims) {
      return Error{ErrorCode::unavailable, "its vectors of " + std::string(what) + " have " + std::to_string(dims) +
                                               " numbers, others " + std::to_string(run_.dims) +
                                               "; they cannot be compared"};
    }
    run_.dims = std::max(run_.dims, dims);
    return std::move(outcome->vectors);
  }

  static void merge(Vectors& into, Vectors from, const std::vector<std::size_t>& which) {
    if (from.dims == 0) return;
    if (into.dims == 0) {
      into = std::move(from);
      return;
    }
    for (const std::size_t i : which) {
      const auto vector = from.at(i);
      std::copy(vector.begin(), vector.end(), into.values.begin() + static_cast<std::ptrdiff_t>(i * into.dims));
    }
  }

  const Options& options_;
  EmbeddingClient& client_;
  const Evaluation& evaluation_;
  ModelRun& run_;
  Usable& usable_;
};

/// Whether a cut-off for the rate is possible, before hours of embedding. Errors: invalid_argument (no direction has
/// enough wrong pairs).
Status check_rate(const Evaluation& evaluation) {
  std::uint64_t most = 0;
  for (const Direction direction : k_directions) {
    std::uint64_t wrong = 0;
    for (const Task& task : evaluation.tasks) {
      if (task.set.direction == direction && counts_for_direction(task.set))
        wrong += wrong_pairs(task, evaluation.data);
    }
    most = std::max(most, wrong);
  }
  const std::uint64_t needed = wrong_pairs_needed(evaluation.false_positive_rate);
  if (most >= needed) return {};
  return Error{ErrorCode::invalid_argument,
               "--false-positive-rate: a cut-off for " + percent_text(evaluation.false_positive_rate) + " needs " +
                   std::to_string(needed) + " wrong pairs of a query and an answer, and no direction has more than " +
                   std::to_string(most) + "; add queries or pictures, or choose a higher rate"};
}

Status lay_out(const Options& options, Evaluation& evaluation) {
  auto data = Dataset::read(options.table, options.pictures);
  if (!data.ok()) return data.error();
  evaluation.table = options.table;
  evaluation.data = std::move(*data);
  auto sets = options.sets.empty() ? default_sets(evaluation.data) : read_sets(options.sets, evaluation.data);
  if (!sets.ok()) return sets.error();
  for (const RetrievalSet& set : sets->retrieval) {
    auto task = make_task(set, evaluation.data, evaluation.inputs);
    if (!task.ok()) return task.error();
    evaluation.tasks.push_back(std::move(*task));
  }
  for (const LabelSet& set : sets->zero_shot) {
    auto task = make_label_task(set, evaluation.data, evaluation.inputs);
    if (!task.ok()) return task.error();
    evaluation.label_tasks.push_back(std::move(*task));
  }
  evaluation.false_positive_rate = options.false_positive_rate;
  return options.rate_is_chosen ? check_rate(evaluation) : Status{};
}

void measure(Evaluation& evaluation, const std::vector<Embedded>& embedded, const Usable& usable) {
  evaluation.left_out_pictures =
      static_cast<std::size_t>(std::count(usable.pictures.begin(), usable.pictures.end(), false));
  evaluation.left_out_texts = static_cast<std::size_t>(std::count(usable.texts.begin(), usable.texts.end(), false));
  for (std::size_t i = 0; i < evaluation.models.size(); ++i) {
    ModelRun& run = evaluation.models[i];
    const ModelDescription& model = run.description;
    for (const Task& task : evaluation.tasks) {
      const Direction direction = task.set.direction;
      const bool texts = queries_are_texts(direction) || candidates_are_texts(direction);
      const bool pictures = !queries_are_texts(direction) || !candidates_are_texts(direction);
      if ((texts && !model.reads_text) || (pictures && !model.reads_pictures)) {
        run.retrieval.emplace_back();
      } else {
        run.retrieval.emplace_back(evaluate(task, evaluation.data, embedded[i], usable));
      }
    }
    for (const LabelTask& task : evaluation.label_tasks) {
      run.labels.push_back(model.reads_text && model.reads_pictures
                               ? evaluate(task, evaluation.data, embedded[i], usable)
                               : std::nullopt);
    }
  }
}

/// "2026-11-28T22:10:05Z"
std::string date_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// Opens the cluster for the report, and prepares the index.
Result<std::unique_ptr<ingest::Cluster>> open_cluster(const Options& options) {
  auto settings = ingest::ClusterSettings::read(options.env_file);
  if (!settings.ok()) return settings.error();
  if (!options.elasticsearch.empty()) settings->url = options.elasticsearch;
  auto cluster = ingest::Cluster::connect(*settings);
  if (!cluster.ok()) return cluster;
  if (const Status prepared = prepare_evaluations_index(**cluster); !prepared.ok())
    return Error{prepared.error().code, "the report cannot be saved: " + prepared.error().message};
  return cluster;
}

/// Where the reports go.
struct ReportFiles {
  std::optional<ingest::ReportFile> json, html;
};

/// Opens the files of the reports. Errors: invalid_argument (one cannot be written, is the other, or is read).
Result<ReportFiles> open_reports(const Options& options) {
  ReportFiles files;
  const auto open = [&](const std::string& name, std::string_view beginning, const char* option,
                        std::optional<ingest::ReportFile>& file) -> Status {
    if (name.empty()) return {};
    auto opened = ingest::ReportFile::open(name, beginning, option);
    if (!opened.ok()) return opened.error();
    file = std::move(*opened);
    for (const std::string& input : {options.table, options.sets, options.env_file, options.ca_file}) {
      if (!input.empty() && file->is_also(input))
        return Error{ErrorCode::invalid_argument,
                     "cannot write " + name + " (" + option + "): it is a file that this measurement reads"};
    }
    return {};
  };
  if (const Status opened = open(options.json, k_json_beginning, "--json", files.json); !opened.ok())
    return opened.error();
  if (files.json && !options.html.empty() && files.json->is_also(options.html))
    return Error{ErrorCode::invalid_argument, "--json and --html are the same file: " + options.html};
  if (const Status opened = open(options.html, k_html_beginning, "--html", files.html); !opened.ok())
    return opened.error();
  return files;
}

std::size_t print_failures(const Evaluation& evaluation) {
  constexpr std::size_t k_shown = 20;
  std::size_t count = 0;
  for (const ModelRun& run : evaluation.models) {
    for (const ModelRun::Failure& failure : run.failures) {
      if (count++ < k_shown)
        std::cout << (count == 1 ? "\nleft out for all models, because one failed for it:\n" : "") << "  "
                  << run.description.name << ": " << failure.input << ": " << failure.reason << "\n";
    }
  }
  if (count > k_shown) std::cout << "  and " << count - k_shown << " more; --json lists all\n";
  return count;
}

void declare(CLI::App& app, Options& options) {
  app.add_option("TABLE", options.table,
                 "CSV of pictures: `file`, `caption` (and caption_...), every other column an attribute")
      ->required();
  app.add_option("--model", options.models, "A model of the server, one per column; repeatable, or several names")
      ->required();
  app.add_option("--pictures", options.pictures,
                 "Folder that `file` is relative to (default: `pictures` beside the table, else the table's folder)");
  app.add_option("--sets", options.sets,
                 "JSON file of test sets (default: captions find pictures, pictures find captions)");
  app.add_option("--server", options.server,
                 "URL of sightline-server (default: SIGHTLINE_URL, else http://127.0.0.1:8080)");
  app.add_option("--json", options.json, "File for all results, query by query");
  app.add_option("--html", options.html, "File for a report with the worst and best queries");
  CLI::Option* const save =
      app.add_option("--save", options.save_as,
                     "Save the report in Elasticsearch, in the index sightline-evaluations, under this name (default: "
                     "the table's). A report of that name is replaced")
          ->expected(0, 1)
          ->type_name("[NAME]");
  app.add_option("--elasticsearch", options.elasticsearch,
                 "URL of the cluster for --save (default: from the settings, else http://127.0.0.1:9200)")
      ->needs(save);
  app.add_option("--examples", options.page.examples, "Worst and best queries shown per set and model")
      ->capture_default_str();
  app.add_option("--embed-bytes", options.page.max_embedded_bytes,
                 "Pictures up to this size are embedded in the report, larger ones are linked")
      ->capture_default_str();
  app.add_option("--false-positive-rate", options.false_positive_rate,
                 "Share of wrong answers that a cut-off lets through, from 0.0001 to 0.5: 0.05 is 5 %")
      ->capture_default_str();
  app.add_option("--in-flight", options.client.max_in_flight, "Simultaneous requests")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--texts", options.client.max_texts, "Texts per request")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--pictures-per-request", options.client.max_pictures, "Pictures per request")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--attempts", options.client.retry.max_attempts,
                 "Attempts per request before the measurement is aborted")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--max-picture-bytes", options.max_picture_bytes, "Larger files are reported, not sent")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--ca-file", options.ca_file,
                 "PEM file of the CA of an https server's certificate (default: SIGHTLINE_CA_FILE)");
  app.add_option("--env-file", options.env_file, "Settings file")->capture_default_str();
  app.add_flag("--quiet", options.quiet, "No progress, only the table");
  app.set_version_flag("--version", "sightline-eval " SIGHTLINE_VERSION);
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Measures how well models find pictures by text, texts by picture, texts by text and pictures by "
      "picture:\n"
      "recall, precision, MRR, nDCG, zero-shot accuracy; one column per model, all on the same pictures.\n"
      "Settings from the environment or .env: SIGHTLINE_URL, SIGHTLINE_API_KEY, SIGHTLINE_CA_FILE; for --save\n"
      "ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY (else ES_LOCAL_URL, ES_LOCAL_API_KEY), ELASTICSEARCH_USER,\n"
      "ELASTICSEARCH_PASSWORD and ELASTICSEARCH_CA_FILE.\n"
      "Exit codes: 0 all measured; 1 some inputs failed (they are named); 2 wrong usage; 3 no server, no such "
      "model,\n"
      "or the report could not be saved; 130 interrupted.");
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? k_all_measured : k_bad_usage;
  }
  options.save = app.count("--save") > 0;
  options.rate_is_chosen = app.count("--false-positive-rate") > 0;
  if (!(options.false_positive_rate >= k_lowest_rate && options.false_positive_rate <= k_highest_rate))
    return refuse(k_bad_usage, "--false-positive-rate: give a share from 0.0001 to 0.5, for example 0.05 for 5 %");
  if (options.save && options.save_as.empty()) options.save_as = std::filesystem::path(options.table).stem().string();
  if (options.save_as.size() > k_longest_run_name)
    return refuse(k_bad_usage, "--save: the name has " + std::to_string(options.save_as.size()) +
                                   " bytes; give one of at most " + std::to_string(k_longest_run_name));
  const auto settings = read_env_file(options.env_file);
  if (!settings.ok()) return refuse(k_bad_usage, settings.error().message);
  options.client.url = options.server.empty() ? setting(*settings, "SIGHTLINE_URL") : options.server;
  if (options.client.url.empty()) options.client.url = "http://127.0.0.1:8080";
  options.client.api_key = setting(*settings, "SIGHTLINE_API_KEY");
  options.client.ca_file = options.ca_file.empty() ? setting(*settings, "SIGHTLINE_CA_FILE") : options.ca_file;
  if (options.pictures.empty()) {
    const auto beside = std::filesystem::path(options.table).parent_path();
    options.pictures = (std::filesystem::is_directory(beside / "pictures") ? beside / "pictures" : beside).string();
  }
  std::set<std::string> names;
  for (const std::string& name : options.models) {
    if (!names.insert(name).second) return refuse(k_bad_usage, "model " + name + " is given twice");
  }

  auto reports = open_reports(options);
  if (!reports.ok()) return refuse(k_bad_usage, reports.error().message);
  Evaluation evaluation;
  if (const Status laid_out = lay_out(options, evaluation); !laid_out.ok())
    return refuse(k_bad_usage, laid_out.error().message);
  auto client = EmbeddingClient::connect(options.client);
  if (!client.ok()) return refuse(k_bad_usage, client.error().message);
  for (const std::string& name : options.models) {
    auto model = (*client)->describe(name);
    if (!model.ok()) return refuse(k_no_server, model.error().message);
    evaluation.models.push_back({std::move(*model), 0, 0, {}, {}, {}});
  }

  std::unique_ptr<ingest::Cluster> cluster;
  if (options.save) {  // checked before hours of embedding, not after
    auto opened = open_cluster(options);
    if (!opened.ok()) return refuse(k_no_server, opened.error().message);
    cluster = std::move(*opened);
  }

  const auto on_signal = [](int) {
    if (stop.exchange(true)) _exit(k_interrupted);  // second signal: do not wait for requests in flight
  };
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  Usable usable{std::vector<bool>(evaluation.data.pictures().size(), true),
                std::vector<bool>(evaluation.inputs.texts().size(), true)};
  std::vector<Embedded> embedded;
  for (ModelRun& model : evaluation.models) {
    auto vectors = Embedding(options, **client, evaluation, model, usable).all();
    if (stop) return refuse(k_interrupted, "interrupted; nothing was written");
    if (!vectors.ok()) return refuse(k_no_server, "model " + model.description.name + ": " + vectors.error().message);
    embedded.push_back(std::move(*vectors));
  }
  measure(evaluation, embedded, usable);

  std::cout << table_text(evaluation);
  const std::size_t failed = print_failures(evaluation);
  // One place that fails does not keep the report from the others.
  std::string unwritten;
  std::cout.flush();  // a report may go to /dev/stdout
  const auto write = [&](ingest::ReportFile& file, const std::string& content) {
    if (const Status written = file.write(content); !written.ok())
      unwritten.append(unwritten.empty() ? "" : "; ").append(written.error().message);
  };
  if (reports->json) write(*reports->json, json_text(evaluation));
  if (reports->html) {
    options.page.folder = std::filesystem::absolute(options.html).parent_path();
    write(*reports->html, html_text(evaluation, options.page));
  }
  if (cluster) {
    const SavedRun saved{options.save_as, date_now(), options.sets};
    if (const Status done = save_evaluation(*cluster, evaluation, saved); !done.ok())
      return refuse(k_no_server, unwritten.append(unwritten.empty() ? "" : "; ") +
                                     "the report was not saved: " + done.error().message);
    std::cout << "\nsaved as " << saved.name << " in " << k_evaluations_index << "\n";
  }
  if (!unwritten.empty()) return refuse(k_bad_usage, unwritten);
  return failed == 0 ? k_all_measured : k_some_failed;
}

}  // namespace

int main(int argc, char** argv) {
  sightline::open_missing_standard_streams();
  sightline::survive_broken_pipes();
  try {
    const int code = run(argc, argv);
    if (code == k_all_measured && !std::cout.flush())
      return refuse(k_some_failed, "cannot write to standard output: what is printed is not whole");
    return code;
  } catch (const std::exception& error) {
    return refuse(k_some_failed, std::string("stopped: ") + error.what());
  }
}
