// The embedded store: documents on this machine's disk.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Opens the store in `folder`, making it if it is missing. A write is on disk before it is answered, and
/// visible to searches with it; `refresh` is taken and needed by nothing. After a crash all that was answered
/// is there. Errors: unavailable (the folder is in use by another server, or cannot be written), corrupt_data
/// (its file is damaged or none of ours), unsupported (made by a newer version), internal.
Result<std::unique_ptr<Store>> open_local_store(const std::filesystem::path& folder);

}  // namespace sightline::elastic
