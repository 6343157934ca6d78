// The API keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::security {

/// What a request does, and a key may do.
enum class Scope : std::uint8_t {
  any,      ///< nothing of its own: every key may
  infer,    ///< embed, classify and rerank with the models
  search,   ///< read documents and what is set up
  ingest,   ///< write documents
  manage,   ///< set up indices, pipelines and endpoints
  metrics,  ///< read the metrics
};

/// "infer", "search", ...
const char* to_string(Scope scope);

/// A set of scopes. `Scope::any` is in every set.
class Scopes {
 public:
  Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  static Scopes all() { return {Scope::infer, Scope::search, Scope::ingest, Scope::manage, Scope::metrics}; }

  void add(Scope scope) { bits_ |= bit(scope); }
  bool has(Scope scope) const { return scope == Scope::any || (bits_ & bit(scope)) != 0; }

 private:
  static unsigned bit(Scope scope) { return 1u << static_cast<unsigned>(scope); }

  unsigned bits_ = 0;
};

/// One key. The key itself is not stored.
struct ApiKey {
  std::string name;    ///< "line 3" of a key without one
  std::string digest;  ///< SHA-256 of the key, in lower-case hexadecimal digits
  Scopes scopes = Scopes::all();
  std::optional<std::chrono::sys_days> expires;  ///< the first day (UTC) on which it is no longer valid
  std::optional<double> rate;                    ///< requests per second that it may send; nothing: the usual limit
};

/// Limits of a rate in requests per second: one in about a day, and more than a server answers.
inline constexpr double k_lowest_rate = 1e-5, k_highest_rate = 1e6;
/// Requests per second, a decimal number. Errors: invalid_argument.
Result<double> rate_from(std::string_view text);

/// A set of API keys. Only their SHA-256 digests are stored, and comparing takes the same time for any
/// input.
class ApiKeys {
 public:
  /// Reads a file of keys. A line is either a key, which may do everything and does not expire, or
  ///
  ///     NAME sha256:DIGEST [scopes=SCOPE,SCOPE...] [expires=YYYY-MM-DD] [rate=REQUESTS_PER_SECOND]
  ///
  /// as scripts/make_api_key.sh writes it. Blank lines and lines that begin with # are skipped, whitespace
  /// around a line is removed. Errors: those of read_key_file, invalid_argument (no key in it, a key shorter
  /// than 8 characters or with control characters inside, two keys of one name, or an unknown word, naming the
  /// line).
  static Result<ApiKeys> read(const std::filesystem::path& file);
  /// A file that was read before and has changed: the same, but it may hold no key, after the last one was deleted.
  static Result<ApiKeys> read_again(const std::filesystem::path& file);
  /// The same as `read` of a text; errors begin with `file`.
  static Result<ApiKeys> parse(std::string_view text, const std::string& file);

  std::size_t size() const { return keys_.size(); }
  const std::vector<ApiKey>& all() const { return keys_; }

  /// The key of `all` that equals `text`, expired or not; null if there is none.
  const ApiKey* find(std::string_view text) const;

 private:
  static Result<ApiKeys> parse_lines(std::string_view text, const std::string& file);

  std::vector<ApiKey> keys_;
};

/// The texts that may be keys in a field `Authorization`, as Elasticsearch's clients send it: KEY of
/// `Bearer KEY`; KEY and the part behind the colon of `ApiKey KEY`, where KEY is base64 of `id:key`; the password of
/// `Basic base64(user:password)`. Empty: none.
std::vector<std::string> keys_in(std::string_view authorization);

}  // namespace sightline::security
