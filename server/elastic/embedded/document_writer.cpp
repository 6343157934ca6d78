#include "server/elastic/embedded/document_writer.h"

#include <algorithm>
#include <chrono>

#include "base/cancellation.h"
#include "base/number_text.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_merge.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

/// Approximate limits of one transaction: how long other requests wait for it, and the size of its documents in memory.
constexpr std::chrono::milliseconds k_longest_transaction{200};
constexpr std::size_t k_largest_transaction_bytes = 32u << 20;
/// How long the version of a deleted document is remembered (index.gc_deletes).
constexpr std::int64_t k_remember_deleted_milliseconds = 60'000;
constexpr std::int64_t k_primary_term = 1;
constexpr std::chrono::seconds k_refresh_interval{1};  // Elasticsearch's default index.refresh_interval
constexpr auto k_never = std::chrono::steady_clock::time_point::max();

std::int64_t milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

[[noreturn]] void refuse_write(const StoredIndex& index, int status, const char* type, std::string reason) {
  ElasticError error{status, type, std::move(reason)};
  error.details = {{"index_uuid", index.uuid()}, {"shard", "0"}, {"index", index.name()}};
  refuse(std::move(error));
}

std::string_view read_raw(const JsonView& value, std::string_view) {
  return value.raw();
}

const MemberTable<UpdateBody> k_body{
    "`_update` body",
    "UpdateRequest",
    k_content_error,
    {{"doc", k_object, into<&UpdateBody::doc, read_raw>},
     {"upsert", k_object, into<&UpdateBody::upsert, read_raw>},
     {"doc_as_upsert", k_flags, into<&UpdateBody::doc_as_upsert, read_bool>},
     {"detect_noop", k_flags, into<&UpdateBody::detect_noop, read_bool>},
     {"_source", k_flags | k_object | k_array,
      [](const JsonView&, const JsonView& value, UpdateBody& body) { body.shown = parse_source_filter(value); }}}};

/// What the answer to an update shows of the new source, vectors included; empty: nothing.
std::string shown_source(const DocumentWrite& write, const UpdateBody& body, std::string_view source) {
  const SourceFilter* filter = body.shown ? &*body.shown : write.shown.get();
  return filter && filter->enabled ? filter_source(source, *filter) : "";
}

}  // namespace

std::optional<std::int64_t> sequence_number(std::string_view name, const std::string& text) {
  const auto number = number_from<std::int64_t>(text);
  if (!number || *number < 0)
    refuse(illegal_argument("[" + std::string(name) + "] must be a number that is not negative, found [" +
                            shortened(text) + "]"));
  return number;
}

void check_sequence_numbers(const DocumentWrite& write) {
  if (write.if_seq_no.has_value() != (write.if_primary_term.value_or(0) > 0))
    refuse_invalid("if_seq_no and if_primary_term must be given together");
  if (!write.if_seq_no) return;
  if (write.action == DocumentWrite::Action::create)
    refuse_invalid("create operations do not support compare and set. use index instead");
  if (write.action != DocumentWrite::Action::update) return;
  if (write.retries) refuse_invalid("compare and write operations can not be retried");
  const UpdateBody body = parse_update_body(write.source);
  if (body.doc_as_upsert) refuse_invalid("compare and write operations can not be used with upsert");
  if (!body.upsert.empty()) refuse_invalid("upsert requests don't support `if_seq_no` and `if_primary_term`");
}

UpdateBody parse_update_body(std::string_view body) {
  UpdateBody update;
  if (!body.empty()) read_object(body, k_content_error, [&](const JsonView& root) { k_body.read(root, update); });
  if (update.doc.empty()) refuse_invalid("script or doc is missing");
  return update;
}

WriteTransaction::~WriteTransaction() {
  if (!open_) return;
  store_.writer_->roll_back();
  const WriterFirstLock::Writer alone = store_.visibility_.write();
  for (auto& [index, staged] : staged_) index->search().rollback();
}

void WriteTransaction::ensure_index(const std::string& name) {
  const auto found = answer_of([&] { return store_.find_for_write(name); });
  if (found) return;
  if (found.error().type == "illegal_argument_exception") refuse(found.error());
  store_.create_index_locked(name, {});
}

void WriteTransaction::begin() {
  store_.drop_retired();
  store_.check_files();
  store_.writer_->execute("BEGIN IMMEDIATE");
  open_ = true;
}

WriteResult WriteTransaction::result(const Staged& staged, const std::string& id, std::int64_t version,
                                     std::int64_t seq_no, const char* what) const {
  return {staged.index->name(), id, what, version, seq_no, 1 + replicas_of(staged.index->settings())};
}

WriteTransaction::Staged& WriteTransaction::stage(const std::string& name) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) return *known->second;
  const IndexPtr index = store_.find_for_write(name);
  const auto [place, is_new] = staged_.try_emplace(index.get());
  Staged& staged = place->second;
  if (is_new) staged = {index, GrowingMapping(index->mapping()), index->next_seq_no, index->size()};
  by_name_.emplace(name, &staged);
  return staged;
}

WriteResult WriteTransaction::apply(const DocumentWrite& write) {
  using enum DocumentWrite::Action;
  Staged& staged = stage(write.index);
  const UpdateBody body = write.action == update ? parse_update_body(write.source) : UpdateBody();
  if (body.shown) check_patterns(*body.shown, store_.limits());
  const std::string id = write.id.empty() ? random_name(15) : write.id;
  const Current before = current(staged, id);
  const bool changes = write.action == update && before.live;
  const std::string_view upsert = body.doc_as_upsert ? body.doc : body.upsert;
  if (write.action == update && !changes && upsert.empty())
    refuse_write(*staged.index, 404, "document_missing_exception", "[" + id + "]: document missing");
  check_conflict(staged, write, before);
  if (write.action == remove) return this->remove(staged, write, before);
  if (changes) return this->update(staged, write, body, before);
  WriteResult made = put(staged, id, write.action == update ? upsert : write.source, before);
  if (write.action == update) made.source = shown_source(write, body, upsert);
  return made;
}

WriteTransaction::Current WriteTransaction::current(const Staged& staged, const std::string& id) {
  auto rows =
      store_.writer_->query("SELECT number, version FROM " + staged.index->documents_table() + " WHERE id=?1", id);
  if (rows.step()) return {rows.integer(0), rows.integer(1), true};
  auto deleted =
      store_.writer_->query("SELECT version FROM " + staged.index->deleted_table() + " WHERE id=?1 AND time>=?2", id,
                            milliseconds_now() - k_remember_deleted_milliseconds);
  return {0, deleted.step() ? deleted.integer(0) : 0, false};
}

void WriteTransaction::check_conflict(const Staged& staged, const DocumentWrite& write, const Current& before) const {
  const auto conflict = [&](const std::string& what) {
    refuse_write(*staged.index, 409, "version_conflict_engine_exception",
                 "[" + write.id + "]: version conflict, " + what);
  };
  if (write.action == DocumentWrite::Action::create && before.live)
    conflict("document already exists (current version [" + std::to_string(before.version) + "])");
  if (!write.if_seq_no) return;
  const std::int64_t term = write.if_primary_term.value_or(k_primary_term);
  if (before.live && before.number == *write.if_seq_no && term == k_primary_term) return;
  const std::string required =
      "required seqNo [" + std::to_string(*write.if_seq_no) + "], primary term [" + std::to_string(term) + "]. ";
  conflict(required + (before.live
                           ? "current document has seqNo [" + std::to_string(before.number) + "] and primary term [1]"
                           : "but no document was found"));
}

WriteResult WriteTransaction::put(Staged& staged, const std::string& id, std::string_view source,
                                  const Current& before) {
  staged.mapping.take_back();  // what a document added that was refused
  PreparedDocument document =
      prepare_document(source, id, staged.mapping, staged.index->cuts_vectors(), staged.index->mapping_limits());
  const std::int64_t number = staged.next_seq_no;
  staged.index->search().add(number, std::move(document.values), store_.limits().max_document_words);
  staged.mapping.keep();
  ++staged.next_seq_no;
  if (before.live) {
    erase_rows(staged, before.number);
  } else if (before.version != 0) {
    store_.writer_->run("DELETE FROM " + staged.index->deleted_table() + " WHERE id=?1", id);
  }
  insert_rows(staged, number, before.version + 1, id, document);
  ++staged.size.documents;
  staged.size.source_bytes += static_cast<std::int64_t>(document.source.size());
  return result(staged, id, before.version + 1, number, before.live ? "updated" : "created");
}

void WriteTransaction::erase_rows(Staged& staged, std::int64_t number) {
  auto erased = store_.writer_->query(
      "DELETE FROM " + staged.index->documents_table() + " WHERE number=?1 RETURNING LENGTH(CAST(source AS BLOB))",
      number);
  erased.step();
  --staged.size.documents;
  staged.size.source_bytes -= erased.integer(0);
  store_.writer_->run("DELETE FROM " + staged.index->vectors_table() + " WHERE document=?1", number);
  staged.index->search().remove(number);
}

void WriteTransaction::insert_rows(Staged& staged, std::int64_t number, std::int64_t version, const std::string& id,
                                   const PreparedDocument& document) {
  store_.writer_->run(
      "INSERT INTO " + staged.index->documents_table() + "(number, id, version, source) VALUES(?1, ?2, ?3, ?4)", number,
      id, version, document.source);
  std::int64_t ordinal = 0;
  for (const CutVector& vector : document.vectors) {
    store_.writer_->run(
        "INSERT INTO " + staged.index->vectors_table() +
            "(document, ordinal, path, position, before, after, vector) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        number, ordinal++, vector.path, static_cast<std::int64_t>(vector.offset), vector.before, vector.after,
        std::as_bytes(std::span(vector.values)));
  }
}

/// At most once per transaction and index, because the query scans the whole table.
void WriteTransaction::prune(Staged& staged) {
  if (std::exchange(staged.pruned, true)) return;
  store_.writer_->run("DELETE FROM " + staged.index->deleted_table() + " WHERE time<?1",
                      milliseconds_now() - k_remember_deleted_milliseconds);
}

WriteResult WriteTransaction::remove(Staged& staged, const DocumentWrite& write, const Current& before) {
  if (before.live) erase_rows(staged, before.number);
  const std::int64_t version = before.version + 1;
  prune(staged);
  // An id that no document can have is not remembered: it could have any size.
  if (!rest::id_problem(write.id)) {
    store_.writer_->run(
        "INSERT OR REPLACE INTO " + staged.index->deleted_table() + "(id, version, time) VALUES(?1, ?2, ?3)", write.id,
        version, milliseconds_now());
  }
  return result(staged, write.id, version, staged.next_seq_no++, before.live ? "deleted" : "not_found");
}

WriteResult WriteTransaction::update(Staged& staged, const DocumentWrite& write, const UpdateBody& body,
                                     const Current& before) {
  auto rows = store_.writer_->query("SELECT source FROM " + staged.index->documents_table() + " WHERE number=?1",
                                    before.number);
  rows.step();
  const auto vectors = staged.index->read_vectors(*store_.writer_, before.number);
  auto merged = accepted(rest::merge_json(with_vectors(rows.text(0), vectors), body.doc));
  WriteResult done = body.detect_noop && !merged.changed
                         ? result(staged, write.id, before.version, before.number, "noop")
                         : put(staged, write.id, merged.text, before);
  done.source = shown_source(write, body, merged.text);
  return done;
}

std::vector<IndexPtr> WriteTransaction::indices() const {
  std::vector<IndexPtr> indices;
  for (const auto& [index, staged] : staged_) indices.push_back(staged.index);
  return indices;
}

void WriteTransaction::commit() {
  for (auto& [index, staged] : staged_) {
    staged.mapping.take_back();
    if (staged.mapping.now() != index->mapping()) store_.save(*index, "mapping", staged.mapping->to_json());
    store_.writer_->run("UPDATE indices SET next_seq_no=?1, source_bytes=?2 WHERE number=?3", staged.next_seq_no,
                        staged.size.source_bytes, index->number());
  }
  store_.check_files();
  const WriterFirstLock::Writer alone = store_.visibility_.write();
  store_.writer_->execute("COMMIT");
  open_ = false;
  store_.health_.works();
  for (auto& [index, staged] : staged_) {
    index->search().commit();
    index->next_seq_no = staged.next_seq_no;
    index->set_mapping(staged.mapping.now());
    index->set_size(staged.size);
    if (index->search().needs_refresh() && store_.refresh_due_.load() == k_never) {
      store_.refresh_due_ = store_.now_() + k_refresh_interval;
    }
  }
  if (store_.refresh_is_due()) store_.refresh_all();
}

std::vector<Answer<WriteResult>> DocumentWriter::write(std::span<const DocumentWrite> writes) {
  WriteTransaction transaction(store_);
  const auto started = std::chrono::steady_clock::now();
  const auto lasts = [&] { return std::chrono::steady_clock::now() - started > k_longest_transaction; };
  // An index is created in a separate transaction.
  std::size_t ready = 0;
  for (; ready < writes.size() && (ready == 0 || !lasts()); ++ready) {
    check_cancelled();
    const DocumentWrite& write = writes[ready];
    if (write.action == DocumentWrite::Action::remove || indices_.contains(write.index)) continue;
    const auto made = part_of_request([&] { return transaction.ensure_index(write.index), true; });
    indices_[write.index] = made ? Refusal() : made.error();
  }
  std::vector<Answer<WriteResult>> results;
  try {
    transaction.begin();
    std::size_t bytes = 0;
    for (const DocumentWrite& write : writes.first(ready)) {
      check_cancelled();
      bytes += write.source.size();
      if (!results.empty() && (bytes > k_largest_transaction_bytes || lasts())) break;
      results.push_back(answer_of([&] {
        if (const auto named = indices_.find(write.index); named != indices_.end()) accepted(named->second);
        return transaction.apply(write);
      }));
    }
    transaction.commit();
  } catch (const StorageFailed& failed) {
    store_.note(failed);
    throw;
  }
  for (IndexPtr& index : transaction.indices()) {
    if (std::find(written_.begin(), written_.end(), index) == written_.end()) written_.push_back(std::move(index));
  }
  return results;
}

void DocumentWriter::refresh() {
  store_.refresh(written_);
}

}  // namespace sightline::elastic
