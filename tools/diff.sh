#!/usr/bin/env bash
# Plays random sequences of WinSock 1.1 calls in three processes, with Wine's own wsock32 and with ours, and compares all
# that a program can see. The builds x86_64 and i686 have to be there.
# usage: tools/diff.sh [OPTION ...]
#   --seed S         the sequences' seed (default: 1)
#   --count N        how many, in each pair (default: 1000)
#   --first N        the first one's number (default: 0)
#   --only N         that one alone
#   --drop A,B,...   without these steps
#   --shrink         with --only: find the steps that are not needed for the difference
#   --pairs "P ..."  64-64, 32-32, 64-32 (default: all)
#   --self-test      falsify one result, and expect that to be found
#   --twice          compare the builtin with itself: what differs depends on time
#   --calls          count calls and options
#   --show N         print the first N sequences that differ (default: 3)
#   --keep FOLDER    keep the logs there
#   --programs64 FOLDER, --programs32 FOLDER   where the builds are (default: build/x86_64, build/i686)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

seed=1 first=0 count=1000 pairs="64-64 32-32 64-32" show=3 drop='' self_test='' twice='' keep='' compare_options=() shrink=''
programs64=$build/x86_64 programs32=$build/i686
hangs_allowed=20

take_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --seed) seed=$2; shift ;;
            --count) count=$2; shift ;;
            --first) first=$2; shift ;;
            --only) first=$2 count=1; shift ;;
            --drop) drop=$2; shift ;;
            --shrink) shrink=yes ;;
            --pairs) pairs=$2; shift ;;
            --self-test) self_test=yes ;;
            --twice) twice=yes ;;
            --calls) compare_options+=(--calls) ;;
            --show) show=$2; shift ;;
            --keep) keep=$2; shift ;;
            --programs64) programs64=$2; shift ;;
            --programs32) programs32=$2; shift ;;
            *) die "unknown option $1; see the head of this file" ;;
        esac
        shift
    done
}

program() { [ "$1" = 64 ] && echo "$programs64/diff_actor.exe" || echo "$programs32/diff_actor.exe"; }

# One run: variant, log, first, count. Output goes to a file: services that Wine starts would keep a pipe open.
play() {
    local variant=$1 log=$2 from=$3 number=$4 falsify=-1 result=0
    [ -z "$self_test" ] || [ "$variant" != ours ] || falsify=$first
    "$root/tools/wine.sh" "$(program "${pair%-*}")" --out "Z:$log" --seed "$seed" --first "$from" --count "$number" \
        --falsify "$falsify" ${drop:+--drop "$drop"} "Z:$(program "${pair#*-}")" "Z:$(program "${pair%-*}")" \
        </dev/null >"$scratch/output" 2>&1 || result=$?
    sed "s/^/$pair $variant: /" "$scratch/output" >&2
    return $result
}

# Far more than a healthy run needs: the actors end a run that hangs themselves.
set_timeout() { export VMMC_TEST_TIMEOUT=$((120 + count / 4)); }

use_variant() {
    export EXPECT_DLL=builtin WINEDLLOVERRIDES=wsock32=b
    [ "$1" != ours ] || export EXPECT_DLL=ours WINEDLLOVERRIDES=wsock32=n,b
}

# A sequence that hangs or crashes ends its run; the next run begins behind it.
play_all() {
    local variant=$1 log=$2 from=$first end=$((first + count)) hangs=0 result
    use_variant "$variant"
    rm -f "$log"
    while [ "$from" -lt "$end" ]; do
        result=0
        play "$variant" "$log" "$from" $((end - from)) || result=$?
        [ $result -ne 0 ] || return 0
        hangs=$((hangs + 1))
        [ $result -eq 99 ] && [ $hangs -le $hangs_allowed ] || die "$pair $variant: ended with $result, see $log"
        from=$(($(grep -a '^# [0-9]' "$log" | tail -n 1 | tr -dc 0-9) + 1))
    done
}

# A comparison in which nothing became user-level would prove nothing.
count_streams() {
    local found
    found=$(cat "$scratch"/vmmc.*.log 2>/dev/null | grep -ac ': user-level, with process' || true)
    echo "$pair: $found ends became user-level"
    [ "$found" -gt 0 ] || [ "$count" -lt 10 ] || { note "$pair: no stream became user-level"; return 1; }
}

play_pair() {
    local other=ours result=0
    [ -z "$twice" ] || other=builtin
    rm -f "$scratch"/vmmc.*.log
    play_all builtin "$scratch/$pair.builtin.log"
    VMMC_LOG_LEVEL=info VMMC_LOG_FILE="Z:$scratch/vmmc.%p.log" play_all "$other" "$scratch/$pair.$other-2.log"
    [ -n "$twice" ] || count_streams || result=1
    echo "$pair, seed $seed:"
    "$root/tests/diff/compare.pl" --show "$show" ${compare_options[@]+"${compare_options[@]}"} "$root/docs/differences.md" \
        "$scratch/$pair.builtin.log" "$scratch/$pair.$other-2.log" || result=1
    return $result
}

# A sequence that hangs because a step is missing is not what is looked for.
differs() {
    (play_pair) >"$scratch/shrink" 2>&1 || true
    grep -q '^sequence .* differs at' "$scratch/shrink"
}

# Leave out one step after the other, from the end, as long as something still differs.
shrink_sequence() {
    local step last
    differs || die "sequence $first does not differ in $pair"
    last=$(sed -n 's/^sequence .* differs at step \([0-9]*\):$/\1/p' "$scratch/shrink")
    for ((step = last - 1; step >= 0; step--)); do
        local before=$drop
        drop=${drop:+$drop,}$step
        differs || drop=$before
    done
    differs
    cat "$scratch/shrink"
    echo "again: tools/diff.sh --pairs $pair --seed $seed --only $first --drop $drop"
}

main() {
    take_options "$@"
    scratch=${keep:-$(mktemp -d)}
    mkdir -p "$scratch"
    scratch=$(cd "$scratch" && pwd)
    [ -n "$keep" ] || trap 'rm -rf "$scratch"' EXIT
    set_timeout
    keep_wineserver
    local result=0
    for pair in $pairs; do
        [ -f "$(program "${pair%-*}")" ] && [ -f "$(program "${pair#*-}")" ] || { note "$pair: not built"; exit 77; }
        if [ -n "$shrink" ]; then shrink_sequence; else play_pair || result=1; fi
    done
    if [ -n "$self_test" ]; then
        [ $result -ne 0 ] || die "a falsified result was not found"
        note "the falsified result was found"
        result=0
    fi
    exit $result
}

main "$@"
