// A limit on what the peer of a TLS session sends besides data.
#pragma once

struct ssl_ctx_st;

namespace sightline::http {

/// Ends a session of `context` when its peer has sent more than 500 records without data: handshake, key updates,
/// session tickets, requests to negotiate again, alerts. The call that reads them fails, with the reason `too many TLS
/// records without data`.
///
/// OpenSSL reads on within one call until data arrives, so a peer that sends such records as fast as they are read
/// would hold the thread of all other connections. 500 of them take about 10 ms, as much as a few handshakes. A
/// handshake has some ten, and keys are updated after gigabytes of data. Records of data that have none are limited by
/// OpenSSL: 32 in a row.
///
/// Sets the message callback of `context`. Thread safe for different contexts.
void limit_records_without_data(ssl_ctx_st* context);

}  // namespace sightline::http
