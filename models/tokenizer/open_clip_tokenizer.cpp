#include "models/tokenizer/open_clip_tokenizer.h"

#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "models/files/file.h"
#include "models/files/json_file.h"
#include "models/tokenizer/clip_pieces.h"
#include "models/tokenizer/clip_tokenizer.h"
#include "models/tokenizer/framed_tokenizer.h"
#include "models/tokenizer/sentence_piece_file.h"
#include "models/tokenizer/text_cleaning.h"
#include "models/tokenizer/tokenizer_files.h"
#include "models/tokenizer/unicode.h"
#include "models/tokenizer/unigram.h"
#include "models/tokenizer/unigram_json.h"

namespace sightline::models {
namespace {

using Loaded = Result<std::unique_ptr<Tokenizer>>;

/// Cleans a text before another tokenizer.
class CleaningTokenizer final : public Tokenizer {
 public:
  CleaningTokenizer(Cleaning cleaning, std::unique_ptr<Tokenizer> tokenizer)
      : cleaning_(cleaning), tokenizer_(std::move(tokenizer)) {}

  Result<PreparedText> encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const override {
    if (Status good = check_utf8(text); !good) return good.error();
    return tokenizer_->encode(cleaned(text, cleaning_), max_tokens, truncate);
  }
  std::size_t vocabulary_size() const override { return tokenizer_->vocabulary_size(); }
  std::optional<Padding> padding() const override { return tokenizer_->padding(); }

 private:
  Cleaning cleaning_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

/// OpenCLIP's SimpleTokenizer, for cleaned text. Of the special tokens it has the two below, with other names than
/// Hugging Face's; a text may contain them.
class SimpleTokenizer final : public FramedTokenizer {
 public:
  SimpleTokenizer(const BytePairFiles& files, BytePairs pairs)
      : FramedTokenizer(files.vocabulary, files.specials),
        pairs_(std::move(pairs)),
        literal_ids_{*files.specials.frame.begin_id, files.specials.frame.end_id} {}

  /// Its array of ids is filled with zeros.
  std::optional<Padding> padding() const override { return Padding{0, Padding::Side::right}; }

 private:
  std::string normalize(std::string_view text) const override { return std::string(text); }

  void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const override {
    const auto take = [&](std::string_view piece) {
      for (std::size_t i = 0; i < literals_.size(); ++i) {
        if (piece == literals_[i]) return ids.push_back(literal_ids_[i]);
      }
      pairs_.append_ids(piece, ids);
    };
    for_each_clip_piece(normalized, take, literals_);
  }

  BytePairs pairs_;
  std::array<std::string, 2> literals_{"<start_of_text>", "<end_of_text>"};
  std::array<std::int32_t, 2> literal_ids_;
};

/// T5's fast tokenizer, for canonical text, which has none of its added tokens.
class UnigramTokenizer final : public Tokenizer {
 public:
  UnigramTokenizer(const SentencePieceFile& file, Unigram unigram, Padding padding)
      : unigram_(std::move(unigram)), size_(file.pieces.size()), end_id_(file.end_id), padding_(padding) {}

  Result<PreparedText> encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const override {
    std::vector<std::int32_t> ids;
    const bool whole = truncate == Truncate::start;
    while (!text.empty() && (whole || ids.size() < k_max_counted_ids)) {
      const std::string_view slice = first_slice(text);
      if (slice.empty()) return too_long_a_word();
      const std::vector<std::int32_t> pieces = unigram_.encode_marked(slice);
      ids.insert(ids.end(), pieces.begin(), pieces.end());
      text.remove_prefix(slice.size());
    }
    ids.push_back(end_id_);
    return fitted(std::move(ids), 0, max_tokens, truncate, text.empty());
  }

  std::size_t vocabulary_size() const override { return size_; }
  std::optional<Padding> padding() const override { return padding_; }

 private:
  Unigram unigram_;
  std::size_t size_;
  std::int32_t end_id_;
  Padding padding_;
};

/// The keys of text_cfg that concern texts.
struct Settings {
  std::string name;  ///< hf_tokenizer_name; empty: SimpleTokenizer
  Cleaning cleaning = Cleaning::lower;
};

void read_arguments(ObjectReader& reader, const rapidjson::Value* arguments, const std::string& place,
                    Settings& settings) {
  ObjectReader inner(arguments, place);
  if (arguments != nullptr && arguments->IsObject()) {
    for (const auto& argument : arguments->GetObject()) {
      const std::string key(argument.name.GetString(), argument.name.GetStringLength());
      const bool is_off = argument.value.IsNull() || argument.value.IsFalse();
      if (key != "clean" && !(key == "strip_sep_token" && is_off)) {
        inner.refuse(key.c_str(), ErrorCode::unsupported, "is set; only \"clean\" is supported");
      }
    }
  }
  const bool is_simple = settings.name.empty();
  const std::string clean = inner.string("clean", is_simple ? "lower" : "whitespace");
  if (clean == "canonicalize") {
    settings.cleaning = Cleaning::canonicalize;
  } else if (clean == "lower") {
    settings.cleaning = Cleaning::lower;
  } else if (clean == "whitespace" && !is_simple) {
    settings.cleaning = Cleaning::whitespace;
  } else {
    inner.refuse("clean", ErrorCode::unsupported,
                 "is \"" + clean + "\"; canonicalize, lower and, with a hf_tokenizer_name, whitespace are supported");
  }
  if (!inner.status())
    reader.refuse("tokenizer_kwargs", inner.status().error().code, "is wrong: " + inner.status().error().message);
}

Result<Settings> read_text_settings(const JsonFile& config) {
  const std::string place = config.path().string() + ": model_cfg.text_cfg";
  const rapidjson::Value* model = given_member(config.root(), "model_cfg");
  ObjectReader reader(model == nullptr ? nullptr : given_member(*model, "text_cfg"), place);
  Settings settings;
  settings.name = reader.string("hf_tokenizer_name", "");
  if (const std::string mode = reader.string("tokenizer_mode", ""); !mode.empty()) {
    reader.refuse("tokenizer_mode", ErrorCode::unsupported,
                  "is \"" + mode + "\"; only models without one are supported");
  }
  read_arguments(reader, reader.member("tokenizer_kwargs"), place + ".tokenizer_kwargs", settings);
  if (!reader.status()) return reader.status().error();
  return settings;
}

Loaded make_simple_tokenizer(const BytePairFiles& files) {
  Result<BytePairs> pairs = BytePairs::create(files.vocabulary, files.merges, k_end_of_word, files.unknown_id);
  if (!pairs) return pairs.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<SimpleTokenizer>(files, *std::move(pairs)));
}

Loaded load_simple_tokenizer(const std::filesystem::path& folder) {
  if (const std::filesystem::path file = folder / "tokenizer.json"; is_there(file)) {
    const Result<JsonFile> json = JsonFile::read(file, k_max_tokenizer_bytes);
    if (!json) return json.error();
    const Result<BytePairFiles> files = read_byte_pair_json(json->root());
    if (!files) return in_file(files.error(), file);
    Loaded loaded = make_simple_tokenizer(*files);
    return loaded ? std::move(loaded) : in_file(loaded.error(), file);
  }
  if (!is_there(folder / "vocab.json")) {
    return Error{ErrorCode::not_found,
                 folder.string() +
                     " contains no vocabulary: neither tokenizer.json, nor vocab.json with merges.txt. OpenCLIP's own "
                     "is part of its package; download tokenizer.json of openai/clip-vit-base-patch32, which has the "
                     "same one, into the folder"};
  }
  // OpenCLIP's SimpleTokenizer knows only the tokens of the frame.
  const Result<BytePairFiles> files = read_vocabulary_files(folder, /*listed_tokens=*/false);
  if (!files) return files.error();
  Loaded loaded = make_simple_tokenizer(*files);
  return loaded ? std::move(loaded) : in_file(loaded.error(), folder);
}

/// The padding that tokenizer_config.json and special_tokens_map.json give. It is part of what the tower reads, so it is
/// not guessed.
Result<Padding> read_padding(const std::filesystem::path& folder, const std::vector<JsonFile>& settings,
                             const SentencePieceFile& file) {
  const std::string token = special_token(settings, "pad_token", "");
  if (token.empty()) {
    return Error{ErrorCode::not_found, folder.string() +
                                           ": no file says which the pad_token is; download tokenizer_config.json and "
                                           "special_tokens_map.json of the tokenizer's repository into the folder"};
  }
  for (const JsonFile& json : settings) {
    if (text_member(json.root(), "padding_side") != "left") continue;
    return Error{ErrorCode::unsupported, json.path().string() + ": padding_side is \"left\"; SigLIP's is \"right\""};
  }
  if (const auto id = file.id_of(token)) return Padding{*id, Padding::Side::right};
  return Error{ErrorCode::corrupt_data, folder.string() + ": the vocabulary lacks \"" + token + "\", the pad_token"};
}

Loaded load_unigram_tokenizer(const std::filesystem::path& folder, const std::filesystem::path& file,
                              const std::vector<JsonFile>& settings, Result<SentencePieceFile> pieces) {
  if (!pieces) return in_file(pieces.error(), file);
  Result<Unigram> unigram = Unigram::create(*pieces);
  if (!unigram) return in_file(unigram.error(), file);
  const auto id_of = [&](const std::string& text) { return pieces->id_of(text); };
  if (Status good = check_frame(settings, {{"eos_token", pieces->end_id}}, id_of); !good) {
    return in_file(good.error(), file);
  }
  const Result<Padding> padding = read_padding(folder, settings, *pieces);
  if (!padding) return padding.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<UnigramTokenizer>(*pieces, *std::move(unigram), *padding));
}

Error no_files(const std::filesystem::path& folder, const std::string& name) {
  return {ErrorCode::not_found, folder.string() +
                                    " contains no tokenizer: neither tokenizer.json nor spiece.model; download "
                                    "tokenizer.json, tokenizer_config.json and special_tokens_map.json of " +
                                    name + " into the folder"};
}

/// What transformers' AutoTokenizer loads from the folder.
Loaded load_named_tokenizer(const std::filesystem::path& folder, const Settings& settings) {
  const std::filesystem::path json_file = folder / "tokenizer.json", piece_file = folder / "spiece.model";
  const bool canonical = settings.cleaning == Cleaning::canonicalize;
  const Result<std::vector<JsonFile>> files = read_settings(folder);
  if (!files) return files.error();
  if (is_there(json_file)) {
    const Result<JsonFile> json = JsonFile::read(json_file, k_max_tokenizer_bytes);
    if (!json) return json.error();
    const rapidjson::Value* model = given_member(json->root(), "model");
    if (type_of(model) != "\"Unigram\"") return load_tokenizer_json(folder);
    if (Status good = check_truncation(json->root(), *files); !good) return in_file(good.error(), json_file);
    if (canonical) return load_unigram_tokenizer(folder, json_file, *files, read_unigram_json(json->root()));
  } else if (!is_there(piece_file)) {
    return no_files(folder, settings.name);
  } else if (canonical) {
    const Result<std::string> bytes = read_text_file(piece_file, k_max_tokenizer_bytes);
    if (!bytes) return bytes.error();
    return load_unigram_tokenizer(folder, piece_file, *files, read_sentence_piece_file(*bytes));
  }
  return Error{ErrorCode::unsupported, folder.string() +
                                           ": the tokenizer is a unigram model, which is supported if "
                                           "tokenizer_kwargs.clean is \"canonicalize\""};
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_open_clip_tokenizer(const std::filesystem::path& folder) {
  if (!has_unicode_tables()) {
    return Error{ErrorCode::internal, "ICU's Unicode tables cannot be loaded; reinstall libicu"};
  }
  const Result<JsonFile> config = JsonFile::read(folder / "open_clip_config.json");
  if (!config) return config.error();
  const Result<Settings> settings = read_text_settings(*config);
  if (!settings) return settings.error();
  Loaded loaded = settings->name.empty() ? load_simple_tokenizer(folder) : load_named_tokenizer(folder, *settings);
  if (!loaded) return loaded.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<CleaningTokenizer>(settings->cleaning, *std::move(loaded)));
}

}  // namespace sightline::models
