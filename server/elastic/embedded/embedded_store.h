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

/// Opens the store in `folder`, making it if it is missing. A write is on disk before it is answered.
/// Searches see it after a refresh: asked for with the write or by itself, else a second later, as in
/// Elasticsearch; gets by id see it at once. After a crash all that was answered is there. `now` is the clock
/// of that second; `limits` bounds what one request may cost. `warn`, which may be empty, is called with what
/// the operator should know. Errors: unavailable (the folder is in use by another server, or cannot be
/// written), corrupt_data (a file is damaged, missing or none of ours), unsupported (made by a newer
/// version), internal.
Result<std::unique_ptr<Store>> open_embedded_store(
    const std::filesystem::path& folder,
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now,
    const Limits& limits = {}, std::function<void(const std::string&)> warn = {});

}  // namespace sightline::elastic
