#include "models/files/foreign_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/file_kind.h"
#include "base/json/reader.h"
#include "base/number_text.h"

namespace sightline::models {
namespace {

constexpr std::size_t k_npos = std::string_view::npos;
constexpr std::uint64_t k_longest_error_text = 16'384;

constexpr const char* k_fetch = "download it again, with scripts/download_model.sh or `huggingface-cli download`";

Error foreign(const std::filesystem::path& file, const std::string& what, const std::string& remedy) {
  return {ErrorCode::corrupt_data, file.string() + " is " + what + ": " + remedy};
}

/// The first line of `text`, shortened for a message, without control characters.
std::string first_line(std::string_view text) {
  constexpr std::size_t k_shown = 120;
  std::string line(text.substr(0, std::min(text.find('\n'), k_shown)));
  std::erase_if(line, [](unsigned char c) { return c < 0x20 || c >= 0x7F; });
  return line;
}

/// "605157884 bytes", from the pointer's line `size 605157884`.
std::string size_of_target(std::string_view pointer) {
  constexpr std::string_view k_key = "\nsize ";
  const std::size_t at = pointer.find(k_key);
  if (at == k_npos) return "the file";
  const std::string_view rest = pointer.substr(at + k_key.size());
  const auto size = number_from<std::uint64_t>(rest.substr(0, rest.find_first_not_of("0123456789")));
  return size ? "the file of " + std::to_string(*size) + " bytes" : "the file";
}

/// A safetensors file begins with the length of its header, whose upper half is zero, and the header. Its first bytes
/// may match another kind of file by chance.
bool is_safetensors(std::string_view bytes) {
  constexpr std::string_view k_zeros("\0\0\0\0", 4);
  return bytes.size() > 8 && bytes.substr(4, 4) == k_zeros && bytes[8] == '{';
}

/// Answers of hubs, with any status, for a model that is gated or does not exist.
bool is_hub_error(std::string_view text) {
  constexpr std::array<std::string_view, 12> k_beginnings{"Access to model",
                                                          "Access to this model",
                                                          "You are trying to access a gated",
                                                          "Invalid username",
                                                          "Invalid credentials",
                                                          "Repository not found",
                                                          "Repo not found",
                                                          "Entry not found",
                                                          "Revision not found",
                                                          "404: Not Found",
                                                          "Not Found",
                                                          "Unauthorized"};
  const auto begins = [&](std::string_view beginning) { return text.starts_with(beginning); };
  if (std::any_of(k_beginnings.begin(), k_beginnings.end(), begins)) return true;
  // {"error":"Access to model ... is restricted ..."}
  if (!text.starts_with('{')) return false;
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n", 1)));
  return text.starts_with("\"error\"") || text.starts_with("\"error_code\"");
}

std::string_view without_mark_and_blanks(std::string_view text) {
  text = json::without_byte_order_mark(text);
  return text.substr(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
}

/// A checkpoint as PyTorch saves it: a ZIP archive with a pickle in it, or the older form.
bool is_pytorch(std::string_view bytes) {
  return (bytes.starts_with("PK\3\4") && bytes.find("/data.pkl") != k_npos) ||
         bytes.starts_with("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20");
}

}  // namespace

Status refuse_foreign_file(const std::filesystem::path& file, std::string_view bytes, std::uint64_t size) {
  if (size == 0) return foreign(file, "empty (0 bytes)", std::string("its download failed; ") + k_fetch);
  if (is_safetensors(bytes)) return {};
  if (is_pytorch(bytes)) {
    return foreign(file, "a PyTorch checkpoint (a pickle, which can run code when loaded)",
                   "use model.safetensors of the same model, or convert it once with transformers' "
                   "save_pretrained(..., safe_serialization=True)");
  }
  const std::string_view text = without_mark_and_blanks(bytes);
  if (size <= k_longest_error_text && is_hub_error(text)) {
    return foreign(file, "the error text of a model hub, \"" + first_line(text) + "\"",
                   "for a gated model, accept its licence on its page and set a token (`huggingface-cli login`, "
                   "HF_TOKEN); check the model's name; then download it again");
  }
  const auto kind = other_kind(bytes);
  if (!kind) return {};
  if (*kind == "a Git LFS pointer") {
    return foreign(
        file, "a Git LFS pointer and not the file itself",
        "run `git lfs install` and `git lfs pull` in the clone to get " + size_of_target(bytes) + ", or " + k_fetch);
  }
  if (kind->find("HTML") != k_npos || kind->find("XML") != k_npos) {
    return foreign(file, *kind == "HTML" ? "a web page (HTML)" : "XML or a web page",
                   "the download returned a page instead of the file; use the URL with /resolve/ (not /blob/), "
                   "log in if the model is gated, or use scripts/download_model.sh");
  }
  if (kind->find("archive") != k_npos || *kind == "gzip" || *kind == "xz" || *kind == "zstd")
    return foreign(file,
                   *kind == "gzip" || *kind == "xz" || *kind == "zstd" ? "compressed with " + std::string(*kind)
                                                                       : std::string(*kind),
                   "extract it, and use the folder with config.json and model.safetensors");
  if (*kind == "GGUF" || *kind == "HDF5") {
    return foreign(file, "a file of the format " + std::string(*kind),
                   "use model.safetensors of the same model from its page at Hugging Face");
  }
  return {};
}

}  // namespace sightline::models
