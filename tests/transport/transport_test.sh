#!/usr/bin/env bash
# What the log says of a pair of programs under each setting, and that the pair works under all of them.
# usage: transport_test.sh BUILD_FOLDER LAUNCHER
set -euo pipefail

build=$1 launcher=$2
scratch=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
failures=0
export WINEDLLOVERRIDES=wsock32=n,b VMMC_LOG_LEVEL=info VMMC_LOG_FILE="Z:$scratch/log.%p"

# Programs of a case lie in a folder of their own, so that its vmmc.ini disturbs nobody.
install() {
    mkdir -p "$scratch/bin"
    rm -f "$scratch/bin/vmmc.ini"
    cp "$build"/wsock32.dll "$build"/netbench.exe "$build"/two_stacks.exe "$scratch/bin/"
}

launch() { timeout 60 "$launcher" "$scratch/bin/$1" "${@:2}"; }

# Runs a pair: server settings, client settings (NAME=VALUE ... each), client program.
pair() {
    local port=Z:$scratch/port
    rm -f "$scratch/port" "$scratch"/log*
    ([ -z "$1" ] || export "${1?}"; launch netbench.exe server --port-file "$port" </dev/null >"$scratch/server" 2>&1) &
    server=$!
    ([ -z "$2" ] || export "${2?}"; launch "${3:-netbench.exe}" client rtt --port-file "$port" --milliseconds 20 --warm-up 20 \
        </dev/null >"$scratch/client" 2>&1) || complain "the client failed: $(cat "$scratch/client")"
    wait "$server" || complain "the server failed: $(cat "$scratch/server")"
    cat "$scratch"/log.* >"$scratch/log" 2>/dev/null || true
}

# Runs the API tests whose names match: program, pattern.
api_tests() {
    rm -f "$scratch"/log*
    cp "$build/$1" "$scratch/bin/"
    VMMC_MEET_AFTER=0 API_ONLY=$2 EXPECT_DLL=ours launch "$1" </dev/null >"$scratch/api" 2>&1 || complain "$1 $2 failed: $(cat "$scratch/api")"
    cat "$scratch"/log.* >"$scratch/log" 2>/dev/null || true
}

complain() {
    failures=$((failures + 1))
    echo "not ok - $case: $*"
    sed 's/^/#   /' "$scratch/log" 2>/dev/null || true
}

expect() { grep -aqE "$1" "$scratch/log" 2>/dev/null || complain "the log has no line with '$1'"; }
refuse() { ! grep -aqE "$1" "$scratch/log" 2>/dev/null || complain "the log has a line with '$1'"; }
expect_count() {
    local found
    found=$(grep -acE "$2" "$scratch/log" 2>/dev/null || true)
    [ "$found" = "$1" ] || complain "the log has $found lines with '$2', not $1"
}

start() { case=$1; install; }
done_with() { echo "ok - $case"; }

start "both ends become user-level"
pair "" ""
expect_count 2 ': user-level, with process'
expect_count 2 'sleeping by (futex|event)'
done_with

start "disabled by the environment at one end"
pair VMMC_ENABLED=0 ""
expect 'the transport is disabled by a setting'
refuse ': user-level'
expect 'closed before its other end had turned up'
done_with

start "disabled by vmmc.ini beside the DLL"
printf '; a comment\n[vmmc]\nenabled = 0\n' >"$scratch/bin/vmmc.ini"
pair "" ""
expect_count 4 'the transport is disabled by a setting'
refuse ': user-level'
done_with

start "the environment wins over vmmc.ini"
echo 'enabled = 0' >"$scratch/bin/vmmc.ini"
pair VMMC_ENABLED=1 VMMC_ENABLED=1
expect_count 2 ': user-level'
done_with

start "ports excluded"
pair VMMC_EXCLUDE_PORTS=1-65535 VMMC_EXCLUDE_PORTS=1-65535
expect_count 2 'its port is excluded by a setting'
refuse ': user-level'
done_with

start "only other ports included"
pair VMMC_INCLUDE_PORTS=1 VMMC_INCLUDE_PORTS=1
expect_count 2 'its port is excluded by a setting'
done_with

start "wrong values are reported and the defaults used"
printf 'ring_size = 5000\nno_such_thing = 1\n' >"$scratch/bin/vmmc.ini"
pair VMMC_SPIN=fast VMMC_WAIT=maybe
expect 'ring_size = 5000 .* is not valid'
expect 'no_such_thing = 1 .* is not valid'
expect 'VMMC_SPIN = fast .* is not valid'
expect 'VMMC_WAIT = maybe .* is not valid'
expect_count 2 ': user-level'
done_with

start "one end sleeps by event, the other would by futex"
pair VMMC_WAIT=event VMMC_WAIT=auto
expect 'sleeping by event'
expect_count 2 ': user-level'
pair VMMC_WAIT=auto VMMC_WAIT=event
expect_count 2 ': user-level'
done_with

start "no spinning at all"
pair VMMC_SPIN=0 VMMC_SPIN=0
expect_count 2 ': user-level'
done_with

start "TransmitFile leaves its stream at user level"
api_tests api_files.exe 'transmit_sends*'
expect_count 4 ': user-level'
refuse 'back to the kernel'
api_tests api_files.exe 'transmit_overlapped*'
expect 'back to the kernel because of overlapped TransmitFile'
done_with

start "AcceptEx without data gives a user-level stream"
api_tests api_files.exe 'acceptex_of_another_process'
expect_count 2 ': user-level'
refuse 'back to the kernel'
api_tests api_files.exe 'acceptex_that_takes*'
expect 'stays on the kernel: AcceptEx that takes the first bytes itself'
refuse ': user-level'
api_tests api_files.exe 'acceptex_by_completion_port'
expect_count 2 ': user-level'
expect 'back to the kernel because of CreateIoCompletionPort'
done_with

start "buffer sizes give rings"
VMMC_RING_MAX=1M VMMC_LOG_LEVEL=debug api_tests api_options.exe 'streams_with_small_and_large_buffers'
expect_count 6 ': user-level'
expect 'a ring of 16384 bytes is offered'
expect 'a ring of 262144 bytes is offered'
expect 'a ring of 524288 bytes is offered'
expect 'a ring of 1048576 bytes is offered'
refuse 'a ring of (2048|4096|8192|2097152|4194304) bytes'
done_with

start "a program that imports ws2_32's data calls too has user-level streams"
pair "" "" two_stacks.exe
expect_count 2 ': user-level'
done_with

[ "$failures" = 0 ] || { echo "$failures expectations failed"; exit 1; }
