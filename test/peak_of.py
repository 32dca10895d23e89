#!/usr/bin/env python3
"""Run a command and print its peak resident bytes; what it says on stderr stays there.

usage: python3 -S test/peak_of.py COMMAND ...

A process' peak begins with that of the one that started it: this small one stands between.
"""

import resource
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(done.returncode)
