#include "server/security/secret_box.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <optional>
#include <sstream>

#include "base/base64.h"
#include "base/hex_digit.h"
#include "base/trimmed.h"
#include "server/security/key_file.h"

namespace sightline::security {
namespace {

constexpr std::string_view k_version = "v1:";
constexpr std::size_t k_key_bytes = 32, k_nonce_bytes = 12, k_tag_bytes = 16;
constexpr std::size_t k_largest_secret = std::size_t{16} << 20;  // OpenSSL counts in int
constexpr const char* k_how_to_make = "make one with: openssl rand -hex 32 > FILE && chmod 600 FILE";

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}
std::uint8_t* bytes_of(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

/// The 32 bytes that a line stands for.
std::optional<std::string> key_bytes(std::string_view line) {
  std::string bytes;
  if (line.size() == 2 * k_key_bytes) {
    for (std::size_t i = 0; i < line.size(); i += 2) {
      const int high = hex_digit(line[i]), low = hex_digit(line[i + 1]);
      if (high < 0 || low < 0) return {};
      bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
  }
  auto decoded = base64_decode(line);
  if (!decoded || decoded->size() != k_key_bytes) return {};
  return std::move(*decoded);
}

}  // namespace

Result<SecretBox> SecretBox::read(const std::filesystem::path& file) {
  auto text = read_key_file("secret key file", file);
  if (!text) return Error{text.error().code, text.error().message + "; " + k_how_to_make};
  std::istringstream in(*std::move(text));
  SecretBox box;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string_view key_text = trimmed(line, " \t\r");
    if (key_text.empty() || key_text.front() == '#') continue;
    const auto bytes = key_bytes(key_text);
    if (!bytes) {
      return Error{ErrorCode::invalid_argument,
                   file.string() + " line " + std::to_string(number) +
                       ": a key must have 32 bytes, as 64 hexadecimal digits or as base64; " + k_how_to_make};
    }
    Key& key = box.keys_.emplace_back();
    std::memcpy(key.data(), bytes->data(), key.size());
  }
  if (box.keys_.empty()) return Error{ErrorCode::invalid_argument, file.string() + " holds no key; " + k_how_to_make};
  box.warning_ = key_file_warning("secret key file", file);
  return box;
}

Result<std::string> SecretBox::seal(std::string_view secret, std::string_view context) const {
  const Error failed{ErrorCode::internal, "a secret could not be encrypted: OpenSSL failed"};
  if (secret.size() > k_largest_secret || context.size() > k_largest_secret)
    return Error{ErrorCode::too_large, "a secret of more than 16 MiB cannot be encrypted"};
  std::string sealed(k_nonce_bytes + secret.size() + k_tag_bytes, '\0');
  std::uint8_t* const nonce = bytes_of(sealed);
  std::uint8_t* const cipher_text = nonce + k_nonce_bytes;
  const Context cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool done =
      cipher && RAND_bytes(nonce, k_nonce_bytes) == 1 &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, keys_.front().data(), nonce) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes_of(context), static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), cipher_text, &written, bytes_of(secret), static_cast<int>(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), cipher_text + secret.size(), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, k_tag_bytes, cipher_text + secret.size()) == 1;
  if (!done) return failed;
  return std::string(k_version) + base64_encode(sealed);
}

Result<std::string> SecretBox::open(std::string_view sealed, std::string_view context) const {
  if (!sealed.starts_with(k_version))
    return Error{ErrorCode::unsupported, "it was encrypted by another version of Sightline"};
  auto bytes = base64_decode(sealed.substr(k_version.size()));
  if (!bytes || bytes->size() < k_nonce_bytes + k_tag_bytes || bytes->size() > 2 * k_largest_secret ||
      context.size() > k_largest_secret)
    return Error{ErrorCode::corrupt_data, "the encrypted text is damaged"};
  std::uint8_t* const nonce = bytes_of(*bytes);
  const std::size_t length = bytes->size() - k_nonce_bytes - k_tag_bytes;
  std::uint8_t* const tag = nonce + k_nonce_bytes + length;
  for (const Key& key : keys_) {
    std::string secret(length, '\0');
    const Context cipher(EVP_CIPHER_CTX_new());
    int written = 0;
    const bool opened =
        cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes_of(context), static_cast<int>(context.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), bytes_of(secret), &written, nonce + k_nonce_bytes, static_cast<int>(length)) ==
            1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, k_tag_bytes, tag) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), bytes_of(secret) + length, &written) == 1;
    if (opened) return secret;
  }
  return Error{ErrorCode::corrupt_data, keys_.size() == 1 ? "the key of the secret key file does not decrypt it"
                                                          : "none of the " + std::to_string(keys_.size()) +
                                                                " keys of the secret key file decrypts it"};
}

}  // namespace sightline::security
