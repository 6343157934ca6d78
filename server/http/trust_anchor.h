// Trust in a TLS server by the fingerprint of a certificate.
#pragma once

#include <array>
#include <curl/curl.h>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace sightline::http {

/// Checks a file of certificates that servers are to be trusted by. Errors: not_found (absent, a folder, or
/// not readable), corrupt_data (no certificate in PEM in it).
Status check_ca_file(const std::filesystem::path& file);

/// Trusts one certificate, given by its SHA-256, and what it signed.
///
/// A server is trusted if the chain that it presents holds that certificate and verifies with it as the only
/// anchor. The certificate may be the server's own, so it need not be self-signed
/// (X509_V_FLAG_PARTIAL_CHAIN). Dates and purposes are checked as usual; the host name is checked by curl, as
/// always.
class TrustAnchor {
 public:
  /// 64 hexadecimal digits in any case, with or without colons. Errors: invalid_argument.
  static Result<TrustAnchor> parse(std::string_view fingerprint);

  /// A CURLOPT_SSL_CTX_FUNCTION; `anchor` is the TrustAnchor and outlives the connections.
  static CURLcode install(CURL* easy, void* ssl_context, void* anchor);

  const std::array<unsigned char, 32>& sha256() const { return sha256_; }

 private:
  std::array<unsigned char, 32> sha256_{};
};

/// A CURLOPT_SSL_CTX_FUNCTION that trusts the certificates of a PEM file too, servers' own among them. `file` is its
/// name (const char*). A file that cannot be read adds nothing.
CURLcode trust_also(CURL* easy, void* ssl_context, void* file);

}  // namespace sightline::http
