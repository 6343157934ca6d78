// sightline-ingest: loads folders of pictures into Elasticsearch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <thread>
#include <unistd.h>

#include "base/data_url.h"
#include "base/env_file.h"
#include "base/picture_url.h"
#include "base/readable_file.h"
#include "base/standard_streams.h"
#include "ingest/cohere_cost.h"
#include "ingest/file_list.h"
#include "ingest/index_fields.h"
#include "ingest/load_plan.h"
#include "ingest/loader.h"
#include "ingest/report.h"
#include "ingest/stage_times.h"

namespace {

using namespace sightline;
using namespace sightline::ingest;

enum ExitCode { k_all_indexed = 0, k_some_failed = 1, k_bad_usage = 2, k_no_cluster = 3, k_interrupted = 130 };

constexpr const char* k_about =
    R"(Loads folders of pictures into Elasticsearch, through _bulk and an ingest pipeline that embeds them.
Each picture becomes a document with image_name, image_data (base64) and the attributes of its row in a table. Its _id is
the SHA-256 of its bytes, so loading a picture twice leaves one document. Documents that the index
already has keep the fields that this load does not set.
What cannot be read (a broken link, a folder without permission, a socket) is named in the report; the rest is loaded.
With --files-from only the files of a list are loaded, for example of those that find prints.
Settings from the environment or .env: ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY (else ES_LOCAL_URL, ES_LOCAL_API_KEY),
ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, ELASTICSEARCH_CA_FILE.
Exit codes: 0 all indexed; 1 some failed (see the report); 2 wrong usage; 3 no cluster, one that is not ready, or no such
index; 130 interrupted.)";

constexpr const char* k_examples =
    R"(Examples:
  sightline-ingest photos --index clip-images --attributes photos.csv
  sightline-ingest photos --index clip-images --attributes photos.csv --column-type zip=text --resume
  find photos -name '*.jpg' -cnewer stamp -printf '%P\0' | sightline-ingest photos --index clip-images --files-from - --null
  sightline-ingest houses --index clip-images --attributes houses.csv --file-column kitchen --file-column frontal
  sightline-ingest houses --index clip-images --attributes houses.csv --file-column frontal --file-column kitchen \
      --one-document-per row --id column:house_id)";

std::atomic<bool> stop{false};

int refuse(ExitCode code, const std::string& message) {
  std::cerr << "sightline-ingest: " << message << "\n";
  return code;
}

/// Why the cluster's answers of before the load do not do.
int refuse_cluster(const Error& error) {
  return refuse(k_no_cluster, error.message + (may_pass(error) ? "; nothing was loaded, try again later" : ""));
}

void note(const std::string& message) {
  std::cerr << "sightline-ingest: note: " << message << "\n";
}

/// What the command line says.
struct Command {
  std::vector<std::string> folders, file_columns{"file"}, column_types;
  std::string files_from, attributes_file, url, env_file = k_default_env_file, report = "sightline-ingest-report.csv",
                                                separator, id = "hash", document_per = "picture";
  bool null_separated = false;
  Loader::Options load;
  int timeout_s = 600;
  bool quiet = false;

  bool one_per_row() const { return document_per == "row"; }
};

void add_table_options(CLI::App& app, Command& command) {
  app.add_option("--attributes", command.attributes_file,
                 "CSV or NDJSON file with the attributes of each picture. Its column `file` names the picture");
  app.add_option("--file-column", command.file_columns,
                 "Column (NDJSON: key) that names the picture, or one of the row's pictures. Repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->capture_default_str();
  app.add_option("--one-document-per", command.document_per,
                 "picture: each with the attributes of its row, and the column that names it in image_column. row: "
                 "the first column's picture in image_data, those of each other column NAME in NAME_data")
      ->check(CLI::IsMember({"picture", "row"}))
      ->capture_default_str();
  app.add_option("--column-type", command.column_types,
                 "NAME=text|integer|decimal|boolean|date: the type of a column, if not the one that fits all its "
                 "values; repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option(
      "--separator", command.separator,
      "Separator of the fields of a CSV file: one character, or tab (default: detected from its first line)");
}

void add_load_options(CLI::App& app, Command& command) {
  Loader::Options& load = command.load;
  app.add_option("--id", command.id,
                 "_id of a document. hash: SHA-256 of its bytes. path: the picture's path below its folder, so that "
                 "the same bytes in two places are two documents. column:NAME: the value of that column")
      ->capture_default_str();
  CLI::Option* const resume = app.add_flag(
      "--resume", load.resume,
      "Send only documents that the index lacks, or has with other attributes than the table or without its vectors");
  app.add_flag("--replace", load.replace,
               "Replace documents: fields from an earlier load that this one does not have are removed")
      ->excludes(resume);
  app.add_option("--image-url", load.url_prefix,
                 "Prefix of the pictures' URLs, such as https://files.example/photos/. Each document gets image_url: "
                 "the prefix and the percent-encoded path below the folder. For pipelines that do not store the "
                 "pictures (register_endpoints.sh --drop-image-data)");
  app.add_option("--report", command.report,
                 "File for failures and other notes, written only if there are any: else an earlier report stays as it "
                 "is. One load at a time writes it")
      ->capture_default_str();
  app.add_option("--bulk-bytes", load.max_bulk_bytes, "Maximum size of one bulk body, in bytes")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--bulk-documents", load.max_bulk_documents,
                 "Maximum documents in one bulk. Bulks begin smaller, and shrink if one takes more than 4 s")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--in-flight", load.max_in_flight, "Simultaneous bulks")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--attempts", load.retry.max_attempts, "Attempts per document before it counts as failed")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--timeout", command.timeout_s, "Seconds to wait for the answer to one bulk")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--max-picture-bytes", load.max_picture_bytes, "Larger files are reported, not sent")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
}

void add_options(CLI::App& app, Command& command) {
  app.add_option("FOLDER", command.folders,
                 "Folders of JPEG, PNG, WebP, GIF, BMP, HEIC and AVIF files, including subfolders")
      ->required();
  CLI::Option* const list =
      app.add_option("--files-from", command.files_from,
                     "Load only the files of this list (-: standard input), one path per line: relative to the one "
                     "FOLDER, or absolute and inside it");
  app.add_flag("--null,-0", command.null_separated,
               "The names in the list end with a NUL byte, as those of find -print0, not with a line feed")
      ->needs(list);
  app.add_option("--index", command.load.index, "Index to load into, e.g. clip-images")->required();
  app.add_option("--elasticsearch", command.url,
                 "URL of the cluster (default: from the settings, else http://127.0.0.1:9200)");
  app.add_option("--pipeline", command.load.pipeline, "Ingest pipeline (default: the index's default pipeline)");
  add_table_options(app, command);
  add_load_options(app, command);
  app.add_option("--env-file", command.env_file, "Settings file")->capture_default_str();
  app.add_flag("--quiet", command.quiet, "No progress and no types of columns, only the summary");
  app.set_version_flag("--version", "sightline-ingest " SIGHTLINE_VERSION);
}

/// The fields that hold the pictures' bytes.
std::vector<std::string> picture_fields(const Command& command) {
  std::vector<std::string> fields{data_field(command.file_columns, 0)};
  for (std::size_t column = 1; command.one_per_row() && column < command.file_columns.size(); ++column)
    fields.push_back(data_field(command.file_columns, column));
  return fields;
}

/// What is wrong with --image-url; nothing if the server fetches URLs that begin like it.
std::string trouble_with_prefix(const std::string& prefix) {
  constexpr std::size_t k_longest = k_longest_picture_url / 2;  // the rest is for the names
  if (prefix.size() > k_longest)
    return "has " + std::to_string(prefix.size()) + " bytes, the limit is " + std::to_string(k_longest);
  if (without_outer_blanks(prefix) != prefix || !is_web_link(prefix)) return "does not begin with http:// or https://";
  if (prefix.find('#') != prefix.npos) return "has a #: what follows it is not sent to the file server";
  if (const auto url = picture_url(prefix); !url.ok()) return "is refused: " + url.error().message;
  if (prefix.find_first_of("/?", prefix.find("//") + 2) == prefix.npos) return "has no / after the host";
  return {};
}

/// How documents are made. Errors: invalid_argument (--id, what needs a table).
Result<PlanOptions> plan_options(const Command& command) {
  constexpr std::string_view k_column = "column:";
  PlanOptions options;
  options.one_per_row = command.one_per_row();
  options.file_columns = command.file_columns;
  options.is_from_list = !command.files_from.empty();
  if (options.is_from_list && command.folders.size() > 1)
    return Error{ErrorCode::invalid_argument,
                 "--files-from is for one FOLDER, below which the listed files are; give the folder above all of them"};
  const std::string& prefix = command.load.url_prefix;
  if (const std::string trouble = trouble_with_prefix(prefix); !prefix.empty() && !trouble.empty()) {
    // A password is not shown.
    const std::string shown = prefix.find('@') == prefix.npos ? " " + prefix.substr(0, 100) : std::string();
    return Error{ErrorCode::invalid_argument,
                 "--image-url" + shown + " is not the beginning of pictures' URLs: it " + trouble};
  }
  if (!prefix.empty() && command.folders.size() > 1)
    return Error{ErrorCode::invalid_argument,
                 "--image-url is for one FOLDER: the links are its prefix and the path below that folder, which may be "
                 "the same in two; give the folder above all of them"};
  if (command.load.index.find_first_of("*,") != std::string::npos)
    return Error{ErrorCode::invalid_argument,
                 "--index " + command.load.index + " is not the name of one index or alias"};
  if (command.id.starts_with(k_column) && command.id.size() > k_column.size()) {
    options.id = PlanOptions::Id::column;
    options.id_column = command.id.substr(k_column.size());
  } else if (command.id == "path") {
    options.id = PlanOptions::Id::path;
  } else if (command.id != "hash") {
    return Error{ErrorCode::invalid_argument, "--id " + command.id + " is none of: hash, path, column:NAME"};
  }
  const std::set<std::string> columns(options.file_columns.begin(), options.file_columns.end());
  if (columns.size() < options.file_columns.size())
    return Error{ErrorCode::invalid_argument, "--file-column names a column twice"};
  const std::string first_field = data_field(options.file_columns, 0);
  for (std::size_t column = 1; options.one_per_row && column < options.file_columns.size(); ++column) {
    if (const std::string& name = options.file_columns[column]; data_field(options.file_columns, column) == first_field)
      return Error{ErrorCode::invalid_argument, "--file-column " + name + ": its pictures would be in " + first_field +
                                                    ", as those of the first column, " + options.file_columns.front() +
                                                    "; give --file-column " + name + " first, or rename the column"};
  }
  if (command.attributes_file.empty() && (options.one_per_row || options.id == PlanOptions::Id::column))
    return Error{ErrorCode::invalid_argument,
                 std::string(options.one_per_row ? "--one-document-per row" : "--id column:NAME") +
                     " needs a table (--attributes)"};
  return options;
}

/// How the table is read. Errors: invalid_argument (--column-type, --separator).
Result<Attributes::Options> attribute_options(const Command& command, const PlanOptions& plan) {
  Attributes::Options options;
  options.file_columns = plan.file_columns;
  options.keep_file_columns = plan.one_per_row && plan.file_columns.size() > 1;
  options.id_column = plan.id_column;
  for (const std::string& field : picture_fields(command)) {
    options.reserved.push_back(field);
    if (!command.load.url_prefix.empty()) options.reserved.push_back(url_field(field));
    // A pipeline that removes the pictures makes the loader write hashes, too: decide_hashes.
    if (plan.id != PlanOptions::Id::hash && !command.load.url_prefix.empty())
      options.reserved.push_back(hash_field(field));
  }
  if (!plan.one_per_row && plan.file_columns.size() > 1) options.reserved.emplace_back(k_column_field);
  for (const std::string& text : command.column_types) {
    const std::size_t equals = text.rfind('=');
    const auto type = field_type_named(equals == std::string::npos ? "" : text.substr(equals + 1));
    if (!type || equals == 0)
      return Error{ErrorCode::invalid_argument,
                   "--column-type " + text + " is not NAME=text, =integer, =decimal, =boolean or =date"};
    options.types[text.substr(0, equals)] = *type;
  }
  if (command.separator == "tab" || command.separator == "\\t") {
    options.separator = '\t';
  } else if (command.separator.size() == 1 && command.separator != "\"") {
    options.separator = command.separator.front();
  } else if (!command.separator.empty()) {
    return Error{ErrorCode::invalid_argument, "--separator " + command.separator + " is not one character, or tab"};
  }
  return options;
}

/// The pictures of the list. Errors: those of read_file_list, not_found (there is no such list).
Result<FoundPictures> find_listed(const Command& command, FindingSink& found) {
  FileListOptions options;
  options.null_separated = command.null_separated;
  const std::string& folder = command.folders.front();
  if (command.files_from == "-") return read_file_list(folder, std::cin, "standard input", options, found);
  if (const std::string trouble = trouble_reading(command.files_from); !trouble.empty())
    return Error{ErrorCode::not_found, "--files-from: cannot read " + command.files_from + ": " + trouble};
  std::ifstream list(command.files_from, std::ios::binary);
  return read_file_list(folder, list, command.files_from, options, found);
}

/// All folders together. Errors: not_found (one of them is no folder).
Result<FoundPictures> find_all(const std::vector<std::string>& folders) {
  FoundPictures found;
  for (const std::string& folder : folders) {
    auto in_folder = find_pictures(folder);
    if (!in_folder.ok()) return in_folder.error();
    if (found.pictures.empty()) {
      found.pictures = std::move(in_folder->pictures);  // not one by one: there may be millions
    } else {
      std::move(in_folder->pictures.begin(), in_folder->pictures.end(), std::back_inserter(found.pictures));
    }
    std::move(in_folder->unreadable.begin(), in_folder->unreadable.end(), std::back_inserter(found.unreadable));
    std::move(in_folder->linked_folders.begin(), in_folder->linked_folders.end(),
              std::back_inserter(found.linked_folders));
    found.ignored += in_folder->ignored;
  }
  return found;
}

/// What is known before anything is sent.
struct Preparation {
  explicit Preparation(const std::string& report_file) : report(report_file) {}

  Report report;
  FoundPictures found;      // with a list and a table, also the folder's other pictures
  std::size_t to_load = 0;  // pictures
  std::optional<Attributes> attributes;
  std::optional<LoadPlan> plan;  // of `found` and `attributes`
};

/// Fills `ready`. Errors: wrong usage, with a message for the user.
Status prepare(const Command& command, Preparation& ready) {
  auto plan = plan_options(command);
  if (!plan.ok()) return plan.error();
  const auto table = attribute_options(command, *plan);
  if (!table.ok()) return table.error();
  if (const Status opened = ready.report.open(); !opened.ok()) return opened.error();
  for (const std::string& input : {command.files_from, command.attributes_file, command.env_file}) {
    if (!input.empty() && ready.report.is_also(input))
      return Error{ErrorCode::invalid_argument, "--report " + command.report + " is a file that this load reads"};
  }
  auto found = plan->is_from_list ? find_listed(command, ready.report) : find_all(command.folders);
  if (!found.ok()) return found.error();
  ready.found = std::move(*found);
  if (!command.attributes_file.empty()) {
    auto read = Attributes::read(command.attributes_file, *table);
    if (!read.ok()) return read.error();
    ready.attributes = std::move(*read);
  }
  ready.to_load = ready.found.pictures.size();
  if (plan->is_from_list && ready.attributes) {
    auto listed = add_unlisted(command.folders.front(), ready.found.pictures);
    if (!listed.ok()) return listed.error();
    plan->listed = std::move(*listed);
  }
  for (const UnreadableEntry& entry : ready.found.unreadable) ready.report.add(Failure{entry.name, 0, 0, entry.reason});
  for (const std::string& name : ready.found.linked_folders)
    ready.report.add(Note{Note::Kind::linked_folder, name,
                          "this folder is behind a symbolic link and was not entered; name it as a FOLDER"});
  auto made = plan_load(ready.found.pictures, ready.attributes ? &*ready.attributes : nullptr, *plan, ready.report);
  if (!made.ok()) return made.error();
  ready.plan = std::move(*made);
  // A list may well be empty: of files that are new since yesterday, say.
  if (ready.to_load == 0 && ready.report.failures() == 0 && !plan->is_from_list)
    return Error{ErrorCode::invalid_argument,
                 "no pictures in " + command.folders.front() +
                     " (names must end in .jpg, .jpeg, .png, .webp, .gif, .bmp, .heic, .heif or .avif)"};
  return {};
}

void print_types(const std::vector<Attributes::Field>& fields) {
  std::cout << "types of the attributes (--column-type changes one):\n";
  for (const Attributes::Field& field : fields) std::cout << "  " << describe(field) << "\n";
}

/// What `ask` gets of the cluster, asked again for some seconds while the cluster is not ready: after the errors of
/// `is_retried`.
template <class Ask>
auto patiently(const Command& command, const Ask& ask, bool (*is_retried)(const Error&) = may_pass) -> decltype(ask()) {
  constexpr int k_most_attempts = 5;
  const int attempts = std::min(command.load.retry.max_attempts, k_most_attempts);
  for (int attempt = 1;; ++attempt) {
    auto answer = ask();
    if (answer.ok() || !is_retried(answer.error()) || attempt >= attempts) return answer;
    std::this_thread::sleep_for(command.load.retry.wait_after(attempt));
  }
}

/// Makes the fields that the mapping lacks: base64 in a field of text would be indexed word by word. Says which
/// values the mapping's fields will not take.
/// Errors: the cluster was not ready.
Status prepare_mapping(Cluster& cluster, const Result<std::string>& mapping, const Command& command,
                       Preparation& ready) {
  if (!mapping.ok()) {
    note("the mapping cannot be read, so Elasticsearch decides about new fields: " + mapping.error().message);
    return {};
  }
  const std::vector<std::string> binary_fields = picture_fields(command);
  std::vector<std::string> keyword_fields;
  for (const std::string& field : binary_fields) {
    if (!command.load.url_prefix.empty()) keyword_fields.push_back(url_field(field));
    if (command.load.writes_hashes) keyword_fields.push_back(hash_field(field));
  }
  std::vector<Attributes::Field> table_fields;
  if (ready.attributes) table_fields = ready.attributes->fields();
  if (!command.one_per_row() && command.file_columns.size() > 1) table_fields.emplace_back().name = k_column_field;
  for (const std::string& model : demo_models(*mapping)) {
    note(model +
         " is a demo model, trained only on drawings. On photos its hits are random, whatever their scores "
         "(docs/which_model.md)");
  }
  for (const CohereModel& model : ready.plan->size() > 0 ? cohere_models(*mapping) : std::vector<CohereModel>{})
    note(cohere_cost(model, ready.plan->size()));
  if (!command.load.replace && leaves_out_of_source(*mapping)) {
    note("the mapping of " + command.load.lookup_index +
         " leaves fields out of _source (excludes, includes or enabled): documents that this load writes again lose "
         "those of these fields that it does not bring; --replace does not ask what a document had");
  }
  const IndexFields fields = compare_with_mapping(*mapping, table_fields, binary_fields, keyword_fields);
  for (const Note& misfit : fields.misfits) {
    note(misfit.name + ": " + misfit.reason);
    ready.report.add(misfit);
  }
  if (fields.new_properties.empty()) return {};
  Status added =
      patiently(command, [&] { return cluster.add_to_mapping(command.load.lookup_index, fields.new_properties); });
  if (added.ok()) return {};
  if (may_pass(added.error())) return added;
  note("the new fields are not in the mapping, so Elasticsearch decides about them: " + added.error().message);
  return {};
}

/// "1 picture", "3 pictures"
std::string counted(std::size_t number, const std::string& one) {
  return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}

/// What is wrong if the index that the load began with is no longer behind its name; nothing if it is.
std::string trouble_with_index(Cluster& cluster, const Cluster::IndexState& begun, const std::string& name) {
  const auto now = cluster.index_state(name);
  if (!now.ok() || std::find(now->ids.begin(), now->ids.end(), begun.id) != now->ids.end()) return {};
  if (now->exists) {
    return "the name " + name +
           " no longer leads to the index that the load began with: that was deleted and another one created, or an "
           "alias was moved; documents may be missing, and the mapping may be another: look at the index, and load "
           "again";
  }
  return "index " + name +
         " was deleted during the load: documents are missing; create the index again "
         "(scripts/register_endpoints.sh) and load again";
}

/// Loads what is ready, and says what became of it.
int load(Cluster& cluster, const Cluster::IndexState& index, const Command& command, Preparation& ready) {
  const auto on_signal = [](int) {
    if (stop.exchange(true)) _exit(k_interrupted);  // asked twice: do not wait for what is in flight
  };
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::cout << counted(ready.to_load, "picture");
  if (command.one_per_row()) std::cout << " for " << counted(ready.plan->size(), "row");
  if (ready.found.ignored > 0) std::cout << " (" << counted(ready.found.ignored, "other file") << " ignored)";
  std::cout << " to " << command.load.index << std::endl;

  const auto begun = std::chrono::steady_clock::now();
  Progress progress(stderr, command.quiet);
  Loader loader(cluster, command.load, ready.report);
  const Tally tally = loader.load(*ready.plan, progress, stop);
  const auto elapsed = std::chrono::steady_clock::now() - begun;
  if (const Status refreshed = cluster.refresh(command.load.index); !refreshed.ok()) note(refreshed.error().message);
  print_counts(std::cout, tally, ready.report.failures());
  if (const std::string speed = speed_line(tally, loader.times(), elapsed); !speed.empty()) std::cout << speed << "\n";
  const bool is_reported = ready.report.is_whole();
  if (!is_reported)
    std::cerr << "sightline-ingest: cannot write the whole report " << command.report << " (--report)\n";
  ready.report.print(std::cout);
  if (const auto count = cluster.count(command.load.index); count.ok()) {
    std::cout << command.load.index << " holds " << counted(*count, "document") << "\n";
  }
  if (stop) return refuse(k_interrupted, "interrupted; --resume continues from here");
  if (const std::string trouble = trouble_with_index(cluster, index, command.load.index); !trouble.empty())
    return refuse(k_some_failed, trouble);
  return ready.report.failures() == 0 && is_reported ? k_all_indexed : k_some_failed;
}

/// Whether the table, if there is one, has a column for this field.
bool has_column(const Preparation& ready, const std::string& name) {
  if (!ready.attributes) return false;
  const auto& fields = ready.attributes->fields();
  return std::any_of(fields.begin(), fields.end(), [&](const Attributes::Field& field) { return field.name == name; });
}

/// Decides about the hashes beside the pictures. Errors: invalid_argument (the table has a column of such a name).
Status decide_hashes(const Preparation& ready, bool drops_pictures, Command& command) {
  if (command.id == "hash") return {};
  Loader::Options& load = command.load;
  load.writes_hashes = drops_pictures || !load.url_prefix.empty();
  for (const std::string& picture : picture_fields(command)) {
    const std::string field = hash_field(picture);
    if (!has_column(ready, field)) {
      // A stored hash that this load does not write may be that of an earlier picture: it is not kept.
      if (!load.writes_hashes) load.inferred_fields.push_back(field);
    } else if (load.writes_hashes) {
      return Error{ErrorCode::invalid_argument, command.attributes_file + ": the column " + field +
                                                    " is written by the loader, because the pipeline removes the "
                                                    "pictures; rename it"};
    }
  }
  return {};
}

/// What the pipelines of scripts/register_endpoints.sh write.
constexpr std::array k_usual_fields{"image_embedding", "model_id", "model_fingerprint"};

/// The pipelines that run over a bulk with `first`, and then the index's final one.
std::vector<std::string> pipelines_that_run(const std::string& first, const Cluster::IndexState& index) {
  std::vector<std::string> names{first, index.final_pipeline};
  std::erase_if(names, [](const std::string& name) { return name.empty() || name == "_none"; });
  return names;
}

/// What the cluster says of the index and of its pipelines. Each may be missing (not_found): credentials may lack the
/// privilege to read it.
struct Surroundings {
  Result<std::string> mapping;
  Result<Cluster::PipelineFields> running;  ///< of the pipelines that this load runs
  Result<Cluster::PipelineFields> own;      ///< of those that the index runs without --pipeline
};

/// Errors: the cluster was not ready, or refused for another reason than a missing privilege. What a load does without
/// such an answer would leave old vectors beside new pictures.
Result<Surroundings> look_around(Cluster& cluster, const Cluster::IndexState& index, const Command& command) {
  const auto fields_of = [&](const std::string& first) {
    return patiently(command, [&] { return cluster.pipeline_fields(pipelines_that_run(first, index)); });
  };
  const std::string& given = command.load.pipeline;
  auto own = fields_of(index.default_pipeline);
  auto running = given.empty() || given == index.default_pipeline ? own : fields_of(given);
  Surroundings found{patiently(command, [&] { return cluster.mapping(index.read_from); }), std::move(running),
                     std::move(own)};
  for (const auto* fields : {&found.running, &found.own}) {
    if (!fields->ok() && fields->error().code != ErrorCode::not_found) return fields->error();
  }
  if (!found.mapping.ok() && found.mapping.error().code != ErrorCode::not_found) return found.mapping.error();
  return found;
}

/// Which vectors the pipeline makes of pictures, and which others may be of a document's earlier picture: those of the
/// mapping and what the index's own pipelines write.
void decide_vectors(const Surroundings& surroundings, const std::vector<std::string>& pictures, Loader::Options& load) {
  const Result<std::string>& mapping = surroundings.mapping;
  const auto is_inferred = [&](const std::string& field) {
    return std::find(load.inferred_fields.begin(), load.inferred_fields.end(), field) != load.inferred_fields.end();
  };
  std::set<std::string> old;
  for (const std::string& field : mapping.ok() ? vector_fields(*mapping) : std::vector<std::string>()) {
    const bool is_of_picture = std::any_of(load.inferences.begin(), load.inferences.end(), [&](const auto& inference) {
      return inference.output == field &&
             std::find(pictures.begin(), pictures.end(), inference.input) != pictures.end();
    });
    // What the index does not give back cannot be missed.
    if (is_of_picture && !leaves_out_of_source(*mapping)) load.expected_vectors.push_back(field);
    old.insert(field);
  }
  if (load.inferred_fields.empty()) old.insert(k_usual_fields.begin(), k_usual_fields.end());
  if (const auto& own = surroundings.own; own.ok()) old.insert(own->inferred.begin(), own->inferred.end());
  std::erase_if(old, is_inferred);
  load.old_vectors.assign(old.begin(), old.end());
}

/// What the pipelines do to the documents' fields, for the loader; notes what a person should know of it. Errors: those
/// of decide_hashes.
Status inspect_pipelines(const Cluster::IndexState& index, const Surroundings& surroundings, const Preparation& ready,
                         Command& command) {
  Loader::Options& load = command.load;
  const bool is_given = !load.pipeline.empty();
  // Named in each bulk: an index that is deleted and created by the next write has no default pipeline.
  if (!is_given) load.pipeline = index.default_pipeline;
  const std::vector<std::string> pipelines = pipelines_that_run(load.pipeline, index);
  if (pipelines.empty() && !is_given) {
    note("index " + load.index +
         " has no default pipeline and --pipeline is not given: the pictures will not be embedded");
  }
  const auto& fields = surroundings.running;
  const std::vector<std::string> pictures = picture_fields(command);
  const bool drops_pictures =
      fields.ok() && std::any_of(pictures.begin(), pictures.end(), [&](const auto& field) {
        return std::find(fields->removed.begin(), fields->removed.end(), field) != fields->removed.end();
      });
  if (fields.ok()) {
    load.inferred_fields = fields->inferred;
    load.inferences = fields->inferences;
  } else {
    load.inferred_fields.assign(k_usual_fields.begin(), k_usual_fields.end());
  }
  decide_vectors(surroundings, pictures, load);
  if (drops_pictures && load.url_prefix.empty() && !has_column(ready, "image_url")) {
    note("pipeline " + pipelines.front() +
         " removes the pictures, and --image-url is not given: the documents will have no picture to show");
  }
  return decide_hashes(ready, drops_pictures, command);
}

/// A cluster that is not ready is asked again; an address at which nothing listens is reported at once.
Result<Cluster::IndexState> find_index(Cluster& cluster, const Command& command) {
  return patiently(
      command, [&] { return cluster.index_state(command.load.index); }, is_not_ready);
}

int run(int argc, char** argv) {
  Command command;
  CLI::App app(k_about);
  app.footer(k_examples);
  add_options(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? k_all_indexed : k_bad_usage;
  }
  Preparation ready(command.report);
  if (const Status prepared = prepare(command, ready); !prepared.ok())
    return refuse(k_bad_usage, prepared.error().message);

  auto settings = ClusterSettings::read(command.env_file);
  if (!settings.ok()) return refuse(k_bad_usage, settings.error().message);
  if (!command.url.empty()) settings->url = command.url;
  settings->max_connections = command.load.max_in_flight + 1;
  settings->bulk_timeout = std::chrono::seconds(command.timeout_s);
  auto cluster = Cluster::connect(*settings);
  if (!cluster.ok()) return refuse(k_bad_usage, cluster.error().message);
  const auto index = find_index(**cluster, command);
  if (!index.ok()) return refuse_cluster(index.error());
  if (!index->exists)
    return refuse(k_no_cluster,
                  "no index " + command.load.index + "; scripts/register_endpoints.sh creates those of the models");
  command.load.lookup_index = index->read_from;
  const auto surroundings = look_around(**cluster, *index, command);
  if (!surroundings.ok()) return refuse_cluster(surroundings.error());
  if (const Status inspected = inspect_pipelines(*index, *surroundings, ready, command); !inspected.ok())
    return refuse(k_bad_usage, inspected.error().message);
  if (ready.attributes && !command.quiet) print_types(ready.attributes->fields());
  if (const Status prepared = prepare_mapping(**cluster, surroundings->mapping, command, ready); !prepared.ok())
    return refuse_cluster(prepared.error());
  return load(**cluster, *index, command, ready);
}

}  // namespace

int main(int argc, char** argv) {
  sightline::open_missing_standard_streams();
  sightline::survive_broken_pipes();
  try {
    const int code = run(argc, argv);
    if (code == k_all_indexed && !std::cout.flush())
      return refuse(k_some_failed, "cannot write to standard output: what is printed is not whole");
    return code;
  } catch (const std::exception& error) {
    return refuse(k_some_failed, std::string("stopped: ") + error.what() + "; --resume continues from here");
  }
}
