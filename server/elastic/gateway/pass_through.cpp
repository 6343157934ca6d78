#include "server/elastic/gateway/pass_through.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/free_memory.h"
#include "base/request_trace.h"
#include "server/elastic/rest/rest_layer.h"

namespace sightline::elastic {
namespace {

using std::chrono::milliseconds;

/// Simultaneous requests; only past it one waits for another's answer.
constexpr int k_most_connections = 1000;
/// A request that is sent again is held until its answer begins; larger ones are sent once.
constexpr std::size_t k_largest_repeated_body = 1u << 20;
/// An answer that has begun and then stops is broken, though one may take long to begin.
constexpr milliseconds k_longest_silence{600'000};

/// One request on its way. The client's callbacks follow each other; beside them only `resume` comes from other
/// threads, and it touches nothing but what the mutex guards. The call ends with the request's cancellation.
class Passage : public std::enable_shared_from_this<Passage> {
 public:
  Passage(std::shared_ptr<Cluster> cluster, Timer& timer, std::weak_ptr<http::Client> client, http::Request request,
          http::Reply reply)
      : cluster_(std::move(cluster)),
        timer_(timer),
        client_(std::move(client)),
        shape_(request),
        method_(request.method),
        work_(request.cancellation),
        stage_(request.trace, Stage::store),
        request_(cluster_->request_for(std::move(request))),
        repeatable_(request_.body.size() <= k_largest_repeated_body),
        begun_(timer.now()),
        reply_(std::move(reply)) {
    request_.timeout = cluster_->timeout();
    request_.silence_timeout = k_longest_silence;
    request_.cancellation = work_;
  }

  void attempt() {
    const auto client = client_.lock();
    if (!client) return;  // the gateway stops; dropping the reply answers the caller
    int attempt;
    {
      const std::lock_guard lock(mutex_);
      attempt = ++attempts_;
      call_.reset();  // of the attempt before: what is asked of the new one meanwhile must not go to it
      resume_early_ = false;
    }
    http::StreamHandlers handlers;
    handlers.head = [self = shared_from_this()](http::ResponseHead head) { self->head(std::move(head)); };
    handlers.body = [self = shared_from_this()](std::string_view bytes) { return self->body(bytes); };
    handlers.done = [self = shared_from_this()](const Status& status) { self->done(status); };
    auto call = client->stream(repeatable_ ? request_ : std::move(request_), std::move(handlers));

    const std::lock_guard lock(mutex_);
    if (attempt != attempts_) return;
    call_ = std::move(call);
    if (resume_early_) call_->resume();
  }

 private:
  void head(http::ResponseHead head) {
    free_memory(request_.body);  // it is not sent again, and the answer may take long
    stream_.emplace(reply_->stream(std::move(head)));
  }

  bool body(std::string_view bytes) {
    stream_->write(bytes);
    if (!stream_->should_pause()) return true;  // else the cluster waits
    stream_->when_drained(stream_->waiting() / 4, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->resume();
    });
    return false;
  }

  void done(const Status& status) {
    if (stream_) {
      if (status)
        stream_->finish();
      else if (status.error().code != ErrorCode::cancelled)
        cluster_->failure(status.error());
      stream_.reset();  // cuts the connection if the answer is not complete
      return;
    }
    if (work_ && work_->requested()) return;
    const auto spent = std::chrono::duration_cast<milliseconds>(timer_.now() - begun_);
    const auto wait =
        repeatable_ ? cluster_->wait_before_retry(status.error(), method_, attempts_, spent) : std::nullopt;
    if (wait) {
      timer_.run_at(timer_.now() + *wait, [self = shared_from_this()] { self->attempt(); });
      return;
    }
    http::Response response = cluster_->failure(status.error()).response();
    shape_.apply(response);
    reply_->send(std::move(response));
  }

  void resume() {
    const std::lock_guard lock(mutex_);
    resume_early_ = !call_;
    if (call_) call_->resume();
  }

  const std::shared_ptr<Cluster> cluster_;
  Timer& timer_;
  const std::weak_ptr<http::Client> client_;
  const rest::AnswerShape shape_;
  const http::Method method_;
  const std::shared_ptr<Cancellation> work_;
  const StageSpan stage_;
  http::ClientRequest request_;
  const bool repeatable_;
  const Timer::TimePoint begun_;
  std::optional<http::Reply> reply_;
  std::optional<http::ReplyStream> stream_;

  std::mutex mutex_;
  int attempts_ = 0;
  bool resume_early_ = false;  ///< the client had read on before `call_` was known
  std::shared_ptr<http::StreamedCall> call_;
};

}  // namespace

Result<std::unique_ptr<PassThrough>> PassThrough::create(std::shared_ptr<Cluster> cluster, Timer& timer) {
  auto client = cluster->connect(k_most_connections, 0);
  if (!client) return client.error();
  return std::unique_ptr<PassThrough>(new PassThrough(std::move(cluster), timer, *std::move(client)));
}

void PassThrough::send(http::Request request, http::Reply reply) {
  std::make_shared<Passage>(cluster_, timer_, client_, std::move(request), std::move(reply))->attempt();
}

}  // namespace sightline::elastic
