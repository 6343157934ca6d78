#include "server/security/key_check.h"

namespace sightline::security {

KeyCheck::Verdict KeyCheck::judge(const std::vector<std::string>& presented, Scope scope,
                                  std::chrono::system_clock::time_point now) const {
  const auto keys = current();
  for (const std::string& text : presented) {
    const ApiKey* const key = keys->find(text);
    if (!key) continue;
    if (key->expires && now >= *key->expires) return {Outcome::expired, key->name};
    return {key->scopes.has(scope) ? Outcome::admitted : Outcome::forbidden, key->name};
  }
  return {presented.empty() ? Outcome::missing : Outcome::wrong, ""};
}

void KeyCheck::replace(ApiKeys keys) {
  auto shared = std::make_shared<const ApiKeys>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(shared);
}

std::shared_ptr<const ApiKeys> KeyCheck::current() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

}  // namespace sightline::security
