// Descriptors and signals at a program's start.
#include "tools/flags/Process.h"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace ftc::cli {

void prepareProcess() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) != descriptor)
      break; // there is no /dev/null
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

} // namespace ftc::cli
