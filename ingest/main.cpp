// sightline-ingest: loads folders of pictures into Elasticsearch.
#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include "base/standard_streams.h"
#include "ingest/loader.h"

namespace {

using namespace sightline;
using namespace sightline::ingest;

enum ExitCode {
  k_all_indexed = 0,
  k_some_failed = 1,
  k_bad_usage = 2,
  k_no_cluster = 3,
  k_interrupted = 130
};

std::atomic<bool> stop{false};

int refuse(ExitCode code, const std::string& message) {
  std::cerr << "sightline-ingest: " << message << "\n";
  return code;
}

std::string csv_field(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c == '\n' ? ' ' : c);
  return quoted + "\"";
}

bool write_report(const std::string& file, const std::vector<Failure>& failures) {
  std::ofstream out(file);
  out << "file,status,attempts,reason\n";
  for (const Failure& failure : failures) {
    out << csv_field(failure.name) << ',' << failure.status << ',' << failure.attempts << ','
        << csv_field(failure.reason) << '\n';
  }
  return static_cast<bool>(out.flush());
}

void print_summary(const Tally& tally, const std::vector<Failure>& failures, const std::string& report) {
  std::cout << tally.indexed << " indexed";
  if (tally.skipped > 0) std::cout << ", " << tally.skipped << " already there";
  if (tally.duplicates > 0) std::cout << ", " << tally.duplicates << " with the same bytes as another file";
  std::cout << ", " << tally.failed << " failed";
  if (tally.retried > 0) std::cout << ", " << tally.retried << " sent again";
  std::cout << "\n";
  constexpr std::size_t k_shown = 5;
  for (std::size_t i = 0; i < std::min(k_shown, failures.size()); ++i) {
    std::cout << "  " << failures[i].name << ": " << failures[i].reason << "\n";
  }
  if (failures.size() > k_shown) std::cout << "  and " << failures.size() - k_shown << " more\n";
  if (!failures.empty()) std::cout << "all failures with their reasons: " << report << "\n";
}

int run(int argc, char** argv) {
  std::vector<std::string> folders;
  std::string attributes_file, url, env_file = ".env", report = "sightline-ingest-failures.csv";
  Loader::Options options;
  int timeout_s = 600;
  bool quiet = false;

  CLI::App app(
      "Loads folders of pictures into Elasticsearch, through _bulk and an ingest pipeline that embeds them.\n"
      "Each picture becomes a document with image_name, image_data (base64) and its attributes; the SHA-256 "
      "of its bytes is\n"
      "its _id, so loading a picture twice leaves one document.\n"
      "Settings from the environment or .env: ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY (else ES_LOCAL_URL, "
      "ES_LOCAL_API_KEY),\n"
      "ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, ELASTICSEARCH_CA_FILE.\n"
      "Exit codes: 0 all indexed; 1 some failed (see the report); 2 wrong usage; 3 no cluster, or no such "
      "index; 130 interrupted.");
  app.add_option("FOLDER", folders, "Folders of JPEG, PNG, WebP, GIF and BMP files, with all below them")
      ->required();
  app.add_option("--index", options.index, "Index to load into, e.g. clip-images")->required();
  app.add_option("--elasticsearch", url,
                 "URL of the cluster (default: from the settings, else http://127.0.0.1:9200)");
  app.add_option("--pipeline", options.pipeline, "Ingest pipeline (default: the index's default pipeline)");
  app.add_option("--attributes", attributes_file,
                 "CSV or NDJSON file: what is known of each picture; its column `file` names the picture");
  app.add_flag("--resume", options.resume, "Send only pictures that the index does not hold yet");
  app.add_option("--report", report, "File for the failures, made only if there are any")
      ->capture_default_str();
  app.add_option("--bulk-bytes", options.max_bulk_bytes, "Greatest size of one bulk body, in bytes")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--bulk-documents", options.max_bulk_documents, "Most documents in one bulk")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--in-flight", options.max_in_flight, "Bulks under way at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--attempts", options.max_attempts, "Times a document is sent before it is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--timeout", timeout_s, "Seconds to wait for the answer to one bulk")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--max-picture-bytes", options.max_picture_bytes, "Larger files are reported, not sent")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--env-file", env_file, "Settings file")->capture_default_str();
  app.add_flag("--quiet", quiet, "No progress, only the summary");
  app.set_version_flag("--version", SIGHTLINE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? k_all_indexed : k_bad_usage;
  }

  FoundPictures found;
  for (const std::string& folder : folders) {
    auto in_folder = find_pictures(folder);
    if (!in_folder.ok()) return refuse(k_bad_usage, in_folder.error().message);
    std::move(in_folder->pictures.begin(), in_folder->pictures.end(), std::back_inserter(found.pictures));
    found.ignored += in_folder->ignored;
  }
  if (found.pictures.empty())
    return refuse(k_bad_usage, "no pictures in " + folders.front() +
                                   " (names must end in .jpg, .jpeg, .png, .webp, .gif or .bmp)");
  Attributes attributes;
  if (!attributes_file.empty()) {
    auto read = Attributes::read(attributes_file);
    if (!read.ok()) return refuse(k_bad_usage, read.error().message);
    attributes = std::move(*read);
  }

  auto settings = ClusterSettings::read(env_file);
  if (!settings.ok()) return refuse(k_bad_usage, settings.error().message);
  if (!url.empty()) settings->url = url;
  settings->max_connections = options.max_in_flight + 1;
  settings->bulk_timeout = std::chrono::seconds(timeout_s);
  auto cluster = Cluster::connect(*settings);
  if (!cluster.ok()) return refuse(k_bad_usage, cluster.error().message);
  const auto index = (*cluster)->index_state(options.index);
  if (!index.ok()) return refuse(k_no_cluster, index.error().message);
  if (!index->exists)
    return refuse(k_no_cluster, "no index " + options.index +
                                    "; scripts/register_endpoints.sh creates those of the models");
  if (options.pipeline.empty() && index->default_pipeline.empty()) {
    std::cerr << "sightline-ingest: note: index " << options.index
              << " has no default pipeline and --pipeline is not given: the pictures will not be embedded\n";
  }

  const auto on_signal = [](int) {
    if (stop.exchange(true)) _exit(k_interrupted);  // asked twice: do not wait for what is in flight
  };
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::cout << found.pictures.size() << " pictures";
  if (found.ignored > 0) std::cout << " (" << found.ignored << " other files ignored)";
  std::cout << " to " << options.index << " at " << settings->url << std::endl;

  Progress progress(stderr, quiet);
  Loader loader(**cluster, options);
  const Tally tally = loader.load(found.pictures, attributes, progress, stop);
  if (const Status refreshed = (*cluster)->refresh(options.index); !refreshed.ok()) {
    std::cerr << "sightline-ingest: note: " << refreshed.error().message << "\n";
  }
  print_summary(tally, loader.failures(), report);
  if (!loader.failures().empty() && !write_report(report, loader.failures())) {
    std::cerr << "sightline-ingest: cannot write the report " << report << " (--report)\n";
  }
  if (const auto count = (*cluster)->count(options.index); count.ok()) {
    std::cout << options.index << " holds " << *count << " documents\n";
  }
  if (stop) return refuse(k_interrupted, "interrupted; --resume goes on where this stopped");
  return tally.failed == 0 ? k_all_indexed : k_some_failed;
}

}  // namespace

int main(int argc, char** argv) {
  sightline::open_missing_standard_streams();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return refuse(k_some_failed,
                  std::string("stopped: ") + error.what() + "; --resume goes on where this stopped");
  }
}
