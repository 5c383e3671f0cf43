#!/usr/bin/env bash
# Much at once and for long, under Wine: open streams, connections one after the other, mixed traffic with kills.
# usage: tools/soak.sh [--minutes N] [--streams N] [--cycles N] [--bits 64|32] [--seed N]
#        default: 30 minutes of mixed traffic, 4096 open streams, 50000 connections, 64
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

usage() { sed -n '3,4s/^# \{0,1\}//p' "$0"; exit "$1"; }

minutes=30 streams=4096 cycles=50000 bits=64 seed=
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=${2:?} && shift ;;
        --streams) streams=${2:?} && shift ;;
        --cycles) cycles=${2:?} && shift ;;
        --bits) bits=${2:?} && shift ;;
        --seed) seed=${2:?} && shift ;;
        -h | --help) usage 0 ;;
        *) note "unknown option $1"; usage 2 >&2 ;;
    esac
    shift
done
case $bits in
    64) program=$build/x86_64/soak.exe ;;
    32) program=$build/i686/soak.exe ;;
    *) die "--bits takes 64 or 32" ;;
esac
[ -f "$program" ] || die "not built: $program. Run tools/build.sh."

keep_wineserver
seconds=$((minutes * 60))
[ -z "$seed" ] || export API_SEED=$seed
export WINEDLLOVERRIDES=wsock32=n,b EXPECT_DLL=ours VMMC_MEET_AFTER=0 SOAK_SECONDS=$seconds SOAK_STREAMS=$streams SOAK_CYCLES=$cycles
export API_SECONDS=$((seconds + cycles / 10 + 600)) VMMC_TEST_TIMEOUT=$((3 * (seconds + cycles / 10 + 600)))
"$root/tools/wine.sh" "$program" </dev/null
