#include "server/cohere/picture_calls.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <numeric>
#include <optional>
#include <utility>

#include "server/cohere/call_failure.h"
#include "server/cohere/embed_answer.h"

namespace sightline::cohere {
namespace {

using serving::Embeddings;
using serving::UpstreamFailure;
using Answer = Result<std::string, UpstreamFailure>;

/// A call may end this much after the deadline of one of its pictures.
constexpr std::chrono::seconds k_close_deadlines{5};

std::string name_of(const PictureCalls::Terms& terms) {
  std::string name = terms.head.model + '\n' + terms.input_type + '\n' + terms.key;
  for (const std::size_t part : {terms.head.output_dimension.value_or(0), static_cast<std::size_t>(terms.lane),
                                 static_cast<std::size_t>(terms.truncate)})
    name += '\n' + std::to_string(part);
  return name;
}

bool is_fault_of_input(const UpstreamFailure& failure) {
  return failure.status == 400 || failure.status == 413 || failure.status == 422;
}

}  // namespace

/// The pictures of one call.
class PictureCalls::Batch : public std::enable_shared_from_this<Batch> {
 public:
  explicit Batch(Terms terms) : terms_(std::move(terms)) {}

  // ---- before it is sent

  bool has_room_for(const Terms& terms, const Item& item) const {
    const auto apart = std::max(terms.deadline, first_deadline_) - std::min(terms.deadline, first_deadline_);
    return pictures_ + pictures_of(item) <= terms_.most && bytes_ + bytes_of(item) <= k_max_pictures_bytes &&
           items_.size() < k_max_pictures && apart <= k_close_deadlines;
  }
  /// A call for one picture is not kept open, whatever is in it.
  bool is_full() const { return terms_.most == 1 || pictures_ >= terms_.most || items_.size() == k_max_pictures; }
  void add(const Terms& terms, Item item) {
    terms_.deadline = std::max(terms_.deadline, terms.deadline);
    pictures_ += pictures_of(item);
    bytes_ += bytes_of(item);
    items_.push_back(std::move(item));
  }

  // ---- the call

  CohereClient::Call call() {
    CohereClient::Call call;
    call.key = terms_.key;
    call.options.lane = terms_.lane;
    call.options.deadline = terms_.deadline;
    call.options.cancellation = cancellation_;
    call.pictures = pictures_;
    call.body = [self = shared_from_this()] { return self->body(); };
    return call;
  }

  /// Cancels the call with the last of its requests. On the timer's thread: the end of a call waits for the callbacks
  /// of all its requests, so two calls that end in callbacks of each other's requests would wait for ever.
  void follow_waiters(Timer& timer) {
    const auto waiting = std::make_shared<std::atomic<std::size_t>>(items_.size());
    for (const Item& item : items_) {
      following_.push_back(
          Cancellation::on_cancel(item.waiter->cancellation(), [&timer, waiting, call = cancellation_] {
            if (--*waiting > 0) return;
            try {
              timer.run_at(timer.now(), [call] { call->cancel(CancelReason::client_left); });
            } catch (const std::bad_alloc&) {  // then the call goes on, and nobody reads its answer
            }
          }));
    }
  }

  /// Gives each request its vectors or its failure; those that are to be tried alone are returned.
  std::vector<BatchPtr> end(Answer answer) {
    std::vector<BatchPtr> alone;
    try {
      if (!answer && is_fault_of_input(answer.error())) alone = one_for_each_waiter();
    } catch (const std::bad_alloc&) {
      alone.clear();  // then it is the failure of all
    }
    if (alone.empty()) settle(std::move(answer));
    return alone;
  }

 private:
  static std::size_t pictures_of(const Item& item) {
    const auto count = std::count_if(item.parts.begin(), item.parts.end(), [](const Part& p) { return p.is_picture; });
    return static_cast<std::size_t>(count);
  }
  static std::size_t bytes_of(const Item& item) {
    std::size_t bytes = 0;
    for (const Part& part : item.parts) bytes += part.is_picture ? url_bytes(part.bytes) : part.bytes.size();
    return bytes;
  }

  std::optional<std::string> body() {
    sent_.clear();
    std::vector<const Parts*> contents;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].waiter->cancellation()->requested()) continue;
      sent_.push_back(i);
      contents.push_back(&items_[i].parts);
    }
    if (contents.empty()) return std::nullopt;
    if (terms_.input_type.empty()) return pictures_body(terms_.head, contents);
    return contents_body(terms_.head, terms_.input_type, terms_.truncate, contents);
  }

  /// What belongs to one request.
  struct Share {
    PictureWaiter* waiter;
    std::vector<std::size_t> at, numbers;  // in `items_`, and the request's own
  };
  std::vector<Share> shares() const {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      PictureWaiter* const waiter = items_[i].waiter.get();
      auto share = std::find_if(shares.begin(), shares.end(), [&](const Share& one) { return one.waiter == waiter; });
      if (share == shares.end()) share = shares.insert(share, Share{waiter, {}, {}});
      share->at.push_back(i);
      share->numbers.push_back(items_[i].number);
    }
    return shares;
  }

  /// Empty if they all belong to one request.
  std::vector<BatchPtr> one_for_each_waiter() const {
    const auto all = shares();
    std::vector<BatchPtr> batches;
    if (all.size() < 2) return batches;
    for (const Share& share : all) {
      batches.push_back(std::make_shared<Batch>(terms_));
      for (const std::size_t i : share.at) batches.back()->add(terms_, items_[i]);
    }
    return batches;
  }

  void settle(Answer answer) {
    if (!answer) return fail(answer.error());
    try {
      auto read = read_embed_answer(*answer, sent_.size(), terms_.dims);
      if (!read) return fail({502, read.error().message, std::nullopt});
      take(*std::move(read));
    } catch (const std::bad_alloc&) {
      fail(no_memory());
    }
  }

  void fail(const UpstreamFailure& failure) {
    for (const Share& share : shares()) share.waiter->fail(share.numbers, failure);
  }

  /// Cohere counts the tokens of the call: divides them by the texts of its contents.
  void divide_tokens(Embeddings& read) const {
    if (read.empty()) return;
    const std::size_t all = std::exchange(read.front().tokens, 0);
    std::vector<std::size_t> texts;
    for (const std::size_t i : sent_) {
      texts.push_back(0);
      for (const Part& part : items_[i].parts) texts.back() += part.is_picture ? 0 : part.bytes.size();
    }
    const std::size_t bytes = std::accumulate(texts.begin(), texts.end(), std::size_t{0});
    std::size_t left = all;
    for (std::size_t i = 0; i < read.size() && bytes > 0; ++i) {
      read[i].tokens = all * texts[i] / bytes;
      left -= read[i].tokens;
    }
    read.front().tokens += left;
  }

  void take(Embeddings read) {
    divide_tokens(read);
    if (!terms_.input_type.empty()) {
      for (auto& embedding : read) embedding.width = embedding.height = 0;  // not of one picture
    }
    for (const Share& share : shares()) {
      Embeddings vectors;
      for (const std::size_t i : share.at) {
        const auto sent = std::lower_bound(sent_.begin(), sent_.end(), i);
        if (sent != sent_.end() && *sent == i)
          vectors.push_back(std::move(read[static_cast<std::size_t>(sent - sent_.begin())]));
      }
      if (vectors.size() == share.at.size()) {
        share.waiter->take(share.numbers, std::move(vectors));
      } else {
        share.waiter->fail(share.numbers, client_left());
      }
    }
  }

  Terms terms_;
  const Timer::TimePoint first_deadline_ = terms_.deadline;
  std::vector<Item> items_;
  std::size_t pictures_ = 0, bytes_ = 0;
  std::vector<std::size_t> sent_;  // of `items_`, in the last attempt
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  std::vector<Cancellation::Registration> following_;
};

void PictureCalls::add(const Terms& terms, Item item) {
  const std::string name = name_of(terms);
  std::vector<BatchPtr> ready;
  ready.reserve(2);
  {
    const std::lock_guard lock(mutex_);
    // A batch leaves `open_` only when nothing can fail any more, else its requests would never be answered.
    const auto found = open_.find(name);
    const BatchPtr open = found == open_.end() ? nullptr : found->second;
    const bool fits = open && open->has_room_for(terms, item);
    const BatchPtr batch = fits ? open : opened(terms, name);
    batch->add(terms, std::move(item));
    const bool is_ready = batch->is_full() || stopped_;
    if (!is_ready && !fits) open_.insert_or_assign(name, batch);
    if (is_ready && open) open_.erase(found);
    if (open && !fits) ready.push_back(open);
    if (is_ready) ready.push_back(batch);
    under_way_ += ready.size();
  }
  for (const BatchPtr& batch : ready) send(batch);
}

/// A new one, which is sent after `wait_` at the latest.
PictureCalls::BatchPtr PictureCalls::opened(const Terms& terms, const std::string& name) {
  auto batch = std::make_shared<Batch>(terms);
  if (terms.most > 1) {
    timer_.run_at(timer_.now() + wait_, [self = weak_from_this(), name, weak = std::weak_ptr(batch)] {
      if (const auto calls = self.lock()) calls->send_if_open(name, weak);
    });
  }
  return batch;
}

void PictureCalls::flush(const Terms& terms) {
  const std::string name = name_of(terms);
  std::weak_ptr<Batch> open;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(name); found != open_.end()) open = found->second;
  }
  send_if_open(name, open);
}

void PictureCalls::send_if_open(const std::string& name, const std::weak_ptr<Batch>& batch) {
  const BatchPtr wanted = batch.lock();
  {
    const std::lock_guard lock(mutex_);
    const auto open = open_.find(name);
    if (!wanted || open == open_.end() || open->second != wanted) return;
    open_.erase(open);
    ++under_way_;
  }
  send(wanted);
}

void PictureCalls::send(const BatchPtr& batch) {
  try {
    batch->follow_waiters(timer_);
    client_.send(batch->call(), [self = shared_from_this(), batch](Answer answer) {
      const Landed landed{*self};
      const auto alone = batch->end(std::move(answer));
      {
        const std::lock_guard lock(self->mutex_);
        self->under_way_ += alone.size();
      }
      for (const BatchPtr& one : alone) self->send(one);
    });
  } catch (const std::bad_alloc&) {  // the client has not taken it
    const Landed landed{*this};
    batch->end(no_memory());
  }
}

PictureCalls::Landed::~Landed() {
  const std::lock_guard lock(calls.mutex_);
  --calls.under_way_;
  calls.landed_.notify_all();
}

void PictureCalls::stop() {
  std::map<std::string, BatchPtr> open;
  std::unique_lock lock(mutex_);
  stopped_ = true;
  open.swap(open_);
  under_way_ += open.size();
  lock.unlock();
  for (const auto& [name, batch] : open) send(batch);
  lock.lock();
  landed_.wait(lock, [this] { return under_way_ == 0; });
}

}  // namespace sightline::cohere
