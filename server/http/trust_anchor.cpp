#include "server/http/trust_anchor.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/hex_digit.h"
#include "base/readable_file.h"

namespace sightline::http {
namespace {

bool is_anchor(const TrustAnchor& anchor, const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  return certificate != nullptr && X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
         size == anchor.sha256().size() && std::equal(anchor.sha256().begin(), anchor.sha256().end(), digest.begin());
}

/// The presented certificate that `anchor` knows; null if there is none.
X509* find_anchor(const TrustAnchor& anchor, X509_STORE_CTX* context) {
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  if (is_anchor(anchor, leaf)) return leaf;
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    if (is_anchor(anchor, sk_X509_value(chain, i))) return sk_X509_value(chain, i);
  }
  return nullptr;
}

/// Takes the place of OpenSSL's own verification: 1 if the server is trusted.
int verify(X509_STORE_CTX* context, void* anchor) {
  X509* known = find_anchor(*static_cast<const TrustAnchor*>(anchor), context);
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> trusted(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  if (known == nullptr || !trusted || sk_X509_push(trusted.get(), known) == 0) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
  }
  X509_STORE_CTX_set0_trusted_stack(context, trusted.get());
  X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
  // What a wrong signature leaves behind would hide from curl that it was the verification that failed.
  ERR_set_mark();
  const bool valid = X509_verify_cert(context) == 1;
  ERR_pop_to_mark();
  return valid ? 1 : 0;
}

}  // namespace

Status check_ca_file(const std::filesystem::path& file) {
  if (const std::string trouble = trouble_reading(file); !trouble.empty())
    return Error{ErrorCode::not_found, "cannot read the certificate file " + file.string() + ": " + trouble};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> open(std::fopen(file.c_str(), "re"), std::fclose);
  const std::unique_ptr<X509, void (*)(X509*)> first(
      open ? PEM_read_X509(open.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
  ERR_clear_error();
  if (first) return {};
  return Error{ErrorCode::corrupt_data, file.string() + " holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"};
}

Result<TrustAnchor> TrustAnchor::parse(std::string_view fingerprint) {
  TrustAnchor anchor;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    // Colons stand between bytes: after every second digit.
    if (fingerprint[i] == ':' && digits % 2 == 0 && digits > 0 && i + 1 < fingerprint.size()) continue;
    const int value = hex_digit(fingerprint[i]);
    if (value < 0 || digits == 2 * anchor.sha256_.size()) {
      digits = 0;
      break;
    }
    auto& byte = anchor.sha256_[digits++ / 2];
    byte = static_cast<unsigned char>(byte << 4 | value);
  }
  if (digits != 2 * anchor.sha256_.size()) {
    return Error{ErrorCode::invalid_argument,
                 "'" + std::string(fingerprint.substr(0, 100)) +
                     "' is not a SHA-256 fingerprint: it must have 64 hexadecimal digits, with or without colons, as "
                     "`openssl x509 -fingerprint -sha256 -noout -in http_ca.crt` prints it"};
  }
  return anchor;
}

void trust_also(ssl_ctx_st* context, const std::string& file) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> open(std::fopen(file.c_str(), "re"), std::fclose);
  if (!open) return;
  while (X509* const found = PEM_read_X509(open.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, found);  // it takes a reference of its own
    X509_free(found);
  }
  ERR_clear_error();  // the end of the file is one
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

void TrustAnchor::install(ssl_ctx_st* context) const {
  SSL_CTX_set_cert_verify_callback(context, &verify, const_cast<TrustAnchor*>(this));
}

}  // namespace sightline::http
