#!/usr/bin/env bash
# Sets up, builds and runs every test: natively under sanitizers, and under Wine in 32 and 64 bit.
# usage: tools/test.sh [CTEST ARGUMENT ...]      for instance: tools/test.sh -R api.transfer
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
export WINEDEBUG=${WINEDEBUG:--all,err+all} # a program that Wine cannot start says nothing else
presets=(native-asan native-tsan native native-fuzz x86_64 i686)
tools/setup.sh
tools/build.sh "${presets[@]}"
trap stop_wineserver EXIT
rm -f "$build/wineserver.log"

# usage: choice_for PRESET      for ctest: what of its tests this machine can run, and how many at once
# Programs whose ends spin ask for two processors each, and mostly wait nevertheless, natively for their peers and under Wine
# for its server: two of them run at a time natively, and four under Wine, and beside them one that computes.  Who measures or
# loads the machine runs alone.
choice_for() {
    case $1 in
        native-fuzz) echo "-j 2" ;;
        native*) echo "-j 5" ;;
        x86_64) echo "-j 9" ;;
        i686) echo "-j 9"; runs_32 || echo "-L generator" ;;
    esac
}

# False where the arguments choose none of a preset's tests; with no arguments that is an error.
has_tests() {
    [ $# -gt 1 ] || return 0
    # shellcheck disable=SC2046
    ! ctest --preset "$1" -N $(choice_for "$1") "${@:2}" | grep -qx 'Total Tests: 0'
}

failed=() tested=
for preset in "${presets[@]}"; do
    has_tests "$preset" "$@" || continue
    note "testing $preset" && tested=1
    keep_wineserver # the native tests may have taken longer than it waits
    # shellcheck disable=SC2046
    ctest --preset "$preset" --no-tests=error $(choice_for "$preset") "$@" || failed+=("$preset")
done
[ -n "$tested" ] || die "no test is chosen by: $*. To see their names: ctest --preset x86_64 -N, or another of: ${presets[*]}"
runs_32 || note "NOT RUN: all tests of 32-bit programs and of mixed pairs, which were only built: $no_32"
if grep -s Assertion "$build/wineserver.log" >&2; then
    failed+=("Wine's server, which died: $build/wineserver.log")
fi
[ ${#failed[@]} -eq 0 ] || die "tests failed in: ${failed[*]}"
note "all tests passed"
