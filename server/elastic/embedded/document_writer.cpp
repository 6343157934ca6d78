#include "server/elastic/embedded/document_writer.h"

#include <algorithm>
#include <chrono>

#include "base/cancellation.h"
#include "server/elastic/embedded/write_transaction.h"

namespace sightline::elastic {
namespace {

/// One transaction keeps others waiting, and its documents in memory, no longer than about this.
constexpr std::chrono::milliseconds k_longest_transaction{200};
constexpr std::size_t k_largest_transaction_bytes = 32u << 20;

}  // namespace

Answer<std::vector<Answer<WriteResult>>> DocumentWriter::write(std::span<const DocumentWrite> writes) {
  WriteTransaction transaction(store_);
  const auto started = std::chrono::steady_clock::now();
  const auto lasts = [&] { return std::chrono::steady_clock::now() - started > k_longest_transaction; };
  // An index is made by a transaction of its own.
  std::size_t ready = 0;
  for (; ready < writes.size() && (ready == 0 || !lasts()); ++ready) {
    check_cancelled();
    const DocumentWrite& write = writes[ready];
    if (write.action == DocumentWrite::Action::remove || indices_.contains(write.index)) continue;
    indices_[write.index] = transaction.ensure_index(write.index);
  }
  if (Status status = transaction.begin(); !status) return storage_error(status.error());
  std::vector<Answer<WriteResult>> results;
  std::size_t bytes = 0;
  for (const DocumentWrite& write : writes.first(ready)) {
    check_cancelled();
    bytes += write.source.size();
    if (!results.empty() && (bytes > k_largest_transaction_bytes || lasts())) break;
    const auto named = indices_.find(write.index);
    if (named != indices_.end() && named->second) {
      results.push_back(*named->second);
    } else {
      results.push_back(transaction.apply(write));
    }
    if (!transaction.failure()) return storage_error(transaction.failure().error());
  }
  if (Status status = transaction.commit(); !status) return storage_error(status.error());
  for (IndexPtr& index : transaction.indices()) {
    if (std::find(written_.begin(), written_.end(), index) == written_.end())
      written_.push_back(std::move(index));
  }
  return results;
}

void DocumentWriter::refresh() {
  store_.refresh(written_);
}

}  // namespace sightline::elastic
