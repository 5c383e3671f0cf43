#!/usr/bin/env bash
# Runs every netbench test for a few milliseconds, alone and in a session, and checks a transferred file against cksum.
# usage: smoke.sh NETBENCH [LAUNCHER]      LAUNCHER runs a Windows program here (tools/wine.sh)
set -euo pipefail

program=$1 launcher=${2:-}
scratch=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
server=

# Output goes to files: services that the first Wine program starts would keep a pipe open behind it.
launch() { timeout 60 ${launcher:+"$launcher"} "$program" "$@"; }
fail() { echo "smoke: $*" >&2; exit 1; }

# Windows programs see the root of the file system as drive Z.
spell() { echo "${launcher:+Z:}$1"; }

# usage: client_of SERVER-OPTIONS CLIENT-ARGUMENT ...     its input is $scratch/input, its output $scratch/client
client_of() {
    local server_options=$1 what=$2
    shift
    rm -f "$scratch/port"
    # shellcheck disable=SC2086
    launch server --port-file "$(spell "$scratch/port")" $server_options </dev/null >"$scratch/server" 2>&1 &
    server=$!
    launch client "$@" --port-file "$(spell "$scratch/port")" --warm-up 1 <"$scratch/input" >"$scratch/output" 2>&1 ||
        fail "$what: the client failed: $(cat "$scratch/output")"
    wait "$server" || fail "$what: the server failed: $(cat "$scratch/server")"
    tr -d '\r' <"$scratch/output" >"$scratch/client"
    cat "$scratch/client"
}

pair() {
    : >"$scratch/input"
    client_of "" "$@" --milliseconds 20
    line=$(cat "$scratch/client")
    [[ $line == "{\"test\":\"$1\","*"}" ]] || fail "$1 printed '$line'"
}

# usage: session SERVER-OPTIONS CLIENT-OPTIONS QUESTION ...     each question must get its answer
session() {
    local server_options=$1 client_options=$2 question expected
    shift 2
    printf '%s\n' "$@" >"$scratch/input"
    # shellcheck disable=SC2086
    client_of "$server_options" session $client_options
    for question in "$@"; do
        read -r line || fail "no answer to '$question'"
        case $question in
            connect) expected='{"connected":true}' ;;
            *) expected="{\"test\":\"${question%% *}\",\"size\":$(cut -d ' ' -f 2 <<<"$question"),*}" ;;
        esac
        # shellcheck disable=SC2053
        [[ $line == $expected ]] || fail "the answer to '$question' was '$line'"
    done <"$scratch/client"
}

pair rtt
head -c 1000003 "$(command -v bash)" >"$scratch/file"
pair file --file "$(spell "$scratch/file")" --size 4096
[[ $line == *"\"received_checksum\":$(cksum <"$scratch/file" | cut -d ' ' -f 1),"* ]] || fail "cksum disagrees: $line"
session "--clients 2" "" connect "rtt 64 5" "msgs 1 5" "msgs 64 5" "bw 4096 5" "bw 65536 5" "rtt 200 5 select" \
    "idle 64 20" connect "bw 1048576 5" "msgs 8 5" "rtt 64 5"
# Ways to wait, crowds, pauses, and connections that live for one exchange.
session "--clients 2" "" connect "rtt 64 5 poll" "msgs 64 5 poll" "bw 1000000 5 poll" "rtt 64 5 select-c3" \
    "ready 64 5" "ready 64 5 c3-kernel" "empty 64 5 c3-kernel" "crowd 64 1 c4" "rtt 64 5 c4" "spread 4096 5 c4" connect "wake 64 5 t500" \
    "wake 64 5 select-c2-kernel-t500" "load 64 5 t100" "connect 64 5" "brief 64 5" "alone 1 5" "rtt 64 5"
session "--clients 2 --udp" --udp connect "udp 64 5" "udp 1000 5" connect "udp 64 5"
# Wine has TransmitFile, and with our DLL beside the program there are pointers.
[ -z "$launcher" ] || session "" "" connect "transmit 4096 5" "transmit 100000 5"
if [ -n "$launcher" ] && [ -f "$(dirname "$program")/wsock32.dll" ]; then
    export WINEDLLOVERRIDES=wsock32=n,b
    session "" "" connect "rtt 64 5" "borrow 64 5" "borrow 100000 5" "views 64 5" "views 65536 5" "lend 100 5" \
        "lend 1048576 5" "transmit 100000 5" "bw 65536 5"
    session "" "" connect "rtt 64 5 poll" "rtt 64 5 select-c70-kernel" "ready 64 5 c70" "empty 64 5 c70-kernel" \
        "wake 64 5 select-c70-t500" "spread 4096 5 c70" "connect 64 5" "brief 64 5" "alone 64 5"
fi
