// The tokenizer of a folder in OpenCLIP's layout.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "models/tokenizer/tokenizer.h"

namespace sightline::models {

/// Reads `text_cfg` of open_clip_config.json in `folder` (hf_tokenizer_name, tokenizer_mode, tokenizer_kwargs) and the
/// vocabulary beside it. Ids are those of OpenCLIP 3.3:
/// - Without a hf_tokenizer_name they are those of its SimpleTokenizer: CLIP's byte-level BPE on cleaned text. The
///   vocabulary is part of OpenCLIP's package; here it is read from tokenizer.json, or vocab.json and merges.txt, of any
///   CLIP.
/// - Otherwise they are those of its HFTokenizer: cleaned text, then the tokenizer of the folder's files, which may be
///   SigLIP's (T5's unigram model, as tokenizer.json or spiece.model), SigLIP2's (Gemma's) or CLIP's.
/// Errors: not_found (files that are missing, and where they are), unsupported (another option or pipeline),
/// corrupt_data; each names its file.
Result<std::unique_ptr<Tokenizer>> load_open_clip_tokenizer(const std::filesystem::path& folder);

}  // namespace sightline::models
