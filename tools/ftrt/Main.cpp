// ftrt: the runtime's command line.
#include <cstdio>

int main() {
  std::fputs("ftrt: no command\n", stderr);
  return 2;
}
