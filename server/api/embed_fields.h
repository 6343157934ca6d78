// Shared by the request formats: how inputs are to be embedded.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "server/api/dispatch.h"
#include "server/api/input.h"
#include "server/api/json.h"

namespace sightline::api {

/// A request's contents and how to embed them.
struct EmbedFields {
  std::vector<Content> contents;
  serving::Lane lane = serving::Lane::document;
  std::string input_type;  ///< its value, in lower case; empty: none
  models::Truncate truncate = models::Truncate::end;
  ModalityRule modality = ModalityRule::automatic;
  std::optional<std::size_t> dimensions;  ///< of the vectors, if other than the model's own
};

// Each reader leaves its failures with the FieldReader. The case of letters is ignored in words, and an
// empty string is as good as absent.

/// `input_type`, into `lane` and `input_type`: `query`, `search`, `search_query` go before documents; all
/// others, and none, are documents. And `modality`, which is `image` where `input_type` is and no other is given.
void read_input_type(FieldReader& fields, EmbedFields& read);
/// `modality`: `auto` (default), `text`, `image`: see ModalityRule. For requests without `input_type`.
ModalityRule read_modality(FieldReader& fields);
/// `truncate`: `END` (default), `START`, `NONE`.
models::Truncate read_truncate(FieldReader& fields);
/// The model's name; required.
std::string read_model(FieldReader& fields);
/// The length of the vectors, in the member `name`: 1 to the model's own.
std::optional<std::size_t> read_dimensions(FieldReader& fields, const char* name, const Context& context,
                                           const std::string& model);

/// All of `input`, `input_type`, `modality`, `truncate` and `dimensions`.
EmbedFields read_embed_fields(FieldReader& fields, const Context& context, const std::string& model);

/// Only the member `input`, read after `modality`.
std::vector<Content> read_input(FieldReader& fields, ModalityRule modality, const InputLimits& limits);

/// How long a client wants to wait for an answer. The server's own limit can be shortened by it, not lengthened.
struct WantedTime {
  std::chrono::milliseconds time;
  const char* given_as;  ///< for errors: "timeout" or "X-Request-Timeout"
};
/// The shorter of the query parameter `timeout` (a whole number with ms, s or m: `500ms`, `10s`) and the header
/// `X-Request-Timeout` (a decimal number, of seconds unless ms, s or m follows: `2.5`, `500ms`); nothing if there is
/// neither. Errors: invalid_argument, which names the wrong one.
Result<std::optional<WantedTime>> read_timeout(const http::Request& request);

}  // namespace sightline::api
