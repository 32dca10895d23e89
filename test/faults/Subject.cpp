// What the fault tests run under the shim: one save or load of a small checkpoint, by the same
// calls that a training run makes. Exit 0, or 1 with one line on stderr.
#include "test/faults/SmallState.h"

#include <cstdio>
#include <cstdlib>

using namespace ftc::rt;

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  std::string what = argv[1], dir = argv[2];
  std::int64_t step = std::atoll(argv[3]);
  Status status = what == "save"   ? ftc::test::saveState(dir, step)
                  : what == "load" ? ftc::test::loadState(dir)
                  : what == "rotate"
                      ? rotateCheckpoints(dir, 1, std::nullopt, /*finished=*/true)
                  : what == "export" ? ftc::test::exportState(dir, step)
                                     : Status::error("unknown " + what);
  if (status)
    return 0;
  std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return 1;
}
