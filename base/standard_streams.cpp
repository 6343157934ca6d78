#include "base/standard_streams.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <initializer_list>
#include <unistd.h>

namespace sightline {

void open_missing_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The system assigns the lowest free number: this one, because the lower ones are open.
    ::open("/dev/null", stream == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
}

void survive_broken_pipes() {
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace sightline
