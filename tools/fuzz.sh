#!/usr/bin/env bash
# Fuzzes what is read from shared memory, with all processors, and says how many executions each target has had.
# usage: tools/fuzz.sh [--seconds N | --runs N] [TARGET ...]      each target; default: all for 60 seconds
# Interesting scripts are kept in build/fuzz and the next run begins with them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
limit=-max_total_time=60
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) limit=-max_total_time=$2 && shift 2 ;;
    --runs) limit=-runs=$2 && shift 2 ;;
    -*) die "usage: tools/fuzz.sh [--seconds N | --runs N] [TARGET ...]" ;;
    *) break ;;
    esac
done
tools/build.sh native-fuzz
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')

fuzz() { FUZZ_FOUND=$build/fuzz/$1 tests/fuzz/run.sh "$build/native-fuzz/fuzz_$1" "$limit"; }
export -f fuzz
export build limit
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}' ||
    die "something was found: see above. tests/fuzz says how a script is read; build/native-fuzz/fuzz_TARGET SCRIPT runs it again."
