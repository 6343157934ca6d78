#include "ingest/loader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "base/hex_digit.h"
#include "base/json/builder.h"
#include "base/number_text.h"
#include "base/picture_url.h"
#include "base/sha256.h"
#include "ingest/json_members.h"
#include "ingest/picture_turn.h"

namespace sightline::ingest {
namespace {

// Ids looked up in one request. Their documents wait in memory meanwhile, so they count against the bytes of
// a bulk too.
constexpr std::size_t k_window = 128;

// Documents that wait to be sent again, in bulks of the largest size: while there are more, no more files are read.
constexpr std::size_t k_waiting_bulks = 8;

// While something is waited for, a terminal is shown where it stands, and `stop` is looked at.
constexpr std::chrono::milliseconds k_look_again{200};

// What a Retry-After of the cluster, or of a proxy before it, can make the loader wait.
constexpr std::chrono::seconds k_no_wait{0}, k_longest_asked_wait{3600};

std::string sibling(const std::string& data_field, const char* ending) {
  return data_field.substr(0, data_field.rfind("_data")) + ending;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// "a, b, c"
std::string listed(const std::set<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all.append(all.empty() ? "" : ", ").append(text);
  return all;
}

Failure failure_of_copy(const std::string& name, const std::string& first) {
  return {name, 0, 0, "it has the same bytes as " + first + ", which failed"};
}

/// 64 hexadecimal digits as the 32 bytes that they are.
std::array<char, 32> bytes_of_hex(const std::string& digits) {
  std::array<char, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(hex_digit(digits[2 * i]) * 16 + hex_digit(digits[2 * i + 1]));
  return bytes;
}

/// `path` as a part of a URL: only its slashes stay.
std::string encoded_path(const std::string& path) {
  std::string encoded;
  for (const char c : path) encoded += c == '/' ? std::string("/") : http::percent_encode({&c, 1});
  return encoded;
}

}  // namespace

std::string url_field(const std::string& data_field) {
  return sibling(data_field, "_url");
}

std::string hash_field(const std::string& data_field) {
  return sibling(data_field, "_sha256");
}

std::size_t Loader::HashOfHash::operator()(const Hash& hash) const {
  std::size_t first = 0;
  std::memcpy(&first, hash.data(), sizeof first);
  return first;
}

std::size_t Loader::bytes_of(const Batch& batch) {
  std::size_t bytes = 0;
  for (const Pending& pending : batch) bytes += pending.document.bytes();
  return bytes;
}

std::vector<std::string> Loader::ids_of(const Batch& batch) {
  std::vector<std::string> ids;
  for (const Pending& pending : batch) ids.push_back(pending.document.id);
  return ids;
}

Loader::~Loader() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return in_flight_ == 0; });
}

Tally Loader::load(const LoadPlan& plan, Progress& progress, const std::atomic<bool>& stop) {
  plan_ = &plan;
  progress_ = &progress;
  stop_ = &stop;
  seen_.clear();
  copies_.clear();
  failed_.clear();
  tally_ = {};
  tally_.total = plan.size();
  times_ = {};
  fault_ = {};

  read_items();
  flush();
  send_due_retries(/*most_waiting_bytes=*/0);

  std::unique_lock lock(mutex_);
  wait_until(lock, [&] { return in_flight_ == 0; });
  if (fault_) std::rethrow_exception(fault_);
  progress_->show(tally_, /*last=*/true);
  return tally_;
}

template <class Condition>
void Loader::wait_until(std::unique_lock<std::mutex>& lock, const Condition& condition) {
  const auto begun = Clock::now();
  while (!changed_.wait_for(lock, k_look_again, condition)) progress_->show(tally_);
  times_.add_waiting(Clock::now() - begun);
}

void Loader::read_items() {
  Batch window;
  std::size_t window_bytes = 0;
  const auto pass_on = [&] {
    look_up_and_add(std::move(window));
    window.clear();
    window_bytes = 0;
  };
  for (std::size_t at = 0; at < plan_->size(); ++at) {
    if (stopped()) break;
    send_due_retries(k_waiting_bulks * options_.max_bulk_bytes);
    const auto begun = Clock::now();
    std::optional<Pending> pending = read_item(at);
    {
      const std::lock_guard lock(mutex_);
      times_.add_reading(Clock::now() - begun);
    }
    if (!pending) continue;
    if (options_.replace) {
      pending->document.write_anew();
      add(std::move(*pending));
      continue;
    }
    window_bytes += pending->document.bytes();
    window.push_back(std::move(*pending));
    if (window.size() == k_window || window_bytes >= options_.max_bulk_bytes) pass_on();
  }
  if (!window.empty() && !stopped()) pass_on();
}

std::optional<Loader::Pending> Loader::read_item(std::size_t at) {
  const LoadItem item = plan_->item(at);
  if (const std::size_t bytes = longest_link(item); bytes > k_longest_picture_url) {
    give_up(item.name, 0, 0,
            "the link to it would have " + std::to_string(bytes) + " bytes; the server takes " +
                std::to_string(k_longest_picture_url) + " (--image-url)");
    return std::nullopt;
  }
  std::vector<std::string> contents, hashes;
  for (const LoadItem::Picture& picture : item.pictures) {
    auto content = read_file(picture.file.path(), options_.max_picture_bytes);
    if (!content.ok()) {
      give_up(item.name, 0, 0, content.error().message);
      return std::nullopt;
    }
    hashes.push_back(sha256_hex(*content));
    if (is_turned(*content)) {
      found_.add(Note{Note::Kind::turned_picture, picture.file.name(),
                      "its EXIF orientation asks for a turn, which the server makes only with --exif-orientation"});
    }
    const std::lock_guard lock(mutex_);
    ++tally_.pictures_read;
    tally_.bytes_read += content->size();
    contents.push_back(std::move(*content));
  }
  Pending pending;
  pending.place = static_cast<std::uint32_t>(at);
  pending.has_hash_id = item.id.empty();
  std::string id = item.id;
  if (pending.has_hash_id) id = hashes.size() == 1 ? hashes.front() : sha256_hex(joined(hashes));
  if (pending.has_hash_id && !is_first_of_its_bytes(at, item, id)) return std::nullopt;
  std::vector<std::pair<std::string, std::string_view>> fields;
  for (std::size_t i = 0; i < contents.size(); ++i) fields.emplace_back(item.pictures[i].data_field, contents[i]);
  pending.document = make_document(std::move(id), item.name, fields, attributes_of(item, hashes, pending.has_hash_id));
  return pending;
}

std::string Loader::link_to(const PictureFile& file) const {
  return options_.url_prefix + encoded_path(file.below());
}

/// In bytes; 0 without links.
std::size_t Loader::longest_link(const LoadItem& item) const {
  std::size_t longest = 0;
  if (options_.url_prefix.empty()) return longest;
  for (const LoadItem::Picture& picture : item.pictures) longest = std::max(longest, link_to(picture.file).size());
  return longest;
}

/// Links and hashes are attributes, so that `changes` compares them with what is stored.
std::string Loader::attributes_of(const LoadItem& item, const std::vector<std::string>& hashes,
                                  bool has_hash_id) const {
  json::Builder members;
  members.list(item.attributes);
  for (std::size_t i = 0; i < item.pictures.size(); ++i) {
    const auto& [file, data_field] = item.pictures[i];
    if (!options_.url_prefix.empty()) members.member(url_field(data_field), link_to(file));
    if (options_.writes_hashes && !has_hash_id) members.member(hash_field(data_field), hashes[i]);
  }
  return members.text();
}

bool Loader::is_first_of_its_bytes(std::size_t at, const LoadItem& item, const std::string& id) {
  const auto [known, is_new] = seen_.emplace(bytes_of_hex(id), static_cast<std::uint32_t>(at));
  if (is_new) return true;
  const LoadItem first = plan_->item(known->second);
  if (!same_members(first.attributes, item.attributes)) {
    found_.add(Note{Note::Kind::same_bytes, item.name,
                    "has the same bytes as " + first.name + ", but other attributes: one document, with those of " +
                        first.name + " (--id path or --id column:NAME keeps both)"});
  }
  const std::lock_guard lock(mutex_);
  if (failed_.contains(known->second)) {
    ++tally_.failed;
    found_.add(failure_of_copy(item.name, first.name));
  } else {
    ++tally_.duplicates;
    copies_[known->second].push_back(static_cast<std::uint32_t>(at));
  }
  return false;
}

bool Loader::compares_pictures(const Pending& pending) const {
  // Pictures under an id that is not their hash may have changed: without hashes only their bytes tell.
  // Documents that were loaded without hashes have none to compare.
  if (pending.has_hash_id) return false;
  return !options_.old_vectors.empty() || (!options_.writes_hashes && (options_.resume || pending.is_sent));
}

std::vector<std::string> Loader::fields_to_leave_out(const Batch& window) const {
  std::vector<std::string> left_out = options_.inferred_fields;
  if (std::any_of(window.begin(), window.end(), [&](const Pending& pending) { return looks_for_vectors(pending); }))
    std::erase_if(left_out, [&](const std::string& field) { return holds(options_.expected_vectors, field); });
  if (std::any_of(window.begin(), window.end(), [&](const Pending& pending) { return compares_pictures(pending); }))
    return left_out;
  for (const std::string& field : window.front().document.picture_fields) {
    if (!holds(left_out, field)) left_out.push_back(field);
  }
  return left_out;
}

void Loader::look_up_and_add(Batch window) {
  // A document keeps the pictures that it does not bring, so they are read, though its neighbours replace theirs.
  const std::vector<std::string> brought = window.front().document.picture_fields;
  const auto others = std::stable_partition(
      window.begin(), window.end(), [&](const Pending& pending) { return pending.document.picture_fields == brought; });
  if (others != window.end()) {
    Batch rest(std::make_move_iterator(others), std::make_move_iterator(window.end()));
    window.erase(others, window.end());
    look_up_and_add(std::move(window));
    return look_up_and_add(std::move(rest));
  }
  const std::vector<std::string> left_out = fields_to_leave_out(window);
  const std::string& index = options_.lookup_index.empty() ? options_.index : options_.lookup_index;
  const auto begun = Clock::now();
  auto stored = cluster_.read_documents(index, ids_of(window), left_out);
  {
    const std::lock_guard lock(mutex_);
    times_.add_looking_up(Clock::now() - begun);
  }
  const bool is_too_much =
      !stored.ok() && (stored.error().code == ErrorCode::too_large || stored.error().code == ErrorCode::unsupported);
  if (is_too_much && window.size() > 1) {
    const auto middle = window.begin() + static_cast<std::ptrdiff_t>(window.size() / 2);
    Batch second(std::make_move_iterator(middle), std::make_move_iterator(window.end()));
    window.erase(middle, window.end());
    look_up_and_add(std::move(window));
    look_up_and_add(std::move(second));
    return;
  }
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (!stored.ok()) {
      not_looked_up(std::move(window[i]), stored.error());
    } else if (auto& document = (*stored)[i]; document.ok()) {
      add_or_skip(std::move(window[i]), *std::move(document));
    } else {
      not_looked_up(std::move(window[i]), document.error());
    }
  }
}

void Loader::not_looked_up(Pending pending, const Error& error) {
  const std::lock_guard lock(mutex_);
  if (pending.last) return fail(pending, *pending.last);
  const bool is_retried = may_pass(error);
  ++pending.attempts;
  pending.is_stale = true;
  settle(std::move(pending), {is_retried ? BulkOutcome::Kind::retry : BulkOutcome::Kind::failed, 0,
                              error.message + (is_retried ? "" : " (--replace compares nothing)")});
}

bool Loader::lacks_vectors(const Pending& pending, StoredDocument& stored) const {
  if (options_.expected_vectors.empty()) return false;
  // Also of a document that only shares its look-up with those they are looked for: they are made anew.
  Pruned pruned = without_fields(stored.members, options_.expected_vectors);
  stored.members = std::move(pruned.members);
  return looks_for_vectors(pending) &&
         std::any_of(options_.inferences.begin(), options_.inferences.end(), [&](const auto& inference) {
           return holds(pending.document.picture_fields, inference.input) &&
                  holds(options_.expected_vectors, inference.output) && !pruned.removed.contains(inference.output);
         });
}

bool Loader::has_other_pictures(const Pending& pending, const StoredDocument& stored) const {
  if (!stored.found || pending.has_hash_id) return false;
  if (options_.writes_hashes) {
    std::vector<std::string> hashes;
    for (const std::string& field : pending.document.picture_fields) hashes.push_back(hash_field(field));
    const bool has_hashes = without_fields(stored.members, hashes).removed.size() == hashes.size();
    if (has_hashes) return pending.document.changes_any_of(hashes, stored);
  }
  return pending.document.changes_pictures(stored, /*needs_pictures=*/true);
}

/// An answer was lost, and the document is there. What another writer made of it meanwhile is no such document: it may
/// have the vector that this load is to replace.
bool Loader::is_written_already(const Pending& pending, const StoredDocument& stored) const {
  if (!pending.is_sent || stored.name != pending.document.name) return false;
  if (!pending.written_over) return true;
  return stored.sequence_number != pending.written_over &&
         same_members(without_fields(stored.members, pending.document.picture_fields).members,
                      without_fields(pending.document.fields, pending.document.picture_fields).members);
}

void Loader::drop_old_vectors(const Pending& pending, StoredDocument& stored) {
  if (options_.old_vectors.empty() || !has_other_pictures(pending, stored)) return;
  Pruned pruned = without_fields(stored.members, options_.old_vectors);
  if (pruned.removed.empty()) return;
  stored.members = std::move(pruned.members);
  for (const std::string& brought : without_fields(pending.document.attributes, options_.old_vectors).removed)
    pruned.removed.erase(brought);
  if (pruned.removed.empty() || pending.is_held) return;  // nothing is lost, or it is in the report
  found_.add(Note{Note::Kind::old_vector, pending.document.name,
                  "its picture may have changed; removed, because this load's pipeline does not write them: " +
                      listed(pruned.removed) + "; load it with the pipeline that does"});
}

void Loader::add_or_skip(Pending pending, StoredDocument stored) {
  const bool has_no_vectors = lacks_vectors(pending, stored);
  const bool has_other_name = stored.found && !stored.name.empty() && stored.name != pending.document.name;
  // Of a picture that the index does not hold, only its hash tells whether it has changed.
  const bool needs_pictures = !pending.has_hash_id && !options_.writes_hashes;
  const bool changes =
      !stored.found || pending.document.changes(stored, needs_pictures) || (has_other_name && !pending.has_hash_id);
  if (!changes && !has_no_vectors && is_written_already(pending, stored)) {
    const std::lock_guard lock(mutex_);
    return count_indexed(pending);
  }
  if (pending.last) {
    const std::lock_guard lock(mutex_);
    return fail(pending, *pending.last);
  }
  if (options_.resume && !changes && !has_no_vectors) {
    const std::lock_guard lock(mutex_);
    ++tally_.skipped;
    progress_->show(tally_);
    return;
  }
  if (has_other_name && !pending.is_held) {
    found_.add(Note{Note::Kind::other_name, pending.document.name,
                    "the index had this document as " + stored.name + "; it has this file's name and attributes now"});
  }
  drop_old_vectors(pending, stored);
  if (!pending.is_held) pending.is_held = stored.found;
  pending.is_stale = false;
  pending.written_over = stored.found ? stored.sequence_number : std::nullopt;
  pending.document.write_over(stored);
  add(std::move(pending));
}

void Loader::add(Pending pending) {
  const std::size_t bytes = pending.document.bytes();
  if (!filling_.empty() && filling_bytes_ + bytes > options_.max_bulk_bytes) flush();
  filling_bytes_ += bytes;
  filling_.push_back(std::move(pending));
  std::size_t most = 0;
  {
    const std::lock_guard lock(mutex_);
    most = bulk_size_.documents();
  }
  if (filling_.size() >= most || filling_bytes_ >= options_.max_bulk_bytes) flush();
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
    pending.document.append_lines(body);
    ++pending.attempts;
    pending.is_sent = true;
  }
  auto shared = std::make_shared<Batch>(std::move(batch));  // std::function wants something that can be copied
  {
    std::unique_lock lock(mutex_);
    wait_until(lock, [&] { return in_flight_ < options_.max_in_flight; });
    ++in_flight_;
  }
  try {
    cluster_.send_bulk(options_.index, options_.pipeline, std::move(body),
                       [this, shared, sent = Clock::now()](const Result<http::Response>& answer) {
                         std::exception_ptr fault;
                         try {
                           on_answer(std::move(*shared), sent, answer);
                         } catch (...) {
                           fault = std::current_exception();
                         }
                         land(fault);
                       });
  } catch (...) {
    land({});
    throw;
  }
}

/// A bulk is no longer under way.
void Loader::land(const std::exception_ptr& fault) {
  const std::lock_guard lock(mutex_);
  if (fault) fault_ = fault;
  --in_flight_;
  changed_.notify_all();
}

void Loader::on_answer(Batch batch, Clock::time_point sent, const Result<http::Response>& answer) {
  const std::size_t size = batch.size();
  const auto elapsed = Clock::now() - sent;
  BulkOutcome whole;  // when the answer is about the bulk as a whole
  BulkAnswer read_answer;
  if (!answer.ok()) {
    whole = {BulkOutcome::Kind::retry, 0, answer.error().message};
  } else if (answer->status == 413 && size > 1) {
    const std::lock_guard lock(mutex_);
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(size / 2);
    Batch second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    for (Batch* half : {&batch, &second}) {
      for (Pending& pending : *half) --pending.attempts;  // its size was refused, not the document
      put_back(Clock::now(), std::move(*half));
    }
    times_.add_bulk(elapsed, {}, {});
    return;
  } else if (answer->status != 200) {
    whole = {kind_of_whole_bulk(answer->status), answer->status, reason_of(answer->body)};
  } else if (auto read = read_bulk_answer(answer->body, ids_of(batch)); read.ok()) {
    read_answer = std::move(*read);
  } else {
    whole = {BulkOutcome::Kind::failed, answer->status, read.error().message};
  }
  const std::lock_guard lock(mutex_);
  bulk_size_.answered(size, std::chrono::duration_cast<std::chrono::milliseconds>(elapsed));
  times_.add_bulk(elapsed, read_answer.ingest_took, read_answer.took);
  const auto& outcomes = read_answer.outcomes;
  const auto asked_to_wait = answer.ok() ? http::retry_after(answer->headers) : std::nullopt;
  const std::chrono::seconds least_wait = std::min(asked_to_wait.value_or(k_no_wait), k_longest_asked_wait);
  // A bulk without an answer of its own may have been written.
  const bool is_lost = whole.kind == BulkOutcome::Kind::retry && whole.status != 429;
  for (std::size_t i = 0; i < size; ++i) {
    batch[i].is_stale = is_lost && !options_.replace;
    settle(std::move(batch[i]), outcomes.empty() ? whole : outcomes[i], least_wait);
  }
  progress_->show(tally_);
}

void Loader::settle(Pending pending, const BulkOutcome& outcome, std::chrono::seconds least_wait) {
  if (outcome.kind == BulkOutcome::Kind::stored) return count_indexed(pending);
  const bool is_conflict = outcome.kind == BulkOutcome::Kind::conflict;
  if (is_conflict) pending.is_stale = !options_.replace;
  const bool may_pass = is_conflict || outcome.kind == BulkOutcome::Kind::retry;
  const bool is_last = pending.attempts >= options_.retry.max_attempts;
  if (is_last && pending.is_stale && pending.is_sent) pending.last = outcome;
  if (may_pass && (!is_last || pending.last) && !stopped()) {
    if (!is_last) ++tally_.retried;
    // Documents that are due at about the same time go together again.
    const auto due = Clock::now() + std::max<Clock::duration>(options_.retry.wait_bound(pending.attempts), least_wait);
    auto slot = retries_.lower_bound(due - std::chrono::milliseconds(50));
    const bool fits = slot != retries_.end() && slot->first <= due &&
                      slot->second.size() < options_.max_bulk_documents &&
                      bytes_of(slot->second) + pending.document.bytes() <= options_.max_bulk_bytes;
    if (!fits) slot = retries_.emplace(due, Batch());
    retry_bytes_ += pending.document.bytes();
    slot->second.push_back(std::move(pending));
    return;
  }
  fail(pending, outcome);
}

/// With the lock held.
void Loader::count_indexed(const Pending& pending) {
  ++tally_.indexed;
  if (pending.is_held == true) ++tally_.updated;
  progress_->show(tally_);
}

/// With the lock held. Files of the same bytes are not in the index either.
void Loader::fail(const Pending& pending, const BulkOutcome& outcome) {
  ++tally_.failed;
  found_.add(
      Failure{pending.document.name, outcome.status, pending.attempts, with_name_of_input(pending, outcome.reason)});
  failed_.insert(pending.place);
  const auto copies = copies_.find(pending.place);
  if (copies == copies_.end()) return;
  for (const std::uint32_t copy : copies->second) {
    --tally_.duplicates;
    ++tally_.failed;
    found_.add(failure_of_copy(plan_->item(copy).name, pending.document.name));
  }
  copies_.erase(copies);
}

/// A refusal names its input by number, "input 2: ...": of a document of several pictures this adds which file that is,
/// or which files it may be.
std::string Loader::with_name_of_input(const Pending& pending, const std::string& reason) const {
  constexpr std::string_view k_input = "input ";
  const std::size_t colon = reason.find(':');
  if (!reason.starts_with(k_input) || colon == std::string::npos) return reason;
  const auto number = number_from<std::size_t>(std::string_view(reason).substr(k_input.size(), colon - k_input.size()));
  const LoadItem item = plan_->item(pending.place);
  if (!number || item.pictures.size() < 2) return reason;
  std::map<std::string, std::string> names;  // of files, by field
  std::set<std::string> all;
  for (const LoadItem::Picture& picture : item.pictures) {
    names.emplace(picture.data_field, picture.file.name());
    all.insert(picture.file.name());
  }
  // Inputs that a document lacks may be counted or not, and each processor counts from 0.
  const auto& inferences = options_.inferences;
  const bool is_clear = *number < inferences.size() && inferences.back().processor == 0 &&
                        std::all_of(inferences.begin(), inferences.end(),
                                    [&](const auto& inference) { return names.contains(inference.input); });
  const std::string which = is_clear ? names.at(inferences[*number].input) : "one of " + listed(all);
  return reason.substr(0, colon) + " (" + which + ")" + reason.substr(colon);
}

/// With the lock held.
void Loader::put_back(Clock::time_point due, Batch batch) {
  retry_bytes_ += bytes_of(batch);
  retries_.emplace(due, std::move(batch));
}

void Loader::give_up(const std::string& name, int status, int attempts, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++tally_.failed;
  found_.add(Failure{name, status, attempts, reason});
}

/// Until something happens or a retry is due, but not long.
void Loader::wait_for_change(std::unique_lock<std::mutex>& lock) {
  const auto begun = Clock::now();
  const bool is_under_way = in_flight_ > 0;
  const auto look_again = begun + k_look_again;
  changed_.wait_until(lock, retries_.empty() ? look_again : std::min(look_again, retries_.begin()->first));
  const auto waited = Clock::now() - begun;
  is_under_way ? times_.add_waiting(waited) : times_.add_retrying(waited);
  progress_->show(tally_);
}

/// Sends what is due. Waits for it while more bytes than those wait to be sent again; with 0 until nothing waits, and
/// nothing is under way that could be put back.
void Loader::send_due_retries(std::size_t most_waiting_bytes) {
  while (true) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      const auto is_due = [&] { return !retries_.empty() && retries_.begin()->first <= Clock::now(); };
      const auto is_too_much = [&] {
        return retry_bytes_ > most_waiting_bytes || (most_waiting_bytes == 0 && in_flight_ > 0);
      };
      while (!stopped() && !is_due() && is_too_much()) wait_for_change(lock);
      if (stopped() || !is_due()) return;
      batch = std::move(retries_.begin()->second);
      retry_bytes_ -= bytes_of(batch);
      retries_.erase(retries_.begin());
    }
    const auto stale =
        std::stable_partition(batch.begin(), batch.end(), [](const Pending& pending) { return !pending.is_stale; });
    Batch again(std::make_move_iterator(stale), std::make_move_iterator(batch.end()));
    batch.erase(stale, batch.end());
    if (!batch.empty()) send(std::move(batch));
    if (again.empty()) continue;
    look_up_and_add(std::move(again));
    flush();
  }
}

}  // namespace sightline::ingest
