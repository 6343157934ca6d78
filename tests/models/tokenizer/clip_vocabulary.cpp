#include "clip_vocabulary.h"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

#include "models/tokenizer/byte_pairs.h"
#include "tests/source_folder.h"

namespace sightline::models {

namespace fs = std::filesystem;

std::string fixture_path(const std::string& name) {
  return (source_folder() / "tests/fixtures/tokenizer" / name).string();
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  REQUIRE(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::pair<std::string, std::string>> clip_merges() {
  std::istringstream lines(read_file(fixture_path("clip_merges.txt")));
  std::vector<std::pair<std::string, std::string>> merges;
  std::string line;
  std::getline(lines, line);  // #version
  while (std::getline(lines, line)) {
    const std::size_t space = line.find(' ');
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

std::vector<std::string> clip_tokens_by_id(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::vector<std::string> tokens;
  const auto add_range = [&](int first, int last) {
    for (int byte = first; byte <= last; ++byte) tokens.push_back(byte_symbol(static_cast<std::uint8_t>(byte)));
  };
  constexpr std::pair<int, int> k_ranges[] = {{'!', '~'}, {0xA1, 0xAC}, {0xAE, 0xFF},
                                              {0, 0x20},  {0x7F, 0xA0}, {0xAD, 0xAD}};
  for (const auto& [first, last] : k_ranges) {
    add_range(first, last);
  }
  for (int i = 0; i < 256; ++i) tokens.push_back(tokens[i] + "</w>");
  for (const auto& [left, right] : merges) tokens.push_back(left + right);
  tokens.emplace_back("<|startoftext|>");
  tokens.emplace_back("<|endoftext|>");
  return tokens;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string vocabulary_json(const std::vector<std::string>& tokens_by_id) {
  std::string out = "{";
  for (std::size_t id = 0; id < tokens_by_id.size(); ++id) {
    out += (id == 0 ? "" : ",") + quoted(tokens_by_id[id]) + ":" + std::to_string(id);
  }
  return out + "}";
}

std::string tokenizer_json(const std::vector<std::string>& tokens_by_id,
                           const std::vector<std::pair<std::string, std::string>>& merges, MergeSpelling spelling) {
  const std::string begin = std::to_string(tokens_by_id.size() - 2), end = std::to_string(tokens_by_id.size() - 1);
  std::string listed;
  for (const auto& [left, right] : merges) {
    listed += listed.empty() ? "" : ",";
    listed +=
        spelling == MergeSpelling::text ? quoted(left + " " + right) : "[" + quoted(left) + "," + quoted(right) + "]";
  }
  const std::string flags = R"("single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":true)";
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":)" + begin +
         R"(,"content":"<|startoftext|>",)" + flags + R"(},{"id":)" + end + R"(,"content":"<|endoftext|>",)" + flags +
         R"(}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},)"
         R"({"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]},)"
         R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
         R"("'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},"behavior":"Removed","invert":true},)"
         R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},)"
         R"("post_processor":{"type":"RobertaProcessing","sep":["<|endoftext|>",)" +
         end + R"(],"cls":["<|startoftext|>",)" + begin +
         R"(],"trim_offsets":false,"add_prefix_space":false},"model":{"type":"BPE","dropout":null,)"
         R"("unk_token":"<|endoftext|>","continuing_subword_prefix":"","end_of_word_suffix":"</w>","fuse_unk":false,)"
         R"("byte_fallback":false,"ignore_merges":false,"vocab":)" +
         vocabulary_json(tokens_by_id) + R"(,"merges":[)" + listed + "]}}";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(text.find(from, at + 1) == std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace sightline::models
