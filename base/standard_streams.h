// Standard input, output and error.
#pragma once

namespace sightline {

/// Opens /dev/null for each standard stream that the process was started without. Otherwise the first files
/// and sockets would get their numbers, and log lines would be sent to a client. Call it before anything is
/// opened.
void open_missing_standard_streams();

/// Lets a write to a pipe that nobody reads fail instead of ending the process: what it writes is not all that it does.
void survive_broken_pipes();

}  // namespace sightline
