#include "server/security/key_check.h"

#include <algorithm>
#include <utility>

namespace sightline::security {

KeyCheck::KeyCheck(ApiKeys keys, double usual_rate, Clock::time_point now)
    : usual_rate_(usual_rate), ring_(ring_of(std::move(keys), nullptr, now)) {}

KeyCheck::Verdict KeyCheck::judge(const std::vector<std::string>& presented, Scope scope, const Moment& now) {
  const auto ring = current();
  for (const std::string& text : presented) {
    const ApiKey* const key = ring->keys.find(text);
    if (!key) continue;
    if (key->expires && now.date >= *key->expires) return {Outcome::expired, key->name};
    if (!key->scopes.has(scope)) return {Outcome::forbidden, key->name};
    TokenBucket* const bucket = ring->buckets[static_cast<std::size_t>(key - ring->keys.all().data())].get();
    const auto wait = bucket ? bucket->take(now.time) : std::nullopt;
    if (!wait) return {Outcome::admitted, key->name};
    return {Outcome::rate_limited, key->name,
            std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(*wait))};
  }
  return {presented.empty() ? Outcome::missing : Outcome::wrong, ""};
}

std::string KeyCheck::name_of(const std::vector<std::string>& presented) const {
  const auto ring = current();
  for (const std::string& text : presented) {
    if (const ApiKey* const key = ring->keys.find(text)) return key->name;
  }
  return {};
}

void KeyCheck::replace(ApiKeys keys, Clock::time_point now) {
  auto ring = ring_of(std::move(keys), current().get(), now);
  const std::lock_guard lock(mutex_);
  ring_ = std::move(ring);
}

std::shared_ptr<TokenBucket> KeyCheck::bucket_of(const ApiKey& key, const Ring* before, Clock::time_point now) const {
  const double rate = key.rate.value_or(usual_rate_);
  if (rate <= 0) return nullptr;
  for (std::size_t i = 0; before && i < before->buckets.size(); ++i) {
    if (!before->buckets[i] || before->keys.all()[i].digest != key.digest) continue;
    before->buckets[i]->set_rate(rate, now);
    return before->buckets[i];
  }
  return std::make_shared<TokenBucket>(rate, now);
}

std::shared_ptr<const KeyCheck::Ring> KeyCheck::ring_of(ApiKeys keys, const Ring* before, Clock::time_point now) const {
  Ring ring{std::move(keys), {}};
  for (const ApiKey& key : ring.keys.all()) ring.buckets.push_back(bucket_of(key, before, now));
  return std::make_shared<const Ring>(std::move(ring));
}

std::shared_ptr<const KeyCheck::Ring> KeyCheck::current() const {
  const std::lock_guard lock(mutex_);
  return ring_;
}

std::string rate_limit_message(const KeyCheck::Verdict& verdict) {
  return "the key [" + verdict.name + "] has sent more requests than its rate allows: retry after " +
         std::to_string(verdict.wait.count()) + " s, or ask the server's operator for a higher rate";
}

}  // namespace sightline::security
