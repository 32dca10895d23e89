#!/usr/bin/env bash
# Configure build/ where that is needed and build the named targets (default: everything).
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repo"
cmake --preset default -DLLVM_EXTERNAL_LIT=/usr/lib/llvm-22/bin/lit >&2

# A compile that includes MLIR takes up to 1.5 GiB: fewer at once where memory is short.
jobs="$(nproc)"
memory_gib="$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)"
if [ "$jobs" -gt $((memory_gib * 2 / 3 + 1)) ]; then
  jobs=$((memory_gib * 2 / 3 + 1))
fi
cmake --build build -j "$jobs" ${1:+--target "$@"} >&2
