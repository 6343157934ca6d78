// What is found during a load, kept for a test to inspect.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ingest/note.h"
#include "ingest/picture_files.h"

namespace sightline::ingest {

struct Found final : FindingSink {
  void add(const Failure& failure) override {
    const std::lock_guard lock(mutex);
    failures.push_back(failure);
  }
  void add(const Note& note) override {
    const std::lock_guard lock(mutex);
    notes.push_back(note);
  }

  std::mutex mutex;
  std::vector<Failure> failures;
  std::vector<Note> notes;
};

inline PictureFile picture_file(const std::filesystem::path& folder, std::string below) {
  return {std::make_shared<const std::filesystem::path>(folder), std::move(below)};
}

}  // namespace sightline::ingest
