#!/usr/bin/env bash
# Measures Wine's builtin wsock32, ours, native TCP, AF_UNIX and a bare ring, alternating within milliseconds.
# usage: tools/bench.sh [SESSION] [--seconds N] [--slice MILLISECONDS] [--draws N] [--near|--far] [--pair 64-64|32-32|32-64]
#                       [--free] [--json FILE] [--add]
#   SESSION, one of (with its seconds, apart from the start and what is measured once):
#   --speed    latency and bandwidth (180); this one if none is named          --quick    three tests of it (30)
#   --limits   messages and large pieces against the bare limits, while the cores are near alone: for machines that
#              seldom are, where a session of both states has few samples of that (150)
#   --pointers transfers without copies (docs/extension-api.md), against the copying ones (120)
#   --flows    one way for seconds, senders that block and such that do not (150)
#   --select   one, 64 and 1,000 sockets, one of them active; waking up (120)
#   --connections  connections that live for one exchange (60)
#   --load     1 to 16 pairs at once, with pauses for thought, beside a process that computes (330)
#   --scale    1 to 4,000 open connections: their cost in time, memory and descriptors (300)
#   --backends 64 and 32 bit, both together; sleeping on events (90)
#   --peers    MPICH and UCX, where they are installed: tools/setup.sh --peers (60)
#   --all      all of these one after the other, with --seconds shared out among them (1670); then the plots: each
#              session's figures are build/bench/SESSION.json then, the plots build/bench/*.svg
#   --publish  puts what --all has measured into docs/performance.md and docs/plots
#   --slice    length of one sample (5)         --pair        server and client (64-64)
#   --draws    start all programs anew so many times, for the memory that they get (--speed, --limits, --pointers, --peers: 5;
#              --scale: 2; others: 1)
#   --near     begin a sample only while the cores are near; --far: only while they are far
#   --add      count the samples that the file holds too: more of a state that was rare when it was written
#   --free     let the scheduler place programs; else servers have one of the two cores, clients the other
# Within a draw all programs run, asleep but for the pair that is being measured. Every sample is tagged near or far by
# the cache-line round trip of the two cores right before and after it; samples that saw both are dropped. Prints a
# table for each state; writes everything to build/bench.json (or FILE).
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/pairs.sh
. "$root/bench/pairs.sh"

long_slice=250 # ms
flow_slice=1000
beside_slice=1000 # who computes beside the pairs is served as the scheduler has placed all of them, which takes a while
near_limit=0.2 # us: near is 0.05 to 0.17, far 0.3 to 0.6, by the machine

# The sessions: test:bytes:words (bench/conduct.c tells the words). In the first, the last two never leave the kernel:
# datagrams, and a stream whose other end is without our DLL.
declare -A session_tests=(
    [speed]="idle:64:5000 rtt:64: rtt:64:select rtt:64:poll msgs:1: msgs:8: msgs:64: bw:4096: bw:16384: bw:65536:
        bw:262144: bw:1048576: rtt:1024: rtt:4096: rtt:16384: udp:64: rtt:64:mixed alone:1: alone:64:"
    [quick]="rtt:64: msgs:64: bw:65536:"
    [limits]="rtt:64: msgs:1: msgs:64: bw:16384: bw:65536: bw:262144: bw:1048576:"
    [pointers]="bw:65536: bw:262144: bw:1048576: transmit:65536: transmit:1048576:"
    [flows]="msgs:1: msgs:1:poll msgs:64: msgs:64:poll bw:16384: bw:16384:poll bw:1048576: bw:1048576:poll"
    [select]="rtt:64:select rtt:64:select-c64 rtt:64:select-c64-kernel rtt:64:select-c1000
        ready:64: ready:64:c64 ready:64:c64-kernel ready:64:c1000 empty:64: empty:64:c64 empty:64:c64-kernel
        empty:64:c1000 wake:64:t1000 wake:64:select-t1000 wake:64:select-c64-t1000 wake:64:select-c64-kernel-t1000
        wake:64:select-c1000-t1000"
    [connections]="connect:64: brief:64: brief:4096:"
    [scale]="crowd:64:c1 crowd:64:c10 crowd:64:c100 crowd:64:c1000 crowd:64:c4000
        rtt:64:c1 rtt:64:c10 rtt:64:c100 rtt:64:c1000 rtt:64:c4000
        spread:64:c1 spread:64:c10 spread:64:c100 spread:64:c1000 spread:64:c4000
        spread:4096:c1 spread:4096:c100 spread:4096:c1000"
    [load]="$(for pause in 0 100 1000 10000; do for pairs in 1 2 4 8 16; do echo "load:64:t$pause-p$pairs"; done; done)
        load:64:t0-p1-beside load:64:t100-p1-beside load:64:t1000-p1-beside load:64:t0-p4-beside"
    [backends]="rtt:64: msgs:64: bw:65536: bw:1048576: wake:64:t1000"
    [peers]="rtt:64: rtt:4096: msgs:64: msgs:4096: msgs:65536:"
)
declare -A session_seconds=([speed]=180 [limits]=150 [quick]=30 [pointers]=120 [flows]=150 [select]=120
    [connections]=60 [scale]=300 [load]=330 [backends]=90 [peers]=60)
# How fast a copy is, and a round trip far, depends on where the memory of both ends lies, which they keep as long as they run.
# A draw of `scale` opens its crowds once.
declare -A session_draws=([speed]=5 [limits]=5 [pointers]=5 [scale]=2 [peers]=5)
sessions_of_all=(speed limits pointers flows select connections scale load backends peers)

usage() { sed -n '2,28s/^# \{0,1\}//p' "$0"; exit "$1"; }

take_options() {
    session=speed seconds='' slice=5 draws='' pair=64-64 json='' only='' add=() pin_ends=1
    while [ $# -gt 0 ]; do
        case $1 in
            --all | --speed | --limits | --quick | --pointers | --flows | --select | --connections | --load | --scale | \
                --backends | --peers)
                session=${1#--} ;;
            --publish) publish; exit ;;
            --free) pin_ends= ;;
            --near | --far) only=${1#--} ;;
            --add) add=(--add) ;;
            --seconds) seconds=${2:?} && shift ;;
            --slice) slice=${2:?} && shift ;;
            --draws) draws=${2:?} && shift ;;
            --pair) pair=${2:?} && shift ;;
            --json) json=${2:?} && shift ;;
            -h | --help) usage 0 ;;
            *) note "unknown option $1"; usage 2 >&2 ;;
        esac
        shift
    done
    if [ "$session" = limits ]; then
        [ "$only" != far ] || die "--limits is measured while the cores are near; leave out --far"
        only=near
    fi
    [[ $pair =~ ^(32|64)-(32|64)$ ]] ||
        die "--pair takes 64-64, 32-32, 32-64 or 64-32"
    [[ ${seconds:-1} =~ ^[1-9][0-9]*$ && $slice =~ ^[1-9][0-9]*$ && ${draws:-1} =~ ^[1-9][0-9]*$ ]] ||
        die "--seconds, --slice and --draws take whole numbers above 0"
    [[ $pair != *32* ]] || runs_32 || die "--pair $pair cannot be tried here: $no_32"
    server_bits=${pair%-*} client_bits=${pair#*-}
}

# Each session in a shell of its own, since it ends its players; the seconds are shared out as they are by default.
take_all_sessions() {
    local one sum=0 share status=0 number=0 free=()
    [ -z "$json" ] || die "--all writes several files, into $build/bench; so there is no --json FILE"
    [ -n "$pin_ends" ] || free=(--free)
    mkdir -p "$build/bench"
    for one in "${sessions_of_all[@]}"; do sum=$((sum + session_seconds[$one])); done
    for one in "${sessions_of_all[@]}"; do
        share=$((session_seconds[$one] * ${seconds:-$sum} / sum))
        number=$((number + 1))
        [ "$only $one" != "far limits" ] || continue
        note "$one: $share s and what is taken once (session $number of ${#sessions_of_all[@]})"
        "$0" "--$one" --seconds $((share > 0 ? share : 1)) --slice "$slice" --pair "$pair" ${only:+--$only} \
            "${free[@]}" "${add[@]}" ${draws:+--draws "$draws"} --json "$build/bench/$one.json" ||
            { note "$one was not completed"; status=1; }
    done
    perl "$root/bench/plots.pl" "$build/bench" "$build/bench"
    return $status
}

publish() {
    mkdir -p "$root/docs/plots"
    perl "$root/bench/plots.pl" "$build/bench" "$root/docs/plots"
    perl "$root/bench/tables.pl" "$build/bench" "$root/docs/performance.md"
}

begin_session() {
    seconds=${seconds:-${session_seconds[$session]}} json=${json:-$build/bench.json}
    draws=${draws:-${session_draws[$session]:-1}}
    pair_timeout=$((seconds + 300))
    read -r -d '' -a tests <<<"${session_tests[$session]}" || true
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
    ours=1 both_widths=1
    runs_32 && has_our_dll 32 && has_our_dll 64 || both_widths=
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
# Of the peers' messages, those of four digits and more are for MPICH and UCX, which do not appear in the speed session.
parts_of() {
    local list=() long=/$long_slice
    case $session:$1 in
        flows:*) list=("builtin@builtin-free$long" ${ours:+"ours/$flow_slice"} "tcp@tcp-free$long" "ring/$flow_slice") ;;
        load:*-beside) list=(${ours:+"ours@ours-free/$beside_slice" "sleeping@sleeping-free/$beside_slice"}) ;;
        load:*) list=("builtin@builtin-free$long" ${ours:+"ours@ours-free$long"} "tcp@tcp-free$long" "unix@unix-free$long") ;;
        backends:*) list=(${ours:+ours event ${both_widths:+ours32 mixed event32}}) ;;
        peers:msgs:*[0-9]???:) list=(${ours:+ours} ring ${mpich:+mpich} ${ucx:+ucx/10}) ;;
        peers:msgs:*) list=("builtin@builtin-free$long" ${ours:+ours} "tcp@tcp-free$long" unix ring ${mpich:+mpich}
            ${ucx:+ucx/10}) ;;
        peers:*) list=(builtin ${ours:+ours} tcp unix ring ${mpich:+mpich} ${ucx:+ucx/10}) ;;
        select:* | scale:* | connections:*) list=(builtin ${ours:+ours} tcp unix) ;;
        limits:bw:*) list=(${ours:+ours} ring copy1 copy4 copynt) ;;
        limits:*) list=(${ours:+ours} ring) ;;
        *:udp:*) list=(builtin@builtin-udp ${ours:+ours@ours-udp} tcp@tcp-udp) ;;
        *:select | *:poll) list=(builtin ${ours:+ours} tcp unix) ;;
        *:mixed) list=(builtin ${ours:+ours@outward}) ;;
        *:msgs:* | *:bw:4096:) list=("builtin@builtin-free$long" ${ours:+ours} "tcp@tcp-free$long" unix ring) ;;
        *:alone:*) list=(builtin ${ours:+ours} tcp ring) ;;
        *:idle:* | *:transmit:*) list=(builtin ${ours:+ours}) ;;
        speed:bw:*) list=(builtin ${ours:+ours} tcp unix ring copy1 copy4 copynt) ;;
        *) list=(builtin ${ours:+ours} tcp unix ring) ;;
    esac
    [[ -z $ours || $session != pointers || $1 != bw:* ]] || list+=(borrow@ours+borrow views@ours+views lend@ours+lend)
    (IFS=,; echo "${list[*]}")
}

# usage: players_of TEST...    the names of all that have to be started, once each
players_of() {
    local test part name pairs
    for test; do
        pairs=1
        [[ ! $test =~ -p([0-9]+) ]] || pairs=${BASH_REMATCH[1]}
        for part in $(parts_of "$test" | tr , ' '); do
            name=${part%%[/+]*}
            name=${name#*@}
            echo "$name"
            for ((i = 2; i <= pairs; i++)); do echo "$name.$i"; done
        done
    done | sort -u | grep -vE '^(ring|copy.*)$'
}

# usage: start_named NAME      SIDE, SIDE-udp or SIDE-free; perhaps with a number behind a dot
start_named() {
    local name=$1 side=${1%%[.-]*} udp=()
    local pin_ends=$pin_ends
    [[ $name != *-free* ]] || pin_ends=
    [[ $name != *-udp* ]] || udp=(--udp)
    case $side in
        tcp | unix) start_player "$name" "$side" "$side" "${udp[@]}" ;;
        outward) start_player "$name" "$server_bits-builtin" "$client_bits-ours" ;;
        ours32) start_player "$name" 32-ours 32-ours ;;
        mixed) start_player "$name" 32-ours 64-ours ;;
        event32) start_player "$name" 32-event 32-event ;;
        mpich) start_foreign_player "$name" mpiexec -n 1 "$bench_build/native/conduct" pin client "$mpich" : \
            -n 1 "$bench_build/native/conduct" pin server "$mpich" ;;
        ucx) start_foreign_player "$name" "$root/bench/peer_ucx.sh" "$bench_build/native/conduct" ;;
        *) start_player "$name" "$server_bits-$side" "$client_bits-$side" "${udp[@]}" ;;
    esac
}

# What is not there is left out.
find_peers() {
    mpich='' ucx=''
    [ "$session" = peers ] || return 0
    if [ -x "$bench_build/native/peer_mpi" ] && command -v mpiexec >/dev/null; then
        mpich=$bench_build/native/peer_mpi
    fi
    ucx=$(command -v ucx_perftest) || true
    [ -n "$mpich" ] && [ -n "$ucx" ] || note "MPICH or UCX is missing: tools/setup.sh --peers, then tools/build.sh native"
}

start_players() {
    local name
    for name in $(players_of "${tests[@]}"); do start_named "$name"; done
    find_wineserver
}

# usage: tests_of DRAW      what has a length of its own is taken once
tests_of() {
    local test
    for test in "${tests[@]}"; do
        [[ $1 -gt 1 && $test =~ :[0-9]+$ ]] || echo "$test"
    done
}

# usage: conduct DRAW
conduct() {
    local test share=$(((seconds + draws - 1) / draws)) arguments=() placed=() state=()
    for test in $(tests_of "$1"); do arguments+=("$test=$(parts_of "$test")"); done
    case $only in
        near) state=(--near-below "$near_limit") ;;
        far) state=(--far-from "$near_limit") ;;
    esac
    [ -z "$pin_ends" ] || [ -z "$wineserver" ] || placed=(--wineserver "$wineserver")
    "$bench_build/native/conduct" run "$scratch" --seconds "$share" --slice "$slice" "${state[@]}" "${placed[@]}" \
        "${arguments[@]}"
}

take_draws() {
    local draw
    for ((draw = 1; draw <= draws; draw++)); do
        start_players
        conduct "$draw" || return
        end_players
    done
}

# Names what is measured, and what measures it: samples of different ones are not to be added up.
build_measured() {
    local end programs=("$bench_build/native/netbench" "$bench_build/native/conduct")
    for end in "$server_bits" "$client_bits"; do
        programs+=("$(folder_of "$end-builtin")/netbench.exe")
        [ -z "$ours" ] || programs+=("$(folder_of "$end-ours")/wsock32.dll")
    done
    cat "${programs[@]}" | cksum | tr ' ' -
}

# usage: summarize [--check]
summarize() {
    perl "$root/bench/summary.pl" --near-limit "$near_limit" --pair "$pair" --seconds "$seconds" --session "$session" \
        ${only:+--only "$only"} --build "$(build_measured)" "${add[@]}" "$@" --json "$json"
}

main() {
    local status=0
    take_options "$@"
    require_programs
    if [ "$session" = all ]; then
        take_all_sessions
        return
    fi
    begin_session
    mkdir -p "$build"
    stop_wineserver # it may keep sockets of a program that was killed for ever, and spin on them (docs/design.md)
    start_pairs "$build/bench.log"
    find_our_dll
    find_peers
    summarize --check
    take_draws >"$scratch/samples" || status=1
    progress ""
    summarize <"$scratch/samples"
    [ $status -eq 0 ] || die "the run ended early; see $pair_log"
}

main "$@"
