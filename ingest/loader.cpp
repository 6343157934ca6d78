#include "ingest/loader.h"

#include <algorithm>
#include <memory>

namespace sightline::ingest {
namespace {

// Ids looked up in one request with --resume. Their documents wait in memory meanwhile, so they count against
// the bytes of a bulk too.
constexpr std::size_t k_resume_window = 128;

}  // namespace

std::size_t Loader::bytes_of(const Batch& batch) {
  std::size_t bytes = 0;
  for (const Pending& pending : batch) bytes += pending.document.lines.size();
  return bytes;
}

Tally Loader::load(const std::vector<PictureFile>& pictures, const Attributes& attributes, Progress& progress,
                   const std::atomic<bool>& stop) {
  progress_ = &progress;
  stop_ = &stop;
  failures_.clear();
  seen_.clear();
  tally_ = {};
  tally_.total = pictures.size();

  read_pictures(pictures, attributes);
  flush();
  send_due_retries(/*wait=*/true);

  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return in_flight_ == 0; });
  progress_->show(tally_, /*last=*/true);
  return tally_;
}

void Loader::read_pictures(const std::vector<PictureFile>& pictures, const Attributes& attributes) {
  std::vector<Pending> window;
  std::size_t window_bytes = 0;
  const auto pass_on = [&] {
    look_up_and_add(std::move(window));
    window.clear();
    window_bytes = 0;
  };
  for (const PictureFile& picture : pictures) {
    if (stopped()) break;
    send_due_retries(/*wait=*/false);
    const auto content = read_file(picture.path, options_.max_picture_bytes);
    if (!content.ok()) {
      give_up(picture.name, 0, 0, content.error().message);
      continue;
    }
    Pending pending{make_document(picture.name, *content, attributes.members_for(picture.name)), 0};
    if (!seen_.insert(pending.document.id).second) {
      const std::lock_guard lock(mutex_);
      ++tally_.duplicates;
      continue;
    }
    if (!options_.resume) {
      add(std::move(pending));
      continue;
    }
    window_bytes += pending.document.lines.size();
    window.push_back(std::move(pending));
    if (window.size() == k_resume_window || window_bytes >= options_.max_bulk_bytes) pass_on();
  }
  if (!window.empty() && !stopped()) pass_on();
}

void Loader::look_up_and_add(std::vector<Pending> window) {
  std::vector<std::string> ids;
  ids.reserve(window.size());
  for (const Pending& pending : window) ids.push_back(pending.document.id);
  const auto exist = cluster_.which_exist(options_.index, ids);
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (!exist.ok()) {
      give_up(window[i].document.name, 0, 0, exist.error().message);
    } else if ((*exist)[i]) {
      const std::lock_guard lock(mutex_);
      ++tally_.skipped;
    } else {
      add(std::move(window[i]));
    }
  }
}

void Loader::add(Pending pending) {
  const std::size_t bytes = pending.document.lines.size();
  if (!filling_.empty() && filling_bytes_ + bytes > options_.max_bulk_bytes) flush();
  filling_bytes_ += bytes;
  filling_.push_back(std::move(pending));
  if (filling_.size() >= options_.max_bulk_documents || filling_bytes_ >= options_.max_bulk_bytes) flush();
}

void Loader::flush() {
  if (filling_.empty() || stopped()) return;
  Batch batch = std::move(filling_);
  filling_.clear();
  filling_bytes_ = 0;
  send(std::move(batch));
}

void Loader::send(Batch batch) {
  std::string body;
  body.reserve(bytes_of(batch));
  for (Pending& pending : batch) {
    body += pending.document.lines;
    ++pending.attempts;
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ < options_.max_in_flight; });
    ++in_flight_;
    progress_->show(tally_);
  }
  auto shared =
      std::make_shared<Batch>(std::move(batch));  // std::function wants something that can be copied
  cluster_.send_bulk(
      options_.index, options_.pipeline, std::move(body),
      [this, shared](const Result<http::Response>& answer) { on_answer(std::move(*shared), answer); });
}

void Loader::on_answer(Batch batch, const Result<http::Response>& answer) {
  const std::size_t size = batch.size();
  BulkOutcome whole;  // when the answer is about the bulk as a whole
  std::vector<BulkOutcome> outcomes;
  if (!answer.ok()) {
    whole = {BulkOutcome::Kind::retry, 0, answer.error().message};
  } else if (answer->status == 413 && size > 1) {
    const std::lock_guard lock(mutex_);
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(size / 2);
    Batch second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    for (Batch* half : {&batch, &second}) {
      for (Pending& pending : *half) --pending.attempts;  // its size was refused, not the document
      retries_.emplace(Clock::now(), std::move(*half));
    }
    --in_flight_;
    changed_.notify_all();
    return;
  } else if (answer->status != 200) {
    whole = {kind_of_status(answer->status), answer->status, reason_of(answer->body)};
    if (whole.kind == BulkOutcome::Kind::stored) whole.kind = BulkOutcome::Kind::failed;
  } else if (auto read = read_bulk_answer(answer->body, size); read.ok()) {
    outcomes = std::move(*read);
  } else {
    whole = {BulkOutcome::Kind::failed, answer->status, read.error().message};
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < size; ++i) settle(std::move(batch[i]), outcomes.empty() ? whole : outcomes[i]);
  --in_flight_;
  changed_.notify_all();
}

void Loader::settle(Pending pending, const BulkOutcome& outcome) {
  if (outcome.kind == BulkOutcome::Kind::stored) {
    ++tally_.indexed;
    return;
  }
  if (outcome.kind == BulkOutcome::Kind::retry && pending.attempts < options_.max_attempts && !stopped()) {
    ++tally_.retried;
    // Documents that are due at about the same time go together again.
    const auto due = Clock::now() + pause_after(pending.attempts);
    auto slot = retries_.lower_bound(due - std::chrono::milliseconds(50));
    const bool fits = slot != retries_.end() && slot->first <= due &&
                      slot->second.size() < options_.max_bulk_documents &&
                      bytes_of(slot->second) + pending.document.lines.size() <= options_.max_bulk_bytes;
    if (!fits) slot = retries_.emplace(due, Batch());
    slot->second.push_back(std::move(pending));
    return;
  }
  ++tally_.failed;
  failures_.push_back({pending.document.name, outcome.status, pending.attempts, outcome.reason});
}

void Loader::give_up(const std::string& name, int status, int attempts, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++tally_.failed;
  failures_.push_back({name, status, attempts, reason});
}

void Loader::send_due_retries(bool wait) {
  while (true) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      if (wait) {
        // Until a retry is due, or nothing is left that could make one.
        while (!stopped() && !(retries_.empty() && in_flight_ == 0) &&
               (retries_.empty() || retries_.begin()->first > Clock::now())) {
          const auto look_again =
              Clock::now() + std::chrono::milliseconds(200);  // for the terminal, and for `stop`
          changed_.wait_until(lock,
                              retries_.empty() ? look_again : std::min(look_again, retries_.begin()->first));
          progress_->show(tally_);
        }
      }
      if (stopped() || retries_.empty() || retries_.begin()->first > Clock::now()) return;
      batch = std::move(retries_.begin()->second);
      retries_.erase(retries_.begin());
    }
    send(std::move(batch));
  }
}

std::chrono::milliseconds Loader::pause_after(int attempts) const {
  auto pause = options_.first_pause;
  for (int i = 1; i < attempts && pause < options_.longest_pause; ++i) pause *= 2;
  return std::min(pause, options_.longest_pause);
}

}  // namespace sightline::ingest
