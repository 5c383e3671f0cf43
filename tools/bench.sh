#!/usr/bin/env bash
# Measures Wine's builtin wsock32, ours, native TCP, AF_UNIX and a bare ring, alternating within milliseconds.
# usage: tools/bench.sh [--quick | --pointers] [--seconds N] [--slice MILLISECONDS] [--near]
#                       [--pair 64-64|32-32|32-64] [--free] [--json FILE]
#   --quick    three tests, 30 seconds          --seconds N   how long (180), apart from the start and 10 s for idle
#   --pointers transfers without copies (docs/extension-api.md), against the copying ones, 120 seconds
#   --slice    length of one sample (5)         --pair        server and client (64-64)
#   --near     begin a sample only while the cores are near
#   --free     let the scheduler place programs; else servers have one of the two cores, clients the other
# All programs are started once and asleep but for the pair that is being measured. Every sample is tagged near or far
# by the cache-line round trip of the two cores right before and after it; samples that saw both are dropped. Prints a
# table for each state; writes everything to build/bench.json (or FILE).
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/pairs.sh
. "$root/bench/pairs.sh"

long_slice=250 # ms
near_limit=0.15 # us: near is 0.05 to 0.11, far 0.2 to 0.5

# test:bytes:option; the last two never leave the kernel: datagrams, and a stream whose other end is without our DLL.
quick_tests=(rtt:64: msgs:64: bw:65536:)
all_tests=(idle:64:5000 rtt:64: msgs:1: msgs:8: msgs:64: bw:4096: bw:65536: bw:1048576: rtt:64:select
    udp:64: rtt:64:mixed)
pointer_tests=(bw:65536: bw:262144: bw:1048576: transmit:65536: transmit:1048576:)

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    tests=("${all_tests[@]}") seconds=180 slice=5 pair=64-64 json=$build/bench.json near=() pin_ends=1 pointers=
    while [ $# -gt 0 ]; do
        case $1 in
            --quick) tests=("${quick_tests[@]}") seconds=30 ;;
            --pointers) pointers=1 tests=("${pointer_tests[@]}") seconds=120 ;;
            --free) pin_ends= ;;
            --near) near=(--near-below "$near_limit") ;;
            --seconds) seconds=${2:?} && shift ;;
            --slice) slice=${2:?} && shift ;;
            --pair) pair=${2:?} && shift ;;
            --json) json=${2:?} && shift ;;
            -h | --help) usage 0 ;;
            *) note "unknown option $1"; usage 2 >&2 ;;
        esac
        shift
    done
    [[ $pair =~ ^(32|64)-(32|64)$ ]] ||
        die "--pair takes 64-64, 32-32, 32-64 or 64-32"
    [[ $seconds =~ ^[1-9][0-9]*$ && $slice =~ ^[1-9][0-9]*$ ]] ||
        die "--seconds and --slice take whole numbers above 0"
    server_bits=${pair%-*} client_bits=${pair#*-} pair_timeout=$((seconds + 120))
}

require_programs() {
    local missing=() end
    for end in "$server_bits-builtin" "$client_bits-builtin"; do
        [ -f "$(folder_of "$end")/netbench.exe" ] || missing+=("$(folder_of "$end")/netbench.exe")
    done
    for end in netbench conduct; do
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

# usage: parts_of TEST      its variants, as the conductor takes them: VARIANT[@PLAYER][/MILLISECONDS],...
# TCP gathers small pieces while it waits for an acknowledgement, for up to 40 ms. So one way its slices are long; they
# see several states, which hardly matters to a path through the kernel, and their programs are never pinned.
parts_of() {
    local list=() long=/$long_slice
    case $1 in
        udp:*) list=(builtin@builtin-udp ${ours:+ours@ours-udp} tcp@tcp-udp) ;;
        *:select) list=(builtin ${ours:+ours} tcp unix) ;;
        *:mixed) list=(builtin ${ours:+ours@mixed}) ;;
        msgs:* | bw:4096:) list=("builtin@builtin-free$long" ${ours:+ours} "tcp@tcp-free$long" unix ring) ;;
        idle:* | transmit:*) list=(builtin ${ours:+ours}) ;;
        *) list=(builtin ${ours:+ours} tcp unix ring) ;;
    esac
    [[ -z $ours || -z $pointers || $1 != bw:* ]] || list+=(borrow@ours+borrow views@ours+views lend@ours+lend)
    (IFS=,; echo "${list[*]}")
}

start_players() {
    local side
    for side in builtin ${ours:+ours}; do
        start_player "$side" "$server_bits-$side" "$client_bits-$side"
        start_player "$side-udp" "$server_bits-$side" "$client_bits-$side" --udp
    done
    [ -z "$ours" ] || start_player mixed "$server_bits-builtin" "$client_bits-ours"
    start_player tcp tcp tcp
    start_player tcp-udp tcp tcp --udp
    start_player unix unix unix
    pin_ends=
    start_player builtin-free "$server_bits-builtin" "$client_bits-builtin"
    start_player tcp-free tcp tcp
}

conduct() {
    local test arguments=()
    for test in "${tests[@]}"; do arguments+=("$test=$(parts_of "$test")"); done
    "$bench_build/native/conduct" run "$scratch" --seconds "$seconds" --slice "$slice" "${near[@]}" "${arguments[@]}"
}

main() {
    local status=0
    take_options "$@"
    require_programs
    mkdir -p "$build"
    start_pairs "$build/bench.log"
    find_our_dll
    start_players
    conduct >"$scratch/samples" || status=1
    progress ""
    perl "$root/bench/summary.pl" --near-limit "$near_limit" --pair "$pair" --seconds "$seconds" --json "$json" \
        <"$scratch/samples"
    [ $status -eq 0 ] || die "the run ended early; see $pair_log"
}

main "$@"
