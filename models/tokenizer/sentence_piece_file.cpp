#include "models/tokenizer/sentence_piece_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/json/utf8.h"

namespace sightline::models {
namespace {

Error corrupt(const std::string& what) {
  return {ErrorCode::corrupt_data, "is no SentencePiece model: " + what};
}

Error unsupported(const std::string& what) {
  return {ErrorCode::unsupported, what + "; SigLIP's unigram models are supported"};
}

/// One field of a message in protobuf's wire format.
struct Field {
  std::uint32_t number = 0;
  std::uint64_t value = 0;  ///< of a varint or of fixed-width bits
  std::string_view bytes;   ///< of a string or a message
  bool has_bytes = false;
};

/// Returns the fields of a message one by one. Malformed bytes end it with `failed`.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::optional<Field> next() {
    if (rest_.empty() || failed_) return std::nullopt;
    Field field;
    const std::uint64_t key = varint();
    field.number = static_cast<std::uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2:
        field.bytes = take(varint());
        field.has_bytes = true;
        break;
      case 5:
        field.value = fixed(4);
        break;
      default:
        failed_ = true;
    }
    if (failed_) return std::nullopt;
    return field;
  }

  bool failed() const { return failed_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }

  /// Little-endian, as all supported machines are.
  std::uint64_t fixed(std::size_t size) {
    const std::string_view bytes = take(size);
    std::uint64_t value = 0;
    if (!failed_) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

  std::string_view take(std::uint64_t size) {
    failed_ = failed_ || size > rest_.size();
    if (failed_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

/// Calls `take` with each field of a message. Errors: those of `take`; corrupt_data.
template <class Take>
Status for_each_field(std::string_view message, Take take) {
  Fields fields(message);
  while (const std::optional<Field> field = fields.next()) {
    if (Status status = take(*field); !status) return status;
  }
  return fields.failed() ? Status(corrupt("a field is cut off")) : Status();
}

/// The longest piece that is practical to search for at every character of a text. SentencePiece's trainer stops at
/// 512.
constexpr std::size_t k_max_piece_bytes = 1024;

Result<SentencePieceFile::Piece> read_piece(std::string_view message) {
  SentencePieceFile::Piece piece;
  int kind = static_cast<int>(piece.kind);
  Status status = for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    if (field.number == 3) kind = static_cast<int>(field.value);
    return {};
  });
  if (!status) return status.error();
  if (kind < 1 || kind > 6) return corrupt("piece \"" + piece.text + "\" is of an unknown kind");
  if (piece.text.empty() || piece.text.size() > k_max_piece_bytes || json::find_invalid_utf8(piece.text)) {
    return corrupt("a piece is empty, too long or not UTF-8");
  }
  if (!std::isfinite(piece.score)) return corrupt("the score of \"" + piece.text + "\" is not finite");
  piece.kind = static_cast<SentencePieceFile::Kind>(kind);
  return piece;
}

Status check_trainer(std::string_view message) {
  return for_each_field(message, [](const Field& field) -> Status {
    if (field.number == 3 && field.value != 1) return unsupported("trainer_spec.model_type is not UNIGRAM");
    if (field.number == 24 && field.value != 0) {
      return unsupported("trainer_spec.treat_whitespace_as_suffix is true");
    }
    if (field.number == 35 && field.value != 0) return unsupported("trainer_spec.byte_fallback is true");
    return {};
  });
}

/// add_dummy_prefix (3) is ignored: SiglipTokenizer turns it off.
Status read_normalizer(std::string_view message, SentencePieceFile& file) {
  return for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == 2) file.character_map = field.bytes;
    if (field.number == 4 && field.value == 0) {
      return unsupported("normalizer_spec.remove_extra_whitespaces is false");
    }
    if (field.number == 5 && field.value == 0) {
      return unsupported("normalizer_spec.escape_whitespaces is false");
    }
    return {};
  });
}

constexpr std::size_t k_max_pieces = 2'000'000;

}  // namespace

std::optional<std::int32_t> SentencePieceFile::id_of(std::string_view text) const {
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].text == text) return static_cast<std::int32_t>(id);
  }
  return std::nullopt;
}

Result<SentencePieceFile> read_sentence_piece_file(std::string_view bytes) {
  SentencePieceFile file;
  Status status = for_each_field(bytes, [&](const Field& field) -> Status {
    if (field.number < 1 || field.number > 3) return {};
    if (!field.has_bytes) return corrupt("field " + std::to_string(field.number) + " is not a message");
    if (field.number == 2) return check_trainer(field.bytes);
    if (field.number == 3) return read_normalizer(field.bytes, file);
    Result<SentencePieceFile::Piece> piece = read_piece(field.bytes);
    if (!piece) return piece.error();
    if (file.pieces.size() == k_max_pieces) return corrupt("it has too many pieces");
    file.pieces.push_back(*std::move(piece));
    return {};
  });
  if (!status) return status.error();
  int unknown = 0, end = 0;
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const auto& piece = file.pieces[id];
    if (piece.kind == SentencePieceFile::Kind::user_defined) {
      return unsupported("piece \"" + piece.text + "\" is user-defined");
    }
    if (piece.kind == SentencePieceFile::Kind::unknown) {
      file.unknown_id = static_cast<std::int32_t>(id);
      ++unknown;
    }
    if (piece.text == "</s>") {
      file.end_id = static_cast<std::int32_t>(id);
      ++end;
    }
  }
  if (unknown != 1 || end != 1) return corrupt("it must have exactly one unknown piece and one </s>");
  return file;
}

}  // namespace sightline::models
