#!/usr/bin/env bash
# Ends processes at points between stores to shared memory and at random moments, and checks those that stay: natively at
# each point once or more, then under Wine with the whole DLL.
# usage: tools/crash.sh [--kills N] [--seed N] [--seconds N] [--hits N]
# --kills: at most that many in each of the two storms under Wine (default 1000); --seconds: and no longer than that each
# (default 600); --hits: natively, how many random hits of each point besides the first (default 3).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
kills=1000 seed=$RANDOM seconds=600 hits=3
while [ $# -gt 1 ]; do
    case $1 in
        --kills) kills=$2 ;;
        --seed) seed=$2 ;;
        --seconds) seconds=$2 ;;
        --hits) hits=$2 ;;
        *) die "no option '$1'; see the head of this file" ;;
    esac
    shift 2
done
[ $# -eq 0 ] || die "no value for '$1'"

for program in "$build/native/crash_points" "$build/x86_64/crash/crash_storm.exe"; do
    [ -f "$program" ] || die "$program is missing: run tools/build.sh native x86_64"
done
note "seed $seed"
failed=0
"$build/native/crash_points" --seed "$seed" --hits "$hits" || failed=1

export CRASH_SEED=$seed CRASH_KILLS=$kills CRASH_SECONDS=$seconds CRASH_LIST=1
export WINEDLLOVERRIDES=wsock32=n,b EXPECT_DLL=ours VMMC_MEET_AFTER=0 API_SECONDS=$((seconds + 120)) VMMC_TEST_TIMEOUT=$((2 * seconds + 300))
output=$(mktemp)
"$root/tools/wine.sh" "$build/x86_64/crash/crash_storm.exe" >"$output" 2>&1 </dev/null || failed=1
tr -d '\r' <"$output"
rm -f "$output"
exit "$failed"
