// Settings of jemalloc, the server's allocator (https://jemalloc.net/jemalloc.3.html#tuning).
//
// Small things that stay (cached vectors, entries of the embedded store) are allocated between large ones that come and go
// (bodies, pictures). glibc then keeps a hole as large as a body for each small thing: after 20,000 different pictures the
// process took 780 MB more, for 16 MB of vectors. jemalloc separates sizes. No sanitizer build has it.

/// Two arenas, as most allocations are served by the threads' own caches; freed pages go back to the system within
/// two seconds, by threads of jemalloc's.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:2,background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0";
