// Ends the process after an exception that no thread catches.
#pragma once

namespace sightline {

/// From now on an exception that no thread catches ends the process with a line on standard error that says
/// what it was: with exit code 1 where the system had no more memory or threads to give, by abort (and a
/// core) for a bug in the program.
void settle_unhandled_exceptions();

}  // namespace sightline
