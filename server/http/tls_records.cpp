#include "server/http/tls_records.h"

#include <cstddef>
#include <cstdint>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace sightline::http {
namespace {

constexpr std::uintptr_t k_max_records = 500;

/// Where a session keeps its count.
int count_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void raise_too_many() {
  static const int library = [] {
    static ERR_STRING_DATA reasons[] = {{ERR_PACK(0, 0, 1), "too many TLS records without data"}, {0, nullptr}};
    const int number = ERR_get_next_error_library();
    ERR_load_strings(number, reasons);
    return number;
  }();
  ERR_raise(library, 1);
}

/// A BIO_callback_fn_ex under which nothing more is read.
long refuse_reads(BIO* bio, int operation, const char*, std::size_t, int, long, int result, std::size_t*) {
  if (operation != BIO_CB_READ) return result;
  BIO_clear_retry_flags(bio);
  raise_too_many();
  return -1;
}

/// True for the head of a record, or the type inside an encrypted one, if the record is not one of data. All records
/// of a handshake are so: their types are encrypted, too.
bool is_without_data(const SSL* session, int kind, const unsigned char* bytes, std::size_t size) {
  if (size == 0) return false;
  if (kind == SSL3_RT_HEADER) return bytes[0] != SSL3_RT_APPLICATION_DATA || SSL_in_init(session) != 0;
  return kind == SSL3_RT_INNER_CONTENT_TYPE && bytes[0] != SSL3_RT_APPLICATION_DATA && SSL_in_init(session) == 0;
}

/// OpenSSL calls this for each record and message, before it handles it.
void count_record(int sent, int, int kind, const void* bytes, std::size_t size, SSL* session, void*) {
  if (sent != 0 || !is_without_data(session, kind, static_cast<const unsigned char*>(bytes), size)) return;
  const auto count = reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(session, count_index())) + 1;
  SSL_set_ex_data(session, count_index(), reinterpret_cast<void*>(count));  // NOLINT(performance-no-int-to-ptr)
  if (count > k_max_records) BIO_set_callback_ex(SSL_get_rbio(session), &refuse_reads);
}

}  // namespace

void limit_records_without_data(ssl_ctx_st* context) {
  SSL_CTX_set_msg_callback(context, &count_record);
}

}  // namespace sightline::http
