#include "server/web/projection/projections.h"

#include <array>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cancellation.h"
#include "base/exception_error.h"
#include "base/free_memory.h"
#include "base/json/builder.h"
#include "base/number_text.h"
#include "base/request_trace.h"
#include "base/sha256.h"
#include "models/linear_algebra/principal_components.h"
#include "server/web/projection/neighbour_map.h"

namespace sightline::web {
namespace {

constexpr std::size_t k_components = 50;
constexpr int k_priority = 10;  ///< nice: queries go first, and a busy machine still gets it done

const char* to_string(ProjectionRequest::Method method) {
  return method == ProjectionRequest::Method::pca ? "pca" : "tsne";
}

ReadRefusal bad_parameter(std::string message) {
  return {400, "invalid_parameter", std::move(message)};
}

/// What the map is made of, and for whom: equal keys have equal answers.
std::string key_of(const ProjectionRequest& request, const elastic::Caller& caller, const VectorField& field,
                   const Scan& scan) {
  Sha256 hash;
  const auto add = [&](std::string_view part) {
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  };
  for (const std::string& part :
       {caller.key(), request.index, field.index, field.index_uuid, field.field, field.name_field})
    add(part);
  add(std::string(to_string(request.method)) + (field.unit_length ? " unit" : ""));
  for (const std::size_t number : {request.max, field.dims, scan.total}) add(std::to_string(number));
  for (const ScannedDocument& document : scan.documents) {
    add(document.id);
    add(std::to_string(document.version));
  }
  return hash.finish_hex();
}

/// A number with five decimals, for a `json::Builder`.
auto coordinate(double value) {
  return [value](std::string& out) {
    std::array<char, 32> text{};
    out.append(text.data(), static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%.5f", value)));
  };
}

std::string json_of(const ProjectionRequest& request, const VectorField& field, std::size_t total, const char* method,
                    const IndexVectors& vectors, const std::vector<Point>& points) {
  json::Builder out;
  out.object().member("index", field.index).member("field", field.field).member("method", method);
  out.member("documents", total).member("shown", points.size()).member("sampled", total > request.max);
  out.array("points");
  for (std::size_t i = 0; i < points.size(); ++i) {
    out.object().member("id", vectors.ids[i]).member_or_null("name", vectors.names[i]);
    out.member("x", coordinate(points[i].x)).member("y", coordinate(points[i].y)).end();
  }
  return out.text();
}

/// The components of vectors, the first two of each.
std::vector<Point> first_two(const models::Components& components, std::size_t count) {
  std::vector<Point> points(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float* values = &components.values[i * components.count];
    points[i] = {static_cast<double>(values[0]), components.count > 1 ? static_cast<double>(values[1]) : 0};
  }
  return points;
}

}  // namespace

Read<ProjectionRequest> read_projection_request(const std::string& index, const http::Request& request) {
  ProjectionRequest asked;
  asked.index = index;
  if (index.empty() || index.size() > 255 || index.find_first_of("*,/\\?\"<>| #") != std::string::npos ||
      index.front() == '_' || index.front() == '-' || index.front() == '+')
    return ReadRefusal{
        400, "invalid_index",
        "[" + index.substr(0, 200) + "] is not the name of one index, as in /v1/projections/clip-images"};
  for (const auto& [name, value] : request.query_parameters()) {
    if (name == "field") {
      asked.field = value;
    } else if (name == "max") {
      const auto number = number_from<std::size_t>(value);
      if (!number || *number < 1 || *number > ProjectionRequest::k_largest_max)
        return bad_parameter("max=" + value.substr(0, 50) + " is not a number from 1 to " +
                             std::to_string(ProjectionRequest::k_largest_max));
      asked.max = *number;
    } else if (name == "method") {
      if (value != "tsne" && value != "pca")
        return bad_parameter("method=" + value.substr(0, 50) + " is neither tsne nor pca");
      asked.method = value == "pca" ? ProjectionRequest::Method::pca : ProjectionRequest::Method::tsne;
    } else {
      return bad_parameter("unknown parameter [" + name.substr(0, 50) + "]; the parameters are field, max and method");
    }
  }
  return asked;
}

struct Projections::Job {
  ProjectionRequest request;
  elastic::Caller caller;
  VectorField field;
  Scan scan;
  std::string key;
  Answered answered;
  std::shared_ptr<Cancellation> cancellation;
  std::shared_ptr<RequestTrace> trace;
};

Projections::Projections(AskElasticsearch ask, Options options)
    : ask_(std::move(ask)), options_(options), answers_(options.max_cached_bytes), thread_([this] { run(); }) {}

Projections::~Projections() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (current_) current_->cancel(CancelReason::stopping);
  }
  changed_.notify_all();
  thread_.join();
}

void Projections::answer(const ProjectionRequest& request, const elastic::Caller& caller, Answered answered) {
  IndexReader reader(ask_, caller);
  auto field = reader.find_field(request.index, request.field);
  if (auto* refusal = std::get_if<ReadRefusal>(&field)) return answered(std::move(*refusal));
  auto job = std::make_unique<Job>();
  job->request = request;
  job->caller = caller;
  job->field = std::move(std::get<VectorField>(field));
  auto scan = reader.scan(job->field, request.max);
  if (auto* refusal = std::get_if<ReadRefusal>(&scan)) return answered(std::move(*refusal));
  job->scan = std::move(std::get<Scan>(scan));
  if (job->scan.documents.empty())
    return answered(ReadRefusal{
        404, "no_vectors",
        "no document of " + job->field.index + " has a vector in [" + job->field.field.substr(0, 200) + "]"});
  job->key = key_of(request, caller, job->field, job->scan);
  if (const auto text = answers_.get(job->key)) return answered(*text);
  job->cancellation = current_cancellation() ? current_cancellation() : std::make_shared<Cancellation>();
  job->trace = current_trace();
  std::vector<std::unique_ptr<Job>> left;  // by their clients; ended outside of the lock
  {
    const std::lock_guard lock(mutex_);
    for (auto& one : waiting_) {
      if (one->cancellation->requested()) left.push_back(std::move(one));
    }
    std::erase(waiting_, nullptr);
    if (!stopping_ && waiting_.size() < options_.max_waiting) {
      job->answered = std::move(answered);
      waiting_.push_back(std::move(job));
      changed_.notify_all();
      return;
    }
  }
  answered(ReadRefusal{429, "overloaded", "too many maps are waiting to be made; retry later"});
}

void Projections::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), k_priority);
  std::unique_lock lock(mutex_);
  for (;;) {
    current_.reset();
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    std::deque<std::unique_ptr<Job>> dropped;
    if (stopping_) {
      dropped.swap(waiting_);
      lock.unlock();
      return;
    }
    const std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    current_ = job->cancellation;
    lock.unlock();
    try {
      const CancellationScope scope(job->cancellation);
      const TraceScope stages(job->trace);
      check_cancelled();
      job->answered(make(*job));
    } catch (const WorkCancelled&) {
      job->answered = {};  // nobody waits for it
    } catch (...) {
      const Error error = error_of_exception("making the map");
      job->answered(ReadRefusal{error.code == ErrorCode::overloaded ? 429 : 500, "not_made", error.message});
    }
    lock.lock();
  }
}

Projections::Answer Projections::make(const Job& job) {
  if (const auto kept = answers_.get(job.key)) return *kept;  // made while this one waited
  IndexReader reader(ask_, job.caller);
  auto read = reader.read(job.field, job.scan, options_.max_vector_bytes);
  if (auto* refusal = std::get_if<ReadRefusal>(&read)) return std::move(*refusal);
  auto& vectors = std::get<IndexVectors>(read);
  const std::size_t count = vectors.ids.size();
  if (count == 0)
    return ReadRefusal{404, "no_vectors", "the documents of " + job.field.index + " were removed meanwhile"};
  auto components = models::principal_components(vectors.values, count, vectors.dims, k_components);
  if (!components.ok())
    return ReadRefusal{components.error().code == ErrorCode::overloaded ? 429 : 500, "not_made",
                       components.error().message};
  free_memory(vectors.values);
  const std::size_t total = job.scan.total > job.request.max ? job.scan.total : count;
  const bool mapped = job.request.method == ProjectionRequest::Method::tsne && count >= k_least_mapped;
  std::vector<Point> points =
      mapped ? neighbour_map(components->values, count, components->count) : first_two(*components, count);
  fit_into_unit_square(points);
  std::string text = json_of(job.request, job.field, total, mapped ? "tsne" : "pca", vectors, points);
  answers_.put(job.key, std::make_shared<const std::string>(text), text.size());
  return text;
}

}  // namespace sightline::web
