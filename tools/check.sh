#!/usr/bin/env bash
# Install what is missing, build everything into build/ and run every test.
# --long adds the tests that take minutes each (more random instants, more seeds).
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repo"
long=false
for argument in "$@"; do
  case "$argument" in
    --long) long=true ;;
    -h | --help) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "error: unknown argument $argument; expected --long or nothing" >&2; exit 2 ;;
  esac
done

tools/install.sh
tools/build.sh

# FTC_LONG is read by the tests themselves; without it each runs its short form.
if $long; then
  export FTC_LONG=1
fi
exec ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)"
