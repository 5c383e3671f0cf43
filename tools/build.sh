#!/usr/bin/env bash
# Builds everything: the DLLs with tools and test programs in build/x86_64 and build/i686, the portable layers in build/native.
# usage: tools/build.sh [PRESET ...]      default: x86_64 i686 native
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
[ $# -gt 0 ] || set -- x86_64 i686 native
for preset in "$@"; do
    log=$build/build-$preset.log
    mkdir -p "$build"
    { cmake --preset "$preset" && cmake --build --preset "$preset"; } >"$log" 2>&1 || {
        grep -E -A5 'error|FAILED|CMake Error' "$log" | head -n 60 >&2 || true
        die "building '$preset' failed; the whole output is in $log. If a tool is missing, run tools/setup.sh."
    }
    note "built $preset"
done
