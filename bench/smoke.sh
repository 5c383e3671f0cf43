#!/usr/bin/env bash
# Runs every netbench test for a few milliseconds, and checks a transferred file against cksum.
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

pair() {
    local test=$1 kind=()
    shift
    [ "$test" != udp ] || kind=(--udp)
    rm -f "$scratch/port"
    launch server --port-file "$(spell "$scratch/port")" "${kind[@]}" </dev/null >"$scratch/server" 2>&1 &
    server=$!
    launch client "$test" --port-file "$(spell "$scratch/port")" --milliseconds 20 --warm-up 5 "$@" \
        </dev/null >"$scratch/client" 2>&1 || fail "$test: the client failed: $(cat "$scratch/client")"
    wait "$server" || fail "$test: the server failed: $(cat "$scratch/server")"
    line=$(tr -d '\r' <"$scratch/client")
    [[ $line == "{\"test\":\"$test\","*"}" ]] || fail "$test printed '$line'"
    echo "$line"
}

for test in rtt msgs bw idle udp; do pair "$test"; done
pair rtt --select
head -c 1000003 "$(command -v bash)" >"$scratch/file"
pair file --file "$(spell "$scratch/file")" --size 4096
[[ $line == *"\"received_checksum\":$(cksum <"$scratch/file" | cut -d ' ' -f 1),"* ]] || fail "cksum disagrees: $line"
