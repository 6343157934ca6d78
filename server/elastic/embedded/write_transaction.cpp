#include "server/elastic/embedded/write_transaction.h"

#include <chrono>

#include "server/elastic/embedded/index_names.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_merge.h"

namespace sightline::elastic {
namespace {

/// How long the version of a deleted document is remembered (index.gc_deletes).
constexpr std::int64_t k_remember_deleted_milliseconds = 60'000;
constexpr std::int64_t k_primary_term = 1;
constexpr std::chrono::seconds k_refresh_interval{1};  // Elasticsearch's default index.refresh_interval
constexpr auto k_never = std::chrono::steady_clock::time_point::max();

std::int64_t milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

ElasticError shard_error(const StoredIndex& index, int status, const char* type, std::string reason) {
  ElasticError error{status, type, std::move(reason)};
  error.details = {{"index_uuid", index.uuid()}, {"shard", "0"}, {"index", index.name()}};
  return error;
}

}  // namespace

WriteTransaction::~WriteTransaction() {
  if (!open_) return;
  (void)store_.writer_->execute("ROLLBACK");
  const VisibilityLock::Writer alone = store_.visibility_.write();
  for (auto& [index, staged] : staged_) index->search().rollback();
}

Refusal WriteTransaction::ensure_index(const std::string& name) {
  const auto found = store_.find_for_write(name);
  if (found) return std::nullopt;
  if (found.error().type == "illegal_argument_exception") return found.error();
  auto made = store_.create_index_locked(name, {});
  if (!made) return made.error();
  return std::nullopt;
}

Status WriteTransaction::begin() {
  store_.drop_retired();
  Status status = store_.check_files();
  if (status) status = store_.writer_->execute("BEGIN IMMEDIATE");
  open_ = status.ok();
  return status;
}

ElasticError WriteTransaction::fail(Error error) {
  ElasticError shown = storage_error(error);
  store_.note(error);
  if (failure_) failure_ = std::move(error);
  return shown;
}

WriteResult WriteTransaction::result(const Staged& staged, const std::string& id, std::int64_t version,
                                     std::int64_t seq_no, const char* what) const {
  return {staged.index->name(), id, what, version, seq_no, 1 + replicas_of(staged.index->settings())};
}

Answer<WriteTransaction::Staged*> WriteTransaction::stage(const std::string& name) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) return known->second;
  auto found = store_.find_for_write(name);
  if (!found) return found.error();
  StoredIndex* index = found->get();
  const auto [place, is_new] = staged_.try_emplace(index);
  Staged& staged = place->second;
  if (is_new) staged = {*found, index->mapping(), index->next_seq_no, index->document_count()};
  by_name_.emplace(name, &staged);
  return &staged;
}

Answer<WriteResult> WriteTransaction::apply(const DocumentWrite& write) {
  if (!failure_) return storage_error(failure_.error());
  auto staged = stage(write.index);
  if (!staged) return staged.error();
  switch (write.action) {
    case DocumentWrite::Action::remove:
      return remove(**staged, write);
    case DocumentWrite::Action::update:
      return update(**staged, write);
    default:
      return index(**staged, write);
  }
}

Answer<std::optional<WriteTransaction::Current>> WriteTransaction::current(const Staged& staged,
                                                                           const std::string& id) {
  auto rows = store_.writer_->query("SELECT number, version FROM " + staged.index->documents_table() +
                                    " WHERE id=?1");
  if (!rows) return fail(rows.error());
  auto row = rows->bind(1, id).step();
  if (!row) return fail(row.error());
  if (*row) return std::optional(Current{rows->integer(0), rows->integer(1), true});
  auto deleted = store_.writer_->query("SELECT version FROM " + staged.index->deleted_table() +
                                       " WHERE id=?1 AND time>=?2");
  if (!deleted) return fail(deleted.error());
  row = deleted->bind(1, id).bind(2, milliseconds_now() - k_remember_deleted_milliseconds).step();
  if (!row) return fail(row.error());
  if (*row) return std::optional(Current{0, deleted->integer(0), false});
  return std::optional<Current>();
}

Refusal WriteTransaction::check_conflict(const Staged& staged, const DocumentWrite& write,
                                         const std::string& id, const std::optional<Current>& before) const {
  const bool live = before && before->live;
  const auto conflict = [&](const std::string& what) {
    return shard_error(*staged.index, 409, "version_conflict_engine_exception",
                       "[" + id + "]: version conflict, " + what);
  };
  if (write.action == DocumentWrite::Action::create && live) {
    return conflict("document already exists (current version [" + std::to_string(before->version) + "])");
  }
  if (!write.if_seq_no) return std::nullopt;
  const std::int64_t term = write.if_primary_term.value_or(k_primary_term);
  if (live && before->number == *write.if_seq_no && term == k_primary_term) return std::nullopt;
  const std::string required = "required seqNo [" + std::to_string(*write.if_seq_no) + "], primary term [" +
                               std::to_string(term) + "]. ";
  if (!live) return conflict(required + "but no document was found");
  return conflict(required + "current document has seqNo [" + std::to_string(before->number) +
                  "] and primary term [1]");
}

Answer<WriteResult> WriteTransaction::index(Staged& staged, const DocumentWrite& write) {
  const std::string id = write.id.empty() ? random_name(15) : write.id;
  const auto before = current(staged, id);
  if (!before) return before.error();
  if (auto refusal = check_conflict(staged, write, id, *before)) return *refusal;
  return put(staged, id, write.source, *before, *before && (*before)->live ? "updated" : "created");
}

Answer<WriteResult> WriteTransaction::put(Staged& staged, const std::string& id, std::string_view source,
                                          const std::optional<Current>& before, const char* what) {
  auto document = prepare_document(source, id, staged.mapping, staged.index->cuts_vectors(),
                                   staged.index->mapping_limits());
  if (!document) return document.error();
  const std::int64_t version = before ? before->version + 1 : 1;
  const std::int64_t number = staged.next_seq_no;
  const std::size_t max_words = store_.limits().max_document_words;
  if (Status status = staged.index->search().add(number, document->values, max_words); !status) {
    if (status.error().code != ErrorCode::too_large) return fail(status);
    return illegal_argument(status.error().message + "; the limit is [" + std::to_string(max_words) +
                            "], which --elasticsearch-max-document-words sets");
  }
  ++staged.next_seq_no;
  if (before && before->live) {
    if (Status status = erase_rows(staged, before->number); !status) return fail(status);
  } else if (before) {
    auto forget = store_.writer_->query("DELETE FROM " + staged.index->deleted_table() + " WHERE id=?1");
    if (!forget) return fail(forget.error());
    if (Status status = forget->bind(1, id).run(); !status) return fail(status);
  }
  if (Status status = insert_rows(staged, number, version, id, *document); !status) return fail(status);
  staged.mapping = document->mapping;
  ++staged.count;
  return result(staged, id, version, number, what);
}

Status WriteTransaction::erase_rows(Staged& staged, std::int64_t number) {
  for (const std::string& sql : {"DELETE FROM " + staged.index->documents_table() + " WHERE number=?1",
                                 "DELETE FROM " + staged.index->vectors_table() + " WHERE document=?1"}) {
    auto erase = store_.writer_->query(sql);
    if (!erase) return erase.error();
    if (Status status = erase->bind(1, number).run(); !status) return status;
  }
  --staged.count;
  return staged.index->search().remove(number);
}

Status WriteTransaction::insert_rows(Staged& staged, std::int64_t number, std::int64_t version,
                                     const std::string& id, const PreparedDocument& document) {
  auto insert = store_.writer_->query("INSERT INTO " + staged.index->documents_table() +
                                      "(number, id, version, source) VALUES(?1, ?2, ?3, ?4)");
  if (!insert) return insert.error();
  if (Status status = insert->bind(1, number).bind(2, id).bind(3, version).bind(4, document.source).run();
      !status)
    return status;
  std::int64_t ordinal = 0;
  for (const CutVector& vector : document.vectors) {
    auto row = store_.writer_->query(
        "INSERT INTO " + staged.index->vectors_table() +
        "(document, ordinal, path, position, before, after, vector) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    if (!row) return row.error();
    row->bind(1, number)
        .bind(2, ordinal++)
        .bind(3, vector.path)
        .bind(4, static_cast<std::int64_t>(vector.offset));
    row->bind(5, vector.before)
        .bind(6, vector.after)
        .bind_blob(7, vector.values.data(), vector.values.size() * sizeof(float));
    if (Status status = row->run(); !status) return status;
  }
  return {};
}

/// Once per transaction, as it looks at all of them.
Status WriteTransaction::prune(Staged& staged) {
  if (staged.pruned) return {};
  auto prune = store_.writer_->query("DELETE FROM " + staged.index->deleted_table() + " WHERE time<?1");
  if (!prune) return prune.error();
  staged.pruned = true;
  return prune->bind(1, milliseconds_now() - k_remember_deleted_milliseconds).run();
}

Answer<WriteResult> WriteTransaction::remove(Staged& staged, const DocumentWrite& write) {
  const auto before = current(staged, write.id);
  if (!before) return before.error();
  if (auto refusal = check_conflict(staged, write, write.id, *before)) return *refusal;
  const bool live = *before && (*before)->live;
  if (live) {
    if (Status status = erase_rows(staged, (*before)->number); !status) return fail(status);
  }
  const std::int64_t version = *before ? (*before)->version + 1 : 1, now = milliseconds_now();
  if (Status status = prune(staged); !status) return fail(status);
  // One that no document can have is not remembered: it may be of any size.
  if (rest::id_problem(write.id)) return result(staged, write.id, version, staged.next_seq_no++, "not_found");
  auto remember = store_.writer_->query("INSERT OR REPLACE INTO " + staged.index->deleted_table() +
                                        "(id, version, time) VALUES(?1, ?2, ?3)");
  if (!remember) return fail(remember.error());
  if (Status status = remember->bind(1, write.id).bind(2, version).bind(3, now).run(); !status)
    return fail(status);
  return result(staged, write.id, version, staged.next_seq_no++, live ? "deleted" : "not_found");
}

Answer<WriteResult> WriteTransaction::update(Staged& staged, const DocumentWrite& write) {
  const auto body = parse_update_body(write.source);
  if (!body) return body.error();
  const auto before = current(staged, write.id);
  if (!before) return before.error();
  const bool live = *before && (*before)->live;
  const std::string_view upsert = body->doc_as_upsert ? body->doc : body->upsert;
  if (!live && upsert.empty()) {
    return shard_error(*staged.index, 404, "document_missing_exception",
                       "[" + write.id + "]: document missing");
  }
  if (auto refusal = check_conflict(staged, write, write.id, *before)) return *refusal;
  if (live) return update_existing(staged, write, *body, **before);
  auto made = put(staged, write.id, upsert, *before, "created");
  if (made && body->wants_source.value_or(write.wants_source)) made->source = upsert;
  return made;
}

Answer<WriteResult> WriteTransaction::update_existing(Staged& staged, const DocumentWrite& write,
                                                      const UpdateBody& body, const Current& before) {
  auto rows =
      store_.writer_->query("SELECT source FROM " + staged.index->documents_table() + " WHERE number=?1");
  if (!rows) return fail(rows.error());
  const auto row = rows->bind(1, before.number).step();
  if (!row) return fail(row.error());
  const auto vectors = read_vectors(*store_.writer_, staged.index->vectors_table(), before.number);
  if (!vectors) return fail(vectors.error());
  auto merged = rest::merge_json(with_vectors(rows->text(0), *vectors), body.doc);
  if (!merged) return merged.error();
  const bool wants_source = body.wants_source.value_or(write.wants_source);
  Answer<WriteResult> done =
      body.detect_noop && !merged->changed
          ? Answer<WriteResult>(result(staged, write.id, before.version, before.number, "noop"))
          : put(staged, write.id, merged->text, before, "updated");
  if (done && wants_source) done->source = std::move(merged->text);
  return done;
}

std::vector<IndexPtr> WriteTransaction::indices() const {
  std::vector<IndexPtr> indices;
  for (const auto& [index, staged] : staged_) indices.push_back(staged.index);
  return indices;
}

Status WriteTransaction::save_staged() {
  for (auto& [index, staged] : staged_) {
    const bool grown = staged.mapping != index->mapping();
    if (grown) {
      if (Status status = store_.save(*index, "mapping", staged.mapping->to_json()); !status) return status;
    }
    auto update = store_.writer_->query("UPDATE indices SET next_seq_no=?1 WHERE number=?2");
    if (!update) return update.error();
    if (Status status = update->bind(1, staged.next_seq_no).bind(2, index->number()).run(); !status)
      return status;
  }
  return {};
}

Status WriteTransaction::commit() {
  if (failure_) failure_ = save_staged();
  if (failure_) failure_ = store_.check_files();
  if (!failure_) {
    store_.note(failure_);
    return failure_;
  }
  const VisibilityLock::Writer alone = store_.visibility_.write();
  if (Status status = store_.writer_->execute("COMMIT"); !status) {
    (void)store_.writer_->execute("ROLLBACK");
    for (auto& [index, staged] : staged_) index->search().rollback();
    open_ = false;
    store_.note(status);
    return failure_ = status;
  }
  open_ = false;
  store_.note({});
  for (auto& [index, staged] : staged_) {
    index->search().commit();
    index->next_seq_no = staged.next_seq_no;
    index->set_mapping(staged.mapping);
    index->set_document_count(staged.count);
    if (index->search().needs_refresh() && store_.refresh_due_.load() == k_never) {
      store_.refresh_due_ = store_.now_() + k_refresh_interval;
    }
  }
  if (store_.refresh_is_due()) store_.refresh_all();
  return {};
}

}  // namespace sightline::elastic
