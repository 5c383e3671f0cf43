#!/usr/bin/env bash
# Sets up, builds and runs every test: natively under sanitizers, and under Wine in 32 and 64 bit.
# usage: tools/test.sh [CTEST ARGUMENT ...]      for instance: tools/test.sh -R api.transfer
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
presets=(native-asan native-tsan native native-fuzz x86_64 i686)
tools/setup.sh
tools/build.sh "${presets[@]}"
keep_wineserver
trap stop_wineserver EXIT

failed=()
for preset in "${presets[@]}"; do
    note "testing $preset"
    ctest --preset "$preset" --no-tests=error "$@" || failed+=("$preset")
done
[ ${#failed[@]} -eq 0 ] || die "tests failed in: ${failed[*]}"
note "all tests passed"
