// Standard input, output and error.
#pragma once

namespace sightline {

/// Opens /dev/null in place of those that the process was started without. Else the first files and sockets
/// would get their numbers, and what is meant for the log would go to a client. To be called before anything
/// is opened.
void open_missing_standard_streams();

}  // namespace sightline
