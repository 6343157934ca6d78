// Standard input, output and error.
#pragma once

namespace sightline {

/// Opens /dev/null for each that the process was started without. Else the first files and sockets
/// would get their numbers, and log lines would be sent to a client. To be called before anything
/// is opened.
void open_missing_standard_streams();

}  // namespace sightline
