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

# usage: choice_for PRESET      for ctest: what of its tests this machine can run, and how many at once
# Natively the tests of crashes, which mostly wait, run beside the others, which ask for two processors.
choice_for() {
    case $1 in
        native | native-asan) echo "-j 3" ;;
        i686) runs_32 || echo "-L generator" ;;
    esac
}

failed=()
for preset in "${presets[@]}"; do
    note "testing $preset"
    # shellcheck disable=SC2046
    ctest --preset "$preset" --no-tests=error $(choice_for "$preset") "$@" || failed+=("$preset")
done
runs_32 || note "NOT RUN: all tests of 32-bit programs and of mixed pairs, which were only built: $no_32"
[ ${#failed[@]} -eq 0 ] || die "tests failed in: ${failed[*]}"
note "all tests passed"
