// The embedded store: documents on this machine's disk.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "server/elastic/limits.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Opens the store in `folder`, and creates it if it is missing. A write is on disk before it is answered. Searches see
/// it after a refresh, which the write may request and which otherwise happens a second later, as in Elasticsearch.
/// Gets by id see it at once. After a crash all answered writes are still there. `now` is the clock of that second.
/// `limits` bounds the cost of one request. `warn`, which may be empty, is called with messages for the operator.
/// Errors: unavailable (the folder is in use by another server, or cannot be written), corrupt_data (a file is damaged,
/// missing or foreign), unsupported (made by a newer version), internal.
Result<std::unique_ptr<Store>> open_embedded_store(
    const std::filesystem::path& folder,
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now,
    const Limits& limits = {}, std::function<void(const std::string&)> warn = {});

/// Whether the store in `folder` could be claimed now, without opening it: quick, however large the store is. Makes the
/// folder if it is missing, and closes it to other users. Errors: unavailable and corrupt_data, as above.
Status check_store_folder(const std::filesystem::path& folder, const std::function<void(const std::string&)>& warn);

}  // namespace sightline::elastic
