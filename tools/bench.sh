#!/usr/bin/env bash
# Measures Wine's builtin wsock32, ours, native TCP, AF_UNIX and a bare ring, interleaved in one run.
# usage: tools/bench.sh [--quick] [--seconds N] [--sample MILLISECONDS] [--near]
#                       [--pair 64-64|32-32|32-64] [--json FILE]
#   --quick    three tests, one minute          --seconds N   go on for about N seconds (300)
#   --sample   length of one sample (250)       --pair        server and client (64-64)
#   --near     start a sample only when the cores are near, and wait for that while the N seconds last
# Every sample is tagged near or far by the cache-line round trip of the two cores right before and after it; samples
# that saw both are dropped. Prints a table for each state; writes everything to build/bench.json (or FILE).
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/pairs.sh
. "$root/bench/pairs.sh"

near_limit=0.25 # us

# test:bytes:options; the last two never leave the kernel: datagrams, and a stream whose other end is without our DLL.
quick_tests=(rtt:64: msgs:64: bw:65536:)
all_tests=(rtt:64: msgs:1: msgs:8: msgs:64: bw:4096: bw:65536: bw:1048576: rtt:64:select udp:64: rtt:64:mixed)

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    tests=("${all_tests[@]}") seconds=300 sample=250 pair=64-64
    json=$build/bench.json quick='' near=''
    while [ $# -gt 0 ]; do
        case $1 in
            --quick) tests=("${quick_tests[@]}") seconds=40 quick=1 ;;
            --near) near=1 ;;
            --seconds) seconds=${2:?} && shift ;;
            --sample) sample=${2:?} && shift ;;
            --pair) pair=${2:?} && shift ;;
            --json) json=${2:?} && shift ;;
            -h | --help) usage 0 ;;
            *) note "unknown option $1"; usage 2 >&2 ;;
        esac
        shift
    done
    [[ $pair =~ ^(32|64)-(32|64)$ ]] ||
        die "--pair takes 64-64, 32-32, 32-64 or 64-32"
    [[ $seconds =~ ^[1-9][0-9]*$ && $sample =~ ^[1-9][0-9]*$ ]] ||
        die "--seconds and --sample take whole numbers above 0"
    server_bits=${pair%-*} client_bits=${pair#*-}
}

require_programs() {
    local missing=() end
    for end in "$server_bits-builtin" "$client_bits-builtin"; do
        [ -f "$(folder_of "$end")/netbench.exe" ] || missing+=("$(folder_of "$end")/netbench.exe")
    done
    for end in netbench ringbench; do
        [ -x "$bench_build/native/$end" ] || missing+=("$bench_build/native/$end")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "not built: ${missing[*]}. Run tools/build.sh."
}

find_our_dll() {
    local bits
    ours=1
    for bits in "$server_bits" "$client_bits"; do
        if ! has_our_dll "$bits"; then
            note "there is no $(folder_of "$bits-ours")/wsock32.dll, so ours is left out. Build it with tools/build.sh."
            ours=
            return
        fi
        loads_our_dll "$bits" ||
        die "Wine does not load $(folder_of "$bits-ours")/wsock32.dll. To see why, run" \
            "WINEDEBUG=+loaddll,+module WINEDLLOVERRIDES=wsock32=n,b wine $(folder_of "$bits-ours")/netbench.exe"
    done
}

variants_of() {
    local list=(builtin)
    [ -z "$ours" ] || list+=(ours)
    case $1 in
        udp:*) list+=(tcp) ;;
        *:select) list+=(tcp unix) ;;
        rtt:64:mixed | idle:*) ;;
        *) list+=(tcp unix ring) ;;
    esac
    echo "${list[@]}"
}

is_near() { awk -v s="$1" -v limit="$near_limit" 'BEGIN { exit !(s < limit) }'; }
time_is_up() { [ $((SECONDS - started)) -ge "$seconds" ]; }

# Sets `before`. With --near it is from the first moment at which the cores were near, unless the time ran out.
await_state() {
    before=$(machine_state)
    while [ -n "$near" ] && ! is_near "$before" && ! time_is_up; do
        sleep 0.05
        before=$(machine_state)
    done
}

# usage: measure TEST VARIANT       prints netbench's or ringbench's line of JSON
measure() {
    local test bytes option server client
    IFS=: read -r test bytes option <<<"$1"
    server=$server_bits-$2 client=$client_bits-$2
    case $2 in
        ring) timeout 60 "$bench_build/native/ringbench" "$test" "$bytes" "$sample"; return ;;
        tcp | unix) server=$2 client=$2 ;;
    esac
    local options=(--size "$bytes" --milliseconds "$sample")
    case $option in
        select) options+=(--select) ;;
        mixed) server=$server_bits-builtin ;;
        [0-9]*) options=(--milliseconds "$option") ;;
    esac
    run_pair "$server" "$client" "$test" "${options[@]}"
}

# Appends one tagged sample to $samples; a failed one carries null.
take_sample() {
    local before after result
    await_state
    if ! result=$(measure "$1" "$2") || [ -z "$result" ]; then
        result=null failures=$((failures + 1))
    fi
    after=$(machine_state)
    printf '{"test":"%s","variant":"%s","round":%d,"before":%s,"after":%s,"result":%s}\n' \
        "$1" "$2" "$round" "$before" "$after" "$result" >>"$samples"
}

take_round() {
    local test variant
    for test in "$@"; do
        for variant in $(variants_of "$test"); do
            [ -z "$near" ] || ! time_is_up || return 0
            progress "bench: $((SECONDS - started)) of $seconds s, round $round: ${test//:/ } $variant"
            take_sample "$test" "$variant"
        done
    done
}

main() {
    take_options "$@"
    require_programs
    mkdir -p "$build"
    start_pairs "$build/bench.log"
    find_our_dll
    samples=$scratch/samples started=$SECONDS failures=0 round=1
    [ -n "$quick" ] || take_round idle:64:5000
    while :; do
        take_round "${tests[@]}"
        ! time_is_up || break
        round=$((round + 1))
    done
    progress ""
    perl "$root/bench/summary.pl" --near-limit "$near_limit" --pair "$pair" --json "$json" <"$samples"
    [ $failures -eq 0 ] ||
        die "$failures samples failed; see $pair_log"
}

main "$@"
