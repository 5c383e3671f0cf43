# Sourced by tools/bench.sh and tools/demo.sh, after tools/lib.sh: runs the two ends of a netbench pair.
# An end is one of  64-builtin 64-ours 32-builtin 32-ours  (under Wine, without or with our DLL)  tcp unix  (native);
# 64-sleeping and 64-event are ours that never spins, or sleeps on events.
# shellcheck shell=bash disable=SC2154

bench_build=${VMMC_BENCH_BUILD:-$build}
pair_timeout=${VMMC_TEST_TIMEOUT:-60}

start_pairs() {
    pair_log=$1
    scratch=$(mktemp -d)
    : >"$scratch/running"
    : >"$pair_log"
    keep_wineserver </dev/null >>"$pair_log" 2>&1
    trap end_pairs EXIT
    trap 'exit 130' INT TERM
}

# Ends of an interrupted pair run in process groups of their own and would outlive us otherwise.
kill_ends() {
    local pid
    while read -r pid; do
        kill "$pid" 2>/dev/null || true
    done <"$scratch/running"
}
end_pairs() {
    kill_ends
    rm -rf "$scratch"
}

folder_of() {
    case $1 in
        64-*) echo "$bench_build/x86_64" ;;
        32-*) echo "$bench_build/i686" ;;
        *) echo "$bench_build/native" ;;
    esac
}

has_our_dll() { [ -f "$(folder_of "$1-ours")/wsock32.dll" ]; }

# The first Wine program in a prefix starts services, which inherit its output and outlive it. So no Wine program here
# writes into a pipe: whoever reads that to its end would wait for the services. They get files.

# With an override that asks for a native DLL first, Wine falls back to its own in silence; so ask it what it took.
loads_our_dll() {
    WINEDEBUG=+loaddll WINEDLLOVERRIDES=wsock32=n,b timeout 60 wine "$(folder_of "$1-ours")/netbench.exe" \
        </dev/null >"$scratch/trace" 2>&1 || true
    grep -qi "wsock32\\.dll.*: native" "$scratch/trace"
}

# usage: run_end END ARGUMENT ...     does not return; the first argument is server or client
run_end() {
    local end=$1 program pinned=()
    [ -z "${pin_ends:-}" ] || pinned=("$bench_build/native/conduct" pin "$2")
    shift
    program=$(folder_of "$end")/${pair_program:-netbench}
    echo "$BASHPID" >>"$scratch/running"
    unset WINEDLLOVERRIDES
    export VMMC_RANDOM_PLACES=1 # as a user's programs run
    case $end in
        *-ours | *-sleeping | *-event) export WINEDLLOVERRIDES=wsock32=n,b ;;
    esac
    case $end in
        *-sleeping) export VMMC_SPIN=0 ;;
        *-event) export VMMC_WAIT=event ;;
    esac
    case $end in
        tcp | unix) exec "${pinned[@]}" timeout --kill-after=5 "$pair_timeout" "$program" "$@" ;;
        *) VMMC_TEST_TIMEOUT=$pair_timeout exec "${pinned[@]}" "$root/tools/wine.sh" "$program.exe" "$@" ;;
    esac
}

# usage: meeting_point END NAME      where the two ends of a pair meet, as the given end spells it
meeting_point() {
    case $1 in
        unix) echo "--unix $scratch/$2.socket" ;;
        tcp) echo "--port-file $scratch/$2.port" ;;
        *) echo "--port-file Z:$scratch/$2.port" ;;
    esac
}

# usage: run_pair SERVER CLIENT TEST [OPTION ...]     prints the client's line of JSON
run_pair() {
    local server=$1 client=$2 test=$3 server_options=() server_pid status=0
    shift 3
    [ "$test" != udp ] || server_options=(--udp)
    [[ " $* " != *" --select "* ]] || server_options+=(--select)
    rm -f "$scratch/pair.port" "$scratch/pair.socket"
    : >"$scratch/running"
    # shellcheck disable=SC2046
    (run_end "$server" server $(meeting_point "$server" pair) "${server_options[@]}") </dev/null >>"$pair_log" 2>&1 &
    server_pid=$!
    # shellcheck disable=SC2046
    (run_end "$client" client "$test" $(meeting_point "$client" pair) "$@") \
        </dev/null >"$scratch/result" 2>>"$pair_log" || status=1
    [ $status -eq 0 ] || kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" || status=1
    : >"$scratch/running"
    [ $status -eq 0 ] || echo "failed: server $server, client $client, $test $*" >>"$pair_log"
    tr -d '\r' <"$scratch/result"
    return $status
}

# usage: start_player NAME SERVER CLIENT [--udp]     starts a pair for the conductor, which finds it in $scratch; the
# client ends with the conductor, the server in end_pairs
start_player() {
    local name=$1 server=$2 client=$3
    shift 3
    mkfifo "$scratch/$name.in" "$scratch/$name.out"
    # shellcheck disable=SC2046
    (run_end "$server" server $(meeting_point "$server" "$name") --clients 1000000 "$@") </dev/null >>"$pair_log" 2>&1 &
    echo $! >"$scratch/$name.groups"
    # shellcheck disable=SC2046
    (run_end "$client" client session $(meeting_point "$client" "$name") "$@") \
        <"$scratch/$name.in" >"$scratch/$name.out" 2>>"$pair_log" &
    echo $! >>"$scratch/$name.groups"
    echo $! >>"$scratch/running" # it does not get as far as run_end if nobody opens its pipes
}

# usage: start_foreign_player NAME COMMAND ...     the same, for a program that speaks a session's language
start_foreign_player() {
    local name=$1
    shift
    mkfifo "$scratch/$name.in" "$scratch/$name.out"
    (exec timeout --kill-after=5 "$pair_timeout" "$@") <"$scratch/$name.in" >"$scratch/$name.out" 2>>"$pair_log" &
    echo $! >"$scratch/$name.groups"
    echo $! >>"$scratch/running"
}

# All that were started, so that others may be by the same names.
end_players() {
    kill_ends
    wait
    : >"$scratch/running"
    rm -f "$scratch"/*.in "$scratch"/*.out "$scratch"/*.groups "$scratch"/*.port "$scratch"/*.socket
}

# The wineserver works for all players; so its CPU time is theirs. Its number is in $wineserver, if it was found.
find_wineserver() {
    local process
    wineserver=''
    for process in /proc/[0-9]*; do
        [[ $(cat "$process/comm" 2>/dev/null) == wineserver* ]] || continue # Debian's has its bitness behind it
        tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qx "WINEPREFIX=$WINEPREFIX" || continue
        wineserver=${process#/proc/}
        ps -o pgid= -p "$wineserver" >"$scratch/common.groups"
    done
}

# One line that is written over on a terminal; nothing elsewhere.
progress() { [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2; }

# The cache-line round trip between two cores in microseconds: tells the machine's near state from its far one.
machine_state() { "$bench_build/native/conduct" state; }
