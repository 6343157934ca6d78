// A lack of memory for all threads except the test's own.
#pragma once

namespace sightline::serving {

/// While it lives, `new` throws std::bad_alloc on every other thread than the one that made it. One at a time.
class NoMemoryElsewhere {
 public:
  NoMemoryElsewhere();
  ~NoMemoryElsewhere();
  NoMemoryElsewhere(const NoMemoryElsewhere&) = delete;
  NoMemoryElsewhere& operator=(const NoMemoryElsewhere&) = delete;
};

}  // namespace sightline::serving
