// Trust in a TLS server by the fingerprint of a certificate.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

struct ssl_ctx_st;

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

  /// Verifies the servers of `context` by this object, which must outlive their connections.
  void install(ssl_ctx_st* context) const;

  const std::array<unsigned char, 32>& sha256() const { return sha256_; }

 private:
  std::array<unsigned char, 32> sha256_{};
};

/// Trusts the certificates of a PEM file in `context` too, servers' own among them. A file that cannot be read adds
/// nothing.
void trust_also(ssl_ctx_st* context, const std::string& file);

}  // namespace sightline::http
