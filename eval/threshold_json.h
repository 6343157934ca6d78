// Members that the report and the saved evaluation share. `Writer` is any of RapidJSON's writers.
#pragma once

#include <cstdint>
#include <string>

#include "eval/threshold.h"

namespace sightline::eval {

template <class Writer>
void member(Writer& writer, const char* name, const std::string& text) {
  writer.Key(name);
  writer.String(text);
}
template <class Writer>
void member(Writer& writer, const char* name, std::uint64_t number) {
  writer.Key(name);
  writer.Uint64(number);
}
template <class Writer>
void member(Writer& writer, const char* name, double number) {
  writer.Key(name);
  writer.Double(number);
}

/// Writes a threshold as an object, with the pairs that determine it.
template <class Writer>
void write_threshold(Writer& writer, const JudgedPairs& pairs, const Threshold& threshold) {
  writer.StartObject();
  member(writer, "cosine", threshold.cosine);
  member(writer, "score", score_of(threshold.cosine));
  member(writer, "precision", threshold.precision);
  member(writer, "recall", threshold.recall);
  member(writer, "f1", threshold.f1);
  member(writer, "right_pairs", pairs.right());
  member(writer, "wrong_pairs", pairs.wrong());
  writer.EndObject();
}

/// Writes a cut-off as an object, with the chosen rate.
template <class Writer>
void write_cutoff(Writer& writer, double chosen_rate, const Cutoff& cutoff) {
  writer.StartObject();
  member(writer, "cosine", cutoff.cosine);
  member(writer, "score", score_of(cutoff.cosine));
  member(writer, "lowest", cutoff.lowest);
  member(writer, "highest", cutoff.highest);
  member(writer, "chosen_rate", chosen_rate);
  member(writer, "false_positive_rate", cutoff.false_positive_rate);
  member(writer, "recall", cutoff.recall);
  member(writer, "wrong_pairs", cutoff.wrong_pairs);
  writer.EndObject();
}

}  // namespace sightline::eval
